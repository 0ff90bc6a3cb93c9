// Skipping is loud, and in CI it is a failure: a test that quietly does not run proves nothing. test/allowed-skips.json names the
// skips that CI takes.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { TestContext } from 'node:test'

const allowedSkips = path.resolve(import.meta.dirname, '../../allowed-skips.json')

/** To be followed by a return. `reason` says what is missing and how to get it. */
export function skipOrFail(t: TestContext, reason: string): void {
  if (process.env['CI'] === 'true' && !isAllowedSkip(reason))
    throw new Error(`must not be skipped in CI: ${reason}`)
  process.stderr.write(`SKIPPED ${t.name}: ${reason}\n`)
  t.skip(reason)
}

/** Whether test/allowed-skips.json excuses a skip in CI. */
export function isAllowedSkip(reason: string): boolean {
  const allowed = JSON.parse(readFileSync(allowedSkips, 'utf8')) as readonly {
    readonly reasonStartsWith: string
  }[]
  return allowed.some(({ reasonStartsWith }) => reason.startsWith(reasonStartsWith))
}
