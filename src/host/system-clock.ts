// The machine's clock and timers.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock, Timer } from '../core/ports/clock.ts'

/**
 * The wall clock of the database, and the machine's timers: nodes whose clocks differ judge dates alike. Between two signs of the
 * database the monotonic clock counts, so a machine's clock that jumps changes no date. Before the first sign it is the machine's.
 */
export class FollowingClock implements Clock {
  readonly #machine: Clock
  /** Is added to the monotonic clock; undefined: the database has said nothing yet. */
  #aheadMs: number | undefined

  constructor(machine: Clock = systemClock) {
    this.#machine = machine
  }

  now(): number {
    return this.#aheadMs === undefined
      ? this.#machine.now()
      : Math.floor(this.#machine.monotonic() + this.#aheadMs)
  }

  monotonic(): number {
    return this.#machine.monotonic()
  }

  after(delayMs: number, work: () => void): Timer {
    return this.#machine.after(delayMs, work)
  }

  every(intervalMs: number, work: () => void): Timer {
    return this.#machine.every(intervalMs, work)
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return this.#machine.sleep(delayMs, signal)
  }

  /** `aheadMs`: how far the database's clock is ahead of the monotonic clock. */
  follow(aheadMs: number): void {
    this.#aheadMs = aheadMs
  }
}

export const systemClock: Clock = {
  now: Date.now,
  monotonic: performance.now.bind(performance),
  after(delayMs, work) {
    const timer = setTimeout(work, delayMs).unref()
    return { cancel: () => clearTimeout(timer) }
  },
  every(intervalMs, work) {
    const timer = setInterval(work, intervalMs).unref()
    return { cancel: () => clearInterval(timer) }
  },
  async sleep(delayMs, signal) {
    await sleep(delayMs, undefined, { ref: false, ...(signal && { signal }) }).catch((error: unknown) => {
      if (signal?.aborted !== true) throw error
    })
  },
}
