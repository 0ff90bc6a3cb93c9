// The audit log: listed, proved, exported, pruned.

import { feature } from '../../doors/http/feature.ts'
import { guards } from './guards.ts'
import { auditHandlers } from './handlers.ts'
import type { Needs } from './needs.ts'
import { auditRoutes } from './routes.ts'

export const audit = feature({
  routes: auditRoutes,
  handlers: auditHandlers,
  open: (needs: Needs) => needs,
  guards,
})
