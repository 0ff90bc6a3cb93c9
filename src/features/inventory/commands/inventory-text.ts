// Inventories as text: what there is, how old it is, and what it says in sum.

import type { Output } from '../../../doors/http/route.ts'
import { ageText } from '../../../base/text/inventory-age.ts'
import { facts, table } from '../../../doors/cli/text/output.ts'
import { shortTime } from '../../../doors/cli/text/time.ts'
import type { inventoryRoutes } from '../routes.ts'

type Summary = Output<typeof inventoryRoutes.showInventory>
type Inventory = Summary['inventories'][number]

/** `the inventory of vc-1, taken 2 days ago`. */
export function inventoryName({ vcenter, taken }: Inventory): string {
  return `${vcenter === '' ? 'the inventory' : `the inventory of ${vcenter}`}, taken ${shortTime(taken)}`
}

export function inventoryTable(inventories: readonly Inventory[], nowMs: number): string {
  const rows = inventories.map(({ vcenter, taken, old, rows: count }) => {
    const age = `${ageText(Date.parse(taken), nowMs)}${old ? ' (old)' : ''}`
    return [vcenter, shortTime(taken), age, String(count)]
  })
  return table(['VCENTER', 'TAKEN', 'AGE', 'ROWS'], rows)
}

/** `unused`: keys that no machine uses, where they were counted. */
export function summaryText(summary: Summary, nowMs: number, unused?: number): string {
  const { machines, usedBy, missing, destroyed, elsewhere, providers, inventories } = summary
  const old = inventories.filter((one) => one.old)
  const oldest = Math.min(...old.map(({ taken }) => Date.parse(taken)))
  return facts([
    ['Machines', String(machines)],
    ['Key is here', String(usedBy?.machines ?? 0)],
    ['Key is missing here', String(missing)],
    ['Key was destroyed here', String(destroyed)],
    ['At another provider', String(elsewhere)],
    ...(unused === undefined ? [] : ([['Keys that no machine uses', String(unused)]] as const)),
    ['Providers in vCenter', providers.map(providerText).join(', ')],
    ...(old.length === 0
      ? []
      : ([
          ['Old', `taken ${ageText(oldest, nowMs)}: machines made since are not in it; import a new one`],
        ] as const)),
  ])
}

function providerText({ provider, machines, ours, vcenter }: Summary['providers'][number]): string {
  const name = provider === '' ? 'not named' : provider
  const where = vcenter === '' ? '' : ` at ${vcenter}`
  return `${name}${where} (${ours ? 'this instance' : 'another'}, ${String(machines)})`
}
