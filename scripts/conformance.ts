// `npm run conformance`: starts the real server, runs the OASIS cases of KMIP 1.0 to 2.1 and of the draft 3.0 against it with the runner in the folder
// beside the project, and prints the table by version and profile. Fails when a number falls below
// test/conformance-floor.json, and when a case fails that test/support/repository/conformance-exceptions.ts does not explain. Where
// the cases are not there it says that nothing was run, and ends well. In bounded time. The cases run in TTLV over TLS, and
// in XML and JSON over HTTPS, all at once, each encoding in an instance of its own; the floor is the same for all.
//
//   --encoding NAME   only this encoding: ttlv, xml or json; may stand several times
//   --raise           writes the floor again where every number is as high or higher; then `npm run docs`
//   --failures        also prints the reason of each failed case, by cause
//   --only REGEXP     only the cases with such names; compares nothing with the floor
//   --report FILE     also writes what the runner reports, as JSON

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { argumentsOf } from './arguments.ts'
import {
  countCases,
  failuresByCause,
  fallen,
  lines,
  risen,
  totalOf,
  unexplained,
  withoutChance,
  type CaseResult,
  type Counts,
} from '../test/support/repository/conformance-counts.ts'
import { exceptions } from '../test/support/repository/conformance-exceptions.ts'
import { startServer, type TestServer } from '../test/support/server/server.ts'
import { versionText, type Version } from '../src/wire/kmip/version.ts'

const root = path.resolve(import.meta.dirname, '..')
const reference = path.resolve(root, '../shared/kmip')
const runner = path.join(reference, 'runner/kmip_acceptance.py')
const floorFile = path.join(root, 'test/conformance-floor.json')
const timeLimitMs = 10 * 60_000

const { values: options } = argumentsOf(
  'conformance -- [--failures] [--only REGEXP] [--encoding ttlv|xml|json] [--raise] [--report FILE]',
  {
    options: {
      raise: { type: 'boolean', default: false },
      failures: { type: 'boolean', default: false },
      only: { type: 'string' },
      encoding: { type: 'string', multiple: true, default: ['ttlv', 'xml', 'json'] },
      report: { type: 'string' },
    },
  },
)

if (!existsSync(runner)) say('NOT RUN: the cases are not beside the project, in ../shared/kmip')
else if (spawnSync('python3', ['--version']).status !== 0) say('NOT RUN: there is no python3')
else for (const [encoding, cases] of await results(options.encoding)) judge(encoding, cases)

