// `mortise inventory ...`: which machine uses which key, as a vCenter says. docs/inventory.md has the commands that write the
// file.

import { command } from '../../../doors/cli/route-command.ts'
import { counted } from '../../../base/text/counted.ts'
import { shellWord } from '../../../base/text/shell-word.ts'
import { instanceFlag, noun, verb } from '../../../doors/cli/command.ts'
import { importFile } from './inventory-import.ts'
import { reportCommand } from './inventory-report.ts'
import { inventoryName, inventoryTable, summaryText } from './inventory-text.ts'
import { instanceOf } from '../../../doors/cli/text/names.ts'
import { plain } from '../../../doors/cli/text/output.ts'
import { timeHelp } from '../../../doors/cli/text/time.ts'
import { inventoryRoutes } from '../routes.ts'

export const inventoryCommands = noun('inventory', 'which machine uses which key, as vCenter says', () => [
  importCommand,
  showCommand,
  reportCommand,
  removeCommand,
])

interface InInstance {
  readonly instance?: string
}

export interface ImportOptions extends InInstance {
  readonly vcenter?: string
  readonly taken?: string
}

const vcenterFlag = [
  '--vcenter <name>',
  "the vCenter that it is of, for an instance that several use (default: the file's column vcenter)",
] as const

const importCommand = verb<ImportOptions>({
  words: 'import <file>',
  summary:
    'import a list of machines and their keys (CSV or JSON, see docs/inventory.md; - is standard input), in place of the former one of the same vCenter',
  flags: [
    instanceFlag,
    vcenterFlag,
    ['--taken <time>', `when vCenter said it (default: the file's column taken, or its time): ${timeHelp}`],
  ],
  examples: [
    'inventory import keys.csv --instance production',
    'inventory import keys.json --instance production --vcenter vc-1',
  ],
  action: async (run, options, file = '') => {
    const admin = await run.client()
    const instance = await instanceOf(admin, options.instance)
    const done = await importFile(run, admin, instance, { ...options, file })
    const summary = await admin.call(inventoryRoutes.showInventory, { instance })
    const { inventory, withoutKey } = done
    run.show({ inventory, withoutKey, ...summary }, () => {
      const skipped =
        withoutKey === 0
          ? ''
          : `, and ${counted(withoutKey, 'without a key was', 'without a key were')} left out`
      return `${plain`Imported: ${inventoryName(inventory)}, ${counted(inventory.rows, 'row')}${skipped}.`}\n\n${summaryText(summary, run.world.now())}`
    })
    run.tell(
      `\nNext: ${run.next(`inventory report --instance ${shellWord(options.instance ?? instance)}`)}\n`,
    )
  },
})

const showCommand = command(inventoryRoutes.showInventory, {
  words: 'show',
  summary: 'the imported inventories of an instance, and what they say in sum',
  examples: ['inventory show --instance production'],
  view: (summary, { run }) => {
    if (summary.inventories.length === 0) return 'No inventory was imported: mortise inventory import FILE\n'
    const nowMs = run.world.now()
    return `${inventoryTable(summary.inventories, nowMs)}\n${summaryText(summary, nowMs)}`
  },
})

const removeCommand = command(inventoryRoutes.removeInventory, {
  words: 'remove',
  summary: 'remove the inventory of a vCenter; no key is touched',
  fields: { vcenter: ['--vcenter <name>', 'the vCenter that it is of (default: the one without a name)'] },
  examples: ['inventory remove --instance production --vcenter vc-1'],
  view: (removed) => plain`Removed: ${inventoryName(removed)}, ${counted(removed.rows, 'row')}.\n`,
})
