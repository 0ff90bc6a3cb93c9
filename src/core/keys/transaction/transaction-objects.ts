// The objects of one transaction, as its acts see them: load, open, change, keep. The acts are in key-transaction.ts and the
// files beside it. They access objects only through this class; only a search by name or attribute calls the store.

import type { JobInput, JobName, JobOutput } from '../../crypto/jobs.ts'
import type { Custodies } from '../../custody/custodies.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import type { OperationName } from '../../../wire/kmip/operations.ts'
import { andThen, orElse, type MaybePromise } from '../../../base/maybe-promise.ts'
import { StoreConflict, type Store } from '../../ports/store.ts'
import type { Material } from '../../sealing/envelope.ts'
import { KeysUnavailable } from '../../sealing/unwrap-cache.ts'
import type { Access } from '../../trust/access.ts'
import { allows } from '../../trust/allow.ts'
import type { ChangePace } from '../../trust/change-pace.ts'
import { partyOf } from '../../trust/caller.ts'
import { hasRoom } from '../../trust/row-room.ts'
import { newerRows, type RowChange } from '../../trust/row-writes.ts'
import type { Instance, RowOf, TrustKind, TrustSnapshot } from '../../trust/rows.ts'
import { groupsOfObject, type OperationRights } from './operation-rights.ts'
import { isArchived, requireOnline } from '../object/archive.ts'
import { missingObject, type FetchUpstream } from './missing-object.ts'
import type { Computed, DataPart, Opened, RequestComputations } from './computations.ts'
import { withDefaultDigest } from '../forms/default-format.ts'
import { storedDigest } from '../object/digest.ts'
import { mayLeavePlain } from '../object/fetch-rule.ts'
import { newIdentifier } from '../object/identifier.ts'
import { initialAttributes, type NewObject } from '../object/initial-attributes.ts'
import { isDestroyed } from '../object/lifecycle.ts'
import { hasState, isCryptographic, withDate, type ManagedObject } from '../object/managed-object.ts'
import { stageNewObject } from './new-object.ts'
import { factsOf } from '../object/object-facts.ts'
import { requireNoWrappingKey } from '../object/restrictions.ts'
import { requireUse, type KeyUse } from '../object/use-rule.ts'
import { requireOpenInstance } from '../object/closed-instance.ts'
import type { StagedChange } from './staged-change.ts'

export class TransactionObjects {
  readonly staged: StagedChange
  readonly store: Store
  readonly custodies: Custodies
  readonly #access: Access
  readonly #changePace: ChangePace
  readonly #computations: RequestComputations
  readonly #fetchUpstream: FetchUpstream | undefined
  /** Undefined: only the client's list limits its operations. */
  #rights: OperationRights | undefined
  #requireRight: ((uniqueIdentifier: string) => MaybePromise<void>) | undefined
  /** The trusted rows that this transaction writes or removes, by kind and id; most transactions have none. */
  #rows: Map<string, RowOf | { readonly kind: TrustKind; readonly id: string }> | undefined

  constructor(options: {
    readonly staged: StagedChange
    readonly store: Store
    readonly custodies: Custodies
    readonly access: Access
    readonly changePace: ChangePace
    readonly computations: RequestComputations
    readonly fetchUpstream?: FetchUpstream | undefined
  }) {
    this.staged = options.staged
    this.store = options.store
    this.custodies = options.custodies
    this.#access = options.access
    this.#changePace = options.changePace
    this.#computations = options.computations
    this.#fetchUpstream = options.fetchUpstream
  }

