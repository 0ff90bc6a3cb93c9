// Acts that need a second person.

import { approvalConditions, approvalFacts } from './conditions.ts'
import { feature } from '../../doors/http/feature.ts'
import { askForApproval } from './approvals.ts'
import { openApprovals } from './guard.ts'
import { approvalHandlers } from './handlers.ts'
import { waitingAnswer } from '../../doors/http/waiting-answer.ts'
import { approvalRoutes } from './routes.ts'

export const approvals = feature({
  routes: approvalRoutes,
  handlers: approvalHandlers,
  open: openApprovals,
  plugs: (own) => ({
    approvals: {
      acts: own.acts,
      look: own.look,
      gate: async (name, route, request) => {
        const waits = await askForApproval(own, name, route, request)
        return waits && waitingAnswer.parse(waits)
      },
    },
  }),
  start: ({ approvedActs }) => approvedActs.start(),
  conditions: approvalConditions,
  facts: approvalFacts,
})
