// Opens the embedded store. The file and what belongs to it lie in one folder: the database, its write-ahead log
// (-wal, -shm), the lock (.lock), the reserve for a full disk (.reserve), the anchor (.anchor), and the access log (.access).

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
/** Reserved on the data disk, so that access records of Get can be written when the disk is full. */
export const diskReserveBytes = 16 * 1024 * 1024

export interface SqliteOptions {
  /** The database file. It is made (0600) where there is none, its folder (0700) too. */
  readonly file: string
  readonly clock: Clock
  /** Called with a sentence for the log: changes are refused or taken again, material stays too long, the writer ended. */
  readonly onTrouble?: (message: string) => void
  /** Called with a sentence before the database is changed for this version. */
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
 * Rejects with StoreUnavailable and changes nothing when another process has the file ('busy'), or when it is
 * damaged, of another program or of a newer version, or when others may write where it lies ('unavailable').
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

/** Otherwise a start would make a new store, beside the one that the administrator wants to restore. */
function refuseHalfRestored(file: string): void {
  if (existsSync(file) || !existsSync(restoringFileOf(file))) return
  throw new StoreUnavailable(
    'unavailable',
    `a restore into ${path.dirname(file)} did not end. Nothing was changed. Give the same mortise restore command again, ` +
      `or remove ${restoringFileOf(file)} to begin anew`,
  )
}
