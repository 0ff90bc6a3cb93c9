// The inventories of all instances: imported in parts, of which nothing counts before the last; looked up by key; counted.
// A new import takes the place of the former one of the same instance and vCenter in one step, so an import that is killed midway
// changes nothing. Rows that no inventory needs any more are removed a step at a time.
//
// An inventory decides nothing about access. It says what people should know before they close keys.

import { randomUUID } from 'node:crypto'
import { everyRound } from '../../base/every-round.ts'
import type { Turns } from '../../base/parts.ts'
import { KeyedMutex } from '../../base/keyed-mutex.ts'
import { conflictRetriesMax } from '../../base/bounds.ts'
import * as bounds from './bounds.ts'
import type { Actor, AuditEntry } from '../../core/ports/audit.ts'
import type { Clock, Timer } from '../../core/ports/clock.ts'
import type {
  FoundInventoryRow,
  InventoryRecord,
  InventoryRow,
  InventoryWrite,
  Use,
} from '../../core/ports/inventory.ts'
import { apartFromLease, type Leases } from '../../core/ports/leases.ts'
import { StoreConflict, type Store } from '../../core/ports/store.ts'
import { Refusal } from '../../base/refusal.ts'
import { inventoryNamesToldMax } from '../../doors/http/bounds.ts'
import { notOpen, replaced } from './refused.ts'
import { currentOf, keysOfMachines, readCurrent, removeGone, rowsOf } from './stored-rows.ts'
import { findingOf, UseTally, totalUse, type InventoryTally, type MachineFinding } from './tally.ts'

/** The administrator who changes inventories. */
export interface Importer {
  readonly actor: Actor
  readonly requestId: string
  /** Looks the caller up again; the change is committed only while trust is at this version. */
  readonly identify: () => Promise<{ readonly trustVersion: number }>
}

export interface InventorySummary {
  readonly inventories: readonly InventoryRecord[]
  readonly machines: number
  /** The machines that closing all keys of the instance would close. */
  readonly use: Use
  readonly missing: number
  readonly destroyed: number
  readonly elsewhere: number
  readonly providers: readonly (InventoryTally['providers'][number] & { readonly vcenter: string })[]
}

export interface FoundMachine extends InventoryRow {
  readonly finding: MachineFinding
  readonly vcenter: string
}

type Wanted = Pick<InventoryRecord, 'vcenter' | 'takenMs'>
export type InventoriesStore = Pick<Store, 'inventories' | 'inventoryRows' | 'keyUses' | 'commit'>

export class Inventories {
  readonly #store: InventoriesStore
  readonly #clock: Clock
  readonly #leases: Leases
  readonly #failed: (error: unknown) => void
  /** Each import of an instance that begins counts those before it. */
  readonly #beginning = new KeyedMutex()
  /** One count for each instance at a time, and one that waits for it. */
  readonly #counting = new Map<string, Promise<InventorySummary | null>>()
  readonly #next = new Map<string, Promise<InventorySummary | null>>()
  readonly #known = new Map<string, InventorySummary>()
  #sweeping: Promise<void> | null = null
  #timer: Timer | undefined
  #stopped = false

  constructor(options: {
    readonly store: InventoriesStore
    readonly clock: Clock
    readonly leases: Leases
    readonly failed: (error: unknown) => void
  }) {
    this.#store = options.store
    this.#leases = options.leases
    this.#clock = options.clock
    this.#failed = options.failed
  }

