// Exports of an instance's keys, for recipients outside.

import { feature } from '../../doors/http/feature.ts'
import { guards } from './guards.ts'
import { keyExportHandlers } from './handlers.ts'
import type { Needs } from './needs.ts'
import { keyExportRoutes } from './routes.ts'

export const keyExport = feature({
  routes: keyExportRoutes,
  handlers: keyExportHandlers,
  open: (needs: Needs) => needs,
  guards,
})
