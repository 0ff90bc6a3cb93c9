// Restores one instance from a backup into this server while it serves. It first reads all of the file and opens its keys, then
// writes the objects, and the instance last, with its data keys, in one change of trust: until then nobody sees anything
// of it, and a restore that was cut off is simply done again.

import type { By } from '../../core/audit/actor.ts'
import { BackupError } from '../../core/backup/error.ts'
import { AcceptedEpochs } from '../../core/custody/keyprotect/accepted-epochs.ts'
import { refuseThere } from '../../core/instances/restore-commit.ts'
import { raiseLeastVersion } from '../../core/ports/least-version.ts'
import type { Write } from '../../core/ports/store.ts'
import { readInstance, type InstanceInBackup } from './instance-backup.ts'
import { openDataKeys, type OpenedDataKeys } from './instance-data-keys.ts'
import { checkObjects, countLost, writeObjects, type ObjectCounts, type Working } from './instance-objects.ts'
import type { BackupOpening, BackupRestoreReport, BackupRestoreWanted, RestoreParts } from './source.ts'
import type { Uploads } from './uploads.ts'

/** Throws also where the instance, or one of its name, is here. */
export async function lookAtBackup(
  parts: RestoreParts,
  uploads: Uploads,
  opening: BackupOpening,
): Promise<InstanceInBackup> {
  const reading = { ...parts, openRootKey: parts.keyring.openUnguarded }
  const found = await uploads.use(opening.upload, (file) =>
    readInstance(reading, file, opening).catch((error: unknown) => {
      // The sender does not know where it lies here.
      if (!(error instanceof BackupError) || !error.message.includes(file)) throw error
      throw new BackupError(error.message.replaceAll(file, 'the file'), error.hint, { cause: error })
    }),
  )
  const { tables } = await parts.access.snapshot()
  const { id, name } = found.instance
  refuseThere(tables, { id, name: opening.name ?? name })
  return found
}

/** Whenever it ends before its end, it can be done again. */
export function restoreFromBackup(
  parts: RestoreParts,
  by: By,
  restoring: {
    readonly wanted: BackupRestoreWanted
    readonly found: InstanceInBackup
    readonly working: Working
  },
): Promise<BackupRestoreReport> {
  const { keyring, rootKey, apiKeys } = parts
  const { wanted, found, working } = restoring
  const mayTakeOver = wanted.identity !== undefined || wanted.rootKey !== undefined
  const root = { own: rootKey, open: keyring.openUnguarded, mayTakeOver }
  return apiKeys.withEach(found.instance.id, found.apiKeys, async (writes) => {
    const opened = await openDataKeys(root, found)
    const { notOpening, destroyed } = await checkObjects(found, opened.keys, working)
    const written = { keys: opened.keys, destroyed }
    const counts = await writeObjects(parts, found, written, working)
    return commitBack(parts, by, wanted, { found, opened, writes, counts: { ...counts, notOpening } })
  })
}

async function commitBack(
  parts: RestoreParts,
  by: By,
  wanted: BackupRestoreWanted,
  made: {
    readonly found: InstanceInBackup
    readonly opened: OpenedDataKeys
    /** Its API keys. */
    readonly writes: readonly Write[]
    readonly counts: ObjectCounts
  },
): Promise<BackupRestoreReport> {
  const { store, clock, keyring, custodies, trust, log } = parts
  const { found, opened, counts } = made
  const { manifest, instance, clients } = found
  const lost = await countLost(store, instance.id, opened.keys)
  // A server that still runs on another database of the instance must store and delete nothing there any more.
  const epochs = new AcceptedEpochs({ store, clock, openRootKey: keyring.openUnguarded })
  const raised = await epochs.raise(opened.instance, clock.now())
  const known = new Set((await store.dataKeys(instance.id)).map(({ id }) => id))
  const back = await trust.restores.commitBack(by, {
    instance: raised.instance,
    ...(wanted.name !== undefined && { name: wanted.name }),
    clients: clients.filter(({ id }) => wanted.clients.includes(id)),
    blocks: found.blocks,
    writes: [
      ...found.features.map(raiseLeastVersion),
      ...opened.records
        .filter(({ id }) => !known.has(id))
        .map((record): Write => ({ type: 'data-key', record })),
      ...made.writes,
      ...raised.writes,
    ],
    detail: {
      backup: manifest.id,
      server: manifest.serverId,
      created: manifest.created,
      objects: found.objects,
      notOpening: counts.notOpening.count,
      lost: lost.count,
      ...(found.later.instancesGone.get(instance.id)?.shredded === true && { shredded: true }),
      ...(!found.closingsKnown && { closingsKnown: false }),
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
    objects: await store.objectCounts(instance.id, clock.now()),
    closedAgain: counts.closedAgain,
    notOpening: counts.notOpening,
    lost,
    clients: back.clients.clients,
    leftOut: back.clients.leftOut,
  }
}
