// A cluster boots: `node bench/boot-storm.ts [HOSTS] [ROUNDS]` (2,000 and 3). Every host asks for two keys at once, each on a
// connection of its own, and nobody connected before. The same storm against bare TLS servers in the same places says what is
// possible. Each host has an address of its own, 127.x.y.z, since a server shares its time between addresses. First against one
// node on SQLite; then, where Debian's postgresql is installed, against two nodes on one database, half of the hosts for each.
// Each round starts its servers again.

import { readFileSync } from 'node:fs'
import { parseAddress } from '../src/base/kmip-address.ts'
import { readAnswer, readPayload } from '../src/outside/kmip-client/answers.ts'
import { openConnection } from '../src/outside/kmip-client/connection.ts'
import { clientTls } from '../src/outside/kmip-client/tls.ts'
import { Times } from '../src/tools/vsphere/bench-tally.ts'
import * as messages from '../src/tools/vsphere/messages.ts'
import { startPostgres, type PostgresServer } from '../test/support/postgresql/server.ts'
import { middleOf } from './measure.ts'
import { markdownRow, writePart } from './results.ts'
import { makeFolder, startBare, startMortise, type Server } from './servers.ts'

const hosts = Number(process.argv[2] ?? 2_000)
const rounds = Number(process.argv[3] ?? 3)
const keysPerHost = 2
const connections = hosts * keysPerHost
const patienceMs = 60_000

using folder = await makeFolder()
const [cert, key] = [readFileSync(folder.cert), readFileSync(folder.key)]
const tls = clientTls({ cert, key, trust: { by: 'nothing' }, maxVersion: 'TLSv1.2' })
const timeouts = { connectMs: patienceMs, handshakeMs: patienceMs, answerMs: patienceMs }

async function exchange(server: Server, localAddress: string, message: Buffer): Promise<Buffer> {
  const address = parseAddress(server.address)
  if (!address) throw new Error(`no address: ${server.address}`)
  const connection = await openConnection(address, { tls, localAddress, timeouts })
  const answer = await connection.exchange(message)
  void connection.close()
  return answer
}

async function createdKey(server: Server): Promise<string> {
  const bytes = await exchange(server, '127.0.0.1', messages.create().bytes)
  const address = { host: '', port: 0 }
  const answer = readAnswer(bytes, address)
  const [item] = answer.items
  if (!item) throw new Error('no batch item')
  return readPayload('Create', item, answer, address).UniqueIdentifier
}

interface Storm {
  readonly served: number
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** `seconds`: from the moment when all began. */
async function storm(servers: readonly Server[], ids: readonly string[]): Promise<Storm> {
  const times = new Times()
  const begunMs = performance.now()
  const one = async (n: number): Promise<void> => {
    const host = Math.floor(n / keysPerHost)
    const server = servers[host % servers.length]
    if (!server) throw new Error('no server')
    const source = `127.1.${host >> 8}.${host & 255}`
    const bytes = await exchange(server, source, messages.get(ids[n % ids.length] ?? '').bytes)
    const [item] = readAnswer(bytes, { host: '', port: 0 }).items
    if (item?.status === 'Success') times.add(performance.now() - begunMs)
  }
  const ends = await Promise.allSettled(Array.from({ length: connections }, (_, n) => one(n)))
  const failures = ends.flatMap((end) => (end.status === 'rejected' ? [String(end.reason)] : []))
  if (failures.length > 0)
    process.stdout.write(`${servers[0]?.name}: ${failures.length} failed, such as: ${failures[0]}\n`)
  const seconds = (performance.now() - begunMs) / 1000
  const { p50, p99, max } = times.percentiles()
  const [half = Number.NaN, most = Number.NaN, all = Number.NaN] = [p50, p99, max].map(
    (ms) => (ms ?? Number.NaN) / 1000,
  )
  return { served: times.count, perSecond: times.count / seconds, p50: half, p99: most, max: all }
}

/** p99 of ours, and what bare servers make of as many connections. */
interface Round {
  readonly ours: Storm
  readonly bare: Storm
}

type Start = () => Promise<readonly Server[]>

async function round(start: Start, startBare: Start): Promise<Round> {
  using stack = new DisposableStack()
  const started = async (one: Start) => (await one()).map((server) => stack.use(server))
  const bares = await started(startBare)
  const servers = await started(start)
  const ids: string[] = []
  for (let n = 0; n < 50; n++) ids.push(await createdKey(servers[0] ?? fail()))
  const ours = await storm(servers, ids)
  return { ours, bare: await storm(bares, ids) }
}

function fail(): never {
  throw new Error('no server was started')
}

const measureOf = ({ ours, bare }: Round) => ours.p99 / (connections / bare.perSecond)

/** The round in the middle by its measure. */
async function middleRound(start: Start, startBare: Start): Promise<Round> {
  const all: Round[] = []
  for (let n = 0; n < rounds; n++) all.push(await round(start, startBare))
  const middle = middleOf(all.map(measureOf))
  return all.find((one) => measureOf(one) === middle) ?? all[0] ?? fail()
}

const bare = () => startBare(folder)

async function onOneNode(): Promise<Round> {
  return middleRound(
    async () => [await startMortise(folder)],
    async () => [await bare()],
  )
}

async function onTwoNodes(postgres: PostgresServer): Promise<Round> {
  return middleRound(
    async () => {
      const env = (node: string) => ({ MORTISE_STORE: store, MORTISE_NODE: node })
      const store = await postgres.newDatabase()
      const one = await startMortise(folder, env('one'))
      return [one, await startMortise(folder, env('two'), one)]
    },
    async () => [await bare(), await bare()],
  )
}

// The first storm of a process is slow for its client too.
{
  using spare = await bare()
  await storm([spare], ['any'])
}
const alone = await onOneNode()
const postgres = await startPostgres({ skip: () => {} })
const together = postgres && (await onTwoNodes(postgres))
await postgres?.remove()

function row(name: string, { served, perSecond, p50, p99, max }: Storm): string {
  const seconds = [p50, p99, max].map((one) => one.toFixed(2))
  return markdownRow(name, `${served} of ${connections}`, perSecond.toFixed(0), ...seconds)
}

writePart(
  'A cluster boots',
  `
Written by \`node bench/boot-storm.ts ${hosts} ${rounds}\` on ${new Date().toISOString().slice(0, 10)}: ${hosts} hosts that nobody knows yet ask for ${keysPerHost} keys each, one
connection for each key, all at once, full TLS 1.2 handshakes; seconds from the moment all of them began. Servers that were just
started, on one core; the load has another, and PostgreSQL shares both. Of ${rounds} rounds, the one in the middle.

${markdownRow('server', 'served', 'per second', 'p50 s', 'p99 s', 'longest s')}
${markdownRow('---', '--:', '--:', '--:', '--:', '--:')}
${row('Mortise on SQLite', alone.ours)}
${row('bare TLS server in Node', alone.bare)}
${together ? `${row('two nodes on PostgreSQL', together.ours)}\n${row('two bare TLS servers in Node', together.bare)}\n` : ''}
${markdownRow('', 'p99 / (connections / bare handshakes per second)')}
${markdownRow('---', '--:')}
${markdownRow('one Get on each connection', measureOf(alone).toFixed(2))}
${together ? `${markdownRow('the same, two nodes on PostgreSQL', measureOf(together).toFixed(2))}\n` : ''}`,
)
