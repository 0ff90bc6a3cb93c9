// What many keys cost: `node bench/large.ts [KEYS] [SECONDS]` (100,000 and 3). Fills the store of a real server over KMIP, and
// looks at 1,000, 10,000 and all keys how long its start takes, how much memory it has then, and how fast Locate finds.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { parseAddress } from '../src/base/kmip-address.ts'
import { connectKmip, type KmipClient } from '../src/outside/kmip-client/client.ts'
import { Times } from '../src/tools/vsphere/bench-tally.ts'
import { markdownRow, writePart } from './results.ts'
import { makeFolder, nodeFlags, onCore, trustClient, type Folder } from './servers.ts'

const keys = Number(process.argv[2] ?? 100_000)
const seconds = Number(process.argv[3] ?? 3)
const creating = 64
const asking = 8
const keysPerCluster = 4

const name = (n: number) => `key-${n}`
const cluster = (n: number) => `cluster-${Math.floor(n / keysPerCluster)}`

interface Running {
  readonly child: ChildProcess
  readonly client: KmipClient
  readonly readyMs: number
}

async function start(folder: Folder): Promise<Running> {
  const main = path.join(import.meta.dirname, '../src/program/main.ts')
  const data = path.join(folder.path, 'data')
  const words = ['serve', '--data', data, '--kmip', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--json']
  const [program, ...args] = onCore(0, process.execPath, ...nodeFlags, main, ...words)
  const begunMs = performance.now()
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const readyMs = performance.now() - begunMs
  const { kmip } = JSON.parse(line) as { readonly kmip: string }
  const [cert, key] = [readFileSync(folder.cert), readFileSync(folder.key)]
  const address = parseAddress(kmip)
  if (address === undefined) throw new Error(`no address: ${kmip}`)
  const trust = { by: 'nothing' } as const
  const client = connectKmip({ addresses: [address], cert, key, trust, connectionsMax: creating })
  return { child, client, readyMs }
}

async function stop({ child, client }: Running): Promise<void> {
  await client[Symbol.asyncDispose]()
  child.kill('SIGTERM')
  await once(child, 'exit')
}

async function create(client: KmipClient, n: number): Promise<void> {
  const NameValue = { NameValue: name(n), NameType: 'UninterpretedTextString' }
  const Attribute = [
    { AttributeName: 'Cryptographic Algorithm', AttributeValue: 'AES' },
    { AttributeName: 'Cryptographic Usage Mask', AttributeValue: 12 },
    { AttributeName: 'Cryptographic Length', AttributeValue: 256 },
    { AttributeName: 'Name', AttributeValue: NameValue },
    { AttributeName: 'x-Cluster', AttributeValue: { type: 'TextString', value: cluster(n) } },
    { AttributeName: 'Activation Date', AttributeValue: 1n },
  ]
  const TemplateAttribute = { Name: [], Attribute }
  await client.request('Create', { ObjectType: 'SymmetricKey', TemplateAttribute })
}

async function fill(client: KmipClient, from: number, to: number): Promise<void> {
  let next = from
  await Promise.all(
    Array.from({ length: creating }, async () => {
      while (next < to) {
        const n = next++
        if (n % 50_000 === 0) process.stderr.write(`  ${n} keys\n`)
        await create(client, n)
      }
    }),
  )
}

/** Resident memory in MiB. */
function memory({ pid }: ChildProcess): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

const searches = {
  'by Name': (n: number) => [
    {
      AttributeName: 'Name',
      AttributeValue: { NameValue: name(n), NameType: 'UninterpretedTextString' },
    },
  ],
  'by a custom attribute': (n: number) => [
    { AttributeName: 'x-Cluster', AttributeValue: { type: 'TextString', value: cluster(n) } },
  ],
  'by State, at most 10': () => [{ AttributeName: 'State', AttributeValue: 'Active' }],
} as const

async function locate(client: KmipClient, search: keyof typeof searches, count: number): Promise<Times> {
  const times = new Times()
  const endMs = performance.now() + seconds * 1000
  await Promise.all(
    Array.from({ length: asking }, async () => {
      while (performance.now() < endMs) {
        const Attribute = searches[search](Math.floor(Math.random() * count))
        const begunMs = performance.now()
        const { UniqueIdentifier } = await client.request('Locate', { MaximumItems: 10, Attribute })
        times.add(performance.now() - begunMs)
        if (UniqueIdentifier.length === 0) throw new Error(`Locate ${search} found nothing`)
      }
    }),
  )
  return times
}

interface Looked {
  readonly count: number
  readonly readyMs: number
  readonly memoryMiB: number
  readonly p99: Readonly<Record<string, number>>
}

async function look(folder: Folder, count: number): Promise<Looked> {
  const running = await start(folder)
  const memoryMiB = memory(running.child)
  const p99: Record<string, number> = {}
  for (const search of Object.keys(searches) as (keyof typeof searches)[])
    p99[search] = (await locate(running.client, search, count)).percentiles().p99 ?? NaN
  await stop(running)
  return { count, readyMs: running.readyMs, memoryMiB, p99 }
}

using folder = await makeFolder()
let running = await start(folder)
trustClient(folder, path.join(folder.path, 'data'))
const looks: Looked[] = []
let made = 0
for (const count of [1_000, 10_000, keys]) {
  if (made > 0) running = await start(folder)
  await fill(running.client, made, count)
  made = count
  await stop(running)
  looks.push(await look(folder, count))
}

const [few, some, all] = looks
if (!few || !some || !all) throw new Error('three looks')
const rows = looks.map(({ count, readyMs, memoryMiB, p99 }) =>
  markdownRow(
    String(count),
    (readyMs / 1000).toFixed(2),
    memoryMiB.toFixed(0),
    ...Object.values(p99).map((ms) => ms.toFixed(2)),
  ),
)
const head = [
  'keys',
  'ready after s',
  'memory MiB',
  ...Object.keys(searches).map((search) => `${search}: p99 ms`),
]
const ratios = Object.keys(searches).map((search) =>
  markdownRow(`Locate ${search}`, ((all.p99[search] ?? NaN) / (some.p99[search] ?? NaN)).toFixed(2)),
)
writePart(
  'With many keys',
  `
Written by \`node bench/large.ts ${keys} ${seconds}\` on ${new Date().toISOString().slice(0, 10)}: a real server on SQLite, filled over KMIP; the memory of its process
once it is ready, and Locate over ${asking} connections for ${seconds} s each.

${markdownRow(...head)}
${markdownRow(...head.map(() => '--:'))}
${rows.join('\n')}

${markdownRow('', `p99 with ${keys} / with ${some.count} keys`)}
${markdownRow('---', '--:')}
${ratios.join('\n')}
`,
)
