// The part of the route table about alerts: who gets them, what could not be delivered, and a test.

import { z } from 'zod'
import { alertsUndeliveredKept } from './bounds.ts'
import { route } from '../../doors/http/route.ts'
import { time } from '../../doors/http/schemas.ts'

const target = z.string().meta({
  description: 'The kind and the host, without what is secret in the address.',
  example: 'slack hooks.slack.com (3f9a1c)',
})

const path = '/api/v1/alerts'

export const alertRoutes = {
  listAlerts: route({
    method: 'get',
    path,
    role: 'viewer',
    scope: 'server',
    summary: 'Who is alerted about conditions, and which alerts could not be delivered',
    answer: z
      .object({
        targets: z.array(target),
        waiting: z.int().meta({ description: 'Alerts that wait to be delivered.' }),
        undelivered: z
          .array(
            z.object({
              target,
              condition: z.string(),
              event: z.string().meta({ description: 'begun, worse, ended' }),
              message: z.string(),
              at: time,
              why: z.string(),
              givenUp: time,
            }),
          )
          .meta({
            description: `The last ${String(alertsUndeliveredKept)} since the server started, newest first.`,
          }),
      })
      .meta({ id: 'Alerts' }),
  }),
  testAlerts: route({
    method: 'post',
    path: `${path}/test`,
    role: 'operator',
    scope: 'server',
    summary: 'Send a test to every target of alerts',
    slow: true,
    answer: z
      .object({
        tried: z.array(
          z.object({ target, problem: z.string().nullable().meta({ description: 'null: it was taken.' }) }),
        ),
      })
      .meta({ id: 'AlertTest' }),
  }),
} as const
