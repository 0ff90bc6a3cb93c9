// The questions and orders of the admin API about restoring one instance from a backup's file that was sent here.
// features/restore/instance-restore.ts answers them and does the work, as a job that a request begins (jobs.ts).

import type { By } from '../../core/audit/actor.ts'
import { BackupError } from '../../core/backup/error.ts'
import { RootKeyError } from '../../core/ports/root-key.ts'
import type { Confirmation } from './backup-restore-routes.ts'
import { Refusal } from '../../base/refusal.ts'
import { refusalOf } from '../../doors/http/faults.ts'
import { Jobs, restoreUnderWay, serverStops, type Job } from '../../doors/http/jobs.ts'

/** Which instance of which file, and what opens it. */
export interface BackupOpening {
  /** The id of the upload. */
  readonly upload: string
  /** Its id or name in the backup; undefined: the only one. */
  readonly instance?: string
  /** URI of the root key that opens the backup, as this server reaches it; undefined: the server's own. */
  readonly rootKey?: string
  /** An age identity, instead of root keys. */
  readonly identity?: string
  /** A new name. */
  readonly name?: string
}

export interface InstanceRestoreWanted extends BackupOpening {
  /** Ids of the clients that are trusted again. */
  readonly clients: readonly string[]
  readonly confirmed: readonly Confirmation[]
}

export interface BackupClient {
  readonly id: string
  readonly name: string
  /** SHA-256 of its certificates. */
  readonly certificates: readonly string[]
  readonly authorities: readonly { readonly id: string; readonly subject: string }[]
  /** Why it cannot come back, or a certificate or CA of it; one sentence each. */
  readonly leftOut: readonly string[]
}

/** Tells what a restore would do. */
export interface BackupPreview {
  readonly backup: { readonly id: string; readonly serverId: string; readonly createdMs: number }
  readonly instance: {
    readonly id: string
    readonly name: string
    readonly custody: string
    readonly rootKey: string
    readonly objects: number
  }
  /** It was deleted on this server after the backup. */
  readonly gone: { readonly atMs: number; readonly shredded: boolean } | null
  /** This server knows what was closed since the backup, because its own audit log continues that of the backup. */
  readonly closingsKnown: boolean
  readonly clients: readonly BackupClient[]
  /** `confirmed` must have these. */
  readonly needed: readonly Confirmation[]
}

export interface InstanceRestoreReport {
  readonly instance: { readonly id: string; readonly name: string }
  readonly rootKey: string
  /** Objects that it has now, by state. */
  readonly objects: Readonly<Record<string, number>>
  /** Closed again, because this server's audit log or database says that they were closed since. */
  readonly closedAgain: number
  /** Objects whose material does not open. They are named, as many as `restoreNamedMax`. */
  readonly notOpening: { readonly count: number; readonly named: readonly string[] }
  /** Made after the backup under a data key that is gone. */
  readonly lost: { readonly count: number; readonly named: readonly string[] }
  readonly clients: readonly string[]
  readonly leftOut: readonly string[]
}

export interface InstanceRestoreProgress {
  readonly step: 'check' | 'write'
  readonly done: number
  readonly total: number
}

interface ShownInstanceRestore {
  readonly progress: InstanceRestoreProgress
}

export type InstanceRestore = Job<ShownInstanceRestore, InstanceRestoreReport>

export interface BackupRestoreAdministration {
  /** Makes room for a file of so many bytes; its id. Throws Refusal. */
  beginUpload(bytes: number): Promise<string>
  /** Adds bytes that begin at `at`; how many are here now. A part that is here already changes nothing. Throws Refusal. */
  addPart(upload: string, at: number, part: Uint8Array): Promise<number>
  /** False: there was none. */
  removeUpload(upload: string): Promise<boolean>
  /** Throws Refusal, BackupError and RootKeyError. */
  preview(opening: BackupOpening): Promise<BackupPreview>
  /** Begins it in the background. Throws as `preview` does. */
  begin(by: By, wanted: InstanceRestoreWanted): Promise<InstanceRestore>
  /** undefined: there was no restore with this id since the server started, or another one came after it. */
  show(id: string): InstanceRestore | undefined
}

/** The restores from backups. `onFailure`: called with an error that is a bug or an outage. */
export function instanceRestoreJobs(
  onFailure: (error: unknown) => void,
): Jobs<ShownInstanceRestore, InstanceRestoreReport> {
  return new Jobs({
    busy: restoreUnderWay,
    refusalOf: (error, stops) => restoreRefusal(error) ?? (stops ? serverStops() : undefined),
    onFailure,
  })
}

/** The administrator who named a backup and a root key is told what is wrong with them. Undefined: the error is not to be shown. */
export function restoreRefusal(error: unknown): Refusal | undefined {
  if (error instanceof BackupError) return new Refusal('refused', error.message, error.hint)
  if (error instanceof RootKeyError)
    return new Refusal(
      'refused',
      error.message,
      'Nothing of the instance is here yet. Do the same again then.',
    )
  return refusalOf(error)
}
