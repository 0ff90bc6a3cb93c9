// The part of the route table about instances and the root keys that they may use.

import { z } from 'zod'
import { ShownUpstream, inUse } from '../../doors/http/plug-schemas.ts'
import { clientNameCharactersMax } from '../../base/bounds.ts'
import { destroyDelaySecondsMax } from './bounds.ts'
import { lengthsRules, namesRules, restrictionsRules } from '../../core/trust/rows.ts'
import { severities } from '../../core/conditions/line.ts'
import { instancePath, route } from '../../doors/http/route.ts'
import {
  graceDays,
  ibmApiKey,
  name,
  namesNoChange,
  namesChange,
  shownClosing,
  time,
} from '../../doors/http/schemas.ts'

/** The largest settings. */
const instanceObjectsMax = 100_000_000
export const instanceBytesMax = 2 ** 50
const cacheSecondsMin = 1
const cacheSecondsMax = 24 * 3600
const outageSecondsMax = 7 * 24 * 3600

const Instance = z
  .object({
    id: z.string(),
    name: z.string().meta({ example: 'default' }),
    custody: z.enum(['database', 'keyprotect']),
    rootKey: z.string().meta({ example: 'file:root.key' }),
    ibmApiKeySource: z.enum(['instance', 'server', 'none']).meta({
      description:
        'The API key that the instance uses with Key Protect or HPCS: its own, or that of the server (MORTISE_IBM_API_KEY_FILE); none: its root key is elsewhere. The API key itself is never shown.',
    }),
    cacheSeconds: z.int(),
    outageSeconds: z.int(),
    expiredGraceDays: z
      .int()
      .meta({ description: 'How many days after its expiry a pinned certificate is still accepted.' }),
    portable: z.boolean().meta({ description: 'Whether its keys may ever be exported.' }),
    objectsMax: z.int().meta({
      description:
        'How many objects it may hold. Destroyed ones count only while they can still be brought back.',
    }),
    bytesMax: z.int().meta({
      description:
        'How many bytes its objects may take in the database, approximately; records of destroyed objects count.',
    }),
    destroyDelaySeconds: z.int().meta({
      description:
        'How long a destroyed key can be brought back before its material is removed for good; 0: not at all.',
    }),
    // A server of an older version, as in a rolling upgrade, says neither.
    names: z.enum(namesRules).default('unique').meta({
      description: 'Whether a Name belongs to one object that is not destroyed, or several may share it.',
    }),
    lengths: z.enum(lengthsRules).default('strict').meta({
      description:
        'Whether Register refuses a symmetric key that is not as long as it states, or takes it as sent.',
    }),
    legacyWrap: z.boolean().default(false).meta({
      description:
        'Whether keys leave wrapped by RSA with the padding of PKCS#1 v1.5, under registered public keys.',
    }),
    restrictions: z.enum(restrictionsRules).default('as-sent').meta({
      description:
        'as-sent: clients may lower Sensitive and raise Extractable, and a Sensitive object leaves wrapped by any key. one-way: they may not, and it leaves wrapped by wrapping keys of the instance alone.',
    }),
    wrappingKeys: z
      .array(z.object({ id: z.string(), wraps: z.boolean() }))
      .default([])
      .meta({
        description:
          'The keys that a manager named with setKey: they serve for wrapping alone. wraps: whether Sensitive keys leave by it now.',
      }),
    closed: shownClosing
      .extend({
        withServer: z.boolean().meta({ description: 'Whether it was closed with the server.' }),
      })
      .nullable()
      .default(null)
      .meta({ description: 'Since when and why none of its keys is used; null: it is open.' }),
    rules: z
      .object({ defaults: z.int(), constraints: z.int() })
      .default({ defaults: 0, constraints: 0 })
      .meta({
        description:
          'How many rules for new objects its clients have set, by Set Defaults and Set Constraints.',
      }),
    created: time,
  })
  .meta({ id: 'Instance' })

const used = z.object({ used: z.int(), max: z.int() })

export const limitsShown = z
  .object({ objects: used, bytes: used })
  .meta({ description: 'What it holds, and its limits.' })

export const recoverableShown = z
  .object({
    count: z.int(),
    firstUntil: time.nullable().meta({ description: 'When the first of them is removed for good.' }),
    lastUntil: time.nullable(),
  })
  .meta({ description: 'Destroyed keys that can still be brought back (undestroyKey).' })

const warnings = z.array(z.string()).meta({ description: 'Warnings about the chosen root key; empty: none.' })

