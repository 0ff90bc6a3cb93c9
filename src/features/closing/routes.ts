// The part of the route table that closes an instance or the server at once, and opens it again.

import { z } from 'zod'
import { instancePath, route } from '../../doors/http/route.ts'
import { shownClosing } from '../../doors/http/schemas.ts'

const reasonCharactersMax = 500

const reason = z.string().trim().min(1).max(reasonCharactersMax).meta({
  description: 'For the audit log and for other administrators. No client is told.',
  example: 'a host was stolen',
})
const manager = { method: 'post', role: 'manager' } as const
const ofServer = { ...manager, scope: 'server' } as const
const ofInstance = { ...manager, scope: 'instance' } as const

const Closed = z.object({ id: z.string(), name: z.string(), closed: shownClosing })

const StillClosed = z
  .object({ stillClosed: z.array(z.object({ id: z.string(), name: z.string() })) })
  .meta({ description: 'The instances that were closed by themselves, and stay so.' })

export const closingRoutes = {
  closeInstance: route({
    ...ofInstance,
    path: `${instancePath}/close`,
    summary:
      'Stop every use of the keys of an instance with the next message, on all nodes. Nothing is destroyed',
    body: z.strictObject({ reason }),
    answer: Closed,
  }),
  openInstance: route({
    ...ofInstance,
    path: `${instancePath}/open`,
    guarded: true,
    summary: 'Have the keys of an instance that was closed be used again',
    answer: z.object({ id: z.string(), name: z.string() }),
  }),
  closeServer: route({
    ...ofServer,
    path: '/api/v1/server/close',
    summary:
      'Close all instances, and those that are made meanwhile. /health/ready answers 503 then. Nothing is destroyed',
    body: z.strictObject({ reason }),
    answer: z.object({ closed: shownClosing }),
  }),
  openServer: route({
    ...ofServer,
    path: '/api/v1/server/open',
    guarded: true,
    summary: 'Open the server again. Instances that were closed by themselves stay closed',
    answer: StillClosed,
  }),
} as const
