// A backup as the admin API shows it. Part of the composition root.

import type { BackupShown } from './port.ts'
import type { KeptBackup } from './folder.ts'

/** `elsewhereMs`: when the newest one was made that was copied elsewhere. */
export function shownBackup(
  { file, manifest, createdMs, bytes }: KeptBackup,
  elsewhereMs: number,
): BackupShown {
  const { id, version, instances, audit, rootKeys, recipients } = manifest
  return {
    id,
    file,
    createdMs,
    bytes,
    version,
    objects: instances.reduce((sum, { objects }) => sum + objects, 0),
    entries: audit.entries,
    rootKeys: rootKeys.map(({ uri }) => uri),
    recipients: recipients?.to ?? [],
    elsewhere: createdMs <= elsewhereMs,
  }
}
