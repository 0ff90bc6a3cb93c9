// `mortise instance defaults NAME` and `mortise instance constraints NAME`: what clients of an instance said of objects to come
// (KMIP 2.1 Set Defaults and Set Constraints). An administrator sees them, and clears those that get in the way.

import type { Output } from '../../../doors/http/route.ts'
import { verb, type MakeCommand } from '../../../doors/cli/command.ts'
import { attributeRows } from '../../keys/commands/key.ts'
import { instanceOf } from '../../../doors/cli/text/names.ts'
import { table } from '../../../doors/cli/text/output.ts'
import { objectRuleRoutes } from '../object-rule-routes.ts'

type Rule = Output<typeof objectRuleRoutes.listDefaults>[number]

const kinds = {
  defaults: {
    summary: 'what new objects get where a request is silent, as clients said by Set Defaults',
    empty: 'No defaults: new objects get what their requests say.\n',
    cleared: 'These defaults are removed: new objects no longer get them.\n',
    list: objectRuleRoutes.listDefaults,
    clear: objectRuleRoutes.clearDefaults,
  },
  constraints: {
    summary: 'what objects that clients make or bring must have, as clients said by Set Constraints',
    empty: 'No constraints: clients make and bring any objects.\n',
    cleared: 'These constraints are removed: nothing is refused because of them any more.\n',
    list: objectRuleRoutes.listConstraints,
    clear: objectRuleRoutes.clearConstraints,
  },
} as const

export function rulesCommand(kind: keyof typeof kinds): MakeCommand {
  const { summary, empty, cleared, list, clear } = kinds[kind]
  return verb<{ readonly clear?: boolean }>({
    words: `${kind} <name>`,
    summary,
    flags: [['--clear', `remove all ${kind} of the instance, and show them a last time`]],
    examples: [`instance ${kind} default`, `instance ${kind} default --clear`],
    action: async ({ client, show, tell }, options, name = '') => {
      const admin = await client()
      const instance = await instanceOf(admin, name)
      if (options.clear !== true) {
        const rules = await admin.call(list, { instance })
        return show(rules, () => (rules.length === 0 ? empty : rulesTable(rules)))
      }
      const { removed } = await admin.call(clear, { instance })
      show({ removed }, () => (removed.length === 0 ? empty : rulesTable(removed)))
      if (removed.length > 0) tell(`\n${cleared}`)
    },
  })
}

/** A line for each attribute of a rule; the types and groups stand in its first. */
function rulesTable(rules: readonly Rule[]): string {
  const rows = rules.flatMap(({ objectTypes, objectGroups, attributes }) =>
    (attributes.length === 0 ? [['', '']] : attributeRows(attributes)).map((cells, line) => [
      ...(line === 0 ? [objectTypes.join(', ') || 'all', objectGroups.join(', ') || 'any'] : [' ', ' ']),
      ...cells,
    ]),
  )
  return table(['TYPES', 'GROUPS', 'ATTRIBUTE', 'VALUE'], rows)
}
