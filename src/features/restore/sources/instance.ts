// One instance of a backup as a source: what the backup has of it, what happened since by this server's own audit log, and the change of
// trust that makes it, with its clients and data keys.

import type { By } from '../../../core/audit/actor.ts'
import { BackupError } from '../../../core/backup/error.ts'
import type { Manifest } from '../../../core/backup/manifest.ts'
import { openByIdentity, openByRootKeys, type BackupOpener } from '../../../core/backup/openers.ts'
import { readManifest, readRecords } from '../../../core/backup/read.ts'
import { readTrust } from '../../../core/backup/trust.ts'
import { AcceptedEpochs } from '../../../core/custody/keyprotect/accepted-epochs.ts'
import { apiKeyName, apiKeyServices } from '../../../core/instances/api-keys.ts'
import { refuseThere } from '../../../core/instances/restore-commit.ts'
import type { AuditStore } from '../../../core/ports/audit.ts'
import type { DumpedRecord } from '../../../core/ports/backup.ts'
import { raiseLeastVersion } from '../../../core/ports/least-version.ts'
import type { OpenRootKey, RootKey } from '../../../core/ports/root-key.ts'
import type { Write } from '../../../core/ports/store.ts'
import { openMacKey, openSecret } from '../../../core/sealing/secrets.ts'
import { trustedClient } from '../../../core/trust/rows.ts'
import { checkBackup, type CheckedBackup } from '../check.ts'
import { countLost, type BackupReport } from '../report.ts'
import { actsHere, knownHere, limitedClient } from '../since.ts'
import type {
  BackupOpening,
  BackupRestoreProgress,
  BackupRestoreRequest,
  InstanceInBackup,
  RestoreParts,
  Source,
  Working,
} from '../source.ts'
import type { Uploads } from '../uploads.ts'
import { backupPages } from '../write.ts'

/** `inBackup`: the request looked at it, and asked for what must be confirmed. */
export function instanceOfBackup(
  parts: RestoreParts,
  by: By,
  { request, inBackup }: { readonly request: BackupRestoreRequest; readonly inBackup: InstanceInBackup },
  working: Working<BackupRestoreProgress>,
): Source<InstanceInBackup, readonly Write[], readonly DumpedRecord[], BackupReport> {
  const { keyring, rootKey, apiKeys } = parts
  const mayTakeOver = request.identity !== undefined || request.rootKey !== undefined
  const root = { own: rootKey, open: keyring.openUnguarded, mayTakeOver }
  return {
    describe: () => Promise.resolve(inBackup),
    open: (_, work) => apiKeys.withEach(inBackup.instance.id, inBackup.apiKeys, work),
    check: async (_, writes) => {
      const checked = await checkBackup(root, inBackup, working)
      const finish = (closedAgain: number) =>
        commitBack(parts, by, request, { inBackup, checked, writes, closedAgain })
      return { ...(await backupPages(parts, inBackup, checked, working)), finish }
    },
  }
}

/** Throws also where the instance, or one of its name, is here. */
export async function lookAtBackup(
  parts: RestoreParts,
  uploads: Uploads,
  opening: BackupOpening,
): Promise<InstanceInBackup> {
  const reading = { ...parts, openRootKey: parts.keyring.openUnguarded }
  const inBackup = await uploads.use(opening.upload, (file) =>
    readInstance(reading, file, opening).catch((error: unknown) => {
      // The sender does not know where it lies here.
      if (!(error instanceof BackupError) || !error.message.includes(file)) throw error
      throw new BackupError(error.message.replaceAll(file, 'the file'), error.hint, { cause: error })
    }),
  )
  const { tables } = await parts.access.snapshot()
  const { id, name } = inBackup.instance
  refuseThere(tables, { id, name: opening.name ?? name })
  return inBackup
}

interface ReadingParts {
  readonly store: Pick<AuditStore, 'audit' | 'auditHeads'>
  /** The server's own. */
  readonly rootKey: RootKey
  /** This server's, without the status of instances: the instance is not there. */
  readonly openRootKey: OpenRootKey
  readonly serverId: string
}

/** Throws BackupError, RootKeyError, and what a read of the store throws. */
export async function readInstance(
  parts: ReadingParts,
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

function chosen({ instances }: Manifest, nameOrId: string | undefined): Manifest['instances'][number] {
  const named = instances.map(({ id, name }) => `${name} (${id})`).join(', ') || 'none'
  const [only, ...others] = instances.filter(
    ({ id, name }) => nameOrId === undefined || id === nameOrId || name === nameOrId,
  )
  if (only && others.length === 0) return only
  throw new BackupError(
    only ? 'the backup holds several instances' : `the backup holds no instance ${nameOrId ?? ''}`,
    `Choose one by id or name: --instance INSTANCE. It holds: ${named}`,
  )
}

async function openBackup(
  { rootKey: own, openRootKey }: ReadingParts,
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

async function commitBack(
  parts: RestoreParts,
  by: By,
  request: BackupRestoreRequest,
  made: {
    readonly inBackup: InstanceInBackup
    readonly checked: CheckedBackup
    /** Its API keys. */
    readonly writes: readonly Write[]
    readonly closedAgain: number
  },
): Promise<BackupReport> {
  const { inBackup, checked, writes, closedAgain } = made
  const { store, clock, keyring, custodies, trust, log } = parts
  const { manifest, instance, clients } = inBackup
  const lost = await countLost(store, instance.id, checked.keys)
  // A server that still runs on another database of the instance must store and delete nothing there any more.
  const epochs = new AcceptedEpochs({ store, clock, openRootKey: keyring.openUnguarded })
  const raised = await epochs.raise(checked.instance, clock.now())
  const known = new Set((await store.dataKeys(instance.id)).map(({ id }) => id))
  const back = await trust.restores.commitBack(by, {
    instance: raised.instance,
    ...(request.name !== undefined && { name: request.name }),
    clients: clients.filter(({ id }) => request.clients.includes(id)),
    blocks: inBackup.blocks,
    writes: [
      ...inBackup.features.map(raiseLeastVersion),
      ...checked.records
        .filter(({ id }) => !known.has(id))
        .map((record): Write => ({ type: 'data-key', record })),
      ...writes,
      ...raised.writes,
    ],
    detail: {
      backup: manifest.id,
      server: manifest.serverId,
      created: manifest.created,
      objects: inBackup.objects,
      notOpening: checked.notOpening.count,
      lost: lost.count,
      ...(inBackup.later.instancesGone.get(instance.id)?.shredded === true && { shredded: true }),
      ...(!inBackup.closingsKnown && { closingsKnown: false }),
    },
  })
  keyring.forget(instance.id)
  // Takes in what is newer beside its root key, and stores the marker of its epoch there.
  if (raised.writes.length > 0)
    void custodies.keyprotect.sweep.run({ everything: true }).catch((error: unknown) => {
      log.error({ error }, "complete a restore at the root key's service")
    })
  return {
    instance: { id: back.instance.id, name: back.instance.name },
    rootKey: back.instance.rootKeyUri,
    objects: { ...(await store.objectCounts(instance.id, clock.now())) },
    closedAgain,
    notOpening: checked.notOpening,
    lost,
    clients: [...back.clients.clients],
    leftOut: [...back.clients.leftOut],
  }
}
