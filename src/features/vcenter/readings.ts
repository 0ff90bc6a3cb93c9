// Reads the inventory of each vCenter whose login is stored, every few minutes and on one node. An inventory that did not change is not
// imported again until it would look old. Not here: how machines and their keys are read (machines.ts), and readings after a change
// (following.ts).

import { createHash, randomUUID } from 'node:crypto'
import { KeyedMutex } from '../../base/keyed-mutex.ts'
import { Refusal } from '../../base/refusal.ts'
import { serverActor } from '../../core/audit/actor.ts'
import type { Clock, Timer } from '../../core/ports/clock.ts'
import type { InventoryRow } from '../../core/ports/inventory.ts'
import { LeaseElsewhere, underLease } from '../../core/ports/leases.ts'
import type { Keys } from '../../core/keys/keys.ts'
import type { NodeLeases } from '../../core/server/leases.ts'
import type { Access } from '../../core/trust/access.ts'
import type { Caller } from '../../core/trust/caller.ts'
import type { Plugs } from '../../doors/http/plugs.ts'
import { isPasswordRefusal, VsphereError } from '../../outside/vsphere-api/errors.ts'
import type { VsphereSession } from '../../outside/vsphere-api/session.ts'
import type { VcenterLogin, VcenterLogins } from './logins.ts'
import type { OwnParts } from './runs-here.ts'
import { States, type MachineStates, type NeededMachine } from './states.ts'
import type { Vcenter, Vcenters } from './vcenters.ts'

/** The time between two readings of one vCenter. */
export const readEveryMs = 4 * 60_000
/** An inventory that did not change is imported again after this time. */
export const importEveryMs = 3600_000
/** The time that the stop of the server waits for a reading. */
const stopMs = 2_000
/** vCenters that are read at the same time. */
const readsAtOnceMax = 4
/** As many as an inventory takes. They are in memory until they are compared. */
const rowsMax = 100_000

/** The reason why a vCenter was not read when this node last tried. */
export interface ReadingTrouble {
  readonly atMs: number
  readonly message: string
}

interface ReadingParts extends Pick<OwnParts, 'about'> {
  readonly vcenters: Vcenters
  readonly logins: VcenterLogins
  readonly access: Pick<Access, 'snapshot'>
  readonly clock: Clock
  readonly leases: Pick<NodeLeases, 'hold' | 'nodes'>
  readonly plugs: Pick<Plugs, 'importInventory'>
  readonly keys: Pick<Keys, 'show'>
  /** Called with bugs and outages of this server. */
  readonly failed: (error: unknown) => void
}

/** The last whole reading of a vCenter. */
export interface LastReading {
  readonly ageMs: number
  /** vCenter let the user list first-class disks. */
  readonly hasDisks: boolean
}

export class Readings {
  readonly states: States
  readonly #parts: ReadingParts
  readonly #stopping = new AbortController()
  readonly #troubles = new Map<string, ReadingTrouble>()
  /** The last import of each vCenter by this run; `atMs` is monotonic. */
  readonly #imported = new Map<string, { readonly digest: string; readonly atMs: number }>()
  /** The beginning of the last whole reading of each vCenter by this run; monotonic. */
  readonly #lasts = new Map<string, Pick<LastReading, 'hasDisks'> & { readonly atMs: number }>()
  /** Each vCenter has one reading or login at a time, so that no two try a refused password. */
  readonly #turns = new KeyedMutex()
  /** The sessions of readings that are open, each until its end. */
  readonly #sessions = new Set<Promise<void>>()
  /** The vCenters that are asked for their key provider, so that one that is slow is not asked twice at once. */
  readonly #asking = new Set<string>()
  #looking: Promise<void> | undefined
  #timer: Timer | undefined

  constructor(parts: ReadingParts) {
    this.#parts = parts
    this.states = new States(parts.clock)
  }

