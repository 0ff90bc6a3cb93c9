// The acts of opening, which may need a second person. One manager alone closes.

import type { Guards } from '../../doors/http/feature.ts'
import { ofInstance, serverReach, type ActFacts } from '../../doors/http/guard.ts'
import { isoTime } from '../../doors/http/views/shown.ts'
import { closingOf, serverClosing } from '../../core/trust/closings.ts'
import type { InstanceClosing } from '../../core/trust/rows.ts'
import type { Needs } from './needs.ts'
import type { closingRoutes } from './routes.ts'

export const guards: Guards<typeof closingRoutes, Needs> = {
  openInstance: {
    acts: ({ instance }) => (closingOf(instance) ? ['instance open'] : []),
    reach: ofInstance,
    facts: async (_context, { instance: { name, closed } }) => ({
      'Instance that is opened': name,
      ...factsOf(closed),
    }),
  },
  openServer: {
    acts: () => ['instance open'],
    reach: serverReach,
    facts: async ({ access }) => ({
      'What is opened': 'the server, with all instances that were closed with it',
      ...factsOf(serverClosing(await access.instances())),
    }),
  },
}

function factsOf(closing: InstanceClosing | undefined): ActFacts {
  if (!closing) return {}
  return { 'Closed by': closing.by, 'Closed at': isoTime(closing.atMs), 'Closed because': closing.reason }
}
