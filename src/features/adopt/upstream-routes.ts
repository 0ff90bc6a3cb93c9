// The part of the route table that is about the upstream of an instance: the old server that is asked for identifiers that are
// unknown here, for the time of a change-over.

import { z } from 'zod'
import { ShownUpstream } from '../../doors/http/plug-schemas.ts'
import { instancePath, route } from '../../doors/http/route.ts'
import { pem, serverToAsk } from '../../doors/http/schemas.ts'

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
