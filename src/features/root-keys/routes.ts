// The part of the route table that is about copies of root keys, and about the way back in with the root key.

import { z } from 'zod'
import { roles, route } from '../../doors/http/route.ts'
import { time } from '../../doors/http/schemas.ts'

const rootKey = z.string().min(1).max(1024).optional().meta({
  description: 'The URI of a root key file in use; left out: that of the server.',
  example: 'file:root.key',
})

const challenge = z
  .object({
    id: z.string(),
    rootKey: z.string().meta({ example: 'file:root.key' }),
    rootKeyId: z.string(),
    wrapped: z.string().meta({
      description:
        'Base64. Whoever holds the root key can open it; docs/decisions/token-recover.md says how.',
    }),
  })
  .meta({ id: 'RootKeyChallenge' })

const answer = z.strictObject({
  id: z.string().max(100),
  answer: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits'),
})

/** One who knows about copies of root keys holds the whole server. */
const manager = { role: 'manager', scope: 'server' } as const

export const rootKeyCopyRoutes = {
  challengeRootKeyCopy: route({
    method: 'post',
    path: '/api/v1/root-key-copies/challenge',
    ...manager,
    summary: 'Bytes that only the root key opens: whoever has a copy of it can prove so, without sending it',
    body: z.strictObject({ rootKey }),
    answer: challenge,
  }),
  recordRootKeyCopy: route({
    method: 'post',
    path: '/api/v1/root-key-copies',
    ...manager,
    summary: 'Record that a copy of a root key file is kept elsewhere: said, or proved with a challenge',
    body: z.strictObject({ rootKey, challenge: answer.optional() }),
    answer: z
      .object({
        rootKey: z.string(),
        rootKeyId: z.string(),
        by: z.string(),
        at: time,
        verified: z.boolean().meta({ description: 'Whether the copy was proved to open this server.' }),
      })
      .meta({ id: 'RootKeyCopy' }),
    status: 201,
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
      "A manager's token for one hour, for whoever answers the challenge with the root key. From this machine only",
    body: answer,
    answer: z
      .object({ id: z.string(), role: z.enum(roles), expires: time, token: z.string() })
      .meta({ id: 'RecoveredToken' }),
    status: 201,
  }),
} as const
