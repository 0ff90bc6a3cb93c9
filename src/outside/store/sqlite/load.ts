// Makes a SQLite store of a dump (core/ports/backup.ts), beside its place, and moves it there when it is whole and on the
// disk. Until then the file has another name, so that no server takes it for a store, and its place is held, so that no other
// process makes one there.

import { renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { AuditEntry } from '../../../core/ports/audit.ts'
import type { DumpedRecord, LoadStore } from '../../../core/ports/backup.ts'
import { StoreUnavailable } from '../../../core/ports/store.ts'
import { openSqliteDump } from './dump.ts'
import { Loader } from '../dumps/loader.ts'
import { sqliteText, sqliteTrouble } from './errors.ts'
import { openFile } from './file.ts'
import { holdPlace } from './hold.ts'
import { Statements } from './statements.ts'
import { syncPath } from '../sync-path.ts'

/** The endings of the files that SQLite and openFile put beside a database. */
const besides = ['', '-wal', '-shm', '-journal', '.lock']

/** The file that a restore fills, beside the database that it will be. */
export function restoringFileOf(file: string): string {
  return `${file}.restoring`
}

/** For the store that will be `file`. `openedMs`: the time of the new audit writer. */
export function sqliteLoader(file: string, openedMs: number): LoadStore {
  return async (pages, entries, check) => {
    const held = holdPlace(file)
    const restoring = restoringFileOf(file)
    removeLoaded(restoring)
    try {
      await fill(restoring, pages, entries, openedMs)
      syncPath(restoring)
      if (check) await readBack(restoring, check)
      renameSync(restoring, file)
      syncPath(path.dirname(file))
    } catch (error) {
      removeLoaded(restoring)
      throw asUnavailable(restoring, error)
    } finally {
      rmSync(`${restoring}.lock`, { force: true })
      await held.close()
    }
  }
}

async function readBack(restoring: string, check: NonNullable<Parameters<LoadStore>[2]>): Promise<void> {
  const dump = openSqliteDump(restoring)
  try {
    await check({ counts: dump.counts, pages: () => dump.pages() })
  } finally {
    await dump.close()
    for (const suffix of ['-wal', '-shm']) rmSync(restoring + suffix, { force: true })
  }
}

function removeLoaded(restoring: string): void {
  for (const suffix of besides) rmSync(restoring + suffix, { force: true })
}

async function fill(
  restoring: string,
  pages: AsyncIterable<readonly DumpedRecord[]>,
  entries: readonly AuditEntry[],
  openedMs: number,
): Promise<void> {
  const opened = openFile(restoring)
  try {
    const { database } = opened
    // The file counts only once it is whole and synced as a whole, so nothing before that need be.
    database.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -131072')
    const statements = new Statements(database)
    const loader = new Loader()
    for await (const page of pages)
      transact(database, () => page.forEach((record) => statements.take(loader.load(record))))
    transact(database, () => statements.take(loader.finish(entries, openedMs)))
    intoDatabase(database)
  } finally {
    opened.close()
  }
}

/** Only the database is moved to its place. Closing would pass over a log that the disk has no room for. */
function intoDatabase(database: DatabaseSync): void {
  const { busy } = database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() ?? {}
  if (busy !== 0) throw new Error('another program reads the database that is being restored')
}

function transact(database: DatabaseSync, work: () => void): void {
  database.exec('BEGIN IMMEDIATE')
  work()
  database.exec('COMMIT')
}

function asUnavailable(file: string, error: unknown): unknown {
  const trouble = sqliteTrouble(error)
  const full = trouble === 'full' || (error instanceof Error && 'code' in error && error.code === 'ENOSPC')
  if (!full && trouble === null) return error
  const why = full ? 'full' : trouble === 'busy' ? 'busy' : 'unavailable'
  return new StoreUnavailable(why, `write ${file}: ${sqliteText(error)}`, { cause: error })
}
