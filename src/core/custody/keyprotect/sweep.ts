// Completes for all instances what requests began at the service. Every minute it handles the rows that are due or unwanted. At
// start, after a call without an answer and once a day it checks everything that the service lists. Each pass calls a root key
// that does not answer only once.

import * as bounds from './bounds.ts'
import { LeaseElsewhere, underLease, type Leases } from '../../ports/leases.ts'
import { StoreConflict, type Store, type Write } from '../../ports/store.ts'
import type { Clock, Timer } from '../../ports/clock.ts'
import type { StandardKeyRecord } from '../../ports/secrets.ts'
import { RootKeyError, unlessRootKeyError, type OpenRootKey, type RootKey } from '../../ports/root-key.ts'
import type { CustodyInstance } from '../custody.ts'
import { readIfThere, requireStandardKeys, type Copies } from './copies.ts'
import { namePrefix, readDescription } from './description.ts'
import { eachOf } from './each-of.ts'
import type { Generations } from './generations.ts'
import type { ListedStandardKey } from './lookup.ts'
import { markersIn, wantedOf, type Markers } from './markers.ts'
import { allStandardKeys } from './pages.ts'
import { unpackPayload, PayloadError, type Header } from './payload.ts'
import { rowOf } from './records.ts'
import { isYoung, mayEndMarker } from './rules.ts'
import type { StandardKeyTroubles } from '../../sealing/standard-key-troubles.ts'

export interface SweepOptions {
  readonly store: Store
  readonly clock: Clock
  readonly openRootKey: OpenRootKey
  readonly instances: () => Promise<readonly CustodyInstance[]>
  readonly copies: Copies
  readonly generations: Generations
  readonly markers: Markers
  readonly troubles: StandardKeyTroubles
  /** Called when a deletion at the service left nothing of an instance there. */
  readonly onEmpty: (instanceId: string) => Promise<void>
  /** Moves an object to where its instance stores its keys now. Rejects with RootKeyError, and every error of a commit. */
  readonly moveToItsPlace: (instanceId: string, identifier: string) => Promise<void>
}

const atOnce = 8

export class Sweep {
  readonly #options: SweepOptions
  /** By instance: the live standard keys that its last list showed and no row named. Only the next list shows that they are gone. */
  readonly #unknown = new Map<string, ReadonlySet<string>>()
  /**
   * By instance, then by id: the due standard keys that the owner deleted. The value is the time of the next check, in monotonic
   * milliseconds.
   */
  readonly #gone = new Map<string, ReadonlyMap<string, number>>()
  /** By instance: monotonic milliseconds from which the next list is due. */
  readonly #listFrom = new Map<string, number>()
  #timer: Timer | undefined
  /** The last pass. */
  #running = Promise.resolve()
  readonly #clearing = new Set<Promise<unknown>>()

  constructor(options: SweepOptions) {
    this.#options = options
  }

  /** Called after a call without an answer: lists once its standard key is too old to belong to a running request. */
  soon(instanceId: string): void {
    const fromMs = this.#options.clock.monotonic() + bounds.standardKeySweepAfterMs
    this.#listFrom.set(instanceId, Math.min(this.#listFrom.get(instanceId) ?? Infinity, fromMs))
  }

  /** The node with the lease sweeps; the other nodes drop their state and read the result. */
  start(onFailure: (error: unknown) => void, leases: Pick<Leases, 'hold'>): void {
    const look = async () => {
      const lease = await leases.hold('standard-keys')
      return lease ? underLease(lease, () => this.run()) : this.#forgetOver()
    }
    const unlessElsewhere = (error: unknown) => {
      if (!(error instanceof LeaseElsewhere)) onFailure(error)
    }
    const tick = () => void look().catch(unlessElsewhere)
    this.#timer = this.#options.clock.every(bounds.standardKeySweepEveryMs, tick)
    tick()
  }

