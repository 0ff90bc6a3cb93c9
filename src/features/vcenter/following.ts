// Has a vCenter read again as soon as the key of one of its machines or hosts has changed: follows each vCenter whose login is stored, on
// the node that reads them. vCenter tells nothing of vSAN clusters and first-class disks, so that these alone are compared every minute.
// Where following fails, readings.ts still reads every few minutes. Not here: which changes concern keys (changes.ts).

import type { Clock, Timer } from '../../core/ports/clock.ts'
import type { InventoryRow } from '../../core/ports/inventory.ts'
import type { NodeLeases } from '../../core/server/leases.ts'
import { isNotAuthenticated, isPasswordRefusal, VsphereError } from '../../outside/vsphere-api/errors.ts'
import type { VsphereSession } from '../../outside/vsphere-api/session.ts'
import type { VcenterLogins } from './logins.ts'
import { digestOf, type Readings } from './readings.ts'
import type { Vcenter } from './vcenters.ts'

/** The interval at which the node looks which vCenters it follows. */
export const followEveryMs = 10_000
/** vSAN clusters and first-class disks are compared at this interval. */
export const compareEveryMs = 60_000
/** Changes that come together are read together. */
const gatherMs = 500
/** The shortest pause after a reading. */
const pauseMsMin = 2_000
/** A pause is this many times as long as the reading before it: vCenter has other work. */
const pauseFactor = 10
/** The pause before another session, after one that failed. It doubles each time. */
const retryMsMin = 5_000
const retryMsMax = 60_000
/** The time that the stop of the server waits for logouts. */
const stopMs = 2_000
const comparedKinds: ReadonlySet<string> = new Set(['vsan-cluster', 'disk'])

interface FollowingParts {
  readonly readings: Pick<Readings, 'withUser' | 'inTurn' | 'readIn'>
  readonly logins: Pick<VcenterLogins, 'isStored'>
  readonly clock: Clock
  readonly leases: Pick<NodeLeases, 'hold'>
  /** Called with bugs, outages of this server, and refusals of vCenter to tell of changes. */
  readonly failed: (error: unknown) => void
}

interface Begun {
  /** Changes with everything that the follower rests on. */
  readonly place: string
  readonly end: AbortController
  readonly ended: Promise<void>
}

export class VcenterFollowers {
  readonly #parts: FollowingParts
  readonly #begun = new Map<string, Begun>()
  #timer: Timer | undefined
  #looking: Promise<void> | undefined
  #hasFailed = false
  #isStopped = false

  constructor(parts: FollowingParts) {
    this.#parts = parts
  }

  /** The first look comes later: the reading at the start needs the vCenters first. */
  start(): void {
    this.#timer = this.#parts.clock.every(followEveryMs, () => void this.look())
  }

