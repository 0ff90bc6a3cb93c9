// Custody `keyprotect`: the root key wraps each object's key bytes, and Mortise stores the result as a standard key, only at the
// root key's service. The database holds a reference. So the owner sees each key and can delete one. rules.ts has the rules.

import type { Material, Place } from '../../sealing/envelope.ts'
import type { Keyring } from '../../sealing/keyring.ts'
import { keysUnavailable } from '../../sealing/unwrap-cache.ts'
import { StoreConflict, StoreUnavailable, type Store, type Write } from '../../ports/store.ts'
import type { Clock } from '../../ports/clock.ts'
import { apartFromLease } from '../../ports/leases.ts'
import type { StandardKeyRecord } from '../../ports/secrets.ts'
import { RootKeyError, type RootKey, type CorrelationIds } from '../../ports/root-key.ts'
import { rootKeyPlaintextBytesMax, rootKeyWaitMs } from '../../../base/bounds.ts'
import * as bounds from './bounds.ts'
import {
  CustodyRefused,
  nothingFollows,
  type Changing,
  type Custody,
  type CustodyInstance,
  type Following,
  type LongWork,
  type ObjectRecords,
  type Sealed,
  type SealOptions,
  type StoredForm,
} from '../custody.ts'
import { Copies, requireStandardKeys } from './copies.ts'
import { Generations } from './generations.ts'
import { Markers, type MarkerText } from './markers.ts'
import { CopyOpening } from './opening.ts'
import { allStandardKeys, standardKeyPages } from './pages.ts'
import { PayloadError, saysTheSame } from './payload.ts'
import { decodeStandardKeyRef, encodeStandardKeyRef, isStandardKeyRef } from './reference.ts'
import { refOf, rowOf } from './records.ts'
import { Sweep } from './sweep.ts'
import type { StandardKeyTroubles } from '../../sealing/standard-key-troubles.ts'

export interface KeyProtectCustodyOptions {
  readonly store: Store
  readonly clock: Clock
  readonly keyring: Keyring
  readonly instances: () => Promise<readonly CustodyInstance[]>
  readonly objects: ObjectRecords
  readonly onEmpty?: (instanceId: string) => Promise<void>
  readonly moveToItsPlace?: (instanceId: string, identifier: string) => Promise<void>
}

/** The standard keys of an instance at the services. Unwanted ones count, markers do not. The instance may be deleted. */
export interface KeptStandardKeys {
  readonly count: number
  /** The root keys beside which they are stored. */
  readonly rootKeyUris: readonly string[]
  /** Why unwanted ones are not deleted yet; null: no reason is known. */
  readonly cause: string | null
}

export class KeyProtectCustody implements Custody {
  readonly name = 'keyprotect'
  readonly countedAs = 'key'
  readonly keepsKeysApart = true
  readonly copies: Copies
  readonly generations: Generations
  readonly markers: Markers
  readonly sweep: Sweep
  readonly #store: Store
  readonly #clock: Clock
  readonly #keyring: Keyring
  readonly #troubles: StandardKeyTroubles
  readonly #opening: CopyOpening

  constructor(options: KeyProtectCustodyOptions) {
    const { store, clock, keyring, instances, objects, onEmpty, moveToItsPlace } = options
    const { status, openRootKey } = keyring
    this.#store = store
    this.#clock = clock
    this.#keyring = keyring
    this.#troubles = status.standardKeys
    const troubles = this.#troubles
    const epochOf = async (instanceId: string) => {
      const instance = (await instances()).find(({ id }) => id === instanceId)
      return instance && (instance.epoch ?? 0)
    }
    this.markers = new Markers({ store, clock, openRootKey, epochOf, troubles })
    const { markers } = this
    this.copies = new Copies({
      store,
      clock,
      markers,
      onUnanswered: (instanceId) => this.sweep.soon(instanceId),
    })
    const { copies } = this
    const onRenamed = (instanceId: string, fromId: string, toId: string) =>
      this.#opening.renamed(instanceId, fromId, toId)
    this.generations = new Generations({
      store,
      clock,
      openRootKey,
      copies,
      markers,
      objects,
      troubles,
      onRenamed,
    })
    const { generations } = this
    this.#opening = new CopyOpening({ clock, keyring, copies, generations })
    this.sweep = new Sweep({
      store,
      clock,
      openRootKey,
      instances,
      copies,
      generations,
      markers,
      troubles,
      onEmpty: onEmpty ?? (() => Promise.resolve()),
      moveToItsPlace: moveToItsPlace ?? (() => Promise.resolve()),
    })
  }

