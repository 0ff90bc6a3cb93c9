// Pruning the audit log may need a second person.

import type { Guards } from '../../doors/http/feature.ts'
import { serverReach } from '../../doors/http/guard.ts'
import type { Needs } from './needs.ts'
import type { auditRoutes } from './routes.ts'
import { requirePrunable } from './handlers.ts'

export const guards: Guards<typeof auditRoutes, Needs> = {
  pruneAudit: {
    acts: () => ['audit prune'],
    reach: serverReach,
    facts: async (context, { body }) => {
      await requirePrunable(context, body)
      return { 'Entries before': body.before }
    },
    isLong: true,
  },
}
