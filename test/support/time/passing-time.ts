// Lets the time of a clock pass until something has ended.

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { MovableClock } from './movable-clock.ts'

/** The error with which it ended; undefined: it succeeded. */
export async function failsInTime(clock: MovableClock, work: Promise<unknown>): Promise<unknown> {
  const state = { ended: false }
  const error = work.then(
    () => undefined,
    (failed: unknown) => failed,
  )
  void error.finally(() => (state.ended = true))
  while (!state.ended) {
    await nextTurn()
    clock.pass(50)
  }
  return error
}
