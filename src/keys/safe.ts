// Where an object's material lies, by the custody of its instance: sealed by a data key in the database, or wrapped by
// the root key itself and kept as a standard key at its service. Seals, opens and gives up; what a change of an object
// must write beside it is handed to whoever commits that change.

import { createHash, type KeyObject } from 'node:crypto'
import { first, type AttributeSet } from '../kmip/attributes.ts'
import { Fault } from '../kmip/fault.ts'
import { limits } from '../limits.ts'
import {
  EnvelopeError,
  openMaterial,
  sealMaterial,
  takeKey,
  type Material,
  type MaterialHead,
  type Place,
} from '../sealing/envelope.ts'
import type { StoredItem } from '../sealing/integrity.ts'
import type { Keyring } from '../sealing/keyring.ts'
import type { ManagedObject } from './managed-object.ts'
import type { Clock } from '../ports/clock.ts'
import type { Store, Write } from '../ports/store.ts'
import type { StandardKeyRecord } from '../ports/secrets.ts'
import { RootKeyError, type Trail } from '../ports/root-key.ts'
import { requireStandardKeys, type StandardKeyKeeper } from './standard-keys/keeper.ts'
import {
  isPlace,
  packPlace,
  packStandardKey,
  standardKeyAad,
  StandardKeyFormatError,
  unpackPlace,
  unpackStandardKey,
  type StandardKeyPlace,
} from './standard-keys/place.ts'
import type { Instance } from '../trust/rows.ts'
import { keysUnavailable, type UnwrapCache, type Unwrapped } from '../sealing/unwrap-cache.ts'

/** Material that was put away: what the object's record holds of it, and what its commit must write besides. */
export interface Sealed {
  readonly sealed: Uint8Array
  readonly dataKeyId: string | null
  readonly writes: readonly Write[]
  /** When that commit will not be. Never throws. */
  abandon(): Promise<void>
}

/** What a commit that gives up sealed material must write, and what is to be done once it is committed. */
export interface Released {
  readonly writes: readonly Write[]
  after(): Promise<void>
}

export interface SealOptions {
  readonly attributes: AttributeSet
  /** The first generation to be tried; 1 for a new object. */
  readonly generation?: number
  readonly trail?: Trail
}

export type SealedObject = Pick<
  ManagedObject,
  'instanceId' | 'uniqueIdentifier' | 'objectType' | 'sealed' | 'dataKeyId'
>

interface Opened {
  readonly key: KeyObject
  readonly head: MaterialHead
}

export class Safe {
  readonly #store: Store
  readonly #clock: Clock
  readonly #keyring: Keyring
  readonly #keeper: StandardKeyKeeper
  readonly #cache: UnwrapCache<Opened>
  /** Wrapped forms that are being opened, by digest: a service that hands back a newer one names it by the old. */
  readonly #opening = new Map<string, SealedObject>()

  constructor(options: {
    readonly store: Store
    readonly clock: Clock
    readonly keyring: Keyring
    readonly keeper: StandardKeyKeeper
  }) {
    this.#store = options.store
    this.#clock = options.clock
    this.#keyring = options.keyring
    this.#keeper = options.keeper
    this.#cache = options.keyring.cacheOf('object', limits.unsealedObjectsMax)
  }

  /** Seals a copy: the material is the caller's to wipe. Throws KeysUnavailable, and Fault where the service refuses. */
  async seal(
    instance: Instance,
    place: Place,
    material: Material,
    { attributes, generation = 1, trail }: SealOptions,
  ): Promise<Sealed> {
    if (instance.custody === 'database' || !fitsStandardKey(material)) {
      const dataKey = await this.#keyring.current(instance, trail)
      const sealed = sealMaterial(dataKey, place, material)
      return { sealed, dataKeyId: dataKey.id, writes: [], abandon: () => Promise.resolve() }
    }
    try {
      return await this.#wrap(instance, place, material, { attributes, generation, ...(trail && { trail }) })
    } catch (error) {
      if (error instanceof RootKeyError && (error.reach === 'wrapped-form' || error.reach === 'call'))
        throw new Fault('GeneralFailure', 'the service of the root key refuses to keep another key', {
          cause: error,
        })
      throw keysUnavailable(error, `wrap an object of instance ${instance.id}`)
    }
  }

