// The questions and orders of the admin API about backups. features/backup/backups.ts answers them.

import type { By } from '../../core/audit/actor.ts'
import type { Grantor } from '../../core/trust/grantor.ts'

export interface BackupShown {
  readonly id: string
  readonly file: string
  readonly createdMs: number
  readonly bytes: number
  readonly version: string
  /** Destroyed ones included. */
  readonly objects: number
  readonly entries: number
  readonly rootKeys: readonly string[]
  readonly recipients: readonly string[]
  /** `after` said that it is elsewhere too, or a newer one. */
  readonly elsewhere: boolean
}

export interface BackupFacts {
  readonly last: BackupShown | null
  /** Why the last attempt failed; null if it did not. */
  readonly failure: { readonly atMs: number; readonly message: string } | null
  /** Null: none runs. */
  readonly running: { readonly done: number; readonly total: number } | null
  /** Objects made since the last backup. */
  readonly keysAtRisk: number
  /** Objects in no backup that `after` confirmed elsewhere. */
  readonly keysOnlyHere: number
  readonly verifiedMs: number | null
  /** A new backup should have been made by now. */
  readonly tooOld: boolean
  readonly folder: string
  /** Why the folder tells nothing, as on a network disk that is gone; null: it does. Otherwise the rest is what was known last. */
  readonly folderTrouble: string | null
  /** Backups are made by themselves. */
  readonly scheduled: boolean
}

export interface BackupAdministration {
  /** Throws BackupError if the folder does not answer, as the methods below do. */
  list(): Promise<readonly BackupShown[]>
  /** Answers in a bounded time. */
  facts(): Promise<BackupFacts>
  /** Waits for one that runs. Throws BackupError and RootKeyError. */
  create(by: By | Grantor, recipients: readonly string[]): Promise<BackupShown>
  /** The file's bytes; it is opened with the first read. Undefined if there is no such backup. */
  read(id: string): Promise<AsyncIterable<Uint8Array> | undefined>
  /** Records that it was verified. False if there is no such backup. */
  noteVerified(by: By, id: string): Promise<boolean>
}
