// Holds the SQLite store of a stopped server: while a command reads all of the store, no server starts on it or changes it. It refuses
// a store that a server must first bring up to date. It changes nothing in the store.

import { existsSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { storeBusyMs } from './bounds.ts'
import { StoreUnavailable } from '../../../core/ports/store.ts'
import { accessFileOf, anchorFileOf, refuseUnsafeFolder } from '../data-folder.ts'
import { applicationId, migrations } from './migrations.ts'
import { sqliteText } from './errors.ts'
import { refuseOlderThanLeast, takeLock } from './file.ts'

export interface Held {
  /** Rejects with StoreUnavailable if another process could have written since the hold was taken. */
  check(): Promise<void>
  close(): Promise<void>
}

/** Throws StoreUnavailable if a server uses the store, or if a server must be started and stopped on it once more. */
export function holdSqlite(file: string): Held {
  if (!existsSync(file)) throw new StoreUnavailable('unavailable', `there is no database ${file}`)
  refuseUnsafeFolder(file)
  const lock = takeUnused(file)
  try {
    refuseOtherSchema(file)
    refuseLeftRecords(accessFileOf(file))
  } catch (error) {
    lock.close()
    throw error
  }
  return { check: async () => undefined, close: async () => lock.close() }
}

/** Holds the place of a store that is to be made. Throws StoreUnavailable if any file of a store is there already. */
export function holdPlace(file: string): Held {
  refuseStore(file)
  refuseUnsafeFolder(file)
  const lock = takeLock(`${file}.lock`)
  const close = () => {
    // The lock's file is removed while this process still has the lock, so the next process makes a new file.
    if (!existsSync(file)) rmSync(`${file}.lock`, { force: true })
    lock.close()
  }
  try {
    // Another process may have made a store before this process had the lock.
    refuseStore(file)
  } catch (error) {
    close()
    throw error
  }
  return { check: async () => undefined, close: async () => close() }
}

function takeUnused(file: string): DatabaseSync {
  try {
    return takeLock(`${file}.lock`)
  } catch (error) {
    if (!(error instanceof StoreUnavailable) || error.why !== 'busy') throw error
    throw new StoreUnavailable(
      'busy',
      `${file} is in use: a server runs on it. Stop that server, then repeat`,
      {
        cause: error,
      },
    )
  }
}

function refuseStore(file: string): void {
  const left = ['', '-wal', '-journal'].map((suffix) => file + suffix)
  const existing = [...left, anchorFileOf(file), accessFileOf(file)].find((one) => existsSync(one))
  if (existing === undefined) return
  throw new StoreUnavailable(
    'unavailable',
    `${existing} is there already; nothing was changed. Name an empty folder, or move what is there away`,
  )
}

function refuseOtherSchema(file: string): void {
  let database: DatabaseSync | undefined
  let header: { readonly application: number; readonly version: number }
  try {
    database = new DatabaseSync(file, { readOnly: true, timeout: storeBusyMs })
    const pragma = (name: string) => Number(database?.prepare(`PRAGMA ${name}`).get()?.[name])
    header = { application: pragma('application_id'), version: pragma('user_version') }
    if (header.application === applicationId) refuseOlderThanLeast(database, file)
  } catch (cause) {
    if (cause instanceof StoreUnavailable) throw cause
    throw new StoreUnavailable('unavailable', `read ${file}: ${sqliteText(cause)}`, { cause })
  } finally {
    database?.close()
  }
  if (header.application !== applicationId)
    throw new StoreUnavailable('unavailable', `${file} is no database of Mortise`)
  if (header.version !== migrations.length) throw otherSchema(file, header.version, migrations.length)
}

export function otherSchema(name: string, version: number, known: number): StoreUnavailable {
  return new StoreUnavailable(
    'unavailable',
    version < known
      ? `${name} has schema ${version}, and this version of Mortise needs ${known}. Start the server on it once with this ` +
          'version and stop it again, then repeat'
      : `${name} was made by a newer version of Mortise (schema ${version}; this one knows up to ${known}). Use that version`,
  )
}

/** Refuses records of reads that the last server did not move into the audit log: only a server can move them, with the root key. */
function refuseLeftRecords(accessFile: string): void {
  if ((statSync(accessFile, { throwIfNoEntry: false })?.size ?? 0) === 0) return
  throw new StoreUnavailable(
    'unavailable',
    `the last server in ${path.dirname(accessFile)} ended before it brought all records of reads into the audit log ` +
      `(${path.basename(accessFile)}). Start it once, stop it, and repeat`,
  )
}
