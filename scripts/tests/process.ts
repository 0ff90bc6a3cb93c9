// A process that runs test files one after the other, as its parent names them (scripts/tests/pool.ts): modules are loaded
// and compiled once for all of them, which for most files costs more than their tests do. Each file is a run of node's own
// runner: its hooks, its skips and its failures are its own. A file ends when nothing keeps the process alive any more,
// as it would in a process of its own. Not here: which file runs when and where, and for how long at most.

import { once } from 'node:events'
import { registerHooks } from 'node:module'
import path from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { setImmediate as turn } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import { putRsaKeysBack } from '../../test/support/certificates/rsa-keys.ts'
import { asNextFile, placeOf, registeredTests } from './registration.ts'

/** A message of the parent. */
export interface Task {
  readonly file: string
  /** Whether the file may wait for its tests while it is loaded: node's runner then gives it a process, as `node --test` does. */
  readonly mayWait: boolean
  readonly colors: boolean
}

/** A message to the parent: which tests of the file are under way, and at the end their results, or that no end will come. */
export type Report =
  | { readonly type: 'began' | 'ended'; readonly test: string }
  | { readonly type: 'stuck'; readonly why: string }
  | { readonly type: 'done'; readonly result: FileResult }

export interface FileResult {
  readonly passed: number
  readonly failed: number
  readonly skipped: readonly { readonly name: string; readonly reason: string }[]
  /** Each test and its outcome, as node's reporter `spec` writes it. */
  readonly text: string
  /** The failures once more, with their reasons. */
  readonly failures: string
}

const registration = new URL('registration.ts', import.meta.url).href
const shared = { isolation: 'none' } as const
const own = { isolation: 'process', execArgv: ['--disable-warning=ExperimentalWarning'] } as const
const counts = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'node:test' && context.parentURL !== registration
      ? { url: registration, shortCircuit: true }
      : next(specifier, context),
})
process.on('disconnect', () => process.exit())
for (;;) {
  process.channel?.ref()
  const [task] = (await once(process, 'message')) as [Task]
  // The run ends when the event loop is empty.
  process.channel?.unref()
  putRsaKeysBack()
  const watch = (): void => void reportStuck(task.file)
  if (!task.mayWait) process.once('beforeExit', watch)
  const result = await asNextFile(() => runFile(task))
  process.off('beforeExit', watch)
  process.exitCode = undefined
  await turn()
  send({ type: 'done', result })
}

async function runFile({ file, mayWait, colors }: Task): Promise<FileResult> {
  const skipped: { name: string; reason: string }[] = []
  const report = reporter(colors)
  let [passed, failed, topLevel, succeeded] = [0, 0, 0, true]
  for await (const event of run({ files: [file], ...(mayWait ? own : shared), cwd: process.cwd() })) {
    const { type, data } = event
    // A run with a process of its own sums up its file, and then all of its files.
    if (mayWait && type === 'test:summary' && data.file !== undefined) continue
    if ('nesting' in data && 'name' in data) Object.assign(data, placeOf(data.name))
    if (type === 'test:dequeue') send({ type: 'began', test: data.name })
    if (type === 'test:complete') send({ type: 'ended', test: data.name })
    if (type === 'test:pass' && data.skip !== undefined && data.skip !== false)
      skipped.push({ name: data.name, reason: String(data.skip) })
    if (type === 'test:summary') {
      await turn()
      report.endOfTests()
      passed += data.counts.passed
      topLevel += data.counts.topLevel
      failed += data.counts.tests - data.counts.passed - data.counts.skipped - data.counts.todo
      succeeded &&= data.success
    }
    if (type !== 'test:diagnostic' || !counts.test(data.message)) report.write(event)
  }
  const trouble = mayWait
    ? failed === 0 && !succeeded
      ? 'something went wrong outside of its tests'
      : undefined
    : await troubleOf(file, topLevel, failed > 0, succeeded)
  if (trouble !== undefined) failed++
  const { tests, failures } = await report.end()
  const said = trouble === undefined ? '' : `✖ ${path.relative(process.cwd(), file)}: ${trouble}\n`
  return { passed, failed, skipped, text: tests + said, failures: failures + said }
}

/** In a shared process tests begin once the file is loaded. One that waits for a test before waits for ever, with nothing to do. */
async function reportStuck(file: string): Promise<void> {
  const loaded = import(pathToFileURL(file).href).then(
    () => true,
    () => true,
  )
  if (await Promise.race([loaded, turn(false)])) return
  send({ type: 'stuck', why: 'it waits while it is loaded for what never comes, such as a test of its own' })
}

/** Why a file fails although its tests passed: node's runner keeps this to itself when it shares a process. */
async function troubleOf(
  file: string,
  topLevel: number,
  hasFailed: boolean,
  succeeded: boolean,
): Promise<string | undefined> {
  const loading: unknown = await import(pathToFileURL(file).href).then(
    () => undefined,
    (error: unknown) => error ?? 'undefined',
  )
  if (hasFailed) return undefined
  if (loading !== undefined) return `it threw while it was loaded: ${inspect(loading)}`
  const registered = registeredTests()
  // A file without tests gets one from the runner.
  if (topLevel !== Math.max(registered, 1)) return `${topLevel} of its ${registered} tests ran`
  if (!succeeded) return 'something went wrong outside of its tests'
  if (process.exitCode) return `it set the exit code ${process.exitCode}`
  return undefined
}

/** node's reporter `spec`, into two texts. */
function reporter(colors: boolean) {
  if (colors) process.env['FORCE_COLOR'] = '1'
  const stream = new spec()
  if (colors) delete process.env['FORCE_COLOR']
  const texts = { tests: '', failures: '' }
  let current: keyof typeof texts = 'tests'
  stream.setEncoding('utf8')
  stream.on('data', (chunk: string) => (texts[current] += chunk))
  return {
    write: (event: object) => void stream.write(event),
    /** `spec` repeats the failures after this. */
    endOfTests: () => void (current = 'failures'),
    end: async () => {
      stream.end()
      if (!stream.readableEnded) await once(stream, 'end')
      return texts
    },
  }
}

function send(report: Report): void {
  process.send?.(report)
}
