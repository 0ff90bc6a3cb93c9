// Opens the database file for the one writer: takes the lock, refuses a file that belongs to another program, is damaged, or needs a
// newer version, and brings the schema up to date. It changes nothing in an existing database before it has checked all of that.
//
// While SQLite has the database open, this process must not open the file in another way: closing any other descriptor of it would
// drop the locks that SQLite holds on it (POSIX).

import { chmodSync, closeSync, existsSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { StoreUnavailable } from '../../../core/ports/store.ts'
import { storeBusyMs } from './bounds.ts'
import { refuseOlderProgram, storedFeatures } from '../apply/apply-least-version.ts'
import { applicationId, migrations, selfDescribingFrom } from './migrations.ts'
import { sqliteText, sqliteTrouble } from './errors.ts'
import { Statements } from './statements.ts'
import { syncPath } from '../sync-path.ts'

/** A database up to this size is checked completely when the server opens it. */
const storeCheckBytesMax = 64 * 1024 * 1024

export interface OpenFile {
  readonly database: DatabaseSync
  close(): void
}

/** Throws StoreUnavailable: 'busy' if another process has the file, 'full' if the disk has no room, otherwise 'unavailable'. */
export function openFile(file: string, onNotice: (message: string) => void = () => {}): OpenFile {
  const lock = takeLock(`${file}.lock`)
  let database: DatabaseSync | undefined
  try {
    refuseLostFile(file)
    createPrivate(file)
    for (const suffix of ['', '-wal', '-shm']) if (existsSync(file + suffix)) chmodSync(file + suffix, 0o600)
    database = new DatabaseSync(file, { timeout: storeBusyMs })
    const opened = database
    prepare(opened, file, onNotice)
    return {
      database: opened,
      close() {
        opened.close()
        lock.close()
      },
    }
  } catch (error) {
    database?.close()
    lock.close()
    throw error instanceof StoreUnavailable ? error : unavailable(file, error)
  }
}

/**
 * The lock is SQLite's exclusive lock on an empty database beside the file, so it ends with the process, however the process ends.
 * The database itself cannot be locked, since this process reads it through a second connection.
 */
export function takeLock(file: string): DatabaseSync {
  createPrivate(file)
  const lock = new DatabaseSync(file, { timeout: 0 })
  try {
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    return lock
  } catch (error) {
    lock.close()
    if (sqliteTrouble(error) !== 'busy') throw unavailable(file, error)
    throw new StoreUnavailable(
      'busy',
      `another process has this data folder open (it holds ${file}). One server only may use it: ` +
        'stop the other one, or give this one a data folder of its own',
    )
  }
}

/** Refuses a write-ahead log whose database is gone: SQLite would silently discard the log. */
function refuseLostFile(file: string): void {
  if (sizeBytes(file) > 0 || sizeBytes(`${file}-wal`) === 0) return
  throw new StoreUnavailable(
    'unavailable',
    `${file} is missing or empty, but its write-ahead log ${file}-wal is there and holds data. Nothing was ` +
      'changed. Bring both files back together, or move the log away to begin with an empty store',
  )
}

function sizeBytes(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

function createPrivate(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST'))
      throw unavailable(file, error)
  }
}

function prepare(database: DatabaseSync, file: string, onNotice: (message: string) => void): void {
  const version = pragma(database, 'user_version')
  const application = pragma(database, 'application_id')
  const tables = database.prepare('SELECT count(*) AS count FROM sqlite_schema').get()
  if (application !== applicationId && (application !== 0 || version !== 0 || tables?.['count'] !== 0))
    throw new StoreUnavailable(
      'unavailable',
      `${file} is a SQLite database of another program; nothing was changed`,
    )
  checkWhole(database, file)
  refuseOlderThanLeast(database, file)
  refuseOlderForm(database, version)
  const { journal_mode: mode } = database.prepare('PRAGMA journal_mode = WAL').get() ?? {}
  if (mode !== 'wal')
    throw new StoreUnavailable(
      'unavailable',
      `${file} cannot have a write-ahead log: use a local file system`,
    )
  database.exec(`
    PRAGMA secure_delete = ON;
    PRAGMA synchronous = FULL;
    PRAGMA cell_size_check = ON;
    PRAGMA trusted_schema = OFF;
    PRAGMA cache_size = -32768;
    PRAGMA wal_autocheckpoint = 4000;
    PRAGMA journal_size_limit = 67108864;`)
  if (version > 0 && version < migrations.length) keepCopy(database, { file, version }, onNotice)
  migrate(database, version)
}

/** Throws StoreUnavailable if the database names a feature that this program does not know (core/ports/least-version.ts). */
export function refuseOlderThanLeast(database: DatabaseSync, file: string): void {
  const table = database.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'least_version'`).get()
  if (table) refuseOlderProgram(new Statements(database).take(storedFeatures()), file)
}

/** Refuses instances whose standard keys have an older form. Such a key does not say what it holds, so this program cannot read it. */
function refuseOlderForm(database: DatabaseSync, version: number): void {
  if (version === 0 || version >= selfDescribingFrom) return
  const names = database
    .prepare(
      `SELECT body ->> '$.name' AS name FROM trust
       WHERE kind = 'instance' AND 'keyprotect' IN (body ->> '$.custody', body ->> '$.work.fromCustody')`,
    )
    .all()
    .map(({ name }) => String(name))
  if (names.length === 0) return
  throw new StoreUnavailable(
    'unavailable',
    `the keys of the ${names.length === 1 ? 'instance' : 'instances'} ${names.join(', ')} are stored at the root key's ` +
      'service in a form that this version does not read. Nothing was changed. Start the version that made them, move ' +
      'each to the database (mortise instance set-root-key NAME --root-key URI --custody database), and start this ' +
      'version again; then move them back the same way with --custody keyprotect',
  )
}

