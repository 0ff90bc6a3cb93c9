// Watches the running server: checks all trust rows and all marks of destroyed keys once an hour, logs each warning once a day, and updates the
// gauges when Prometheus reads them. Part of the composition root.

import { conditionsOfReadiness, type Condition, type Gathered } from '../../core/conditions/conditions.ts'
import { readinessConditions } from '../../core/conditions/readiness.ts'
import type { ConditionLine } from '../../core/conditions/line.ts'
import type { ReadinessFacts, WorkerFacts } from '../../core/server/readiness-facts.ts'
import type { MarkCheck } from '../../core/audit/mark-check.ts'
import type { Needs } from './needs.ts'
import type { Timer } from '../../core/ports/clock.ts'
import { StoreUnavailable, type Store } from '../../core/ports/store.ts'
import type { StandardKeyTrouble } from '../../core/sealing/standard-key-troubles.ts'
import { JointRuns } from '../../base/joint-runs.ts'
import type { Log } from '../../core/ports/log.ts'
import { aggregatedMetrics, type MetricsReport } from '../../outside/telemetry/aggregate.ts'
import { clearGauges } from '../../outside/telemetry/metric-table.ts'
import type { Metrics } from '../../outside/telemetry/metrics.ts'

export interface WatchParts {
  readonly context: Pick<Needs, 'access' | 'clock' | 'conditions' | 'readiness'> & {
    readonly marks: Pick<MarkCheck, 'check'>
    /** null: the server itself serves. */
    readonly workers: () => WorkerFacts | null
  }
  /** Sets the gauges of the other features; null: takes their values away. */
  readonly measure: (gathered: Gathered | null) => void
  readonly store: Pick<Store, 'health' | 'objectCounts'>
  readonly metrics: Metrics
  readonly log: Log
  /** The number of alterations found so far. */
  readonly alarms: () => Promise<number>
  /** The counts of the other processes of this server. */
  readonly reports: () => Promise<readonly MetricsReport[]>
  /** Prunes the audit log if it holds entries that are too old. */
  readonly prune: () => Promise<unknown>
}

const lookEveryMs = 3600_000
const writeEveryMs = 24 * 3600_000

export class Watch {
  readonly #parts: WatchParts
  /** The time at which each condition was last logged. */
  readonly #written = new Map<string, number>()
  readonly #texts = new JointRuns(() => this.#text())
  #timer: Timer | undefined
  #isStopped = false

  constructor(parts: WatchParts) {
    this.#parts = parts
  }

