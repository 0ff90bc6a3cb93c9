// Restores a backup into an empty folder, accepts it, and starts a server on it, all in the test's own process.

import assert from 'node:assert/strict'
import { readSettings } from './config.ts'
import { acceptRestore } from '../../../src/host/restore-accept.ts'
import { createLog } from '../../../src/outside/telemetry/log.ts'
import { createMetrics } from '../../../src/outside/telemetry/metrics.ts'
import type { RestoredBackup } from '../../../src/features/restore/report.ts'
import { command } from './command.ts'

export async function restoreInto(
  data: string,
  file: string,
  ...more: readonly string[]
): Promise<RestoredBackup> {
  const { code, stdout, stderr } = await command(['restore', file, '--json', ...more], { data })
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as RestoredBackup
}

/** Accepts the restored database. Returns what was found wrong, as the owner is told it. */
export async function accept(data: string): Promise<string | null> {
  const settings = readSettings({ data })
  const log = createLog({ format: 'json', level: 'info', write: () => undefined })
  return (await acceptRestore({ settings, log, metrics: createMetrics() }, false)).found
}
