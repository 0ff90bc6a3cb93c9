// For each node the database stores which process has the node's name now, and how many transactions that process has committed. So a
// process that another one replaced writes no more, and a process whose commit lost its answer finds out whether it was done.
//
// If no replica must confirm commits, a replica that takes the primary's place may lack the last ones, and only the nodes that got
// the answers to those commits can tell. So each node that was at work is unproven from then on, until it has shown that the database
// has all commits that were answered to it.

import type { Timeline } from '../../../core/ports/anchor.ts'
import { knownFeatures } from '../../../core/ports/least-version.ts'
import { StoreUnavailable, type DatabaseFacts } from '../../../core/ports/store.ts'
import { backgroundLeaseMs } from '../../../base/bounds.ts'
import { startedMicros } from './connect.ts'
import type { PostgresSession } from './session.ts'
import { databaseMs } from './sql.ts'

const isLost = `EXISTS (SELECT 1 FROM meta WHERE key = 'lost_commits')`

export interface NodeState {
  /** The node has kept an anchor, so it needs that anchor now. */
  readonly anchored: boolean
  /** A node found that the database lacks commits that were answered to it. */
  readonly lost: boolean
}

/** Takes the node's name for this run, in the open transaction. `leaseMs`: how long the node may answer after a commit. */
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

/** Records that this run of the node answers nothing any more, so that other nodes need not wait for its lease. */
export async function endLease(session: PostgresSession, name: string, run: string): Promise<void> {
  await session.query('UPDATE nodes SET lease_ms = 0 WHERE name = $1 AND run = $2', [name, run])
}

/** Records that the node has an anchor, and that the database has everything that the anchor names. */
export async function setAnchored(session: PostgresSession, name: string): Promise<void> {
  await session.query('UPDATE nodes SET anchored = 1, unproven_ms = NULL WHERE name = $1', [name])
}

/** Records that the database has all commits that were answered to this run of the node. */
export async function setProven(session: PostgresSession, name: string): Promise<void> {
  await session.query('UPDATE nodes SET unproven_ms = NULL WHERE name = $1 AND unproven_ms IS NOT NULL', [
    name,
  ])
}

/**
 * Makes nodes unproven after a replica took the primary's place: those that had not stopped, and whose last commit without a confirming
 * replica was shortly before the newest such commit.
 */
export async function doubtNodes(session: PostgresSession): Promise<void> {
  await session.query(
    `UPDATE nodes SET unproven_ms = coalesce(unproven_ms, ${databaseMs})
     WHERE lease_ms > 0 AND unconfirmed_ms > (SELECT max(unconfirmed_ms) FROM nodes) - ${backgroundLeaseMs}`,
  )
}

/** The unproven nodes, and since when. A node and its workers count as one. */
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
 * The state of the run in the database; undefined: another run has the node's name, or the database does not know the name. The
 * statement writes, so that a replica that confirms this transaction has all earlier ones too.
 */
export async function writerState(
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

/** The facts about the run that the database returns in the open transaction. */
interface Counted {
  /** The number of commits, including that of the open transaction. */
  readonly commits: number
  /** See PostgresServer. */
  readonly started: number
  /** A node found that the database lacks commits that were answered to it. */
  readonly lost: boolean
  /** The time by the database's clock, in milliseconds since 1970. */
  readonly nowMs: number
}

/** Counts the commit of the open transaction. Throws StoreUnavailable if another process has the node's name. */
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

/** `recorded`: the timeline on which nodes work now; null: none was recorded. `leaseMs`: the longest lease of another node, or 0. */
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

/** Records that the database lacks commits that were answered to a node. Every other node then stops at its next commit. */
export async function markLost(session: PostgresSession): Promise<void> {
  await session.query(`INSERT INTO meta (key, value) VALUES ('lost_commits', 1) ON CONFLICT DO NOTHING`)
}

/** True if a restore made the database and no administrator has accepted it yet. Until then no node serves it, not even a new one. */
export async function isUnaccepted(session: PostgresSession): Promise<boolean> {
  return (await session.query(`SELECT 1 FROM meta WHERE key = 'unaccepted'`)).rows.length > 0
}

export async function setUnaccepted(session: PostgresSession): Promise<void> {
  await session.query(`INSERT INTO meta (key, value) VALUES ('unaccepted', 1)`)
}

/** Records that an administrator accepted the database. No earlier anchor of a node counts any more: each node begins a new one. */
export async function accept(session: PostgresSession): Promise<void> {
  await session.query(`DELETE FROM meta WHERE key IN ('unaccepted', 'lost_commits')`)
  await session.query('UPDATE nodes SET anchored = 0, unproven_ms = NULL')
}