  /** The instance in the transaction's trust. Throws Fault PermissionDenied if it is gone. */
  instance(): MaybePromise<Instance> {
    const { instanceId, trustVersion } = this.staged.caller
    const changed = this.#rows?.get(`instance/${instanceId}`)
    if (changed && 'value' in changed) return changed.value as Instance
    return andThen(this.#access.instance(instanceId, trustVersion), (instance) => {
      if (!instance) throw new Fault('PermissionDenied', 'this instance does not exist any more')
      if (instance.names === 'shared') this.staged.shareNames()
      return instance
    })
  }

  /**
   * Changes trusted rows in the same commit as everything else. Throws StoreConflict if they were changed meanwhile, and Fault
   * ServerLimitExceeded if the clients of the instance change them too often.
   */
  async changeTrust(decide: (snapshot: TrustSnapshot) => RowChange): Promise<void> {
    const { actor, instanceId } = this.staged.caller
    if (actor.kind === 'client' && this.#changePace.take(instanceId) > 0)
      throw new Fault(
        'ServerLimitExceeded',
        'the clients of this instance change its rules and certificates too often: try again in a second',
      )
    const snapshot = await this.#access.snapshot()
    if (snapshot.version !== this.staged.caller.trustVersion)
      throw new StoreConflict('trust', 'the trusted rows were changed meanwhile')
    const { put = [], remove = [] } = decide(snapshot)
    if (actor.kind === 'client' && !hasRoom(snapshot.tables, { put, remove }, instanceId))
      throw new Fault(
        'ServerLimitExceeded',
        'this instance has as many clients, certificates and tokens as it may: an administrator removes those that nothing needs',
      )
    if (newerRows(snapshot, { put, remove }).length > 0)
      throw new Fault(
        'PermissionDenied',
        'a newer version of the server wrote this setting: ask a node of that version',
      )
    const changed = (this.#rows ??= new Map())
    for (const row of remove) changed.set(`${row.kind}/${row.id}`, row)
    for (const row of put) changed.set(`${row.kind}/${row.value.id}`, row)
    const rows = [...changed.values()]
    this.staged.changeTrust(
      this.#access.writes(snapshot, {
        put: rows.filter((row): row is RowOf => 'value' in row),
        remove: rows.flatMap((row) => ('value' in row ? [] : [row])),
      }),
    )
  }

  /** From here on, every opened or changed object must be within these rights, and so must this object. Throws their Faults. */
  limitTo(rights: OperationRights, operation: OperationName, object: string | null): MaybePromise<void> {
    this.#rights = rights
    this.#requireRight = (id) => rights.requireUse(operation, id, () => groupsOfObject(this.staged, id))
    const counted = rights.require(operation, object, () => groupsOfObject(this.staged, object))
    return andThen(counted, (giveBack) => this.staged.counted(giveBack))
  }

  /** The object, destroyed or not. Throws ObjectNotFound for objects of other instances too. */
  load(uniqueIdentifier: string): MaybePromise<ManagedObject> {
    return andThen(this.staged.load(uniqueIdentifier), (object) => {
      return object ?? missingObject(this.#fetchUpstream, this.staged.caller, uniqueIdentifier)
    })
  }

  /** The object, destroyed or not. Throws ObjectArchived for a client: an administrator may close an archived object too. */
  online(uniqueIdentifier: string): MaybePromise<ManagedObject> {
    return andThen(this.load(uniqueIdentifier), (object) => {
      if (this.staged.caller.actor.kind === 'client') requireOnline(object)
      return object
    })
  }

  /** The object if it is not destroyed and, for a client, not archived. Throws ObjectDestroyed and ObjectArchived. */
  live(uniqueIdentifier: string): MaybePromise<ManagedObject> {
    return andThen(this.online(uniqueIdentifier), (object) => {
      if (isDestroyed(object.state)) throw new Fault('ObjectDestroyed', 'this object was destroyed')
      return object
    })
  }

  /** An object that has a state. `done`: the intended change, for the message of the Fault. */
  async withState(
    uniqueIdentifier: string,
    done: string,
    { onlyCryptographic = false } = {},
  ): Promise<ManagedObject> {
    const object = await this.online(uniqueIdentifier)
    const { objectType } = object
    if (!hasState(objectType) || (onlyCryptographic && !isCryptographic(objectType)))
      throw new Fault('IllegalOperation', `an object of type ${objectType} cannot be ${done}`)
    return object
  }

  /** Throws the Faults of use-rule.ts, and PermissionDenied for a wrapping key of the instance: use/wrapping.ts alone uses those. */
  async requireUse(object: ManagedObject, use: KeyUse): Promise<void> {
    requireUse(object, use, this.staged.nowMs)
    requireNoWrappingKey(await this.instance(), object.uniqueIdentifier)
  }

  /** Whether the caller could fetch this object unwrapped, by Get or by Export. */
  async mayFetch(object: ManagedObject): Promise<boolean> {
    const { actor, allow } = this.staged.caller
    if (!mayLeavePlain(object) || (actor.kind === 'client' && isArchived(object))) return false
    for (const operation of ['Get', 'Export'] as const)
      if (allows(allow, operation) && (await this.#permitted(operation, object.uniqueIdentifier))) return true
    return false
  }

  /** Whether the rights permit one more of the operation. */
  async #permitted(operation: OperationName, uniqueIdentifier: string): Promise<boolean> {
    try {
      const groups = () => groupsOfObject(this.staged, uniqueIdentifier)
      const giveBack = await this.#rights?.require(operation, uniqueIdentifier, groups)
      giveBack?.()
      return true
    } catch (error) {
      if (error instanceof Fault) return false
      throw error
    }
  }

  /** The object's material, which the caller wipes. Throws Fault NotAuthorised if the caller's rights do not permit its use. */
  open(object: ManagedObject): MaybePromise<Material> {
    return andThen(this.#requireRight?.(object.uniqueIdentifier), () => this.#opened(object))
  }

  #opened(object: ManagedObject): MaybePromise<Material> {
    const { correlationIds } = this.staged
    return orElse(
      () =>
        andThen(this.instance(), (instance) => {
          requireOpenInstance(instance)
          return this.custodies.open(instance, object, correlationIds)
        }),
      async (error) => {
        if (error instanceof KeysUnavailable && (await this.#isElsewhere(object)))
          throw new StoreConflict('object', 'the object was sealed again meanwhile')
        throw error
      },
    )
  }

  /**
   * Runs a computation, on a thread if it is slow, in the caller's turn. The caller wipes the byte strings of the output; the
   * input stays with its owner. Throws Faults.
   */
  async compute<N extends JobName>(name: N, input: JobInput<N>): Promise<JobOutput<N>> {
    return this.#computations.run(name, input, this.#party)
  }

  /** Computes as `compute` does, but reuses the result if the work of this request runs again. */
  async computeOnce<N extends JobName>(name: N, input: JobInput<N>): Promise<JobOutput<N>> {
    return this.#computations.runOnce(name, input, this.#party)
  }

  /** Computes on whole data, or on one part of it. Calls `open` for the first part. Throws Faults. */
  async take(
    of: { readonly operation: string; readonly uniqueIdentifier: string | null },
    part: DataPart,
    open: () => Promise<Opened>,
  ): Promise<Computed> {
    const computed = await this.#computations.take({ ...of, party: this.#party }, part, open)
    // The results of parts must survive: the work may run again.
    if (part.begins && part.ends && computed.data) this.staged.opened(computed.data)
    return computed
  }

  /** Drops all changes, and ends the computations in parts that advanced in this transaction. */
  undo(fault: Fault): void {
    this.staged.undo(fault)
    this.#computations.giveUp()
  }

  /** Counts one more random nonce of the key. Throws Fault PermissionDenied at the limit. */
  async takeNonce(uniqueIdentifier: string): Promise<void> {
    const object = await this.live(uniqueIdentifier)
    const { nonces } = this.#computations
    if (nonces.take(object)) return
    const reserved = nonces.reserve(object)
    this.staged.stage(reserved.object, reserved.following)
  }

  get #party(): string {
    return partyOf(this.staged.caller)
  }

  /** Stages a client's change, and sets the Last Change Date. Throws Fault NotAuthorised if the caller's rights do not permit it. */
  async stage(before: ManagedObject, after: ManagedObject): Promise<void> {
    await this.#requireRight?.(before.uniqueIdentifier)
    const attributes = withDate(after.attributes, 'LastChangeDate', this.staged.nowMs)
    const changing = {
      before,
      was: factsOf(before),
      facts: isDestroyed(after.state) ? null : factsOf({ ...after, attributes }),
    }
    // A destroyed object has no sealed form.
    const isStored = before.sealed !== null
    const following = isStored ? this.custodies.following(await this.instance(), changing) : undefined
    this.staged.stage({ ...after, attributes }, following)
  }

  /**
   * Stages a new object, Pre-Active unless its Activation Date is reached. Overwrites the material's bytes. `generated`: this
   * server made the material. Returns the identifier.
   */
  async keep(newObject: NewObject, material: Material, generated: boolean): Promise<string> {
    const { objectType } = newObject
    const createdMs = this.staged.nowMs
    const uniqueIdentifier = newObject.uniqueIdentifier ?? newIdentifier(createdMs)
    try {
      const digest = storedDigest(objectType, material)
      const initial = initialAttributes(newObject, { nowMs: createdMs, generated, digest })
      const attributes = withDefaultDigest(newObject, initial, material)
      const object = { uniqueIdentifier, objectType, state: 'PreActive', attributes, createdMs } as const
      await stageNewObject(this, object, material)
      return uniqueIdentifier
    } finally {
      material.bytes.fill(0)
    }
  }

  /** Whether the object was sealed again since it was read, as happens while an instance moves to another root key. */
  async #isElsewhere({ instanceId, uniqueIdentifier, sealed }: ManagedObject): Promise<boolean> {
    const now = await this.store.object(instanceId, uniqueIdentifier)
    return Buffer.compare(now?.sealed ?? Buffer.of(), sealed ?? Buffer.of()) !== 0
  }
}
