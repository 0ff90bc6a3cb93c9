// Opens a backup without a server: by the identity or the root key that a person names, or by the root key that the backup names.

import { readFile } from 'node:fs/promises'
import type { Manifest } from '../core/backup/manifest.ts'
import { openByIdentity, openByRootKeys, type BackupOpener } from '../core/backup/openers.ts'
import { cannotRead } from '../core/backup/read.ts'
import { apiKeyName } from '../core/instances/api-keys.ts'
import { absoluteRootKey, currentFolder, type OfflineRootKeys } from './offline.ts'

/**
 * Opens the backup with the identity, else with root keys: the named one, or that of the manifest. The API keys of instances are in the backup.
 */
export async function openerFor(
  manifest: Manifest,
  { identity, rootKey }: { readonly identity?: string; readonly rootKey?: string },
  rootKeys: OfflineRootKeys,
): Promise<BackupOpener> {
  if (identity !== undefined) return openByIdentity(manifest, await readNamed(identity))
  const own = await rootKeys.open(
    rootKey === undefined ? manifest.key.rootKey : absoluteRootKey(rootKey, currentFolder),
  )
  return openByRootKeys(manifest, own, (uri, id, secretOf) => {
    const apiKeyFor = (service: string) => readSecret(secretOf(apiKeyName(id, service)))
    return rootKeys.open(uri, { instance: { id, apiKeyFor } })
  })
}

/** A file of text that a person named. */
async function readNamed(file: string): Promise<string> {
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
