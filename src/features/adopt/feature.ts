// Adoption of keys from another server, and the upstream that an instance asks for what is unknown here.

import { upstreamConditionFacts, upstreamConditions, upstreamGauges } from './conditions.ts'
import { feature } from '../../doors/http/feature.ts'
import { adoptionHandlers } from './handlers.ts'
import type { Needs } from './needs.ts'
import { adoptionRoutes } from './routes.ts'
import { shownUpstream } from './shown-upstream.ts'
import { upstreamHandlers } from './upstream-handlers.ts'
import { upstreamRoutes } from './upstream-routes.ts'

export const adopt = feature({
  routes: { ...adoptionRoutes, ...upstreamRoutes },
  handlers: { ...adoptionHandlers, ...upstreamHandlers },
  open: (needs: Needs) => needs,
  plugs: (own) => ({ upstreamOf: (asker, instance) => shownUpstream(own, asker, instance) }),
  conditions: upstreamConditions,
  facts: upstreamConditionFacts,
  gauges: upstreamGauges,
})
