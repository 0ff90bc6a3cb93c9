// The machine's clock and timers.

import { setTimeout as sleep } from 'node:timers/promises'
import { limits } from '../limits.ts'
import type { Clock, Timer } from '../ports/clock.ts'

/**
 * The wall clock of the database, and the machine's timers: nodes whose clocks differ judge dates alike. Between two signs of the
 * database the monotonic clock counts, so a machine's clock that jumps changes no date. Before the first sign it is the machine's.
 */
export class FollowingClock implements Clock {
  /** Is added to the monotonic clock; undefined: the database has said nothing yet. */
  #aheadMs: number | undefined

  now(): number {
    return this.#aheadMs === undefined
      ? systemClock.now()
      : Math.floor(systemClock.monotonic() + this.#aheadMs)
  }

  monotonic(): number {
    return systemClock.monotonic()
  }

  after(delayMs: number, work: () => void): Timer {
    return systemClock.after(delayMs, work)
  }

  every(intervalMs: number, work: () => void): Timer {
    return systemClock.every(intervalMs, work)
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(delayMs, signal)
  }

  /** How far the machine's clock is behind. Less than the network can tell changes nothing. */
  follow(behindMs: number): void {
    const aheadMs = systemClock.now() + behindMs - systemClock.monotonic()
    if (this.#aheadMs === undefined || Math.abs(aheadMs - this.#aheadMs) > limits.clockFollowMs)
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
