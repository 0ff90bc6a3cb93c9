// Opens a backup without a server, and verifies its file: by the identity or the root key that a person names, or by the root key that the backup names.

import { readFile } from 'node:fs/promises'
import type { Manifest } from '../core/backup/manifest.ts'
import { openByIdentity, openByRootKeys, type BackupOpener } from '../core/backup/openers.ts'
import { cannotRead, readManifest } from '../core/backup/read.ts'
import { verifyBackup, type BackupProof } from '../core/backup/verify.ts'
import { apiKeyName } from '../core/instances/api-keys.ts'
import type { Installation } from './installation.ts'
import { absoluteRootKey, currentFolder, offlineRootKeys, type OfflineRootKeys } from './offline.ts'

/** A backup's file and what opens it; without either option the root key that it names. */
export interface OpenBackupOptions {
  readonly file: string
  readonly rootKey?: string
  /** A file with an age identity. */
  readonly identity?: string
  readonly onProgress: (done: number, total: number) => void
}

/**
 * Opens the backup with the identity, else with root keys: the named one, or that of the manifest. The API keys of instances are in the backup.
 */
export async function openerFor(
  manifest: Manifest,
  { identity, rootKey }: Pick<OpenBackupOptions, 'identity' | 'rootKey'>,
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

/** The result of verifying a backup, and which backup it is. */
export interface BackupVerified extends BackupProof, Pick<Manifest, 'id' | 'serverId' | 'created'> {
  readonly instances: readonly string[]
}

export async function verifyFile(
  { config, log }: Installation,
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
