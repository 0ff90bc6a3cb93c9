// Makes a store on PostgreSQL of a dump (ports/backup.ts), in one transaction: until it is whole there are not even tables.

import type { LoadStore } from '../../ports/backup.ts'
import { limits } from '../../limits.ts'
import { StoreUnavailable } from '../../ports/store.ts'
import { dumpCounts, dumpPages } from '../dumps/dump-pages.ts'
import { Loader } from '../dumps/loader.ts'
import type { Steps } from '../steps.ts'
import { connect, type Connecting } from './connect.ts'
import { asUnavailable } from './errors.ts'
import { setUnaccepted } from './node.ts'
import { migrate, schemaVersion, turnLock } from './schema.ts'
import type { Session } from './session.ts'
import { describePlace } from './url.ts'

/** For an empty database. `openedMs`: the time of the new audit writer. */
export function postgresLoader(connecting: Connecting, openedMs: number): LoadStore {
  return async (pages, entries, check) => {
    const session = await connect(connecting)
    try {
      await begin(session, describePlace(connecting.place))
      const loader = new Loader()
      for await (const page of pages) {
        for (const record of page) await session.take(loader.load(record))
        await session.query('SELECT 1')
        const failed = session.takeFailure()
        if (failed !== undefined) throw failed
      }
      await session.take(loader.finish(entries, openedMs))
      await setUnaccepted(session)
      if (check) await readBack(session, check)
      await session.commit()
      await session.end()
    } catch (error) {
      session.drop()
      throw fromDatabase(error) ? asUnavailable('write the database', error) : error
    }
  }
}

/** In the same transaction. */
async function readBack(session: Session, check: NonNullable<Parameters<LoadStore>[2]>): Promise<void> {
  const read = <T>(steps: Steps<T>) => session.take(steps)
  await check({ counts: await read(dumpCounts()), pages: () => dumpPages(read) })
}

async function begin(session: Session, name: string): Promise<void> {
  await session.query(`BEGIN; SET LOCAL lock_timeout = ${limits.postgresTurnMs}`)
  await session.query(turnLock)
  if ((await schemaVersion(session)) > 0)
    throw new StoreUnavailable('unavailable', `a store is there already in ${name}; nothing was changed`)
  await migrate(session)
}

/** The driver's own, rather than what `pages` throws. */
function fromDatabase(error: unknown): boolean {
  return error instanceof Error && 'severity' in error
}
