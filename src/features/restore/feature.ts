// Restores of an instance into this server, from a backup or from standard keys.

import { feature } from '../../doors/http/feature.ts'
import { guards } from './guards.ts'
import { restoreHandlers } from './handlers.ts'
import type { Needs, RestoreService } from './needs.ts'
import { openRestores } from './restores.ts'
import { restoreRoutes } from './routes.ts'

export const restore = feature({
  routes: restoreRoutes,
  open: async ({ rootKeys, ...needs }: Needs, opened: AsyncDisposableStack): Promise<RestoreService> => ({
    rootKeys,
    leases: needs.leases,
    restores: await openRestores(needs, opened),
  }),
  handlers: restoreHandlers,
  guards,
})
