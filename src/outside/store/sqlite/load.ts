// Makes a SQLite store from a dump (core/ports/backup.ts), in a file beside the store's place, and moves the file there once it is
// whole and on the disk. Until then the file has another name, so that no server opens it as a store, and the loader holds the place,
// so that no other process makes a store there.

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

/** The endings of a database and of the files that SQLite and openFile put beside it. */
const besides = ['', '-wal', '-shm', '-journal', '.lock']

/** The file that a restore fills. Once it is whole, it becomes the database `file`. */
export function restoringFileOf(file: string): string {
  return `${file}.restoring`
}

/** Makes the store `file`. `openedMs`: the time at which its new audit writer begins. */
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
    // The file becomes a store only after the caller has synced all of it, so no commit before that needs a sync.
    database.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -131072')
    const statements = new Statements(database)
    const loader = new Loader()
    for await (const page of pages)
      transact(database, () => page.forEach((record) => statements.take(loader.load(record))))
    transact(database, () => statements.take(loader.finish(entries, openedMs)))
    moveLogIntoDatabase(database)
  } finally {
    opened.close()
  }
}

/** The loader moves only the database to its place, not the write-ahead log. If the disk is full, closing would silently keep the log. */
function moveLogIntoDatabase(database: DatabaseSync): void {
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
