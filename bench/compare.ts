// Mortise beside a bare TLS server in Node and PyKMIP's server, in one run, with the same load:
// `node bench/compare.ts [SECONDS] [ROUNDS] [CASE...]` (1.5 and 5). Rounds go through all servers in turn, so that a busy
// machine is busy for each of them; what counts is the ratio. Writes bench/RESULTS.md, unless you name cases: parts of their
// titles. The row of the bare server that opens and records shows how near to the bare one a Get can come.
//
// With --server (other-server.ts): beside that server and PyKMIP's.

import { cpus, loadavg } from 'node:os'
import { argumentsOf } from '../scripts/arguments.ts'
import { measure, median, middleOf, type Measure } from './measure.ts'
import { otherServer, otherServerHelp, otherServerOptions, otherServerUsage } from './other-server.ts'
import { memoryMiB } from './processes.ts'
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

const usage = `bench -- ${otherServerUsage}`
const { values, positionals } = argumentsOf(
  usage,
  { options: otherServerOptions, allowPositionals: true },
  otherServerHelp,
)
const seconds = Number(positionals[0] ?? 1.5)
const rounds = Number(positionals[1] ?? 5)
const named = positionals.slice(2)
const connections = 8
/** V8 compiles what was called some ten thousand times; until then a Get costs three times as much. */
const warmUpSeconds = 8

interface Case {
  readonly title: string
  readonly words: readonly string[]
  readonly connections?: number
  /** What the bare server does meanwhile, if it is something else. */
  readonly bare?: readonly string[]
  /** It means something beside the bare server alone. */
  readonly besideBare?: true
}

const allCases: readonly Case[] = [
  { title: 'Discover Versions', words: ['--mix', 'discover'] },
  { title: 'Get', words: ['--mix', 'get'] },
  { title: 'Get, 32 connections', words: ['--mix', 'get'], connections: 32 },
  { title: "Get Attributes (a key's State)", words: ['--mix', 'state'] },
  { title: 'Locate by Name', words: ['--mix', 'locate'] },
  { title: 'Create', words: ['--mix', 'create'] },
  { title: 'a connection without a byte', words: ['--mix', 'connect', '--per-work'], besideBare: true },
  {
    title: `vCenter's task (connect, Discover Versions, Get, close)${values.server === undefined ? ', beside bare handshakes' : ''}`,
    words: ['--mix', 'task', '--per-work'],
    bare: ['--mix', 'connect', '--per-work'],
  },
  {
    title: 'the same, TLS session resumed',
    words: ['--mix', 'task', '--per-work', '--resume'],
    besideBare: true,
    bare: ['--mix', 'connect', '--per-work', '--resume'],
  },
]
using folder = await makeFolder()
using other = await otherServer(usage, values)
using mortise = await startMortise(folder)
using bare = other ? undefined : await startBare(folder)
/** In the cases of Get. */
using least = other ? undefined : await startBare(folder, { least: true })
using pykmip = await startPykmip(folder)
const isHere = (server: Server | undefined): server is Server => server !== undefined
const servers = [mortise, other, bare, least, pykmip].filter(isHere)
/** Mortise's ratios are to these. */
const others = [other ?? bare, pykmip].filter(isHere)
const cases = allCases.filter(
  ({ title, besideBare }) =>
    !(other && besideBare) && (named.length === 0 || named.some((part) => title.includes(part))),
)
/** Requests that came to nothing, and why. */
const troubles = new Map<Server, { failed: number; readonly why: Set<string> }>()
// A server compiles its code while it first works, which the first cases would pay for.
for (const server of servers)
  for (const words of [
    ['--mix', 'discover=1,get=4,state=2,create=1'],
    ['--mix', 'task', '--per-work'],
  ])
    await measure(server, warmUpSeconds, ['--connections', String(connections), ...words])
const busyBefore = loadavg()[0] ?? 0
const results: { readonly title: string; readonly medians: ReadonlyMap<Server, Measure> }[] = []
for (const wanted of cases) {
  const { title } = wanted
  const found = new Map<Server, Measure[]>(servers.map((server) => [server, []]))
  // PyKMIP's server fails on every request of a resumed session.
  if (pykmip && wanted.words.includes('--resume')) found.delete(pykmip)
  if (least && !wanted.words.includes('get')) found.delete(least)
  for (let round = 0; round < rounds; round++)
    for (const [server, measures] of found) {
      const words = server === bare && wanted.bare ? wanted.bare : wanted.words
      const load = ['--connections', String(wanted.connections ?? connections), ...words]
      const measured = await measure(server, seconds, load)
      if (measured.failed > 0) {
        const trouble = troubles.get(server) ?? { failed: 0, why: new Set() }
        trouble.failed += measured.failed
        for (const why of measured.failures) trouble.why.add(why)
        troubles.set(server, trouble)
      }
      measures.push(measured)
    }
  results.push({ title, medians: new Map([...found].map(([server, all]) => [server, median(all)])) })
  process.stdout.write(`${title}\n`)
}
/** What a server takes of the machine: MiB after the cases and after its last restart, and seconds from a start to an answer. */
interface Needs {
  readonly worked: number
  readonly fresh: number
  readonly start: number
}
const needs = new Map<Server, Needs>()
if (named.length === 0)
  for (const server of servers)
    if (server.pid !== undefined) needs.set(server, await needsOf(server, server.pid))
