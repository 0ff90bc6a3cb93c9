// The part of the route table that is about the upstream of an instance: the old server that is asked for identifiers that are
// unknown here, for the time of a change-over.

import { z } from 'zod'
import { instancePath, route } from '../../doors/http/route.ts'
import { pem, serverToAsk, shownSha256, time } from '../../doors/http/schemas.ts'

export const ShownUpstream = z
  .object({
    servers: z.array(z.string()),
    certificateSha256: shownSha256.meta({
      description: 'The client certificate that the old server is shown.',
    }),
    since: time,
    state: z.enum(['on', 'off', 'not-answering']).meta({
      description:
        'off: it is not asked since a restore, until a manager turns it on. not-answering: it did not answer when it was last asked.',
    }),
    off: time.nullable().meta({ description: 'Since when it is off.' }),
    adopted: z
      .int()
      .meta({ description: 'Objects that were adopted from it because a client asked for them.' }),
    lastAdopted: time.nullable(),
    lastAnswer: time.nullable().meta({ description: 'null: none since this server was started.' }),
    lastFailure: z.object({ at: time, message: z.string() }).nullable().meta({
      description: 'When it last did not answer, and why; null: not since this server was started.',
    }),
    notAdopted: z.array(z.object({ id: z.string(), why: z.string() })).meta({
      description: 'Objects that it has and that could not be adopted when a client asked for them.',
    }),
  })
  .meta({ id: 'Upstream' })

const manager = { role: 'manager', scope: 'instance' } as const
const upstream = `${instancePath}/upstream`

export const upstreamRoutes = {
  setUpstream: route({
    method: 'post',
    path: upstream,
    ...manager,
    summary:
      'Name the old server that is asked for identifiers that are unknown here. It is tried at once, and only read',
    body: z.strictObject({
      ...serverToAsk,
      privateKey: pem.meta({ description: 'Its private key. It is stored sealed, and never shown.' }),
    }),
    answer: ShownUpstream,
  }),
  turnUpstreamOn: route({
    method: 'post',
    path: `${upstream}/on`,
    ...manager,
    summary:
      'Ask the upstream again, which is off since a restore. It is tried first, and stays off if it fails',
    answer: ShownUpstream,
  }),
  removeUpstream: route({
    method: 'delete',
    path: upstream,
    ...manager,
    summary: 'Remove the upstream, with its private key: from now on an unknown identifier is unknown',
    answer: z.object({ servers: z.array(z.string()) }),
  }),
} as const