  /** The material, the caller's to wipe. Throws KeysUnavailable, and Fault for what was altered. */
  async open(instance: Instance, object: SealedObject, trail?: Trail): Promise<Material> {
    const { uniqueIdentifier, sealed, dataKeyId } = object
    if (sealed === null) throw new Error(`object ${uniqueIdentifier} has no material`)
    const { integrity } = this.#keyring
    const item = itemOf(object)
    try {
      if (isPlace(sealed))
        return await integrity.opening(item, () => this.#openStandardKey(instance, object, sealed, trail))
      // Outside of `opening`: where a data key does not open, that is an alarm of its own.
      const dataKey = dataKeyId === null ? undefined : await this.#keyring.byId(instance, dataKeyId, trail)
      return integrity.openingNow(item, () => {
        if (!dataKey) throw new EnvelopeError('sealed material names no data key')
        return openMaterial(dataKey, placeOf(object), sealed)
      })
    } catch (error) {
      if (!(error instanceof EnvelopeError || error instanceof StandardKeyFormatError)) throw error
      throw altered(error)
    }
  }

  /**
   * The material as its root key opens it now, whatever is in memory: what its owner deleted at the service is not to
   * be sealed anew elsewhere. Throws KeysUnavailable, RootKeyError, and Fault for what was altered.
   */
  async openAnew(instance: Instance, object: SealedObject, trail: Trail): Promise<Material> {
    const { sealed } = object
    if (sealed === null || !isPlace(sealed)) return this.open(instance, object, trail)
    try {
      const { value } = await this.#keyring.integrity.opening(itemOf(object), () =>
        this.#unwrap(object, unpackPlace(sealed), trail),
      )
      return { bytes: value.key.export(), head: value.head }
    } catch (error) {
      throw error instanceof StandardKeyFormatError ? altered(error) : error
    }
  }

  /** That its owner has not deleted it at the service. Throws RootKeyError. */
  async requireThere({ instanceId, sealed }: SealedObject, trail: Trail): Promise<void> {
    if (sealed === null || !isPlace(sealed)) return
    const { rootKeyUri, standardKeyId } = unpackPlace(sealed)
    const rootKey = await this.#keyring.openRootKey(rootKeyUri, instanceId)
    await requireStandardKeys(rootKey).read(standardKeyId, trail)
  }

  /**
   * Opens what was just sealed, whatever is in memory, and compares it: before what it replaces is given up. Throws
   * RootKeyError, also when something else comes out.
   */
  async prove(instance: Instance, object: SealedObject, { bytes }: Material, trail: Trail): Promise<void> {
    const { bytes: opened } = await this.openAnew(instance, object, trail)
    const same = bytes.equals(opened)
    opened.fill(0)
    if (!same) throw new RootKeyError('unreachable', 'the root key opens something else than it sealed')
  }

  /** The same object lies in another standard key now: what is in memory of it stays good. */
  rewrapped(instanceId: string, fromStandardKeyId: string, toStandardKeyId: string): void {
    this.#cache.rename(`${instanceId}/${fromStandardKeyId}`, `${instanceId}/${toStandardKeyId}`)
  }

