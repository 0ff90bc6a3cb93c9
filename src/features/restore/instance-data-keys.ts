// The data keys of an instance in a backup, opened, and as this server stores them: sealed as they are where this server has
// their root key, otherwise under its own. Part of the composition root.

import { BackupError } from '../../core/backup/error.ts'
import { RootKeyError, type OpenRootKey, type RootKey } from '../../core/ports/root-key.ts'
import { isRootKeyFile } from '../../base/root-key-file.ts'
import type { DataKeyRecord } from '../../core/ports/secrets.ts'
import { takeKey, type DataKey } from '../../core/sealing/envelope.ts'
import { unwrapDataKey, wrapDataKey } from '../../core/sealing/keyring.ts'
import type { Instance } from '../../core/trust/rows.ts'
import type { InstanceInBackup } from './instance-backup.ts'

export interface OpenedDataKeys {
  readonly keys: ReadonlyMap<string, DataKey>
  /** As they are to be stored. */
  readonly records: readonly DataKeyRecord[]
  /** With the root key that it has from now on. */
  readonly instance: Instance
}

export interface RestoreRootKeys {
  /** The server's own: takes over data keys whose root key is not here. */
  readonly own: RootKey
  readonly open: OpenRootKey
  /** The backup was opened by something else than this server's root key. */
  readonly mayTakeOver: boolean
}

/** Throws BackupError, RootKeyError, and what the opener throws. */
export async function openDataKeys(root: RestoreRootKeys, found: InstanceInBackup): Promise<OpenedDataKeys> {
  const { instance, opener } = found
  const keys = new Map<string, DataKey>()
  const records: DataKeyRecord[] = []
  let takenOver = false
  for (const record of found.dataKeys) {
    const here = await openHere(root, record)
    if (here) {
      records.push(record)
      keys.set(record.id, here)
      continue
    }
    requireInDatabase(instance, record)
    const bytes = (await opener.dataKey(record))?.key.export()
    if (!bytes) throw new BackupError(`the backup carries no key ${record.id} for its recipients`)
    records.push(await wrapDataKey(record, bytes, root.own))
    keys.set(record.id, { id: record.id, key: takeKey(bytes) })
    takenOver = true
  }
  if (records.length === 0)
    throw new BackupError(`the backup has no data key of the instance ${instance.name}`)
  if (!takenOver || records.some(({ rootKeyUri }) => rootKeyUri === instance.rootKeyUri))
    return { keys, records, instance }
  // A move that was under way led to a root key that is not here, or away from one.
  const { work: _, ...rest } = instance
  return { keys, records, instance: { ...rest, rootKeyUri: root.own.uri } }
}

/** undefined: this server does not have its root key, and may take the data key over. */
async function openHere(
  { open, mayTakeOver }: RestoreRootKeys,
  record: DataKeyRecord,
): Promise<DataKey | undefined> {
  try {
    const rootKey = await open(record.rootKeyUri, record.instanceId)
    if (rootKey.id !== record.rootKeyId && mayTakeOver) return undefined
    return { id: record.id, key: takeKey(await unwrapDataKey(record, rootKey)) }
  } catch (error) {
    if (!mayTakeOver || !(error instanceof RootKeyError)) throw error
    // A service that does not answer now may answer later: its root key stays the one.
    if (error.reach === 'unreachable' && !isRootKeyFile(record.rootKeyUri)) throw error
    return undefined
  }
}

function requireInDatabase({ name, custody, work }: Instance, { rootKeyUri }: DataKeyRecord): void {
  if (custody === 'database' && (work === undefined || work.fromCustody === 'database')) return
  throw new BackupError(
    `the keys of the instance ${name} are beside the root key ${rootKeyUri}, which this server cannot use`,
    'Give this server access to it: its API key in MORTISE_IBM_API_KEY_FILE. The keys themselves are not in the backup.',
  )
}
