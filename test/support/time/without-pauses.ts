// The machine's clock, but for pauses: each is over at once, and its time has passed. For what is tried again after pauses that
// nobody watches. Several pauses at the same time pass one after the other.

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../../../src/core/ports/clock.ts'
import { systemClock } from '../../../src/host/system-clock.ts'

export function withoutPauses(): Clock {
  let passedMs = 0
  return {
    ...systemClock,
    monotonic: () => systemClock.monotonic() + passedMs,
    async sleep(delayMs) {
      passedMs += delayMs
      await nextTurn()
    },
  }
}
