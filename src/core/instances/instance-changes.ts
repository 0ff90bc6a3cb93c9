// Creates, renames, changes, deletes and shreds instances.

import { counted } from '../../base/text/counted.ts'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { By } from '../audit/actor.ts'
import type { Keyring } from '../sealing/keyring.ts'
import { oneWayRestrictions, raiseLeastVersion } from '../ports/least-version.ts'
import { StoreConflict, type Store, type Write } from '../ports/store.ts'
import type { Custodies } from '../custody/custodies.ts'
import type { KeptStandardKeys } from '../custody/keyprotect/keyprotect-custody.ts'
import type { Instance, RowOf, TrustSnapshot } from '../trust/rows.ts'
import {
  requireInstance,
  TrustRefused,
  type Present,
  type TrustDraft,
  type TrustWriter,
} from '../trust/writer.ts'
import { withdrawal } from '../trust/client-rules.ts'
import type { Grantor } from '../trust/grantor.ts'
import type { LeafRules } from '../trust/vouching.ts'
import { closedAsServer } from './closing-changes.ts'
import { requireFittingDelay, requireNothingWaits } from './destroy-delay.ts'
import { withoutUpstreamKey } from './upstream-keys.ts'

/** A shred waits at most this long for the deletion of the instance's standard keys. The receipt counts the rest. */
export const shredWaitMs = 5_000

/** The settings of an instance that a caller may change. */
export type InstanceSettings = Pick<
  Instance,
  | 'name'
  | 'cacheSeconds'
  | 'outageSeconds'
  | 'expiredGraceDays'
  | 'portable'
  | 'objectsMax'
  | 'bytesMax'
  | 'destroyDelaySeconds'
  | 'names'
  | 'lengths'
  | 'legacyWrap'
  | 'restrictions'
>

/** More writes and audit detail for a change of an instance, such as an API key of its own. */
export interface WrittenToo {
  readonly writes?: readonly Write[]
  readonly detail?: Readonly<Record<string, string>>
}

/** Lists the shredded keys: a proof for the person who ordered the shred. */
export interface ShredReceipt {
  readonly instance: Instance
  readonly dataKeys: readonly {
    readonly id: string
    readonly rootKeyUri: string
    readonly createdMs: number
  }[]
  /** Standard keys that it had at the root key's service. */
  readonly standardKeys: number
  /** The standard keys that are not deleted there yet: every user of the root key can still open them. */
  readonly standardKeysLeft: KeptStandardKeys
  /** Objects whose material nothing can open any more, except by a standard key that is left; by state. */
  readonly objects: Readonly<Record<string, number>>
}

export interface InstanceParts {
  readonly store: Store
  readonly keyring: Keyring
  readonly custodies: Custodies
}

export class InstanceChanges {
  readonly #writer: TrustWriter
  readonly #store: Store
  readonly #keyring: Keyring
  readonly #custodies: Custodies
  readonly #rules: LeafRules

  constructor(writer: TrustWriter, options: InstanceParts & LeafRules) {
    const { store, keyring, custodies } = options
    this.#writer = writer
    this.#rules = options
    this.#store = store
    this.#keyring = keyring
    this.#custodies = custodies
  }

