// The worker that does long work on instances in the background: another root key or custody, or all keys under the newest
// version of their root key. The instance's row says what to do, so the work continues after a restart. One of several nodes does
// it, under a lease; when that node dies, another one continues. While a root key does not answer, or refuses, the worker waits
// and tries again by itself. changes.ts begins and ends the work; the files beside it do the steps.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Access } from '../trust/access.ts'
import type { InstanceWorkChanges, WorkCounts } from './changes.ts'
import type { Custodies } from '../custody/custodies.ts'
import { dataKeyIsThere, resealDataKeys, type DataKeyTarget } from './data-keys.ts'
import { liveObjects, moveObject, moveObjects } from './objects.ts'
import { rewrapObject, rewrapObjects, type HandedBack } from './rewrap.ts'
import { WorkOver, WorkRun, type WorkProgress } from './run.ts'
import type { Keyring } from '../sealing/keyring.ts'
import { CustodyRefused } from '../custody/custody.ts'
import { RootKeyError } from '../ports/root-key.ts'
import { KeysUnavailable } from '../sealing/unwrap-cache.ts'
import { StoreConflict, type Store, StoreUnavailable } from '../ports/store.ts'
import { LeaseElsewhere, underLease, type Lease, type Leases } from '../ports/leases.ts'
import type { Clock } from '../ports/clock.ts'
import type { StoredObject } from '../ports/objects.ts'
import { closingOf } from '../trust/closings.ts'
import type { Instance, InstanceWork } from '../trust/rows.ts'

/** How often a node looks for work that another node started. */
const instanceWorkLookEveryMs = 10_000
/** The first wait while a root key does not answer. The wait doubles up to the maximum. */
const instanceWorkRetryFirstMs = 1_000
const instanceWorkRetryMaxMs = 60_000
/** At a stop of the server, running work has this long to finish its objects. */
const instanceWorkStopMs = 5_000
/** Objects whose newer wrapped form the service returned by itself: how many may wait, and how many are stored concurrently. */
const handedBackWaitingMax = 10_000
const handedBackAtOnce = 1

export interface InstanceWorkerOptions {
  readonly store: Store
  readonly clock: Clock
  readonly access: Pick<Access, 'snapshot'>
  readonly keyring: Keyring
  readonly custodies: Custodies
  readonly changes: Pick<InstanceWorkChanges, 'finish'>
  readonly leases: Leases
  /** Called with bugs and outages of the store; the worker tries again. */
  readonly onFailure: (what: string) => (error: unknown) => void
  /** Milliseconds to wait after the first failure; each further failure doubles them. */
  readonly retryFirstMs?: number
}

interface Running {
  readonly run: WorkRun
  readonly ended: Promise<void>
  /** Ends the wait for the next attempt. */
  wake: () => void
}

/** An object that an older version of its root key wrapped. */
interface Outdated {
  readonly instanceId: string
  readonly identifier: string
}

