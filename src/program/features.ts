// The list of the features, in the order in which they open. A need of a feature that serve.ts does not offer does not compile.

import { adopt } from '../features/adopt/feature.ts'
import { alerts } from '../features/alerts/feature.ts'
import { approvals } from '../features/approvals/feature.ts'
import { audit } from '../features/audit/feature.ts'
import { backup } from '../features/backup/feature.ts'
import { certificates } from '../features/certificates/feature.ts'
import { clients } from '../features/clients/feature.ts'
import { instances } from '../features/instances/feature.ts'
import { inventory } from '../features/inventory/feature.ts'
import { keyExport } from '../features/key-export/feature.ts'
import { keys } from '../features/keys/feature.ts'
import { login } from '../features/login/feature.ts'
import { restore } from '../features/restore/feature.ts'
import { rootKeys } from '../features/root-keys/feature.ts'
import { siem } from '../features/siem/feature.ts'
import { status } from '../features/status/feature.ts'
import { tokens } from '../features/tokens/feature.ts'
import { Conditions, type Gathered } from '../core/conditions/conditions.ts'
import type { AuthenticationParts } from '../doors/http/authenticate.ts'
import type { DescribedApi } from '../doors/http/openapi.ts'
import type { Feature, OpenFeature } from '../doors/http/feature.ts'
import type { OpenRoute, OpenRoutes } from '../doors/http/open-route.ts'
import { withoutFeatures, type Plugs } from '../doors/http/plugs.ts'
import type { Gauges } from '../outside/telemetry/metrics.ts'

export const features = {
  status,
  instances,
  clients,
  tokens,
  keys,
  audit,
  backup,
  restore,
  rootKeys,
  adopt,
  inventory,
  keyExport,
  siem,
  alerts,
  approvals,
  certificates,
  login,
}

export type Features = typeof features
type NeedsOf<F> = F extends Feature<infer Needs, unknown> ? (needs: Needs) => void : never
type AllNeeds = NeedsOf<Features[keyof Features]> extends (needs: infer All) => void ? All : never
/** Everything that features need beside what they have of each other, and what each request is checked with. */
export type Offered = Omit<AllNeeds, 'plugs' | 'conditions' | 'routes'> & AuthenticationParts

export interface OpenFeatures {
  /** The own service of each feature, by its name. */
  readonly services: {
    readonly [Name in keyof Features]: Features[Name] extends Feature<never, infer Own> ? Own : never
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
  const list: readonly (readonly [string, Feature<AllNeeds, unknown>])[] = Object.entries(features)
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
  const list: readonly Pick<Feature<never, unknown>, 'routes' | 'examples'>[] = Object.values(features)
  const loaded = await Promise.all(list.map(async ({ examples }) => examples()))
  return {
    routes: Object.assign({}, ...list.map(({ routes }) => routes)) as DescribedApi['routes'],
    examples: Object.assign({}, ...loaded.map(({ examples }) => examples)) as DescribedApi['examples'],
  }
}
