// The counters that the core increases. outside/telemetry/metrics.ts implements them.

/** Counts events by one label. */
interface Counted<Label extends string> {
  inc(labels: Readonly<Record<Label, string>>): void
}

export interface CoreMetrics {
  readonly dataKeyUses: Counted<'source'>
}
