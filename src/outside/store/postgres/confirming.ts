// Which replicas must confirm each commit, and whether any of them is there: without one, commits wait and the node stops to answer.

import type { PostgresSession } from './session.ts'

/** A role without pg_read_all_stats sees that there are replicas, and not which. */
const question = `
  SELECT current_setting('synchronous_standby_names') AS confirming,
    (SELECT count(*) FROM pg_stat_replication WHERE sync_state IS NULL OR sync_state IN ('sync', 'quorum')) AS connected`

export interface Confirming {
  /** synchronous_standby_names; empty: no replica must confirm. */
  readonly names: string
  /** Replicas that are connected, and may be among those. */
  readonly connected: number
}

export async function askConfirming(session: PostgresSession): Promise<Confirming> {
  const row = (await session.query(question)).rows[0] ?? {}
  return { names: String(row['confirming']), connected: Number(row['connected']) }
}

/** null: that is not the reason why commits wait. */
export function missingReplica({ names, connected }: Confirming): string | null {
  if (names === '' || connected > 0) return null
  return `no replica that must confirm commits (synchronous_standby_names = '${names}') is connected to it`
}

/** On a connection of its own, which it ends. Empty, or in brackets after a space. Never rejects. */
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
