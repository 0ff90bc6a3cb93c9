// Clients: trusted, pending, blocked.

import { feature } from '../../doors/http/feature.ts'
import { clientHandlers } from './handlers.ts'
import type { Needs } from './needs.ts'
import { pendingHandlers } from './pending-handlers.ts'
import { clientRoutes } from './routes.ts'
import { clientsSeen } from './shown-client.ts'

export const clients = feature({
  routes: clientRoutes,
  handlers: { ...clientHandlers, ...pendingHandlers },
  open: (needs: Needs) => needs,
  plugs: (needs) => ({ clientsSeen: async (instanceId) => clientsSeen(needs, instanceId) }),
})
