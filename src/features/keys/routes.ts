// The part of the route table about keys and what is done to them.

import { z } from 'zod'
import { UsedBy, inUse } from '../../doors/http/plug-schemas.ts'
import { enums } from '../../wire/kmip/enums.ts'
import { fetchesReadMax } from './bounds.ts'
import { instancePath, route } from '../../doors/http/route.ts'
import { nextPage, page, shownAttributes, time } from '../../doors/http/schemas.ts'

const State = z.enum(Object.keys(enums.State) as [keyof typeof enums.State, ...(keyof typeof enums.State)[]])

const revocationReasons = Object.keys(enums.RevocationReasonCode) as [RevocationReason, ...RevocationReason[]]

type RevocationReason = keyof typeof enums.RevocationReasonCode

const Key = z
  .object({
    id: z.string().meta({ description: 'Unique Identifier.' }),
    name: z.string().nullable().meta({ description: 'The first Name, if it has one. vSphere gives none.' }),
    state: State.meta({ example: 'Active' }),
    objectType: z.string().meta({ example: 'SymmetricKey' }),
    algorithm: z.string().nullable().meta({ example: 'AES' }),
    length: z.int().nullable().meta({ description: 'In bits.', example: 256 }),
    vsphere: z
      .object({
        name: z.string().nullable(),
        component: z.string().nullable(),
        identifier: z.string().nullable(),
      })
      .meta({ description: 'What vCenter noted on the key: x-Name, x-Component, x-Identifier.' }),
    created: time,
    lastFetched: time.nullable(),
    recoverableUntil: time.nullable().meta({
      description:
        'Until when this destroyed key can be brought back; null: it is not destroyed, or gone for good.',
    }),
  })
  .meta({ id: 'Key' })

const ListedKey = Key.extend({
  usedBy: UsedBy.nullable().meta({
    description: 'The machines that use it, as the imported inventories say; null: none was imported.',
  }),
}).meta({ id: 'ListedKey' })

const KeyDetails = ListedKey.extend({
  // A server of an older version says nothing of it.
  wrapsSensitive: z.boolean().nullable().default(null).meta({
    description:
      'Whether it wraps Sensitive keys of its instance now; null: it is no wrapping key of the instance, and serves for whatever its Cryptographic Usage Mask allows.',
  }),
  attributes: shownAttributes.meta({
    description: 'All attributes. They never contain key material.',
  }),
  fetches: z
    .object({
      times: z.int(),
      complete: z.boolean().meta({
        description: `false: only the last ${fetchesReadMax} fetches were counted. The audit log has all.`,
      }),
      by: z.array(
        z.object({
          client: z.string(),
          certificateSha256: z.string().nullable(),
          address: z.string().nullable(),
          times: z.int(),
          first: time,
          last: time,
        }),
      ),
    })
    .meta({ description: 'Who fetched it, as far as the audit log goes back; the last one first.' }),
}).meta({ id: 'KeyDetails' })

