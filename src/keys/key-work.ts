// What may be done with keys, within one unit of work. Each method begins with the act's name (`#unit.begin`), so that
// it is entered whether it succeeds or is refused, and none touches a socket, a clock of its own or SQL.

import { createHash, randomUUID } from 'node:crypto'
import { CustodyRefused } from '../custody/custody.ts'
import type { Custodies } from '../custody/custodies.ts'
import { first, type AttributeInstance, type AttributeSet, type AttributeValue } from '../kmip/attributes.ts'
import { maskOf } from '../kmip/enums.ts'
import { Fault } from '../kmip/fault.ts'
import type { Version } from '../kmip/version.ts'
import type { Access } from '../trust/access.ts'
import { allows } from '../trust/allow.ts'
import {
  addAttribute,
  deleteAttribute,
  modifyAttribute,
  type AttributeNamed,
  type AttributeValued,
  type Changed,
  type Target,
} from './attribute-changes.ts'
import type { Material, Place } from '../sealing/envelope.ts'
import { initialAttributes, type NewObject } from './initial-attributes.ts'
import { requireRoom } from './instance-room.ts'
import { generateKey, generateSecret } from './key-generation.ts'
import { isDestroyed, nextState } from './lifecycle.ts'
import { locate, type LocateQuery, type Located } from './locate.ts'
import {
  allAttributes,
  currentState,
  hasState,
  viewOf,
  withAttribute,
  type KeyView,
  type ManagedObject,
  type ObjectType,
} from './managed-object.ts'
import { requireFreeNames } from './names.ts'
import { unhurried, type Pace } from './pace.ts'
import type { AuditAction } from '../ports/audit-actions.ts'
import { StoreConflict, type Store } from '../ports/store.ts'
import { factsOf } from './object-facts.ts'
import type { Instance } from '../trust/rows.ts'
import type { Unit } from './unit.ts'
import { limitsOf } from '../trust/instance-limits.ts'
import { KeysUnavailable } from '../sealing/unwrap-cache.ts'

export interface Revocation {
  readonly code: string
  readonly message: string | undefined
  /** Seconds since 1970; only with a compromise. */
  readonly compromiseOccurrenceDate: bigint | undefined
}

/** Material that leaves, with what a Key Block says beside it. */
export interface FetchedObject {
  readonly uniqueIdentifier: string
  readonly objectType: ObjectType
  readonly attributes: AttributeSet
  readonly material: Material
}

export class KeyWork {
  readonly #unit: Unit
  readonly #store: Store
  readonly #custodies: Custodies
  readonly #access: Access

  constructor(options: {
    readonly unit: Unit
    readonly store: Store
    readonly custodies: Custodies
    readonly access: Access
  }) {
    this.#unit = options.unit
    this.#store = options.store
    this.#custodies = options.custodies
    this.#access = options.access
  }

