// The routes by which people log in through the identity provider.

import { z } from 'zod'
import { route } from '../../doors/http/route.ts'
import { begunSession } from '../sessions/routes.ts'

/** The answer that a browser brings back from the provider. */
const loginAnswerCharactersMax = 8_192

const flow = z
  .string()
  .max(4096)
  .meta({ description: 'Of this login, to be shown at its end. Keep it where no other person reads it.' })

export const loginRoutes = {
  showLogin: route({
    method: 'get',
    path: '/api/v1/login',
    role: 'viewer',
    scope: 'public',
    summary: 'Whether people log in through an identity provider',
    answer: z.object({
      provider: z
        .object({ name: z.string().meta({ description: 'As the button shows it.' }), issuer: z.string() })
        .nullable()
        .meta({ description: 'null: there is none, and every person needs a token.' }),
    }),
  }),
  beginLogin: route({
    method: 'post',
    path: '/api/v1/login',
    role: 'viewer',
    scope: 'public',
    summary: 'Begin a login through the identity provider: the answer says where to send the browser',
    body: z.strictObject({
      redirectUri: z.string().max(2048).meta({
        description:
          'Where the browser comes back to: /login/callback of this server for the console, or http://127.0.0.1:PORT/callback for a program on the machine of the browser.',
      }),
    }),
    answer: z.object({ url: z.string(), flow }),
  }),
  finishLogin: route({
    method: 'post',
    path: '/api/v1/login/finish',
    role: 'viewer',
    scope: 'public',
    summary: 'End such a login with what the browser brought back: a session begins',
    body: z.strictObject({
      flow,
      answer: z
        .string()
        .max(loginAnswerCharactersMax)
        .meta({ description: 'The query of the address to which the browser came back.' }),
    }),
    answer: begunSession,
    status: 201,
  }),
  beginDeviceLogin: route({
    method: 'post',
    path: '/api/v1/login/device',
    role: 'viewer',
    scope: 'public',
    summary:
      'Begin a login by device code, for programs without a browser, if the identity provider offers it',
    answer: z.object({
      flow,
      userCode: z.string().meta({ description: 'What the person enters there.' }),
      verificationUri: z.string(),
      verificationUriComplete: z.string().nullable().meta({ description: 'The same with the code in it.' }),
      expiresSeconds: z.number(),
      intervalSeconds: z.number().meta({ description: 'Ask no more often than this.' }),
    }),
  }),
  pollDeviceLogin: route({
    method: 'post',
    path: '/api/v1/login/device/poll',
    role: 'viewer',
    scope: 'public',
    summary: 'Ask whether the person has agreed: then a session begins',
    body: z.strictObject({ flow }),
    answer: z.object({
      state: z.enum(['pending', 'slow-down', 'done']),
      session: begunSession.nullable(),
    }),
  }),
} as const
