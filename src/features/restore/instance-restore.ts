// Restores one instance from a backup into this server while it serves. It first reads all of the file and opens its keys, then
// writes the objects, and the instance last, with its data keys, in one change of trust: until then nobody sees anything
// of it, and a restore that was cut off is simply done again. Part of the composition root.

import path from 'node:path'
import type { Confirmation } from './backup-restore-routes.ts'
import {
  instanceRestoreJobs,
  type BackupOpening,
  type BackupPreview,
  type BackupRestoreAdministration,
  type InstanceRestore,
  type InstanceRestoreProgress,
  type InstanceRestoreReport,
  type InstanceRestoreWanted,
} from './backup-restore-jobs.ts'
import { Refusal } from '../../base/refusal.ts'
import { wholeServer } from '../../doors/http/jobs.ts'
import type { By } from '../../core/audit/actor.ts'
import { BackupError } from '../../core/backup/error.ts'
import { maybeBackup } from '../../core/backup/manifest.ts'
import type { Core } from '../../core/server/core.ts'
import { AcceptedEpochs } from '../../core/custody/keyprotect/accepted-epochs.ts'
import { refuseThere } from '../../core/instances/restore-commit.ts'
import { raiseLeastVersion } from '../../core/ports/least-version.ts'
import type { RootKey } from '../../core/ports/root-key.ts'
import type { Write } from '../../core/ports/store.ts'
import type { Secrets } from '../../core/sealing/secrets.ts'
import type { Log } from '../../core/ports/log.ts'
import { serverIdOf } from '../../host/server-id.ts'
import {
  readInstance,
  shownClients,
  type BackupReadingParts,
  type InstanceInBackup,
} from './instance-backup.ts'
import { openDataKeys, type OpenedDataKeys } from './instance-data-keys.ts'
import { checkObjects, countLost, writeObjects, type ObjectCounts, type Working } from './instance-objects.ts'
import { Uploads } from './uploads.ts'

export interface InstanceRestoreParts extends Pick<
  Core,
  'store' | 'clock' | 'marks' | 'access' | 'keyring' | 'custodies' | 'apiKeys' | 'trust' | 'leases'
> {
  /** The server's own. */
  readonly rootKey: RootKey
  readonly serverId: string
  readonly log: Log
}

/** They stop when `opened` is disposed. */
export async function openInstanceRestores(
  {
    secrets,
    dataFolder,
    ...parts
  }: Omit<InstanceRestoreParts, 'serverId'> & { readonly secrets: Secrets; readonly dataFolder: string },
  opened: AsyncDisposableStack,
): Promise<InstanceRestores> {
  const uploads = new Uploads(path.join(dataFolder, 'uploads'), parts.clock)
  await uploads.clear()
  uploads.start((error) => parts.log.error({ error }, 'remove files that nobody goes on sending'))
  const restores = new InstanceRestores({ ...parts, serverId: await serverIdOf(secrets) }, uploads)
  opened.defer(() => restores.stop())
  return restores
}

export class InstanceRestores implements BackupRestoreAdministration {
  readonly #parts: InstanceRestoreParts
  readonly #reading: BackupReadingParts
  readonly #uploads: Uploads
  readonly #jobs: ReturnType<typeof instanceRestoreJobs>

