// `mortise backup verify`: verifies a backup's file without a server. Part of the composition root.

import { readManifest } from '../../core/backup/read.ts'
import { verifyBackup } from '../../core/backup/verify.ts'
import type { BackupVerified, OpenBackupOptions } from '../../doors/cli/world.ts'
import type { Config } from '../../outside/config/options.ts'
import type { Log } from '../../core/ports/log.ts'
import { openerFor } from '../../host/backup-opener.ts'
import { offlineRootKeys } from '../../host/offline.ts'

export async function verifyFile(
  { config, log }: { readonly config: Config; readonly log: Log },
  options: OpenBackupOptions & { readonly all: boolean },
): Promise<BackupVerified> {
  const { file, all, onProgress } = options
  const manifest = await readManifest(file)
  await using rootKeys = await offlineRootKeys(config, log)
  const opener = await openerFor(manifest, options, rootKeys)
  const proof = await verifyBackup({ file, manifest, opener, all, onProgress })
  const { id, created, serverId, instances } = manifest
  return { id, created, serverId, ...proof, instances: instances.map(({ name }) => name) }
}