const InstanceWork = z
  .object({
    id: z.string(),
    kind: z.enum(['move', 'rewrap']).meta({
      description:
        'move: moves the keys to the root key and custody that the instance names. rewrap: wraps them by the newest version of its root key.',
    }),
    from: z.object({
      rootKey: z.string(),
      custody: z.enum(['database', 'keyprotect']),
      leavesStandardKeys: z.boolean().meta({
        description: 'Whether the standard keys beside this root key are deleted after all keys have moved.',
      }),
    }),
    started: time,
    done: z.int().nullable().meta({
      description: 'How many data keys and objects are done; null: this node does not know yet.',
    }),
    total: z.int().nullable(),
    trouble: z.string().nullable().meta({
      description: 'Why the work does not continue at the moment. The server tries again by itself.',
    }),
    node: z.string().nullable().meta({
      description: 'The other node that does the work, and knows how far it is; null: this one, or none yet.',
    }),
  })
  .meta({ id: 'InstanceWork' })

export const counts = z.record(z.string(), z.int()).meta({ description: 'Objects by state.' })

const Deleted = z.object({
  id: z.string(),
  name: z.string(),
  receipt: z
    .object({
      at: time,
      dataKeys: z.array(z.object({ id: z.string(), rootKey: z.string(), created: time })),
      standardKeys: z.int().meta({
        description: "How many standard keys it had at the root key's service. They are deleted there.",
      }),
      standardKeysLeft: z
        .object({
          count: z.int(),
          rootKeys: z.array(z.string()).meta({ description: 'The root keys beside which they are stored.' }),
          cause: z.string().nullable().meta({
            description: 'Why they could not be deleted; null: no reason is known.',
          }),
        })
        .meta({
          description:
            'The standard keys that are not deleted yet. Until then every user of the root key can open what they hold, and a restore brings it back. The server keeps trying to delete them, and /api/v1/status reports them until none is left.',
        }),
      objects: counts,
      auditEntry: z.string().meta({ description: 'The action of its audit entry.' }),
    })
    .nullable()
    .meta({ description: 'What was shredded; null: there was nothing to shred.' }),
})

const instanceSettings = {
  cacheSeconds: z
    .int()
    .min(cacheSecondsMin)
    .max(cacheSecondsMax)
    .meta({ description: 'How long unsealed material may be used after the root key last answered.' }),
  outageSeconds: z
    .int()
    .min(0)
    .max(outageSecondsMax)
    .meta({ description: 'How much longer while the root key cannot be reached; 0: no longer.' }),
  expiredGraceDays: graceDays,
  portable: z.boolean(),
  objectsMax: z.int().min(1).max(instanceObjectsMax).meta({
    description:
      'How many objects it may hold; destroyed ones count only while they can still be brought back. Needs a token for all instances.',
  }),
  destroyDelaySeconds: z.int().min(0).max(destroyDelaySecondsMax).meta({
    description:
      'How long a key that is destroyed from now on can be brought back; for custody database only. Keys that wait already keep their time.',
  }),
  bytesMax: z.int().min(1).max(instanceBytesMax).meta({
    description:
      'How many bytes its objects may take in the database; records of destroyed objects count. Needs a token for all instances.',
  }),
  names: z.enum(namesRules).meta({
    description:
      'unique: a Name belongs to one object that is not destroyed. shared: several may have it. It becomes unique only while no two share one.',
  }),
  lengths: z.enum(lengthsRules).meta({
    description:
      'strict: Register refuses a symmetric key that is not as long as it states. as-sent: it is taken, and logged.',
  }),
  legacyWrap: z.boolean().meta({
    description:
      'Whether Get and Export wrap keys by RSA with the padding of PKCS#1 v1.5, for clients that have nothing better: only under a registered public key, and never in FIPS mode. Mortise unwraps with OAEP alone.',
  }),
  restrictions: z.enum(restrictionsRules).meta({
    description:
      'one-way: no client lowers Sensitive or raises Extractable of an object that is here, and a Sensitive object leaves only wrapped by a wrapping key of the instance (setKey). as-sent: clients change them as they like, and it leaves wrapped by any key. New instances are one-way.',
  }),
}

