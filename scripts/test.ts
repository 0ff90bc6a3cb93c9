// Runs the tests with node's own runner. `npm test` runs the rules and the embedded server and installs nothing;
// `npm test -- store pki` runs the files whose path below test/ contains one of the words. `npm run test:real` runs the
// tests below test/real/, by area (test/real/areas.json): with real parts, or with many processes and much time. It installs
// Debian's packages only with CI=true or --install. In CI a skipped test fails the run, unless test/allowed-skips.json excuses it.
// `npm test -- --packaged system` starts whole servers and commands from the program as it is published (scripts/bundle.ts).
//
// Files share processes (scripts/tests/pool.ts). A file with a line `// Runs in a process of its own: why` does not, and
// one with a line `// Runs alone: why` runs after the others, by itself: it measures time or needs the machine.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { enableCompileCache, flushCompileCache } from 'node:module'
import { availableParallelism, tmpdir } from 'node:os'
import path from 'node:path'
import { storeRsaKeys } from '../test/support/certificates/rsa-keys.ts'
import { isAllowedSkip } from '../test/support/server/skip.ts'
import { misused } from './arguments.ts'
import { allOf, installPackages, type Packages } from './tests/debian.ts'
import { runPool } from './tests/pool.ts'
import type { FileResult } from './tests/process.ts'

interface Area extends Packages {
  readonly what: string
  /** Succeeds once the packages are installed. */
  readonly check: readonly [string, ...string[]]
}

const root = path.resolve(import.meta.dirname, '..')
const inCi = process.env['CI'] === 'true'
/** A file that never ends must not take CI with it; the slowest ones take a minute, of real parts a few. */
const fileLimitMs = 15 * 60_000

