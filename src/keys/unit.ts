// A unit of work: what one batch item (or one whole Undo batch) reads, changes and enters, as one change of the store.
// Reads go through what is staged here, so that later items see earlier ones; nothing is written before `change()`
// is committed, and the commit fails when any object that was decided on has changed meanwhile (design: invariant 3).

import type { Fault } from '../kmip/fault.ts'
import type { Caller } from '../trust/caller.ts'
import { fetchedOnce, fromRecord, toWrite, type ManagedObject } from './managed-object.ts'
import type { AuditAction } from '../ports/audit-actions.ts'
import type { AuditEntry } from '../ports/audit.ts'
import type { Change, Store, Write } from '../ports/store.ts'
import type { Clock } from '../ports/clock.ts'
import { namedCalls, RootKeyError, type RootKeyReach, type Trail } from '../ports/root-key.ts'
import type { Following, Sealed } from '../custody/custody.ts'
import type { InstanceLimits } from '../trust/instance-limits.ts'
import { KeysUnavailable } from '../sealing/unwrap-cache.ts'

interface Slot {
  readonly object: ManagedObject
  /** The version that the store must still have; null for a new object. */
  readonly storedVersion: number | null
  readonly changed: boolean
  /** When the store says that it was last sent. */
  readonly lastFetchedMs: number | null
}

export class Unit {
  readonly caller: Caller
  /** One moment for the whole unit, milliseconds since 1970. */
  readonly nowMs: number
  readonly #store: Store
  readonly #slots = new Map<string, Slot>()
  readonly #fetched = new Set<string>()
  readonly #opened: Buffer[] = []
  readonly #sealed: Sealed[] = []
  readonly #following: Following[] = []
  #trail: Trail = new Set()
  #limits: InstanceLimits | undefined
  #entries: AuditEntry[] = []
  #current: { readonly action: AuditAction; object: string | null; detail: AuditEntry['detail'] } | undefined
  #undone = false

  constructor(store: Store, clock: Clock, caller: Caller) {
    this.#store = store
    this.caller = caller
    this.nowMs = clock.now()
  }

  /** Begins an act: from here on, success or refusal is entered for it. */
  begin(action: AuditAction, object: string | null): void {
    this.#current = { action, object, detail: null }
    this.#trail = new Set()
  }

  /** Gathers the calls of the root key's service that the act takes: its entry names them. */
  get trail(): Trail {
    return this.#trail
  }