  start(): void {
    void this.look()
    this.#timer = this.#parts.clock.every(readEveryMs, () => void this.look())
  }

  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#stopping.abort()
    const ended = new AbortController()
    // A vCenter that does not answer holds nothing up.
    const all = Promise.all([this.#looking, ...this.#sessions])
    await Promise.race([all, this.#parts.clock.sleep(stopMs, ended.signal)])
    ended.abort()
  }

  /** undefined: the last reading succeeded, or this node did not read it. */
  troubleOf({ id }: Pick<Vcenter, 'id'>): ReadingTrouble | undefined {
    return this.#troubles.get(id)
  }

  /** undefined: this node has not read it, or does so no more. */
  lastOf({ id }: Pick<Vcenter, 'id'>): LastReading | undefined {
    const last = this.#lasts.get(id)
    return last && { ageMs: this.#parts.clock.monotonic() - last.atMs, hasDisks: last.hasDisks }
  }

  /** Reads all, or waits for the reading that is under way. Never rejects. */
  look(): Promise<void> {
    this.#looking ??= this.#look()
      .catch((error: unknown) => this.#failed(error))
      .finally(() => (this.#looking = undefined))
    return this.#looking
  }

  /** Reads all once the reading that is under way has ended: a login was stored. */
  lookAgain(): void {
    void (this.#looking ?? Promise.resolve()).then(() =>
      this.#stopping.signal.aborted ? undefined : this.look(),
    )
  }

  /** The vCenters whose login is to be stored, whether it is or not. */
  async withUser(): Promise<readonly Vcenter[]> {
    const { vcenters, access } = this.#parts
    const { tables } = await access.snapshot()
    return (await vcenters.all()).filter(
      ({ user, instanceId }) => user !== undefined && tables.instance.has(instanceId),
    )
  }

  async #look(): Promise<void> {
    const all = await this.withUser()
    const ids = new Set(all.map(({ id }) => id))
    for (const id of [...this.#troubles.keys(), ...this.#lasts.keys(), ...this.states.ids])
      if (!ids.has(id)) this.#forget(id)
    if (all.length === 0) return
    const lease = await this.#parts.leases.hold('vcenter-inventory')
    if (!lease) return this.#forgetAll()
    const left = all.values()
    const work = async () => {
      for (const vcenter of left) {
        if (this.#stopping.signal.aborted) return
        await underLease(lease, () => this.#read(vcenter))
      }
    }
    await Promise.all(Array.from({ length: readsAtOnceMax }, work))
  }

  /**
   * Reads one in a session that is open, in its turn. Returns its rows; undefined: it was not read, and `troubleOf` says why, or `signal`
   * is aborted. Never rejects.
   */
  async readIn(
    vcenter: Vcenter,
    session: VsphereSession,
    signal: AbortSignal,
  ): Promise<readonly InventoryRow[] | undefined> {
    let rows: readonly InventoryRow[] | undefined
    const ends = AbortSignal.any([signal, this.#stopping.signal])
    await this.#orTrouble(vcenter, ends, async () => {
      const lease = await this.#parts.leases.hold('vcenter-inventory')
      if (!lease) throw new LeaseElsewhere()
      rows = await underLease(lease, () => this.#readAll(vcenter, session, ends))
    })
    return rows
  }

  /**
   * Works with the stored login while no other work of this node does. Resolves with undefined if there is none. A refusal of the password
   * is a trouble of the vCenter, too.
   */
  async inTurn<T>(vcenter: Vcenter, work: (login: VcenterLogin) => Promise<T>): Promise<T | undefined> {
    try {
      return await this.#turns.run(vcenter.id, () => this.#withLogin(vcenter, work))
    } catch (error) {
      if (isPasswordRefusal(error)) this.#note(vcenter, error)
      throw error
    }
  }

  async #withLogin<T>(vcenter: Vcenter, work: (login: VcenterLogin) => Promise<T>): Promise<T | undefined> {
    const { logins } = this.#parts
    const login = await logins.stored(vcenter)
    return login && logins.use(vcenter, login, () => work(login))
  }

  async #read(vcenter: Vcenter): Promise<void> {
    await this.#orTrouble(vcenter, this.#stopping.signal, async () => {
      // The condition of a login that is off says why.
      if (!(await this.#rowsOf(vcenter))) this.#forget(vcenter.id)
    })
  }

  /**
   * Resolves once the inventory and the states are read; undefined: there is no login. The session goes on until vCenter has said how the
   * key provider is, which may take minutes where a server is away, and no reading waits for that.
   */
  #rowsOf(vcenter: Vcenter): Promise<readonly InventoryRow[] | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly InventoryRow[] | undefined>()
    const { signal } = this.#stopping
    const work = this.#withLogin(vcenter, async (login) => {
      const { inSession } = await import('./reach.ts')
      await inSession(vcenter, login, this.#parts.clock, async (session) => {
        resolve(await this.#readAll(vcenter, session, signal))
        await this.#askProvider(vcenter, session)
      })
    })
    const ended = work.then(() => resolve(undefined)).catch(reject)
    this.#sessions.add(ended)
    void ended.finally(() => this.#sessions.delete(ended))
    return promise
  }

  /** Rejects only if vCenter refuses the password. The former state stays where vCenter does not answer. */
  async #askProvider(vcenter: Vcenter, session: VsphereSession): Promise<void> {
    const { id, provider } = vcenter
    if (!provider || this.#asking.has(id)) return
    this.#asking.add(id)
    try {
      const { providerTrouble } = await import('./read-states.ts')
      const words = await providerTrouble(session, provider.name, this.#stopping.signal)
      this.states.noteProvider(vcenter, provider.name, words)
    } catch (error) {
      if (isPasswordRefusal(error)) {
        this.#note(vcenter, error)
        throw error
      }
      if (!(error instanceof VsphereError)) this.#failed(error)
    } finally {
      this.#asking.delete(id)
    }
  }

  /** Does the work in its turn, and keeps the reason why it failed. Never rejects. */
  async #orTrouble(vcenter: Vcenter, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    const { id } = vcenter
    try {
      await this.#turns.run(id, work)
      this.#troubles.delete(id)
    } catch (error) {
      if (signal.aborted || error instanceof LeaseElsewhere) return
      this.#note(vcenter, error)
    }
  }

  #note({ id }: Vcenter, error: unknown): void {
    if (error instanceof VsphereError || error instanceof Refusal)
      this.#troubles.set(id, { atMs: this.#parts.clock.now(), message: error.message })
    else this.#failed(error)
  }

  /** Returns all rows. The former states stay where it rejects. */
  async #readAll(
    vcenter: Vcenter,
    session: VsphereSession,
    signal: AbortSignal,
  ): Promise<readonly InventoryRow[]> {
    const rows = await this.#import(vcenter, session, signal)
    const [{ machineStates }, { neededHosts }] = await Promise.all([
      import('./read-states.ts'),
      import('./runs-here.ts'),
    ])
    const vsanKeys = new Map(
      rows.flatMap(({ kind, machineId, disk, key }) =>
        kind === 'vsan-cluster' && disk === '' ? [[machineId, key] as const] : [],
      ),
    )
    const hosts = await neededHosts(this.#parts, vcenter)
    const states = await machineStates(session, { hosts, vsanKeys }, signal)
    this.states.noteMachines(
      vcenter,
      states && { ...states, needed: await this.#withKeysHere(vcenter, states) },
    )
    return rows
  }

  /** The needed machines whose keys are here: those with keys of another key server start without this one. */
  async #withKeysHere({ instanceId }: Vcenter, { needed }: MachineStates): Promise<readonly NeededMachine[]> {
    const { keys } = this.#parts
    const known = await Promise.all(needed.map(({ key }) => keys.show(instanceId, key)))
    return needed.filter((_, index) => known[index] !== undefined)
  }

  /** Returns all rows. */
  async #import(
    vcenter: Vcenter,
    session: VsphereSession,
    signal: AbortSignal,
  ): Promise<readonly InventoryRow[]> {
    const { clock } = this.#parts
    const [takenMs, atMs] = [clock.now(), clock.monotonic()]
    const { rows, hasDisks } = await allRows(session, signal)
    await this.#importRows(vcenter, takenMs, rows)
    this.#lasts.set(vcenter.id, { atMs, hasDisks })
    return rows
  }

  async #importRows(vcenter: Vcenter, takenMs: number, rows: readonly InventoryRow[]): Promise<void> {
    const { clock, plugs } = this.#parts
    const { id, instanceId, name } = vcenter
    // No machine is encrypted: the inventory feature takes no empty inventory, since it would say that no key is used.
    if (rows.length === 0) return
    const digest = digestOf(rows)
    const before = this.#imported.get(id)
    if (before?.digest === digest && clock.monotonic() - before.atMs < importEveryMs) return
    const requestId = randomUUID()
    const asker = { actor: serverActor, requestId, identify: () => this.#identify(vcenter, requestId) }
    await plugs.importInventory(asker, { instanceId, vcenter: name, takenMs }, rows)
    this.#imported.set(id, { digest, atMs: clock.monotonic() })
  }

  /** The instance may be gone, and the vCenter removed, since the reading began. */
  async #identify({ id, instanceId }: Vcenter, requestId: string): Promise<Caller> {
    const { access, vcenters } = this.#parts
    const { version, tables } = await access.snapshot()
    if (!tables.instance.has(instanceId) || !(await vcenters.of(instanceId)).some((one) => one.id === id))
      throw new Refusal('conflict', 'the vCenter was removed meanwhile')
    return { instanceId, actor: serverActor, allow: [], trustVersion: version, requestId }
  }

  #forget(id: string): void {
    this.#troubles.delete(id)
    this.#imported.delete(id)
    this.#lasts.delete(id)
    this.states.forget(id)
  }

  /** Another node reads from now on. */
  #forgetAll(): void {
    this.#troubles.clear()
    this.#lasts.clear()
    this.states.clear()
  }

  #failed(error: unknown): void {
    if (!this.#stopping.signal.aborted) this.#parts.failed(error)
  }
}

/** All rows of a vCenter, in memory. `hasDisks`: with first-class disks. Rejects as `keyRows` does. */
export async function allRows(
  session: VsphereSession,
  signal: AbortSignal,
): Promise<{ readonly rows: readonly InventoryRow[]; readonly hasDisks: boolean }> {
  const { keyRows } = await import('./machines.ts')
  const rows: InventoryRow[] = []
  let hasDisks = true
  for await (const row of keyRows(session, signal, () => void (hasDisks = false))) {
    rows.push(row)
    if (rows.length > rowsMax)
      throw new Refusal('refused', `it has more than ${String(rowsMax)} keys of machines and disks`)
  }
  return { rows, hasDisks }
}

/** Rows have one digest in every order. */
export function digestOf(rows: readonly InventoryRow[]): string {
  const hash = createHash('sha256')
  const lines = rows.map(({ key, kind, name, machineId, disk, provider }) =>
    JSON.stringify([key, kind, name, machineId, disk, provider]),
  )
  for (const line of lines.toSorted()) hash.update(`${line}\n`)
  return hash.digest('hex')
}
