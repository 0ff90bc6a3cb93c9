// A change of a vCenter may need a second person. The asker repeats the request once it is approved, since its password is kept nowhere.

import type { Guards } from '../../doors/http/feature.ts'
import { ofInstance } from '../../doors/http/guard.ts'
import { requireAllInstances } from './handlers.ts'
import type { VcenterService } from './needs.ts'
import type { vcenterRoutes } from './routes.ts'
import { planOf } from './plan.ts'

export const guards: Guards<typeof vcenterRoutes, VcenterService> = {
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
}
