// Reads from a backup what a restore of one instance into this server needs: its rows, its clients, its data keys, and from
// this server's audit log what happened since. It changes nothing. Part of the composition root.

import type { KeyObject } from 'node:crypto'
import type { BackupOpening } from './source.ts'
import { auditEntries } from '../../core/audit/entries.ts'
import { BackupError } from '../../core/backup/error.ts'
import { actsOf, continuesLog, prunedSince, tellsOfClosing, type LaterActs } from '../../core/backup/later.ts'
import type { Manifest } from '../../core/backup/manifest.ts'
import { openByIdentity, openByRootKeys, type BackupOpener } from '../../core/backup/openers.ts'
import { readManifest, readRecords } from '../../core/backup/read.ts'
import { apiKeyName, apiKeyServices } from '../../core/instances/api-keys.ts'
import { dumpPageRecords } from '../../base/bounds.ts'
import type { Feature } from '../../core/ports/least-version.ts'
import type { AuditEntry, AuditStore, StoredAuditEntry } from '../../core/ports/audit.ts'
import type { OpenRootKey, RootKey } from '../../core/ports/root-key.ts'
import type { DataKeyRecord } from '../../core/ports/secrets.ts'
import { openMacKey, openSecret } from '../../core/sealing/secrets.ts'
import type { ReturningClient } from '../../core/trust/restored-clients.ts'
import { trustedClient, type Block, type Instance } from '../../core/trust/rows.ts'
import { limitedClient, readTrust } from './restore-changes.ts'

export interface BackupReadingParts {
  readonly store: Pick<AuditStore, 'audit' | 'auditHeads'>
  /** The server's own. */
  readonly rootKey: RootKey
  /** This server's, without the status of instances: the instance is not there. */
  readonly openRootKey: OpenRootKey
  readonly serverId: string
}

export interface InstanceInBackup {
  readonly file: string
  readonly manifest: Manifest
  readonly opener: BackupOpener
  /** A program must know them to open the store that takes the instance in. */
  readonly features: readonly Feature[]
  readonly instance: Instance
  readonly dataKeys: readonly DataKeyRecord[]
  /** Signs the marks of the backup. */
  readonly markKey: KeyObject
  /** Destroyed ones included. */
  readonly objects: number
  readonly clients: readonly ReturningClient[]
  /** Certificates that the backup refuses for good. Left out where this server's own blocks are newer. */
  readonly blocks: readonly Block[]
  /** Its own API keys, by the id of the service instance. */
  readonly apiKeys: ReadonlyMap<string, string>
  /** This server's audit log says this of the time after the backup. */
  readonly later: LaterActs
  /** This server's audit log continues that of the backup. */
  readonly closingsKnown: boolean
}

/** Throws BackupError, RootKeyError, and what a read of the store throws. */
export async function readInstance(
  parts: BackupReadingParts,
  file: string,
  opening: BackupOpening,
): Promise<InstanceInBackup> {
  const manifest = await readManifest(file)
  const { id, objects } = chosen(manifest, opening.instance)
  const opener = await openBackup(parts, manifest, opening, id)
  const { features, reading, secrets, systemKey, ...trust } = await readTrust(
    readRecords(file, opener.fileKeys),
    opener,
  )
  const { tables, intact, alarms } = reading
  const instance = tables.instance.get(id)
  if (!intact || !instance)
    throw new BackupError(`${alarms[0] ?? 'the backup lacks the instance'}: this backup cannot be restored`)
  const later = await actsHere(parts.store, manifest, id)
  const clients = [...tables.client.values()]
    .filter(({ instanceId }) => instanceId === id)
    .map((client) => ({
      ...trustedClient(tables, limitedClient(client, later.allowed.get(client.id))),
      removed: later.clientsRemoved.has(client.id),
      withdrawn: later.certificatesRemoved,
    }))
  const apiKeys = new Map<string, string>()
  for (const service of apiKeyServices(
    secrets.map(({ name }) => name),
    id,
  )) {
    const record = secrets.find(({ name }) => name === apiKeyName(id, service))
    const bytes = record && openSecret(systemKey, record)
    if (bytes) apiKeys.set(service, bytes.toString('utf8'))
    bytes?.fill(0)
  }
  const dataKeys = trust.dataKeys.filter(({ instanceId }) => instanceId === id)
  const { continues, closingsKnown } = await knownHere(parts, manifest)
  const blocks = continues ? [] : [...tables.block.values()]
  const markKey = openMacKey(systemKey, secrets).markKey()
  const held = { features, instance, dataKeys, markKey, objects, clients, blocks, apiKeys }
  return { file, manifest, opener, ...held, later, closingsKnown }
}

function chosen({ instances }: Manifest, wanted: string | undefined): Manifest['instances'][number] {
  const named = instances.map(({ id, name }) => `${name} (${id})`).join(', ') || 'none'
  const [only, ...others] = instances.filter(
    ({ id, name }) => wanted === undefined || id === wanted || name === wanted,
  )
  if (only && others.length === 0) return only
  throw new BackupError(
    only ? 'the backup holds several instances' : `the backup holds no instance ${wanted ?? ''}`,
    `Choose one by id or name: --instance INSTANCE. It holds: ${named}`,
  )
}

async function openBackup(
  { rootKey: own, openRootKey }: BackupReadingParts,
  manifest: Manifest,
  { rootKey, identity }: BackupOpening,
  instanceId: string,
): Promise<BackupOpener> {
  if (identity !== undefined) return openByIdentity(manifest, identity)
  const { rootKeyId, rootKey: uri } = manifest.key
  if (rootKey === undefined && rootKeyId !== own.id)
    throw new BackupError(
      `this backup is sealed by the root key ${uri} with the id ${rootKeyId}, and this server has ${own.uri} with the id ${own.id}`,
      'Name the root key that opens it, as this server reaches it: --root-key file:/PATH/ON/THE/SERVER or keyprotect://...; or, where the backup was made with --recipient, give the identity: --identity FILE.',
    )
  const opening = rootKey === undefined ? own : await openRootKey(rootKey, instanceId)
  return openByRootKeys(manifest, opening, openRootKey)
}

/**
 * The acts on the instance in this server's own log, after what the backup has of it. The numbers of the entries decide, since
 * the clock may have been set back.
 */
async function actsHere(
  store: Pick<AuditStore, 'audit'>,
  { audit }: Manifest,
  instanceId: string,
): Promise<LaterActs> {
  const heads = new Map(audit.heads.map(({ writer, number }) => [writer, number]))
  const found: StoredAuditEntry[] = []
  const query = { instanceId, order: 'newest', limit: dumpPageRecords } as const
  for await (const entry of auditEntries(store, query)) {
    if (entry.number <= (heads.get(entry.writer) ?? 0)) break
    if (tellsOfClosing(JSON.parse(entry.body) as AuditEntry)) found.push(entry)
  }
  return actsOf(found.toReversed())
}

/** Whether this server goes on from the backup, and so has newer blocks; and whether its log still has all that came after it. */
async function knownHere(
  { store, serverId }: BackupReadingParts,
  manifest: Manifest,
): Promise<{ readonly continues: boolean; readonly closingsKnown: boolean }> {
  const { heads, beginnings } = await store.auditHeads()
  const continues = manifest.serverId === serverId && continuesLog(heads, manifest)
  return { continues, closingsKnown: continues && prunedSince(beginnings, manifest) === 0 }
}
