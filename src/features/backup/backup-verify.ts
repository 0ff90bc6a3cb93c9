// `mortise backup verify`: verifies a backup's file without a server. Part of the composition root.

import { readFile } from 'node:fs/promises'
import { openByIdentity, openByRootKeys, type BackupOpener } from '../../core/backup/openers.ts'
import type { Manifest } from '../../core/backup/manifest.ts'
import { cannotRead, readManifest } from '../../core/backup/read.ts'
import { verifyBackup } from '../../core/backup/verify.ts'
import type { BackupVerified, OpenBackupOptions } from '../../doors/cli/world.ts'
import type { Config } from '../../outside/config/options.ts'
import { apiKeyName } from '../../core/instances/api-keys.ts'
import type { Log } from '../../core/ports/log.ts'
import { absoluteRootKey, currentFolder, offlineRootKeys, type OfflineRootKeys } from '../../host/offline.ts'

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

/**
 * Opens the backup with the identity that was given, else with root keys: the one that was given, or the one that the manifest
 * names. The API keys of instances are in the backup.
 */
export async function openerFor(
  manifest: Manifest,
  { identity, rootKey }: Pick<OpenBackupOptions, 'identity' | 'rootKey'>,
  rootKeys: OfflineRootKeys,
): Promise<BackupOpener> {
  if (identity !== undefined) return openByIdentity(manifest, await readGiven(identity))
  const own = await rootKeys.open(
    rootKey === undefined ? manifest.key.rootKey : absoluteRootKey(rootKey, currentFolder),
  )
  return openByRootKeys(manifest, own, (uri, id, secretOf) => {
    const apiKeyFor = (service: string) => readSecret(secretOf(apiKeyName(id, service)))
    return rootKeys.open(uri, { instance: { id, apiKeyFor } })
  })
}

/** A file of text that a person named. */
async function readGiven(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw cannotRead(file, cause)
  }
}

function readSecret(bytes: Buffer | undefined): string | undefined {
  const text = bytes?.toString('utf8')
  bytes?.fill(0)
  return text
}
