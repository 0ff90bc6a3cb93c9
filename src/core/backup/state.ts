// The notes of a server about its backups, beside their files: their copies elsewhere, the last verification, the last failure.

import type { Manifest } from './manifest.ts'

/** The server writes this beside the files of its backups. Times in milliseconds since 1970. */
export interface BackupState {
  /** The newest backup whose `after` command reported a copy elsewhere: its objects by instance. */
  readonly elsewhere?: {
    readonly id: string
    readonly createdMs: number
    readonly objects: Readonly<Record<string, number>>
    /** Notes of old versions lack it. */
    readonly audit?: Manifest['audit']
  }
  /** The last backup that an administrator verified. */
  readonly verified?: { readonly id: string; readonly atMs: number }
  /** Why the last attempt failed; null: it succeeded. */
  readonly failure?: { readonly atMs: number; readonly message: string } | null
}
