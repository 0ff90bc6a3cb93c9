// vCenters that this server works with by their own API.

import { Refusal } from '../../base/refusal.ts'
import { feature } from '../../doors/http/feature.ts'
import type { ApiRequester } from '../../doors/http/route-request.ts'
import { vcenterEntry } from './audited.ts'
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
    const stored = { vcenters, logins, campaigns, campaignLogins }
    return { ...needs, ...jobs, ...stored, readings, following, runner, failed }
  },
  plugs: (own) => ({
    forgetInstance: (asker, instanceId) => forgetInstance(own, asker, instanceId),
  }),
  conditions: vcenterConditions,
  facts: vcenterFacts,
  start: ({ readings, following, runner }) => {
    readings.start()
    following.start()
    runner.start()
  },
})

/**
 * Forgets the vCenters of an instance that is gone, their passwords first. Never rejects, since no caller can repeat it. The runner ends a
 * campaign whose vCenter is gone.
 */
async function forgetInstance(
  context: Pick<VcenterService, 'campaigns' | 'campaignLogins' | 'clock' | 'failed' | 'logins' | 'vcenters'>,
  asker: Pick<ApiRequester, 'actor' | 'requestId'>,
  instanceId: string,
): Promise<void> {
  const { campaigns, campaignLogins, failed, logins, vcenters } = context
  try {
    for (const vcenter of await vcenters.of(instanceId)) {
      await logins.remove(vcenter.id)
      await campaignLogins.remove(vcenter.id)
      await vcenters.remove(vcenter, vcenterEntry(context, asker, vcenter, 'vcenter.remove'))
      await campaigns.forget(vcenter.id).catch(unlessItRuns)
    }
  } catch (error) {
    failed(error)
  }
}

function unlessItRuns(error: unknown): void {
  if (!(error instanceof Refusal)) throw error
}
