// Keys, as an administrator sees and changes them.

import { feature } from '../../doors/http/feature.ts'
import { guards } from './guards.ts'
import { keyHandlers } from './handlers.ts'
import type { Needs } from './needs.ts'
import { oneWayHandlers } from './one-way-handlers.ts'
import { keyRoutes } from './routes.ts'

export const keys = feature({
  routes: keyRoutes,
  handlers: { ...keyHandlers, ...oneWayHandlers },
  open: (needs: Needs) => needs,
  guards,
})
