// Conditions of inventories: machines whose key is missing.

import { ageText, isOld } from '../../base/text/inventory-age.ts'
import type { CommonFacts } from '../../core/conditions/conditions.ts'
import type { ConditionLines, Occurrence } from '../../core/conditions/line.ts'
import type { Instance } from '../../core/trust/rows.ts'
import type { Inventories, InventorySummary } from './inventories.ts'

/** As last counted, at most inventoryLookEveryMs ago. */
export interface InventoryFacts extends Pick<InventorySummary, 'missing' | 'destroyed'> {
  readonly instance: Pick<Instance, 'id' | 'name'>
  readonly takenMs: number
}

export const inventoryConditions = {
  'machine-key-missing': {
    severity: 'warning',
    meaning:
      'Machines of vCenter use keys that this instance does not have, or that were destroyed here, as an imported inventory says. They run until they are restarted.',
    action:
      'See which: mortise inventory report --instance NAME. Adopt the keys from the server that has them (docs/adopt.md), or restore them from a backup. If these machines are gone, import a new inventory. The server counts every five minutes.',
    find: missingKeys,
  },
} as const satisfies ConditionLines<MissingFacts>

export interface MissingFacts extends CommonFacts {
  readonly inventories: readonly InventoryFacts[]
}

export function inventoryFacts(inventories: Pick<Inventories, 'known'>, common: CommonFacts): MissingFacts {
  const known = [...common.trust.tables.instance.values()].flatMap(
    ({ id, name }): readonly InventoryFacts[] => {
      const summary = inventories.known().get(id)
      if (!summary) return []
      const { missing, destroyed } = summary
      const takenMs = Math.min(...summary.inventories.map((one) => one.takenMs))
      return [{ instance: { id, name }, missing, destroyed, takenMs }]
    },
  )
  return { ...common, inventories: known }
}

function missingKeys({ inventories, nowMs }: MissingFacts): readonly Occurrence[] {
  return inventories.flatMap(({ instance: { id, name }, missing, destroyed, takenMs }) => {
    const sentences = [
      ...(missing > 0 ? [`${machinesUse(missing)} missing in`] : []),
      ...(destroyed > 0 ? [`${machinesUse(destroyed)} destroyed in`] : []),
    ]
    if (sentences.length === 0) return []
    const old = isOld(takenMs, nowMs) ? ', an old inventory' : ''
    const message = `${sentences.join(' the instance, and ')} the instance ${name}, as of ${ageText(takenMs, nowMs)}${old}`
    return [{ instanceId: id, about: '', message }]
  })
}

function machinesUse(count: number): string {
  return count === 1 ? 'a machine uses a key that is' : `${String(count)} machines use a key that is`
}