const outcome = { passed: 0, failed: 0, skipped: [] as FileResult['skipped'][number][], failures: '' }
// Many processes load the same sources: stripping and compiling them once halves the start of each.
const compiled = (process.env['NODE_COMPILE_CACHE'] ??= path.join(root, 'node_modules/.cache/compiled'))
const args = process.argv.slice(2)
if (args.includes('--packaged')) process.env['MORTISE_TEST_PROGRAM'] = builtProgram()
const real = args.includes('--real')
const words = args.filter((arg) => !arg.startsWith('--'))
const files = real ? realFiles(words, inCi || args.includes('--install')) : embeddedFiles(words)
if (files.length === 0) throw new Error('no test file has such a name')
await Promise.all([storeRsaKeys(), compileOnce()])
const folder = mkdtempSync(path.join(tmpdir(), 'mortise-test-run-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
// The files that install packages share them: test/support/packages/packages.ts.
process.env['MORTISE_TEST_PACKAGES'] = path.join(folder, 'packages')
const has = (file: string, mark: string) => new RegExp(`^// ${mark}: `, 'm').test(readFileSync(file, 'utf8'))
const alone = files.filter((file) => has(file, 'Runs alone'))
// Many files mostly wait, for servers and for time: three for each core, and two with real parts, which are processes themselves.
// Whole servers take longest, so they begin.
const isSystem = (file: string) => file.includes(`${path.sep}system${path.sep}`)
await runFiles(
  files.filter((file) => !alone.includes(file)).toSorted((a, b) => Number(isSystem(b)) - Number(isSystem(a))),
  Math.min(8, (real ? 2 : 3) * availableParallelism()),
)
await runFiles(alone, 1)
conclude()

/** In a new checkout all processes would otherwise compile the whole program at the same time, each for itself. */
async function compileOnce(): Promise<void> {
  if (existsSync(compiled)) return
  enableCompileCache(compiled)
  for (const name of ['world', 'serve', 'cli']) await import(`../src/program/${name}.ts`)
  flushCompileCache()
}

/** Its main script. */
function builtProgram(): string {
  const { status } = spawnSync('npm', ['run', '-s', 'build'], { cwd: root, stdio: 'inherit' })
  if (status !== 0) throw new Error('the program was not built')
  return path.join(root, 'dist/main.js')
}

function testFiles(): string[] {
  return readdirSync(path.join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .toSorted()
}

function embeddedFiles(wanted: readonly string[]): string[] {
  const all = testFiles().filter((name) => !name.startsWith(`real${path.sep}`))
  const parts = wanted.map((word) => word.replace(/^test\//, ''))
  const unknown = parts.filter((part) => !all.some((name) => name.includes(part)))
  if (unknown.length > 0)
    misused(
      'test [-- WORD...]',
      `no path of a test file has ${unknown.join(', ')} in it; for test/real/: npm run test:real -- AREA`,
    )
  return all
    .filter((name) => parts.length === 0 || parts.some((part) => name.includes(part)))
    .map((name) => path.join(root, 'test', name))
}

/** `clients` stands for clients-ovh and all others that begin so. */
function isOf(area: string, word: string): boolean {
  return area === word || area.startsWith(`${word}-`)
}

function realFiles(wanted: readonly string[], install: boolean): string[] {
  const areas = JSON.parse(readFileSync(path.join(root, 'test/real/areas.json'), 'utf8')) as Record<
    string,
    Area
  >
  const unknown = wanted.filter((word) => !Object.keys(areas).some((area) => isOf(area, word)))
  if (unknown.length > 0)
    misused(
      'test:real [-- AREA...]',
      `no area is named ${unknown.join(', ')}; there are ${Object.keys(areas).join(', ')}`,
    )
  const chosen = Object.entries(areas).filter(
    ([area]) => wanted.length === 0 || wanted.some((word) => isOf(area, word)),
  )
  const missing = chosen.filter(
    ([
      ,
      {
        check: [command, ...rest],
      },
    ]) => spawnSync(command, rest).status !== 0,
  )
  const names = missing.flatMap(([, area]) => allOf(area))
  if (names.length > 0 && install) installPackages(missing.map(([, area]) => area))
  else if (names.length > 0)
    process.stdout.write(
      `Not installed: ${names.join(', ')}. Their tests skip; npm run test:real -- --install installs them (Debian, as root).\n`,
    )
  return testFiles()
    .filter((name) => chosen.some(([area]) => name.startsWith(path.join('real', area) + path.sep)))
    .map((name) => path.join(root, 'test', name))
}

async function runFiles(list: readonly string[], processes: number): Promise<void> {
  await runPool(
    list.map((file) => ({
      file,
      // Many files with real parts wait for the part to start, which is a test, since it skips without the part.
      mayWait: real,
      ownProcess: real || processes === 1 || has(file, 'Runs in a process of its own'),
    })),
    { cwd: root, processes, fileLimitMs, colors: process.stdout.isTTY, onResult },
  )
}

function onResult(file: string, result: FileResult, tookMs: number): void {
  const title = `${path.relative(root, file)} (${(tookMs / 1000).toFixed(1)} s)`
  process.stdout.write(`${title}\n${result.text}`)
  outcome.passed += result.passed
  outcome.failed += result.failed
  outcome.skipped.push(...result.skipped)
  if (result.failed > 0) outcome.failures += `${title}\n${result.failures}`
}

/** Repeats the failures, names every skip, sets the exit code, and closes with a line that any reader of logs understands. */
function conclude(): void {
  const { passed, failed, skipped, failures } = outcome
  const faults = skipped.filter(isFault).length
  if (failed > 0) process.stdout.write(`\n== failures\n${failures}`)
  for (const skip of skipped)
    process.stdout.write(
      `${isFault(skip) ? 'NOT RUN, WHICH FAILS IN CI' : 'NOT RUN'}: ${skip.name}: ${skip.reason}\n`,
    )
  process.stdout.write(`\n${passed} passed, ${failed + faults} failed, ${skipped.length - faults} skipped\n`)
  if (failed > 0 || faults > 0 || passed === 0) process.exitCode = 1
}

function isFault({ reason }: { readonly reason: string }): boolean {
  return inCi && !isAllowedSkip(reason)
}
