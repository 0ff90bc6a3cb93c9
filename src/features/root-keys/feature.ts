// Root keys: the list of a service, copies of root key files, standard keys that are left.

import { feature } from '../../doors/http/feature.ts'
import { rootKeyCopyHandlers } from './copies-handlers.ts'
import { rootKeyHandlers } from './handlers.ts'
import type { Needs } from './needs.ts'
import { rootKeyRoutes } from './routes.ts'

export const rootKeys = feature({
  routes: rootKeyRoutes,
  handlers: { ...rootKeyHandlers, ...rootKeyCopyHandlers },
  open: (needs: Needs) => needs,
})
