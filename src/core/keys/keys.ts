// The only way to keys. `perform` runs a piece of work as one transaction: it looks up the caller at that moment, the work reads
// and stages changes, and check, act and audit entry are committed together before the answer leaves. If another request changed
// the same object meanwhile, the work runs again. Work that only reads commits nothing: its access record takes the place of the
// transaction (design: invariants 1 and 3). key-transaction.ts lists the possible acts.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { CustodyRefused, PutBack } from '../custody/custody.ts'
import type { Custodies } from '../custody/custodies.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import { KeyedMutex } from '../../base/keyed-mutex.ts'
import { conflictRetriesMax } from '../../base/bounds.ts'
import type { MaybePromise } from '../../base/maybe-promise.ts'
import { RepeatedRefusals } from '../audit/repeated-refusals.ts'
import type { Access } from '../trust/access.ts'
import type { ChangePace } from '../trust/change-pace.ts'
import type { Caller } from '../trust/caller.ts'
import type { Consent } from '../trust/consent.ts'
import { instanceIsFull } from './transaction/instance-room.ts'
import { Computations, RequestComputations, type Pool } from './transaction/computations.ts'
import type { FetchUpstream } from './transaction/missing-object.ts'
import { ChangeFeed } from './transaction/change-feed.ts'
import { KeyTransaction } from './key-transaction.ts'
import { fromRecord, viewOf, type KeyView } from './object/managed-object.ts'
import { StoreConflict, StoreUnavailable, type Change, type Store } from '../ports/store.ts'
import type { AccessRecord } from '../ports/audit.ts'
import type { StoredObject } from '../ports/objects.ts'
import type { Clock } from '../ports/clock.ts'
import type { Durability } from '../ports/expectation.ts'
import { RootKeyError } from '../ports/root-key.ts'
import type { RecoveryClock } from './object/recovery-clock.ts'
import { StagedChange } from './transaction/staged-change.ts'
import { TransactionObjects } from './transaction/transaction-objects.ts'
import { KeysUnavailable } from '../sealing/unwrap-cache.ts'

export interface ListedKey extends KeyView {
  /** Pass as `beforeSequence` for the page after this one. */
  readonly sequence: number
}

/** An object as the store has it. */
export interface ScannedKey extends Pick<
  StoredObject,
  'sequence' | 'uniqueIdentifier' | 'createdMs' | 'lastFetchedMs'
> {
  /** Its attributes, as packAttributes wrote them. */
  readonly packed: Uint8Array
  readonly view: () => ListedKey
}

interface ListQuery {
  readonly instanceId: string
  readonly limit: number
  readonly includeDestroyed: boolean
  readonly beforeSequence?: number
  readonly index?: readonly { readonly key: string; readonly value: string }[]
}

export interface PerformOptions {
  /** Looks on the upstream for an object that the work names and the store does not have, and stores it. */
  readonly fetchUpstream?: FetchUpstream | undefined
  /** Aborts when the client stops waiting. */
  readonly abandoned?: AbortSignal | undefined
}

export class Keys {
  /** Reports the changes of objects that this process commits. */
  readonly changes = new ChangeFeed()
  readonly #store: Store
  readonly #custodies: Custodies
  readonly #access: Access
  readonly #changePace: ChangePace
  readonly #clock: Clock
  readonly #computations: Computations
  readonly #durableReads: () => boolean
  readonly #recovery: RecoveryClock
  readonly #trustChanged: () => void
  readonly #refusals: RepeatedRefusals
  /**
   * Transactions that lost a race for one object retry one after the other: if all retried at once, one would win each round and
   * the last would never finish. A transaction without a conflict takes no lock.
   */
  readonly #retrying = new KeyedMutex()

