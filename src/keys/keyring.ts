// The data keys of the instances, unsealed for a bounded time: the cache rule and the outage mode of design section
// 5. It seals nothing itself; envelope.ts does that with the keys handed out here. Nothing unsealed outlives the
// process.
//
// The rule: material may be used until `cacheSeconds` after the root key's service last answered for it, and is
// asked for again in the background from four fifths of that time. While the service cannot be reached it may be
// used until `cacheSeconds + outageSeconds`. A no about the root key empties everything of the instance; a no about
// one wrapped form concerns that one only. All times are monotonic.

import { randomBytes } from 'node:crypto'
import { takeKey, type DataKey } from './envelope.ts'
import {
  RootKeyError,
  type Clock,
  type DataKeyRecord,
  type RootKey,
  type Store,
  type Write,
} from './ports.ts'

/** What the keyring must know of an instance. */
export interface KeyringInstance {
  readonly id: string
  readonly rootKeyUri: string
  readonly cacheSeconds: number
  readonly outageSeconds: number
}

export interface KeyringEvents {
  /** The instance is served from cache because its root key cannot be reached, or no longer is. */
  degraded(instanceId: string, degraded: boolean, cause: string): void
  /** The root key said no: nothing of the instance is served until it says yes. */
  withdrawn(instanceId: string, cause: string): void
  /** Where a data key came from that was used: memory, memory while the root key is out of reach, or the root key. */
  used?(source: 'cache' | 'outage' | 'root-key'): void
}

/** The instance's keys cannot be opened now; `reach` is that of the root key's answer. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable'
  readonly reach: RootKeyError['reach']
  constructor(reach: RootKeyError['reach'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.reach = reach
  }
}

interface Cached {
  readonly dataKey: DataKey
  readonly record: DataKeyRecord
  /** Monotonic milliseconds of the last answer of the root key for this data key. */
  answeredAt: number
}

/** While a service is unreachable it is asked again this often at most, and nobody waits for it meanwhile. */
const askAgainMs = 5_000

export class Keyring {
  readonly #store: Store
  readonly #clock: Clock
  readonly #openRootKey: (uri: string, instanceId: string) => Promise<RootKey>
  readonly #events: KeyringEvents
  readonly #cache = new Map<string, Cached>()
  readonly #asking = new Map<string, Promise<DataKey>>()
  /** Monotonic milliseconds at which the instance's root key was last found unreachable. */
  readonly #unreachableAt = new Map<string, number>()
  readonly #currentIds = new Map<string, string>()

  constructor(options: {
    readonly store: Store
    readonly clock: Clock
    readonly openRootKey: (uri: string, instanceId: string) => Promise<RootKey>
    readonly events: KeyringEvents
  }) {
    this.#store = options.store
    this.#clock = options.clock
    this.#openRootKey = options.openRootKey
    this.#events = options.events
  }

  /** A new data key for an instance, as the write that keeps it; it is current once that write is committed. */
  async make(instance: KeyringInstance): Promise<Write> {
    const rootKey = await this.#openRootKey(instance.rootKeyUri, instance.id)
    const id = randomBytes(16).toString('hex')
    const bytes = randomBytes(32)
    const wrapped = await rootKey.wrap(bytes, dataKeyAad(instance.id, id))
    bytes.fill(0)
    const record: DataKeyRecord = {
      id,
      instanceId: instance.id,
      rootKeyUri: rootKey.uri,
      rootKeyId: rootKey.id,
      wrapped,
      createdMs: this.#clock.now(),
    }
    return { type: 'data-key', record }
  }

  /** The data key that seals the instance's new objects: its newest. Throws KeysUnavailable. */
  async current(instance: KeyringInstance): Promise<DataKey> {
    const known = this.#currentIds.get(instance.id)
    if (known !== undefined) return this.byId(instance, known)
    const records = await this.#store.dataKeys(instance.id)
    const newest = records.toSorted((a, b) => a.createdMs - b.createdMs).at(-1)
    if (!newest) throw new Error(`instance ${instance.id} has no data key`)
    this.#currentIds.set(instance.id, newest.id)
    return this.byId(instance, newest.id)
  }

