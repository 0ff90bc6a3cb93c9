// The counters that the core counts in. outside/telemetry/metrics.ts has them.

/** Counts events by one label. */
interface Counted<Label extends string> {
  inc(labels: Readonly<Record<Label, string>>): void
}

export interface CoreMetrics {
  readonly dataKeyUses: Counted<'source'>
}
