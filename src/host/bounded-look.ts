// One look at a time at something that may hang, such as a folder on a network disk that is gone: each further one would hold
// another of the few threads that read files. A caller waits for a bounded time. Part of the composition root.

import { lookWaitMs } from '../base/bounds.ts'
import type { Clock } from '../core/ports/clock.ts'

interface UnderWay<T> {
  readonly answer: Promise<T>
  /** Monotonic. */
  readonly sinceMs: number
}

export class BoundedLook<T> {
  readonly #look: () => Promise<T>
  readonly #clock: Pick<Clock, 'after' | 'monotonic'>
  #underWay: UnderWay<T> | undefined
  #last: T | undefined

  constructor(clock: Pick<Clock, 'after' | 'monotonic'>, look: () => Promise<T>) {
    this.#clock = clock
    this.#look = look
  }

  /** The last look found this; undefined: none has ended well. */
  get last(): T | undefined {
    return this.#last
  }

  /**
   * Waits for the look that is under way, or begins one. undefined: it has not answered for so long; later callers get that
   * at once. Throws what the look throws.
   */
  async now(waitMs: number = lookWaitMs): Promise<{ readonly answer: T } | undefined> {
    const { answer, sinceMs } = (this.#underWay ??= this.#begin(Promise.resolve()))
    const leftMs = sinceMs + waitMs - this.#clock.monotonic()
    if (leftMs <= 0) return undefined
    const waited = Promise.withResolvers<undefined>()
    const timer = this.#clock.after(leftMs, () => waited.resolve(undefined))
    try {
      return await Promise.race([answer.then((one) => ({ answer: one })), waited.promise])
    } finally {
      timer.cancel()
    }
  }

  /** Something was changed: a look that is under way does not count for those who ask from now on. */
  renew(): void {
    if (this.#underWay) this.#underWay = this.#begin(this.#underWay.answer)
  }

  /** Begins a look and waits for it, however long it takes. */
  async anew(): Promise<T> {
    this.renew()
    return (this.#underWay ??= this.#begin(Promise.resolve())).answer
  }

  #begin(before: Promise<unknown>): UnderWay<T> {
    const answer = before
      .catch(() => undefined)
      .then(this.#look)
      .then((one) => (this.#last = one))
    const underWay = { answer, sinceMs: this.#clock.monotonic() }
    const ended = () => {
      if (this.#underWay === underWay) this.#underWay = undefined
    }
    // Callers that wait get the error. None may be left, and then nothing handles it.
    answer.then(ended, ended)
    return underWay
  }
}
