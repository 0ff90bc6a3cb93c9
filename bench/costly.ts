// Measures how others fare while one client asks for costly computations without a pause: `node bench/costly.ts [ROUNDS] [SECONDS] [WORD]`
// (9, 1, all). Another client's Gets in turn: alone, beside a process that computes something else with the same low priority
// (spinning.ts), and beside each kind of costly work on eight connections of the first client (costly-client.ts). What the
// costly work takes more than the spinning process is Mortise's own doing; all else is the machine's. The turns are short and
// many, so that what else the machine does falls upon all of them. Writes its part of RESULTS.md.

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { OperationName, Request } from '../src/wire/kmip/operations.ts'
import { attribute, KmipSession, template } from '../test/support/clients/kmip-session.ts'
import { startServer, type ClientFiles } from '../test/support/server/server.ts'
import { connectClient } from '../test/support/clients/tls-client.ts'
import type { CostlyWork } from './costly-client.ts'
import { markdownRow, writePart } from './results.ts'

const rounds = Number(process.argv[2] ?? 9)
const seconds = Number(process.argv[3] ?? 1)
/** Only work with this in its name; then nothing is written. */
const only = process.argv[4] ?? ''
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

/** Milliseconds. */
interface Measured {
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
  return { p50: at(0.5), p99: at(0.99) }
}

async function besideSpinning(): Promise<Measured> {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'spinning.ts')], { stdio: 'pipe' })
  await once(child.stdout, 'data')
  const found = await measure()
  child.kill('SIGKILL')
  await once(child, 'close')
  return found
}

/** The first client at work, on a thread of its own. */
class Costly {
  readonly #worker: Worker

  constructor({ operation, request }: Work) {
    const { cert, key } = costly.tls
    const workerData: CostlyWork = { host, port, cert, key, operation, request, connections }
    this.#worker = new Worker(new URL('costly-client.ts', import.meta.url), { workerData })
  }

  async measure(): Promise<Measured> {
    // Until it is at work.
    await sleep(300)
    return measure()
  }

  /** The answers so far, by what they say. It asks for nothing more, and what it asked for is dropped. */
  async end(): Promise<string> {
    this.#worker.postMessage('how many', [])
    const [answers] = (await once(this.#worker, 'message')) as [Record<string, number>]
    await this.#worker.terminate()
    const counts = Object.entries(answers).map(([said, count]) => `${String(count)} ${said}`)
    return counts.join(', ') || 'none yet'
  }
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

function span(values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)]
  return `${middle(values).toFixed(1)} (${least.toFixed(1)}–${most.toFixed(1)})`
}

await measure()
const rows: string[] = []
for (const one of works.filter(({ name }) => name.includes(only))) {
  const turns: { alone: Measured; spinning: Measured; costly: Measured }[] = []
  let answers = ''
  for (let round = 0; round < rounds; round++) {
    const [alone, spinning] = [await measure(), await besideSpinning()]
    const client = new Costly(one)
    turns.push({ alone, spinning, costly: await client.measure() })
    answers = await client.end()
  }
  const p99s = (['alone', 'spinning', 'costly'] as const).map((which) =>
    middle(turns.map((turn) => turn[which].p99)),
  )
  const ratio = (which: 'spinning' | 'costly', to: 'spinning' | 'alone') =>
    turns.map((turn) => turn[which].p99 / turn[to].p99)
  rows.push(
    markdownRow(
      one.name,
      ...p99s.map((p99) => p99.toFixed(2)),
      middle(ratio('costly', 'alone')).toFixed(1),
      middle(ratio('costly', 'spinning')).toFixed(1),
      span(ratio('costly', 'alone')),
      span(ratio('spinning', 'alone')),
      answers,
    ),
  )
  process.stdout.write(`${rows.at(-1) ?? ''}\n`)
}
if (only === '')
  writePart(
    'Gets beside costly work of another client',
    [
      `Written by \`node bench/costly.ts ${String(rounds)} ${String(seconds)}\`: one connection asks for a key again and again, alone, beside a process that`,
      `only computes, and while another client keeps ${String(connections)} connections busy with costly work. Medians of ${String(rounds)} rounds in which each had`,
      'its turn; server and clients share the processors.',
      '',
      markdownRow(
        'costly work',
        'alone: p99 ms',
        'beside a spinning process: p99 ms',
        'beside it: p99 ms',
        'p99 beside / alone',
        'p99 beside / beside a spinning process',
        'all rounds: to alone',
        'all rounds: spinning to alone',
        'answers in the last round',
      ),
      markdownRow('---', ...Array.from({ length: 8 }, () => '--:')),
      ...rows,
    ].join('\n'),
  )
