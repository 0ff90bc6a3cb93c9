// Makes a store on PostgreSQL from a dump (core/ports/backup.ts), in one transaction: until the store is whole, the database does not
// even have its tables.

import type { DumpedRecord, LoadStore } from '../../../core/ports/backup.ts'
import { postgresTurnMs } from './bounds.ts'
import { StoreUnavailable } from '../../../core/ports/store.ts'
import { dumpCounts, dumpPages } from '../dumps/dump-pages.ts'
import { Loader } from '../dumps/loader.ts'
import type { Steps } from '../steps.ts'
import { connectPostgres, type Connecting } from './connect.ts'
import { asUnavailable, postgresTrouble } from './errors.ts'
import { setUnaccepted } from './node.ts'
import { migrate, schemaVersion, untimed } from './schema.ts'
import type { PostgresSession } from './session.ts'
import { turnLock } from './turn.ts'
import { describePlace } from './url.ts'

/** Fills an empty database. `openedMs`: the time at which the store's new audit writer begins. */
export function postgresLoader(connecting: Connecting, openedMs: number): LoadStore {
  return async (pages, entries, check) => {
    const session = await connectPostgres(connecting)
    try {
      const done = <T>(work: Promise<T>): Promise<T> => work.catch((error: unknown) => fail(session, error))
      await done(begin(session, describePlace(connecting.place)))
      const loader = new Loader()
      for await (const page of pages) await done(loadPage(session, loader, page))
      await done(session.take(loader.finish(entries, openedMs)))
      await done(setUnaccepted(session))
      if (check) await readBack((steps) => done(session.take(steps)), check)
      await done(session.commit())
      await session.end()
    } catch (error) {
      session.drop()
      throw error
    }
  }
}

async function loadPage(
  session: PostgresSession,
  loader: Loader,
  page: readonly DumpedRecord[],
): Promise<void> {
  for (const record of page) await session.take(loader.load(record))
  // The loader does not wait for the answers to all its statements. This query fails if one of them failed.
  await session.query('SELECT 1')
}

/** Reads the store in the transaction that made it. */
async function readBack(
  read: <T>(steps: Steps<T>) => Promise<T>,
  check: NonNullable<Parameters<LoadStore>[2]>,
): Promise<void> {
  await check({ counts: await read(dumpCounts()), pages: () => dumpPages(read) })
}

async function begin(session: PostgresSession, name: string): Promise<void> {
  await session.query(
    `BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = ${postgresTurnMs}; ${untimed}`,
  )
  await session.query(turnLock)
  if ((await schemaVersion(session)) > 0)
    throw new StoreUnavailable('unavailable', `a store is there already in ${name}; nothing was changed`)
  await migrate(session)
}

/** Reports an error of a statement as StoreUnavailable. Errors that the rules of the loader throw stay as they are. */
function fail(session: PostgresSession, error: unknown): never {
  const first = session.takeFailure() ?? error
  const isDriver = postgresTrouble(first) !== null || (first instanceof Error && 'severity' in first)
  throw isDriver ? asUnavailable('write the database', first) : first
}