  /** Makes a new instance with its first data key. Throws RootKeyError when the root key cannot seal it. */
  async create<A = Instance>(
    by: By,
    settings: Pick<Instance, 'name' | 'custody' | 'rootKeyUri'> & Partial<InstanceSettings & { id: string }>,
    { writes = [], detail = {} }: WrittenToo = {},
    present?: Present<Instance, A>,
  ): Promise<A> {
    const defaults = {
      cacheSeconds: 300,
      outageSeconds: 3600,
      expiredGraceDays: 30,
      portable: false,
      restrictions: 'one-way' as const,
    }
    const draft = { ...defaults, ...settings, id: settings.id ?? randomUUID() }
    const dataKey = await this.#keyring.make(draft)
    const decide = async (snapshot: TrustSnapshot, createdMs: number): Promise<TrustDraft<Instance>> => {
      const instance: Instance = { ...draft, ...closedAsServer(snapshot), createdMs }
      requireFreeName(snapshot, instance)
      await requireFittingDelay(instance, this.#custodies)
      return {
        put: [{ kind: 'instance', value: instance }],
        writes: [dataKey, ...writes, ...closingFor(instance)],
        action: 'instance.create',
        object: instance.id,
        instanceId: instance.id,
        detail: { name: instance.name, rootKey: instance.rootKeyUri, custody: instance.custody, ...detail },
        result: instance,
      }
    }
    return this.#writer.change(by, decide, present)
  }

  /** Renames it or changes settings. Takes effect on the next message on every node. */
  async update<A = Instance>(
    by: By,
    instanceId: string,
    settings: Partial<InstanceSettings>,
    { writes = [], detail = {} }: WrittenToo = {},
    present?: Present<Instance, A>,
  ): Promise<A> {
    const decide = async (snapshot: TrustSnapshot): Promise<TrustDraft<Instance>> => {
      const instance: Instance = { ...requireInstance(snapshot, instanceId), ...settings }
      requireFreeName(snapshot, instance)
      if (settings.destroyDelaySeconds !== undefined) await requireFittingDelay(instance, this.#custodies)
      return {
        put: [{ kind: 'instance', value: instance }],
        writes: [...writes, ...closingFor(settings)],
        ...(settings.names === 'unique' && { expect: { uniqueNames: instanceId } }),
        action: 'instance.set',
        object: instanceId,
        instanceId,
        detail: { ...settings, ...detail },
        result: instance,
      }
    }
    try {
      return await this.#writer.change(by, decide, present)
    } catch (error) {
      if (error instanceof StoreConflict && error.what === 'name') throw namesAreShared(error)
      throw error
    }
  }

  /** Deletes it with its clients and tokens; refused while it has objects that are not destroyed. Keeps its audit. */
  async remove(by: By | Grantor, instanceId: string): Promise<Instance> {
    const removed = await this.#writer.change<Instance>(by, async (snapshot, nowMs) => {
      const instance = requireInstance(snapshot, instanceId)
      const { live, counts } = await this.#live(instanceId, nowMs)
      if (live > 0)
        throw new TrustRefused(
          'in-use',
          `the instance ${instance.name} has ${counted(live, 'object that is', 'objects that are')} not destroyed (${counts})`,
          'Destroy them first, or shred the instance: mortise instance delete NAME --shred NAME. What they encrypt is lost then.',
        )
      await requireNothingWaits(this.#store, instance, {
        cannot: 'it cannot be deleted meanwhile',
        hint: 'Wait until they are removed for good (mortise instance show NAME says when), or shred the instance: mortise instance delete NAME --shred NAME.',
      })
      const draft = await this.#goneFrom(by, snapshot, { instance, action: 'instance.delete', nowMs })
      return { ...draft, expect: { liveObjects: { instanceId, count: 0 } }, result: instance }
    })
    void this.#gone(instanceId)
    return removed
  }

  /**
   * Destroys its data keys, and with them every key that they seal. Backups made before still open with the root key. Its
   * standard keys are deleted in the background; this call waits some seconds for that.
   */
  async shred(by: By | Grantor, instanceId: string): Promise<ShredReceipt> {
    const receipt = await this.#writer.change<ShredReceipt>(by, async (snapshot, nowMs) => {
      const instance = requireInstance(snapshot, instanceId)
      const objects = await this.#store.objectCounts(instanceId, nowMs)
      const dataKeys = (await this.#store.dataKeys(instanceId)).map(({ id, rootKeyUri, createdMs }) => {
        return { id, rootKeyUri, createdMs }
      })
      const standardKeysLeft = await this.#custodies.kept(instanceId)
      const standardKeys = standardKeysLeft.count
      const detail = { name: instance.name, dataKeys: dataKeys.length, standardKeys, ...objects }
      return {
        ...(await this.#goneFrom(by, snapshot, { instance, action: 'instance.shred', nowMs })),
        detail,
        result: { instance, dataKeys, standardKeys, standardKeysLeft, objects },
      }
    })
    const waiting = new AbortController()
    const enough = sleep(shredWaitMs, undefined, { signal: waiting.signal, ref: false })
    await Promise.race([this.#gone(instanceId), enough])
    waiting.abort()
    await enough.catch(() => undefined)
    // The commit is done. If the remaining standard keys cannot be counted, the receipt counts all of them.
    const { standardKeysLeft } = receipt
    return {
      ...receipt,
      standardKeysLeft: await this.#custodies.kept(instanceId).catch(() => standardKeysLeft),
    }
  }

  /** Drops what memory has of the instance. Resolves when its standard keys were deleted, or could not be. */
  #gone(instanceId: string): Promise<void> {
    this.#keyring.forget(instanceId)
    return this.#custodies.clear(instanceId)
  }

  async #goneFrom(
    by: By | Grantor,
    snapshot: TrustSnapshot,
    going: Parameters<typeof gone>[2],
  ): Promise<Omit<TrustDraft<unknown>, 'result'>> {
    const draft = gone(by, snapshot, going, this.#rules)
    const removing = await this.#custodies.removing(going.instance)
    return { ...draft, writes: [...(draft.writes ?? []), ...removing] }
  }

  async #live(
    instanceId: string,
    nowMs: number,
  ): Promise<{ readonly live: number; readonly counts: string }> {
    const counts = Object.entries(await this.#store.objectCounts(instanceId, nowMs))
    const live = counts.filter(([state]) => !state.startsWith('Destroyed'))
    return {
      live: live.reduce((sum, [, count]) => sum + count, 0),
      counts: live.map(([state, count]) => `${String(count)} ${state}`).join(', '),
    }
  }
}