  async stop(): Promise<void> {
    this.#timer?.cancel()
    await Promise.allSettled([this.#running, ...this.#clearing])
  }

  /** Runs one pass. `everything`: lists all instances, due or not. */
  run({ everything = false } = {}): Promise<void> {
    this.#running = this.#running.catch(() => undefined).then(() => this.#pass(everything))
    return this.#running
  }

  /** Handles the due and unwanted rows of one instance now. `hasMoved`: its move is over. Never rejects. */
  async clear(instanceId: string, { hasMoved = false } = {}): Promise<void> {
    const clearing = this.#finish(instanceId, hasMoved).catch(() => undefined)
    this.#clearing.add(clearing)
    await clearing
    this.#clearing.delete(clearing)
  }

  async #pass(everything: boolean): Promise<void> {
    const { store, clock, instances } = this.#options
    const there = new Map((await instances()).map((instance) => [instance.id, instance]))
    const rows = await allStandardKeys(store, {})
    const withRows = new Set(rows.map(({ instanceId }) => instanceId))
    const kept = [...there.values()].filter(({ custody, id }) => custody === 'keyprotect' || withRows.has(id))
    // A deleted instance has a marker. An instance with neither row nor marker is being restored: a restore writes its keys
    // first.
    const marked = rows.filter(({ kind }) => kind === 'marker')
    const ids = new Set([...kept.map(({ id }) => id), ...marked.map(({ instanceId }) => instanceId)])
    await Promise.all(
      [...ids].map(async (id) => {
        await this.#finish(id, false).catch(unlessRootKeyError)
        if (!everything && (this.#listFrom.get(id) ?? -Infinity) > clock.monotonic()) return
        this.#listFrom.set(id, clock.monotonic() + bounds.standardKeyListEveryMs)
        try {
          await this.#list(id, there.get(id))
        } catch (error) {
          this.#listFrom.set(id, clock.monotonic() + bounds.standardKeySweepEveryMs)
          unlessRootKeyError(error)
        }
      }),
    )
    await this.forgetGone()
    await this.#forgetEnded()
  }

  async #forgetOver(): Promise<void> {
    // Another node may leave something at the services, so this node lists them again once it has the lease.
    this.#listFrom.clear()
    this.#unknown.clear()
    await this.forgetGone()
    await this.#forgetEnded()
  }

  /** Ends troubles that no call ends: the instance was deleted, or a Destroy left no closing to record. */
  async #forgetEnded(): Promise<void> {
    const { store, instances, troubles } = this.#options
    const there = new Set((await instances()).map(({ id }) => id))
    for (const { instanceId, what } of troubles.now) {
      const isOver =
        !there.has(instanceId) ||
        (what === 'record' &&
          (await store.standardKeys({ instanceId, kind: 'object', state: 'due', limit: 1 })).length === 0)
      if (isOver) troubles.over(instanceId, what)
    }
  }

  /**
   * Ends the trouble of each standard key that is gone, that a restore made wanted again, or whose rows a manager removed. Such a
   * key has no unwanted row, and the last list did not show it as a live key without a row. A list of a root key that the server
   * no longer calls does not count.
   */
  async forgetGone(): Promise<void> {
    const { store, instances, troubles } = this.#options
    if (troubles.allLeft.length === 0) return
    const there = new Set((await allStandardKeys(store, { state: 'unwanted' })).map(({ id }) => id))
    const all = new Map((await instances()).map((instance) => [instance.id, instance]))
    for (const known of troubles.allLeft) {
      const { id, instanceId, rootKeyUri } = known
      if (there.has(id)) continue
      const isListed =
        this.#unknown.get(instanceId)?.has(id) === true &&
        (await this.#rootKeyUris(instanceId, all.get(instanceId))).has(rootKeyUri)
      if (!isListed) troubles.gone(known)
    }
  }

  /** Stores markers first: they permit the deletions that follow. */
  async #finish(instanceId: string, hasMoved: boolean): Promise<void> {
    const { store, instances, generations, markers, troubles } = this.#options
    const rows = await allStandardKeys(store, { instanceId })
    if (rows.every(({ state }) => state === 'current')) return
    const instance = (await instances()).find(({ id }) => id === instanceId)
    // Reports the leftovers of a deleted instance before any attempt: nothing else shows them.
    if (!instance) for (const row of rows) if (row.kind === 'object') troubles.owed(row)
    const dueMarkers = rows.filter(({ kind, state }) => kind === 'marker' && state === 'due')
    const failures = await markers.settleEach(instanceId)
    const isDue = (uri: string) => dueMarkers.some(({ rootKeyUri }) => rootKeyUri === uri)
    const failing = new Map([...failures].filter(([uri]) => isDue(uri)))
    // A marker is a standard key: a service that refuses one refuses new keys too, if the instance stores its keys there.
    if (instance?.custody === 'keyprotect' && isDue(instance.rootKeyUri)) {
      const failure = failures.get(instance.rootKeyUri)
      if (!failure) troubles.made(instanceId)
      else if (!troubles.isFenced(instanceId)) troubles.notMade(instanceId, failure)
    }
    const ofObjects = rows.filter(({ kind }) => kind === 'object')
    if (instance) await this.#record(instance, ofObjects)
    const unwanted = Map.groupBy(
      ofObjects.filter(({ state }) => state === 'unwanted'),
      ({ identifier }) => identifier,
    )
    let isRemoved = false
    await eachOf([...unwanted.values()], atOnce, async (some) => {
      const refused = new Map<string, RootKeyError>()
      for (const row of some.toSorted((one, other) => one.generation - other.generation)) {
        const uri = row.rootKeyUri
        try {
          const known = refused.get(uri) ?? failing.get(uri)
          if (known) throw known
          if (!(await generations.removeUnwanted(instance, [row], { hasMoved }))) continue
          troubles.gone(row)
          isRemoved = true
        } catch (error) {
          if (!endsOneObject(error)) throw error
          if (!(error instanceof RootKeyError)) return
          // The object may have leftovers beside another root key too.
          refused.set(uri, error)
          if (error.reach !== 'wrapped-form') failing.set(uri, error)
          troubles.left(row, error)
        }
      }
    })
    if (isRemoved) await this.#reportEmpty(instanceId)
  }

  async #record(instance: CustodyInstance, rows: readonly StandardKeyRecord[]): Promise<void> {
    const { clock, generations, troubles } = this.#options
    const now = clock.monotonic()
    const before = this.#gone.get(instance.id)
    const gone = new Map<string, number>()
    this.#gone.set(instance.id, gone)
    const due = rows.filter(({ state }) => state === 'due')
    let refusal: unknown
    await eachOf(due, atOnce, async ({ id, identifier }) => {
      const againAt = before?.get(id) ?? now
      if (againAt > now) gone.set(id, againAt)
      if (refusal !== undefined || againAt > now) return
      try {
        const renewed = await generations.renew(instance, identifier, { lookFirst: true })
        if (renewed === 'gone') gone.set(id, now + bounds.standardKeyGoneAgainMs)
      } catch (error) {
        if (error instanceof RootKeyError) refusal = error
        else if (!endsOneObject(error)) throw error
      }
    })
    if (refusal !== undefined) troubles.unrecorded(instance.id, refusal)
    else troubles.recorded(instance.id)
  }

