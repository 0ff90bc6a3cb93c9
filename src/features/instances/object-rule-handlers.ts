// The rules that clients of an instance set for new objects, as an administrator sees and clears them. Clearing is the act
// that a client would do, with the administrator in the audit.

import type { RuleActs } from '../../core/keys/rule-acts.ts'
import { readRules, type ObjectRule } from '../../core/keys/object/object-rules.ts'
import type { Needs } from './needs.ts'
import type { Handlers } from '../../doors/http/feature.ts'
import type { objectRuleRoutes } from './object-rule-routes.ts'
import type { RouteRequest } from '../../doors/http/route-request.ts'
import { shownAttributes } from '../../doors/http/views/shown.ts'

export const objectRuleHandlers = {
  listDefaults: async (_context, { instance }) => readRules(instance.objectDefaults).map(shown),

  clearDefaults: async (context, request) => clear(context, request, async (rules) => rules.setDefaults([])),

  listConstraints: async (_context, { instance }) => readRules(instance.objectConstraints).map(shown),

  clearConstraints: async (context, request) =>
    clear(context, request, async (rules) => rules.setConstraints([])),
} satisfies Handlers<typeof objectRuleRoutes, Needs>

async function clear(
  { keys }: Needs,
  { asker, instance }: Pick<RouteRequest<(typeof objectRuleRoutes)['clearDefaults']>, 'asker' | 'instance'>,
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
