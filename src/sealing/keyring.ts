// The data keys of the instances: made, and unsealed for a bounded time (unsealed.ts has the rule). It seals nothing
// itself; envelope.ts does that with the keys handed out here.

import { randomBytes } from 'node:crypto'
import { takeKey, type DataKey } from './envelope.ts'
import { limits } from '../limits.ts'
import type { Clock } from '../ports/clock.ts'
import type { DataKeyRecord } from '../ports/secrets.ts'
import type { Store, Write } from '../ports/store.ts'
import { RootKeyError, type RootKey, type Trail } from '../ports/root-key.ts'
import type { Instance } from '../trust/rows.ts'
import { Integrity } from './integrity.ts'
import { RootKeyConditions, Unsealed, type CachingInstance, type RootKeyEvents } from './unsealed.ts'

export type KeyringInstance = CachingInstance &
  Pick<Instance, 'rootKeyUri'> & { readonly work?: { readonly id: string } | undefined }

export type OpenRootKey = (uri: string, instanceId: string) => Promise<RootKey>

export interface KeyringOptions {
  readonly store: Store
  readonly clock: Clock
  readonly openRootKey: OpenRootKey
  readonly events: RootKeyEvents
  /** Shared with what else opens stored bytes; left out: one of its own. */
  readonly integrity?: Integrity
}

export class Keyring {
  /** What the root keys last said. Shared with what is unsealed beside data keys. */
  readonly conditions: RootKeyConditions
  /** What failed its authentication. Shared with what is unsealed beside data keys. */
  readonly integrity: Integrity
  /** Opens an instance's root keys. */
  readonly openRootKey: OpenRootKey
  readonly #store: Store
  readonly #clock: Clock
  readonly #unsealed: Unsealed<DataKey>
  /** By instance, root key and work: which data key is the current one. */
  readonly #currentIds = new Map<string, string>()

  constructor({ store, clock, openRootKey, events, integrity }: KeyringOptions) {
    this.integrity = integrity ?? new Integrity(clock)
    this.#store = store
    this.#clock = clock
    this.openRootKey = openRootKey
    this.conditions = new RootKeyConditions(clock, events)
    this.conditions.onForget((instanceId) => this.#forgetCurrent(instanceId))
    this.#unsealed = new Unsealed(this.conditions, clock, 'data key', limits.unsealedDataKeysMax)
  }

  /** A new data key for an instance, as the write that keeps it; it is current once that write is committed. */
  async make(instance: Pick<KeyringInstance, 'id' | 'rootKeyUri'>, trail?: Trail): Promise<Write> {
    const rootKey = await this.openRootKey(instance.rootKeyUri, instance.id)
    const id = randomBytes(16).toString('hex')
    const bytes = randomBytes(32)
    const wrapped = await rootKey.wrap(bytes, dataKeyAad(instance.id, id), trail)
    bytes.fill(0)
    // Newer than all there are, also where the clock was set back.
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
   * The same data key under another root key, or under a newer version of its own. Throws RootKeyError: 'wrapped-form'
   * only where it does not open, never because it is not sealed.
   */
  async reseal(record: DataKeyRecord, rootKey: RootKey, trail?: Trail): Promise<DataKeyRecord> {
    const aad = dataKeyAad(record.instanceId, record.id)
    const from = await this.openRootKey(record.rootKeyUri, record.instanceId)
    const same = from.uri === rootKey.uri && rootKey.versions
    if (same) return { ...record, wrapped: await same.rewrap(record.wrapped, aad, trail) }
    if (from.id !== record.rootKeyId) throw anotherRootKey(record, from)
    const bytes = await from.unwrap(record.wrapped, aad, trail)
    try {
      const wrapped = await rootKey.wrap(bytes, aad, trail).catch((error: unknown) => {
        throw error instanceof RootKeyError && error.reach === 'wrapped-form' ? sealsNot(error) : error
      })
      return { ...record, rootKeyUri: rootKey.uri, rootKeyId: rootKey.id, wrapped }
    } finally {
      bytes.fill(0)
    }
  }

  /** Opens a record that is to replace another of the same data key. Throws RootKeyError. */
  async prove(record: DataKeyRecord, trail?: Trail): Promise<void> {
    const opened = await this.#open(record, trail)
    opened.fill(0)
  }

  /** The data key that seals the instance's new objects: its newest. Throws KeysUnavailable. */
  async current(instance: KeyringInstance, trail?: Trail): Promise<DataKey> {
    const name = JSON.stringify([instance.id, instance.rootKeyUri, instance.work?.id])
    const known = this.#currentIds.get(name)
    if (known !== undefined) return this.byId(instance, known, trail)
    const records = await this.#store.dataKeys(instance.id)
    const newest = records.toSorted((a, b) => a.createdMs - b.createdMs).at(-1)
    if (!newest) throw new Error(`instance ${instance.id} has no data key`)
    this.#currentIds.set(name, newest.id)
    return this.byId(instance, newest.id, trail)
  }

  /** The data key of that id, from cache as the rule allows, or from the root key. Throws KeysUnavailable. */
  byId(instance: CachingInstance, id: string, trail?: Trail): Promise<DataKey> {
    return this.#unsealed.get(instance, id, (calls) => this.#unwrap(instance, id, calls), trail)
  }

  /** Asks the root key whether it still opens the instance's current data key. For readiness and for new settings. */
  async probe(instance: KeyringInstance): Promise<void> {
    const { id } = await this.current(instance)
    await this.#unsealed.ask(instance, id, (calls) => this.#unwrap(instance, id, calls))
  }

  /** Forgets all that is unsealed of an instance. */
  forget(instanceId: string): void {
    this.conditions.forget(instanceId)
  }

  #forgetCurrent(instanceId: string): void {
    for (const name of this.#currentIds.keys())
      if ((JSON.parse(name) as [string])[0] === instanceId) this.#currentIds.delete(name)
  }

  async #unwrap(instance: CachingInstance, id: string, trail: Trail): Promise<DataKey> {
    let record = await this.#record(instance.id, id)
    for (;;) {
      try {
        return { id, key: takeKey(await this.#open(record, trail)) }
      } catch (error) {
        // It may have been moved to another root key just now, and the one before closed.
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

  async #open(record: DataKeyRecord, trail?: Trail): Promise<Uint8Array> {
    const rootKey = await this.openRootKey(record.rootKeyUri, record.instanceId)
    if (rootKey.id !== record.rootKeyId) throw anotherRootKey(record, rootKey)
    const { instanceId, id, wrapped } = record
    return this.integrity.opening({ instanceId, kind: 'data key', id }, () =>
      rootKey.unwrap(wrapped, dataKeyAad(instanceId, id), trail),
    )
  }
}

function anotherRootKey({ rootKeyUri }: DataKeyRecord, { id }: RootKey): RootKeyError {
  return new RootKeyError('root-key', `${rootKeyUri} is another root key (${id}) now`)
}

/** A root key that seals nothing new is no reason to give up what it was to seal. */
function sealsNot(cause: RootKeyError): RootKeyError {
  return new RootKeyError('root-key', cause.message, { cause })
}

function dataKeyAad(instanceId: string, dataKeyId: string): Buffer {
  return Buffer.from(JSON.stringify(['mortise data key 1', instanceId, dataKeyId]))
}