  async #list(instanceId: string, instance: CustodyInstance | undefined): Promise<void> {
    const { markers, troubles } = this.#options
    const listed: ListedStandardKey[] = []
    const listedUris = new Set<string>()
    for (const uri of await this.#rootKeyUris(instanceId, instance)) {
      try {
        const rootKey = await this.#options.openRootKey(uri, instanceId)
        listed.push(...(await listAll(rootKey, instanceId)))
        listedUris.add(uri)
      } catch (error) {
        // The owner may have removed a service that the instance left, or the server's access to it.
        if (!(error instanceof RootKeyError) || uri === instance?.rootKeyUri) throw error
      }
    }
    const seen = markersIn(instanceId, listed)
    await markers.updateFence(instanceId, seen)
    if (troubles.isFenced(instanceId)) return
    await markers.settle(instanceId, ...listedUris)
    await markers.endRepeated(instanceId, listed)
    const keys = listed.filter(({ description }) => readDescription(description)?.kind === 'key')
    await this.#endMarkers(instanceId, instance, { keys, listedUris })
    const known = new Map(
      (await allStandardKeys(this.#options.store, { instanceId })).map((row) => [row.id, row]),
    )
    const isUnknown = ({ id, deleted }: ListedStandardKey) => !deleted && !known.has(id)
    const unknown = keys.filter(isUnknown)
    this.#unknown.set(instanceId, new Set(unknown.map(({ id }) => id)))
    // Checks again when the young ones are old enough.
    if (unknown.some(({ ageMs }) => isYoung(ageMs))) this.soon(instanceId)
    if (!instance)
      return this.#disown(
        instanceId,
        unknown.filter(({ ageMs }) => !isYoung(ageMs)),
      )
    const groups = [...Map.groupBy(keys, ({ name }) => name).values()]
    await eachOf(groups, atOnce, async (group) => {
      if (!group.some((one) => isUnknown(one) && !isYoung(one.ageMs))) return
      const identifier =
        group.flatMap(({ id }) => known.get(id)?.identifier ?? [])[0] ?? (await identifierOf(group))
      if (identifier === undefined) return
      const old = group.filter(({ id, ageMs }) => known.has(id) || !isYoung(ageMs))
      await this.#options.generations.settle(instance, identifier, old)
    })
    if (!instance.work) await this.#moveToItsPlace(instance)
  }

