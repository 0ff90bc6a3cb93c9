// The time that requests take, as spans of traces. open-telemetry.ts sends the spans; without a receiver the server makes none.

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>

export interface Traces {
  /** Runs `act` as a span. Spans of `measured` during `act` belong to it. `who`: attributes that name the client, if options want them. */
  within<T>(name: string, who: SpanAttributes, act: () => Promise<T>): Promise<T>
  /** Adds a span for a piece of work that has just ended and took these seconds. */
  measured(name: string, attributes: SpanAttributes, seconds: number): void
}

/** Measures nothing, for a server without `traces.endpoint`. */
export const noTraces: Traces = { within: (_name, _who, act) => act(), measured: () => {} }