  /** Waits for no answer of a vCenter but those to logouts, and for these a moment. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    const all = [...this.#begun.values()]
    this.#endAll()
    const ended = new AbortController()
    const logouts = Promise.all(all.map((one) => one.ended))
    await Promise.race([logouts, this.#parts.clock.sleep(stopMs, ended.signal)])
    ended.abort()
  }

  /** Ends the followers that are no longer due, and begins those that are. Never rejects. */
  look(): Promise<void> {
    this.#looking ??= this.#look()
      .then(() => void (this.#hasFailed = false))
      .catch((error: unknown) => this.#lookFailed(error))
      .finally(() => (this.#looking = undefined))
    return this.#looking
  }

  async #look(): Promise<void> {
    const due = new Map((await this.#due()).map((vcenter) => [vcenter.id, vcenter]))
    if (this.#isStopped) return
    for (const [id, { place, end }] of this.#begun) {
      const vcenter = due.get(id)
      if (vcenter && place === placeOf(vcenter)) continue
      end.abort()
      this.#begun.delete(id)
    }
    for (const [id, vcenter] of due) if (!this.#begun.has(id)) this.#begin(vcenter)
  }

  async #due(): Promise<readonly Vcenter[]> {
    const { readings, logins, leases } = this.#parts
    const all = await readings.withUser()
    if (all.length === 0 || !(await leases.hold('vcenter-inventory'))) return []
    const stored = await Promise.all(all.map((vcenter) => logins.isStored(vcenter)))
    return all.filter((_, index) => stored[index])
  }

  #begin(vcenter: Vcenter): void {
    const end = new AbortController()
    const ended = new Follower(this.#parts, vcenter, end.signal).run().finally(() => {
      if (this.#begun.get(vcenter.id)?.end === end) this.#begun.delete(vcenter.id)
    })
    this.#begun.set(vcenter.id, { place: placeOf(vcenter), end, ended })
  }

  /** A node that does not know whether it has the lease follows nothing. */
  #lookFailed(error: unknown): void {
    this.#endAll()
    if (!this.#hasFailed && !this.#isStopped) this.#parts.failed(error)
    this.#hasFailed = true
  }

  #endAll(): void {
    for (const { end } of this.#begun.values()) end.abort()
    this.#begun.clear()
  }
}

function placeOf({ instanceId, name, user, host, port, trust, instanceUuid }: Vcenter): string {
  return JSON.stringify([instanceId, name, user, host, port, trust, instanceUuid])
}

/** Follows one vCenter until `signal` is aborted, or there is no login for it. */
class Follower {
  readonly #parts: FollowingParts
  readonly #vcenter: Vcenter
  readonly #signal: AbortSignal
  /** Resolved when something has changed that was not read yet. */
  #change = Promise.withResolvers<undefined>()
  /** The digest of the rows of vSAN clusters and first-class disks at the last reading; undefined: it failed, or there was none. */
  #compared: string | undefined
  #reported = ''

  constructor(parts: FollowingParts, vcenter: Vcenter, signal: AbortSignal) {
    this.#parts = parts
    this.#vcenter = vcenter
    this.#signal = signal
  }

  /** Never rejects. */
  async run(): Promise<void> {
    const { clock } = this.#parts
    let retryMs = retryMsMin
    for (;;) {
      const atMs = clock.monotonic()
      try {
        if (!(await this.#follow())) return
      } catch (error) {
        if (this.#signal.aborted || isPasswordRefusal(error)) return
        this.#report(error)
      }
      if (clock.monotonic() - atMs > retryMsMax) retryMs = retryMsMin
      await clock.sleep(retryMs, this.#signal)
      if (this.#signal.aborted) return
      retryMs = Math.min(2 * retryMs, retryMsMax)
    }
  }

  /** Follows in one session until it ends. Resolves with false if there is no login. */
  async #follow(): Promise<boolean> {
    const { openedSession, endSession } = await import('./reach.ts')
    const session = await this.#parts.readings.inTurn(this.#vcenter, async (login) => {
      const opened = await openedSession(this.#vcenter, login, this.#parts.clock, this.#signal)
      opened.forgetPassword()
      return opened
    })
    if (!session) return false
    const end = new AbortController()
    const signal = AbortSignal.any([this.#signal, end.signal])
    const works = [this.#watch(session, signal), this.#compare(session, signal), this.#read(session, signal)]
    try {
      await Promise.race(works)
    } finally {
      end.abort()
      await Promise.allSettled(works)
      await endSession(session)
    }
    return true
  }

  async #watch(session: VsphereSession, signal: AbortSignal): Promise<void> {
    const { keyChanges } = await import('../../outside/vsphere-api/changes.ts')
    for await (const _ of keyChanges(session, signal)) this.#change.resolve(undefined)
  }

  async #compare(session: VsphereSession, signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts
    let tookMs = 0
    for (;;) {
      await clock.sleep(Math.max(compareEveryMs, pauseFactor * tookMs), signal)
      signal.throwIfAborted()
      const atMs = clock.monotonic()
      const digest = await comparedDigest(session, signal)
      tookMs = clock.monotonic() - atMs
      if (digest === undefined || digest !== this.#compared) this.#change.resolve(undefined)
    }
  }

  async #read(session: VsphereSession, signal: AbortSignal): Promise<void> {
    const { clock, readings } = this.#parts
    const aborted = Promise.withResolvers<undefined>()
    signal.addEventListener('abort', () => aborted.resolve(undefined), { once: true })
    for (;;) {
      await Promise.race([this.#change.promise, aborted.promise])
      await clock.sleep(gatherMs, signal)
      signal.throwIfAborted()
      this.#change = Promise.withResolvers()
      const atMs = clock.monotonic()
      const rows = await readings.readIn(this.#vcenter, session, signal)
      this.#compared = rows && digestOf(rows.filter(({ kind }) => comparedKinds.has(kind)))
      await clock.sleep(Math.max(pauseMsMin, pauseFactor * (clock.monotonic() - atMs)), signal)
    }
  }

  /** Each trouble once. A vCenter that is away, or that ends sessions, is no trouble here: the readings say so. */
  #report(error: unknown): void {
    if (error instanceof VsphereError && (error.kind === 'unreachable' || isNotAuthenticated(error))) return
    const message = String(error)
    if (message === this.#reported) return
    this.#reported = message
    this.#parts.failed(new Error(`follow the vCenter ${this.#vcenter.name}`, { cause: error }))
  }
}

/** undefined: vCenter refuses. A whole reading then says why. */
async function comparedDigest(session: VsphereSession, signal: AbortSignal): Promise<string | undefined> {
  const { clusterAndDiskRows } = await import('./machines.ts')
  const rows: InventoryRow[] = []
  try {
    for await (const row of clusterAndDiskRows(session, signal)) rows.push(row)
    return digestOf(rows)
  } catch (error) {
    if (error instanceof VsphereError) return undefined
    throw error
  }
}
