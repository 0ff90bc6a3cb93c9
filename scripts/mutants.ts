// `npm run mutants -- ROOM [FILE ...] [--with ROOM] [--sample N] [--seed S] [--jobs J]`: changes the code of a room of src/
// at random, one change at a time in a copy of the project, and reports which changes no test of the room notices, or of
// the rooms named by --with: much of core/keys/ is tested where core/operations/ uses it. A change is shown to the tests that run the
// changed code, as a first run of all of them with V8's coverage tells; a process that such a test kills tells nothing.
// StrykerJS's instrumenter proposes the changes; it is installed below scripts/mutants/ at the first run, not with the
// project. Not part of CI: a room takes minutes.

import { spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { argumentsOf, misused } from './arguments.ts'
import { filesBelow, readSources } from '../test/support/repository/sources.ts'

interface Position {
  readonly line: number
  readonly column: number
}

/** One change: the text between the two positions (from 0) is replaced. */
interface Mutant {
  readonly fileName: string
  readonly mutatorName: string
  readonly replacement: string
  readonly location: { readonly start: Position; readonly end: Position }
}

interface Instrumenter {
  instrument(
    files: readonly { readonly name: string; readonly content: string; readonly mutate: boolean }[],
    options: object,
  ): Promise<{ readonly mutants: readonly Mutant[] }>
}

/** What V8 says about one process: innermost ranges last. */
interface Coverage {
  readonly result: readonly {
    readonly url: string
    readonly functions: readonly {
      readonly ranges: readonly {
        readonly startOffset: number
        readonly endOffset: number
        readonly count: number
      }[]
    }[]
  }[]
}

type Verdict = 'noticed' | 'timed out' | 'survived'

const root = path.resolve(import.meta.dirname, '..')
const tools = path.join(import.meta.dirname, 'mutants')
/** A mutant may loop forever. So many times the time of the unchanged test, and some seconds. */
const patience = { factor: 3, extraMs: 5_000 }
/** Changes of texts for people prove nothing: tests need not hold every word. */
const notTried = new Set(['StringLiteral'])

const usage = 'mutants -- ROOM [FILE ...] [--with ROOM] [--sample N] [--seed S] [--jobs J]'
const { values, positionals } = argumentsOf(usage, {
  allowPositionals: true,
  options: {
    sample: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    jobs: { type: 'string', default: '2' },
    with: { type: 'string', multiple: true, default: [] },
  },
})
const [room, ...words] = positionals
if (room === undefined || !existsSync(path.join(root, 'src', room)))
  misused(usage, 'ROOM is a folder of src/')
const tests = [room, ...values.with].flatMap((one) => filesBelow(path.join('test', one), '.test.ts'))
if (tests.length === 0) throw new Error(`there are no tests in test/${room}`)
const importers = Map.groupBy(
  [...readSources('src'), ...readSources('test')].flatMap(({ file, imports }) =>
    imports.filter(({ typeOnly }) => !typeOnly).map(({ target }) => ({ file, target })),
  ),
  ({ target }) => target,
)

const seed = Number(values.seed)
const all = (await propose()).filter(({ mutatorName }) => !notTried.has(mutatorName))
const chosen = sample(all, Number(values.sample), seed)
process.stdout.write(`${room}: ${chosen.length} of ${all.length} changes, seed ${seed}\n`)
const copies: string[] = []
/** Where each change is, and the tests that run the code there. */
const spans = new Map(chosen.map((mutant) => [mutant, spanOf(mutant)]))
try {
  while (copies.length < Number(values.jobs)) copies.push(copyProject())
  const tookMs = await baseline()
  const queue = [...chosen]
  const survivors: Mutant[] = []
  const counts: Record<Verdict, number> = { noticed: 0, 'timed out': 0, survived: 0 }
  await Promise.all(
    copies.map(async (copy) => {
      for (let mutant = queue.shift(); mutant; mutant = queue.shift()) {
        const verdict = await judge(copy, mutant, tookMs)
        counts[verdict]++
        if (verdict !== 'survived') continue
        survivors.push(mutant)
        process.stdout.write(`\nsurvived: ${describe(mutant)}\n`)
      }
    }),
  )
  const noticed = chosen.length - survivors.length
  const share = chosen.length === 0 ? 0 : Math.round((1000 * noticed) / chosen.length) / 10
  process.stdout.write(
    `\n${room}: ${noticed} of ${chosen.length} changes noticed (${share} %), ${counts['timed out']} of them by running too long; seed ${seed}\n`,
  )
} finally {
  for (const copy of copies) rmSync(copy, { recursive: true, force: true })
}

async function propose(): Promise<readonly Mutant[]> {
  if (!existsSync(path.join(tools, 'node_modules')))
    spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: tools, stdio: 'inherit' })
  const quiet = {
    debug: () => undefined,
    isDebugEnabled: () => false,
    warn: () => undefined,
    info: () => undefined,
  }
  const from = path.join(tools, 'node_modules/@stryker-mutator/instrumenter/dist/src/index.js')
  const { Instrumenter } = (await import(from)) as { Instrumenter: new (logger: object) => Instrumenter }
  const files = filesBelow(path.join('src', room ?? ''), '.ts')
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
    .map((name) => ({ name, content: readFileSync(path.join(root, name), 'utf8'), mutate: true }))
  const options = { plugins: null, excludedMutations: [], ignorers: [] }
  return (await new Instrumenter(quiet).instrument(files, options)).mutants
}

