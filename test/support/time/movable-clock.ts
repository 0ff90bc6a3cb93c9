// A clock that stands still until a test moves it. Timers run when it passes them, in their order.

import type { Clock, Timer } from '../../../src/core/ports/clock.ts'

interface Waiting {
  readonly work: () => void
  dueMs: number
  readonly everyMs: number | undefined
}

export class MovableClock implements Clock {
  #wallMs = Math.floor(Date.now() / 1000) * 1000
  #monotonicMs = 1_000
  readonly #waiting = new Set<Waiting>()
  /** A sleep of at most so many milliseconds is over at once, and its time has passed. */
  passedSleepMs = 0

  now(): number {
    return this.#wallMs
  }

  monotonic(): number {
    return this.#monotonicMs
  }

  after(delayMs: number, work: () => void): Timer {
    return this.#wait({ work, dueMs: this.#monotonicMs + delayMs, everyMs: undefined })
  }

  every(intervalMs: number, work: () => void): Timer {
    return this.#wait({ work, dueMs: this.#monotonicMs + intervalMs, everyMs: intervalMs })
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return
    if (delayMs <= this.passedSleepMs) return this.pass(delayMs)
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const timer = this.after(delayMs, () => resolve(undefined))
    const abort = () => resolve(undefined)
    signal?.addEventListener('abort', abort)
    await promise
    signal?.removeEventListener('abort', abort)
    timer.cancel()
  }

  /** Moves both clocks; timers that fall due on the way run at their time. */
  pass(ms: number): void {
    const endMs = this.#monotonicMs + ms
    for (;;) {
      // A test may pass months, and an interval may be a second: this runs millions of times.
      let next: Waiting | undefined
      for (const waiting of this.#waiting)
        if (waiting.dueMs <= endMs && (next === undefined || waiting.dueMs < next.dueMs)) next = waiting
      if (next === undefined) break
      this.#advance(Math.max(0, next.dueMs - this.#monotonicMs))
      if (next.everyMs === undefined) this.#waiting.delete(next)
      else next.dueMs += Math.max(1, next.everyMs)
      next.work()
    }
    this.#advance(endMs - this.#monotonicMs)
  }

  /** As when an administrator sets the time: only the wall clock moves. */
  jump(ms: number): void {
    this.#wallMs += ms
  }

  #advance(ms: number): void {
    this.#monotonicMs += ms
    this.#wallMs += ms
  }

  #wait(waiting: Waiting): Timer {
    this.#waiting.add(waiting)
    return { cancel: () => void this.#waiting.delete(waiting) }
  }
}
