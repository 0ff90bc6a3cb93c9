// Logins of people through an identity provider, and the sessions of the console.

import { feature } from '../../doors/http/feature.ts'
import { loginHandlers } from './handlers.ts'
import type { Needs } from './needs.ts'
import { loginRoutes } from './routes.ts'
import { sessionHandlers } from './session-handlers.ts'
import { sessionRoutes } from './session-routes.ts'

export const login = feature({
  routes: { ...sessionRoutes, ...loginRoutes },
  handlers: { ...sessionHandlers, ...loginHandlers },
  examples: () => import('./examples.ts'),
  open: (needs: Needs) => needs,
})
