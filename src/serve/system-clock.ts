// The machine's clock and timers.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../ports/clock.ts'

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
