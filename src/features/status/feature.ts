// The state of the server: status, health, metrics, and the reload of its configuration. The conditions of the server itself are in
// conditions/, each file with what it needs.

import { feature } from '../../doors/http/feature.ts'
import { statusHandlers } from './handlers.ts'
import { healthHandlers } from './health-handlers.ts'
import type { Needs } from './needs.ts'
import { statusRoutes } from './routes.ts'

export const status = feature({
  routes: statusRoutes,
  open: (needs: Needs) => needs,
  handlers: { ...healthHandlers, ...statusHandlers },
})
