// Gathers the reads, changes and audit entries of one batch item (or one whole Undo batch) into one change of the store. Reads
// see the changes that are staged here, so later items see earlier ones. The store writes nothing before `change()` is committed,
// and the commit fails if another request has changed an object that this one read (design: invariant 3).

import { changeOf, type ObjectChange } from './change-feed.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import type { Caller } from '../../trust/caller.ts'
import { fetchedOnce, fromRecord, toWrite, type ManagedObject } from '../object/managed-object.ts'
import { andThen, type MaybePromise } from '../../../base/maybe-promise.ts'
import type { AuditAction } from '../../ports/audit-actions.ts'
import type { AccessRecord, AuditEntry } from '../../ports/audit.ts'
import type { StoredObject } from '../../ports/objects.ts'
import type { Change, Store, Write } from '../../ports/store.ts'
import type { ObjectAsRead } from '../../ports/expectation.ts'
import type { Clock } from '../../ports/clock.ts'
import { namedCalls } from '../../audit/correlation-ids.ts'
import { RootKeyError, type RootKeyReach, type CorrelationIds } from '../../ports/root-key.ts'
import type { Following, Sealed } from '../../custody/custody.ts'
import type { InstanceLimits } from '../../trust/instance-limits.ts'
import { KeysUnavailable } from '../../sealing/unwrap-cache.ts'

/** The most bytes, of attributes and sealed forms, of all objects that one unit of work reads. A batch with Undo is one unit. */
export const unitBytesMax = 8 * 1024 * 1024

interface Slot {
  object: ManagedObject
  /** The stored object. Null for a new object. */
  readonly stored: ManagedObject | null
  /** The version that the store must have at the commit. Null for a new object. */
  readonly storedVersion: number | null
  readonly changed: boolean
  /** Whether the answer carries its material. */
  fetched: boolean
  /** Its place in the order of creation: from the store, or after all stored objects for a new one. */
  readonly sequence: number
  /** The store's time of the last fetch by a client. */
  readonly lastFetchedMs: number | null
}

/** The place of new objects in the order of creation: after all others, in the order of staging. */
const newest = Number.MAX_SAFE_INTEGER

/** An act in progress. Its audit entry is written at its end. */
interface Act {
  readonly action: AuditAction
  object: string | null
  detail: AuditEntry['detail']
  readonly correlationIds: CorrelationIds
  /** The outer act, which continues after this one. */
  readonly outer: Act | undefined
}

export class StagedChange {
  readonly caller: Caller
  /** The one time of all acts of this change, in milliseconds since 1970. */
  readonly nowMs: number
  readonly #store: Store
  readonly #slots = new Map<string, Slot>()
  readonly #opened: Uint8Array[] = []
  readonly #sealed: Sealed[] = []
  readonly #counted: (() => void)[] = []
  readonly #following: Following[] = []
  readonly #alongside: Write[] = []
  #trust: readonly Write[] = []
  #limits: InstanceLimits | undefined
  #entries: AuditEntry[] = []
  #current: Act | undefined
  #namesShared = false
  #changesObjects = false
  #undone = false
  #onDisk = false
  /** The bytes of all objects read so far. */
  #loadedBytes = 0

  constructor(store: Store, clock: Clock, caller: Caller) {
    this.#store = store
    this.caller = caller
    this.nowMs = clock.now()
  }

  /** Begins an act. The audit gets an entry of its success or refusal. */
  begin(action: AuditAction, object: string | null): void {
    this.#begin(action, object, undefined)
  }

  /** Begins an act within the current one, which continues afterwards: the use of another key. */
  beginWithin(action: AuditAction, object: string | null): void {
    this.#begin(action, object, this.#current)
  }

