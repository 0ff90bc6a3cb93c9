// The rules that clients of an instance set for new objects, as an administrator sees and clears them. Clearing is the act
// that a client would do, with the administrator in the audit.

import type { RuleActs } from '../../core/keys/rule-acts.ts'
import { readRules, type ObjectRule } from '../../core/keys/object/object-rules.ts'
import type { AdminContext, Asked, SomeHandlers } from '../../doors/http/context.ts'
import { shownAttributes } from '../../doors/http/views/shown.ts'

export const objectRuleHandlers = {
  listDefaults: async (_context, { instance }) => readRules(instance.objectDefaults).map(shown),

  clearDefaults: async (context, asked) => clear(context, asked, async (rules) => rules.setDefaults([])),

  listConstraints: async (_context, { instance }) => readRules(instance.objectConstraints).map(shown),

  clearConstraints: async (context, asked) =>
    clear(context, asked, async (rules) => rules.setConstraints([])),
} satisfies SomeHandlers

async function clear(
  { keys }: AdminContext,
  { asker, instance }: Pick<Asked<'clearDefaults'>, 'asker' | 'instance'>,
  act: (rules: RuleActs) => Promise<readonly ObjectRule[]>,
) {
  const removed = await keys.perform(
    async () => asker.identify(instance.id),
    async ({ rules }) => act(rules),
  )
  return { removed: removed.map(shown) }
}

function shown({ objectTypes, objectGroups, attributes }: ObjectRule) {
  return {
    objectTypes: [...objectTypes],
    objectGroups: [...objectGroups],
    attributes: shownAttributes(attributes),
  }
}
