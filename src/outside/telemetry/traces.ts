// Where the time of requests goes, as spans of traces. open-telemetry.ts sends them; without a receiver nothing is measured.

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>

export interface Traces {
  /** Runs `act` as a span, to which what is measured within it belongs. `who`: told only where that is wished. */
  within<T>(name: string, who: SpanAttributes, act: () => Promise<T>): Promise<T>
  /** A piece of work that has just ended, with the seconds that it took. `result`: a label of a metric. */
  measured(name: string, attributes: SpanAttributes, seconds: number): void
}

/** Measures nothing, for a server without `traces.endpoint`. */
export const noTraces: Traces = { within: (_name, _who, act) => act(), measured: () => {} }