  #begin(action: AuditAction, object: string | null, outer: Act | undefined): void {
    this.#current = { action, object, detail: null, correlationIds: new Set(), outer }
  }

  /** Collects the act's calls to the root key's service. Its audit entry names them. */
  get correlationIds(): CorrelationIds {
    return this.#current?.correlationIds ?? new Set()
  }

  /** Ends the current act, and adds the facts that it has learned. */
  done(known?: { readonly object?: string; readonly detail?: AuditEntry['detail'] }): void {
    if (!this.#current) throw new Error('no act was begun')
    if (known?.object !== undefined) this.#current.object = known.object
    if (known?.detail !== undefined) this.#current.detail = known.detail
    this.#entries.push(this.#entry(this.#current, 'success'))
    this.#current = this.#current.outer
  }

  /** The object with the staged changes, or undefined. */
  load(uniqueIdentifier: string): MaybePromise<ManagedObject | undefined> {
    const slot = this.#slots.get(uniqueIdentifier)
    if (slot) return slot.object
    const storedObject = this.#store.object(this.caller.instanceId, uniqueIdentifier)
    return andThen(storedObject, (record) => record && this.#loaded(record))
  }

  /** The objects stay in memory until the commit, which writes all changed ones together. */
  #loaded(record: StoredObject): ManagedObject {
    const { uniqueIdentifier, attributes, sealed } = record
    this.#loadedBytes += attributes.length + (sealed?.length ?? 0)
    if (this.#loadedBytes > unitBytesMax)
      throw new Fault(
        'ServerLimitExceeded',
        `the objects of one request, or of one batch with Undo, take more than ${unitBytesMax} bytes: ask for fewer at a time`,
      )
    const object = fromRecord(record)
    this.#slots.set(uniqueIdentifier, {
      object,
      stored: object,
      storedVersion: object.version,
      changed: false,
      fetched: false,
      sequence: record.sequence,
      lastFetchedMs: record.lastFetchedMs,
    })
    return object
  }

  /** Stages a new or changed object. `following`: the custody's steps outside the record. */
  stage(object: ManagedObject, following?: Following): void {
    const slot = this.#slots.get(object.uniqueIdentifier)
    const storedVersion = slot ? slot.storedVersion : null
    const version = (storedVersion ?? 0) + 1
    this.#slots.set(object.uniqueIdentifier, {
      object: { ...object, version },
      stored: slot?.stored ?? null,
      storedVersion,
      changed: true,
      fetched: slot?.fetched ?? false,
      sequence: slot?.sequence ?? newest,
      lastFetchedMs: slot?.lastFetchedMs ?? null,
    })
    this.#changesObjects = true
    if (following) this.#following.push(following)
  }

  /** Adds a write of something other than an object to the commit. */
  alongside(write: Write): void {
    this.#alongside.push(write)
  }

  /** Sets the writes of all changes of trusted rows. They replace earlier ones, since they include the MAC of the whole list. */
  changeTrust(writes: readonly Write[]): void {
    this.#trust = writes
  }

  /** Adds audit entries to the commit that do not belong to an act of this work. */
  enter(entries: readonly AuditEntry[]): void {
    this.#entries.push(...entries)
  }

  get changesTrust(): boolean {
    return this.#trust.length > 0 && !this.#undone
  }

  /** Makes the commit fail if the instance would then exceed these limits. */
  limit(limits: InstanceLimits): void {
    this.#limits = limits
  }

  /** Allows objects to have Names that other objects have. */
  shareNames(): void {
    this.#namesShared = true
  }

  /** The last fetch of a loaded object before this change. */
  lastFetchedMs(uniqueIdentifier: string): number | null {
    return this.#slots.get(uniqueIdentifier)?.lastFetchedMs ?? null
  }

  /** Registers a sealed form. `abandon` deletes it if the change is not committed. */
  sealed(sealed: Sealed): void {
    this.#sealed.push(sealed)
  }

  /** Registers a count of this work. `abandon` undoes it if the change is not committed. */
  counted(giveBack: () => void): void {
    this.#counted.push(giveBack)
  }

  /** Deletes the sealed forms and undoes the counts, because the change was not committed. Never throws. */
  async abandon(): Promise<void> {
    for (const giveBack of this.#counted.splice(0)) giveBack()
    await Promise.all(this.#sealed.splice(0).map((sealed) => sealed.abandon()))
  }

  /** Whether `settle` has anything to do. */
  get isFollowed(): boolean {
    return this.#undone ? this.#sealed.length + this.#counted.length > 0 : this.#following.length > 0
  }

  /** Does the steps between the commit and the answer. Throws as `Following.after` does. */
  async settle(): Promise<void> {
    if (this.#undone) return this.abandon()
    for (const following of this.#following) await following.after()
  }

  /** The new and changed objects, newest first. The store does not have them yet. */
  objects(): readonly ManagedObject[] {
    return [...this.#slots.values()]
      .filter(({ changed }) => changed)
      .toReversed()
      .toSorted((a, b) => b.sequence - a.sequence)
      .map(({ object }) => object)
  }

  /** Whether the object comes before the stored one in the order of `objects()`, or is the same object. */
  isNewer({ uniqueIdentifier }: ManagedObject, stored: StoredObject): boolean {
    return (this.#slots.get(uniqueIdentifier)?.sequence ?? newest) >= stored.sequence
  }

  /** The changes of objects, for the clients that receive notices. */
  objectChanges(): readonly ObjectChange[] {
    if (this.#undone) return []
    return [...this.#slots.values()]
      .filter(({ changed }) => changed)
      .map(({ stored, object }) => changeOf(stored, object, this.nowMs))
  }

  /** Registers that the answer carries the object's material. */
  fetched(uniqueIdentifier: string): void {
    const slot = this.#slots.get(uniqueIdentifier)
    if (!slot) throw new Error(`the object ${uniqueIdentifier} was not loaded`)
    slot.fetched = true
    slot.object = fetchedOnce(slot.object)
  }

  /** The stored object with a new fetch, if this change only fetches it. */
  asFetched(object: ManagedObject): ManagedObject {
    return this.#slots.get(object.uniqueIdentifier)?.fetched === true ? fetchedOnce(object) : object
  }

  /** The first loaded object. Retries of requests for one object wait for each other by this key. */
  get mutexKey(): string | undefined {
    const [identifier] = this.#slots.keys()
    return identifier === undefined ? undefined : JSON.stringify([this.caller.instanceId, identifier])
  }

  /** Registers unsealed material, for `wipe`. */
  opened(bytes: Uint8Array): void {
    this.#opened.push(bytes)
  }

  /** Overwrites the unsealed material: the answer has its own copy, or there is no answer. */
  wipe(): void {
    for (const bytes of this.#opened) bytes.fill(0)
  }

  /** Gives up all changes but keeps the audit entries, marked as undone (KMIP 1.4 §6.13: Undo). */
  undo(fault: Fault): void {
    this.#undone = true
    this.wipe()
    this.#entries = this.#entries.map((entry) => ({ ...entry, result: 'undone' as const }))
    if (this.#current) this.#entries.push(this.#entry(this.#current, 'refused', fault))
  }

  /**
   * The audit entries of a refusal, as a separate record, which is empty if no act was begun. If all acts had ended, the commit
   * was refused, and each act is entered as refused.
   */
  refusal(fault: Fault): AccessRecord {
    let entries: readonly AuditEntry[] = this.#entries
    if (!this.#undone && this.#current) {
      const before = entries.map((entry) => ({ ...entry, result: 'undone' as const }))
      entries = [...before, this.#entry(this.#current, 'refused', fault)]
    } else if (!this.#undone) {
      entries = entries.map((entry) => ({ ...entry, result: 'refused' as const, reason: fault.reason }))
    }
    return { entries, fetched: [] }
  }

  /** Makes the audit entries of reads wait for the disk before the answer leaves, as those of changes do. */
  enterOnDisk(): void {
    this.#onDisk = true
  }

  /** Whether it writes only audit entries and times of fetches, and `enterOnDisk` was not called. Such writes wait for the disk only if `audit.reads` is durable. */
  get onlyReads(): boolean {
    return this.#undone || !(this.#onDisk || this.changesTrust || this.#changesObjects)
  }

  /** The audit entries and fetches of reads. */
  access(): AccessRecord {
    if (this.#undone) return { entries: this.#entries, fetched: [] }
    return { entries: this.#entries, fetched: this.#fetches(), expect: this.#expectation() }
  }

  #fetches(): AccessRecord['fetched'] {
    const { instanceId } = this.caller
    const fetches: AccessRecord['fetched'][number][] = []
    for (const [uniqueIdentifier, { fetched }] of this.#slots)
      if (fetched) fetches.push({ instanceId, uniqueIdentifier, atMs: this.nowMs })
    return fetches
  }

  /** Everything for one commit, durable on the disk. After an undo only `access` is left of it. */
  change(): Change {
    const { instanceId } = this.caller
    const slots = [...this.#slots.entries()]
    const changed = slots.filter(([, slot]) => slot.changed)
    const writes: Write[] = [
      ...changed.map(([, { object }]) => ({ ...toWrite(object), namesShared: this.#namesShared })),
      ...this.#sealed.flatMap((sealed) => sealed.writes),
      ...this.#following.flatMap((following) => following.writes),
      ...this.#alongside,
      ...this.#trust,
      ...this.#fetches().map((one): Write => ({ type: 'fetched', ...one })),
    ]
    const limits = this.#limits && { instanceId, ...this.#limits }
    const expect = { ...this.#expectation(), ...(limits && { limits }) }
    return { expect, writes, entries: this.#entries, durability: 'disk' }
  }

  /** The versions and trust on which this change is based. */
  #expectation() {
    const { instanceId, trustVersion } = this.caller
    const objects: ObjectAsRead[] = []
    for (const [uniqueIdentifier, { storedVersion: version }] of this.#slots)
      objects.push({ instanceId, uniqueIdentifier, version })
    return { trustVersion, objects }
  }

  #entry(act: Act, result: AuditEntry['result'], fault?: Fault): AuditEntry {
    const { action, object, detail, correlationIds } = act
    const { instanceId, actor, requestId } = this.caller
    const reach = reachBehind(fault)
    const known = {
      ...detail,
      ...(reach !== undefined && { rootKey: reach }),
      ...(correlationIds.size > 0 && namedCalls(correlationIds)),
    }
    return {
      atMs: this.nowMs,
      action,
      result,
      instanceId,
      object,
      actor,
      reason: fault?.reason ?? null,
      requestId,
      detail: Object.keys(known).length > 0 ? known : null,
    }
  }
}

/** The scope of the root key's refusal, if a refusal is the cause. */
function reachBehind(fault: Fault | undefined): RootKeyReach | undefined {
  const cause = fault?.cause
  return cause instanceof KeysUnavailable || cause instanceof RootKeyError ? cause.reach : undefined
}
