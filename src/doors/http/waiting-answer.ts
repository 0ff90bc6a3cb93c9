// The answer to a request that waits for a second person, which any route may give, and the route that says what became of it. The
// client of the admin API follows both.

import { z } from 'zod'
import { guardedActs } from '../../core/ports/guarded-acts.ts'
import { approvalStates } from '../../core/trust/approval.ts'
import { route } from './route.ts'
import { time } from './schemas.ts'

const Party = z.object({
  person: z.string().meta({
    description:
      'The owner of the token, or the name that the identity provider shows, which people may choose.',
  }),
  token: z.string().nullable().meta({ description: "The token's name; null: they were logged in." }),
  subject: z.string().nullable().default(null).meta({
    description: 'Who it is at the identity provider: issuer#subject; null: they used a token.',
  }),
})

/** A request that waits for a second person, or waited for one. */
export const WaitingApproval = z
  .object({
    id: z.string(),
    act: z.enum(guardedActs),
    state: z.enum(approvalStates).meta({
      description:
        'waiting: for a second person. approved: being carried out, or, if it is repeated, until the asker sends the same request again. done: carried out. failed: not carried out, and never will be. refused, cancelled, ended (no second person decided in time, or the token or session that asked was ended): nothing was done.',
    }),
    instance: z
      .object({ id: z.string(), name: z.string() })
      .nullable()
      .meta({ description: 'The person who decides must reach it; null: all instances.' }),
    facts: z.array(z.object({ name: z.string(), value: z.string() })).meta({
      description: 'What both people decide on. If any of it has changed, the act is not carried out.',
    }),
    request: z.record(z.string(), z.unknown()).meta({
      description: 'The route and every parameter, as the person who asked sent them, but for secrets.',
    }),
    askedBy: Party,
    asked: time,
    ends: time.meta({ description: 'If no second person has decided by then, nothing is done.' }),
    decidedBy: Party.nullable(),
    decided: time.nullable(),
    reason: z.string().nullable().meta({ description: 'Why it was refused, or failed.' }),
    repeated: z.boolean().default(false).meta({
      description:
        'Whether the act is carried out when the asker sends the same request again after the approval, once and before it ends: its answer is a download.',
    }),
    isMine: z.boolean().meta({ description: 'Whether the person who looks asked for it.' }),
    mayApprove: z.boolean().meta({ description: 'Whether the person who looks may approve it.' }),
    whyNot: z.string().nullable(),
    approvers: z.array(z.string()).meta({
      description: 'The owners of tokens that may approve it now, and people who are logged in and may.',
    }),
    approverGroups: z.array(z.string()).default([]).meta({
      description: 'Groups of the identity provider whose members may approve it once they log in.',
    }),
    result: z.unknown().meta({
      description: 'What the route answered when the act was carried out; null: it is not known any more.',
    }),
  })
  .meta({ id: 'Approval' })

/** The answer to a request that waits for a second person, with the status 202. */
export const waitingAnswer = z
  .object({
    approval: WaitingApproval,
    token: z.string().nullable().meta({
      description:
        'The text of the token that was asked for: it is in this answer and nowhere else, and works once the request is approved. null: no token was asked for.',
    }),
  })
  .meta({ id: 'WaitsForApproval' })

export const showApproval = route({
  method: 'get',
  path: '/api/v1/approvals/{approval}',
  role: 'viewer',
  scope: 'any',
  summary: 'One request, with what would be done',
  answer: WaitingApproval,
})
