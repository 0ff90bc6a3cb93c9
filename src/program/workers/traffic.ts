// Measures what this node serves now: keys by the minute and open connections, taken from the metrics, which each process counts
// anyway. It looks now and then, since a counter alone does not say when.

import type { Traffic } from '../../core/server/readiness-facts.ts'
import type { Clock, Timer } from '../../core/ports/clock.ts'
import type { MetricsReport } from '../../outside/telemetry/aggregate.ts'
import type { Metrics } from '../../outside/telemetry/metrics.ts'

/** How often the keys that clients fetched are counted, to say how many a minute, and over how long that looks back. */
const trafficLookEveryMs = 10_000
export const trafficWindowMs = 60_000

interface Look {
  /** By the monotonic clock. */
  readonly atMs: number
  readonly keys: number
}

export class TrafficMeter {
  readonly #registry: Metrics['registry']
  readonly #reports: () => Promise<readonly MetricsReport[]>
  readonly #clock: Clock
  /** The oldest first. */
  #looks: readonly Look[] = []
  #timer: Timer | undefined

  constructor(options: {
    readonly registry: Metrics['registry']
    /** The metrics of the other processes. */
    readonly reports: () => Promise<readonly MetricsReport[]>
    readonly clock: Clock
  }) {
    this.#registry = options.registry
    this.#reports = options.reports
    this.#clock = options.clock
  }

  /** Calls `failed` if a look failed. */
  start(failed: (error: unknown) => void): void {
    const look = () => void this.now().catch(failed)
    this.#timer = this.#clock.every(trafficLookEveryMs, look)
    look()
  }

  stop(): void {
    this.#timer?.cancel()
  }

  async now(): Promise<Traffic> {
    const own = [keysMetric, connectionsMetric].map(async (name) =>
      this.#registry.getSingleMetric(name)?.get(),
    )
    const metrics = (await Promise.all(own)).filter((metric) => metric !== undefined)
    const reports = [metrics, ...(await this.#reports())]
    const look = { atMs: this.#clock.monotonic(), keys: sumOf(reports, isKey) }
    this.#looks = keptLooks(this.#looks, look)
    return { keysPerMinute: perMinute(this.#looks), connections: sumOf(reports, isConnection) }
  }
}

/** Keeps the looks of the last minute, and one before them to count from; only one of each second, since a page may ask often. */
export function keptLooks(looks: readonly Look[], newest: Look): readonly Look[] {
  const [before, last] = [looks.at(-2), looks.at(-1)]
  const isClose = before !== undefined && last !== undefined && last.atMs - before.atMs < 1_000
  const kept = isClose ? looks.slice(0, -1) : looks
  const from = kept.findLastIndex(({ atMs }) => newest.atMs - atMs >= trafficWindowMs)
  return [...kept.slice(Math.max(from, 0)), newest]
}

/** null: there is no time between the looks yet. */
export function perMinute(looks: readonly Look[]): number | null {
  const [first, last] = [looks.at(0), looks.at(-1)]
  if (!first || !last || last.atMs - first.atMs < 1_000) return null
  // A process that ended unasked takes with it what it had not reported yet.
  return Math.max(0, Math.round(((last.keys - first.keys) * 60_000) / (last.atMs - first.atMs)))
}

const keysMetric = 'mortise_kmip_operation_seconds'
const connectionsMetric = 'mortise_kmip_connections'

interface Value {
  readonly metricName: string
  readonly labels: Readonly<Record<string, unknown>>
}

function isKey({ metricName, labels }: Value): boolean {
  return (
    metricName === `${keysMetric}_count` && labels['operation'] === 'Get' && labels['result'] === 'success'
  )
}

function isConnection({ metricName }: Value): boolean {
  return metricName === connectionsMetric
}

function sumOf(
  reports: readonly (readonly MetricsReport[number][])[],
  counts: (value: Value) => boolean,
): number {
  let sum = 0
  for (const metric of reports.flat())
    for (const value of metric.values) {
      const metricName = 'metricName' in value ? String(value.metricName) : metric.name
      if (counts({ metricName, labels: value.labels })) sum += value.value
    }
  return sum
}
