// Opens what a backup holds: with the root keys that sealed it, or with the keys that it carries for a recipient.

import type { RootKey } from '../ports/root-key.ts'
import type { DataKeyRecord, SecretRecord } from '../ports/secrets.ts'
import { takeKey, type DataKey } from '../sealing/envelope.ts'
import { unwrapDataKey } from '../sealing/keyring.ts'
import { openSecret, systemKeyIdOf, unwrapSystemKey } from '../sealing/secrets.ts'
import { BackupError } from './error.ts'
import { openAsRecipient, openFileKey, type CarriedKeys, type FileKeys } from './keys.ts'
import type { Manifest } from './manifest.ts'

export interface BackupOpener {
  readonly fileKeys: FileKeys
  /** Throws RootKeyError, WrongRootKey or BackupError. */
  systemKey(secrets: readonly SecretRecord[]): Promise<DataKey>
  /**
   * Returns undefined if the backup does not carry the data key for its recipients, as for an instance whose keys are in Key
   * Protect. Call it after `systemKey`. Throws RootKeyError and EnvelopeError.
   */
  dataKey(record: DataKeyRecord): Promise<DataKey | undefined>
}

/** A secret of the server in the backup, by its name. The caller must wipe it. Throws EnvelopeError. */
export type SecretOf = (name: string) => Buffer | undefined

const noSecret: SecretOf = () => undefined

/**
 * `own`: the server's root key. `open`: opens those of instances; their API keys are among the secrets. Throws RootKeyError and
 * BackupError.
 */
export async function openByRootKeys(
  manifest: Manifest,
  own: RootKey,
  open: (uri: string, instanceId: string, secretOf: SecretOf) => Promise<RootKey>,
): Promise<BackupOpener> {
  let secretOf = noSecret
  return {
    fileKeys: await openFileKey(manifest, own),
    systemKey: async (secrets) => {
      const { system, bytes } = await unwrapSystemKey(secrets, own)
      const key = { id: system.dataKeyId, key: takeKey(bytes) }
      secretOf = (name) => {
        const record = secrets.find((one) => one.name === name)
        return record && openSecret(key, record)
      }
      return key
    },
    dataKey: async (record) => {
      // The root key file may have moved: then the same key has another URI.
      const isOwn = record.rootKeyId === own.id
      const rootKey = isOwn ? own : await open(record.rootKeyUri, record.instanceId, secretOf)
      return { id: record.id, key: takeKey(await unwrapDataKey(record, rootKey)) }
    },
  }
}

/** Throws BackupError. */
export async function openByIdentity(manifest: Manifest, identity: string): Promise<BackupOpener> {
  const { keys, carried } = await openAsRecipient(manifest, identity)
  return {
    fileKeys: keys,
    systemKey: async (secrets) => {
      const id = systemKeyIdOf(secrets)
      const key = taken(carried, 'system', id)
      if (!key) throw new BackupError('the backup carries no key of its server for its recipients')
      return key
    },
    dataKey: async ({ id }) => taken(carried, id, id),
  }
}

function taken(carried: CarriedKeys, name: string, id: string): DataKey | undefined {
  const bytes = carried.get(name)
  return bytes && { id, key: takeKey(Buffer.from(bytes)) }
}
