// Makes the data keys of the instances, and unwraps them for a bounded time (unwrap-cache.ts). It seals nothing itself:
// envelope.ts does that with these keys.

import { randomBytes } from 'node:crypto'
import { takeKey, type DataKey } from './envelope.ts'
import type { MaybePromise } from '../../base/maybe-promise.ts'
import type { Clock } from '../ports/clock.ts'
import type { DataKeyRecord } from '../ports/secrets.ts'
import type { Store, Write } from '../ports/store.ts'
import { RootKeyError, type OpenRootKey, type RootKey, type CorrelationIds } from '../ports/root-key.ts'
import type { Instance } from '../trust/rows.ts'
import { ClosedKeys, type ClosedKeyEvents, type UnwrappedKind } from './closed-keys.ts'
import { guarded } from './guarded-root-key.ts'
import { Integrity } from './integrity.ts'
import { RootKeyStatus, type RootKeyEvents, type RootKeyUse, type Unwrap } from './root-key-status.ts'
import { UnwrapCache, type CachingInstance, type Unwrapped, type UnwrapSource } from './unwrap-cache.ts'

/** Unsealed data keys in memory. The oldest one is dropped first. */
const unsealedDataKeysMax = 10_000

export type KeyringInstance = CachingInstance & Pick<Instance, 'rootKeyUri'>

export interface KeyringEvents extends RootKeyEvents, ClosedKeyEvents {
  /** Called each time a data key or an object is used. */
  used?(source: UnwrapSource): void
}

export interface KeyringOptions {
  readonly store: Store
  readonly clock: Clock
  readonly openRootKey: OpenRootKey
  readonly events: KeyringEvents
  /** Shared with all code that opens stored bytes. Absent: a new one. */
  readonly integrity?: Integrity
}

export class Keyring {
  /** The last answer of each root key's service. */
  readonly status: RootKeyStatus
  /** The data keys and objects that do not open although their root key answers. */
  readonly closed: ClosedKeys
  /** The data keys and objects that failed their authentication. */
  readonly integrity: Integrity
  /** Opens an instance's root keys. Each call passes through `status`. */
  readonly openRootKey: OpenRootKey
  /** Opens root keys without `status`, for a restore, since the instance does not exist yet. */
  readonly openUnguarded: OpenRootKey
  readonly #store: Store
  readonly #clock: Clock
  readonly #events: KeyringEvents
  readonly #cache: UnwrapCache<DataKey>
  /**
   * The id of the current data key, by the instance as one version of trust describes it. Any change of data keys changes trust,
   * on any node.
   */
  readonly #currentIds = new WeakMap<KeyringInstance, string>()