const heading = other ? `Mortise beside ${other.name}` : 'Mortise beside others'
if (named.length === 0) writePart(heading, markdown())
else process.stdout.write(markdown())

async function needsOf(server: Server, pid: number): Promise<Needs> {
  const worked = memoryMiB(pid)
  const starts: number[] = []
  for (let round = 0; server.restart && round < rounds; round++) starts.push(await server.restart())
  const fresh = server.restart ? memoryMiB(server.pid ?? pid) : Number.NaN
  return { worked, fresh, start: middleOf(starts) }
}

function markdown(): string {
  const rows = results.flatMap(({ title, medians }) =>
    [...medians].map(([server, { perSecond, p50, p99, cpu }], index) =>
      markdownRow(index === 0 ? title : '', server.name, count(perSecond), ms(p50), ms(p99), count(cpu)),
    ),
  )
  const columns = ['rate', 'CPU'].flatMap((what) => others.map((server) => `${what} / ${shortName(server)}`))
  const ratios = results.map(({ title, medians }) => {
    const to = (pick: (measure: Measure) => number) =>
      others.map((server) => ratio(pick, medians.get(mortise), medians.get(server)))
    return markdownRow(title, ...to(rate), ...to(cpu))
  })
  const { node, openssl } = process.versions
  const where = canPin ? 'servers on one core, the load on another' : 'servers and load on the same cores'
  const called = other ? '--server' : [seconds, rounds].join(' ')
  return `
Written by \`node bench/compare.ts ${called}\` on ${new Date().toISOString().slice(0, 10)}. Medians of ${rounds} runs of ${seconds} s, all servers in turn;
${connections} connections where nothing else is said, TLS 1.2, ${where}${other && !other.restart ? ` (${other.name} where it runs)` : ''}. Node.js ${node} with OpenSSL ${openssl}${pykmip ? `; python3-pykmip ${pykmipVersion()}, repaired as bench/pykmip-server.py says` : ''}.
${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores, load ${busyBefore.toFixed(1)} before and ${(loadavg()[0] ?? 0).toFixed(1)} after: with other work on the machine only the ratios mean something, and of
these the processor time is the steadiest.

Mortise writes an audit entry for each Get, and makes each Create durable before it answers${bare ? '; the bare server does neither, and answers\nthe same bytes every time' : ''}. PyKMIP commits to SQLite on Create.${other ? ` What ${other.name} does before it answers,\nits makers can say.` : ''}${troubleText()}

${table(['', 'server', 'per second', 'p50 ms', 'p99 ms', 'server CPU µs each'], rows, 2)}
${needs.size === 0 ? '' : needsText()}
## Ratios

Mortise to the other: rates (more is better) and processor time (less is better).

${table(['', ...columns], ratios)}
`
}

function needsText(): string {
  const columns = [
    'server',
    'memory after the work, MiB',
    'memory after a restart, MiB',
    'from its start to its first answer, s',
  ]
  const rows = [...needs].map(([{ name }, { worked, fresh, start }]) =>
    markdownRow(name, count(worked), count(fresh), ms(start)),
  )
  const measured = others.filter((server) => needs.has(server))
  const ratios = (['worked', 'fresh', 'start'] as const).map((what, index) => {
    const to = (server: Server) => ratio((one) => one[what], needs.get(mortise), needs.get(server))
    return markdownRow(columns[index + 1] ?? '', ...measured.map(to))
  })
  return `
${table(columns, rows)}

${table(['', ...measured.map((server) => `Mortise / ${shortName(server)}`)], ratios)}
`
}

/** The first `texts` columns hold text, the others numbers. */
function table(columns: readonly string[], rows: readonly string[], texts = 1): string {
  const line = markdownRow(...columns.map((_, index) => (index < texts ? '---' : '--:')))
  return [markdownRow(...columns), line, ...rows].join('\n')
}

function ratio<T>(pick: (measured: T) => number, ours?: T, theirs?: T): string {
  const found = ours && theirs ? pick(ours) / pick(theirs) : Number.NaN
  return Number.isNaN(found) ? '-' : found.toFixed(2)
}

function shortName(server: Server): string {
  return server === bare ? 'bare' : server === pykmip ? 'PyKMIP' : server.name
}

function troubleText(): string {
  return [...troubles]
    .map(
      ([{ name }, { failed, why }]) =>
        ` ${name} refused or dropped ${failed} requests (${[...why].join('; ')}).`,
    )
    .join('')
}

function rate({ perSecond }: Measure): number {
  return perSecond
}

function cpu(measure: Measure): number {
  return measure.cpu
}

function count(value: number): string {
  return Number.isNaN(value) ? '-' : value.toFixed(0)
}

function ms(value: number): string {
  return Number.isNaN(value) ? '-' : value.toFixed(value < 10 ? 2 : 0)
}
