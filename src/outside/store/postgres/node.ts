// The database knows of each node which process has its name now, and how many transactions that process has committed.
// So a process that another one replaced writes no more, and a commit whose answer was lost is found out.
//
// Where no replica must confirm commits, one that takes the primary's place may lack the last ones, and only the nodes that were
// answered those can tell. So each node that was at work is unproven from then on, until it has shown that the database has all
// that it was answered.

import type { Timeline } from '../../../core/ports/anchor.ts'
import { knownFeatures } from '../../../core/ports/least-version.ts'
import { StoreUnavailable, type DatabaseFacts } from '../../../core/ports/store.ts'
import { backgroundLeaseMs } from '../../../base/bounds.ts'
import { startedMicros } from './connect.ts'
import type { PostgresSession } from './session.ts'
import { databaseMs } from './sql.ts'

const isLost = `EXISTS (SELECT 1 FROM meta WHERE key = 'lost_commits')`

export interface NodeState {
  /** The node has an anchor, so it needs one. */
  readonly anchored: boolean
  /** Another node was answered commits that are not there. */
  readonly lost: boolean
}

/** Takes the name for this run, in the transaction that is open. `leaseMs`: how long it may answer after a commit. */
export async function takeName(
  session: PostgresSession,
  { node, run, leaseMs }: { readonly node: string; readonly run: string; readonly leaseMs: number },
): Promise<NodeState> {
  const knows = ['', ...knownFeatures.map(({ name }) => name), ''].join(' ')
  const { rows } = await session.query(
    `INSERT INTO nodes (name, run, commits, lease_ms, knows) VALUES ($1, $2, 0, $3, $4)
     ON CONFLICT (name) DO UPDATE SET run = excluded.run, commits = 0, lease_ms = excluded.lease_ms, knows = excluded.knows
     RETURNING anchored, ${isLost} AS lost`,
    [node, run, leaseMs, run + knows],
  )
  return { anchored: rows[0]?.['anchored'] === 1, lost: rows[0]?.['lost'] === true }
}

/** This run answers nothing any more. */
export async function endLease(session: PostgresSession, name: string, run: string): Promise<void> {
  await session.query('UPDATE nodes SET lease_ms = 0 WHERE name = $1 AND run = $2', [name, run])
}

/** The database has all that the anchor of the node names. */
export async function setAnchored(session: PostgresSession, name: string): Promise<void> {
  await session.query('UPDATE nodes SET anchored = 1, unproven_ms = NULL WHERE name = $1', [name])
}

/** The database has all that the run of the node was answered. */
export async function setProven(session: PostgresSession, name: string): Promise<void> {
  await session.query('UPDATE nodes SET unproven_ms = NULL WHERE name = $1 AND unproven_ms IS NOT NULL', [
    name,
  ])
}

/** A replica took the primary's place. A node that gave no sign for a while was answered nothing lately. */
export async function doubtNodes(session: PostgresSession): Promise<void> {
  await session.query(
    `UPDATE nodes SET unproven_ms = coalesce(unproven_ms, ${databaseMs})
     WHERE lease_ms > 0 AND unconfirmed_ms > (SELECT max(unconfirmed_ms) FROM nodes) - ${backgroundLeaseMs}`,
  )
}

/** The nodes that are unproven, each with its workers, and since when. */
export async function unprovenNodes(session: PostgresSession): Promise<DatabaseFacts['unproven']> {
  const { rows } = await session.query(
    `SELECT regexp_replace(name, '/worker-[0-9]+$', '') AS node, min(unproven_ms) AS since FROM nodes
     WHERE unproven_ms IS NOT NULL GROUP BY 1 ORDER BY 1`,
  )
  return rows.map(({ node, since }) => ({ node: String(node), sinceMs: Number(since) }))
}

export interface RunState {
  /** How many transactions the run has committed. */
  readonly commits: number
  /** The last entry of its audit chain; 0: it has none. */
  readonly number: number
  readonly hash: string
}

/**
 * undefined: the run is not known, or another run has the name. It writes, so that a replica that confirms the transaction has
 * all those before.
 */
