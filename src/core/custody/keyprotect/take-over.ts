// Brings the database to the state of one object at the service, and deletes superfluous copies, as rules.ts decides: it
// completes an interrupted attempt, a generation that another server stored counts, and a closing only moves forward.

import type { Clock } from '../../ports/clock.ts'
import type { StoredObject } from '../../ports/objects.ts'
import type { OpenRootKey, RootKey } from '../../ports/root-key.ts'
import type { StandardKeyRecord } from '../../ports/secrets.ts'
import { StoreConflict, type Store, type Write } from '../../ports/store.ts'
import type { CustodyInstance, ObjectRecords } from '../custody.ts'
import { materialOf, type ReadCopy } from './copies.ts'
import { readDescription } from './description.ts'
import { generationOf, type ListedStandardKey, type Lookup } from './lookup.ts'
import { wantedOf, type Markers } from './markers.ts'
import { saysTheSame } from './payload.ts'
import { refOf, rowOf, serverEntry } from './records.ts'
import { encodeStandardKeyRef, type StandardKeyRef } from './reference.ts'
import type { Removal } from './removal.ts'
import {
  closingFor,
  closingRank,
  isForeign,
  isUnfinished,
  planFor,
  type Copy,
  type KnownObject,
  type Plan,
} from './rules.ts'
import type { StandardKeyTroubles } from '../../sealing/standard-key-troubles.ts'

export interface TakeOverOptions {
  readonly store: Store
  readonly clock: Clock
  readonly openRootKey: OpenRootKey
  readonly lookup: Lookup
  readonly removal: Removal
  readonly markers: Markers
  readonly objects: ObjectRecords
  readonly troubles: StandardKeyTroubles
  readonly onRenamed: (instanceId: string, fromId: string, toId: string) => void
}

/** A listed or known copy, as the server saw it. */
interface Seen {
  readonly rootKey: RootKey
  readonly listed: ListedStandardKey | undefined
  /** undefined: the server did not open it. */
  readonly read: ReadCopy | undefined
  readonly copy: Copy
}

/** One object in the database and at the service. */
interface Found {
  readonly instance: CustodyInstance
  readonly identifier: string
  readonly stored: StoredObject | undefined
  readonly rows: readonly StandardKeyRecord[]
  readonly seen: readonly Seen[]
}

export class TakeOver {
  readonly #options: TakeOverOptions
  readonly #beganMs: number

  constructor(options: TakeOverOptions) {
    this.#options = options
    this.#beganMs = options.clock.monotonic()
  }

