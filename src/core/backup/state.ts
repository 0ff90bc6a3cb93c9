// The notes of a server about its backups, beside their files: their copies elsewhere, the last check, the last failure.

import type { Manifest } from './manifest.ts'

/** The server notes this of the backups beside their files. Times in milliseconds since 1970. */
export interface BackupState {
  /** The newest one of which `after` said that it is elsewhere: its objects by instance. */
  readonly elsewhere?: {
    readonly id: string
    readonly createdMs: number
    readonly objects: Readonly<Record<string, number>>
    /** Notes of old versions lack it. */
    readonly audit?: Manifest['audit']
  }
  /** The last one that somebody verified. */
  readonly verified?: { readonly id: string; readonly atMs: number }
  /** Why the last attempt failed; null: it succeeded. */
  readonly failure?: { readonly atMs: number; readonly message: string } | null
}
