// Commands of other features read here what an inventory says about an instance.

import type { CommandPlugs } from '../../doors/cli/plugs.ts'
import { inventoryRoutes } from './routes.ts'

/** The machines that use keys of the instance; null: no inventory was imported into it. */
export const machinesOf: CommandPlugs['machinesOf'] = async (admin, instance) => {
  const { usedBy } = await admin.call(inventoryRoutes.showInventory, { instance })
  return usedBy
}
