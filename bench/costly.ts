// Measures how others fare while one client asks for costly computations without a pause: `node bench/costly.ts [SECONDS]` (5).
// Another client's Gets, first alone, then beside each kind of costly work on eight connections of the first client
// (costly-client.ts). Writes its part of RESULTS.md. Measure on a quiet machine: everything shares its processors.

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { OperationName, Request } from '../src/kmip/operations.ts'
import { attribute, KmipSession, template } from '../test/support/kmip-session.ts'
import { startServer, type ClientFiles } from '../test/support/server.ts'
import { connectClient } from '../test/support/tls-client.ts'
import type { CostlyWork } from './costly-client.ts'
import { markdownRow, writePart } from './results.ts'

const seconds = Number(process.argv[2] ?? 5)
const connections = 8

await using server = await startServer()
const [patient, costly] = [await server.issue('patient'), await server.issue('costly')]
const { host, port } = server.kmip

async function open({ tls }: ClientFiles): Promise<KmipSession> {
  return new KmipSession(await connectClient({ host, port, cert: tls.cert, key: tls.key }))
}

using gets = await open(patient)
const UniqueIdentifier = await gets.key('1.4')
using setup = await open(costly)
const aes = [attribute('Cryptographic Algorithm', 'AES'), attribute('Cryptographic Length', 256)]
const usable = [attribute('Cryptographic Usage Mask', 0x20c), attribute('Activation Date', 0n)]
const base = await setup.ask('1.4', 'Create', {
  ObjectType: 'SymmetricKey',
  ...template([...aes, ...usable]),
})

interface Work<N extends OperationName = OperationName> {
  readonly name: string
  readonly operation: N
  readonly request: Request<N>
}

function work<N extends OperationName>(name: string, operation: N, request: Request<N>): Work<N> {
  return { name, operation, request }
}

const megabyte = randomBytes(1_000_000)
const works = [
  work('Create Key Pair, RSA 8192', 'CreateKeyPair', {
    CommonTemplateAttribute: {
      Name: [],
      Attribute: [attribute('Cryptographic Algorithm', 'RSA'), attribute('Cryptographic Length', 8_192)],
    },
    PrivateKeyTemplateAttribute: { Name: [], Attribute: [attribute('Cryptographic Usage Mask', 1)] },
    PublicKeyTemplateAttribute: { Name: [], Attribute: [attribute('Cryptographic Usage Mask', 2)] },
  }),
  work('Hash of a megabyte, SHA-512', 'Hash', {
    CryptographicParameters: { HashingAlgorithm: 'SHA_512' },
    Data: megabyte,
  }),
  work('Encrypt of a megabyte, AES-CBC', 'Encrypt', {
    UniqueIdentifier: base.UniqueIdentifier,
    CryptographicParameters: { BlockCipherMode: 'CBC', PaddingMethod: 'PKCS5', RandomIV: true },
    Data: megabyte,
  }),
  work('Derive Key, PBKDF2 with 5,000,000 iterations', 'DeriveKey', {
    ObjectType: 'SymmetricKey',
    UniqueIdentifier: [base.UniqueIdentifier],
    DerivationMethod: 'PBKDF2',
    DerivationParameters: { Salt: randomBytes(16), IterationCount: 5_000_000 },
    ...template(aes),
  }),
]

interface Measured {
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
}

async function measure(): Promise<Measured> {
  const times: number[] = []
  const end = performance.now() + seconds * 1000
  while (performance.now() < end) {
    const began = performance.now()
    await gets.ask('1.4', 'Get', { UniqueIdentifier })
    times.push(performance.now() - began)
  }
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.floor(times.length * share)] ?? 0
  return { perSecond: times.length / seconds, p50: at(0.5), p99: at(0.99) }
}

async function beside({
  operation,
  request,
}: Work): Promise<{ readonly found: Measured; readonly answers: string }> {
  const { cert, key } = costly.tls
  const workerData: CostlyWork = { host, port, cert, key, operation, request, connections }
  const worker = new Worker(new URL('costly-client.ts', import.meta.url), { workerData })
  const found = await measure()
  worker.postMessage('how many', [])
  const [answers] = (await once(worker, 'message')) as [Record<string, number>]
  await worker.terminate()
  const counts = Object.entries(answers).map(([said, count]) => `${String(count)} ${said}`)
  return { found, answers: counts.join(', ') || 'none yet' }
}

const row = ({ perSecond, p50, p99 }: Measured) => [perSecond.toFixed(0), p50.toFixed(2), p99.toFixed(2)]
await measure()
const rows: string[] = []
for (const one of works) {
  const quiet = await measure()
  const { found, answers } = await beside(one)
  rows.push(markdownRow(one.name, ...row(quiet), ...row(found), (found.p99 / quiet.p99).toFixed(1), answers))
  process.stdout.write(`${rows.at(-1) ?? ''}\n`)
}
const columns = ['per second', 'p50 ms', 'p99 ms']
writePart(
  'Gets beside costly work of another client',
  [
    `Written by \`node bench/costly.ts ${String(seconds)}\`: one connection asks for a key again and again, alone and then while`,
    `another client keeps ${String(connections)} connections busy with costly work; server and clients share the processors.`,
    '',
    markdownRow(
      'beside',
      ...columns.map((column) => `alone: ${column}`),
      ...columns.map((column) => `beside: ${column}`),
      'p99 beside / alone',
      'answers of the costly work',
    ),
    markdownRow('---', ...Array.from({ length: 7 }, () => '--:'), '---'),
    ...rows,
  ].join('\n'),
)
