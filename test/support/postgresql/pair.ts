// A primary and its replica, which streams through a wire that can be cut. Both are stopped after the test.

import path from 'node:path'
import type { TestContext } from 'node:test'
import { startPostgres, type PostgresServer } from './server.ts'
import { until } from '../time/until.ts'
import { openWire, type Wire } from '../clients/proxy.ts'

export interface Pair {
  readonly primary: PostgresServer
  readonly replica: PostgresServer
  /** Between the replica and its primary. */
  readonly wire: Wire
  /** The name of an empty database. */
  readonly database: string
}

/** `confirming`: synchronous_standby_names; the replica is r1. */
export async function startPair(
  t: TestContext,
  confirming: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<Pair | undefined> {
  const primary = await startPostgres(t, { wal_sender_timeout: '3s', ...settings })
  if (!primary) return undefined
  t.after(() => primary.stop('immediate'))
  const database = path.basename(await primary.newDatabase())
  const wire = await openWire({ host: '127.0.0.1', port: primary.port })
  t.after(() => wire[Symbol.asyncDispose]())
  const replica = await primary.replica('r1', wire.port)
  t.after(() => replica.stop('immediate'))
  const streams = `SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'`
  await until(async () => (await primary.sql(streams)).rowCount === 1)
  await setConfirming(primary, confirming)
  return { primary, replica, wire, database }
}

/**
 * Sets synchronous_standby_names; resolves when it holds for every commit. A commit waits once the checkpointer has read the setting
 * (SyncRepUpdateSyncStandbysDefined), which it does before a checkpoint that is asked for.
 */
export async function setConfirming(server: PostgresServer, names: string): Promise<void> {
  await server.sql(`ALTER SYSTEM SET synchronous_standby_names = '${names}'`)
  await server.sql('SELECT pg_reload_conf()')
  const shown = async () => (await server.sql('SHOW synchronous_standby_names')).rows[0]
  await until(async () => (await shown())?.synchronous_standby_names === names)
  await server.sql('CHECKPOINT')
}

/** Once a commit waits for a replica, it waits no more. Returns the process that made it; `but`: not that one. */
export async function endWait(
  server: PostgresServer,
  by: 'pg_cancel_backend' | 'pg_terminate_backend',
  but = 0,
): Promise<number> {
  let pid = 0
  await until(async () => {
    const { rows } = await server.sql(
      `SELECT pid, ${by}(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = 'mortise' AND pid <> ${but}`,
    )
    pid = Number(rows[0]?.['pid'] ?? 0)
    return pid > 0
  })
  return pid
}
