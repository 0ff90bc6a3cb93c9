// The part of the route table about change-overs: this server takes the place of the servers of a key provider, back, and done. How far
// each is, showConnect says.

import { z } from 'zod'
import { route } from '../../doors/http/route.ts'
import { name } from '../../doors/http/schemas.ts'
import { Connect, hostText, setupLogin, vcenters } from './routes.ts'

const addressesMax = 16
const manager = { role: 'manager', scope: 'instance', allInstances: true } as const
const dryRun = z.boolean().default(false).meta({ description: 'Only say what would be done.' })

export const switchRoutes = {
  switchVcenter: route({
    method: 'post',
    path: `${vcenters}/{vcenter}/switch`,
    ...manager,
    summary:
      'Have this server take the place of the servers of a key provider that machines use: their keys are adopted first. Run again, it goes on from there',
    body: z.strictObject({
      ...setupLogin,
      from: name.meta({ description: 'The key provider. It keeps its name.', example: 'ibm-kmip' }),
      to: z.array(hostText).min(1).max(addressesMax).optional().meta({
        description:
          'The addresses at which vCenter reaches this server, HOST or HOST:PORT. Left out: those of its nodes.',
      }),
      withoutUpstream: z.boolean().default(false).meta({
        description:
          'The old server is gone, and all keys are here: a key that it made last, and that is not here, is lost.',
      }),
      dryRun,
    }),
    answer: Connect,
    status: 201,
    guarded: true,
  }),
  switchBack: route({
    method: 'post',
    path: `${vcenters}/{vcenter}/switch/back`,
    ...manager,
    summary:
      'Take a change-over back: the old servers again. Refused once a key was made here since, and those keys are named',
    body: z.strictObject({ ...setupLogin, dryRun }),
    answer: Connect,
    status: 201,
    guarded: true,
  }),
  switchFinish: route({
    method: 'post',
    path: `${vcenters}/{vcenter}/switch/finish`,
    ...manager,
    summary:
      'Finish a change-over: adopt once more, open each key in use, and remove the upstream. It reads vCenter by the stored login',
    body: z.strictObject({ dryRun }),
    answer: Connect,
    status: 201,
    guarded: true,
  }),
} as const
