// The acts on keys, within one transaction, in one class and long because of that. Each method first names its act
// (`#staged.begin`), so the audit gets an entry whether the act succeeds or is refused. No method touches a socket, a clock of
// its own or SQL.

import { type AttributeInstance, type AttributeSet, type AttributeValue } from '../../wire/kmip/attributes.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import type { KeyBlock } from '../../wire/kmip/objects.ts'
import type { OperationName } from '../../wire/kmip/operations.ts'
import type { Version } from '../../wire/kmip/version.ts'
import { allowMore, allows } from '../trust/allow.ts'
import { partyOf } from '../trust/caller.ts'
import {
  addAttribute,
  deleteAllInstances,
  deleteAttribute,
  modifyAttribute,
  setAttribute,
  type AttributeNamed,
  type AttributeValued,
} from './object/attribute-changes.ts'
import { templateContent } from './object/adopted-object.ts'
import { adjustAttribute, type Adjustment } from './object/adjust-attribute.ts'
import { adoptObject, type Adopted, type AdoptedObject, type AdoptOptions } from './acts/adopt.ts'
import { digestIsSecret, sha256 } from './object/digest.ts'
import type { Material } from '../sealing/envelope.ts'
import { refuseToFetch } from './object/fetch-rule.ts'
import { importObject, type ImportRequest } from './acts/import-object.ts'
import type { NewObject } from './object/initial-attributes.ts'
import {
  exportWhole,
  fetchObject,
  type FetchedObject,
  type FetchOptions,
  type WholeObject,
} from './acts/fetch-object.ts'
import { newKey } from './forms/key-generation.ts'
import { changeAttribute } from './acts/change-attribute.ts'
import { requireLength, type OtherLength } from './object/other-length.ts'
import { archived, isArchived, recovered } from './object/archive.ts'
import { reKey, type ReKeyRequest } from './acts/re-key.ts'
import { allocateUsage } from './object/usage-limits.ts'
import { requireToProtect } from './object/use-rule.ts'
import { nextState } from './object/lifecycle.ts'
import { createKeyPair, type KeyPairMade, type KeyPairRequest } from './acts/key-pair.ts'
import { locate, type LocateQuery, type Located } from './acts/locate.ts'
import { allAttributes, currentState, viewOf, withDate, type KeyView } from './object/managed-object.ts'
import { identifierNamed, templateNamed } from './transaction/names.ts'
import { withDerived } from './object/newer-attributes.ts'
import { unhurried, type Pace } from './transaction/pace.ts'
import type { MaybePromise } from '../../base/maybe-promise.ts'
import type { AuditAction } from '../ports/audit-actions.ts'
import type { AuditEntry } from '../ports/audit.ts'
import { rekeyKeyPair, type RekeyPairRequest } from './acts/rekey-pair.ts'
import { setKey, type KeySettings } from './acts/set-key.ts'
import { createSplitKey, joinSplitKey, type JoinRequest, type SplitRequest } from './acts/split-key.ts'
import { destroyed, recoverableOf, undestroyed, type UndestroyOptions } from './recovery/recovery.ts'
import type { RecoveryClock } from './object/recovery-clock.ts'
import { deactivatedObject, revoked, type Deactivation, type Revocation } from './object/revocation.ts'
import { withSecretDigest } from './acts/secret-digest.ts'
import type { StagedChange } from './transaction/staged-change.ts'
import type { TransactionObjects } from './transaction/transaction-objects.ts'
import { CertificateActs } from './certificate-acts.ts'
import type { OperationRights } from './transaction/operation-rights.ts'
import { RuleActs } from './rule-acts.ts'
import { CryptoActs } from './crypto-acts.ts'
import { openCaller } from './object/closed-instance.ts'
import { wrapKeyBlock, type WrapRequest } from './use/wrapping.ts'

/** An object that leaves for good. The caller wipes it. */
export interface Exported {
  readonly view: KeyView
  readonly attributes: AttributeSet
  readonly material: Material
}

export class KeyTransaction {
  readonly #objects: TransactionObjects
  readonly #staged: StagedChange
  readonly #recovery: RecoveryClock

