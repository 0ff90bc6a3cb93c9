// The machine's clock and timers.

import { setTimeout as sleep } from 'node:timers/promises'
import { limits } from '../limits.ts'
import type { Clock, Timer } from '../ports/clock.ts'

/** The wall clock of the database, and the machine's timers: nodes whose clocks differ judge dates alike. */
export class FollowingClock implements Clock {
  #behindMs = 0

  now(): number {
    return systemClock.now() + this.#behindMs
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
    if (Math.abs(behindMs - this.#behindMs) > limits.clockFollowMs) this.#behindMs = behindMs
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