export const keyRoutes = {
  listKeys: route({
    method: 'get',
    path: `${instancePath}/keys`,
    role: 'viewer',
    scope: 'instance',
    summary: 'Keys and other objects, newest first',
    query: z.strictObject({
      ...page,
      state: State.optional().meta({ description: 'Left out: all but the destroyed ones.' }),
      recoverable: z.enum(['true']).optional().meta({
        description: 'Only destroyed keys that can still be brought back.',
      }),
      name: z.string().max(1024).optional().meta({ description: 'A whole Name.' }),
      vsphereName: z.string().max(1024).optional().meta({ description: 'A whole x-Name.' }),
      vsphereComponent: z.string().max(1024).optional().meta({ description: 'A whole x-Component.' }),
      vsphereIdentifier: z.string().max(1024).optional().meta({ description: 'A whole x-Identifier.' }),
      search: z.string().min(1).max(1024).optional().meta({
        description: 'Only objects with this whole text as id, Name, x-Name, x-Component or x-Identifier.',
      }),
      contains: z.string().min(1).max(1024).optional().meta({
        description:
          'Only objects with this text in their id, Name, x-Name, x-Component or x-Identifier, or in the name or id of a machine that uses them, as the imported inventories say; ignoring case, and how letters are composed. The server reads one object after the other.',
      }),
      createdSince: time.optional(),
      createdUntil: time.optional(),
      fetchedSince: time.optional().meta({ description: 'Only keys that were sent to a client since then.' }),
      notFetchedSince: time
        .optional()
        .meta({ description: 'Only keys that were not sent to a client since then.' }),
    }),
    answer: z.object({ keys: z.array(ListedKey), after: nextPage }),
  }),
  createKey: route({
    method: 'post',
    path: `${instancePath}/keys`,
    role: 'operator',
    scope: 'instance',
    summary:
      "Create an AES-256 key that may encrypt, decrypt, wrap and unwrap, such as vSphere 9's wrapping key",
    body: z.strictObject({
      name: z.string().min(1).max(1024).optional().meta({ description: 'Its Name, unique in the instance.' }),
      activate: z.boolean().default(false).meta({ description: 'Active from the start.' }),
    }),
    answer: Key,
    status: 201,
  }),
  showKey: route({
    method: 'get',
    path: `${instancePath}/keys/{key}`,
    role: 'viewer',
    scope: 'instance',
    summary: 'One key with all its attributes',
    answer: KeyDetails,
  }),
  activateKey: route({
    method: 'post',
    path: `${instancePath}/keys/{key}/activate`,
    role: 'operator',
    scope: 'instance',
    summary: 'Make a Pre-Active key Active',
    answer: Key,
  }),
  revokeKey: route({
    method: 'post',
    path: `${instancePath}/keys/{key}/revoke`,
    role: 'operator',
    scope: 'instance',
    summary: 'Deactivate a key, or mark it compromised',
    body: z.strictObject({
      reason: z
        .enum(revocationReasons)
        .default('Unspecified')
        .meta({ description: 'KeyCompromise and CACompromise make it Compromised.' }),
      message: z.string().max(1024).optional(),
      occurred: time.optional().meta({ description: 'When the compromise happened, if it is one.' }),
    }),
    answer: Key,
  }),
  destroyKey: route({
    method: 'delete',
    path: `${instancePath}/keys/{key}`,
    role: 'manager',
    scope: 'instance',
    guarded: true,
    summary:
      'Destroy a key and keep its record. Its material is removed for good, at once or after the destroy delay of its instance',
    query: z.strictObject({ inUse }),
    answer: Key,
  }),
  undestroyKey: route({
    method: 'post',
    path: `${instancePath}/keys/{key}/undestroy`,
    role: 'manager',
    scope: 'instance',
    summary: 'Bring a destroyed key back, in the state that it had, before its material is removed for good',
    body: z.strictObject({
      withoutTakenNames: z.boolean().default(false).meta({
        description: 'Without those of its Names that another object has now. Otherwise it is refused then.',
      }),
    }),
    answer: Key,
  }),
  setKey: route({
    method: 'patch',
    path: `${instancePath}/keys/{key}`,
    role: 'manager',
    scope: 'instance',
    guarded: true,
    summary: 'Set what no client may: by which keys Sensitive keys leave, and which keys may leave again',
    body: z
      .strictObject({
        wrapsSensitive: z.boolean().meta({
          description:
            'true: Sensitive keys of the instance may leave wrapped by this key, which serves for nothing else from then on. false: they may not any more; it still serves for nothing else.',
        }),
        extractable: z.literal(true).meta({
          description: 'It may leave again, although it was made not Extractable.',
        }),
        sensitive: z.literal(false).meta({
          description: 'It may leave unwrapped again, although it was made Sensitive.',
        }),
      })
      .partial()
      .refine((body) => Object.keys(body).length > 0, 'names no setting'),
    answer: Key,
  }),
  showOneWay: route({
    method: 'get',
    path: `${instancePath}/one-way`,
    role: 'viewer',
    scope: 'instance',
    summary: 'What an instance would refuse if its restrictions were set to one-way',
    query: z.strictObject(page),
    answer: z.object({
      keys: z
        .array(
          Key.extend({
            fetchedBy: z.array(z.string()).meta({
              description:
                'Clients that fetched it wrapped or before it was Sensitive, as the audit log says.',
            }),
          }),
        )
        .meta({
          description:
            'Sensitive keys, newest first: none of them would leave, unless a wrapping key is named (setKey).',
        }),
      clients: z.array(z.object({ id: z.string(), name: z.string(), operations: z.array(z.string()) })).meta({
        description:
          'Clients that may make keys less Sensitive or Extractable now, and by which requests; these would be refused. Only with the first page.',
      }),
      moreClients: z.int().meta({ description: 'How many clients this answer leaves out.' }),
      after: nextPage,
    }),
  }),
}
