// The messages between a server and the thread that writes a backup. Types only.

import type { Manifest } from '../../core/backup/manifest.ts'
import type { FileKeys } from '../../core/backup/keys.ts'
import type { StorePlace } from '../../host/store-place.ts'

/** Given to the thread when it starts. */
export interface BackupJob {
  readonly store: StorePlace
  readonly file: string
  readonly force: boolean
  readonly writer: string
  readonly keys: FileKeys
  readonly about: Pick<Manifest, 'version' | 'id' | 'serverId' | 'created' | 'key'>
  readonly freeBytesMin: number
}

export type ToBackup = { readonly type: 'recipients'; readonly recipients: Manifest['recipients'] }

export type FromBackup =
  /** The moment of the backup is fixed. */
  | { readonly type: 'opened' }
  | { readonly type: 'progress'; readonly done: number; readonly total: number }
  | { readonly type: 'done'; readonly manifest: Manifest }
  | { readonly type: 'failed'; readonly message: string; readonly hint: string | undefined }