export const instanceRoutes = {
  listInstances: route({
    method: 'get',
    path: '/api/v1/instances',
    role: 'viewer',
    scope: 'any',
    summary: 'The instances that the token is for',
    answer: z.array(Instance),
  }),
  showInstance: route({
    method: 'get',
    path: instancePath,
    role: 'viewer',
    scope: 'instance',
    summary:
      'One instance, with the number of its objects, the versions of its root key that wrap them, and the work on them',
    answer: Instance.extend({
      objects: counts,
      recoverable: recoverableShown,
      limits: limitsShown,
      clients: z.int(),
      work: InstanceWork.nullable().meta({ description: 'The work on all its keys that is under way.' }),
      upstream: ShownUpstream.nullable().meta({ description: 'null: it has none.' }),
      keyVersions: z
        .array(
          z.object({
            version: z.string().meta({ description: "The service's id; empty where it is not known." }),
            newest: z.boolean().nullable().meta({ description: 'null: the service did not say.' }),
            count: z.int(),
          }),
        )
        .meta({
          description:
            'How many keys each version of the root key wraps. Empty: the root key has no versions.',
        }),
      countedAs: z.enum(['key', 'data key']).meta({ description: 'What keyVersions counts.' }),
      notRecoverable: z
        .object({
          count: z.int(),
          ids: z.array(z.string()).meta({ description: 'The first hundred of them.' }),
        })
        .meta({
          description:
            'Objects with custody keyprotect that are stored in the database all the same, so Key Protect alone cannot restore them: those that are empty or too large for a root key, and during a move those that have not moved yet.',
        }),
      rootKeyEnds: z
        .object({ severity: z.enum(severities), message: z.string(), action: z.string() })
        .nullable()
        .meta({ description: 'The service of its root key ends: when, and the way out. null: it does not.' }),
      revocation: z
        .object({ withinSeconds: z.int(), unreachableSeconds: z.int(), ofSingleKeys: z.boolean() })
        .meta({
          description:
            'withinSeconds: for how long a key may still be handed out after its root key was disabled or deleted, or the key was deleted in Key Protect. unreachableSeconds: the same, from the last answer of a root key that cannot be reached. ofSingleKeys: whether the owner can revoke a single key at the service.',
        }),
    }),
  }),
  createInstance: route({
    method: 'post',
    path: '/api/v1/instances',
    role: 'manager',
    scope: 'server',
    summary: 'Create an instance: a set of keys with a root key and clients of its own',
    body: z.strictObject({
      name,
      rootKey: z.string().min(1).max(1024).optional().meta({
        description:
          "URI of the root key. Left out: the server's own. Mortise makes a file in the data folder.",
      }),
      custody: z.enum(['database', 'keyprotect']).optional().meta({
        description:
          'Where its sealed keys are stored. Left out: database. Required for root keys in Key Protect and HPCS.',
      }),
      ibmApiKey: ibmApiKey.optional(),
      ...z.object(instanceSettings).partial().shape,
    }),
    answer: Instance.extend({ warnings }),
    status: 201,
  }),
  setInstance: route({
    method: 'patch',
    path: instancePath,
    role: 'manager',
    scope: 'instance',
    guarded: true,
    summary: 'Rename an instance or change its settings; takes effect on the next message',
    body: z
      .strictObject({ name, ibmApiKey, ...instanceSettings })
      .partial()
      .refine(namesChange, namesNoChange),
    answer: Instance,
  }),
  setRootKey: route({
    method: 'post',
    path: `${instancePath}/root-key`,
    role: 'manager',
    scope: 'instance',
    allInstances: true,
    guarded: true,
    summary:
      'Change the root key or custody. New keys use it from now on, the others follow in the background',
    body: z.strictObject({
      rootKey: z.string().min(1).max(1024).meta({
        description: 'URI of the root key. Mortise makes a file in the data folder.',
      }),
      ibmApiKey: ibmApiKey.optional(),
      custody: z.enum(['database', 'keyprotect']).optional().meta({
        description:
          'Where its sealed keys are stored. Left out: database. Required for root keys in Key Protect and HPCS.',
      }),
    }),
    answer: Instance.extend({ work: InstanceWork, warnings }),
  }),
  rewrapInstance: route({
    method: 'post',
    path: `${instancePath}/rewrap`,
    role: 'manager',
    scope: 'instance',
    summary: 'Bring all its keys under the newest version of its root key, in the background',
    answer: Instance.extend({ work: InstanceWork }),
  }),
  deleteInstance: route({
    method: 'delete',
    path: instancePath,
    role: 'manager',
    scope: 'instance',
    guarded: true,
    summary:
      'Delete an instance; refused while it has objects that are not destroyed, unless they are shredded',
    query: z.strictObject({
      shred: z.string().max(clientNameCharactersMax).optional().meta({
        description:
          'The name of the instance again: destroys its data keys and deletes its standard keys, and all its keys with them.',
      }),
      inUse,
    }),
    answer: Deleted,
  }),
}
