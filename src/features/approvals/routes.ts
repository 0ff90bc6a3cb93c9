// The part of the route table about acts that wait for a second person.

import { z } from 'zod'
import { approvalKeptMs, approvalReasonCharactersMax } from '../../base/bounds.ts'
import { route } from '../../doors/http/route.ts'
import { WaitingApproval, showApproval } from '../../doors/http/waiting-answer.ts'

const path = '/api/v1/approvals'

export const approvalRoutes = {
  listApprovals: route({
    method: 'get',
    path,
    role: 'viewer',
    scope: 'any',
    summary:
      'Requests for acts that need a second person, newest first; a token of one instance sees those of its instance',
    query: z.strictObject({
      state: z
        .enum(['open', 'all'])
        .default('open')
        .meta({
          description: `open: those that wait or are being carried out. all: also those of the last ${approvalKeptMs / 86_400_000} days that are over.`,
        }),
    }),
    answer: z.array(WaitingApproval),
  }),
  showApproval,
  approve: route({
    method: 'post',
    path: `${path}/{approval}/approve`,
    role: 'manager',
    scope: 'any',
    summary: 'Approve an act that another person asked for: it is carried out once, as it was asked',
    answer: WaitingApproval,
    slow: true,
  }),
  refuseApproval: route({
    method: 'post',
    path: `${path}/{approval}/refuse`,
    role: 'manager',
    scope: 'any',
    summary: 'Refuse an act that a person asked for',
    body: z.strictObject({
      reason: z.string().trim().max(approvalReasonCharactersMax).default(''),
    }),
    answer: WaitingApproval,
  }),
  cancelApproval: route({
    method: 'post',
    path: `${path}/{approval}/cancel`,
    role: 'manager',
    scope: 'any',
    summary: 'Take back a request that waits, for the person who asked',
    answer: WaitingApproval,
  }),
} as const