  constructor(objects: TransactionObjects, recovery: RecoveryClock) {
    this.#objects = objects
    this.#staged = objects.staged
    this.#recovery = recovery
  }

  /** The acts that use keys without handing them out. */
  get crypto(): CryptoActs {
    return new CryptoActs(this.#objects)
  }

  get certificates(): CertificateActs {
    return new CertificateActs(this.#objects)
  }

  /** The rules for objects that clients will make. */
  get rules(): RuleActs {
    return new RuleActs(this.#objects)
  }

  /**
   * Throws Fault PermissionDenied if the caller may not request this operation, and the Faults of `rights` if they permit less;
   * enters the refusal as `action`. Reads the object only for rights by group, and the refusal does not depend on whether the
   * object exists. `action` null: every client may request the operation, and the audit has no entry.
   */
  requirePermission(
    operation: OperationName,
    action: AuditAction | null,
    uniqueIdentifier: string | null,
    rights?: OperationRights,
  ): MaybePromise<void> {
    const { caller } = this.#staged
    const { actor, allow } = caller
    const isAllowed = action === null || allows(allow, operation)
    if (isAllowed && !rights && !caller.isClosed) return
    if (action !== null) {
      this.#staged.begin(action, uniqueIdentifier)
      openCaller(caller)
    }
    if (isAllowed) return rights && this.#objects.limitTo(rights, operation, uniqueIdentifier)
    throw new Fault(
      'PermissionDenied',
      `this client may not ask for ${operation}: an administrator allows it by ${allowMore(actor.name ?? 'NAME', allow, operation)}`,
    )
  }

  /** Registers a function that undoes a count if this transaction is not committed. */
  counted(giveBack: (() => void) | undefined): void {
    if (giveBack) this.#staged.counted(giveBack)
  }

  /** Enters an act without an object. */
  enter(action: AuditAction, detail: AuditEntry['detail'] = null): void {
    this.#staged.begin(action, null)
    this.#staged.done({ detail })
  }

  /** Creates a symmetric key or secret data, Pre-Active unless its Activation Date is reached. Returns its identifier. */
  async create(object: NewObject): Promise<string> {
    this.#staged.begin('key.create', null)
    const { material, attributes } = newKey(object)
    return this.#keep({ ...object, attributes }, material, true)
  }

  /** Generates a key pair and stores both halves, linked to each other. */
  async createKeyPair(request: KeyPairRequest): Promise<KeyPairMade> {
    return createKeyPair(this.#objects, request)
  }

  /** Replaces a stored key pair by a new one. */
  async rekeyKeyPair(request: RekeyPairRequest): Promise<KeyPairMade> {
    return rekeyKeyPair(this.#objects, request)
  }

  /** Splits an existing or a new key, and stores its parts. Returns their identifiers. */
  async createSplitKey(request: SplitRequest): Promise<readonly string[]> {
    return createSplitKey(this.#objects, request)
  }

  /** Stores the key that these parts form. Returns its identifier. */
  async joinSplitKey(request: JoinRequest): Promise<string> {
    return joinSplitKey(this.#objects, request)
  }

  /**
   * Stores an object that the client sent. Overwrites the material's bytes, so pass a copy. Returns its identifier. Throws Fault
   * InvalidField if the key does not have its stated length (`other`), unless the instance accepts that.
   */
  async register(object: NewObject, material: Material, other?: OtherLength): Promise<string> {
    this.#staged.begin('key.register', null)
    if (other) requireLength(other, await this.#objects.instance())
    return this.#keep(object, material, false, other)
  }

  /**
   * Stores an object of another server under its identifier, or updates the existing one. Overwrites the material's bytes. Throws
   * the Faults ObjectAlreadyExists for other bytes and ObjectDestroyed.
   */
  async adopt(brought: AdoptedObject, material: Material, options: AdoptOptions): Promise<Adopted> {
    try {
      return await adoptObject(this.#objects, brought, material, options)
    } finally {
      material.bytes.fill(0)
    }
  }

  /** The SHA-256 of the material, for a comparison with another server's. */
  async digest(uniqueIdentifier: string): Promise<Buffer> {
    this.#staged.begin('key.verify', uniqueIdentifier)
    const material = await this.#objects.open(await this.#objects.live(uniqueIdentifier))
    const digest = sha256(material.bytes)
    material.bytes.fill(0)
    this.#staged.done()
    return digest
  }

  /** The client-settable attributes of the Template of this Name. Throws ObjectNotFound. */
  async template(name: AttributeValue<'Name'>): Promise<AttributeSet> {
    const template = await templateNamed(this.#staged, this.#objects.store, name)
    if (!template) throw new Fault('ObjectNotFound', 'there is no template of that Name')
    return templateContent(template.attributes)
  }

  /** The identifier of the only object with this Name; undefined if there are none, or several. */
  async identifierNamed(text: string): Promise<string | undefined> {
    return identifierNamed(this.#staged, this.#objects.store, text)
  }

  /** The object with its material. Call `wipe` once the answer has its own copy. */
  fetch(uniqueIdentifier: string, how?: FetchOptions): MaybePromise<FetchedObject> {
    return fetchObject(this.#objects, uniqueIdentifier, how)
  }

  /** The object with its material and all its attributes, for a client that takes it elsewhere. */
  async exportWhole(uniqueIdentifier: string, how: FetchOptions): Promise<WholeObject> {
    return exportWhole(this.#objects, uniqueIdentifier, how)
  }

  /** Stores an object with the client's description, including its State. Overwrites the material's bytes. Throws Faults. */
  async import(request: ImportRequest): Promise<void> {
    return importObject(this.#objects, request)
  }

  /** Wraps the Key Block of a leaving object with another key. Throws Faults. */
  async wrap(block: KeyBlock, request: WrapRequest): Promise<KeyBlock> {
    return wrapKeyBlock(this.#objects, block, request)
  }

  /**
   * The object with its material, which the caller seals for recipients outside the server. Its audit entry is on the disk before
   * it leaves.
   */
  async export(uniqueIdentifier: string, detail: AuditEntry['detail']): Promise<Exported> {
    this.#staged.begin('key.export', uniqueIdentifier)
    this.#staged.enterOnDisk()
    if (!(await this.#objects.instance()).portable)
      throw new Fault('PermissionDenied', 'the keys of this instance may not be exported')
    const object = await this.#objects.live(uniqueIdentifier)
    refuseToFetch(object, false)
    const material = await this.#objects.open(object)
    this.#staged.opened(material.bytes)
    this.#staged.done({ detail })
    const view = viewOf(object, { nowMs: this.#staged.nowMs, recovery: this.#recovery }, null)
    return { view, attributes: view.attributes, material }
  }

  /**
   * The object with the changes of this transaction, without material and without an audit entry: for the answer to a
   * change. A read after the commit could fail.
   */
  async view(uniqueIdentifier: string): Promise<KeyView> {
    const object = await this.#objects.load(uniqueIdentifier)
    const moment = { nowMs: this.#staged.nowMs, recovery: this.#recovery }
    return viewOf(object, moment, this.#staged.lastFetchedMs(uniqueIdentifier))
  }

  /** All attributes as of now; a secret digest only if the caller may fetch the object. `action`: the operation that reads them, for the audit. */
  async attributes(action: 'key.attributes' | 'key.check', uniqueIdentifier: string): Promise<AttributeSet> {
    this.#staged.begin(action, uniqueIdentifier)
    // Archived objects are described, as a published case expects, but a Check of a use refuses them (KMIP 1.4 §11.11).
    const object = await this.#objects[action === 'key.check' ? 'online' : 'load'](uniqueIdentifier)
    this.#staged.done()
    const attributes = withDerived(allAttributes(object, this.#staged.nowMs), uniqueIdentifier)
    return digestIsSecret(object.objectType) && (await this.#objects.mayFetch(object))
      ? withSecretDigest(this.#objects, object, attributes)
      : attributes
  }

  /** Adds an attribute instance. Returns it with its index. */
  async addAttribute(uniqueIdentifier: string, change: AttributeValued): Promise<AttributeInstance> {
    return changeAttribute(this.#objects, 'key.attribute.add', uniqueIdentifier, change, addAttribute)
  }

  async modifyAttribute(uniqueIdentifier: string, change: AttributeValued): Promise<AttributeInstance> {
    return changeAttribute(this.#objects, 'key.attribute.modify', uniqueIdentifier, change, modifyAttribute)
  }

  /** Adds the only instance of an attribute, or modifies it. */
  async setAttribute(uniqueIdentifier: string, change: AttributeValued): Promise<AttributeInstance> {
    return changeAttribute(this.#objects, 'key.attribute.set', uniqueIdentifier, change, setAttribute)
  }

  /** Changes the only instance of an attribute by its old value. */
  async adjustAttribute(uniqueIdentifier: string, change: Adjustment): Promise<void> {
    await changeAttribute(this.#objects, 'key.attribute.adjust', uniqueIdentifier, change, adjustAttribute)
  }

  /** Deletes an attribute instance. Returns the deleted one. */
  async deleteAttribute(uniqueIdentifier: string, change: AttributeNamed): Promise<AttributeInstance> {
    return changeAttribute(this.#objects, 'key.attribute.delete', uniqueIdentifier, change, deleteAttribute)
  }

  async deleteAllInstances(uniqueIdentifier: string, change: AttributeNamed): Promise<void> {
    await changeAttribute(this.#objects, 'key.attribute.delete', uniqueIdentifier, change, deleteAllInstances)
  }

  /** The objects whose attributes all match, newest first. */
  async locate(query: LocateQuery, version: Version, pace: Pace = unhurried): Promise<Located> {
    this.#staged.begin('key.locate', null)
    const { staged, store } = this.#objects
    const located = await locate({ staged, store, pace }, query, version)
    this.#staged.done({ detail: { found: located.uniqueIdentifiers.length } })
    return located
  }

  /** `onlyCryptographic`: KMIP 1.4 §4.19 activates no other objects, 2.1 §6.1.1 does. */
  async activate(uniqueIdentifier: string, { onlyCryptographic = false } = {}): Promise<void> {
    this.#staged.begin('key.activate', uniqueIdentifier)
    const object = await this.#objects.withState(uniqueIdentifier, 'activated', { onlyCryptographic })
    const state = nextState(currentState(object, this.#staged.nowMs), 'activate')
    const attributes = withDate(object.attributes, 'ActivationDate', this.#staged.nowMs)
    await this.#objects.stage(object, { ...object, state, attributes })
    this.#staged.done()
  }

  async revoke(uniqueIdentifier: string, revocation: Revocation): Promise<void> {
    this.#staged.begin('key.revoke', uniqueIdentifier)
    const object = await this.#objects.withState(uniqueIdentifier, 'revoked')
    await this.#objects.stage(object, revoked(object, revocation, this.#staged.nowMs))
    this.#staged.done({ detail: { reason: revocation.code } })
  }

  /** Deactivates for a reason that is not a compromise (KMIP 3.0, a draft). */
  async deactivate(uniqueIdentifier: string, reason: Deactivation): Promise<void> {
    this.#staged.begin('key.revoke', uniqueIdentifier)
    const object = await this.#objects.withState(uniqueIdentifier, 'deactivated')
    await this.#objects.stage(object, deactivatedObject(object, reason, this.#staged.nowMs))
    // A restore reads the reason of a revocation here. The draft's reasons are not among those.
    this.#staged.done({ detail: { reason: 'Unspecified', deactivationReason: reason.code } })
  }

  /**
   * Closes the object at once and keeps its record (design: invariant 6). Removes the material for good, or keeps it out of reach
   * for the instance's delay. Refuses an Active object.
   */
  async destroy(uniqueIdentifier: string): Promise<void> {
    this.#staged.begin('key.destroy', uniqueIdentifier)
    const object = await this.#objects.live(uniqueIdentifier)
    const now = currentState(object, this.#staged.nowMs)
    const state = nextState(now, 'destroy')
    const [instance, custodies] = [await this.#objects.instance(), this.#objects.custodies]
    // The material of rows that were put back is not kept: the key was destroyed before.
    const recoverable = object.isPutBack
      ? undefined
      : await recoverableOf(object, now, { instance, custodies, recovery: this.#recovery })
    await this.#objects.stage(object, destroyed(object, { state, nowMs: this.#staged.nowMs, recoverable }))
    const until = recoverable && new Date(this.#recovery.until(recoverable.dueMs)).toISOString()
    this.#staged.done(until === undefined ? undefined : { detail: { recoverableUntil: until } })
  }

  /** Brings a destroyed object back while its material waits. Throws Faults otherwise. For administrators. */
  async undestroy(uniqueIdentifier: string, options: UndestroyOptions): Promise<void> {
    this.#staged.begin('key.undestroy', uniqueIdentifier)
    const object = await this.#objects.load(uniqueIdentifier)
    const back = await undestroyed(this.#objects, object, this.#recovery, options)
    await this.#objects.stage(object, back.object)
    this.#staged.done({ detail: { state: back.object.state, namesLost: back.namesLost } })
  }

  async archive(uniqueIdentifier: string): Promise<void> {
    this.#staged.begin('key.archive', uniqueIdentifier)
    const object = await this.#objects.live(uniqueIdentifier)
    await this.#objects.stage(object, archived(object, this.#staged.nowMs))
    this.#staged.done()
  }

  async recover(uniqueIdentifier: string): Promise<void> {
    this.#staged.begin('key.recover', uniqueIdentifier)
    const object = await this.#objects.load(uniqueIdentifier)
    if (isArchived(object)) await this.#objects.stage(object, recovered(object))
    this.#staged.done()
  }

  /**
   * The attributes of an object that the client may continue to use. Throws Fault PermissionDenied for a compromised one: KMIP
   * 1.4 §4.17 and §11.19 let a server deny a new lease.
   */
  async lease(uniqueIdentifier: string): Promise<AttributeSet> {
    this.#staged.begin('key.lease', uniqueIdentifier)
    const object = await this.#objects.live(uniqueIdentifier)
    if (currentState(object, this.#staged.nowMs) === 'Compromised')
      throw new Fault('PermissionDenied', 'this object is Compromised: no client gets a new lease for it')
    this.#staged.done()
    return object.attributes
  }

  /** Takes `count` units of the key's Usage Limits for the client. */
  async allocateUsage(uniqueIdentifier: string, count: bigint): Promise<void> {
    this.#staged.begin('key.allocate', uniqueIdentifier)
    const object = await this.#objects.live(uniqueIdentifier)
    const attributes = allocateUsage(object.attributes, count)
    requireToProtect(object, this.#staged.nowMs)
    await this.#objects.stage(object, { ...object, attributes })
    this.#staged.done({ detail: { count: String(count) } })
  }

  /** Replaces this key by a new one. Returns its identifier. */
  async reKey(uniqueIdentifier: string, request: ReKeyRequest): Promise<string> {
    this.#staged.begin('key.re-key', uniqueIdentifier)
    const object = await reKey(this.#objects, await this.#objects.live(uniqueIdentifier), request)
    this.#staged.done({ detail: { replacement: object } })
    return object
  }

  /** Changes settings of a key that only a manager may change. */
  async setKey(uniqueIdentifier: string, settings: KeySettings): Promise<void> {
    return setKey(this.#objects, uniqueIdentifier, settings)
  }

  /** The client, with its instance: only this client may continue what it begins. */
  get party(): string {
    return partyOf(this.#staged.caller)
  }

  /** Gives up all changes of this transaction, but keeps its audit entries, marked as undone. */
  undo(fault: Fault): void {
    this.#objects.undo(fault)
  }

  /** Overwrites these bytes together with the unsealed material. */
  wipeLater(bytes: Buffer): void {
    this.#staged.opened(bytes)
  }

  /** Overwrites the unsealed material. The answer has its own copy. */
  wipe(): void {
    this.#staged.wipe()
  }

  /** Stores a new object as the result of the current act. */
  async #keep(
    newObject: NewObject,
    material: Material,
    generated: boolean,
    more: object = {},
  ): Promise<string> {
    const object = await this.#objects.keep(newObject, material, generated)
    this.#staged.done({ object, detail: { objectType: newObject.objectType, ...more } })
    return object
  }
}
