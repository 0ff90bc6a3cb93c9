// A cluster boots: `node bench/boot-storm.ts [HOSTS]` (2,000). Every host asks for two keys at once, each on a connection of its
// own, and nobody connected before. The same storm against a bare TLS server says what is possible. Each host has an address
// of its own, 127.x.y.z, since the server shares its time between addresses.

import { readFileSync } from 'node:fs'
import { parseAddress } from '../src/kmip-client/address.ts'
import { readAnswer, readPayload } from '../src/kmip-client/answers.ts'
import { openConnection } from '../src/kmip-client/connection.ts'
import { clientTls } from '../src/kmip-client/tls.ts'
import { Times } from '../src/vsphere/bench-tally.ts'
import * as messages from '../src/vsphere/messages.ts'
import { markdownRow, writePart } from './results.ts'
import { makeFolder, startBare, startMortise, type Server } from './servers.ts'

const hosts = Number(process.argv[2] ?? 2_000)
const keysPerHost = 2
const connections = hosts * keysPerHost
const patienceMs = 60_000

using folder = await makeFolder()
using mortise = await startMortise(folder)
using bare = await startBare(folder)
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

async function createdKey(): Promise<string> {
  const bytes = await exchange(mortise, '127.0.0.1', messages.create().bytes)
  const address = { host: '', port: 0 }
  const answer = readAnswer(bytes, address)
  const [item] = answer.items
  if (!item) throw new Error('no batch item')
  return readPayload('Create', item, answer, address).UniqueIdentifier
}

interface Storm {
  readonly served: number
  readonly seconds: number
  readonly times: Times
}

async function storm(server: Server, ids: readonly string[]): Promise<Storm> {
  const times = new Times()
  const begunMs = performance.now()
  const one = async (n: number): Promise<void> => {
    const host = Math.floor(n / keysPerHost)
    const source = `127.1.${host >> 8}.${host & 255}`
    const bytes = await exchange(server, source, messages.get(ids[n % ids.length] ?? '').bytes)
    const [item] = readAnswer(bytes, { host: '', port: 0 }).items
    if (item?.status === 'Success') times.add(performance.now() - begunMs)
  }
  const ends = await Promise.allSettled(Array.from({ length: connections }, (_, n) => one(n)))
  const failures = ends.flatMap((end) => (end.status === 'rejected' ? [String(end.reason)] : []))
  if (failures.length > 0)
    process.stdout.write(`${server.name}: ${failures.length} failed, such as: ${failures[0]}\n`)
  return { served: times.count, seconds: (performance.now() - begunMs) / 1000, times }
}

const ids: string[] = []
for (let n = 0; n < 50; n++) ids.push(await createdKey())
const ours = await storm(mortise, ids)
const theirs = await storm(bare, ids)

function row(name: string, { served, seconds, times }: Storm): string {
  const { p50, p99, max } = times.percentiles()
  const all = [p50, p99, max].map((ms) => ((ms ?? Number.NaN) / 1000).toFixed(2))
  return markdownRow(name, `${served} of ${connections}`, (served / seconds).toFixed(0), ...all)
}

const p99 = (ours.times.percentiles().p99 ?? Number.NaN) / 1000
writePart(
  'A cluster boots',
  `
Written by \`node bench/boot-storm.ts ${hosts}\` on ${new Date().toISOString().slice(0, 10)}: ${hosts} hosts that nobody knows yet ask for ${keysPerHost} keys each, one
connection for each key, all at once, full TLS 1.2 handshakes; seconds from the moment all of them began.

${markdownRow('server', 'served', 'per second', 'p50 s', 'p99 s', 'longest s')}
${markdownRow('---', '--:', '--:', '--:', '--:', '--:')}
${row(mortise.name, ours)}
${row(bare.name, theirs)}

${markdownRow('', 'p99 / (connections / bare handshakes per second)')}
${markdownRow('---', '--:')}
${markdownRow('one Get on each connection', (p99 / theirs.seconds).toFixed(2))}
`,
)
