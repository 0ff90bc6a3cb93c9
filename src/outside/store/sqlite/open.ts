// Opens the embedded store. All its files lie in one folder: the database, its write-ahead log (-wal, -shm), the lock (.lock), the
// reserve for a full disk (.reserve), the anchor (.anchor), and the access log (.access).

import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import type { AnchoredStore } from '../../../core/ports/anchor.ts'
import { StoreUnavailable, type Store } from '../../../core/ports/store.ts'
import type { Clock } from '../../../core/ports/clock.ts'
import { cannotMakeFolder, refuseUnsafeFolder } from '../data-folder.ts'
import type { CommitWatch } from '../database-store.ts'
import { restoringFileOf } from './load.ts'
import { SqliteStore } from './store.ts'
import type { StoreThreads } from '../threads.ts'
import { WriterThread } from './writer-thread.ts'

/** Destroyed material leaves the files of the database within this time. */
export const destroyedGoneMs = 10_000
/** The store reserves this on the data disk, so that it can write access records of Gets when the disk is full. */
export const diskReserveBytes = 16 * 1024 * 1024

export interface SqliteOptions {
  /** The database file. If it does not exist, the store makes it (mode 0600), and its folder (mode 0700). */
  readonly file: string
  readonly clock: Clock
  /** Called with a sentence for the log: changes are refused or accepted again, destroyed material stays too long, the writer ended. */
  readonly onTrouble?: (message: string) => void
  /** Called with a sentence for the log before the store changes the database for this version. */
  readonly onNotice?: (message: string) => void
  /** Called after each commit: how long its caller waited, and how it ended. */
  readonly onCommit?: CommitWatch
  /** Default diskReserveBytes. */
  readonly reserveBytes?: number
  /** How soon destroyed material must have left the log. Default destroyedGoneMs. */
  readonly destroyedGoneMs?: number
  readonly threads?: StoreThreads | undefined
}

/**
 * Rejects with StoreUnavailable and changes nothing if another process has the file ('busy'), if the file is damaged, belongs to
 * another program or needs a newer version, or if other users may write it or its folder ('unavailable').
 */
export async function openSqliteStore(options: SqliteOptions): Promise<Store & AnchoredStore> {
  const file = path.resolve(options.file)
  const writer = randomUUID()
  try {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw cannotMakeFolder(path.dirname(file), cause)
  }
  refuseUnsafeFolder(file)
  refuseHalfRestored(file)
  const thread = await WriterThread.start(
    {
      file,
      writer,
      openedMs: options.clock.now(),
      reserveBytes: options.reserveBytes ?? diskReserveBytes,
      destroyedGoneMs: options.destroyedGoneMs ?? destroyedGoneMs,
    },
    options.onTrouble ?? (() => {}),
    { clock: options.clock, onNotice: options.onNotice, startWriter: options.threads?.startWriter },
  )
  try {
    return new SqliteStore({ ...options, file, writer, thread })
  } catch (cause) {
    await thread.close()
    throw new StoreUnavailable('unavailable', `open ${file} for reading: ${String(cause)}`, { cause })
  }
}

/** Refuses to start after a restore that did not end: the start would make a new store in the place of the restored one. */
function refuseHalfRestored(file: string): void {
  if (existsSync(file) || !existsSync(restoringFileOf(file))) return
  throw new StoreUnavailable(
    'unavailable',
    `a restore into ${path.dirname(file)} did not end. Nothing was changed. Give the same mortise restore command again, ` +
      `or remove ${restoringFileOf(file)} to begin with an empty store`,
  )
}