  constructor(options: {
    readonly store: Store
    readonly custodies: Custodies
    readonly access: Access
    readonly changePace: ChangePace
    readonly clock: Clock
    readonly crypto: Pool
    readonly recovery: RecoveryClock
    /** `audit.reads = "durable"`: the access record of a Get waits for the disk (design: invariant 1). Read each time. */
    readonly durableReads: () => boolean
    /** Called after each change of trusted rows, so that a checkpoint can sign for it. */
    readonly changed?: () => void
    /** Called when the entry that counts refusals could not be written. */
    readonly refusalsFailed: (error: unknown) => void
  }) {
    this.#store = options.store
    this.#custodies = options.custodies
    this.#access = options.access
    this.#changePace = options.changePace
    this.#clock = options.clock
    this.#computations = new Computations(options.crypto, options.clock)
    this.#durableReads = options.durableReads
    this.#recovery = options.recovery
    this.#trustChanged = options.changed ?? (() => {})
    const { clock, store, refusalsFailed: failed } = options
    this.#refusals = new RepeatedRefusals({ clock, record: (access) => store.record(access), failed })
  }

  /** Enters in the audit the refusals that were only counted until now. */
  close(): Promise<void> {
    return this.#refusals.close()
  }

  /** Drops the keys of computations in parts that clients of a closed instance have begun. */
  forgetStreams(instanceId: string): void {
    this.#computations.streams.dropOf(instanceId)
  }

