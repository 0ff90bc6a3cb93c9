// Inventories: the machines that use keys, as a vCenter says.

import { inventoryConditions, inventoryFacts } from './conditions.ts'
import { feature } from '../../doors/http/feature.ts'
import { importRows, inventoryHandlers } from './handlers.ts'
import { Inventories } from './inventories.ts'
import type { InventoryService, Needs } from './needs.ts'
import { inventoryRoutes } from './routes.ts'

export const inventory = feature({
  routes: inventoryRoutes,
  handlers: inventoryHandlers,
  open: ({ clock, keys, leases, log, store }: Needs, opened: AsyncDisposableStack): InventoryService => {
    const failed = (error: unknown) => log.error({ error }, 'count machines whose key is missing')
    const inventories = new Inventories({ store, clock, leases, failed })
    opened.defer(() => inventories.stop())
    return { clock, keys, inventories }
  },
  plugs: ({ inventories }) => ({
    importInventory: (asker, about, rows) => importRows(inventories, asker, about, rows),
    keyUses: {
      uses: (...args) => inventories.uses(...args),
      keysOfMachines: (...args) => inventories.keysOfMachines(...args),
      useOf: async (instanceId) => (await inventories.summary(instanceId))?.use ?? null,
    },
  }),
  conditions: inventoryConditions,
  facts: ({ inventories }, common) => inventoryFacts(inventories, common),
  start: ({ inventories }) => inventories.start(),
})
