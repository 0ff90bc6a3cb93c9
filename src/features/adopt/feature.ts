// Adoption of keys from another server, and the upstream that an instance asks for what is unknown here.

import { upstreamConditionFacts, upstreamConditions, upstreamGauges, upstreamMetrics } from './conditions.ts'
import { feature } from '../../doors/http/feature.ts'
import { adoptionHandlers } from './handlers.ts'
import { Adoptions } from './jobs.ts'
import type { Adopting, Needs } from './needs.ts'
import { adoptionRoutes } from './routes.ts'
import { shownUpstream } from './shown-upstream.ts'
import { upstreamHandlers } from './upstream-handlers.ts'
import { upstreamRoutes } from './upstream-routes.ts'
import { upstreamCounters } from './upstreams.ts'

export const adoptFeature = feature({
  routes: { ...adoptionRoutes, ...upstreamRoutes },
  handlers: { ...adoptionHandlers, ...upstreamHandlers },
  open: (needs: Needs, opened: AsyncDisposableStack): Adopting => ({
    ...needs,
    upstreams: needs.kmip.adopt,
    adoptions: openAdoptions(needs, opened),
  }),
  plugs: (own) => ({
    upstreamOf: (asker, instance) => shownUpstream(own, asker, instance),
    takeOver: async (asker, instance, request) => {
      const { takeOver } = await import('./take-over.ts')
      return takeOver(own, asker, instance, request)
    },
    removeUpstream: async (asker, { id }) => void (await own.trust.upstreams.remove(asker.by, id)),
  }),
  conditions: upstreamConditions,
  facts: upstreamConditionFacts,
  metrics: { ...upstreamCounters, ...upstreamMetrics },
  gauges: upstreamGauges,
})

/** The code that adopts is loaded with the first adoption. */
function openAdoptions(
  { clock, leases, log, settings }: Pick<Needs, 'clock' | 'leases' | 'log' | 'settings'>,
  opened: AsyncDisposableStack,
): Adoptions {
  const adoptions = new Adoptions({
    adopt: async (parts, request) => {
      const { adopt } = await import('./adoption.ts')
      return leases.during('adoption', () => adopt({ ...parts, clock }, request))
    },
    adoptStandardKeys: async (parts, request) => {
      const [{ adoptStandardKeys }, { openStandardKeys }] = await Promise.all([
        import('./standard-keys.ts'),
        import('./foreign-keys.ts'),
      ])
      const all = { ...parts, clock, openStandardKeys: openStandardKeys(settings.now.ibm) }
      return leases.during('adoption', () => adoptStandardKeys(all, request))
    },
    failed: (error) => log.error({ error }, 'adopt from another server'),
  })
  opened.defer(() => adoptions.stop())
  return adoptions
}
