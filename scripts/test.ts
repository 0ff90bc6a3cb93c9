// What `npm test` runs: every test/*.test.ts with node's own test runner, or those whose names contain one of the
// words given (`npm test -- store pki`). Before that it brings what the tests of real clients need from Debian, where
// it may (root, apt-get there); where it may not, those tests skip and say so at the end, by name. In CI a skipped
// test is a failed run, since nobody reads what a green run left out.
//
// A file with a line `// Runs alone: why` is run after the others, by itself: it measures time or needs the machine.

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

const root = path.resolve(import.meta.dirname, '..')
const inCi = process.env['CI'] === 'true'
/** A file that never ends must not take CI with it; the whole suite takes a few minutes. */
const timeLimitMs = 40 * 60_000

/** Debian packages that tests use, each with a command that succeeds once it is there. */
const debianPackages = [
  { name: 'python3-pykmip', check: ['/usr/bin/python3', '-c', 'import kmip.pie.client'] },
  { name: 'strace', check: ['strace', '-V'] },
]

interface Outcome {
  passed: number
  failed: number
  skipped: { name: string; reason: string }[]
}

const outcome: Outcome = { passed: 0, failed: 0, skipped: [] }
installDebianPackages()
const files = chosenFiles(process.argv.slice(2))
if (files.length === 0) throw new Error('no test file has such a name')
const alone = files.filter((file) => /^\/\/ Runs alone: /m.test(readFileSync(file, 'utf8')))
await runFiles(
  files.filter((file) => !alone.includes(file)),
  Math.min(4, availableParallelism()),
)
await runFiles(alone, 1)
conclude()

function chosenFiles(words: string[]): string[] {
  return readdirSync(path.join(root, 'test'))
    .filter(
      (name) =>
        name.endsWith('.test.ts') && (words.length === 0 || words.some((word) => name.includes(word))),
    )
    .toSorted()
    .map((name) => path.join(root, 'test', name))
}

async function runFiles(list: string[], concurrency: number): Promise<void> {
  if (list.length === 0) return
  const events = run({
    files: list,
    cwd: root,
    concurrency,
    signal: AbortSignal.timeout(timeLimitMs),
    execArgv: ['--disable-warning=ExperimentalWarning'],
  })
  events.on('test:pass', ({ name, skip }) => {
    if (skip !== undefined && skip !== false) outcome.skipped.push({ name, reason: String(skip) })
  })
  events.on('test:summary', ({ counts, file }) => {
    if (file !== undefined) return
    outcome.passed += counts.passed
    outcome.failed += counts.tests - counts.passed - counts.skipped - counts.todo
  })
  for await (const chunk of events.compose(new spec())) process.stdout.write(chunk as string)
}

/** Names every skip, sets the exit code, and closes with a line that any reader of logs understands. */
function conclude(): void {
  const { passed, failed, skipped } = outcome
  // Absent reference material is no fault of the machine: it lies beside the project, not in it.
  const excused = skipped.filter(({ reason }) => reason.startsWith('../shared is not here'))
  const faults = inCi ? skipped.length - excused.length : 0
  for (const { name, reason } of skipped)
    process.stdout.write(
      `${inCi && !reason.startsWith('../shared') ? 'NOT RUN, WHICH FAILS IN CI' : 'NOT RUN'}: ${name}: ${reason}\n`,
    )
  process.stdout.write(`\n${passed} passed, ${failed + faults} failed, ${skipped.length - faults} skipped\n`)
  if (failed > 0 || faults > 0 || passed === 0) process.exitCode = 1
}

function installDebianPackages(): void {
  const missing = debianPackages.filter(
    ({ check: [command = '', ...args] }) => spawnSync(command, args).status !== 0,
  )
  if (missing.length === 0) return
  const names = missing.map(({ name }) => name)
  if (process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).status !== 0) {
    process.stdout.write(
      `Tests that need ${names.join(', ')} will not run; on Debian: apt-get install ${names.join(' ')}\n`,
    )
    return
  }
  process.stdout.write(`Installing ${names.join(', ')} for the tests\n`)
  apt('update', '-qq')
  if (apt('install', '-y', '-qq', '--no-install-recommends', ...names) !== 0)
    process.stdout.write(`apt-get could not install ${names.join(', ')}\n`)
}

function apt(...args: string[]): number | null {
  return spawnSync('apt-get', args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    timeout: 5 * 60_000,
  }).status
}
