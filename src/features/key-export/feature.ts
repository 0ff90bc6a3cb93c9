// Exports of an instance's keys, for recipients outside.

import { feature } from '../../doors/http/feature.ts'
import { guards } from './guards.ts'
import { keyExportHandlers } from './handlers.ts'
import { KeyExports } from './jobs.ts'
import type { Exporting, Needs } from './needs.ts'
import { keyExportRoutes } from './routes.ts'

export const keyExport = feature({
  routes: keyExportRoutes,
  handlers: keyExportHandlers,
  open: ({ clock, keys, log, version }: Needs): Exporting => {
    const failed = (error: unknown) => log.error({ error }, 'export keys')
    return { keys, version, keyExports: new KeyExports({ keys, clock, failed }) }
  },
  guards,
})