  /**
   * A root key wraps 1 to `rootKeyPlaintextBytesMax` bytes, and a standard key has room for a short head. The head of a key that
   * a client registered wrapped describes the wrapping, and the client decides its size.
   */
  fits({ bytes, head }: Pick<Material, 'bytes' | 'head'>): boolean {
    if (bytes.length === 0 || bytes.length > rootKeyPlaintextBytesMax) return false
    return Buffer.byteLength(JSON.stringify(head)) <= bounds.standardKeyHeadBytesMax
  }

  async seal(
    instance: CustodyInstance,
    place: Place,
    material: Material,
    options: SealOptions,
  ): Promise<Sealed> {
    try {
      return await this.#seal(instance, place, material, options)
    } catch (error) {
      if (error instanceof PayloadError)
        throw new CustodyRefused('not-kept', 'a standard key cannot hold this object', { cause: error })
      const isRefusal =
        error instanceof RootKeyError && (error.reach === 'wrapped-form' || error.reach === 'call')
      if (!isRefusal) throw keysUnavailable(error, `wrap an object of instance ${instance.id}`)
      if (this.#troubles.isFenced(instance.id))
        throw new CustodyRefused('fenced', error.message, { cause: error })
      const message = 'the service of the root key refuses to keep another key: mortise status says why'
      throw new CustodyRefused('not-kept', message, { cause: error })
    }
  }

  open(instance: CustodyInstance, object: StoredForm, correlationIds?: CorrelationIds): Promise<Material> {
    return this.#opening.open(instance, object, correlationIds)
  }

  openAnew(instance: CustodyInstance, object: StoredForm, correlationIds: CorrelationIds): Promise<Material> {
    return this.#opening.openAnew(instance, object, correlationIds)
  }

  opensFromMemory(instance: CustodyInstance): boolean {
    return this.#opening.hasInMemory(instance)
  }

  async requireThere({ instanceId, sealed }: StoredForm, correlationIds: CorrelationIds): Promise<void> {
    const { rootKeyUri, standardKeyId } = decodeStandardKeyRef(sealed)
    const rootKey = await this.#keyring.openRootKey(rootKeyUri, instanceId)
    await requireStandardKeys(rootKey).read(standardKeyId, correlationIds)
  }

  /** Returns this custody's part in a change of an object that it stores. */
  following(instance: CustodyInstance, { before, was, facts }: Changing): Following {
    const { instanceId, uniqueIdentifier: identifier, sealed } = before
    if (facts === null)
      return {
        writes: [{ type: 'standard-keys-unwanted', instanceId, identifier }],
        after: () => this.#giveUp(before),
      }
    if (saysTheSame(was, facts)) return nothingFollows
    const { standardKeyId: id } = decodeStandardKeyRef(sealed)
    return {
      writes: [{ type: 'standard-key-state', id, state: 'due' }],
      after: async () => {
        try {
          await this.generations.renew(instance, identifier)
        } catch (error) {
          if (error instanceof PayloadError)
            throw new RootKeyError('wrapped-form', error.message, { cause: error })
          if (isOutside(error)) this.#troubles.unrecorded(instanceId, error)
          throw error
        }
      },
    }
  }

  /**
   * Returns this custody's part in the Destroy of an object that has moved into the database: it deletes the old standard key
   * before the client gets the answer. After a Revoke the old standard key stays, as its bytes may be needed. Once the move is
   * over, the sweep deletes the rest.
   */
  followingLeft(instance: CustodyInstance, { before, facts }: Changing): Following {
    if (instance.work?.kind !== 'move' || facts !== null) return nothingFollows
    const { instanceId, uniqueIdentifier } = before
    return {
      writes: [],
      after: async () => {
        const rows = await this.generations.lookup.rows(instanceId, uniqueIdentifier)
        const left = rows.filter(({ state }) => state === 'unwanted')
        try {
          await this.generations.removeUnwanted(instance, left, { hasMoved: true })
        } catch (error) {
          if (isOutside(error)) for (const row of left) this.#troubles.left(row, error)
          throw error
        }
      },
    }
  }

  /** The old standard key is deleted once the move is over. */
  leaving({ sealed }: StoredForm): readonly Write[] {
    return [{ type: 'standard-key-state', id: decodeStandardKeyRef(sealed).standardKeyId, state: 'unwanted' }]
  }

  isInPlace({ sealed }: Pick<StoredForm, 'sealed'>, rootKey: Pick<RootKey, 'uri' | 'id'>): boolean {
    if (sealed === null) return true
    const length = sealed.length
    // The database keeps an object that is too large for a standard key.
    if (!isStandardKeyRef(sealed)) return length > rootKeyPlaintextBytesMax + sealedOverheadBytesMax
    const { rootKeyUri, rootKeyId } = decodeStandardKeyRef(sealed)
    return rootKeyUri === rootKey.uri && rootKeyId === rootKey.id
  }

  async keyVersions({ id }: CustodyInstance): Promise<ReadonlyMap<string, number>> {
    return new Map(Object.entries(await this.#store.standardKeyVersions(id)))
  }

  /** Lists the objects that a version of this root key other than `newest` wrapped. */
  async *outdated(
    { id: instanceId }: CustodyInstance,
    rootKeyUri: string,
    newest: string,
  ): AsyncGenerator<string> {
    for (const state of ['current', 'due'] as const)
      for await (const page of standardKeyPages(this.#store, { instanceId, kind: 'object', state }))
        for (const row of page)
          if (row.rootKeyUri === rootKeyUri && row.keyVersion !== newest) yield row.identifier
  }

  /**
   * Returns the writes for the commit that deletes an instance: the sweep then deletes all its standard keys. It writes a marker
   * even where no row names a key: an attempt to store one may have got no answer.
   */
  async removing(instance: CustodyInstance): Promise<readonly Write[]> {
    const { id: instanceId, epoch = 0 } = instance
    const rows = await allStandardKeys(this.#store, { instanceId, kind: 'object' })
    const writes: Write[] = [{ type: 'standard-keys-unwanted', instanceId }]
    const says: MarkerText = { way: 'to', custody: 'none', rootKeyUri: '' }
    const rootKeyUris = new Set(rows.map((row) => row.rootKeyUri))
    if (instance.custody === 'keyprotect') rootKeyUris.add(instance.rootKeyUri)
    for (const rootKeyUri of rootKeyUris)
      writes.push(await this.markers.due({ instanceId, rootKeyUri, epoch, says }))
    return writes
  }

  /** Returns the writes for the commit that begins a move: markers on both sides, which are stored before any key moves. */
  async moving(
    before: CustodyInstance,
    to: Pick<CustodyInstance, 'custody' | 'rootKeyUri'>,
  ): Promise<readonly Write[]> {
    const { id: instanceId, epoch = 0 } = before
    if (before.rootKeyUri === to.rootKeyUri && before.custody === to.custody) return []
    const beside = (rootKeyUri: string, says: MarkerText) =>
      this.markers.due({ instanceId, rootKeyUri, epoch, says })
    const writes: Write[] = []
    // The instance makes no new standard keys any more, so the trouble of a refused one ends.
    if (to.custody !== 'keyprotect') this.#troubles.made(instanceId)
    const leaves = async (rootKeyUri: string) =>
      writes.push(await beside(rootKeyUri, { way: 'to', custody: to.custody, rootKeyUri: to.rootKeyUri }))
    const arrives = async ({ custody, rootKeyUri }: typeof to) => {
      if (to.custody === 'keyprotect')
        writes.push(await beside(to.rootKeyUri, { way: 'from', custody, rootKeyUri }))
    }
    if (before.custody === 'keyprotect') await leaves(before.rootKeyUri)
    await arrives(before)
    for (const rootKeyUri of await this.#leaving(instanceId)) {
      if (rootKeyUri === to.rootKeyUri && to.custody === 'keyprotect') continue
      if (rootKeyUri === before.rootKeyUri && before.custody === 'keyprotect') continue
      // Some keys of an earlier move may not have arrived yet. The root key of that move may be gone.
      await leaves(rootKeyUri)
      await arrives({ custody: 'keyprotect', rootKeyUri })
    }
    return writes
  }

  /**
   * Stores the markers beside the target root key, and beside the root keys that keys still leave. It tolerates a failure at a root
   * key that an earlier move left, as a stored marker there says: the service may refuse more than that. Throws RootKeyError.
   */
  async announce({ id: instanceId, rootKeyUri }: CustodyInstance): Promise<void> {
    const { markers } = this
    const leaving = await this.#leaving(instanceId)
    const failures = await markers.settleEach(instanceId, [rootKeyUri, ...leaving])
    for (const [uri, failure] of failures)
      if (uri === rootKeyUri || !(await markers.saidLeft(instanceId, uri))) throw failure
  }

  /** Called when all keys of a move have arrived: deletes what they left, and the 'from' markers. Throws RootKeyError. */
  async arrived(instance: CustodyInstance, work: LongWork): Promise<void> {
    await this.sweep.clear(instance.id, { hasMoved: true })
    await this.markers.arrived(instance, work)
  }

  /** The root keys that still have standard keys that count. */
  async #leaving(instanceId: string): Promise<ReadonlySet<string>> {
    const rows = await allStandardKeys(this.#store, { instanceId, kind: 'object' })
    return new Set(rows.filter(({ state }) => state !== 'unwanted').map(({ rootKeyUri }) => rootKeyUri))
  }

  async kept(instanceId: string): Promise<KeptStandardKeys> {
    const rows = await allStandardKeys(this.#store, { instanceId, kind: 'object' })
    return {
      count: rows.length,
      rootKeyUris: [...new Set(rows.map(({ rootKeyUri }) => rootKeyUri))],
      cause: this.#troubles.causeOfLeft(instanceId),
    }
  }

  async #seal(
    instance: CustodyInstance,
    { identifier, objectType }: Place,
    material: Material,
    { facts, replaces, correlationIds }: SealOptions,
  ): Promise<Sealed> {
    const askedAt = this.#clock.monotonic()
    const rootKey = await this.#keyring.openRootKey(instance.rootKeyUri, instance.id)
    const generation = replaces ? await this.generations.nextGeneration(replaces) : 1
    // A client waits for a new object, but not for a replaced one.
    const until = replaces ? {} : { untilMs: askedAt + rootKeyWaitMs }
    const more = { ...until, ...(correlationIds && { correlationIds }) }
    const copy = { instance, rootKey, identifier, objectType, material, facts, generation, ...more }
    const made = await this.copies.create(copy).catch((error: unknown) => {
      if (!this.#troubles.isFenced(instance.id)) this.#troubles.notMade(instance.id, error)
      throw error
    })
    this.#troubles.made(instance.id)
    // vCenter gets a key right after it creates one: this saves the calls.
    this.#opening.keep(instance, made.id, material, askedAt)
    const ref = {
      rootKeyUri: rootKey.uri,
      rootKeyId: rootKey.id,
      standardKeyId: made.id,
      generation: made.generation,
    }
    const record = rowOf({ instanceId: instance.id, identifier }, made, rootKey.uri, this.#clock.now())
    return {
      sealed: encodeStandardKeyRef(ref),
      dataKeyId: null,
      generation: made.generation,
      writes: [{ type: 'standard-key', record }],
      // Even work that lost its lease must give up its standard keys.
      abandon: () => apartFromLease(() => this.#abandon(instance, record, replaces)),
    }
  }

  /** First marks the record as unwanted, so that the sweep deletes the standard key if this attempt fails. */
  async #abandon(
    instance: CustodyInstance,
    record: StandardKeyRecord,
    replaces: StoredForm | undefined,
  ): Promise<void> {
    const unwanted = { ...record, state: 'unwanted' } as const
    try {
      const write: Write = { type: 'standard-key', record: unwanted }
      await this.#store.commit({ writes: [write], entries: [], durability: 'disk' })
      const ref = refOf(replaces)
      if (ref && (await this.generations.removeAbove(ref, unwanted))) return
      await this.generations.removeUnwanted(instance, [unwanted])
    } catch (error) {
      if (isOutside(error)) this.#troubles.left(unwanted, error)
      else throw error
    }
  }

  /** Deletes all copies of a destroyed object, including those of calls without an answer. */
  async #giveUp({ instanceId, uniqueIdentifier, sealed }: StoredForm): Promise<void> {
    try {
      await this.generations.giveUp({ instanceId, identifier: uniqueIdentifier, sealed })
    } catch (error) {
      if (!isOutside(error)) throw error
      const rows = await this.generations.lookup.rows(instanceId, uniqueIdentifier)
      for (const row of rows) this.#troubles.left(row, error)
      throw error
    }
  }
}

/** A data key's sealing adds at most this many bytes to material with a short head. */
const sealedOverheadBytesMax = 512

/** An outage or a conflict, not a bug: a later attempt may succeed. */
function isOutside(error: unknown): boolean {
  return [RootKeyError, StoreConflict, StoreUnavailable].some((kind) => error instanceof kind)
}