  /**
   * Returns whether a generation must be stored above all copies. `listed`: the copies of the object in a list, including deleted
   * ones. Throws RootKeyError.
   */
  async settle(
    instance: CustodyInstance,
    identifier: string,
    listed: readonly ListedStandardKey[],
  ): Promise<boolean> {
    const { store, lookup, removal } = this.#options
    const stored = await store.object(instance.id, identifier)
    const rows = await lookup.rows(instance.id, identifier)
    const seen = await this.#see(instance, identifier, { stored, rows, listed })
    const object: Found = { instance, identifier, stored, rows, seen }
    try {
      const known = this.#known(object)
      const copies = seen.map(({ copy }) => copy)
      const plan = planFor(known, copies, await this.#isLeft(instance, listed))
      this.#reportForeign(object)
      if (!(await this.#take(object, known, plan))) return false
      for (const { copy, grounds } of plan.superfluous) {
        const one = seen.find((candidate) => candidate.copy === copy)
        if (!one || isUnfinished(one.copy.id, one.listed?.ageMs ?? null, rows)) continue
        await removal.superfluous(one.rootKey, { instanceId: instance.id, identifier }, copy, grounds)
      }
      return plan.renew
    } finally {
      for (const { read } of seen) read?.bytes.fill(0)
    }
  }

  #known({ instance, stored, seen }: Found): KnownObject {
    if (!stored) return { is: 'absent' }
    if (stored.sealed === null) return { is: 'destroyed' }
    const { objects } = this.#options
    const closing = objects.facts(stored).closing?.state ?? null
    const others = new Set(
      seen.flatMap(({ read }) => (read && objects.isOther(stored, materialOf(read)) ? [read.id] : [])),
    )
    const ref = refOf(stored)
    if (!ref) return { is: 'sealed-here', isExpected: instance.custody === 'keyprotect', others, closing }
    const { standardKeyId: id, generation } = ref
    const isLive = seen.some(({ copy }) => copy.id === id && copy.isLive)
    const isInPlace = instance.custody === 'keyprotect' && ref.rootKeyUri === instance.rootKeyUri
    const apart = isInPlace ? seen.filter(({ rootKey }) => rootKey.uri !== instance.rootKeyUri) : []
    const elsewhere = new Set(apart.map(({ copy }) => copy.id))
    return { is: 'kept', id, generation, isLive, closing, elsewhere, others }
  }

  /** Reads every known or listed copy by its id. */
  async #see(
    instance: CustodyInstance,
    identifier: string,
    about: Pick<Found, 'stored' | 'rows'> & { readonly listed: readonly ListedStandardKey[] },
  ): Promise<readonly Seen[]> {
    const { openRootKey, lookup } = this.#options
    const toRead = new Map<string, { readonly rootKeyUri: string; readonly generation: number }>()
    const ref = refOf(about.stored)
    if (ref) toRead.set(ref.standardKeyId, ref)
    for (const row of about.rows) toRead.set(row.id, row)
    const listed = new Map(about.listed.map((one) => [one.id, one]))
    for (const one of about.listed)
      toRead.set(one.id, { rootKeyUri: one.rootKey.uri, generation: generationOf(one) })
    const seen: Seen[] = []
    for (const [id, { rootKeyUri, generation }] of toRead) {
      const one = listed.get(id)
      const rootKey = one?.rootKey ?? (await openRootKey(rootKeyUri, instance.id))
      const isDeleted = one?.deleted ?? false
      const read = isDeleted
        ? 'deleted'
        : await lookup.read(rootKey, id, { instanceId: instance.id, identifier })
      const said = one && readDescription(one.description)
      const closing = said?.kind === 'key' ? said.closing : null
      const unread: Copy = { id, generation, closing, isLive: read !== 'deleted', opened: null }
      const isRead = typeof read !== 'string'
      const copy = isRead && read.header.generation === generation ? read.copy : unread
      seen.push({ rootKey, listed: one, read: isRead ? read : undefined, copy })
    }
    return seen
  }

  /** Returns false if the object changed in the meantime; the next sweep checks it again. */
  async #take(candidate: Found, known: KnownObject, plan: Plan): Promise<boolean> {
    const { instance, identifier, stored, rows, seen } = candidate
    const { store, clock, objects, troubles, onRenamed } = this.#options
    const taken = seen.find(({ copy }) => copy === plan.take)
    const held = known.is === 'kept' || known.is === 'sealed-here' ? known.closing : plan.closing
    const before = refOf(stored)
    // The content of a deleted copy is lost: another copy of the object gives the header.
    const header = (taken?.read ?? seen.find(({ copy }) => copy.opened)?.read)?.header
    const ref = taken ? refTo(taken) : before
    const sealed = ref ? encodeStandardKeyRef(ref) : stored?.sealed
    // A change that this server has yet to record at the service stands: no copy can show it.
    const own = stored && objects.facts(stored)
    const isDue = rows.some(({ id, state }) => id === before?.standardKeyId && state === 'due')
    const facts = taken && header && !(own && isDue) ? header : own
    const renew = plan.renew || (header !== undefined && facts !== undefined && !saysTheSame(header, facts))
    const isForward = closingRank(plan.closing) > closingRank(held)
    if ((!taken && !isForward) || !sealed || !facts) return true
    const object = { instanceId: instance.id, identifier }
    const said = seen.flatMap(({ read }) => read?.header.closing ?? [])
    const closing = closingFor(plan.closing, said, clock.now())
    const made = seen.flatMap(({ listed }) => listed?.createdMs ?? [])
    const write = await objects.recordCopy(stored, {
      ...object,
      objectType: header?.objectType ?? stored?.objectType ?? '',
      facts,
      closing,
      createdMs: Math.min(clock.now(), ...made),
      sealed,
      dataKeyId: ref ? null : (stored?.dataKeyId ?? null),
      generation: ref?.generation ?? 0,
    })
    const detail = { ...(ref && { generation: ref.generation }), ...(closing && { closing: closing.state }) }
    const version = stored?.version ?? null
    try {
      await store.commit({
        expect: { objects: [{ instanceId: instance.id, uniqueIdentifier: identifier, version }] },
        writes: [write, ...(taken ? this.#rowWrites(object, before, taken, renew) : [])],
        entries: [serverEntry('key.take-over', object, detail, { atMs: clock.now() })],
        durability: 'disk',
      })
    } catch (error) {
      if (error instanceof StoreConflict) return false
      throw error
    }
    // Before, the sweep may have tried in vain to delete this copy.
    if (taken) troubles.gone({ id: taken.copy.id, instanceId: instance.id })
    if (before && taken) onRenamed(instance.id, before.standardKeyId, taken.copy.id)
    return true
  }

  #rowWrites(
    object: { readonly instanceId: string; readonly identifier: string },
    before: StandardKeyRef | undefined,
    { copy, read, rootKey }: Seen,
    renew: boolean,
  ): readonly Write[] {
    const { id, generation } = copy
    const made = { id, generation, keyVersion: read?.keyVersion ?? '' }
    const row = rowOf(object, made, rootKey.uri, this.#options.clock.now())
    const writes: readonly Write[] = before
      ? [{ type: 'standard-key-state', id: before.standardKeyId, state: 'unwanted' }]
      : []
    return [...writes, { type: 'standard-key', record: { ...row, state: renew ? 'due' : 'current' } }]
  }

  /** Whether the instance keeps its keys in the database now, and a marker beside each listing root key says so. */
  async #isLeft(
    { id, work, custody }: CustodyInstance,
    listed: readonly ListedStandardKey[],
  ): Promise<boolean> {
    if (custody === 'keyprotect' || work?.kind === 'move') return false
    for (const { rootKey } of listed)
      if (!(await this.#options.markers.saysLeft(id, rootKey.uri))) return false
    return listed.length > 0
  }

  #reportForeign({ instance, seen, rows }: Found): void {
    const known = new Set(rows.map(({ id }) => id))
    const unknown = seen.filter(({ read }) => read && !known.has(read.id))
    if (unknown.length > 0) void this.#lookForForeign(instance, unknown).catch(() => undefined)
  }

  async #lookForForeign(instance: CustodyInstance, unknown: readonly Seen[]): Promise<void> {
    const { store, clock, troubles, markers } = this.#options
    const { heads } = await store.auditHeads()
    // Markers of a restore have an epoch; those of a mere move have none.
    const restored = (await markers.rows(instance.id)).filter((row) => wantedOf(row).epoch > 0)
    const firstMs = Math.min(...restored.map(({ createdMs }) => createdMs))
    const own = {
      writer: store.writer,
      writers: new Set(heads.map(({ writer }) => writer)),
      upMs: clock.monotonic() - this.#beganMs,
      restoredMs: restored.length === 0 ? null : clock.now() - firstMs,
    }
    for (const { read, listed } of unknown) {
      if (!read || !isForeign({ writer: read.header.writer, ageMs: listed?.ageMs ?? null }, own)) continue
      const { identifier, generation } = read.header
      const what = `generation ${generation} of the key ${identifier}`
      troubles.foreign(instance.id, `${what} was stored at the root key's service by another server`)
      return
    }
  }
}

function refTo({ rootKey, copy }: Seen): StandardKeyRef {
  const { uri: rootKeyUri, id: rootKeyId } = rootKey
  return { rootKeyUri, rootKeyId, standardKeyId: copy.id, generation: copy.generation }
}
