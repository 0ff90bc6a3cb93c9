// `npm run fuzz:wire [-- OPTIONS] [ATTACK...]`: attacks a server, by all that test/support/attacks has or by those named, one after
// the other, each for ten seconds (--seconds N). Beside each a client fetches a key; its latencies are printed, before
// and during the attack, and the server's memory. Ends with 1 where a bound was not kept.
//
// The server is started for it, on loopback and a free port, unless one is named:
//   --server HOST:PORT        its KMIP listener; only a server of your own, and none that is in use
//   --admin HOST:PORT         its admin API
//   --cert PEM --key PEM      a client of one instance, whose answers are timed
//   --https HOST:PORT         its KMIP listener for HTTPS
//   --neighbour-cert PEM --neighbour-key PEM
//                             a client of another instance, which should have many keys
//   --viewer-token FILE       a viewer's token for its admin API
//   --pid N                   the server's process, where it runs on this machine

import { readFileSync } from 'node:fs'
import { argumentsOf } from './arguments.ts'
import { attacks, type AttackName, type KnownAttack } from '../test/support/attacks/all.ts'
import { startAttackedServer } from '../test/support/attacks/attacked-server.ts'
import type { Listening, Target } from '../test/support/attacks/target.ts'
import { broken, tryAttack, type TrialReport } from '../test/support/attacks/trial.ts'
import { Victim, type Latencies } from '../test/support/attacks/victim.ts'

const usageLine =
  'fuzz:wire -- [--seconds N] [ATTACK ...] [--server HOST:PORT --cert PEM --key PEM [--admin HOST:PORT] [--https HOST:PORT] [--neighbour-cert PEM --neighbour-key PEM] [--viewer-token FILE] [--pid N]]'
const { values, positionals } = argumentsOf(usageLine, {
  allowPositionals: true,
  options: {
    server: { type: 'string' },
    admin: { type: 'string', default: '127.0.0.1:5697' },
    cert: { type: 'string' },
    key: { type: 'string' },
    https: { type: 'string' },
    'neighbour-cert': { type: 'string' },
    'neighbour-key': { type: 'string' },
    'viewer-token': { type: 'string' },
    pid: { type: 'string' },
    seconds: { type: 'string', default: '10' },
  },
})
const names = positionals.length > 0 ? positionals.map(known) : (Object.keys(attacks) as AttackName[])

await using opened = new AsyncDisposableStack()
const { target, pid, tls, manager } =
  values.server === undefined ? await ownServer() : namedServer(values.server)
const victim = opened.use(await Victim.open({ ...target.kmip, tls }))
let failed = false
for (const name of names) {
  const { what, bounds }: KnownAttack = attacks[name]
  process.stdout.write(`\n${name}: ${what}\n`)
  const durationMs = Number(values.seconds) * 1_000
  const report = await tryAttack({ name, target, victim, manager, durationMs, pid })
  process.stdout.write(reportText(report))
  const faults = broken(report, bounds)
  failed ||= faults.length > 0
  for (const fault of faults) process.stdout.write(`  NOT KEPT: ${fault}\n`)
}
process.exitCode = failed ? 1 : 0

async function ownServer() {
  const attacked = opened.use(await startAttackedServer())
  const { target, manager, victim: tls } = attacked
  return { target, pid: attacked.server.process.pid, tls, manager }
}

function namedServer(server: string) {
  const token = values['viewer-token']
  const target: Target = {
    kmip: listening(server),
    admin: listening(values.admin),
    kmipHttps: values.https === undefined ? undefined : listening(values.https),
    neighbours: [{ cert: pem('neighbour-cert'), key: pem('neighbour-key') }],
    viewerToken: token === undefined ? undefined : readFileSync(token, 'utf8').trim(),
  }
  const pid = values.pid === undefined ? undefined : Number(values.pid)
  return { target, pid, tls: { cert: pem('cert'), key: pem('key') }, manager: undefined }
}

function pem(option: 'cert' | 'key' | 'neighbour-cert' | 'neighbour-key'): string {
  const file = values[option]
  if (file === undefined) usage(`--server needs --${option}`)
  return readFileSync(file, 'utf8')
}

function listening(text: string): Listening {
  const colon = text.lastIndexOf(':')
  const port = Number(text.slice(colon + 1))
  if (colon < 1 || !Number.isInteger(port)) usage(`${text} is not HOST:PORT`)
  return { host: text.slice(0, colon).replaceAll(/[[\]]/g, ''), port }
}

function known(name: string): AttackName {
  if (Object.hasOwn(attacks, name)) return name as AttackName
  return usage(`there is no attack ${name}; there are ${Object.keys(attacks).join(', ')}`)
}

function usage(text: string): never {
  process.stderr.write(`${text}\n`)
  process.exit(2)
}

function reportText({ before, during, server }: TrialReport): string {
  const lines = [
    ['', 'p50 ms', 'p95 ms', 'p99 ms', 'worst ms', 'answers', 'failed'],
    row('Get, before', before.kept),
    row('Get, during', during.kept),
    row('fresh Get, before', before.fresh),
    row('fresh Get, during', during.fresh),
    ...administratorRows('before', before.administrator),
    ...administratorRows('during', during.administrator),
  ].map(
    ([title = '', ...cells]) => `  ${title.padEnd(18)}${cells.map((cell) => cell.padStart(10)).join('')}\n`,
  )
  if (!server) return lines.join('')
  const [beforeMB, mostMB, afterMB] = [server.beforeMB, server.mostMB, server.afterMB].map((mb) =>
    mb.toFixed(0),
  )
  const busy = (server.busyAfter * 100).toFixed(0)
  return `${lines.join('')}  server: RSS ${beforeMB} MB before, ${mostMB} MB at most, ${afterMB} MB after; ${busy} % of a processor from 1 s after the attack on\n`
}

function administratorRows(when: string, report: TrialReport['before']['administrator']): string[][] {
  return report ? [row(`live, ${when}`, report.live), row(`block, ${when}`, report.block)] : []
}

function row(title: string, { p50, p95, p99, worst, count, failed: none }: Latencies): string[] {
  return [title, ...[p50, p95, p99, worst].map((ms) => ms.toFixed(1)), String(count), String(none)]
}
