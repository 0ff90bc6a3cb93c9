// Mortise beside a bare TLS server in Node and PyKMIP's server, in one run, with the same load:
// `node bench/compare.ts [SECONDS] [ROUNDS] [CASE...]` (1.5 and 5). Rounds go through all servers in turn, so that a busy
// machine is busy for each of them; what counts is the ratio. Writes bench/RESULTS.md, unless you name cases: parts of their
// titles. The row of the bare server that opens and records shows how near to the bare one a Get can come.

import { cpus, loadavg } from 'node:os'
import { measure, median, type Measure } from './measure.ts'
import { markdownRow, writePart } from './results.ts'
import {
  canPin,
  makeFolder,
  pykmipVersion,
  startBare,
  startMortise,
  startPykmip,
  type Server,
} from './servers.ts'

const seconds = Number(process.argv[2] ?? 1.5)
const rounds = Number(process.argv[3] ?? 5)
const named = process.argv.slice(4)
const connections = 8
/** V8 compiles what was called some ten thousand times; until then a Get costs three times as much. */
const warmUpSeconds = 8

interface Case {
  readonly title: string
  readonly words: readonly string[]
  readonly connections?: number
  /** What the bare server does meanwhile, if it is something else. */
  readonly bare?: readonly string[]
}

const allCases: readonly Case[] = [
  { title: 'Discover Versions', words: ['--mix', 'discover'] },
  { title: 'Get', words: ['--mix', 'get'] },
  { title: 'Get, 32 connections', words: ['--mix', 'get'], connections: 32 },
  { title: "Get Attributes (a key's State)", words: ['--mix', 'state'] },
  { title: 'Create', words: ['--mix', 'create'] },
  { title: 'a connection without a byte', words: ['--mix', 'connect', '--per-work'] },
  {
    title: "vCenter's task (connect, Discover Versions, Get, close), beside bare handshakes",
    words: ['--mix', 'task', '--per-work'],
    bare: ['--mix', 'connect', '--per-work'],
  },
  {
    title: 'the same, TLS session resumed',
    words: ['--mix', 'task', '--per-work', '--resume'],
    bare: ['--mix', 'connect', '--per-work', '--resume'],
  },
]
const cases = allCases.filter(({ title }) => named.length === 0 || named.some((part) => title.includes(part)))

using folder = await makeFolder()
using mortise = await startMortise(folder)
using bare = await startBare(folder)
/** In the cases of Get. */
using least = await startBare(folder, { least: true })
using pykmip = await startPykmip(folder)
/** Requests that came to nothing. */
const troubles = new Map<Server, number>()
const servers = [mortise, bare, least, ...(pykmip ? [pykmip] : [])]
// A server compiles its code while it first works, which the first cases would pay for.
for (const server of servers)
  for (const words of [
    ['--mix', 'discover=1,get=4,state=2,create=1'],
    ['--mix', 'task', '--per-work'],
  ])
    await measure(server, folder, warmUpSeconds, ['--connections', String(connections), ...words])
const busyBefore = loadavg()[0] ?? 0
const results: { readonly title: string; readonly medians: ReadonlyMap<Server, Measure> }[] = []
for (const wanted of cases) {
  const { title } = wanted
  const found = new Map<Server, Measure[]>(servers.map((server) => [server, []]))
  // PyKMIP's server fails on every request of a resumed session.
  if (pykmip && wanted.words.includes('--resume')) found.delete(pykmip)
  if (!wanted.words.includes('get')) found.delete(least)
  for (let round = 0; round < rounds; round++)
    for (const [server, measures] of found) {
      const words = server === bare && wanted.bare ? wanted.bare : wanted.words
      const load = ['--connections', String(wanted.connections ?? connections), ...words]
      const measured = await measure(server, folder, seconds, load)
      if (measured.failed > 0) troubles.set(server, (troubles.get(server) ?? 0) + measured.failed)
      measures.push(measured)
    }
  results.push({ title, medians: new Map([...found].map(([server, all]) => [server, median(all)])) })
  process.stdout.write(`${title}\n`)
}
if (named.length === 0) writePart('Mortise beside others', markdown())
else process.stdout.write(markdown())

function markdown(): string {
  const rows = results.flatMap(({ title, medians }) =>
    [...medians].map(([server, { perSecond, p50, p99, cpu }], index) =>
      markdownRow(index === 0 ? title : '', server.name, count(perSecond), ms(p50), ms(p99), count(cpu)),
    ),
  )
  const ratios = results.map(({ title, medians }) => {
    const ours = medians.get(mortise)
    const to = (other: Server | undefined, pick: (measure: Measure) => number): string => {
      const theirs = other && medians.get(other)
      return ours && theirs ? (pick(ours) / pick(theirs)).toFixed(2) : '-'
    }
    return markdownRow(title, to(bare, rate), to(bare, cpu), to(pykmip, rate), to(pykmip, cpu))
  })
  const { node, openssl } = process.versions
  const where = canPin ? 'servers on one core, the load on another' : 'servers and load on the same cores'
  return `
Written by \`node bench/compare.ts ${seconds} ${rounds}\` on ${new Date().toISOString().slice(0, 10)}. Medians of ${rounds} runs of ${seconds} s, all servers in turn;
${connections} connections where nothing else is said, TLS 1.2, ${where}. Node.js ${node} with OpenSSL ${openssl}${pykmip ? `; python3-pykmip ${pykmipVersion()}, repaired as bench/pykmip-server.py says` : ''}.
${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores, load ${busyBefore.toFixed(1)} before and ${(loadavg()[0] ?? 0).toFixed(1)} after: with other work on the machine only the ratios mean something, and of
these the processor time is the steadiest.

Mortise writes an audit entry for each Get, and makes each Create durable before it answers; the bare server does neither, and answers
the same bytes every time. PyKMIP commits to SQLite on Create.${troubleText()}

${markdownRow('', 'server', 'per second', 'p50 ms', 'p99 ms', 'server CPU µs each')}
${markdownRow('---', '---', '--:', '--:', '--:', '--:')}
${rows.join('\n')}

## Ratios

Mortise to the other: rates (more is better) and processor time (less is better).

${markdownRow('', 'rate / bare', 'CPU / bare', 'rate / PyKMIP', 'CPU / PyKMIP')}
${markdownRow('---', '--:', '--:', '--:', '--:')}
${ratios.join('\n')}
`
}

function troubleText(): string {
  const told = [...troubles].map(([{ name }, failed]) => ` ${name} refused or dropped ${failed} requests.`)
  return told.join('')
}

function rate({ perSecond }: Measure): number {
  return perSecond
}

function cpu(measure: Measure): number {
  return measure.cpu
}

function count(value: number): string {
  return value.toFixed(0)
}

function ms(value: number): string {
  return value.toFixed(value < 10 ? 2 : 0)
}
