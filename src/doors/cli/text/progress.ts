// The progress of long work, on standard error: a bar on a terminal, otherwise a line every few seconds, and one when it is done.

import { visible } from './output.ts'
import type { World } from '../world.ts'

export interface ShownProgress {
  /** null: not known yet. */
  readonly done: number | null
  readonly total: number | null
  readonly trouble: string | null
}

const barCharacters = 30
/** Without a terminal, at most one line in this time. */
const lineEveryMs = 5_000

/** The progress of work that has one step. It says the end once the work resolves. `verb` completes `3 of 10 ...`. */
export async function withProgress<T>(
  stream: World['stderr'],
  verb: string,
  work: (onProgress: (done: number, total: number) => void) => Promise<T>,
): Promise<T> {
  const progress = new Progress(stream, verb)
  try {
    const result = await work((done, total) => progress.tell({ done, total, trouble: null }))
    progress.finish(0)
    return result
  } finally {
    progress.end()
  }
}

export class Progress {
  readonly #stream: World['stderr']
  #verb: string
  #bar = ''
  #line = ''
  #total: number | null = null
  #trouble: string | null = null
  #saidAt = -Infinity

  /** `verb` completes `3 of 10 ...`: moved, rewrapped. */
  constructor(stream: World['stderr'], verb: string) {
    this.#stream = stream
    this.#verb = verb
  }

  /** Another step begins, which counts something else: all of the step before is done. */
  begin(verb: string): void {
    if (verb === this.#verb) return
    this.finish(0)
    this.#verb = verb
    this.#saidAt = -Infinity
  }

  tell({ done, total, trouble }: ShownProgress): void {
    if (trouble !== this.#trouble) {
      this.#trouble = trouble
      if (trouble !== null) this.#say(`Waiting: ${visible(trouble)}`)
    }
    if (done === null || total === null) return
    this.#total = total
    const text = `${done} of ${total} ${this.#verb}`
    if (this.#stream.isTTY === true) this.#draw(`${bar(done, total)} ${text}`)
    else if (text !== this.#line && performance.now() - this.#saidAt >= lineEveryMs) {
      this.#line = text
      this.#saidAt = performance.now()
      this.#say(text)
    }
  }

  /** Shows the end: everything is done but `left`. Shows nothing if no progress was shown, or the end already. */
  finish(left: number): void {
    const total = this.#total
    if (total === null) return
    this.#total = null
    const done = Math.max(total - left, 0)
    const text = `${done} of ${total} ${this.#verb}`
    this.#draw('')
    if (this.#stream.isTTY === true) this.#say(`${bar(done, total)} ${text}`)
    else if (text !== this.#line) this.#say(text)
  }

  /** Removes the bar from the terminal. */
  end(): void {
    this.#draw('')
  }

  #say(text: string): void {
    const before = this.#bar
    this.#draw('')
    this.#stream.write(`${text}\n`)
    this.#draw(before)
  }

  #draw(text: string): void {
    if (text === this.#bar) return
    this.#stream.write(`\r${text.padEnd(this.#bar.length)}${text === '' ? '\r' : ''}`)
    this.#bar = text
  }
}

function bar(done: number, total: number): string {
  const full = total === 0 ? barCharacters : Math.floor((done / total) * barCharacters)
  return `[${'#'.repeat(full)}${'.'.repeat(barCharacters - full)}]`
}