/** Runs all cases, or those with the names that were asked for, in each encoding. */
async function results(
  encodings: readonly string[],
): Promise<readonly (readonly [encoding: string, cases: readonly CaseResult[]])[]> {
  const cases = readdirSync(path.join(reference, 'cases'))
    .filter((name) => /^v[123]\./.test(name))
    .map((name) => path.join(reference, 'cases', name))
  const smoke = spawnSync('python3', ['-B', runner, '--check', '-q', ...cases], { encoding: 'utf8' })
  if (smoke.status !== 0) throw new Error(`the runner's own check failed: ${smoke.stderr}`)
  const only = options.only === undefined ? [] : ['--include', options.only]
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-conformance-'))
  await using server = await startServer({
    args: ['--kmip-https', '127.0.0.1:0'],
    env: { MORTISE_KMIP_INTEROP: 'true', MORTISE_KMIP_DRAFTS: '3.0' },
  })
  try {
    return await Promise.all(
      encodings.map(async (encoding) => {
        const report = reportFile(encoding, folder)
        const where = await addressFor(server, encoding, folder)
        await runCases([...where, '-q', '--report', report, ...only, ...cases])
        const { cases: ran } = JSON.parse(readFileSync(report, 'utf8')) as { readonly cases: CaseResult[] }
        return [encoding, ran] as const
      }),
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The file that was asked for is that of the first encoding. */
function reportFile(encoding: string, folder: string): string {
  const { report } = options
  return report !== undefined && encoding === options.encoding[0]
    ? path.resolve(report)
    : path.join(folder, `${encoding}.json`)
}

/** The runner's options for an instance of its own. Cases use the same names, so two runs cannot share one. */
async function addressFor(server: TestServer, encoding: string, folder: string): Promise<readonly string[]> {
  const root = ['--root-key', 'file:root.key', '--custody', 'database']
  // The published cases lower Sensitive, raise Extractable and take Sensitive keys wrapped by their own.
  await server.json('instance', 'create', encoding, ...root, '--restrictions', 'as-sent')
  const out = path.join(folder, `client-${encoding}`)
  const named = ['--instance', encoding, '--name', 'conformance', '--allow', 'all,SetConstraints,SetDefaults']
  await server.json('client', 'issue', ...named, '--out', out)
  const [cert, key, ca] = ['client.pem', 'client.key', 'ca.pem'].map((name) => path.join(out, name))
  const tls = ['--ca', String(ca), '--cert', String(cert), '--key', String(key)]
  if (encoding === 'ttlv') return ['--port', String(server.kmip.port), ...tls]
  return ['--port', String(server.kmipHttps?.port), '--https', '/kmip', '--encoding', encoding, ...tls]
}

async function runCases(args: readonly string[]): Promise<void> {
  const child = spawn('python3', ['-B', runner, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: timeLimitMs,
  })
  await once(child, 'close')
  if (child.signalCode !== null) throw new Error(`stopped after ${timeLimitMs / 60_000} minutes`)
}

function judge(encoding: string, cases: readonly CaseResult[]): void {
  const counts = countCases(cases)
  say(`--- ${encoding}`)
  if (encoding === options.encoding[0])
    for (const [version, profile, { passed, of }] of lines(counts))
      say(
        `KMIP ${versionText(version as Version)} ${profile.padEnd(26)} ${String(passed).padStart(3)} of ${String(of).padStart(3)}`,
      )
  for (const version of Object.keys(counts)) {
    const { passed, of } = totalOf(counts, version)
    say(`KMIP ${versionText(version as Version)} in all: ${passed} of ${of}`)
  }
  const { passed, of } = totalOf(counts)
  const skipped = cases.filter(({ status }) => status === 'SKIP').length
  say(`${passed} passed, ${of - passed} failed, ${skipped} skipped`)
  if (options.failures) printFailures(cases)
  if (options.only !== undefined) return
  holdToFloor(encoding, countCases(withoutChance(cases, exceptions)))
  for (const line of unexplained(cases, exceptions)) {
    say(line)
    process.exitCode = 1
  }
}

function printFailures(cases: readonly CaseResult[]): void {
  for (const [cause, failed] of failuresByCause(cases)) {
    say(`${failed.length} × ${cause}`)
    for (const { version, case: name, detail } of failed) say(`    ${version} ${name}  ${detail}`)
  }
}

function holdToFloor(encoding: string, counts: Counts): void {
  const floor = existsSync(floorFile) ? (JSON.parse(readFileSync(floorFile, 'utf8')) as Counts) : {}
  const fell = fallen(counts, floor)
  for (const line of fell) say(`FELL in ${encoding}: ${line}`)
  if (fell.length > 0) process.exitCode = 1
  else if (options.raise) writeFileSync(floorFile, floorText(counts))
  else if (risen(counts, floor)) say('higher than the floor: `npm run conformance -- --raise` keeps it')
}

/** One line for each number, so that two changes which raise different numbers can be merged. */
function floorText(counts: Counts): string {
  const versions = Object.entries(counts).map(([version, byProfile]) => {
    const profiles = Object.entries(byProfile).map(
      ([profile, { passed, of }]) => `    "${profile}": { "passed": ${passed}, "of": ${of} }`,
    )
    return `  "${version}": {\n${profiles.join(',\n')}\n  }`
  })
  return `{\n${versions.join(',\n')}\n}\n`
}

/** Marked, so that nobody takes these totals for those of the project's own tests. */
function say(line: string): void {
  process.stdout.write(`oasis cases | ${line}\n`)
}
