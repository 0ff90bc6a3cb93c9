// Finds out which session has locked a table that a transaction waited for in vain, so that an administrator can end that session.

import { StoreUnavailable } from '../../../core/ports/store.ts'
import { sqlState, postgresText } from './errors.ts'
import type { PostgresSession } from './session.ts'

/** PostgreSQL's code after lock_timeout. */
const lockTimeout = '55P03'

/**
 * The locks that keep writers, or all sessions, from a table of this store; the oldest first. A plain role may not see since when other
 * roles' sessions hold theirs.
 */
const holders = `
  SELECT c.relname AS "table", l.mode, a.pid, a.application_name AS application, a.usename AS role,
    to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS since
  FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_stat_activity a ON a.pid = l.pid AND a.datid = l.database
  WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_backend_pid() AND a.datname = current_database()
    AND c.relnamespace = current_schema()::regnamespace
    AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
  ORDER BY c.relkind = 'r' DESC, a.xact_start LIMIT 1`

export function isLockTimeout(error: unknown): boolean {
  return sqlState(error) === lockTimeout || (error instanceof Error && sqlState(error.cause) === lockTimeout)
}

/**
 * Call this after `error` ended a transaction on `session`. Returns the error to report: `error`, or one that names the lock and the
 * session that holds it. Never rejects.
 */
export async function withHolder(session: PostgresSession, error: unknown): Promise<unknown> {
  if (sqlState(error) !== lockTimeout || session.ended !== undefined) return error
  const [row] = await session.query(holders).then(
    ({ rows }) => rows,
    () => [],
  )
  if (!row) return error
  const { table, mode, pid, application, role, since } = row
  const who = [
    `process ${String(pid)} of PostgreSQL`,
    ...(typeof application === 'string' && application !== '' ? [`application ${application}`] : []),
    `role ${String(role)}`,
    ...(typeof since === 'string' ? [`since ${since}`] : []),
  ]
  return new StoreUnavailable(
    'busy',
    `the table ${String(table)} is locked (${String(mode)}) by ${who.join(', ')}: what needs it waits (${postgresText(error)})`,
    { cause: error },
  )
}
