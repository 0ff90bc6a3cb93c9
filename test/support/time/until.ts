// Waits for what no event tells of: in another process, in a service, on a disk.

import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

const firstPauseMs = 5
const pauseMsMax = 50

/** Looks again and again, and fails if it does not come to that. The bound is for machines that do other work too. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what = String(holds),
  withinMs = 120_000,
): Promise<void> {
  const deadline = performance.now() + withinMs
  for (let pauseMs = firstPauseMs; !(await holds()); pauseMs = Math.min(1.5 * pauseMs, pauseMsMax)) {
    assert.ok(performance.now() < deadline, `it did not come to that within ${withinMs} ms: ${what}`)
    await sleep(pauseMs)
  }
}