  constructor({ store, clock, openRootKey, events, integrity }: KeyringOptions) {
    this.integrity = integrity ?? new Integrity(clock)
    this.#store = store
    this.#clock = clock
    this.#events = events
    this.status = new RootKeyStatus({ clock, events, findUnwrap: (use) => this.#findUnwrap(use) })
    this.closed = new ClosedKeys(events)
    this.openUnguarded = openRootKey
    this.openRootKey = guarded(openRootKey, this.status)
    this.#cache = this.cacheOf('data key', unsealedDataKeysMax)
  }

  /** A cache of unwrapped values that uses the same status. */
  cacheOf<T>(kind: UnwrappedKind, valuesMax: number): UnwrapCache<T> {
    const { status, closed } = this
    const onUse = (source: UnwrapSource) => this.#events.used?.(source)
    return new UnwrapCache<T>({ status, closed, clock: this.#clock, onUse, kind, valuesMax })
  }

  /** Makes a data key for an instance and returns its write. The data key is current from the commit on. */
  async make(instance: Pick<KeyringInstance, 'id' | 'rootKeyUri'>): Promise<Write> {
    const rootKey = await this.openRootKey(instance.rootKeyUri, instance.id)
    const id = randomBytes(16).toString('hex')
    const bytes = randomBytes(32)
    const wrapped = await rootKey.wrap(bytes, dataKeyAad(instance.id, id))
    bytes.fill(0)
    // Newer than all other data keys, even if the clock was set back.
    const made = (await this.#store.dataKeys(instance.id)).map(({ createdMs }) => createdMs + 1)
    const createdMs = Math.max(this.#clock.now(), ...made)
    const record: DataKeyRecord = {
      id,
      instanceId: instance.id,
      rootKeyUri: rootKey.uri,
      rootKeyId: rootKey.id,
      wrapped,
      createdMs,
    }
    return { type: 'data-key', record }
  }

  /**
   * Wraps the same data key with another root key, or with a newer version of its own. Throws RootKeyError. The reach is
   * 'wrapped-form' only if the data key does not open, never because the new root key refuses to wrap it.
   */
  async reseal(record: DataKeyRecord, rootKey: RootKey): Promise<DataKeyRecord> {
    const same = record.rootKeyUri === rootKey.uri && rootKey.versions
    if (same) {
      const aad = dataKeyAad(record.instanceId, record.id)
      return { ...record, wrapped: await same.rewrap(record.wrapped, aad) }
    }
    const bytes = await this.#open(record)
    try {
      return await wrapDataKey(record, bytes, rootKey)
    } catch (error) {
      throw error instanceof RootKeyError && error.reach === 'wrapped-form' ? sealsNot(error) : error
    } finally {
      bytes.fill(0)
    }
  }

  /** Opens a new record before it replaces the old record of the same data key. Throws RootKeyError. */
  async prove(record: DataKeyRecord): Promise<void> {
    const opened = await this.#open(record)
    opened.fill(0)
  }

  /** The newest data key of the instance, which seals new objects. Throws KeysUnavailable. */
  async current(instance: KeyringInstance, correlationIds?: CorrelationIds): Promise<DataKey> {
    const known = this.#currentIds.get(instance)
    if (known !== undefined) return this.byId(instance, known, correlationIds)
    const newest = newestOf(await this.#store.dataKeys(instance.id))
    if (!newest) throw new Error(`instance ${instance.id} has no data key`)
    this.#currentIds.set(instance, newest.id)
    return this.byId(instance, newest.id, correlationIds)
  }

  /** The data key with that id, from the cache if the rule allows it, or from the root key. Throws KeysUnavailable. */
  byId(instance: CachingInstance, id: string, correlationIds?: CorrelationIds): MaybePromise<DataKey> {
    return this.#cache.get(instance, { id }, (calls) => this.#unwrap(instance, id, calls), correlationIds)
  }

  /** Whether the cache has a data key of the instance that may be used without an answer of the root key. */
  has(instance: CachingInstance): boolean {
    return this.#cache.has(instance)
  }

  /**
   * Asks the root key whether it still opens the instance's current data key. Waits no longer than a client does. Throws
   * KeysUnavailable.
   */
  async probe(instance: KeyringInstance): Promise<void> {
    const { id } = await this.current(instance)
    await this.#cache.askInTime(instance, { id }, (calls) => this.#unwrap(instance, id, calls))
  }

  /** Forgets all unwrapped data keys of an instance. */
  forget(instanceId: string): void {
    this.status.forget(instanceId)
  }

  async #unwrap(
    instance: CachingInstance,
    id: string,
    correlationIds: CorrelationIds,
  ): Promise<Unwrapped<DataKey>> {
    let record = await this.#record(instance.id, id)
    for (;;) {
      try {
        const key = takeKey(await this.#open(record, correlationIds))
        return { value: { id, key }, rootKeyUri: record.rootKeyUri }
      } catch (error) {
        // A move may have just wrapped it with another root key and closed the one before.
        const now = await this.#record(instance.id, id)
        if (!(error instanceof RootKeyError) || Buffer.compare(now.wrapped, record.wrapped) === 0) throw error
        record = now
      }
    }
  }

  async #record(instanceId: string, id: string): Promise<DataKeyRecord> {
    const records = await this.#store.dataKeys(instanceId)
    const record = records.find((candidate) => candidate.id === id)
    if (!record) throw new Error(`instance ${instanceId} has no data key ${id}`)
    return record
  }

  /** Finds an unwrap that tests the root key. Any data key that it seals will do. */
  async #findUnwrap({ instanceId, rootKeyUri }: RootKeyUse): Promise<Unwrap | undefined> {
    const records = await this.#store.dataKeys(instanceId)
    const record = records.find((candidate) => candidate.rootKeyUri === rootKeyUri)
    return record && (() => this.#unwrapRecord(record))
  }

  #open(record: DataKeyRecord, correlationIds?: CorrelationIds): Promise<Uint8Array> {
    const { instanceId, id } = record
    return this.integrity.opening({ instanceId, kind: 'data key', id }, () =>
      this.status.unwrap(
        record,
        () => this.#unwrapRecord(record, correlationIds),
        () => this.#unwrapAgain(record),
      ),
    )
  }

  /**
   * Unwraps the stored record of the data key, since a newer version of the root key may seal it by now, and the version before
   * may be disabled. If another root key seals it by now, unwraps the old record.
   */
  async #unwrapAgain(record: DataKeyRecord): Promise<Uint8Array> {
    const stored = (await this.#store.dataKeys(record.instanceId)).find(({ id }) => id === record.id)
    return this.#unwrapRecord(stored?.rootKeyUri === record.rootKeyUri ? stored : record)
  }

  async #unwrapRecord(record: DataKeyRecord, correlationIds?: CorrelationIds): Promise<Uint8Array> {
    const rootKey = await this.openUnguarded(record.rootKeyUri, record.instanceId)
    return unwrapDataKey(record, rootKey, correlationIds)
  }
}

/** A refusal to wrap concerns the root key and not the data key. */
function sealsNot(cause: RootKeyError): RootKeyError {
  return new RootKeyError('root-key', cause.message, { cause })
}

/** The data key of an instance that seals new objects. */
export function newestOf(records: readonly DataKeyRecord[]): DataKeyRecord | undefined {
  return records.toSorted((a, b) => a.createdMs - b.createdMs).at(-1)
}

/** The bytes of a data key. The caller must wipe them. Throws RootKeyError. */
export async function unwrapDataKey(
  record: DataKeyRecord,
  rootKey: RootKey,
  correlationIds?: CorrelationIds,
): Promise<Uint8Array> {
  const { instanceId, id, rootKeyUri, rootKeyId, wrapped } = record
  if (rootKey.id !== rootKeyId)
    throw new RootKeyError('root-key', `${rootKeyUri} is another root key (${rootKey.id}) now`)
  return rootKey.unwrap(wrapped, dataKeyAad(instanceId, id), correlationIds)
}

/** The record of the same data key under another root key. Throws RootKeyError. */
export async function wrapDataKey(
  record: DataKeyRecord,
  bytes: Uint8Array,
  rootKey: RootKey,
): Promise<DataKeyRecord> {
  const aad = dataKeyAad(record.instanceId, record.id)
  const wrapped = await rootKey.wrap(bytes, aad)
  return { ...record, rootKeyUri: rootKey.uri, rootKeyId: rootKey.id, wrapped }
}

function dataKeyAad(instanceId: string, dataKeyId: string): Buffer {
  return Buffer.from(JSON.stringify(['mortise data key 1', instanceId, dataKeyId]))
}
