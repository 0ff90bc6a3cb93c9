// The database knows of each node which process has its name now, and how many transactions that process has committed.
// So a process that another one replaced writes no more, and a commit whose answer was lost is found out.

import { StoreUnavailable } from '../../ports/store.ts'
import type { Session } from './session.ts'

export interface NodeState {
  /** The node has an anchor, so it needs one. */
  readonly anchored: boolean
}

/** Takes the name for this run, in the transaction that is open. */
export async function takeName(session: Session, name: string, run: string): Promise<NodeState> {
  const { rows } = await session.query(
    `INSERT INTO nodes (name, run, commits) VALUES ($1, $2, 0)
     ON CONFLICT (name) DO UPDATE SET run = excluded.run, commits = 0 RETURNING anchored`,
    [name, run],
  )
  return { anchored: rows[0]?.['anchored'] === 1 }
}

export async function setAnchored(session: Session, name: string): Promise<void> {
  await session.query('UPDATE nodes SET anchored = 1 WHERE name = $1', [name])
}

/**
 * How many transactions the run has committed; undefined if it is not known, or another run has the name. It writes, so that
 * a replica that confirms the transaction has all those before.
 */
export async function commitsOf(session: Session, name: string, run: string): Promise<number | undefined> {
  const { rows } = await session.query(
    'UPDATE nodes SET commits = commits WHERE name = $1 AND run = $2 RETURNING commits',
    [name, run],
  )
  const commits = rows[0]?.['commits']
  return typeof commits === 'number' ? commits : undefined
}

/** Counts the commit of the transaction that is open. Throws StoreUnavailable if another process has the name. */
export async function countCommit(session: Session, name: string, run: string): Promise<void> {
  const { rowCount } = await session.query(
    'UPDATE nodes SET commits = commits + 1 WHERE name = $1 AND run = $2',
    [name, run],
  )
  if (rowCount === 1) return
  throw new StoreUnavailable(
    'unavailable',
    `another process writes to the database as the node ${name}: nodes need names of their own (server.node)`,
  )
}

/** A restore made the database, and nobody has accepted it yet: no node serves it, not even a new one. */
export async function isUnaccepted(session: Session): Promise<boolean> {
  return (await session.query(`SELECT 1 FROM meta WHERE key = 'unaccepted'`)).rows.length > 0
}

export async function setUnaccepted(session: Session): Promise<void> {
  await session.query(`INSERT INTO meta (key, value) VALUES ('unaccepted', 1)`)
}

/** The other nodes' anchors do not count any more: they begin anew. */
export async function accept(session: Session): Promise<void> {
  await session.query(`DELETE FROM meta WHERE key = 'unaccepted'`)
  await session.query('UPDATE nodes SET anchored = 0')
}