  /** Looks now and every hour. Calls `failed` if a look failed, unless the server ended meanwhile and closed the store under it. */
  start(failed: (error: unknown) => void): void {
    const look = () =>
      void this.look().catch((error: unknown) => {
        if (!this.#isStopped) failed(error)
      })
    this.#timer = this.#parts.context.clock.every(lookEveryMs, look)
    look()
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  /** Checks all trust rows and marks, and logs each condition that was not logged for a day. */
  async look(): Promise<void> {
    const { context, log, prune } = this.#parts
    await prune().catch((error: unknown) => log.error({ error }, 'prune the audit log'))
    await context.access.check()
    await context.marks.check()
    const now = context.clock.monotonic()
    const { conditions } = await context.conditions.gather()
    const current = new Set(conditions.map(nameOf))
    for (const name of this.#written.keys()) if (!current.has(name)) this.#written.delete(name)
    for (const condition of conditions) {
      const last = this.#written.get(nameOf(condition))
      if (last !== undefined && now - last < writeEveryMs) continue
      this.#written.set(nameOf(condition), now)
      const { id, severity, instanceId, message, action } = condition
      log[levels[severity]]({ condition: id, ...(instanceId !== null && { instanceId }), action }, message)
    }
  }

  /** Returns the metrics in the text format of Prometheus: without the store, those that are known without it. */
  metrics(): Promise<string> {
    return this.#texts.next()
  }

  async #text(): Promise<string> {
    const { metrics, reports } = this.#parts
    try {
      await this.#state()
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      await this.#stateWithoutStore()
    }
    return aggregatedMetrics(metrics.registry, await reports())
  }

  /** While the store is unavailable: clears all gauges, then sets those that are known without it, so that none shows an old value. */
  async #stateWithoutStore(): Promise<void> {
    const { context, store, metrics, alarms, measure } = this.#parts
    const { state } = metrics
    clearGauges(state)
    measure(null)
    const readiness = await context.readiness()
    state.ready.set(readiness.ready ? 1 : 0)
    state.storeWritable.set(store.health().writable ? 1 : 0)
    state.tamperingAlarms.set(await alarms())
    this.#conditions(readinessConditions, conditionsOfReadiness(readiness))
    this.#workers(context.workers())
  }

  /** Throws StoreUnavailable. */
  async #state(): Promise<void> {
    const { context, store, metrics, alarms, measure } = this.#parts
    const { state } = metrics
    const gathered = await context.conditions.gather()
    const { readiness, trust, nowMs } = gathered.common
    const { tables } = trust
    state.ready.set(readiness.ready ? 1 : 0)
    this.#rootKeys(readiness.degraded, tables.instance.size)
    state.closedKeys.set(readiness.closed.filter(({ kind }) => kind === 'object').length)
    const of = (what: StandardKeyTrouble['what']) =>
      readiness.standardKeys.filter((trouble) => trouble.what === what)
    state.newKeysRefused.set(of('make').length)
    state.standardKeysLeft.set(of('delete').reduce((sum, { left }) => sum + left, 0))
    state.closingsUnrecorded.set(of('record').length)
    state.otherServers.set(of('another').length)
    state.readsRefused.set(of('read').length)
    this.#calls(readiness.calls)
    state.storeWritable.set(store.health().writable ? 1 : 0)
    state.tamperingAlarms.set(await alarms())
    state.instances.set(tables.instance.size)
    state.clients.set(tables.client.size)
    state.blocks.set(tables.block.size)
    measure(gathered)
    this.#conditions(context.conditions.lines, gathered.conditions)
    const objects = new Map<string, number>()
    for (const { id } of tables.instance.values())
      for (const [name, count] of Object.entries(await store.objectCounts(id, nowMs)))
        objects.set(name, (objects.get(name) ?? 0) + count)
    state.objects.reset()
    for (const [name, count] of objects) state.objects.set({ state: name }, count)
    this.#workers(context.workers())
  }

  #workers(facts: WorkerFacts | null): void {
    const { state } = this.#parts.metrics
    const { intended: count, serving } = facts ?? { intended: 1, serving: 1 }
    state.workers.set(count)
    state.workersServing.set(serving)
  }

  /** Every id of the table has its line, so that an alert sees a condition come and go. */
  #conditions(
    table: Readonly<Record<string, Pick<ConditionLine<never>, 'severity' | 'rises'>>>,
    conditions: readonly Condition[],
  ): void {
    for (const [id, { severity: usual, rises }] of Object.entries(table))
      for (const severity of rises ? [usual, rises] : [usual])
        this.#parts.metrics.state.conditions.set({ id, severity }, count(conditions, id, severity))
  }

  #rootKeys(degraded: ReadinessFacts['degraded'], instances: number): void {
    const { state } = this.#parts.metrics
    state.degradedInstances.set(degraded.size)
    const counts = { ok: instances - degraded.size, unreachable: 0, withdrawn: 0, failing: 0 }
    for (const trouble of degraded.values()) counts[trouble]++
    for (const [condition, count] of Object.entries(counts)) state.rootKeys.set({ condition }, count)
  }

  #calls(calls: ReadinessFacts['calls']): void {
    const { callsRunning, callsWaiting } = this.#parts.metrics.state
    for (const lane of ['reads', 'others'] as const) {
      const own = calls.filter((call) => call.lane === lane)
      callsRunning.set(
        { lane },
        own.reduce((sum, { running }) => sum + running, 0),
      )
      callsWaiting.set(
        { lane },
        own.reduce((sum, { waiting }) => sum + waiting, 0),
      )
    }
  }
}

/** A line of level error is a fault of the server itself. A condition is for a person. */
const levels = { critical: 'warn', warning: 'warn', notice: 'info' } as const

function count(conditions: readonly Condition[], id: string, severity: Condition['severity']): number {
  return conditions.filter((one) => one.id === id && one.severity === severity).length
}

function nameOf({ id, severity, instanceId, about }: Condition): string {
  return JSON.stringify([id, severity, instanceId, about])
}