  /**
   * Of an object whose record will not name this sealed material any more. `attempts`: nor any other that was made for
   * it, or is being made: it is destroyed.
   */
  async release(object: SealedObject, { attempts = false } = {}): Promise<Released> {
    const { instanceId, uniqueIdentifier, sealed } = object
    if (sealed === null || !isPlace(sealed)) return { writes: [], after: () => Promise.resolve() }
    const { standardKeyId } = unpackPlace(sealed)
    const query = { instanceId, kind: 'object', identifier: uniqueIdentifier } as const
    const records = await this.#store.standardKeys({ ...query, limit: 100 })
    const held = records.filter(
      (record) => record.standardKeyId === standardKeyId || (attempts && record.state !== 'current'),
    )
    const gone = held.map((record): StandardKeyRecord => ({ ...record, state: 'unwanted' }))
    return {
      writes: held.filter(({ state }) => state !== 'unwanted').map((record) => this.#keeper.unwanted(record)),
      after: () => this.#keeper.discard(gone),
    }
  }

  /** The object whose wrapped form is being opened at this moment, or undefined. */
  opening(wrapped: Uint8Array): SealedObject | undefined {
    return this.#opening.get(digest(wrapped))
  }

  async #wrap(
    instance: Instance,
    place: Place,
    { bytes, head }: Material,
    { attributes, generation = 1, trail }: SealOptions,
  ): Promise<Sealed> {
    const rootKey = await this.#keyring.openRootKey(instance.rootKeyUri, instance.id)
    const { payloadBytesMax } = requireStandardKeys(rootKey)
    const askedAt = this.#clock.monotonic()
    const wrapped = await rootKey.wrap(bytes, standardKeyAad(place, head), trail).catch((error: unknown) => {
      this.#keyring.status.standardKeys.notMade(instance.id, error)
      throw error
    })
    const keyVersion = rootKey.versions?.of(wrapped) ?? ''
    const header = {
      format: 1,
      kind: 'key',
      instance: instance.id,
      identifier: place.identifier,
      objectType: place.objectType,
      algorithm: first(attributes, 'CryptographicAlgorithm') ?? null,
      length: first(attributes, 'CryptographicLength') ?? null,
      mask: first(attributes, 'CryptographicUsageMask') ?? null,
      head,
      keyVersion,
    } as const
    const record = await this.#keeper.make(
      { instanceId: instance.id, kind: 'object', identifier: place.identifier, generation, rootKey },
      async (made) => ({
        payload: packStandardKey({ ...header, generation: made }, wrapped, payloadBytesMax),
        keyVersion,
      }),
      trail,
    )
    const { standardKeyId } = record
    // vCenter asks for a key right after it was made: the service need not be asked for it.
    const value = { key: takeKey(Buffer.from(bytes)), head }
    const unwrapped = { value, rootKeyUri: instance.rootKeyUri }
    this.#cache.keep(instance, `${instance.id}/${standardKeyId}`, unwrapped, askedAt)
    return {
      sealed: packPlace({
        rootKeyUri: rootKey.uri,
        rootKeyId: rootKey.id,
        standardKeyId,
        generation: record.generation,
      }),
      dataKeyId: null,
      writes: [this.#keeper.counts(record)],
      abandon: () => this.#keeper.discard([record]),
    }
  }

  async #openStandardKey(
    instance: Instance,
    object: SealedObject,
    sealed: Uint8Array,
    trail?: Trail,
  ): Promise<Material> {
    const place = unpackPlace(sealed)
    const item = { id: `${instance.id}/${place.standardKeyId}`, name: object.uniqueIdentifier }
    const open = (calls: Trail) => this.#unwrap(object, place, calls)
    const { key, head } = await this.#cache.get(instance, item, open, trail)
    return { bytes: key.export(), head }
  }

  async #unwrap(object: SealedObject, place: StandardKeyPlace, trail: Trail): Promise<Unwrapped<Opened>> {
    const { instanceId, uniqueIdentifier, objectType } = object
    const rootKey = await this.#keyring.openRootKey(place.rootKeyUri, instanceId)
    const payload = await requireStandardKeys(rootKey).read(place.standardKeyId, trail)
    const { header, wrapped } = unpackStandardKey(payload)
    if (header.instance !== instanceId || header.identifier !== uniqueIdentifier)
      throw new StandardKeyFormatError(`the standard key ${place.standardKeyId} holds another object`)
    const aad = standardKeyAad({ instanceId, identifier: uniqueIdentifier, objectType }, header.head)
    const name = digest(wrapped)
    this.#opening.set(name, object)
    try {
      const key = takeKey(await this.#keyring.unwrap({ instanceId, ...place }, wrapped, aad, trail))
      return { value: { key, head: header.head }, rootKeyUri: place.rootKeyUri }
    } finally {
      this.#opening.delete(name)
    }
  }
}

function altered(cause: Error): Fault {
  const message = 'the stored form of this object was altered: it does not open'
  return new Fault('GeneralFailure', message, { cause })
}

/** Whether a root key wraps it; more, or nothing at all, a data key of the database seals. */
export function fitsStandardKey({ bytes }: Pick<Material, 'bytes'>): boolean {
  return bytes.length > 0 && bytes.length <= limits.rootKeyPlaintextBytesMax
}

function itemOf({ instanceId, uniqueIdentifier }: SealedObject): StoredItem {
  return { instanceId, kind: 'object', id: uniqueIdentifier }
}

function placeOf({ instanceId, uniqueIdentifier, objectType }: SealedObject): Place {
  return { purpose: 'object', instanceId, identifier: uniqueIdentifier, objectType }
}

function digest(wrapped: Uint8Array): string {
  return createHash('sha256').update(wrapped).digest('base64')
}