function checkWhole(database: DatabaseSync, file: string): void {
  if (pragma(database, 'page_count') * pragma(database, 'page_size') > storeCheckBytesMax) return
  const verdict = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
  if (verdict !== 'ok') throw damaged(file, String(verdict))
}

/** Keeps a copy of the database before this version changes its schema, and tells the administrator how to go back to the copy. */
function keepCopy(
  database: DatabaseSync,
  { file, version }: { readonly file: string; readonly version: number },
  onNotice: (message: string) => void,
): void {
  const copy = `${file}.schema-${version}`
  const unfinished = `${copy}.new`
  rmSync(unfinished, { force: true })
  onNotice(
    `the database ${file} has schema ${version}, and this version of Mortise needs ${migrations.length}: it is changed now. ` +
      `A copy as it was is kept in ${copy}. To go back to the earlier version: stop the server, move ${file}-wal and ${file}-shm ` +
      'away, put the copy in the place of the database, and run restore-accept of the earlier version. Keys that were made ' +
      'in between are lost then. Delete the copy once you keep this version',
  )
  try {
    // VACUUM INTO accepts an empty file. So the copy has the file's private mode from the start.
    createPrivate(unfinished)
    database.prepare('VACUUM INTO ?').run(unfinished)
    syncPath(unfinished)
    renameSync(unfinished, copy)
    syncPath(path.dirname(copy))
  } catch (cause) {
    rmSync(unfinished, { force: true })
    const message = `no copy of ${file} can be made before it is changed: ${sqliteText(cause)}. Nothing was changed. Make room`
    throw new StoreUnavailable(sqliteTrouble(cause) === 'full' ? 'full' : 'unavailable', message, { cause })
  }
}

/** One transaction, so that the disk is flushed once, and a kill or a full disk in the middle leaves the file as it was. */
function migrate(database: DatabaseSync, from: number): void {
  if (from >= migrations.length) return
  database.exec(`
    BEGIN IMMEDIATE;
    ${migrations.slice(from).join(';\n')};
    PRAGMA application_id = ${applicationId};
    PRAGMA user_version = ${migrations.length};
    COMMIT;`)
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name])
}

function damaged(file: string, what: string): StoreUnavailable {
  return new StoreUnavailable(
    'unavailable',
    `${file} is damaged or is no database (${what}). Nothing was changed. Keep a copy, and restore a backup`,
  )
}

function unavailable(file: string, error: unknown): StoreUnavailable {
  const trouble = sqliteTrouble(error)
  if (trouble === 'damaged') return damaged(file, sqliteText(error))
  const why = trouble === 'full' || (error instanceof Error && 'code' in error && error.code === 'ENOSPC')
  return new StoreUnavailable(why ? 'full' : 'unavailable', `open ${file}: ${sqliteText(error)}`, {
    cause: error,
  })
}