  constructor(parts: InstanceRestoreParts, uploads: Uploads) {
    this.#parts = parts
    this.#reading = { ...parts, openRootKey: parts.keyring.openUnguarded }
    this.#uploads = uploads
    this.#jobs = instanceRestoreJobs((error) =>
      parts.log.error({ error }, 'restore an instance from a backup'),
    )
  }

  beginUpload(bytes: number): Promise<string> {
    return this.#uploads.begin(bytes)
  }

  /** Throws Refusal at the first part of another file: a large one takes long to send. */
  async addPart(upload: string, at: number, part: Uint8Array): Promise<number> {
    if (at === 0 && !maybeBackup(part))
      throw new Refusal('bad-request', 'the file is not a backup of Mortise')
    return this.#uploads.add(upload, at, part)
  }

  removeUpload(upload: string): Promise<boolean> {
    return this.#uploads.remove(upload)
  }

  async preview(opening: BackupOpening): Promise<BackupPreview> {
    const found = await this.#look(opening)
    const { manifest, instance, objects, later, closingsKnown } = found
    const { id, serverId, created } = manifest
    const { name, custody, rootKeyUri: rootKey } = instance
    return {
      backup: { id, serverId, createdMs: Date.parse(created) },
      instance: { id: instance.id, name, custody, rootKey, objects },
      gone: later.instancesGone.get(instance.id) ?? null,
      closingsKnown,
      clients: shownClients(found, await this.#parts.access.snapshot()),
      needed: neededFor(found),
    }
  }

  async begin(by: By, wanted: InstanceRestoreWanted): Promise<InstanceRestore> {
    const found = await this.#look(wanted)
    requireConfirmed(found, wanted)
    const progress: InstanceRestoreProgress = { step: 'check', done: 0, total: 0 }
    return this.#jobs.begin(wholeServer, { progress }, async (working) => {
      const report = await this.#uploads.use(wanted.upload, () =>
        this.#parts.leases.during('restore', () => this.#restore(by, wanted, found, working)),
      )
      await this.#uploads.remove(wanted.upload)
      return report
    })
  }

  show(id: string): InstanceRestore | undefined {
    return this.#jobs.show(wholeServer, id)
  }

  async stop(): Promise<void> {
    await this.#jobs.stop()
    await this.#uploads.stop()
  }

  /** Throws also where the instance, or one of its name, is here. */
  async #look(opening: BackupOpening): Promise<InstanceInBackup> {
    const found = await this.#uploads.use(opening.upload, (file) =>
      readInstance(this.#reading, file, opening).catch((error: unknown) => {
        // The sender does not know where it lies here.
        if (!(error instanceof BackupError) || !error.message.includes(file)) throw error
        throw new BackupError(error.message.replaceAll(file, 'the file'), error.hint, { cause: error })
      }),
    )
    const { tables } = await this.#parts.access.snapshot()
    const { id, name } = found.instance
    refuseThere(tables, { id, name: opening.name ?? name })
    return found
  }

  #restore(
    by: By,
    wanted: InstanceRestoreWanted,
    found: InstanceInBackup,
    working: Working,
  ): Promise<InstanceRestoreReport> {
    const { keyring, rootKey, apiKeys } = this.#parts
    const mayTakeOver = wanted.identity !== undefined || wanted.rootKey !== undefined
    const root = { own: rootKey, open: keyring.openUnguarded, mayTakeOver }
    return apiKeys.withEach(found.instance.id, found.apiKeys, async (writes) => {
      const opened = await openDataKeys(root, found)
      const { notOpening, destroyed } = await checkObjects(found, opened.keys, working)
      const written = { keys: opened.keys, destroyed }
      const counts = await writeObjects(this.#parts, found, written, working)
      return this.#commit(by, wanted, { found, opened, writes, counts: { ...counts, notOpening } })
    })
  }

  async #commit(
    by: By,
    wanted: InstanceRestoreWanted,
    made: {
      readonly found: InstanceInBackup
      readonly opened: OpenedDataKeys
      /** Its API keys. */
      readonly writes: readonly Write[]
      readonly counts: ObjectCounts
    },
  ): Promise<InstanceRestoreReport> {
    const { store, clock, keyring, custodies, trust, log } = this.#parts
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
}

function neededFor({ instance, later, closingsKnown }: InstanceInBackup): readonly Confirmation[] {
  return [
    ...(later.instancesGone.get(instance.id)?.shredded === true ? (['shredded'] as const) : []),
    ...(closingsKnown ? [] : (['closings-unknown'] as const)),
  ]
}

function requireConfirmed(found: InstanceInBackup, { clients, confirmed }: InstanceRestoreWanted): void {
  const unknown = clients.find((id) => found.clients.every((client) => client.id !== id))
  if (unknown !== undefined)
    throw new Refusal(
      'bad-request',
      `the backup has no client ${unknown} of this instance`,
      'Name them by the ids that the preview has.',
    )
  for (const needed of neededFor(found)) {
    if (confirmed.includes(needed)) continue
    throw new Refusal('refused', sentences[needed], `Say so in the field confirmed: ${needed}.`)
  }
}

const sentences: Record<Confirmation, string> = {
  shredded: 'the keys of this instance were shredded here, so that nobody could open them any more',
  'closings-unknown':
    'this server does not know what was revoked or destroyed after the backup: such keys are open again',
}
