// A change of a vCenter may need a second person. The asker repeats the request once it is approved, since its password is kept nowhere.

import type { Guards } from '../../doors/http/feature.ts'
import { ofInstance } from '../../doors/http/guard.ts'
import { requireAllInstances } from './handlers.ts'
import { countsOf } from './rekey/campaign.ts'
import type { VcenterService } from './needs.ts'
import { plannedCampaign } from './rekey/handlers.ts'
import type { allVcenterRoutes } from './rekey-routes.ts'
import { planOf } from './plan.ts'

export const guards: Guards<typeof allVcenterRoutes, VcenterService> = {
  connectVcenter: {
    acts: ({ body }) => (body.dryRun ? [] : ['vcenter change']),
    reach: ofInstance,
    facts: async (context, { asker, instance, params, body }) => {
      const { vcenter, plan, addresses } = await planOf(context, instance, params.vcenter, body)
      requireAllInstances(asker)
      return {
        Instance: instance.name,
        vCenter: `${vcenter.host}:${vcenter.port}`,
        'User there': body.user,
        'Key provider': plan.provider,
        'Addresses of this server': addresses.join(', '),
        'How this server trusts vCenter': plan.client,
        'Default provider': plan.makeDefault ? 'this one, from then on' : 'as it is',
      }
    },
    secrets: ['password'],
    isRepeated: true,
  },
  beginRekey: {
    acts: () => ['vcenter change'],
    reach: ofInstance,
    facts: async (context, { asker, instance, params, body }) => {
      const { vcenter, campaign } = await plannedCampaign(context, instance, params.vcenter, body.plan)
      requireAllInstances(asker)
      const { choices, hash } = campaign
      const items = await context.campaigns.items(campaign)
      return {
        Instance: instance.name,
        vCenter: `${vcenter.host}:${vcenter.port}`,
        'User there': body.login.user,
        Machines: choices.machines.join(', '),
        'How many get new keys': String(countsOf(items).planned),
        'All data is encrypted again': choices.isDeep ? 'yes' : 'no',
        'Key provider': choices.provider,
        'New keys are used before a backup elsewhere has them': choices.withoutCopy ? 'yes' : 'no',
        Plan: hash,
      }
    },
    secrets: ['login'],
    isRepeated: true,
  },
}