  /** An attempt that was taken over may be beside a root key that the instance has left, and no work moves it. */
  async #moveToItsPlace({ id: instanceId, custody, rootKeyUri }: CustodyInstance): Promise<void> {
    const { store, moveToItsPlace } = this.#options
    const rows = await allStandardKeys(store, { instanceId, kind: 'object' })
    const elsewhere = rows.filter(
      (row) => row.state !== 'unwanted' && (custody !== 'keyprotect' || row.rootKeyUri !== rootKeyUri),
    )
    // The next list tries again, which comes soon after an outage.
    await eachOf(elsewhere, atOnce, ({ identifier }) =>
      moveToItsPlace(instanceId, identifier).catch((error: unknown) => {
        unlessRootKeyError(error)
        if (error instanceof RootKeyError && error.reach === 'unreachable') this.soon(instanceId)
      }),
    )
    if (elsewhere.length > 0) await this.#finish(instanceId, false)
  }

  /**
   * Deletes what this server stored of an instance that was deleted since, and does not know: attempts that were not answered, or
   * cut off. Those of another server are left alone.
   */
  async #disown(instanceId: string, unknown: readonly ListedStandardKey[]): Promise<void> {
    const { store, clock, markers } = this.#options
    const { heads } = await store.auditHeads()
    const writers = new Set([store.writer, ...heads.map(({ writer }) => writer)])
    const writes: Write[] = []
    for (const { id, rootKey } of unknown) {
      if (!(await markers.saysLeft(instanceId, rootKey.uri))) continue
      const header = await headerOf(rootKey, id)
      if (header?.instance !== instanceId || !writers.has(header.writer)) continue
      const made = { id, generation: header.generation, keyVersion: '' }
      const row = rowOf({ instanceId, identifier: header.identifier }, made, rootKey.uri, clock.now())
      writes.push({ type: 'standard-key', record: { ...row, state: 'unwanted' } })
    }
    if (writes.length === 0) return
    await store.commit({ writes, entries: [], durability: 'disk' })
    await this.#finish(instanceId, false)
  }

  /** Deletes the markers whose generations the service has forgotten. */
  async #endMarkers(
    instanceId: string,
    instance: CustodyInstance | undefined,
    seen: { readonly keys: readonly ListedStandardKey[]; readonly listedUris: ReadonlySet<string> },
  ): Promise<void> {
    const { markers, openRootKey } = this.#options
    const { keys, listedUris } = seen
    const said = keys.map(({ rootKey }) => ({ rootKeyId: rootKey.id }))
    for (const row of await markers.rows(instanceId)) {
      const { way } = wantedOf(row).says
      if (row.state !== 'current' || !listedUris.has(row.rootKeyUri)) continue
      if (instance?.work?.kind === 'move') continue
      // The instance moved on to another root key before the move to that one was over.
      if (way === 'from' && instance && row.rootKeyUri !== instance.rootKeyUri) await markers.end(row)
      if (way !== 'to') continue
      const { id: rootKeyId } = await openRootKey(row.rootKeyUri, instanceId)
      if (mayEndMarker({ rootKeyId }, said)) await markers.end(row)
    }
    if (!instance) await this.#reportEmpty(instanceId)
  }

  /** The root keys beside which standard keys of the instance may be, as far as this server knows. */
  async #rootKeyUris(
    instanceId: string,
    instance: CustodyInstance | undefined,
  ): Promise<ReadonlySet<string>> {
    const { store } = this.#options
    const uris = new Set((await allStandardKeys(store, { instanceId })).map(({ rootKeyUri }) => rootKeyUri))
    if (instance?.custody === 'keyprotect') uris.add(instance.rootKeyUri)
    if (instance?.work?.fromCustody === 'keyprotect') uris.add(instance.work.fromRootKeyUri)
    return uris
  }

  async #reportEmpty(instanceId: string): Promise<void> {
    const left = await this.#options.store.standardKeys({ instanceId, limit: 1 })
    if (left.length === 0) await this.#options.onEmpty(instanceId)
  }
}

/** All standard keys of the instance that this root key wrapped, including deleted ones. */
async function listAll(rootKey: RootKey, instanceId: string): Promise<readonly ListedStandardKey[]> {
  const keys: ListedStandardKey[] = []
  for await (const page of requireStandardKeys(rootKey).list(namePrefix, { deleted: true }))
    for (const one of page) {
      const said = readDescription(one.description)
      if (said?.instanceId === instanceId && said.rootKeyId === rootKey.id) keys.push({ ...one, rootKey })
    }
  return keys
}

/** The identifier in the first readable payload; undefined: no payload is readable. Nothing proves it before the payload opens. */
async function identifierOf(group: readonly ListedStandardKey[]): Promise<string | undefined> {
  for (const { id, deleted, rootKey } of group) {
    const header = deleted ? undefined : await headerOf(rootKey, id)
    if (header) return header.identifier
  }
  return undefined
}

/** The header of a standard key; undefined: it was deleted, or Mortise did not write it. Nothing proves it. */
async function headerOf(rootKey: RootKey, id: string): Promise<Header | undefined> {
  const payload = await readIfThere(rootKey, id)
  try {
    return payload && unpackPayload(payload).header
  } catch (error) {
    if (error instanceof PayloadError) return undefined
    throw error
  }
}

/** Whether the error ends the work on one object, which the next pass resumes. Bugs and outages of the store end the pass. */
function endsOneObject(error: unknown): boolean {
  return [RootKeyError, StoreConflict, PayloadError].some((kind) => error instanceof kind)
}
