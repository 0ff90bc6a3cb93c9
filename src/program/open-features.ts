// Opens the features of the list at the admin door. A need that serve.ts does not offer does not compile.

import { Conditions, type Gathered } from '../core/conditions/conditions.ts'
import type { ServerNotes } from '../core/sealing/server-notes.ts'
import type { Access } from '../core/trust/access.ts'
import { Refusal } from '../base/refusal.ts'
import { shellWord } from '../base/text/shell-word.ts'
import type { Config } from '../outside/config/options.ts'
import type { AuthenticationParts } from '../doors/http/authenticate.ts'
import type { Feature, OpenFeature } from '../doors/http/feature.ts'
import type { OpenRoute, OpenRoutes } from '../doors/http/open-route.ts'
import { withoutFeatures, type Plugs } from '../doors/http/plugs.ts'
import type { MetricTable } from '../outside/telemetry/labels.ts'
import { clearGauges, metricsIn, type MetricsOf } from '../outside/telemetry/metric-table.ts'
import type { Metrics } from '../outside/telemetry/metrics.ts'
import { load, type Servers } from './features.ts'

type NeedsOf<F> = F extends Feature<infer Needs, unknown> ? (needs: Needs) => void : never
type AllNeeds = NeedsOf<Servers[keyof Servers]> extends (needs: infer All) => void ? All : never
/** Everything that features need beside what they have of each other, and what each request is checked with. */
export type Offered = Omit<AllNeeds, 'plugs' | 'conditions' | 'routes'> &
  AuthenticationParts & { readonly metrics: Pick<Metrics, 'registry'> }

export interface OpenFeatures {
  /** The own service of each feature, by its name. */
  readonly services: {
    readonly [Name in keyof Servers]: Servers[Name] extends Feature<never, infer Own> ? Own : never
  }
  readonly routes: OpenRoutes
  readonly plugs: Plugs
  readonly conditions: Conditions
  /** Sets the gauges of every feature; null, while the store does not answer: takes their values away. */
  readonly measure: (gathered: Gathered | null) => void
  /** Begins the background work of every feature. */
  readonly start: () => void
}

/** The settings and the stored state that only a feature can serve. */
interface Required {
  readonly access: Pick<Access, 'snapshot'>
  readonly config: Pick<Config, 'approval' | 'siem'>
  readonly notes: Pick<ServerNotes, 'read'>
}

/** Opens every feature; what closes them is registered on `opened`. `servers`: those of the list; tests leave some out. */
export async function openFeatures(
  offered: Offered,
  opened: AsyncDisposableStack,
  servers?: Partial<Servers>,
): Promise<OpenFeatures> {
  const plugs: Plugs = { ...withoutFeatures }
  const conditions = new Conditions(offered)
  const routes = new Map<string, OpenRoute>()
  const all = { ...offered, plugs, conditions, routes: () => routes } as AllNeeds
  const list: readonly (readonly [string, Feature<AllNeeds, unknown>])[] = Object.entries(
    servers ?? (await load('server')),
  )
  const open = new Map<string, OpenFeature<unknown>>()
  const gauges: MetricsOf<MetricTable>[] = []
  for (const [name, feature] of list) {
    const metrics = metricsIn(offered.metrics.registry, feature.metrics)
    gauges.push(metrics)
    const opening = await feature.open(all, opened, metrics)
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
    measure: (gathered) =>
      gathered ? open.forEach(({ measure }) => measure(gathered)) : gauges.forEach(clearGauges),
    start: () => open.forEach(({ start }) => start()),
  }
}

/**
 * Rejects with Refusal if a setting or stored state needs a feature that is not in the list: a server without it would let through what must
 * wait, forget what it must send, or deny keys that are elsewhere. To be called before a door is open. `features`: the names of the list;
 * tests leave some out.
 */
export async function requireFeatures(
  { access, config, notes }: Required,
  features?: readonly string[],
): Promise<void> {
  const present = features ?? Object.keys(await load('server'))
  const lacks = (name: string) => !present.includes(name)
  const noted = (await notes.read('guarded-acts'))?.acts ?? []
  if (lacks('approvals') && config.approval.for.length + noted.length > 0)
    throw missing('approvals', 'acts wait for a second person (approval.for)', 'empty approval.for')
  if (lacks('siem') && (config.siem.syslog !== null || config.siem.file !== null))
    throw missing('siem', 'targets get the audit log (siem.syslog, siem.file)', 'empty both settings')
  const { instance } = (await access.snapshot()).tables
  const asking = [...instance.values()].find(({ upstream }) => upstream)
  if (lacks('adopt') && asking)
    throw missing(
      'adopt',
      `the instance ${asking.name} has an upstream`,
      `remove it there: mortise instance set ${shellWord(asking.name)} --no-upstream`,
    )
}

function missing(feature: string, need: string, otherwise: string): Refusal {
  return new Refusal(
    'refused',
    `this program has no feature ${feature}, and ${need}: it does not start`,
    `Start the server with a program that has it, or, if it is to go on without, start that one once more and ${otherwise}.`,
  )
}
