// The routes about sessions: of the console, and of people who logged in; and who the asker is.

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

const grant = z.object({
  role: z.enum(roles),
  instance: z
    .object({ id: z.string(), name: z.string() })
    .nullable()
    .meta({ description: 'null: for all instances and the server itself.' }),
})

const PersonSession = z
  .object({
    id: z.string(),
    name: z.string().meta({ description: 'As the provider shows the person; not unique, and chosen there.' }),
    issuer: z.string(),
    subject: z.string().meta({ description: 'Who it is, together with the issuer.' }),
    groups: z.array(z.string()).meta({ description: 'Those that had a role when the session began.' }),
    grants: z.array(grant).meta({ description: 'What they give now.' }),
    through: z.enum(['console', 'cli']),
    address: z.string().nullable().meta({ description: 'Where the session was begun from.' }),
    started: time,
    ends: time.meta({ description: 'When it ends, however much it is used.' }),
    lastUsed: time
      .nullable()
      .meta({ description: 'When the person last asked for anything, in any session.' }),
    own: z.boolean().meta({ description: 'Whether it is the one that asks.' }),
  })
  .meta({ id: 'PersonSession' })

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
  whoAmI: route({
    method: 'get',
    path: '/api/v1/whoami',
    role: 'viewer',
    scope: 'any',
    summary: 'Who asks, and what they may do',
    answer: z
      .object({
        kind: z.enum(['token', 'person']),
        name: z.string(),
        issuer: z.string().nullable().meta({ description: 'null: a token.' }),
        subject: z.string().nullable(),
        grants: z.array(grant),
        ends: time.nullable().meta({ description: 'When the session or the token ends; null: never.' }),
      })
      .meta({ id: 'Who' }),
  }),
  listSessions: route({
    method: 'get',
    path: '/api/v1/sessions',
    role: 'manager',
    scope: 'server',
    summary: 'The sessions of people who logged in through the identity provider; the newest first',
    answer: z.array(PersonSession),
  }),
  endSessionOf: route({
    method: 'delete',
    path: '/api/v1/sessions/{session}',
    role: 'manager',
    scope: 'server',
    summary: 'End the session of a person: its next request is refused, on every node',
    answer: z.object({ id: z.string(), name: z.string() }),
  }),
} as const
