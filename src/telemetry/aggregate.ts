// The metrics of several processes as those of one server. Counts are added up; a process that ended still counts with what it last
// reported, so that no counter goes back.

import { AggregatorRegistry, type Registry } from 'prom-client'

/** Plain, so that one process can send it to another. */
export type MetricsReport = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

/** The metrics of this process and the others, in the text format of Prometheus. */
export async function together(own: Registry, others: readonly MetricsReport[]): Promise<string> {
  if (others.length === 0) return own.metrics()
  return sum([await own.getMetricsAsJSON(), ...others]).metrics()
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
