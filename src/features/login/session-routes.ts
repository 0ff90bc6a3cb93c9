// The part of the route table that is about sessions: of the console, and of people who logged in (routes.ts).

import { z } from 'zod'
import { roles, route } from '../../doors/http/route.ts'
import { time } from '../../doors/http/schemas.ts'

const instance = z
  .object({ id: z.string(), name: z.string() })
  .nullable()
  .meta({ description: 'null: for all instances and the server itself.' })

const session = {
  role: z.enum(roles).meta({ description: 'The highest one, of a person with several.' }),
  name: z.string().meta({ description: 'The name of the token or of the person.' }),
  token: z
    .string()
    .nullable()
    .default(null)
    .meta({ description: 'The id of the token; null: the session of a person.' }),
  instance,
  ends: time.meta({ description: 'When it ends, however much it is used.' }),
  // A server of an older version guards nothing.
  guards: z
    .array(z.string())
    .default([])
    .meta({ description: 'The acts that need a second person on this server (approval.for).' }),
  idleMinutes: z.int().meta({ description: 'It ends without a request for so long.' }),
  person: z
    .object({ issuer: z.string(), subject: z.string() })
    .nullable()
    .default(null)
    .meta({ description: 'null: the session of a token.' }),
  grants: z
    .array(z.object({ role: z.enum(roles), instance }))
    .default([])
    .meta({ description: 'All that a person may do; empty for the session of a token.' }),
}

export const begunSession = z
  .object({ ...session, session: z.string().meta({ description: 'To be sent in place of the token.' }) })
  .meta({ id: 'BegunSession' })

export const sessionRoutes = {
  beginSession: route({
    method: 'post',
    path: '/api/v1/session',
    role: 'viewer',
    scope: 'any',
    summary:
      'Exchange the token for a session, as the console does: it holds as much, and ends by itself. An answer may carry its next text in the header Mortise-Session',
    answer: begunSession,
    status: 201,
  }),
  showSession: route({
    method: 'get',
    path: '/api/v1/session',
    role: 'viewer',
    scope: 'any',
    summary: 'The session that the request carries',
    answer: z.object(session).meta({ id: 'Session' }),
  }),
  endSession: route({
    method: 'delete',
    path: '/api/v1/session',
    role: 'viewer',
    scope: 'any',
    summary: 'End the session that the request carries, on every node',
    answer: z.object({
      ended: z.boolean(),
      logoutUrl: z
        .string()
        .nullable()
        .default(null)
        .meta({ description: 'Where a person ends their session at the identity provider too.' }),
    }),
  }),
} as const
