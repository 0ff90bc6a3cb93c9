// Joins the metrics of several processes into those of one server. Counters and histograms are added up, also with the last report of each
// process that has ended, so that no counter goes back.

import { setImmediate } from 'node:timers/promises'
import { AggregatorRegistry, type Registry } from 'prom-client'

/** The metrics of one process, as plain data that it can send to another process. */
export type MetricsReport = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

/** The metrics of this process and the others, in the text format of Prometheus. Lets other work run between two metrics. */
export async function aggregatedMetrics(own: Registry, others: readonly MetricsReport[]): Promise<string> {
  const registry = others.length === 0 ? own : sum([await own.getMetricsAsJSON(), ...others])
  const texts: string[] = []
  for (const { name } of registry.getMetricsAsArray()) {
    texts.push(await registry.getSingleMetricAsString(name))
    await setImmediate()
  }
  return `${texts.join('\n\n')}\n`
}

/** One report with the counters and histograms of the processes that ended. Their gauges say nothing any more. */
export async function endedCounters(reports: readonly MetricsReport[]): Promise<MetricsReport> {
  const sums = reports.map((report) => report.filter(({ type }) => summedTypes.has(String(type))))
  return sum(sums).getMetricsAsJSON()
}

const summedTypes: ReadonlySet<string> = new Set(['counter', 'histogram'])

function sum(reports: readonly MetricsReport[]): Registry {
  return AggregatorRegistry.aggregate(reports.map((report) => report.map(withAggregator)))
}

/**
 * prom-client leaves some metrics out where there are several processes: Mortise shows those of the first process. Of the event loop's lag
 * prom-client takes the mean: Mortise takes the longest.
 */
function withAggregator(metric: MetricsReport[number]): MetricsReport[number] {
  if (metric.name.startsWith('nodejs_eventloop_lag')) return { ...metric, aggregator: 'max' }
  return metric.aggregator === 'omit' ? { ...metric, aggregator: 'first' } : metric
}
