// Sessions of the console and of people who logged in, and who the asker is.

import { feature } from '../../doors/http/feature.ts'
import { sessionHandlers } from './handlers.ts'
import type { Needs } from './needs.ts'
import { sessionRoutes } from './routes.ts'

export const sessions = feature({
  routes: sessionRoutes,
  handlers: sessionHandlers,
  open: (needs: Needs) => needs,
})