  /**
   * Runs `work` as one transaction and commits it. `identify` returns the caller as of now, or throws a Fault if the caller
   * is no longer trusted. Throws the Faults of the work, after entering them in the audit. Throws GeneralFailure, with a
   * text that is safe to send, if the store or the root key cannot be used.
   */
  async perform<T>(
    identify: () => MaybePromise<Caller>,
    work: (work: KeyTransaction) => MaybePromise<T>,
    { fetchUpstream, abandoned }: PerformOptions = {},
  ): Promise<T> {
    let leaveMutex: (() => void) | undefined
    const computations = new RequestComputations(this.#computations, abandoned)
    try {
      for (let attempt = 0; ; attempt++) {
        const staged = new StagedChange(this.#store, this.#clock, await identify())
        let result: T
        try {
          result = await this.#attempt({ staged, computations: computations.attempt(), fetchUpstream }, work)
        } catch (error) {
          staged.wipe()
          void staged.abandon()
          const again = mayPass(error) && attempt < conflictRetriesMax
          if (!again) throw await this.#refused(staged, error)
          if (attempt > 2) await nextTurn()
          if (attempt === 0 && staged.mutexKey !== undefined)
            leaveMutex = await this.#retrying.enter(staged.mutexKey)
          continue
        }
        if (staged.isFollowed) await settle(staged)
        return result
      }
    } catch (error) {
      computations.giveUp()
      throw error
    } finally {
      computations.wipe()
      leaveMutex?.()
    }
  }

  /** Objects of an instance, newest first, for the admin API. Reads metadata only. */
  async list(query: ListQuery): Promise<readonly ListedKey[]> {
    const page = await this.scan(query)
    return page.map(({ view }) => view())
  }

  /** Lists as `list` does, but decodes an object only when the caller requests its view: a search skips most of them. */
  async scan(query: ListQuery): Promise<readonly ScannedKey[]> {
    const records = await this.#store.objects(query)
    return records.map((record) => {
      const { sequence, uniqueIdentifier, createdMs, lastFetchedMs, attributes: packed } = record
      return { sequence, uniqueIdentifier, createdMs, lastFetchedMs, packed, view: () => this.#view(record) }
    })
  }

  /** One object's metadata, or undefined. */
  async show(instanceId: string, uniqueIdentifier: string): Promise<ListedKey | undefined> {
    const record = await this.#store.object(instanceId, uniqueIdentifier)
    return record && this.#view(record)
  }

  #view(record: StoredObject): ListedKey {
    const { sequence, lastFetchedMs } = record
    const moment = { nowMs: this.#clock.now(), recovery: this.#recovery }
    return { ...viewOf(fromRecord(record), moment, lastFetchedMs), sequence }
  }

  /** Throws StoreConflict if another request changed an object that this one decided on. */
  async #attempt<T>(
    attempt: {
      readonly staged: StagedChange
      readonly computations: RequestComputations
      readonly fetchUpstream: FetchUpstream | undefined
    },
    work: (work: KeyTransaction) => MaybePromise<T>,
  ): Promise<T> {
    const { staged, computations, fetchUpstream } = attempt
    const [store, custodies, access] = [this.#store, this.#custodies, this.#access]
    const changePace = this.#changePace
    const objects = new TransactionObjects({
      staged,
      computations,
      fetchUpstream,
      store,
      custodies,
      access,
      changePace,
    })
    const result = await work(new KeyTransaction(objects, this.#recovery))
    if (staged.caller.consent) await takeConsentAlong(objects, staged.caller.consent)
    if (staged.onlyReads) await this.#record(staged.access(), this.#durableReads() ? 'disk' : 'process')
    else await this.#commit(staged.change())
    if (staged.changesTrust) this.#trustChanged()
    this.changes.tell(staged.caller.instanceId, () => staged.objectChanges())
    return result
  }

  /** Enters the refusal in the audit, and returns the error to throw. If the entry fails, the refusal still stands. */
  async #refused(staged: StagedChange, error: unknown): Promise<unknown> {
    const fault = faultOf(error)
    if (fault) await this.#record(staged.refusal(fault), 'process').catch(() => undefined)
    return fault ?? error
  }

  async #record(access: AccessRecord, durability: Durability): Promise<void> {
    const entries = this.#refusals.pass(access.entries)
    if (entries.length + access.fetched.length > 0)
      await this.#store.record({ ...access, entries }, durability)
  }

  async #commit(change: Change): Promise<void> {
    if (change.writes.length + change.entries.length === 0) return
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

/** Whether another attempt may succeed, since it reads the changes of others. A mark is permanent. */
function mayPass(error: unknown): boolean {
  return error instanceof StoreConflict && error.what !== 'mark'
}

function isFull(what: StoreConflict['what']): what is 'objects-max' | 'bytes-max' {
  return what === 'objects-max' || what === 'bytes-max'
}

/** Makes the commit use up the request for approval, once a second person has approved this work. */
async function takeConsentAlong(objects: TransactionObjects, consent: Consent): Promise<void> {
  const { staged } = objects
  await objects.changeTrust((snapshot) => {
    const { put, writes, entries } = consent.along(snapshot, staged.nowMs)
    for (const write of writes) staged.alongside(write)
    staged.enter(entries)
    return { put }
  })
}

/** Completes a committed change at the root key's service. If the service does not answer, the answer says so; the sweep retries later. */
async function settle(staged: StagedChange): Promise<void> {
  try {
    await staged.settle()
  } catch (error) {
    staged.wipe()
    const outside = [RootKeyError, StoreUnavailable, StoreConflict].some((kind) => error instanceof kind)
    if (!outside) throw error
    throw new Fault(
      'GeneralFailure',
      "it was done on this server, but could not be recorded at the root key's service yet; that is done as soon as it answers",
      { cause: error },
    )
  }
}

/** Maps expected failures to answers. Undefined for bugs. */
function faultOf(error: unknown): Fault | undefined {
  if (error instanceof Fault) return error
  if (error instanceof PutBack || (error instanceof StoreConflict && error.what === 'mark'))
    return new Fault('ObjectDestroyed', 'this object was destroyed', { cause: error })
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
  unreachable:
    'the root key of this instance cannot be reached at the moment: mortise status on the key server says why',
  'root-key': 'the root key of this instance was withdrawn: mortise status on the key server says why',
  call: "the root key's service refuses to hand this key out, though the root key answers: the key server lacks a role there, and mortise status says which",
  'wrapped-form':
    "this key does not open, though its root key answers: it was deleted at the root key's service, or its stored form was changed, and mortise status says which",
}
