// The part of the route table about the tokens of this API.

import { z } from 'zod'
import { roles, route } from '../../doors/http/route.ts'
import { name, time } from '../../doors/http/schemas.ts'

/** The answer to a challenge that only the root key opens. */
export const challengeAnswer = z.strictObject({
  id: z.string().max(100),
  answer: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits'),
})

const tokenExpiryDaysMax = 3_650

const Token = z
  .object({
    id: z.string(),
    name: z.string(),
    role: z.enum(roles),
    // A server of an older version knows no owners.
    owner: z.string().nullable().default(null).meta({
      description: 'The person who uses it, as its creator said; null: a program, or no particular person.',
      example: 'alice',
    }),
    instance: z
      .object({ id: z.string(), name: z.string() })
      .nullable()
      .meta({ description: 'null: for all instances and the server itself.' }),
    created: time,
    expires: time.nullable(),
    expired: z.boolean(),
    lastUsed: time.nullable(),
    lastAddress: z.string().nullable(),
  })
  .meta({ id: 'Token' })

export const tokenRoutes = {
  listTokens: route({
    method: 'get',
    path: '/api/v1/tokens',
    role: 'viewer',
    scope: 'any',
    summary:
      'The tokens of the admin API, without their secrets; a token of one instance sees those of its instance',
    answer: z.array(Token),
  }),
  createToken: route({
    method: 'post',
    path: '/api/v1/tokens',
    role: 'manager',
    scope: 'any',
    guarded: true,
    summary: 'Create a token; its text is in this answer and nowhere else',
    body: z.strictObject({
      role: z.enum(roles),
      instance: z.string().min(1).max(1024).optional().meta({
        description: 'Id or name of the instance. Left out: all instances, or that of the token that asks.',
      }),
      name: name.optional().meta({
        description: 'As the audit log shows it. Left out: the owner, and without one the role.',
      }),
      owner: name.optional().meta({
        description: 'The person who uses it. Cannot be changed later. Left out: a program uses it.',
      }),
      expiresDays: z.int().min(1).max(tokenExpiryDaysMax).optional().meta({
        description:
          'Left out: never, or with the token that asks, if that expires: it makes none that outlives it.',
      }),
    }),
    answer: Token.extend({
      token: z.string().meta({ description: 'Send it as "Authorization: Bearer ...".' }),
    }),
    status: 201,
  }),
  revokeToken: route({
    method: 'delete',
    path: '/api/v1/tokens/{token}',
    role: 'manager',
    scope: 'any',
    summary: 'Revoke a token; its next request is refused',
    answer: Token,
  }),
  beginTokenRecovery: route({
    method: 'post',
    path: '/api/v1/token-recovery/challenge',
    role: 'viewer',
    scope: 'public',
    summary:
      'Write a challenge into a file of the data folder that only its owner can read. From this machine only',
    answer: z.object({ file: z.string().meta({ description: 'In the data folder.' }) }),
  }),
  recoverToken: route({
    method: 'post',
    path: '/api/v1/token-recovery',
    role: 'viewer',
    scope: 'public',
    summary:
      "A manager's token for one hour, for the caller that answers the challenge with the root key. From this machine only",
    body: challengeAnswer,
    answer: z
      .object({ id: z.string(), role: z.enum(roles), expires: time, token: z.string() })
      .meta({ id: 'RecoveredToken' }),
    status: 201,
  }),
}
