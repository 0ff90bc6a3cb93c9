// Which replicas must confirm each commit, and whether any of them is connected. If none is, commits wait and the node stops answering.

import type { PostgresSession } from './session.ts'

/** A role without pg_read_all_stats sees that there are replicas, but not their sync_state, so all of those count as connected. */
const question = `
  SELECT current_setting('synchronous_standby_names') AS confirming,
    (SELECT count(*) FROM pg_stat_replication WHERE sync_state IS NULL OR sync_state IN ('sync', 'quorum')) AS connected`

export interface Confirming {
  /** synchronous_standby_names; empty: no replica must confirm. */
  readonly names: string
  /** The number of connected replicas that may be among those that must confirm. */
  readonly connected: number
}

export async function askConfirming(session: PostgresSession): Promise<Confirming> {
  const row = (await session.query(question)).rows[0] ?? {}
  return { names: String(row['confirming']), connected: Number(row['connected']) }
}

/** A text if no replica that must confirm commits is connected, so that commits wait; null otherwise. */
export function missingReplica({ names, connected }: Confirming): string | null {
  if (names === '' || connected > 0) return null
  return `no replica that must confirm commits (synchronous_standby_names = '${names}') is connected to it`
}

/** Asks on a new connection, which it ends, why commits wait. Resolves with '' or a space and a reason in brackets. Never rejects. */
export async function whyUnconfirmed(open: () => Promise<PostgresSession>): Promise<string> {
  let session: PostgresSession | undefined
  try {
    session = await open()
    const missing = missingReplica(await askConfirming(session))
    return missing === null ? '' : ` (${missing})`
  } catch {
    // Other messages say that the database cannot be reached.
    return ''
  } finally {
    session?.drop()
  }
}
