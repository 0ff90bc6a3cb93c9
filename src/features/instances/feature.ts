// Instances, the work on their keys, and their rules for new objects.

import { feature } from '../../doors/http/feature.ts'
import { guards } from './guards.ts'
import { instanceHandlers } from './handlers.ts'
import type { Needs } from './needs.ts'
import { objectRuleHandlers } from './object-rule-handlers.ts'
import { objectRuleRoutes } from './object-rule-routes.ts'
import { instanceRoutes } from './routes.ts'
import { instanceWorkHandlers } from './work-handlers.ts'

export const instances = feature({
  routes: { ...instanceRoutes, ...objectRuleRoutes },
  handlers: { ...instanceHandlers, ...instanceWorkHandlers, ...objectRuleHandlers },
  open: (needs: Needs) => needs,
  guards,
})