/** The same choice for the same seed. */
function sample<T>(list: readonly T[], count: number, from: number): T[] {
  let state = from >>> 0
  // mulberry32
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return list
    .map((one) => ({ one, order: random() }))
    .toSorted((a, b) => a.order - b.order)
    .slice(0, count)
    .map(({ one }) => one)
}

function copyProject(): string {
  const copy = mkdtempSync(path.join(tmpdir(), 'mortise-mutants-'))
  for (const name of ['src', 'test', 'docs', 'scripts', 'package.json', 'tsconfig.json'])
    cpSync(path.join(root, name), path.join(copy, name), {
      recursive: true,
      filter: (from) => !from.includes('node_modules'),
    })
  symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'))
  return copy
}

/**
 * Milliseconds that each test file takes; notes which files run which changes' code. Ends the run where a test fails
 * before anything was changed.
 */
async function baseline(): Promise<ReadonlyMap<string, number>> {
  const tookMs = new Map<string, number>()
  const queue = [...tests]
  const failed: string[] = []
  // The copies are removed once no test runs in any of them.
  await Promise.all(
    copies.map(async (copy) => {
      for (let file = queue.shift(); file !== undefined && failed.length === 0; file = queue.shift()) {
        const began = performance.now()
        const coverage = path.join(copy, 'coverage')
        if ((await runTest(copy, file, 10 * 60_000, { NODE_V8_COVERAGE: coverage })) !== 'passed')
          failed.push(file)
        else {
          tookMs.set(file, performance.now() - began)
          noteRunner(copy, coverage, file)
        }
        rmSync(coverage, { recursive: true, force: true })
      }
    }),
  )
  if (failed.length > 0)
    throw new Error(`${failed.join(', ')} fails without any change: run npm test -- ${room}`)
  return tookMs
}

function spanOf({ fileName: file, location: { start, end } }: Mutant) {
  const text = readFileSync(path.join(root, file), 'utf8')
  return { file, from: offset(text, start), to: offset(text, end), runners: [] as string[] }
}

