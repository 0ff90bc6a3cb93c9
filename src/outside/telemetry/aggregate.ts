// The metrics of several processes as those of one server. Counts are added up; a process that ended still counts with what it last
// reported, so that no counter goes back.

import { setImmediate } from 'node:timers/promises'
import { AggregatorRegistry, type Registry } from 'prom-client'

/** Plain, so that one process can send it to another. */
export type MetricsReport = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

/** The metrics of this process and the others, in the text format of Prometheus. Lets other work run between two of them. */
export async function aggregatedMetrics(own: Registry, others: readonly MetricsReport[]): Promise<string> {
  const registry = others.length === 0 ? own : sum([await own.getMetricsAsJSON(), ...others])
  const texts: string[] = []
  for (const { name } of registry.getMetricsAsArray()) {
    texts.push(await registry.getSingleMetricAsString(name))
    await setImmediate()
  }
  return `${texts.join('\n\n')}\n`
}

/** One report with the counters of the processes that ended; their gauges count no more. */
export async function endedCounters(reports: readonly MetricsReport[]): Promise<MetricsReport> {
  const counted = reports.map((report) => report.filter(({ type }) => counts.has(String(type))))
  return sum(counted).getMetricsAsJSON()
}

const counts: ReadonlySet<string> = new Set(['counter', 'histogram'])

function sum(reports: readonly MetricsReport[]): Registry {
  return AggregatorRegistry.aggregate(reports.map((report) => report.map(withAggregator)))
}

/** The library leaves some out where there are several processes, and takes the mean of how long work waited. */
function withAggregator(metric: MetricsReport[number]): MetricsReport[number] {
  if (metric.name.startsWith('nodejs_eventloop_lag')) return { ...metric, aggregator: 'max' }
  return metric.aggregator === 'omit' ? { ...metric, aggregator: 'first' } : metric
}
