// The certificate of the server: shown, renewed, imported, switched.

import { feature } from '../../doors/http/feature.ts'
import { serverCertificateHandlers } from './handlers.ts'
import type { Needs } from './needs.ts'
import { certificateRoutes } from './routes.ts'

export const certificates = feature({
  routes: certificateRoutes,
  handlers: serverCertificateHandlers,
  open: (needs: Needs) => needs,
})
