// vCenters that this server works with by their own API.

import { feature } from '../../doors/http/feature.ts'
import { guards } from './guards.ts'
import { vcenterHandlers } from './handlers.ts'
import { VcenterLogins } from './logins.ts'
import { vcenterJobs } from './jobs.ts'
import type { Needs, VcenterService } from './needs.ts'
import { vcenterRoutes } from './routes.ts'
import { Vcenters } from './vcenters.ts'

export const vcenterFeature = feature({
  routes: vcenterRoutes,
  handlers: vcenterHandlers,
  guards,
  open: ({ secrets, log, ...needs }: Needs, opened: AsyncDisposableStack): VcenterService => {
    const { connects, reads, stop } = vcenterJobs((error) => log.error({ error }, 'work with a vCenter'))
    opened.defer(stop)
    return { ...needs, vcenters: new Vcenters(secrets), logins: new VcenterLogins(secrets), connects, reads }
  },
})