/** Returns the writes to commit beside a row with these settings: an older program would not know what they close. */
export function closingFor({
  restrictions,
  wrappingKeys = [],
}: Pick<Instance, 'restrictions' | 'wrappingKeys'>): readonly Write[] {
  const isClosed = restrictions === 'one-way' || wrappingKeys.length > 0
  return isClosed ? [raiseLeastVersion(oneWayRestrictions)] : []
}

function namesAreShared({ message }: StoreConflict): TrustRefused {
  return new TrustRefused(
    'in-use',
    `names cannot become unique: ${message}`,
    'Rename or destroy all but one of the objects with that Name.',
  )
}

function requireFreeName({ tables }: TrustSnapshot, { id, name }: Instance): void {
  if ([...tables.instance.values()].some((other) => other.name === name && other.id !== id))
    throw new TrustRefused('exists', `an instance named ${name} exists already`)
}

/** The removal of an instance with its clients, CAs and tokens. */
function gone(
  by: By | Grantor,
  snapshot: TrustSnapshot,
  {
    instance,
    action,
    nowMs,
  }: {
    readonly instance: Instance
    readonly action: 'instance.delete' | 'instance.shred'
    readonly nowMs: number
  },
  rules: LeafRules,
): Omit<TrustDraft<unknown>, 'result'> {
  const { tables } = snapshot
  const ofInstance = ({ instanceId }: { readonly instanceId: string | null }) => instanceId === instance.id
  const kinds = ['client', 'certificate', 'authority', 'issued', 'token'] as const
  const hanging = kinds.flatMap((kind) =>
    [
      ...(
        tables[kind] as ReadonlyMap<string, RowOf['value'] & { readonly instanceId: string | null }>
      ).values(),
    ]
      .filter(ofInstance)
      .map(({ id }) => ({ kind, id })),
  )
  const event = {
    action,
    object: instance.id,
    instanceId: instance.id,
    detail: { name: instance.name },
  }
  const pins = [...tables.certificate.values()].filter(ofInstance)
  const authorities = [...tables.authority.values()].filter(ofInstance)
  return {
    remove: [{ kind: 'instance', id: instance.id }, ...hanging],
    writes: [
      { type: 'data-keys-removed', instanceId: instance.id },
      { type: 'inventories-gone', instanceId: instance.id },
      { type: 'recoverable-removed', instanceId: instance.id },
      ...withoutUpstreamKey(instance),
    ],
    ...event,
    ...withdrawal(by, snapshot, { pins, authorities, event, nowMs }, rules),
  }
}
