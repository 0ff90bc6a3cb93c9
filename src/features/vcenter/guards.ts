// A change of a vCenter may need a second person. The asker repeats the request once it is approved, since its password is kept nowhere.

import type { Guards } from '../../doors/http/feature.ts'
import { ofInstance } from '../../doors/http/guard.ts'
import { requireAllInstances } from './handlers.ts'
import { countsOf } from './rekey/campaign.ts'
import type { VcenterService } from './needs.ts'
import { plannedCampaign } from './rekey/handlers.ts'
import type { allVcenterRoutes } from './rekey-routes.ts'
import { planOf } from './plan.ts'
import { switchPlanOf, switchedOf } from './switch/handlers.ts'
import { addressOf } from './common-steps.ts'
import { addressText } from '../../base/kmip-address.ts'

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
  switchVcenter: {
    acts: ({ body }) => (body.dryRun ? [] : ['vcenter change']),
    reach: ofInstance,
    facts: async (context, { asker, instance, params, body }) => {
      const { vcenter, plan } = await switchPlanOf(context, instance, params.vcenter, body)
      requireAllInstances(asker)
      return {
        Instance: instance.name,
        vCenter: `${vcenter.host}:${vcenter.port}`,
        'User there': body.user,
        'Key provider whose servers this server replaces': plan.provider,
        'Addresses of this server': plan.addresses.map(addressText).join(', '),
        'Without an upstream': body.withoutUpstream ? 'yes' : 'no',
      }
    },
    secrets: ['password'],
    isRepeated: true,
  },
  switchBack: {
    acts: ({ body }) => (body.dryRun ? [] : ['vcenter change']),
    reach: ofInstance,
    facts: async (context, { asker, instance, params, body }) => {
      const { vcenter, switched } = await switchedOf(context, instance, params.vcenter)
      requireAllInstances(asker)
      return {
        Instance: instance.name,
        vCenter: `${vcenter.host}:${vcenter.port}`,
        'User there': body.user,
        'Key provider that gets its old servers again': switched.provider,
        'Old servers': switched.servers.map(addressOf).join(', '),
      }
    },
    secrets: ['password'],
    isRepeated: true,
  },
  switchFinish: {
    acts: ({ body }) => (body.dryRun ? [] : ['vcenter change']),
    reach: ofInstance,
    facts: async (context, { asker, instance, params }) => {
      const { vcenter, switched } = await switchedOf(context, instance, params.vcenter)
      requireAllInstances(asker)
      return {
        Instance: instance.name,
        vCenter: `${vcenter.host}:${vcenter.port}`,
        'Key provider that was changed over': switched.provider,
        'Upstream that is removed': instance.upstream?.servers.join(', ') ?? 'none',
      }
    },
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
        ...(choices.from !== undefined && { 'Only with keys of the key provider': choices.from }),
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
