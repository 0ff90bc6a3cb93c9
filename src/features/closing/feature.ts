// InstanceClosing at once, and opening again.

import { feature } from '../../doors/http/feature.ts'
import { closingConditions } from './conditions.ts'
import { guards } from './guards.ts'
import { closingHandlers } from './handlers.ts'
import type { Needs } from './needs.ts'
import { closingRoutes } from './routes.ts'

export const closing = feature({
  routes: closingRoutes,
  handlers: closingHandlers,
  open: (needs: Needs) => needs,
  guards,
  conditions: closingConditions,
  facts: async (_own, common) => common,
})
