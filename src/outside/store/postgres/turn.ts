// The turn to write. All nodes take turns by one lock in the database.

import { postgresIdleMs } from './bounds.ts'
import { postgresTrouble } from './errors.ts'
import type { PostgresSession } from './session.ts'

const key = 1_299_149_428

/** Every transaction that writes or changes the schema first takes this lock, and has it until the transaction ends. */
export const turnLock = `SELECT pg_advisory_xact_lock(${key})`

/** Ends the session that has the turn and waits for its client. It spares one that waits for a replica, whose wait_event_type differs. */
const endStuck = `
  SELECT pg_terminate_backend(a.pid) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid AND a.datid = l.database
  WHERE l.locktype = 'advisory' AND l.objid = ${key} AND l.granted AND a.datname = current_database() AND a.usename = current_user
    AND a.state = 'active' AND a.wait_event_type = 'Client'
    AND a.state_change < clock_timestamp() - interval '${postgresIdleMs} milliseconds'`

/**
 * Call this after `error` ended a transaction on `session`. If the turn did not come in time, it ends the session that has the turn and
 * waits for its node in the middle of a statement, as when the network broke then. No timeout of PostgreSQL ends such a wait. Never
 * rejects.
 */
export async function freeTurn(session: PostgresSession, error: unknown): Promise<void> {
  if (session.ended === undefined && postgresTrouble(error) === 'busy')
    await session.query(`ROLLBACK; ${endStuck}`).catch(() => session.drop())
}
