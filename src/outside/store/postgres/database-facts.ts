// Reads facts of the database that conditions show: settings that may lose commits, and which replicas confirm them.

import type { DatabaseFacts } from '../../../core/ports/store.ts'
import { askConfirming, missingReplica } from './confirming.ts'
import { asUnavailable } from './errors.ts'
import { unprovenNodes } from './node.ts'
import type { PostgresSession } from './session.ts'

const promises = `SELECT current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes`

/** All that the database itself can say. Rejects with StoreUnavailable. */
export async function readFacts(session: PostgresSession): Promise<Omit<DatabaseFacts, 'behindMs'>> {
  const answers = Promise.all([session.query(promises), askConfirming(session), unprovenNodes(session)])
  const [{ rows }, confirming, unproven] = await answers.catch((error: unknown) => {
    throw asUnavailable('ask the database for its settings', error)
  })
  const row = rows[0] ?? {}
  return {
    unsafe: ['fsync', 'full_page_writes'].filter((name) => row[name] !== 'on').map((name) => `${name} = off`),
    confirming: confirming.names,
    unconfirmed: missingReplica(confirming),
    unproven,
    hasTimeline: session.server.timeline !== null,
  }
}
