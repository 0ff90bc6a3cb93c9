// The part of the route table about standard keys that are still to be deleted at the service of a root key.

import { z } from 'zod'
import { route } from '../../doors/http/route.ts'

const countOfInstance = z.object({
  id: z.string(),
  name: z.string().nullable().meta({ description: 'null: the instance is deleted.' }),
  count: z.int(),
})

const LeftStandardKeys = z
  .object({
    service: z.string().meta({ description: 'The GUID of the service instance.' }),
    rootKeys: z.array(z.string()).meta({ description: 'The root keys beside which they are stored.' }),
    left: z.int().meta({
      description: 'Those of destroyed keys, of deleted instances, and of keys that have moved elsewhere.',
    }),
    instances: z.array(countOfInstance).meta({ description: 'Those that are left, by instance.' }),
    inUse: z.array(countOfInstance).meta({
      description: 'Keys in use that are stored there, by instance; 0: it will store new ones there.',
    }),
    cause: z.string().nullable().meta({
      description:
        'Why the service instance deleted none when it was last asked; null: this node does not know.',
    }),
  })
  .meta({ id: 'LeftStandardKeys' })

export const leftStandardKeyRoutes = {
  listLeftStandardKeys: route({
    method: 'get',
    path: '/api/v1/left-standard-keys',
    role: 'viewer',
    scope: 'server',
    summary: 'The service instances at which standard keys are still to be deleted, and how many',
    answer: z.array(LeftStandardKeys),
  }),
  forgetLeftStandardKeys: route({
    method: 'post',
    path: '/api/v1/left-standard-keys/forget',
    role: 'manager',
    scope: 'server',
    summary:
      'Give up the standard keys that are left at a service instance which is gone for good; refused while it answers, or keys in use are stored there',
    body: z.strictObject({
      service: z.string().min(1).max(1024).meta({
        description: 'The GUID of the service instance, or keyprotect://HOST/GUID.',
        example: '12e8c9c2-a162-472d-b7d6-8b9a86b815a6',
      }),
      left: z.int().min(0).optional().meta({
        description:
          'How many are left there, as the list says. With another number, and without it, the request is refused.',
      }),
    }),
    answer: LeftStandardKeys,
    slow: true,
  }),
} as const