export class InstanceWorker {
  readonly #options: InstanceWorkerOptions
  readonly #stopping = new AbortController()
  /** By instance. */
  readonly #running = new Map<string, Running>()
  /** Objects to rewrap, since the service returned a newer wrapped form at an unwrap; that form is not kept. By instance and identifier, as JSON. */
  readonly #handedBack = new Map<string, Outdated>()
  #rewrapping = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: InstanceWorkerOptions) {
    this.#options = options
  }

  /** Resumes work that any node began, and looks for more now and then. */
  start(): void {
    this.#timer = setInterval(() => this.#look(), instanceWorkLookEveryMs).unref()
    this.#look()
  }

  /** Stops after the current items; the next start resumes the work. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#stopping.abort()
    const ended = Promise.all([...this.#running.values()].map((running) => running.ended))
    await Promise.race([ended, sleep(instanceWorkStopMs, undefined, { ref: false })])
  }

  /** undefined: no work runs on this node; it may run on another. */
  progress(instanceId: string): WorkProgress | undefined {
    return this.#running.get(instanceId)?.run.progress
  }

  /** Called when work was begun or replaced, or when another attempt is worthwhile now. */
  nudge(instanceId: string): void {
    this.#running.get(instanceId)?.wake()
    this.#look()
  }

  /** The root key's service handed back a newer wrapped form of something that was unwrapped. Never throws. */
  rewrapped(event: HandedBack): void {
    const object = this.#options.custodies.opening(event.was)
    if (!object) {
      void this.#keepDataKey(event).catch((error: unknown) => {
        // Another request committed first.
        if (!(error instanceof StoreConflict))
          this.#options.onFailure('keep a data key under a newer version')(error)
      })
      return
    }
    if (this.#handedBack.size >= handedBackWaitingMax) return
    const { instanceId, identifier } = object
    this.#handedBack.set(JSON.stringify([instanceId, identifier]), { instanceId, identifier })
    if (this.#rewrapping < handedBackAtOnce) void this.#rewrapHandedBack()
  }

  /**
   * Moves one object to the place where its instance stores its keys, unless work in progress does. Throws RootKeyError, and
   * every error of a commit.
   */
  async moveToItsPlace(instanceId: string, identifier: string): Promise<void> {
    const { custodies, keyring } = this.#options
    const run = new WorkRun({ ...this.#options, signal: this.#stopping.signal }, instanceId, null)
    try {
      const { instance } = await run.now()
      const rootKey = await keyring.openRootKey(instance.rootKeyUri, instanceId)
      await moveObject(run, custodies, rootKey, identifier)
    } catch (error) {
      if (error instanceof WorkOver) return
      const unavailable = error instanceof KeysUnavailable || error instanceof CustodyRefused
      throw unavailable && error.cause instanceof RootKeyError ? error.cause : error
    }
  }

  #look(): void {
    void this.#begin().catch(this.#options.onFailure('look for work on instances'))
  }

  async #begin(): Promise<void> {
    if (this.#stopping.signal.aborted) return
    const { access, leases } = this.#options
    const { tables } = await access.snapshot()
    const waiting = [...tables.instance.values()].filter(
      (one) => one.work && !this.#running.has(one.id) && !closingOf(one),
    )
    if (waiting.length === 0) return
    const lease = await leases.hold('instance-work')
    if (!lease || this.#stopping.signal.aborted) return
    for (const { id, work } of waiting) if (work && !this.#running.has(id)) this.#run(id, work, lease)
  }

  #run(instanceId: string, work: InstanceWork, lease: Lease): void {
    const place = { ...this.#options, signal: this.#stopping.signal, lease }
    const run = new WorkRun(place, instanceId, work)
    const running: Running = {
      run,
      wake: () => {},
      ended: Promise.resolve()
        .then(() => underLease(lease, () => this.#untilDone(run, (wake) => (running.wake = wake))))
        .catch(this.#options.onFailure('work on an instance'))
        .finally(() => void this.#ended(instanceId, lease)),
    }
    this.#running.set(instanceId, running)
  }

  /** Another node may get the lease for the next work. */
  async #ended(instanceId: string, lease: Lease): Promise<void> {
    this.#running.delete(instanceId)
    if (this.#running.size === 0) await this.#options.leases.giveBack(lease)
    this.#look()
  }

  /** Tries until the work is done or over. */
  async #untilDone(run: WorkRun, waking: (wake: () => void) => void): Promise<void> {
    const firstMs = this.#options.retryFirstMs ?? instanceWorkRetryFirstMs
    for (let waitMs = firstMs; ; waitMs = Math.min(waitMs * 2, instanceWorkRetryMaxMs)) {
      const before = run.counts.done
      // Created before the attempt, so that work which replaces this one does not wait while the attempt fails.
      const woken = new AbortController()
      waking(() => woken.abort())
      try {
        return await this.#attempt(run)
      } catch (error) {
        if (error instanceof WorkOver || error instanceof LeaseElsewhere) return
        run.trouble = troubleOf(error) ?? 'something went wrong in the server: see its log'
        if (troubleOf(error) === undefined) this.#options.onFailure('work on an instance')(error)
      }
      if (run.counts.done > before) waitMs = firstMs
      const signal = AbortSignal.any([woken.signal, this.#stopping.signal])
      await sleep(waitMs, undefined, { signal }).catch(() => undefined)
    }
  }

  async #attempt(run: WorkRun): Promise<void> {
    const { instance } = await run.now()
    const { work } = instance
    if (!work) return
    const counts = work.kind === 'move' ? await this.#move(run, instance) : await this.#rewrap(run, instance)
    await this.#options.changes.finish(run.instanceId, work, counts)
  }

  async #move(run: WorkRun, instance: Instance): Promise<WorkCounts> {
    const { keyring, custodies } = this.#options
    const rootKey = await keyring.openRootKey(instance.rootKeyUri, instance.id)
    const from = instance.work?.fromCustody ?? instance.custody
    // Without standard keys only data keys move, and objects that an earlier move left elsewhere.
    const moveAlone = [instance, { custody: from }].some((one) => custodies.of(one).keepsKeysApart)
    await this.#count(run, { rootKey }, (object) => {
      const there = custodies.isInPlace(instance, object, rootKey)
      return there && !moveAlone ? undefined : there
    })
    // Markers beside both root keys say where the keys go, before any key leaves.
    await custodies.announce(instance)
    const dataKeys = await resealDataKeys(run, keyring, { rootKey })
    const objects = await moveObjects(run, custodies, rootKey)
    if (dataKeys.failure) throw dataKeys.failure
    await custodies.arrived(instance, run)
    return { dataKeys: dataKeys.done, objects: objects.done, left: dataKeys.left + objects.left }
  }

  async #rewrap(run: WorkRun, instance: Instance): Promise<WorkCounts> {
    const { keyring, custodies } = this.#options
    const rootKey = await keyring.openRootKey(instance.rootKeyUri, instance.id)
    const version = (await rootKey.versions?.newest()) ?? ''
    let behind = 0
    for await (const _ of custodies.outdated(instance, rootKey.uri, version)) behind++
    await this.#count(run, { rootKey, version }, (object) =>
      custodies.holding(object).keepsKeysApart ? true : undefined,
    )
    run.counts.done -= behind
    const dataKeys = await resealDataKeys(run, keyring, { rootKey, version })
    const objects = await rewrapObjects(run, custodies, rootKey)
    if (dataKeys.failure) throw dataKeys.failure
    await custodies.clear(instance.id)
    return { dataKeys: dataKeys.done, objects: objects.done, left: dataKeys.left + objects.left }
  }

  /** Counts the objects, and those in place. `isThere` returns undefined for an object that this work does not concern. */
  async #count(
    run: WorkRun,
    target: DataKeyTarget,
    isThere: (object: StoredObject) => boolean | undefined,
  ): Promise<void> {
    const counts = { done: 0, total: 0 }
    for (const record of await run.store.dataKeys(run.instanceId)) {
      counts.total++
      if (dataKeyIsThere(record, target)) counts.done++
    }
    for await (const object of liveObjects(run)) {
      const there = isThere(object)
      if (there !== undefined) counts.total++
      if (there === true) counts.done++
    }
    Object.assign(run.counts, counts)
  }

  /** Stores it in place: the data key stays the same. Skips the server's own secrets, which have no instance. */
  async #keepDataKey({ was, rewrapped }: HandedBack): Promise<void> {
    const { store, keyring, access } = this.#options
    const { tables } = await access.snapshot()
    for (const instanceId of tables.instance.keys()) {
      const records = await store.dataKeys(instanceId)
      const record = records.find(({ wrapped }) => Buffer.compare(wrapped, was) === 0)
      if (!record) continue
      const next = { ...record, wrapped: rewrapped }
      await keyring.prove(next)
      const write = { type: 'data-key-rewrapped', was, record: next } as const
      await store.commit({ writes: [write], entries: [], durability: 'disk' })
    }
  }

  /** Works on one object after the other, after all other work. The service returns a failed one again when it next opens it. */
  async #rewrapHandedBack(): Promise<void> {
    const { custodies, keyring, access, onFailure } = this.#options
    this.#rewrapping++
    try {
      for (const [name, { instanceId, identifier }] of this.#handedBack) {
        this.#handedBack.delete(name)
        if (this.#stopping.signal.aborted) return
        const run = new WorkRun({ ...this.#options, signal: this.#stopping.signal }, instanceId, null)
        try {
          const instance = (await access.snapshot()).tables.instance.get(instanceId)
          if (!instance) continue
          const rootKey = await keyring.openRootKey(instance.rootKeyUri, instanceId)
          const newest = (await rootKey.versions?.newest()) ?? ''
          await rewrapObject(run, custodies, identifier, newest)
        } catch (error) {
          if (troubleOf(error) === undefined && !(error instanceof WorkOver))
            onFailure('keep an object under a newer version')(error)
        }
      }
    } finally {
      this.#rewrapping--
    }
  }
}

const charactersMax = 1_000

/** Says why long work is at a standstill, to the administrator who waits for it. Undefined for bugs: the log has the details. */
function troubleOf(error: unknown): string | undefined {
  if (error instanceof RootKeyError) return error.message.slice(0, charactersMax)
  if (error instanceof StoreUnavailable) return `the store: ${error.message}`.slice(0, charactersMax)
  if (error instanceof KeysUnavailable || error instanceof CustodyRefused) return troubleOf(error.cause)
  return undefined
}
