// The state of the server: status, health, metrics, and the reload of its configuration.

import { feature } from '../../doors/http/feature.ts'
import { statusFacts } from './conditions/facts.ts'
import { statusConditions } from './conditions/table.ts'
import { statusHandlers } from './handlers.ts'
import { healthHandlers } from './health-handlers.ts'
import type { Needs } from './needs.ts'
import { statusRoutes } from './routes.ts'

export const status = feature({
  routes: statusRoutes,
  open: (needs: Needs) => needs,
  handlers: { ...healthHandlers, ...statusHandlers },
  examples: () => import('./examples.ts'),
  conditions: statusConditions,
  facts: statusFacts,
})