  /** Removes what an earlier run left, and counts now and then, for the conditions. */
  start(): void {
    void this.#look()
    this.#timer = this.#clock.every(bounds.inventoryLookEveryMs, () => void this.#look())
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await this.#sweeping
    await Promise.allSettled(this.#counting.values())
  }

  /** The last counts, by instance: for the conditions, which wait for nothing. */
  known(): ReadonlyMap<string, InventorySummary> {
    return this.#known
  }

  /** Begins an import. Nothing counts before `finish`. */
  begin(by: Importer, instanceId: string, fields: Wanted): Promise<InventoryRecord> {
    return this.#beginning.run(instanceId, () => this.#begin(by, instanceId, fields))
  }

  async #begin(by: Importer, instanceId: string, { vcenter, takenMs }: Wanted): Promise<InventoryRecord> {
    const nowMs = this.#clock.now()
    if (takenMs > nowMs + bounds.inventoryAheadMsMax)
      throw new Refusal(
        'bad-request',
        'the inventory was taken in the future, by the clock of this server',
        'Compare the clocks of both machines, or say when it was taken: --taken TIME',
      )
    await this.#discardAbandoned(nowMs)
    const all = await this.#store.inventories(instanceId)
    const open = all.filter(({ state }) => state === 'open')
    if (open.length >= bounds.inventoriesOpenMax)
      throw new Refusal(
        'conflict',
        `${String(open.length)} imports into this instance are under way`,
        'Try again when one of them is done. One that was interrupted is forgotten after an hour.',
      )
    const others = all.filter((one) => one.state === 'current' && one.vcenter !== vcenter)
    if (others.length >= bounds.inventoriesPerInstanceMax)
      throw new Refusal(
        'conflict',
        `this instance has the inventories of ${String(others.length)} other vCenters already`,
        'Remove one that is not needed any more: mortise inventory remove --vcenter NAME',
      )
    const record = { id: randomUUID(), instanceId, vcenter, takenMs, importedMs: nowMs }
    const begun: InventoryRecord = { ...record, state: 'open', rows: 0 }
    await this.#commit(by, [{ type: 'inventory-begun', record: begun }])
    return begun
  }

