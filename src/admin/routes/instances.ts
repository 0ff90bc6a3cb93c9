// Instances: what there is.

import type { Instance } from '../../keys/trust-rows.ts'
import type { Handlers } from '../context.ts'
import { isoTime } from '../shown.ts'

export const instanceHandlers: Handlers<'listInstances' | 'showInstance'> = {
  listInstances: async ({ access }, { asker }) => {
    const all = await access.instances()
    return all.filter(({ id }) => asker.instanceId === null || asker.instanceId === id).map(shownInstance)
  },

  showInstance: async ({ store }, { instance }) => ({
    ...shownInstance(instance),
    objects: { ...(await store.objectCounts(instance.id)) },
  }),
}

function shownInstance({ rootKeyUri, createdMs, ...instance }: Instance) {
  return { ...instance, rootKey: rootKeyUri, created: isoTime(createdMs) }
}
