// Inventories: the machines that use keys, as a vCenter says.

import { inventoryConditions, inventoryFacts } from './conditions.ts'
import { feature } from '../../doors/http/feature.ts'
import { inventoryHandlers } from './handlers.ts'
import type { Needs } from './needs.ts'
import { inventoryRoutes } from './routes.ts'

export const inventory = feature({
  routes: inventoryRoutes,
  handlers: inventoryHandlers,
  open: (needs: Needs) => needs,
  plugs: ({ inventories }) => ({
    keyUses: {
      uses: (...asked) => inventories.uses(...asked),
      keysOfMachines: (...asked) => inventories.keysOfMachines(...asked),
      useOf: async (instanceId) => (await inventories.summary(instanceId))?.use ?? null,
    },
  }),
  conditions: inventoryConditions,
  facts: ({ inventories }, common) => inventoryFacts(inventories, common),
})
