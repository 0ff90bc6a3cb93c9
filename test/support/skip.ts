// What a test calls when the machine lacks something that it needs. Loud, and a failure in CI, where a green run must
// not hide what it left out; only the reference material beside the project may be absent there.

import type { TestContext } from 'node:test'

/** Skips this test with the reason, or fails it in CI. The caller returns after it. */
export function skipOrFail(t: TestContext, reason: string): void {
  const mayBeAbsent = reason.startsWith('../shared is not here')
  if (process.env['CI'] === 'true' && !mayBeAbsent) throw new Error(`cannot run here: ${reason}`)
  t.skip(reason)
}