function noteRunner(copy: string, coverage: string, test: string): void {
  const ran = new Map<string, Uint8Array[]>([...spans.values()].map(({ file }) => [file, []]))
  for (const name of readdirSync(coverage)) {
    const { result } = JSON.parse(readFileSync(path.join(coverage, name), 'utf8')) as Coverage
    for (const { url, functions } of result) {
      const found = url.startsWith('file:') && ran.get(path.relative(copy, fileURLToPath(url)))
      if (!found) continue
      const places = new Uint8Array(functions[0]?.ranges[0]?.endOffset ?? 0)
      for (const { startOffset, endOffset, count } of functions.flatMap(({ ranges }) => ranges))
        places.fill(Math.min(count, 1), startOffset, endOffset)
      found.push(places)
    }
  }
  for (const { file, from, to, runners } of spans.values())
    if (ran.get(file)?.some((places) => places.subarray(from, to).includes(1))) runners.push(test)
}

async function judge(copy: string, mutant: Mutant, tookMs: ReadonlyMap<string, number>): Promise<Verdict> {
  const file = path.join(copy, mutant.fileName)
  const text = readFileSync(path.join(root, mutant.fileName), 'utf8')
  writeFileSync(file, changed(text, mutant))
  try {
    for (const one of nearestFirst(mutant)) {
      const limitMs = (tookMs.get(one) ?? 0) * patience.factor + patience.extraMs
      const result = await runTest(copy, one, limitMs)
      if (result !== 'passed') return result === 'failed' ? 'noticed' : 'timed out'
    }
    return 'survived'
  } finally {
    writeFileSync(file, text)
  }
}

/** The tests of the changed file before others that run its code, and of these the ones that import it over the fewest files. */
function nearestFirst(mutant: Mutant): readonly string[] {
  const { fileName } = mutant
  const own = fileName.replace(/^src\//, 'test/').replace(/\.ts$/, '.')
  const away = importersOf(fileName)
  const rank = (test: string): number => (test.startsWith(own) ? -1 : (away.get(test) ?? Infinity))
  return (spans.get(mutant)?.runners ?? []).toSorted((a, b) => (rank(a) === rank(b) ? 0 : rank(a) - rank(b)))
}

/** The files that import it, each with the length of the shortest way. */
function importersOf(fileName: string): ReadonlyMap<string, number> {
  const away = new Map([[fileName, 0]])
  for (const [file, distance] of away)
    for (const { file: importer } of importers.get(file) ?? [])
      if (!away.has(importer)) away.set(importer, distance + 1)
  return away
}

function runTest(
  copy: string,
  file: string,
  timeLimitMs: number,
  env: NodeJS.ProcessEnv = {},
): Promise<'passed' | 'failed' | 'too long'> {
  // Without --test, which would start one more process for it.
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', file], {
    cwd: copy,
    stdio: 'ignore',
    detached: true,
    env: { ...process.env, NODE_COMPILE_CACHE: path.join(copy, 'compiled'), ...env },
  })
  return new Promise((resolve) => {
    let late = false
    const timer = setTimeout(() => {
      late = true
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    }, timeLimitMs)
    child.once('close', (code) => {
      clearTimeout(timer)
      resolve(late ? 'too long' : code === 0 ? 'passed' : 'failed')
    })
  })
}

function changed(text: string, { location, replacement }: Mutant): string {
  return text.slice(0, offset(text, location.start)) + replacement + text.slice(offset(text, location.end))
}

function offset(text: string, { line, column }: Position): number {
  let at = 0
  for (let i = 0; i < line; i++) at = text.indexOf('\n', at) + 1
  return at + column
}

function describe(mutant: Mutant): string {
  const { fileName, location, replacement, mutatorName } = mutant
  const text = readFileSync(path.join(root, fileName), 'utf8')
  const before = text.slice(offset(text, location.start), offset(text, location.end))
  return `${fileName}:${location.start.line + 1} ${mutatorName}\n  - ${oneLine(before)}\n  + ${oneLine(replacement)}`
}

function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ')
  return line.length > 160 ? `${line.slice(0, 160)}…` : line
}
