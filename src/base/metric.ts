// The form of a metric: its type, name, help and labels, as a line of a table. The core, the doors, the features and the server have such
// tables; outside/telemetry/metric-table.ts makes metrics of them.

export interface MetricForm<Type extends string, L extends string> {
  readonly type: Type
  /** The name without `mortise_`, with which every metric begins. */
  readonly name: string
  readonly help: string
  readonly labels: readonly L[]
}

/** The name ends in `_total`. */
export const counter = formOf('counter')
export const gauge = formOf('gauge')
/** Counts durations in seconds, so the name ends in `_seconds`. */
export const histogram = formOf('histogram')

function formOf<Type extends string>(type: Type) {
  return <L extends string = never>(
    name: string,
    help: string,
    ...labels: readonly L[]
  ): MetricForm<Type, L> => ({ type, name, help, labels })
}

/** The interface by which the owner of a table counts. metricsIn of outside/telemetry/metric-table.ts makes metrics that fulfil it. */
export type CountsOf<T> = {
  readonly [N in keyof T]: T[N] extends MetricForm<'counter', infer L>
    ? { inc(...labels: LabelValues<L>): void }
    : T[N] extends MetricForm<'histogram', infer L>
      ? { observe(...values: [...LabelValues<L>, seconds: number]): void }
      : never
}

/** A metric without labels takes none. */
type LabelValues<L extends string> = [L] extends [never] ? [] : [labels: Readonly<Record<L, string>>]
