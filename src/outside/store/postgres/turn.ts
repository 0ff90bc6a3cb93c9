// The turn to write, which all nodes take one after the other.

import { postgresIdleMs } from './bounds.ts'
import { postgresTrouble } from './errors.ts'
import type { PostgresSession } from './session.ts'

const key = 1_299_149_428

/** All that write, and all that change the schema, take turns by this. It ends with the transaction. */
export const turnLock = `SELECT pg_advisory_xact_lock(${key})`

/** A session that waits for a replica waits for no client. */
const endStuck = `
  SELECT pg_terminate_backend(a.pid) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid AND a.datid = l.database
  WHERE l.locktype = 'advisory' AND l.objid = ${key} AND l.granted AND a.datname = current_database() AND a.usename = current_user
    AND a.state = 'active' AND a.wait_event_type = 'Client'
    AND a.state_change < clock_timestamp() - interval '${postgresIdleMs} milliseconds'`

/**
 * After `error` ended a transaction on `session`: if the turn did not come in time, ends the session that has it where that waits for
 * its node in the midst of a statement, as when the network broke then. No timeout of PostgreSQL ends such a wait. Never rejects.
 */
export async function freeTurn(session: PostgresSession, error: unknown): Promise<void> {
  if (session.ended === undefined && postgresTrouble(error) === 'busy')
    await session.query(`ROLLBACK; ${endStuck}`).catch(() => session.drop())
}
