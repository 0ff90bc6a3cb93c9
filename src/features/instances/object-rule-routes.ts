// The part of the route table that is about the rules for new objects, which clients of an instance set by Set Defaults and
// Set Constraints. An administrator sees and clears them; to state rules is for clients.

import { z } from 'zod'
import { shownAttributes } from '../../doors/http/schemas.ts'
import { instancePath, route } from '../../doors/http/route.ts'

const ObjectRule = z
  .object({
    objectTypes: z.array(z.string()).meta({ description: 'Empty: objects of every type.' }),
    objectGroups: z.array(z.string()).meta({ description: 'Empty: objects of any group and of none.' }),
    attributes: shownAttributes.meta({
      description:
        'The values that such a new object gets (defaults), or of which it must have one (constraints).',
    }),
  })
  .meta({ id: 'ObjectRule' })

const viewer = { method: 'get', role: 'viewer', scope: 'instance', answer: z.array(ObjectRule) } as const
const manager = {
  method: 'delete',
  role: 'manager',
  scope: 'instance',
  answer: z.object({ removed: z.array(ObjectRule) }),
} as const
export const objectRuleRoutes = {
  listDefaults: route({
    path: `${instancePath}/defaults`,
    ...viewer,
    summary: 'What new objects get where their requests are silent, as clients said by Set Defaults',
  }),
  clearDefaults: route({
    path: `${instancePath}/defaults`,
    ...manager,
    summary: 'Remove all defaults: new objects get what their requests say',
  }),
  listConstraints: route({
    path: `${instancePath}/constraints`,
    ...viewer,
    summary: 'What objects that clients make or bring must have, as clients said by Set Constraints',
  }),
  clearConstraints: route({
    path: `${instancePath}/constraints`,
    ...manager,
    summary: 'Remove all constraints: clients make and bring any objects again',
  }),
} as const
