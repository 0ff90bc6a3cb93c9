// Reads a whole store on PostgreSQL, in one transaction on a new connection, as values of the ports (core/ports/backup.ts).

import type { StoreDump } from '../../../core/ports/backup.ts'
import { dumpCounts, dumpPages } from '../dumps/dump-pages.ts'
import type { Steps } from '../steps.ts'
import { connectPostgres, type Connecting } from './connect.ts'
import { asUnavailable } from './errors.ts'
import { untimed } from './schema.ts'

/** Rejects with StoreUnavailable. */
export async function openPostgresDump(connecting: Connecting): Promise<StoreDump> {
  const session = await connectPostgres(connecting)
  const read = async <T>(steps: Steps<T>): Promise<T> => {
    try {
      return await session.take(steps)
    } catch (error) {
      throw asUnavailable('read all of the database', error)
    }
  }
  try {
    await session.query(`BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; ${untimed}`)
    const counts = await read(dumpCounts())
    return { counts, pages: () => dumpPages(read), close: () => session.end() }
  } catch (error) {
    session.drop()
    throw asUnavailable('read all of the database', error)
  }
}
