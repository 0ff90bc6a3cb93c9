// Opens objects for clients: from memory as far as the cache rule allows (core/sealing/unwrap-cache.ts), or by reading them at the
// service and having the root key unwrap them. It looks for a higher generation before a key counts as closed.

import type { KeyObject } from 'node:crypto'
import { closedKeysMax } from '../../../base/bounds.ts'
import type { Clock } from '../../ports/clock.ts'
import { RootKeyError, unlessRootKeyError, type CorrelationIds } from '../../ports/root-key.ts'
import { takeKey, type Material, type MaterialHead } from '../../sealing/envelope.ts'
import type { Integrity } from '../../sealing/integrity.ts'
import type { Keyring } from '../../sealing/keyring.ts'
import type { Unwrapped, UnwrapCache } from '../../sealing/unwrap-cache.ts'
import { alteredStoredForm, storedItem, type CustodyInstance, type StoredForm } from '../custody.ts'
import type { Copies } from './copies.ts'
import type { Generations } from './generations.ts'
import { PayloadError } from './payload.ts'
import { decodeStandardKeyRef } from './reference.ts'

/** Unsealed objects in memory. The oldest is dropped first. */
const unsealedObjectsMax = 50_000
/** Delay before the server checks a closed key again for a higher generation. */
export const higherLookMs = 5_000

interface Opened {
  readonly key: KeyObject
  readonly head: MaterialHead
}

interface OpeningOptions {
  readonly clock: Clock
  readonly keyring: Keyring
  readonly copies: Copies
  readonly generations: Generations
}

export class CopyOpening {
  readonly #options: OpeningOptions
  readonly #cache: UnwrapCache<Opened>
  /** By object: monotonic milliseconds at which no higher generation was listed. */
  readonly #nothingHigher = new Map<string, number>()

  constructor(options: OpeningOptions) {
    this.#options = options
    this.#cache = options.keyring.cacheOf('object', unsealedObjectsMax)
  }

  /** Returns the material, which the caller wipes. Throws KeysUnavailable and CustodyRefused. */
  async open(
    instance: CustodyInstance,
    object: StoredForm,
    correlationIds?: CorrelationIds,
  ): Promise<Material> {
    const { uniqueIdentifier, sealed } = object
    if (sealed === null) throw new Error(`object ${uniqueIdentifier} has no material`)
    try {
      return await this.#integrity.opening(storedItem(object), async () => {
        const id = `${instance.id}/${decodeStandardKeyRef(sealed).standardKeyId}`
        const read = (calls: CorrelationIds) => this.#openCounting(instance, object, calls)
        return materialOf(
          await this.#cache.get(instance, { id, name: uniqueIdentifier }, read, correlationIds),
        )
      })
    } catch (error) {
      throw error instanceof PayloadError ? alteredStoredForm(error) : error
    }
  }

  /** Opens without the cache. Throws RootKeyError and CustodyRefused. */
  async openAnew(
    instance: CustodyInstance,
    object: StoredForm,
    correlationIds: CorrelationIds,
  ): Promise<Material> {
    try {
      const open = () => this.#open(object, correlationIds)
      return materialOf((await this.#integrity.opening(storedItem(object), open)).value)
    } catch (error) {
      if (error instanceof PayloadError) throw alteredStoredForm(error)
      // Another server may have stored a higher generation: this node then points the object to it.
      if (error instanceof RootKeyError && error.reach === 'wrapped-form')
        await this.#options.generations.look(instance, object.uniqueIdentifier)
      throw error
    }
  }

  /** Keeps a copy of what was just stored, as if it had been opened at `askedAt` (monotonic milliseconds). */
  keep(instance: CustodyInstance, standardKeyId: string, { bytes, head }: Material, askedAt: number): void {
    const value = { key: takeKey(Buffer.from(bytes)), head }
    const { rootKeyUri } = instance
    this.#cache.keep(instance, `${instance.id}/${standardKeyId}`, { value, rootKeyUri }, askedAt)
  }

  hasInMemory(instance: CustodyInstance): boolean {
    return this.#cache.has(instance)
  }

  /** Called when the object is stored in another standard key: what is cached stays valid. */
  renamed(instanceId: string, fromId: string, toId: string): void {
    this.#cache.rename(`${instanceId}/${fromId}`, `${instanceId}/${toId}`)
  }

  get #integrity(): Integrity {
    return this.#options.keyring.integrity
  }

  /** Opens the copy that counts. Another server may have stored it above the one that this database knows. */
  async #openCounting(
    instance: CustodyInstance,
    object: StoredForm,
    correlationIds: CorrelationIds,
  ): Promise<Unwrapped<Opened>> {
    try {
      return await this.#open(object, correlationIds)
    } catch (error) {
      if (!(error instanceof RootKeyError) || error.reach !== 'wrapped-form') throw error
      // If this check fails, the error of the known copy still stands: memory must not serve a key that the service calls gone.
      const higher = await this.#higher(instance, object).catch(unlessRootKeyError)
      if (!higher) throw error
      return higher
    }
  }

  async #higher(instance: CustodyInstance, object: StoredForm): Promise<Unwrapped<Opened> | undefined> {
    const { clock, generations } = this.#options
    const { uniqueIdentifier: identifier, sealed } = object
    const name = JSON.stringify([instance.id, identifier])
    const now = clock.monotonic()
    if (now - (this.#nothingHigher.get(name) ?? -Infinity) < higherLookMs) return undefined
    const ref = decodeStandardKeyRef(sealed)
    const read = await generations.higher(instance, identifier, ref)
    if (read) {
      // Points the database to this higher generation in the background: the client does not wait for it.
      void generations.look(instance, identifier).catch(() => undefined)
      const value = { key: takeKey(read.bytes), head: read.header.head }
      return { value, rootKeyUri: ref.rootKeyUri }
    }
    if (this.#nothingHigher.size >= closedKeysMax) this.#nothingHigher.clear()
    this.#nothingHigher.set(name, now)
    return undefined
  }

  async #open(object: StoredForm, correlationIds: CorrelationIds): Promise<Unwrapped<Opened>> {
    const { copies, generations } = this.#options
    const { instanceId, uniqueIdentifier: identifier, objectType, sealed } = object
    const ref = decodeStandardKeyRef(sealed)
    const rootKey = await generations.lookup.rootKeyOf(ref, instanceId)
    const of = { instanceId, identifier, objectType }
    const { bytes, header } = await copies.read(rootKey, ref.standardKeyId, of, correlationIds, true)
    return { value: { key: takeKey(bytes), head: header.head }, rootKeyUri: ref.rootKeyUri }
  }
}

function materialOf({ key, head }: Opened): Material {
  return { bytes: key.export(), head }
}