  /**
   * Fault PermissionDenied when the caller may not ask for this operation, entered as `action`. Reads nothing of the
   * object, so that the refusal tells nothing of it.
   */
  requirePermission(operation: string, action: AuditAction, uniqueIdentifier: string | null): void {
    if (allows(this.#unit.caller.allow, operation)) return
    this.#unit.begin(action, uniqueIdentifier)
    throw new Fault(
      'PermissionDenied',
      `this client may not ask for ${operation}: an administrator can allow it`,
    )
  }

  /** Makes a symmetric key or secret data, Pre-Active unless its Activation Date is reached. Returns its identifier. */
  async create(wanted: NewObject): Promise<string> {
    this.#unit.begin('key.create', null)
    const length = first(wanted.attributes, 'CryptographicLength')
    if (length === undefined)
      throw new Fault('InvalidField', 'Create needs the attribute Cryptographic Length')
    if (wanted.objectType === 'SecretData') {
      const head = { keyFormatType: 'Opaque', secretDataType: 'Password' } as const
      return this.#keep(wanted, { bytes: generateSecret(length), head }, true)
    }
    const algorithm = first(wanted.attributes, 'CryptographicAlgorithm')
    if (algorithm === undefined)
      throw new Fault('InvalidField', 'Create needs the attribute Cryptographic Algorithm')
    // KMIP 1.4 §4.1 asks for a mask; clients that leave it out want a key that encrypts.
    const mask =
      first(wanted.attributes, 'CryptographicUsageMask') ??
      maskOf('CryptographicUsageMask', ['Encrypt', 'Decrypt'])
    const attributes = withAttribute(wanted.attributes, 'CryptographicUsageMask', mask)
    const bytes = generateKey(algorithm, length)
    return this.#keep({ ...wanted, attributes }, { bytes, head: { keyFormatType: 'Raw' } }, true)
  }

  /** Keeps an object that the client brings. Wipes the material's bytes: hand in a copy. Returns its identifier. */
  async register(wanted: NewObject, material: Material): Promise<string> {
    this.#unit.begin('key.register', null)
    return this.#keep(wanted, material, false)
  }

  /** The object with its material, which is wiped by `wipe` once a copy has been made for the answer. */
  async fetch(uniqueIdentifier: string, { wrapped = false } = {}): Promise<FetchedObject> {
    this.#unit.begin('key.get', uniqueIdentifier)
    const object = await this.#object(uniqueIdentifier)
    refuseToFetch(object, wrapped)
    const material = await this.#open(object)
    this.#unit.opened(material.bytes)
    this.#unit.fetched(uniqueIdentifier)
    this.#unit.done()
    const { objectType } = object
    return { uniqueIdentifier, objectType, attributes: allAttributes(object, this.#unit.nowMs), material }
  }

  /**
   * The object as it is within this unit, without its material and without an entry: for the answer to whoever changed
   * it. Read after the commit it might not be there to be read.
   */
  async view(uniqueIdentifier: string): Promise<KeyView> {
    const object = await this.#load(uniqueIdentifier)
    return viewOf(object, this.#unit.nowMs, this.#unit.lastFetchedMs(uniqueIdentifier))
  }

  /** All attributes as they are now. `action` tells the audit which operation reads them. */
  async attributes(action: 'key.attributes' | 'key.check', uniqueIdentifier: string): Promise<AttributeSet> {
    this.#unit.begin(action, uniqueIdentifier)
    const object = await this.#load(uniqueIdentifier)
    this.#unit.done()
    const attributes = allAttributes(object, this.#unit.nowMs)
    return digestIsSecret(object.objectType) ? this.#withDigest(object, attributes) : attributes
  }

  /** Adds an instance; returns it with the index that it got. */
  async addAttribute(uniqueIdentifier: string, change: AttributeValued): Promise<AttributeInstance> {
    return this.#changeAttribute('key.attribute.add', uniqueIdentifier, change, addAttribute)
  }

  async modifyAttribute(uniqueIdentifier: string, change: AttributeValued): Promise<AttributeInstance> {
    return this.#changeAttribute('key.attribute.modify', uniqueIdentifier, change, modifyAttribute)
  }

  /** Deletes an instance; returns what was deleted. */
  async deleteAttribute(uniqueIdentifier: string, change: AttributeNamed): Promise<AttributeInstance> {
    return this.#changeAttribute('key.attribute.delete', uniqueIdentifier, change, deleteAttribute)
  }

  /** Objects whose attributes all match, newest first. */
  async locate(query: LocateQuery, version: Version, pace: Pace = unhurried): Promise<Located> {
    this.#unit.begin('key.locate', null)
    const found = await locate({ unit: this.#unit, store: this.#store, pace }, query, version)
    this.#unit.done({ detail: { found: found.uniqueIdentifiers.length } })
    return found
  }

  async activate(uniqueIdentifier: string): Promise<void> {
    this.#unit.begin('key.activate', uniqueIdentifier)
    const object = await this.#withState(uniqueIdentifier, 'activated')
    const state = nextState(currentState(object, this.#unit.nowMs), 'activate')
    await this.#stage(object, { ...object, state, attributes: this.#dated(object, 'ActivationDate') })
    this.#unit.done()
  }

  /** KMIP 1.4 §4.20: a compromise from any state but the destroyed ones too; other reasons deactivate. */
  async revoke(uniqueIdentifier: string, revocation: Revocation): Promise<void> {
    this.#unit.begin('key.revoke', uniqueIdentifier)
    const object = await this.#withState(uniqueIdentifier, 'revoked')
    const compromised = revocation.code === 'KeyCompromise' || revocation.code === 'CACompromise'
    const now = currentState(object, this.#unit.nowMs)
    const state = nextState(now, compromised ? 'compromise' : 'deactivate')
    let attributes = this.#dated(object, compromised ? 'CompromiseDate' : 'DeactivationDate')
    if (compromised)
      attributes = withAttribute(
        attributes,
        'CompromiseOccurrenceDate',
        revocation.compromiseOccurrenceDate ?? first(attributes, 'InitialDate'),
      )
    const { code, message } = revocation
    attributes = withAttribute(attributes, 'RevocationReason', {
      RevocationReasonCode: code,
      ...(message !== undefined && { RevocationMessage: message }),
    })
    await this.#stage(object, { ...object, state, attributes })
    this.#unit.done({ detail: { reason: code } })
  }

  /** Removes the material for good and keeps the record (design: invariant 6). Refused while Active. */
  async destroy(uniqueIdentifier: string): Promise<void> {
    this.#unit.begin('key.destroy', uniqueIdentifier)
    const object = await this.#load(uniqueIdentifier)
    const now = currentState(object, this.#unit.nowMs)
    const state = nextState(now, 'destroy')
    const attributes = this.#dated(object, 'DestroyDate')
    const destroyed = { ...object, state, attributes, sealed: null, dataKeyId: null }
    await this.#stage(object, destroyed)
    this.#unit.done()
  }

  /** Gives up all that this unit did, but for the record of it. */
  undo(fault: Fault): void {
    this.#unit.undo(fault)
  }

  /** Wipes the material that was opened: the answer holds a copy. */
  wipe(): void {
    this.#unit.wipe()
  }

  async #keep(wanted: NewObject, material: Material, generated: boolean): Promise<string> {
    const { instanceId } = this.#unit.caller
    const { objectType } = wanted
    const uniqueIdentifier = randomUUID()
    const place: Place = { purpose: 'object', instanceId, identifier: uniqueIdentifier, objectType }
    try {
      const attributes = initialAttributes(wanted, {
        nowMs: this.#unit.nowMs,
        generated,
        digest: digestIsSecret(objectType) ? undefined : digestOf(material),
      })
      // Before it is sealed: a standard key that is not used costs money.
      await requireFreeNames(this.#unit, this.#store, uniqueIdentifier, attributes)
      const instance = await this.#instance()
      await requireRoom(this.#store, instance)
      this.#unit.limit(limitsOf(instance))
      const { trail } = this.#unit
      const facts = factsOf({ state: 'PreActive', attributes })
      const sealed = await this.#custodies.seal(instance, place, material, { facts, trail })
      this.#unit.sealed(sealed)
      const object: ManagedObject = {
        instanceId,
        uniqueIdentifier,
        objectType,
        state: 'PreActive',
        version: 1,
        createdMs: this.#unit.nowMs,
        attributes,
        sealed: sealed.sealed,
        dataKeyId: sealed.dataKeyId,
      }
      this.#unit.stage(object)
      this.#unit.done({ object: uniqueIdentifier, detail: { objectType } })
      return uniqueIdentifier
    } finally {
      material.bytes.fill(0)
    }
  }

  async #open(object: ManagedObject): Promise<Material> {
    try {
      return await this.#custodies.open(await this.#instance(), object, this.#unit.trail)
    } catch (error) {
      if (error instanceof KeysUnavailable && (await this.#isElsewhere(object)))
        throw new StoreConflict('object', 'the object was sealed anew meanwhile')
      throw error
    }
  }

  /** While an instance moves to another root key, what was read a moment ago may be gone from where it was. */
  async #isElsewhere({ instanceId, uniqueIdentifier, sealed }: ManagedObject): Promise<boolean> {
    const now = await this.#store.object(instanceId, uniqueIdentifier)
    return Buffer.compare(now?.sealed ?? Buffer.of(), sealed ?? Buffer.of()) !== 0
  }

  /** Left out while the material cannot be opened: attributes are answered in an outage too. */
  async #withDigest(object: ManagedObject, attributes: AttributeSet): Promise<AttributeSet> {
    if (object.sealed === null) return attributes
    try {
      const material = await this.#open(object)
      const digest = digestOf(material)
      material.bytes.fill(0)
      return withAttribute(attributes, 'Digest', digest)
    } catch (error) {
      if (error instanceof KeysUnavailable || error instanceof CustodyRefused) return attributes
      throw error
    }
  }

  async #instance(): Promise<Instance> {
    const { instanceId, trustVersion } = this.#unit.caller
    const instance = await this.#access.instance(instanceId, trustVersion)
    if (!instance) throw new Fault('PermissionDenied', 'this instance does not exist any more')
    return instance
  }

  async #changeAttribute<C extends AttributeNamed>(
    action: AuditAction,
    uniqueIdentifier: string,
    change: C,
    apply: (target: Target, change: C) => Changed,
  ): Promise<AttributeInstance> {
    this.#unit.begin(action, uniqueIdentifier)
    const object = await this.#load(uniqueIdentifier)
    const { objectType } = object
    const state = currentState(object, this.#unit.nowMs)
    const attributes = allAttributes(object, this.#unit.nowMs)
    const changed = apply({ objectType, state, attributes, now: this.#seconds() }, change)
    const kept = new Map(changed.attributes)
    for (const key of ['UniqueIdentifier', 'ObjectType', 'State']) kept.delete(key)
    if (change.key === 'Name' && !isDestroyed(state))
      await requireFreeNames(this.#unit, this.#store, uniqueIdentifier, kept)
    this.#unit.limit(limitsOf(await this.#instance()))
    await this.#stage(object, { ...object, state, attributes: kept })
    this.#unit.done({ detail: { attribute: change.key } })
    return changed.instance
  }

  /** Stages a change that a client asked for: the Last Change Date moves. */
  async #stage(before: ManagedObject, after: ManagedObject): Promise<void> {
    const attributes = withAttribute(after.attributes, 'LastChangeDate', this.#seconds())
    const changing = {
      before,
      was: factsOf(before),
      facts: isDestroyed(after.state) ? null : factsOf({ ...after, attributes }),
    }
    // Nothing is stored of an object that was destroyed before.
    const isStored = before.sealed !== null
    const following = isStored ? this.#custodies.following(await this.#instance(), changing) : undefined
    this.#unit.stage({ ...after, attributes }, following)
  }

  #dated(object: ManagedObject, key: string): AttributeSet {
    return withAttribute(object.attributes, key, this.#seconds())
  }

  #seconds(): bigint {
    return BigInt(Math.floor(this.#unit.nowMs / 1000))
  }

  /** The object, destroyed or not. ObjectNotFound covers other instances' objects too. */
  async #load(uniqueIdentifier: string): Promise<ManagedObject> {
    const object = await this.#unit.load(uniqueIdentifier)
    if (!object) throw new Fault('ObjectNotFound', 'there is no object with this Unique Identifier')
    return object
  }

  async #object(uniqueIdentifier: string): Promise<ManagedObject> {
    const object = await this.#load(uniqueIdentifier)
    if (isDestroyed(object.state)) throw new Fault('ObjectDestroyed', 'this object was destroyed')
    return object
  }

  async #withState(uniqueIdentifier: string, done: string): Promise<ManagedObject> {
    const object = await this.#load(uniqueIdentifier)
    if (!hasState(object.objectType))
      throw new Fault(
        'IllegalOperation',
        `an object of type ${object.objectType} has no state and cannot be ${done}`,
      )
    return object
  }
}

/**
 * Secret Data may be a password and an Opaque Object anything: a digest beside the sealed form would let whoever reads
 * the disk guess them. It is computed when asked for, and gone with the material.
 */
function digestIsSecret(objectType: ObjectType): boolean {
  return objectType === 'SecretData' || objectType === 'OpaqueObject'
}

function digestOf({ bytes, head }: Material): AttributeValue<'Digest'> {
  const { keyFormatType } = head
  return {
    HashingAlgorithm: 'SHA_256',
    DigestValue: createHash('sha256').update(bytes).digest(),
    ...(keyFormatType !== undefined && { KeyFormatType: keyFormatType }),
  }
}

/** KMIP 1.4 §3.48, §3.50: what is sensitive or not extractable does not leave unwrapped. */
function refuseToFetch(object: ManagedObject, wrapped: boolean): void {
  if (first(object.attributes, 'Extractable') === false)
    throw new Fault('NotExtractable', 'this object may not leave the server')
  if (first(object.attributes, 'Sensitive') === true && !wrapped)
    throw new Fault('Sensitive', 'this object is sensitive: it leaves only wrapped by another key')
  if (wrapped)
    throw new Fault(
      'FeatureNotSupported',
      'this server does not wrap keys in Get yet: ask without a Key Wrapping Specification',
    )
}