  /** Ends the act that was begun, with what became known of it. */
  done(known?: { readonly object?: string; readonly detail?: AuditEntry['detail'] }): void {
    if (!this.#current) throw new Error('no act was begun')
    if (known?.object !== undefined) this.#current.object = known.object
    if (known?.detail !== undefined) this.#current.detail = known.detail
    this.#entries.push(this.#entry('success'))
    this.#current = undefined
  }

  /** The object as this unit sees it, or undefined. */
  async load(uniqueIdentifier: string): Promise<ManagedObject | undefined> {
    const slot = this.#slots.get(uniqueIdentifier)
    if (slot) return slot.object
    const record = await this.#store.object(this.caller.instanceId, uniqueIdentifier)
    if (!record) return undefined
    const object = fromRecord(record)
    this.#slots.set(uniqueIdentifier, {
      object,
      storedVersion: object.version,
      changed: false,
      lastFetchedMs: record.lastFetchedMs,
    })
    return object
  }

  /** Stages a new or changed object, with what belongs to that change outside its record. */
  stage(object: ManagedObject, following?: Following): void {
    const slot = this.#slots.get(object.uniqueIdentifier)
    const storedVersion = slot ? slot.storedVersion : null
    const version = (storedVersion ?? 0) + 1
    const lastFetchedMs = slot?.lastFetchedMs ?? null
    const slotNow = { object: { ...object, version }, storedVersion, changed: true, lastFetchedMs }
    this.#slots.set(object.uniqueIdentifier, slotNow)
    if (following) this.#following.push(following)
  }

  /** What is staged adds to what the instance holds: not beyond these limits. */
  limit(limits: InstanceLimits): void {
    this.#limits = limits
  }

  /** Of an object that this unit has looked at or staged: when it was last sent before. */
  lastFetchedMs(uniqueIdentifier: string): number | null {
    return this.#slots.get(uniqueIdentifier)?.lastFetchedMs ?? null
  }

  /** What a staged object's material was sealed as, to be given up again if this unit is not committed. */
  sealed(sealed: Sealed): void {
    this.#sealed.push(sealed)
  }

  /** What was sealed for this unit counts for nothing: it was not committed. Never throws. */
  async abandon(): Promise<void> {
    await Promise.all(this.#sealed.splice(0).map((sealed) => sealed.abandon()))
  }

  /** What is left to be done once it is committed, before it is answered. Throws as `Following.after` does. */
  async settle(): Promise<void> {
    if (this.#undone) return this.abandon()
    for (const following of this.#following) await following.after()
  }

  /** Objects changed in this unit, which the store does not know yet; newest first. */
  staged(): readonly ManagedObject[] {
    return [...this.#slots.values()]
      .filter(({ changed }) => changed)
      .map(({ object }) => object)
      .toReversed()
  }

  /** Notes that the object's material leaves with this unit. */
  fetched(uniqueIdentifier: string): void {
    this.#fetched.add(uniqueIdentifier)
    const slot = this.#slots.get(uniqueIdentifier)
    if (slot) this.#slots.set(uniqueIdentifier, { ...slot, object: fetchedOnce(slot.object) })
  }

  /** Names the first object that this unit looked at: who works on the same one goes behind (lanes.ts). */
  get lane(): string | undefined {
    const [identifier] = this.#slots.keys()
    return identifier === undefined ? undefined : JSON.stringify([this.caller.instanceId, identifier])
  }

  /** Material that was opened in this unit, to be wiped when it has left or failed to. */
  opened(bytes: Buffer): void {
    this.#opened.push(bytes)
  }

  /** Wipes what this unit opened: the answer holds a copy, or nothing leaves. */
  wipe(): void {
    for (const bytes of this.#opened) bytes.fill(0)
  }

  /** Gives up everything but the record that it was tried (KMIP 1.4 §6.13: Undo). */
  undo(fault: Fault): void {
    this.#undone = true
    this.wipe()
    this.#entries = this.#entries.map((entry) => ({ ...entry, result: 'undone' as const }))
    if (this.#current) this.#entries.push(this.#entry('refused', fault))
  }

  /**
   * The record of a refusal, as a change of its own; undefined when nothing was begun. What was refused is the act that
   * was begun, or, when all were done, the commit of all of them.
   */
  refusal(fault: Fault): Change | undefined {
    let entries: readonly AuditEntry[] = this.#entries
    if (!this.#undone && this.#current) {
      const before = entries.map((entry) => ({ ...entry, result: 'undone' as const }))
      entries = [...before, this.#entry('refused', fault)]
    } else if (!this.#undone) {
      entries = entries.map((entry) => ({ ...entry, result: 'refused' as const, reason: fault.reason }))
    }
    return entries.length > 0 ? { writes: [], entries, durability: 'process' } : undefined
  }

  /** All of it, for one commit. `durableReads`: a Get waits for the disk too. */
  change(durableReads: boolean): Change {
    if (this.#undone) return { writes: [], entries: this.#entries, durability: 'process' }
    const { instanceId, trustVersion } = this.caller
    const slots = [...this.#slots.entries()]
    const changed = slots.filter(([, slot]) => slot.changed)
    const writes: Write[] = [
      ...changed.map(([, { object }]) => toWrite(object)),
      ...this.#sealed.flatMap((sealed) => sealed.writes),
      ...this.#following.flatMap((following) => following.writes),
      ...[...this.#fetched].map((uniqueIdentifier): Write => ({
        type: 'fetched',
        instanceId,
        uniqueIdentifier,
        atMs: this.nowMs,
      })),
    ]
    const objects = slots.map(([uniqueIdentifier, { storedVersion }]) => ({
      instanceId,
      uniqueIdentifier,
      version: storedVersion,
    }))
    const durability = changed.length > 0 || durableReads ? 'disk' : 'process'
    const limits = this.#limits && { instanceId, ...this.#limits }
    const expect = { trustVersion, objects, ...(limits && { limits }) }
    return { expect, writes, entries: this.#entries, durability }
  }

  #entry(result: AuditEntry['result'], fault?: Fault): AuditEntry {
    if (!this.#current) throw new Error('no act was begun')
    const { action, object, detail } = this.#current
    const { instanceId, actor, requestId } = this.caller
    const reach = reachBehind(fault)
    const known = {
      ...detail,
      ...(reach !== undefined && { rootKey: reach }),
      ...namedCalls(this.#trail),
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

/** What the root key's no was about, where that is why. */
function reachBehind(fault: Fault | undefined): RootKeyReach | undefined {
  const cause = fault?.cause
  return cause instanceof KeysUnavailable || cause instanceof RootKeyError ? cause.reach : undefined
}
