// Hands test files to processes that run them (scripts/tests/process.ts): as many processes at once as told, each of which
// takes the next file when it is done with one. A process that ends or says nothing for too long fails the file that it
// ran, with the names of the tests that were under way, and a new process takes the rest.

import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { FileResult, Report, Task } from './process.ts'

export interface TestFile {
  readonly file: string
  /** Whether the process runs no other file. */
  readonly ownProcess: boolean
  /** Whether it may wait for its tests while it is loaded (scripts/tests/process.ts). */
  readonly mayWait: boolean
}

export interface PoolOptions {
  readonly cwd: string
  readonly processes: number
  /** A file that takes longer has failed. */
  readonly fileLimitMs: number
  readonly colors: boolean
  readonly onResult: (file: string, result: FileResult, tookMs: number) => void
}

const script = path.join(import.meta.dirname, 'main.ts')
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const alive = new Set<TestProcess>()

export async function runPool(list: readonly TestFile[], options: PoolOptions): Promise<void> {
  const queue = [...list]
  const work = async (): Promise<void> => {
    let shared: TestProcess | undefined
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { file, ownProcess, mayWait } = next
      const runner = ownProcess || shared === undefined ? new TestProcess(options.cwd) : shared
      const began = performance.now()
      options.onResult(
        file,
        await runner.run({ file, mayWait, colors: options.colors }, options.fileLimitMs),
        performance.now() - began,
      )
      if (ownProcess) await runner.end()
      else shared = runner.hasEnded ? undefined : runner
    }
    await shared?.end()
  }
  // The processes lead groups, so that what they started ends with them: also at Ctrl-C, which reaches only this group.
  process.on('exit', endAll)
  for (const signal of signals) process.on(signal, exit)
  await Promise.all(Array.from({ length: Math.min(options.processes, queue.length) }, work))
  process.off('exit', endAll)
  for (const signal of signals) process.off(signal, exit)
}

function exit(): never {
  process.exit(1)
}

function endAll(): void {
  for (const one of alive) one.kill()
}

class TestProcess {
  readonly #child: ChildProcess
  readonly #underWay: string[] = []
  #output = ''
  #done: ((result: FileResult) => void) | undefined
  hasEnded = false

  constructor(cwd: string) {
    this.#child = fork(script, {
      cwd,
      // Within a test, where this is set, node's runner runs nothing.
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
      execArgv: ['--disable-warning=ExperimentalWarning'],
      silent: true,
      detached: true,
    })
    alive.add(this)
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#output += text))
    this.#child.on('message', (report: Report) => this.#hear(report))
    this.#child.once('close', (code, signal) => this.#end(`the process ended with ${code ?? signal}`))
    this.#child.once('error', ({ message }) => this.#end(`the process has failed (${message})`))
  }

  /** Runs one file; another only after this. */
  async run(task: Task, limitMs: number): Promise<FileResult> {
    this.#output = ''
    const { promise, resolve } = Promise.withResolvers<FileResult>()
    this.#done = resolve
    const timer = setTimeout(() => this.#stop(`it did not end within ${limitMs / 60_000} minutes`), limitMs)
    this.#child.send(task, () => {
      // An error here also ends the process.
    })
    const result = await promise
    clearTimeout(timer)
    // The output of the file came through another pipe, at the same time.
    await turn()
    return { ...result, text: this.#output + result.text }
  }

  /** Lets the process store what it compiled, and ends it. */
  async end(): Promise<void> {
    if (!this.hasEnded) {
      const gone = once(this.#child, 'exit', { signal: AbortSignal.timeout(10_000) })
      this.#child.disconnect()
      await gone.catch(() => undefined)
    }
    this.kill()
  }

  /** Also ends what the process has started. */
  kill(): void {
    this.hasEnded = true
    alive.delete(this)
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL')
    } catch {
      // It has gone.
    }
  }

  #hear(report: Report): void {
    if (report.type === 'began') this.#underWay.push(report.test)
    if (report.type === 'ended') this.#underWay.splice(this.#underWay.lastIndexOf(report.test), 1)
    if (report.type === 'stuck') this.#stop(report.why)
    if (report.type === 'done') this.#finish(report.result)
  }

  #stop(why: string): void {
    this.#end(why)
    this.kill()
  }

  #end(why: string): void {
    this.hasEnded = true
    alive.delete(this)
    const during =
      this.#underWay.length === 0 ? 'in no test that says so' : `during: ${this.#underWay.join(', ')}`
    const text = `✖ ${why}, ${during}\n`
    this.#finish({ passed: 0, failed: 1, skipped: [], text, failures: text })
  }

  #finish(result: FileResult): void {
    this.#underWay.length = 0
    this.#done?.(result)
    this.#done = undefined
  }
}
