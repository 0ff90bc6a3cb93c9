// The only door to keys. `perform` runs a piece of work as one unit: who asks is looked up anew, the work reads and
// stages, and check, act and audit entry are committed together before anything leaves; on a concurrent change the
// work is done again. What the work may do stands in key-work.ts.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { CustodyRefused } from '../custody/custody.ts'
import type { Custodies } from '../custody/custodies.ts'
import { Fault } from '../kmip/fault.ts'
import { limits } from '../limits.ts'
import type { Access } from '../trust/access.ts'
import type { Caller } from '../trust/caller.ts'
import { instanceIsFull } from './instance-room.ts'
import { KeyWork } from './key-work.ts'
import { Lanes } from './lanes.ts'
import { fromRecord, viewOf, type KeyView } from './managed-object.ts'
import { StoreConflict, StoreUnavailable, type Change, type Store } from '../ports/store.ts'
import type { StoredObject } from '../ports/objects.ts'
import type { Clock } from '../ports/clock.ts'
import { RootKeyError } from '../ports/root-key.ts'
import { Unit } from './unit.ts'
import { KeysUnavailable } from '../sealing/unwrap-cache.ts'

/** As listed. */
export interface ListedKey extends KeyView {
  /** Pass as `beforeSequence` for the page after this one. */
  readonly sequence: number
}

export class Keys {
  readonly #store: Store
  readonly #custodies: Custodies
  readonly #access: Access
  readonly #clock: Clock
  readonly #durableReads: () => boolean
  readonly #lanes = new Lanes()

  constructor(options: {
    readonly store: Store
    readonly custodies: Custodies
    readonly access: Access
    readonly clock: Clock
    /** `audit.reads = "durable"`: the access record of a Get waits for the disk (design: invariant 1). Asked each time. */
    readonly durableReads: () => boolean
  }) {
    this.#store = options.store
    this.#custodies = options.custodies
    this.#access = options.access
    this.#clock = options.clock
    this.#durableReads = options.durableReads
  }

  /**
   * Runs `work` as one unit and commits it. `identify` tells who asks, as of now; it throws a Fault when that one is
   * no longer trusted. Throws the Faults of the work, after they were entered in the audit; GeneralFailure with a
   * text safe to send when the store or the root key cannot be used.
   */
  async perform<T>(identify: () => Promise<Caller>, work: (work: KeyWork) => Promise<T>): Promise<T> {
    let leaveLane: (() => void) | undefined
    try {
      for (let attempt = 0; ; attempt++) {
        const unit = new Unit(this.#store, this.#clock, await identify())
        let result: T
        try {
          result = await this.#attempt(unit, work)
        } catch (error) {
          unit.wipe()
          void unit.abandon()
          const again = error instanceof StoreConflict && attempt < limits.conflictRetriesMax
          if (!again) throw await this.#refused(unit, error)
          if (attempt > 2) await nextTurn()
          if (attempt === 0 && unit.lane !== undefined) leaveLane = await this.#lanes.enter(unit.lane)
          continue
        }
        await settle(unit)
        return result
      }
    } finally {
      leaveLane?.()
    }
  }

  /** Objects of an instance, newest first, for the admin door. Reads metadata only. */
  async list(query: {
    readonly instanceId: string
    readonly limit: number
    readonly includeDestroyed: boolean
    readonly beforeSequence?: number
    readonly index?: readonly { readonly key: string; readonly value: string }[]
  }): Promise<readonly ListedKey[]> {
    const records = await this.#store.objects(query)
    return records.map((record) => this.#view(record))
  }

  /** One object's metadata, or undefined. */
  async show(instanceId: string, uniqueIdentifier: string): Promise<ListedKey | undefined> {
    const record = await this.#store.object(instanceId, uniqueIdentifier)
    return record && this.#view(record)
  }

  #view(record: StoredObject): ListedKey {
    const { sequence, lastFetchedMs } = record
    return { ...viewOf(fromRecord(record), this.#clock.now(), lastFetchedMs), sequence }
  }

  /** Throws StoreConflict when something that was decided on has changed meanwhile. */
  async #attempt<T>(unit: Unit, work: (work: KeyWork) => Promise<T>): Promise<T> {
    const parts = { unit, store: this.#store, custodies: this.#custodies, access: this.#access }
    const result = await work(new KeyWork(parts))
    const change = unit.change(this.#durableReads())
    if (change.writes.length + change.entries.length > 0) await this.#commit(change)
    return result
  }

  /** Enters the refusal. A refusal that cannot be entered is still a refusal. Gives what is to be thrown. */
  async #refused(unit: Unit, error: unknown): Promise<unknown> {
    const fault = faultOf(error)
    const refusal = fault && unit.refusal(fault)
    if (refusal) await this.#store.commit(refusal).catch(() => undefined)
    return fault ?? error
  }

  async #commit(change: Change): Promise<void> {
    try {
      await this.#store.commit(change)
    } catch (error) {
      if (error instanceof StoreConflict && error.what === 'name')
        throw new Fault('NonUniqueNameAttribute', 'another object of this instance has that Name', {
          cause: error,
        })
      const { limits } = change.expect ?? {}
      if (error instanceof StoreConflict && limits && isFull(error.what))
        throw instanceIsFull(error.what, limits, error)
      throw error
    }
  }
}

function isFull(what: StoreConflict['what']): what is 'objects-max' | 'bytes-max' {
  return what === 'objects-max' || what === 'bytes-max'
}

/** What is done is done: only the answer says that something outside was not told yet. It will be. */
async function settle(unit: Unit): Promise<void> {
  try {
    await unit.settle()
  } catch (error) {
    unit.wipe()
    const outside = [RootKeyError, StoreUnavailable, StoreConflict].some((kind) => error instanceof kind)
    if (!outside) throw error
    throw new Fault(
      'GeneralFailure',
      "it was done on this server, but could not be recorded at the root key's service yet; that is done as soon as it answers",
      { cause: error },
    )
  }
}

/** What of the things that may go wrong is an answer; undefined for bugs. */
function faultOf(error: unknown): Fault | undefined {
  if (error instanceof Fault) return error
  if (error instanceof StoreConflict)
    return new Fault('GeneralFailure', 'the object is being changed by others all the time; try again', {
      cause: error,
    })
  if (error instanceof StoreUnavailable)
    return new Fault('GeneralFailure', storeSentences[error.why], { cause: error })
  if (error instanceof CustodyRefused) return new Fault('GeneralFailure', error.message, { cause: error })
  if (error instanceof KeysUnavailable)
    return new Fault('GeneralFailure', rootKeySentences[error.reach], { cause: error })
  return undefined
}

const storeSentences: Record<StoreUnavailable['why'], string> = {
  full: "the key server's disk is full: nothing can be created or changed until there is room; existing keys are served",
  busy: 'the key server is overloaded: try again',
  unavailable: 'the key server cannot reach its store at the moment',
}

const rootKeySentences: Record<KeysUnavailable['reach'], string> = {
  unreachable: 'the root key of this instance cannot be reached at the moment',
  'root-key': 'the root key of this instance was withdrawn',
  call: "the root key's service refuses to hand this key out, though the root key answers: the key server lacks a role there",
  'wrapped-form':
    "this key does not open, though its root key answers: it was deleted at the root key's service, or its stored form was changed",
}