export async function stateOf(
  session: PostgresSession,
  name: string,
  run: string,
): Promise<RunState | undefined> {
  const { rows } = await session.query(
    `UPDATE nodes SET commits = commits WHERE name = $1 AND run = $2 RETURNING commits,
       coalesce((SELECT number FROM writers WHERE writer = $2), 0) AS number,
       coalesce((SELECT hash FROM writers WHERE writer = $2), '') AS hash`,
    [name, run],
  )
  const { commits, number, hash } = rows[0] ?? {}
  return typeof commits === 'number' ? { commits, number: Number(number), hash: String(hash) } : undefined
}

/** The database says this about the run in the transaction that is open. */
interface Counted {
  /** With this one. */
  readonly commits: number
  /** See ServerFacts. */
  readonly started: number
  /** Another node was answered commits that are not there. */
  readonly lost: boolean
  /** By the database's clock, milliseconds since 1970. */
  readonly nowMs: number
}

/** Counts the commit of the transaction that is open. Throws StoreUnavailable if another process has the name. */
export async function countCommit(session: PostgresSession, name: string, run: string): Promise<Counted> {
  const { rows } = await session.query(
    `UPDATE nodes SET commits = commits + 1,
       unconfirmed_ms = CASE WHEN current_setting('synchronous_standby_names') = '' THEN ${databaseMs} END
     WHERE name = $1 AND run = $2 RETURNING commits, ${startedMicros} AS started, ${databaseMs} AS now_ms,
       ${isLost} AS lost`,
    [name, run],
  )
  const { commits, started, lost, now_ms: nowMs } = rows[0] ?? {}
  if (typeof commits === 'number')
    return { commits, started: Number(started), lost: lost === true, nowMs: Number(nowMs) }
  const [owner] = (await session.query('SELECT run FROM nodes WHERE name = $1', [name])).rows
  throw new StoreUnavailable(
    'unavailable',
    owner?.['run'] === ''
      ? `the database needs a newer version of Mortise now, and the node ${name} may not write to it any more: start this node again, ` +
          'and it says which version is needed'
      : `another process writes to the database as the node ${name}: nodes need names of their own (server.node)`,
  )
}

/** The timeline on which nodes work now; null: none was recorded. `leaseMs`: the longest lease of another node, or 0. */
export async function readTimeline(
  session: PostgresSession,
  name: string,
): Promise<{ readonly recorded: Timeline | null; readonly leaseMs: number }> {
  const { rows } = await session.query(
    `SELECT (SELECT value::text FROM meta WHERE key = 'cluster') AS cluster,
       (SELECT value FROM meta WHERE key = 'timeline') AS timeline,
       (SELECT coalesce(max(lease_ms), 0) FROM nodes WHERE name <> $1) AS lease_ms`,
    [name],
  )
  const { cluster, timeline, lease_ms: leaseMs } = rows[0] ?? {}
  const isRecorded = typeof cluster === 'string' && typeof timeline === 'number'
  return { recorded: isRecorded ? { cluster, number: timeline } : null, leaseMs: Number(leaseMs) }
}

export async function recordTimeline(session: PostgresSession, { cluster, number }: Timeline): Promise<void> {
  await session.query(
    `INSERT INTO meta (key, value) VALUES ('cluster', $1::text::bigint), ('timeline', $2)
     ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
    [cluster, number],
  )
}

/** A node was answered commits that are not there: all others stop at their next one. */
export async function markLost(session: PostgresSession): Promise<void> {
  await session.query(`INSERT INTO meta (key, value) VALUES ('lost_commits', 1) ON CONFLICT DO NOTHING`)
}

/** A restore made the database, and no administrator has accepted it yet: no node serves it, not even a new one. */
export async function isUnaccepted(session: PostgresSession): Promise<boolean> {
  return (await session.query(`SELECT 1 FROM meta WHERE key = 'unaccepted'`)).rows.length > 0
}

export async function setUnaccepted(session: PostgresSession): Promise<void> {
  await session.query(`INSERT INTO meta (key, value) VALUES ('unaccepted', 1)`)
}

/** The other nodes' anchors do not count any more: these nodes begin new ones. */
export async function accept(session: PostgresSession): Promise<void> {
  await session.query(`DELETE FROM meta WHERE key IN ('unaccepted', 'lost_commits')`)
  await session.query('UPDATE nodes SET anchored = 0, unproven_ms = NULL')
}
