// Examples of requests that wait for a second person, for the description of the admin API.

import type { Examples } from '../../doors/http/example.ts'
import { waitingSample as waiting } from '../../doors/http/samples.ts'
import type { approvalRoutes } from './routes.ts'

const decided = {
  ...waiting,
  decidedBy: {
    person: 'bob',
    token: null,
    subject: 'https://login.example.com/realms/staff#9a0364b9-5f0e-4a0c-8d53-1c2f1a7b9e02',
  },
  decided: '2026-03-01T12:20:00.000Z',
  mayApprove: false,
  approvers: [],
  approverGroups: [],
}

export const examples: Examples<typeof approvalRoutes> = {
  listApprovals: { answer: [waiting] },
  showApproval: { answer: waiting },
  approve: { answer: { ...decided, state: 'done' as const } },
  refuseApproval: {
    body: { reason: 'the host is still in use' },
    answer: { ...decided, state: 'refused' as const, reason: 'the host is still in use' },
  },
  cancelApproval: { answer: { ...decided, state: 'cancelled' as const, isMine: true } },
}
