// vCenters that this server works with by their own API.

import { feature } from '../../doors/http/feature.ts'
import { vcenterConditions, vcenterFacts } from './conditions.ts'
import { guards } from './guards.ts'
import { vcenterHandlers } from './handlers.ts'
import { VcenterLogins } from './logins.ts'
import { vcenterJobs } from './jobs.ts'
import type { Needs, VcenterService } from './needs.ts'
import { Readings } from './readings.ts'
import { vcenterRoutes } from './routes.ts'
import { Vcenters } from './vcenters.ts'

export const vcenterFeature = feature({
  routes: vcenterRoutes,
  handlers: vcenterHandlers,
  guards,
  open: ({ secrets, log, ...needs }: Needs, opened: AsyncDisposableStack): VcenterService => {
    const failed = (error: unknown) => log.error({ error }, 'work with a vCenter')
    const { connects, reads, stop } = vcenterJobs(failed)
    opened.defer(stop)
    const [vcenters, logins] = [new Vcenters(secrets), new VcenterLogins(secrets)]
    const readings = new Readings({ ...needs, vcenters, logins, failed })
    opened.defer(() => readings.stop())
    return { ...needs, vcenters, logins, readings, connects, reads }
  },
  conditions: vcenterConditions,
  facts: vcenterFacts,
  start: ({ readings }) => readings.start(),
})
