// The form of a feature in the server: a table of routes with their handlers, what it opens of what it needs, the acts that need a second
// person, its conditions and gauges, and its plugs. A handler gets the feature's own service and the request, and nothing else. program/features.ts lists
// the features; application.ts answers their routes.

import type { CommonFacts, ConditionSource, Gathered } from '../../core/conditions/conditions.ts'
import type { ConditionLines } from '../../core/conditions/line.ts'
import type { MetricTable } from '../../outside/telemetry/labels.ts'
import type { MetricsOf } from '../../outside/telemetry/metric-table.ts'
import type { AnyRouteRequest, RouteRequest } from './route-request.ts'
import type { Guard, OpenGuard } from './guard.ts'
import type { OpenRoute, OpenRoutes } from './open-route.ts'
import type { Plugs } from './plugs.ts'
import type { Output, Route } from './route.ts'

export type RouteTable = Readonly<Record<string, Route>>

/** The handlers of a table. A route without a handler, or a handler with a wrong answer, does not compile. */
export type Handlers<T, Own> = {
  readonly [N in keyof T]: (own: Own, request: RouteRequest<T[N]>) => Promise<Output<T[N]>>
}

/** The handlers of one file, of several that have a table's. */
export type SomeHandlers<T, Own> = Partial<Handlers<T, Own>>

/** The routes of a table that may need a second person. */
export type Guards<T, Own> = { readonly [N in keyof T]?: Guard<T[N], Own> }

/** A feature of the list. `Own`: its own service, which its handlers get. `F`: the facts of its conditions; never: it has none. */
export interface Feature<Needs, Own, F = never> {
  /** The lines of its conditions. */
  readonly conditions: ConditionLines<F>
  readonly metrics: MetricTable
  /** Opens what the feature has; what closes it is registered on `opened`. `metrics`: those of its table. */
  readonly open: (
    needs: Needs,
    opened: AsyncDisposableStack,
    metrics: MetricsOf<MetricTable>,
  ) => Promise<OpenFeature<Own>>
}

export interface OpenFeature<Own> {
  readonly own: Own
  readonly routes: OpenRoutes
  readonly plugs: Partial<Plugs>
  /** undefined: it has no conditions. */
  readonly conditions: ConditionSource<unknown> | undefined
  /** Sets its gauges by the facts of its conditions. */
  readonly measure: (gathered: Gathered) => void
  /** Begins the background work, once everything is open. */
  readonly start: () => void
}

export interface FeatureLine<T extends RouteTable, Needs, Own, F, M extends MetricTable> {
  readonly routes: T
  /** The third are the metrics of its table. */
  readonly open: (needs: Needs, opened: AsyncDisposableStack, metrics: MetricsOf<M>) => Own | Promise<Own>
  readonly handlers: Handlers<T, NoInfer<Own>>
  readonly guards?: Guards<T, NoInfer<Own>>
  /** Its conditions, and the facts in which they are found; the facts are gathered once for each look. */
  readonly conditions?: ConditionLines<F>
  readonly facts?: (own: NoInfer<Own>, common: CommonFacts) => F | Promise<F>
  /** Its counters and gauges. `gauges` sets the gauges by the facts of its conditions. */
  readonly metrics?: M
  readonly gauges?: (facts: NoInfer<F>, metrics: MetricsOf<NoInfer<M>>) => void
  readonly plugs?: (own: NoInfer<Own>) => Partial<Plugs>
  readonly start?: (own: NoInfer<Own>) => void
}

/** The loop over a table loses the exact types of its routes; the parameter has them. */
export function feature<
  const T extends RouteTable,
  Needs,
  Own,
  F = never,
  const M extends MetricTable = MetricTable,
>(line: FeatureLine<T, Needs, Own, F, M>): Feature<Needs, Own, F> {
  const { routes, conditions, facts, gauges } = line
  return {
    conditions: conditions ?? {},
    metrics: line.metrics ?? {},
    open: async (needs, opened, made) => {
      const metrics = made as MetricsOf<M>
      const own = await line.open(needs, opened, metrics)
      return {
        own,
        routes: new Map(
          Object.entries<Route>(routes).map(([name, route]) => [name, openRoute(line, [name, route], own)]),
        ),
        plugs: line.plugs?.(own) ?? {},
        conditions:
          conditions &&
          facts &&
          ({ lines: conditions, facts: (common) => facts(own, common) } as ConditionSource<unknown>),
        measure: (gathered) => conditions && gauges?.(gathered.of(conditions), metrics),
        start: () => line.start?.(own),
      }
    },
  }
}

/** A feature that has conditions and no routes. */
export function conditionsAlone<Needs, F, const M extends MetricTable = MetricTable>(line: {
  readonly conditions: ConditionLines<F>
  readonly facts: (needs: Needs, common: CommonFacts) => Promise<F>
  readonly metrics?: M
  readonly gauges?: (facts: NoInfer<F>, metrics: MetricsOf<NoInfer<M>>) => void
}): Feature<Needs, Needs, F> {
  return feature({ routes: {}, handlers: {}, open: (needs: Needs) => needs, ...line })
}

function openRoute<T extends RouteTable, Needs, Own, F, M extends MetricTable>(
  { handlers, guards }: FeatureLine<T, Needs, Own, F, M>,
  [name, line]: readonly [keyof T, Route],
  own: Own,
): OpenRoute {
  const handler = handlers[name] as unknown as (own: Own, request: AnyRouteRequest) => Promise<unknown>
  const guard = guards?.[name]
  if (line.guarded !== (guard !== undefined))
    throw new Error(`the route ${String(name)} is guarded in its table or by its feature, and not in both`)
  return {
    line,
    handle: (request) => handler(own, request),
    guard: guard && openGuard(guard, own),
  }
}

function openGuard<Own>({ acts, reach, facts, ...flags }: Guard<Route, Own>, own: Own): OpenGuard {
  return {
    ...flags,
    acts: (request) => acts(request as RouteRequest<Route>),
    reach: (request) => reach(own, request as RouteRequest<Route>),
    facts: (request) => facts(own, request as RouteRequest<Route>),
  }
}
