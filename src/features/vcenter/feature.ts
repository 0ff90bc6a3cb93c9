// vCenters that this server works with by their own API.

import { feature } from '../../doors/http/feature.ts'
import { vcenterConditions, vcenterFacts } from './conditions.ts'
import { VcenterFollowers } from './following.ts'
import { guards } from './guards.ts'
import { vcenterHandlers } from './handlers.ts'
import { VcenterLogins } from './logins.ts'
import { vcenterJobs } from './jobs.ts'
import type { Needs, VcenterService } from './needs.ts'
import { Readings } from './readings.ts'
import { Campaigns } from './rekey/campaigns.ts'
import { rekeyHandlers } from './rekey/handlers.ts'
import { switchHandlers } from './switch/handlers.ts'
import { RekeyRunner } from './rekey/rekey-runner.ts'
import { allVcenterRoutes } from './rekey-routes.ts'
import { Vcenters } from './vcenters.ts'

export const vcenterFeature = feature({
  routes: allVcenterRoutes,
  handlers: { ...vcenterHandlers, ...rekeyHandlers, ...switchHandlers },
  guards,
  open: ({ secrets, log, ...needs }: Needs, opened: AsyncDisposableStack): VcenterService => {
    const failed = (error: unknown) => log.error({ error }, 'work with a vCenter')
    const { stop, ...jobs } = vcenterJobs(failed)
    opened.defer(stop)
    const [vcenters, logins] = [new Vcenters(secrets), new VcenterLogins(secrets, 'vcenter-login')]
    const readings = new Readings({ ...needs, vcenters, logins, failed })
    opened.defer(() => readings.stop())
    const campaigns = new Campaigns(secrets)
    const campaignLogins = new VcenterLogins(secrets, 'vcenter-rekey-login')
    const runner = new RekeyRunner({ ...needs, vcenters, campaigns, logins: campaignLogins, failed })
    opened.defer(() => runner.stop())
    const following = new VcenterFollowers({ ...needs, logins, readings, failed })
    opened.defer(() => following.stop())
    return { ...needs, ...jobs, vcenters, logins, readings, following, campaigns, campaignLogins, runner }
  },
  conditions: vcenterConditions,
  facts: vcenterFacts,
  start: ({ readings, following, runner }) => {
    readings.start()
    following.start()
    runner.start()
  },
})
