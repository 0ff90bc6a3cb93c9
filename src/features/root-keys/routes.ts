// The part of the route table about root keys: the list of a service, copies of root key files, and standard keys that are still to be
// deleted at a service.

import { z } from 'zod'
import { challengeAnswer } from '../tokens/routes.ts'
import { route } from '../../doors/http/route.ts'
import { ibmApiKey, time } from '../../doors/http/schemas.ts'

const rootKey = z.string().min(1).max(1024).optional().meta({
  description: 'The URI of a root key file in use; left out: that of the server.',
  example: 'file:root.key',
})

const challenge = z
  .object({
    id: z.string(),
    rootKey: z.string().meta({ example: 'file:root.key' }),
    rootKeyId: z.string(),
    wrapped: z.string().meta({
      description: 'Base64. A holder of the root key can open it; docs/decisions/token-recover.md says how.',
    }),
  })
  .meta({ id: 'RootKeyChallenge' })

const rootKeysAt = z.string().min(1).max(1024).meta({
  description:
    'keyprotect://HOST/INSTANCE, hpcs://HOST/INSTANCE or pkcs11:token=LABEL?pin-source=…; a key in the URI is ignored.',
})

const RootKey = z
  .object({
    id: z.string(),
    uri: z.string().meta({
      description: 'The URI to give to an instance.',
      example:
        'keyprotect://us-south.kms.cloud.ibm.com/12e8c9c2-a162-472d-b7d6-8b9a86b815a6/02fd6835-6001-4482-a892-13bd2085f75d',
    }),
    name: z.string(),
    aliases: z.array(z.string()),
    state: z.enum(['pre-activation', 'active', 'suspended', 'deactivated', 'destroyed', 'unknown']),
    keyRing: z.string(),
    created: z.string().nullable(),
    lastRotated: z.string().nullable(),
    expires: z.string().nullable(),
  })
  .meta({ id: 'RootKey' })

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

/** One who knows about copies of root keys holds the whole server. */
const manager = { role: 'manager', scope: 'server' } as const

export const rootKeyRoutes = {
  listRootKeys: route({
    method: 'get',
    path: '/api/v1/root-keys',
    role: 'manager',
    scope: 'server',
    summary: 'The root keys of a Key Protect or HPCS instance, or on a token, to choose from',
    query: z.strictObject({
      rootKey: rootKeysAt,
      instance: z.string().min(1).max(1024).optional().meta({
        description: 'Id or name of the Mortise instance that asks, with its API key. Left out: the server.',
      }),
    }),
    answer: z.array(RootKey),
  }),
  listRootKeysWith: route({
    method: 'post',
    path: '/api/v1/root-keys/list',
    role: 'manager',
    scope: 'server',
    summary: 'The same with an API key that is not stored, for an instance that is to be created',
    body: z.strictObject({ rootKey: rootKeysAt, ibmApiKey }),
    answer: z.array(RootKey),
  }),
  challengeRootKeyCopy: route({
    method: 'post',
    path: '/api/v1/root-key-copies/challenge',
    ...manager,
    summary:
      'Bytes that only the root key opens: the holder of a copy can prove it has one, without sending it',
    body: z.strictObject({ rootKey }),
    answer: challenge,
  }),
  recordRootKeyCopy: route({
    method: 'post',
    path: '/api/v1/root-key-copies',
    ...manager,
    summary: 'Record that a copy of a root key file is kept elsewhere: said, or proved with a challenge',
    body: z.strictObject({ rootKey, challenge: challengeAnswer.optional() }),
    answer: z
      .object({
        rootKey: z.string(),
        rootKeyId: z.string(),
        by: z.string(),
        at: time,
        verified: z.boolean().meta({ description: 'Whether the copy was proved to open this server.' }),
      })
      .meta({ id: 'RootKeyCopy' }),
    status: 201,
  }),
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