  /** Adds rows, each once. Returns how many the inventory has now. */
  async add(instanceId: string, id: string, rows: readonly InventoryRow[]): Promise<number> {
    await this.#open(instanceId, id)
    const rowsMax = bounds.inventoryRowsMax
    try {
      const writes = [{ type: 'inventory-rows', id, rows, rowsMax } as const]
      await this.#store.commit({ writes, entries: [], durability: 'process' })
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error
      if (error.what === 'inventory') throw notOpen()
      throw new Refusal(
        'bad-request',
        `an inventory has at most ${String(rowsMax)} rows`,
        'Import the machines of each vCenter by themselves, each with --vcenter NAME.',
      )
    }
    return (await this.#open(instanceId, id)).rows
  }

  /** From now on it counts, in place of the former one of the instance with this label. */
  async finish(by: Importer, instanceId: string, id: string): Promise<InventoryRecord> {
    const record = await this.#open(instanceId, id)
    const { vcenter, takenMs, rows } = record
    if (rows === 0)
      throw new Refusal('bad-request', 'the inventory is empty: it would say that no key is used')
    const importedMs = this.#clock.now()
    const detail = { vcenter, rows, taken: new Date(takenMs).toISOString() }
    await this.#commit(by, [{ type: 'inventory-current', id, importedMs }], {
      ...this.#entry(by, instanceId, id),
      action: 'inventory.import',
      detail,
    })
    this.#changed(instanceId)
    return { ...record, state: 'current', importedMs }
  }

  /** Forgets an import that was begun. */
  async cancel(by: Importer, instanceId: string, id: string): Promise<void> {
    await this.#open(instanceId, id)
    await this.#commit(by, [{ type: 'inventory-gone', id }])
    this.#sweep()
  }

  /** Removes the inventory with this label. */
  async remove(by: Importer, instanceId: string, vcenter: string): Promise<InventoryRecord> {
    const current = await this.list(instanceId)
    const inventory = current.find((one) => one.vcenter === vcenter)
    if (!inventory) {
      const labels = current.map((one) => (one.vcenter === '' ? 'one without a name' : one.vcenter))
      throw new Refusal(
        'not-found',
        vcenter === ''
          ? 'this instance has no inventory without the name of a vCenter'
          : `this instance has no inventory of a vCenter ${vcenter}`,
        labels.length === 0 ? 'It has none at all.' : `It has: ${labels.join(', ')}`,
      )
    }
    await this.#commit(by, [{ type: 'inventory-gone', id: inventory.id }], {
      ...this.#entry(by, instanceId, inventory.id),
      action: 'inventory.remove',
      detail: { vcenter, rows: inventory.rows },
    })
    this.#changed(instanceId)
    return inventory
  }

  /** The inventories that count. */
  async list(instanceId: string): Promise<readonly InventoryRecord[]> {
    return currentOf(this.#store, instanceId)
  }

  /** Which machines use each of the keys, in their order; null: the instance has no inventory. */
  async uses(instanceId: string, keys: readonly string[]): Promise<readonly Use[] | null> {
    return this.#read(instanceId, async (inventories) => {
      const uses: Use[] = []
      for (let from = 0; from < keys.length; from += bounds.inventoryStepKeys) {
        const step = keys.slice(from, from + bounds.inventoryStepKeys)
        const firstMax = inventoryNamesToldMax
        const each = await Promise.all(
          inventories.map(async ({ id, takenMs }) => {
            return { takenMs, uses: await this.#store.keyUses({ id, keys: step, firstMax }) }
          }),
        )
        uses.push(
          ...step.map((_, at) =>
            totalUse(each.map(({ takenMs, uses: of }) => ({ takenMs, machines: 0, first: [], ...of[at] }))),
          ),
        )
        await everyRound.turn()
      }
      return uses
    })
  }

  /** The keys of the machines whose name or id fits. It looks at every row. */
  async keysOfMachines(
    instanceId: string,
    fits: (nameOrId: string) => boolean,
    turns: Turns,
  ): Promise<ReadonlySet<string>> {
    const rows = (all: readonly InventoryRecord[]) => all.map(({ id }) => this.#rows(id, turns))
    const keys = await this.#read(instanceId, async (all) => keysOfMachines(rows(all), fits))
    return keys ?? new Set()
  }

  /** Counts everything; null: the instance has no inventory. `providers`: those of vCenter that are this instance. */
  async summary(instanceId: string, providers?: ReadonlySet<string>): Promise<InventorySummary | null> {
    if (providers !== undefined) return this.#read(instanceId, async (all) => this.#count(all, providers))
    const running = this.#counting.get(instanceId)
    if (!running) return this.#countAlone(instanceId)
    // The running count may have read before this call.
    const next = this.#next.get(instanceId) ?? this.#countAfter(running, instanceId)
    this.#next.set(instanceId, next)
    return next
  }

  /**
   * Machines whose key is missing or destroyed here, or that are at another provider, as the summary counted them. Throws Refusal if an inventory does
   * not count any more when its last row was read: its rows are removed meanwhile, and some may be left out.
   */
  async *findings({ inventories, providers }: InventorySummary): AsyncGenerator<FoundMachine> {
    for (const { id, instanceId, vcenter } of inventories) {
      const known = providers.filter((one) => one.vcenter === vcenter)
      const ours = new Set(known.filter((one) => one.ours).map(({ provider }) => provider))
      for await (const row of this.#rows(id)) {
        const finding = findingOf(row, ours.has(row.provider))
        const { keyState: _, ...machine } = row
        if (finding !== null) yield { finding, vcenter, ...machine }
      }
      const counts = (await this.list(instanceId)).some((one) => one.id === id)
      if (this.#stopped || !counts) throw replaced()
    }
  }

  async #countAfter(running: Promise<unknown>, instanceId: string): Promise<InventorySummary | null> {
    await running.catch(() => undefined)
    this.#next.delete(instanceId)
    return this.#countAlone(instanceId)
  }

  async #countAlone(instanceId: string): Promise<InventorySummary | null> {
    const counting = this.#read(instanceId, async (all) => this.#count(all))
    this.#counting.set(instanceId, counting)
    try {
      const summary = await counting
      if (summary) this.#known.set(instanceId, summary)
      else this.#known.delete(instanceId)
      return summary
    } finally {
      this.#counting.delete(instanceId)
    }
  }

  async #count(
    inventories: readonly InventoryRecord[],
    named?: ReadonlySet<string>,
  ): Promise<InventorySummary> {
    const tallies: InventoryTally[] = []
    for (const { id } of inventories) {
      const tally = new UseTally(inventoryNamesToldMax)
      for await (const row of this.#rows(id)) tally.add(row)
      tallies.push(tally.result(named))
    }
    const sum = (of: (tally: InventoryTally) => number) => tallies.reduce((all, tally) => all + of(tally), 0)
    return {
      inventories,
      machines: sum(({ machines }) => machines),
      use: totalUse(
        tallies.map(({ used, firstUsed }, at) => {
          return { machines: used, first: firstUsed, takenMs: inventories[at]?.takenMs ?? 0 }
        }),
      ),
      missing: sum(({ missing }) => missing),
      destroyed: sum(({ destroyed }) => destroyed),
      elsewhere: sum(({ elsewhere }) => elsewhere),
      providers: tallies.flatMap(({ providers }, at) =>
        providers.map((one) => ({ ...one, vcenter: inventories[at]?.vcenter ?? '' })),
      ),
    }
  }

  #rows(id: string, turns: Turns = everyRound): AsyncGenerator<FoundInventoryRow> {
    return rowsOf(this.#store, id, { isStopped: () => this.#stopped, turns })
  }

  async #read<T>(instanceId: string, read: (inventories: readonly InventoryRecord[]) => Promise<T>) {
    return readCurrent({ store: this.#store, isStopped: () => this.#stopped }, instanceId, read)
  }

  async #open(instanceId: string, id: string): Promise<InventoryRecord> {
    const inventory = (await this.#store.inventories(instanceId)).find((one) => one.id === id)
    if (inventory?.state === 'open') return inventory
    throw notOpen()
  }

  /** Repeats the commit while trust changes under it. */
  async #commit(by: Importer, writes: readonly InventoryWrite[], entry?: AuditEntry): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const { trustVersion } = await by.identify()
      const entries = entry ? [entry] : []
      try {
        return await this.#store.commit({ expect: { trustVersion }, writes, entries, durability: 'disk' })
      } catch (error) {
        if (!(error instanceof StoreConflict)) throw error
        if (error.what === 'inventory') throw notOpen()
        if (attempt >= conflictRetriesMax) throw error
      }
    }
  }

  #entry(by: Importer, instanceId: string, object: string) {
    const { actor, requestId } = by
    return {
      atMs: this.#clock.now(),
      result: 'success',
      instanceId,
      object,
      actor,
      requestId,
      reason: null,
    } as const
  }

  #changed(instanceId: string): void {
    this.#sweep()
    void this.summary(instanceId).catch((error: unknown) => this.#inBackground(error))
  }

  async #look(): Promise<void> {
    try {
      await this.#discardAbandoned(this.#clock.now())
      const ids = new Set((await this.#store.inventories()).map(({ instanceId }) => instanceId))
      for (const known of this.#known.keys()) if (!ids.has(known)) this.#known.delete(known)
      for (const instanceId of ids) if (!this.#stopped) await this.summary(instanceId)
      this.#sweep()
    } catch (error) {
      this.#inBackground(error)
    }
  }

  /** The stop of the server breaks off a count. */
  #inBackground(error: unknown): void {
    if (!this.#stopped) this.#failed(error)
  }

  /** An import that was not finished within its time was interrupted. */
  async #discardAbandoned(nowMs: number): Promise<void> {
    const abandoned = (await this.#store.inventories()).filter(
      ({ state, importedMs }) => state === 'open' && Math.abs(nowMs - importedMs) > bounds.inventoryOpenMsMax,
    )
    if (abandoned.length === 0) return
    const writes = abandoned.map(({ id }) => ({ type: 'inventory-gone', id }) as const)
    await this.#store.commit({ writes, entries: [], durability: 'process' })
  }

  /** Removes the rows of what is gone, in the background. */
  #sweep(): void {
    this.#sweeping ??= apartFromLease(() =>
      removeGone({ store: this.#store, leases: this.#leases, isStopped: () => this.#stopped }),
    )
      .catch(this.#failed)
      .finally(() => (this.#sweeping = null))
  }
}
