// Opens the features of the list at the admin door. A need that serve.ts does not offer does not compile.

import { Conditions, type Gathered } from '../core/conditions/conditions.ts'
import type { AuthenticationParts } from '../doors/http/authenticate.ts'
import type { DescribedApi } from '../doors/http/openapi.ts'
import type { Feature, OpenFeature } from '../doors/http/feature.ts'
import type { OpenRoute, OpenRoutes } from '../doors/http/open-route.ts'
import { withoutFeatures, type Plugs } from '../doors/http/plugs.ts'
import type { Gauges } from '../outside/telemetry/metrics.ts'
import { load, type Servers } from './features.ts'

type NeedsOf<F> = F extends Feature<infer Needs, unknown> ? (needs: Needs) => void : never
type AllNeeds = NeedsOf<Servers[keyof Servers]> extends (needs: infer All) => void ? All : never
/** Everything that features need beside what they have of each other, and what each request is checked with. */
export type Offered = Omit<AllNeeds, 'plugs' | 'conditions' | 'routes'> & AuthenticationParts

export interface OpenFeatures {
  /** The own service of each feature, by its name. */
  readonly services: {
    readonly [Name in keyof Servers]: Servers[Name] extends Feature<never, infer Own> ? Own : never
  }
  readonly routes: OpenRoutes
  readonly plugs: Plugs
  readonly conditions: Conditions
  /** Sets the gauges of every feature. */
  readonly measure: (gathered: Gathered, gauges: Gauges) => void
  /** Begins the background work of every feature. */
  readonly start: () => void
}

/** Opens every feature; what closes them is registered on `opened`. */
export async function openFeatures(offered: Offered, opened: AsyncDisposableStack): Promise<OpenFeatures> {
  const plugs: Plugs = { ...withoutFeatures }
  const conditions = new Conditions(offered)
  const routes = new Map<string, OpenRoute>()
  const all = { ...offered, plugs, conditions, routes: () => routes } as AllNeeds
  const list: readonly (readonly [string, Feature<AllNeeds, unknown>])[] = Object.entries(
    await load('server'),
  )
  const open = new Map<string, OpenFeature<unknown>>()
  for (const [name, feature] of list) {
    const opening = await feature.open(all, opened)
    open.set(name, opening)
    Object.assign(plugs, opening.plugs)
    for (const [route, served] of opening.routes) routes.set(route, served)
    if (opening.conditions) conditions.add(opening.conditions)
  }
  return {
    services: Object.fromEntries(
      [...open].map(([name, { own }]) => [name, own]),
    ) as unknown as OpenFeatures['services'],
    routes,
    plugs,
    conditions,
    measure: (gathered, gauges) => open.forEach(({ measure }) => measure(gathered, gauges)),
    start: () => open.forEach(({ start }) => start()),
  }
}

/** The admin API with its examples. */
export async function describedApi(): Promise<DescribedApi> {
  const list: readonly Pick<Feature<never, unknown>, 'routes' | 'examples'>[] = Object.values(
    await load('server'),
  )
  const loaded = await Promise.all(list.map(async ({ examples }) => examples()))
  return {
    routes: Object.assign({}, ...list.map(({ routes }) => routes)) as DescribedApi['routes'],
    examples: Object.assign({}, ...loaded.map(({ examples }) => examples)) as DescribedApi['examples'],
  }
}
