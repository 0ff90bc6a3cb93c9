// The part of the route table that is about sessions of the console.

import { z } from 'zod'
import { roles, route } from './route.ts'
import { time } from './schemas.ts'

const session = {
  role: z.enum(roles),
  name: z.string().meta({ description: 'The name of the token.' }),
  instance: z
    .object({ id: z.string(), name: z.string() })
    .nullable()
    .meta({ description: 'null: for all instances and the server itself.' }),
  ends: time.meta({ description: 'When it ends, however much it is used.' }),
  idleMinutes: z.int().meta({ description: 'It ends without a request for so long.' }),
}

export const sessionRoutes = {
  beginSession: route({
    method: 'post',
    path: '/api/v1/session',
    role: 'viewer',
    scope: 'any',
    summary:
      'Exchange the token for a session, as the console does: it holds as much, and ends by itself. An answer may carry its next text in the header Mortise-Session',
    answer: z
      .object({ ...session, session: z.string().meta({ description: 'To be sent in place of the token.' }) })
      .meta({ id: 'BegunSession' }),
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
    summary: 'End the session that the request carries, on this node',
    answer: z.object({ ended: z.boolean() }),
  }),
} as const