  /** The data key of that id, from cache as the rule allows, or from the root key. Throws KeysUnavailable. */
  async byId(instance: KeyringInstance, id: string): Promise<DataKey> {
    const cached = this.#cache.get(id)
    const ageMs = cached ? this.#clock.monotonic() - cached.answeredAt : Infinity
    if (cached && ageMs < instance.cacheSeconds * 1000) {
      if (ageMs >= instance.cacheSeconds * 800 && !this.#lately(instance.id))
        void this.#ask(instance, id).catch(() => undefined)
      this.#events.used?.('cache')
      return cached.dataKey
    }
    const mayOutlive = cached && ageMs < (instance.cacheSeconds + instance.outageSeconds) * 1000
    if (mayOutlive && this.#lately(instance.id)) {
      this.#events.used?.('outage')
      return cached.dataKey
    }
    try {
      const dataKey = await this.#ask(instance, id)
      this.#events.used?.('root-key')
      return dataKey
    } catch (error) {
      if (!(error instanceof KeysUnavailable) || error.reach !== 'unreachable') throw error
      const still = this.#cache.get(id)
      const limitMs = (instance.cacheSeconds + instance.outageSeconds) * 1000
      if (!still || this.#clock.monotonic() - still.answeredAt >= limitMs) throw error
      this.#events.used?.('outage')
      return still.dataKey
    }
  }

  /** Asks the root key whether it still opens the instance's current data key. For readiness and for new settings. */
  async probe(instance: KeyringInstance): Promise<void> {
    const current = await this.current(instance)
    await this.#ask(instance, current.id)
  }

  /** Forgets all that is unsealed of an instance. */
  forget(instanceId: string): void {
    for (const [id, { record }] of this.#cache) if (record.instanceId === instanceId) this.#cache.delete(id)
    this.#currentIds.delete(instanceId)
  }

  #lately(instanceId: string): boolean {
    const at = this.#unreachableAt.get(instanceId)
    return at !== undefined && this.#clock.monotonic() - at < askAgainMs
  }

  /** One call in flight per data key. */
  #ask(instance: KeyringInstance, id: string): Promise<DataKey> {
    const running = this.#asking.get(id)
    if (running) return running
    const asked = this.#unwrap(instance, id).finally(() => this.#asking.delete(id))
    this.#asking.set(id, asked)
    return asked
  }

  async #unwrap(instance: KeyringInstance, id: string): Promise<DataKey> {
    const records = await this.#store.dataKeys(instance.id)
    const record = records.find((candidate) => candidate.id === id)
    if (!record) throw new Error(`instance ${instance.id} has no data key ${id}`)
    // The answer counts from the moment the question was put, so that a slow service cannot stretch the time.
    const askedAt = this.#clock.monotonic()
    try {
      const rootKey = await this.#openRootKey(record.rootKeyUri, instance.id)
      if (rootKey.id !== record.rootKeyId)
        throw new RootKeyError('root-key', `${record.rootKeyUri} is another root key (${rootKey.id}) now`)
      const bytes = await rootKey.unwrap(record.wrapped, dataKeyAad(instance.id, id))
      const cached = this.#cache.get(id)
      const dataKey = cached?.dataKey ?? { id, key: takeKey(bytes) }
      bytes.fill(0)
      this.#cache.set(id, { dataKey, record, answeredAt: askedAt })
      if (this.#unreachableAt.delete(instance.id))
        this.#events.degraded(instance.id, false, 'the root key answers again')
      return dataKey
    } catch (error) {
      throw this.#refused(instance, id, error)
    }
  }

  /** Draws the conclusion from a failed call, as its reach demands. */
  #refused(instance: KeyringInstance, id: string, error: unknown): unknown {
    if (!(error instanceof RootKeyError)) return error
    if (error.reach === 'root-key') {
      this.forget(instance.id)
      this.#events.withdrawn(instance.id, error.message)
    } else if (error.reach === 'wrapped-form') {
      this.#cache.delete(id)
    } else {
      if (!this.#unreachableAt.has(instance.id)) this.#events.degraded(instance.id, true, error.message)
      this.#unreachableAt.set(instance.id, this.#clock.monotonic())
    }
    return new KeysUnavailable(error.reach, `unseal data key ${id} of instance ${instance.id}`, {
      cause: error,
    })
  }
}

function dataKeyAad(instanceId: string, dataKeyId: string): Buffer {
  return Buffer.from(JSON.stringify(['mortise data key 1', instanceId, dataKeyId]))
}
