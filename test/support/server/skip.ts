// Skipping is loud, and in CI it is a failure: a test that quietly does not run proves nothing.

import type { TestContext } from 'node:test'

/** To be followed by a return. `reason` says what is missing and how to get it. */
export function skipOrFail(t: TestContext, reason: string): void {
  if (process.env['CI'] === 'true') throw new Error(`must not be skipped in CI: ${reason}`)
  process.stderr.write(`SKIPPED ${t.name}: ${reason}\n`)
  t.skip(reason)
}
