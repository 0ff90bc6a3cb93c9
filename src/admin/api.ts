// The admin API as data: one table, and long because of that. Each route has its role, scope and schemas, once. The server
// (server.ts), the typed client (client.ts), /api/openapi.json and the tests derive from it. Answers are cut to these schemas before
// they leave, so that what is not named here (a token's hash, sealed material) cannot slip out.

import { z } from '@hono/zod-openapi'
import { limits } from '../limits.ts'
import { enums } from '../kmip/enums.ts'
import {
  roles,
  route,
  type Checked as CheckedOf,
  type Input as InputOf,
  type Output as OutputOf,
} from './route.ts'
import { adoptionRoutes } from './adoption-routes.ts'
import { restoreRoutes } from './restore-routes.ts'
import { allow, ibmApiKey, name, pem, shownSha256, time } from './schemas.ts'
import { serverRoutes } from './server-routes.ts'

const State = z.enum(Object.keys(enums.State) as [keyof typeof enums.State, ...(keyof typeof enums.State)[]])
const revocationReasons = Object.keys(enums.RevocationReasonCode) as [RevocationReason, ...RevocationReason[]]
type RevocationReason = keyof typeof enums.RevocationReasonCode

const sha256 = z
  .string()
  .transform((text) => text.replaceAll(/[:\s]/g, '').toLowerCase())
  .pipe(z.string().regex(/^[0-9a-f]{64}$/, 'must be a whole SHA-256: 64 hexadecimal digits'))
  .openapi({ type: 'string', description: 'SHA-256 of the DER, in hex; colons and capitals are fine.' })
const page = {
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(limits.listPageMax)
    .default(100)
    .openapi({ description: 'At most this many.' }),
  after: z.string().max(500).optional().openapi({ description: 'The `after` of the page before.' }),
}
const nextPage = z
  .string()
  .nullable()
  .openapi({ description: 'Pass as `after` for the next page; null: this is the last.' })

// ---------------------------------------------------------------- what is shown

const Instance = z
  .object({
    id: z.string(),
    name: z.string().openapi({ example: 'default' }),
    custody: z.enum(['database', 'keyprotect']),
    rootKey: z.string().openapi({ example: 'file:root.key' }),
    ibmApiKeySource: z.enum(['instance', 'server', 'none']).openapi({
      description:
        'Whose API key speaks to Key Protect or HPCS for it: its own or that of the server (MORTISE_IBM_API_KEY_FILE); none where its root key is elsewhere. The key itself is never shown.',
    }),
    cacheSeconds: z.int(),
    outageSeconds: z.int(),
    expiredGraceDays: z
      .int()
      .openapi({ description: 'Days that a pinned certificate is served after it expired.' }),
    portable: z.boolean().openapi({ description: 'Whether its keys may ever be exported.' }),
    objectsMax: z.int().openapi({ description: 'How many objects it may hold, destroyed ones aside.' }),
    bytesMax: z.int().openapi({
      description:
        'How many bytes its objects may take in the database, with what stays of destroyed ones; about.',
    }),
    created: time,
  })
  .openapi('Instance')

const used = z.object({ used: z.int(), max: z.int() })
const limitsShown = z
  .object({ objects: used, bytes: used })
  .openapi({ description: 'How much it holds of what it may hold.' })

const warnings = z
  .array(z.string())
  .openapi({ description: 'What should be known of the root key that was chosen; empty: nothing.' })

const InstanceWork = z
  .object({
    id: z.string(),
    kind: z.enum(['move', 'rewrap']).openapi({
      description:
        'move: to the root key and custody that the instance names. rewrap: to the newest version of its root key.',
    }),
    from: z.object({
      rootKey: z.string(),
      custody: z.enum(['database', 'keyprotect']),
      leavesStandardKeys: z.boolean().openapi({
        description: 'Standard keys beside this root key are deleted when all keys have moved.',
      }),
    }),
    started: time,
    done: z.int().nullable().openapi({
      description: 'Data keys and objects that are where they should be; null: this node does not know yet.',
    }),
    total: z.int().nullable(),
    trouble: z
      .string()
      .nullable()
      .openapi({ description: 'Why it does not go on at the moment. It is tried again by itself.' }),
  })
  .openapi('InstanceWork')

const rootKeysAt = z.string().min(1).max(1024).openapi({
  description: 'keyprotect://HOST/INSTANCE or hpcs://HOST/INSTANCE; a key in it does not matter.',
})

const RootKey = z
  .object({
    id: z.string(),
    uri: z.string().openapi({
      description: 'To be given to an instance.',
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
  .openapi('RootKey')

const counts = z.record(z.string(), z.int()).openapi({ description: 'Objects by state.' })

const Deleted = z.object({
  id: z.string(),
  name: z.string(),
  receipt: z
    .object({
      at: time,
      dataKeys: z.array(z.object({ id: z.string(), rootKey: z.string(), created: time })),
      standardKeys: z.int().openapi({
        description: "Standard keys that it had at the root key's service. They are deleted there.",
      }),
      standardKeysLeft: z
        .object({
          count: z.int(),
          rootKeys: z.array(z.string()).openapi({ description: 'Beside which they are.' }),
          cause: z.string().nullable().openapi({
            description: 'Why they could not be deleted; null: nothing is known to be in the way.',
          }),
        })
        .openapi({
          description:
            'Those that are not deleted yet: until they are, whoever may use the root key can open what they hold, and a restore brings it back. The server goes on deleting them, and /api/v1/status tells as long as some are left.',
        }),
      objects: counts,
      auditEntry: z.string().openapi({ description: 'The action under which it stands in the audit log.' }),
    })
    .nullable()
    .openapi({ description: 'What was shredded; null where there was nothing to shred.' }),
})

const credentialMode = z.enum(['when-sent', 'required']).openapi({
  description:
    'when-sent: checked when a message has one. required: demanded where vCenter sends it, with what makes, hands out or changes keys.',
})

const warningsOfCertificate = z
  .array(z.string())
  .openapi({ description: 'Why it should be replaced: a weak key or signature, a date that is past.' })

const CertificateShown = z.object({
  sha256: shownSha256,
  subject: z.string().nullable().openapi({ description: 'null: the certificate cannot be read.' }),
  notBefore: time.nullable(),
  notAfter: time.nullable(),
  warnings: warningsOfCertificate,
  lastSeen: time.nullable(),
  lastAddress: z.string().nullable(),
  created: time,
})

const Client = z
  .object({
    id: z.string(),
    name: z.string().openapi({ example: 'vcenter-1' }),
    instance: z.object({ id: z.string(), name: z.string() }),
    expiredGraceDays: z.int().nullable().openapi({
      description: 'Days that its certificates are served after they expired; null: as the instance says.',
    }),
    credential: z.object({ mode: credentialMode, userName: z.string() }).nullable().openapi({
      description: 'A user name and password besides the certificate; null: what is sent is ignored.',
    }),
    allow: z.array(z.string()).openapi({
      description: 'What it may ask for: operations of KMIP, and sets of them (vsphere, read, all).',
      example: ['all'],
    }),
    created: time,
    certificates: z.array(CertificateShown).openapi({ description: 'Trusted by their fingerprint.' }),
    authorities: z
      .array(
        z.object({
          id: z.string(),
          sha256: shownSha256,
          authority: z.string().nullable().openapi({
            description: "The CA's subject; null: the certificate cannot be read.",
          }),
          subject: z
            .string()
            .openapi({ description: 'The pattern that a leaf must fit.', example: 'kmipClient*' }),
          notAfter: time.nullable(),
          warnings: warningsOfCertificate,
          created: time,
        }),
      )
      .openapi({ description: 'CAs whose leaves with a fitting subject are this client.' }),
  })
  .openapi('Client')

const Trusted = Client.extend({
  sha256: shownSha256.openapi({ description: 'Of the certificate or CA that is trusted now.' }),
})

const Block = z.object({ sha256: shownSha256, reason: z.string(), created: time }).openapi('Block')

const Token = z
  .object({
    id: z.string(),
    name: z.string(),
    role: z.enum(roles),
    instance: z
      .object({ id: z.string(), name: z.string() })
      .nullable()
      .openapi({ description: 'null: for all instances and the server itself.' }),
    created: time,
    expires: time.nullable(),
    expired: z.boolean(),
    lastUsed: time.nullable(),
    lastAddress: z.string().nullable(),
  })
  .openapi('Token')

const Expiry = z.object({
  kind: z.enum(['client', 'client-ca', 'server', 'server-ca']),
  name: z.string().openapi({ description: 'The client it belongs to, or what it is.' }),
  instance: z.object({ id: z.string(), name: z.string() }).nullable(),
  sha256: shownSha256,
  notAfter: time,
  daysLeft: z.int().openapi({ description: 'Whole days; negative once it has expired.' }),
})

const Warning = z.object({
  code: z.string().openapi({ description: 'Stable; for programs.', example: 'certificate-expires' }),
  message: z.string(),
  hint: z.string(),
})

const Status = z
  .object({
    version: z.string(),
    started: time,
    ready: z.boolean(),
    reason: z
      .string()
      .nullable()
      .openapi({ description: 'Why it is not ready, or what is refused at the moment.' }),
    kmip: z.string().openapi({ description: 'Where it listens for KMIP.', example: '[::]:5696' }),
    instances: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        rootKey: z.enum(['ok', 'unreachable', 'withdrawn', 'failing']).openapi({
          description:
            'unreachable: no answer; its keys are served from memory for a bounded time. withdrawn: it said no; they are ' +
            'not served. failing: they do not open for another reason, which the log tells.',
        }),
        clients: z.int(),
        objects: counts,
        limits: limitsShown,
      }),
    ),
    pending: z.int().nullable().openapi({ description: 'null: the token is for one instance.' }),
    expiries: z.array(Expiry).openapi({ description: 'The certificates that expire first, at most ten.' }),
    warnings: z.array(Warning),
  })
  .openapi('Status')

const PendingClient = z
  .object({
    sha256: shownSha256,
    subject: z.string().nullable().openapi({
      description:
        'What the stranger says of itself. Not verified. null: the certificate cannot be read, and so not be trusted.',
    }),
    notAfter: time.nullable(),
    address: z.string(),
    first: time,
    last: time,
    knocks: z.int(),
    certificate: z.string().openapi({ description: 'PEM.' }),
  })
  .openapi('PendingClient')

const Key = z
  .object({
    id: z.string().openapi({ description: 'Unique Identifier.' }),
    name: z
      .string()
      .nullable()
      .openapi({ description: 'The first Name, if it has one. vSphere gives none.' }),
    state: State.openapi({ example: 'Active' }),
    objectType: z.string().openapi({ example: 'SymmetricKey' }),
    algorithm: z.string().nullable().openapi({ example: 'AES' }),
    length: z.int().nullable().openapi({ description: 'In bits.', example: 256 }),
    vsphere: z
      .object({
        name: z.string().nullable(),
        component: z.string().nullable(),
        identifier: z.string().nullable(),
      })
      .openapi({ description: 'What vCenter noted on the key: x-Name, x-Component, x-Identifier.' }),
    created: time,
    lastFetched: time.nullable(),
  })
  .openapi('Key')

const KeyDetails = Key.extend({
  attributes: z
    .array(z.object({ name: z.string(), index: z.int(), value: z.unknown() }))
    .openapi({ description: 'All attributes. Key material is none of them.' }),
}).openapi('KeyDetails')

const AuditEntry = z
  .object({
    writer: z.string(),
    number: z.int(),
    hash: z.string(),
    at: time,
    action: z.string().openapi({ example: 'key.get' }),
    result: z.enum(['success', 'refused', 'undone']),
    instanceId: z.string().nullable(),
    object: z.string().nullable(),
    actor: z.object({
      kind: z.string(),
      id: z.string().nullable(),
      name: z.string().nullable(),
      certificateSha256: z.string().nullable(),
      address: z.string().nullable(),
    }),
    reason: z.string().nullable(),
    requestId: z.string().nullable(),
    detail: z.record(z.string(), z.unknown()).nullable(),
  })
  .openapi('AuditEntry')

const AuditPage = z.object({ entries: z.array(AuditEntry), after: nextPage })

const AuditProof = z
  .object({
    ok: z.boolean(),
    problems: z.array(z.string()),
    restores: z
      .array(z.string())
      .openapi({ description: 'Restores that were accepted (`restore-accept`): what they left behind.' }),
    entries: z.int(),
    checkpoints: z.int(),
    provedFrom: time.nullable(),
    provedTo: time.nullable(),
    unprovedEntries: z
      .int()
      .openapi({ description: 'Younger than the last checkpoint: chained, not yet signed for.' }),
    keySha256: shownSha256,
  })
  .openapi('AuditProof')

// ---------------------------------------------------------------- what is asked

const newAllow = allow
  .optional()
  .openapi({ description: 'What a new client may ask for; left out: all, from an operator vsphere.' })

const trustBody = z
  .discriminatedUnion('by', [
    z.strictObject({ by: z.literal('certificate'), name, certificate: pem, allow: newAllow }),
    z.strictObject({
      by: z.literal('authority'),
      name,
      authority: pem,
      subject: z.string().min(1).max(1024).default('kmipClient*'),
      leavePinned: z.boolean().default(false).openapi({
        description:
          'Trust it although it vouches for certificates that are pinned in other instances: those stay there.',
      }),
      allow: newAllow,
    }),
    z.strictObject({ by: z.literal('pending'), name, sha256, allow: newAllow }),
  ])
  .openapi({
    description:
      'certificate: exactly this one. authority: leaves that this CA signs itself and whose subject fits. pending: one that knocked, by its whole SHA-256. Needs a token for all instances, as soon as there are several, unless it is a certificate that Mortise signed for this instance.',
    example: {
      by: 'pending',
      name: 'vcenter-1',
      sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    },
  })

const graceDays = z.int().min(0).max(limits.expiredGraceDaysMax)

const instanceSettings = {
  cacheSeconds: z
    .int()
    .min(limits.cacheSecondsMin)
    .max(limits.cacheSecondsMax)
    .openapi({ description: 'How long unsealed material may be used after the root key last answered.' }),
  outageSeconds: z
    .int()
    .min(0)
    .max(limits.outageSecondsMax)
    .openapi({ description: 'How much longer while the root key cannot be reached; 0: no longer.' }),
  expiredGraceDays: graceDays,
  portable: z.boolean(),
  objectsMax: z.int().min(1).max(limits.instanceObjectsMax).openapi({
    description: 'Objects that it may hold, destroyed ones aside. Needs a token for all instances.',
  }),
  bytesMax: z.int().min(1).max(limits.instanceBytesMax).openapi({
    description:
      'Bytes that its objects may take in the database, with what stays of destroyed ones. Needs a token for all instances.',
  }),
}

const credentialBody = z.strictObject({
  mode: credentialMode,
  userName: z.string().min(1).max(limits.userNameCharactersMax).optional(),
  password: z.string().min(1).max(limits.passwordCharactersMax).optional(),
})

function somethingAsked(body: object): boolean {
  return Object.values(body).some((value) => value !== undefined)
}
const nothingAsked = 'names nothing to change'

const auditQuery = z.strictObject({
  ...page,
  action: z.string().max(100).optional(),
  object: z.string().max(1024).optional(),
  certificate: sha256.optional(),
  since: time.optional(),
  until: time.optional(),
})

// ---------------------------------------------------------------- the table

const instance = '/api/v1/instances/{instance}'

export const routes = {
  live: route({
    method: 'get',
    path: '/health/live',
    role: 'viewer',
    scope: 'public',
    summary: 'Whether the process runs',
    answer: z.object({ live: z.boolean() }),
  }),
  ready: route({
    method: 'get',
    path: '/health/ready',
    role: 'viewer',
    scope: 'public',
    summary: 'Whether this node can serve; 503 when it cannot',
    answer: z.object({
      ready: z.boolean(),
      degradedInstances: z
        .int()
        .openapi({ description: 'How many instances have trouble with their root key.' }),
      degraded: z.array(z.string()).openapi({ description: 'Their ids.' }),
      unreachable: z
        .array(z.string())
        .openapi({ description: 'Those that are served from memory, since their root key does not answer.' }),
      withdrawn: z
        .array(z.string())
        .openapi({ description: 'Those that are not served, since their root key said no.' }),
      newKeysRefused: z.array(z.string()).openapi({
        description: "Ids of instances of which the root key's service refused to keep the last new key.",
      }),
      readsRefused: z.array(z.string()).openapi({
        description:
          "Ids of instances whose keys cannot be read at the root key's service, though the root key answers.",
      }),
      standardKeysLeft: z.array(z.string()).openapi({
        description:
          "Ids of instances of which standard keys are to be deleted at the root key's service, and could not be; also of instances that are gone.",
      }),
      closingsUnrecorded: z.array(z.string()).openapi({
        description:
          "Ids of instances with keys that were revoked here, and are not recorded as revoked at the root key's service yet.",
      }),
      otherServers: z.array(z.string()).openapi({
        description: "Ids of instances that another server uses too, as their root key's service shows.",
      }),
      nearLimit: z.array(z.string()).openapi({
        description: 'Ids of instances that hold 80 % or more of the objects or bytes that they may.',
      }),
      warnings: z
        .int()
        .openapi({ description: 'What needs somebody soon: see /api/v1/status, or `mortise status`.' }),
    }),
  }),
  metrics: route({
    method: 'get',
    path: '/metrics',
    role: 'viewer',
    scope: 'server',
    summary: 'Metrics for Prometheus',
    answer: z.string(),
    media: 'text/plain',
  }),
  status: route({
    method: 'get',
    path: '/api/v1/status',
    role: 'viewer',
    scope: 'any',
    summary: 'How the server is, on one page: what the token may see of it',
    answer: Status,
  }),
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
    path: instance,
    role: 'viewer',
    scope: 'instance',
    summary:
      'One instance, with how many objects it has, under which versions of its root key they are, and the work on them',
    answer: Instance.extend({
      objects: counts,
      limits: limitsShown,
      clients: z.int(),
      work: InstanceWork.nullable().openapi({ description: 'Work on all its keys that is under way.' }),
      keyVersions: z
        .array(
          z.object({
            version: z.string().openapi({ description: "The service's id; empty where it is not known." }),
            newest: z.boolean().nullable().openapi({ description: 'null: the service did not say.' }),
            count: z.int(),
          }),
        )
        .openapi({
          description:
            'How many are wrapped by which version of the root key. Empty where a root key has no versions.',
        }),
      countedAs: z.enum(['key', 'data key']).openapi({ description: 'What keyVersions counts.' }),
      notRecoverable: z
        .object({
          count: z.int(),
          ids: z.array(z.string()).openapi({ description: 'The first hundred of them.' }),
        })
        .openapi({
          description:
            'Objects with custody keyprotect that lie in the database all the same: Key Protect alone cannot bring them back. No root key wraps what is empty or so large; during a move also those that it has not come to.',
        }),
      revocation: z
        .object({ withinSeconds: z.int(), unreachableSeconds: z.int(), ofSingleKeys: z.boolean() })
        .openapi({
          description:
            'A key is handed out at most so long after its root key was disabled or deleted, or it was deleted in Key Protect; and at most so long after the root key last answered, while it cannot be reached. ofSingleKeys: the owner can revoke one key at the service.',
        }),
    }),
  }),
  createInstance: route({
    method: 'post',
    path: '/api/v1/instances',
    role: 'manager',
    scope: 'server',
    summary: 'A new instance: a set of keys with a root key and clients of its own',
    body: z.strictObject({
      name,
      rootKey: z.string().min(1).max(1024).optional().openapi({
        description: "URI of the root key; left out: the server's own. A file in the data folder is made.",
      }),
      custody: z.enum(['database', 'keyprotect']).optional().openapi({
        description:
          'Where its sealed keys lie. Left out: database; to be said for root keys in Key Protect and HPCS.',
      }),
      ibmApiKey: ibmApiKey.optional(),
      ...z.object(instanceSettings).partial().shape,
    }),
    answer: Instance.extend({ warnings }),
    status: 201,
  }),
  listRootKeys: route({
    method: 'get',
    path: '/api/v1/root-keys',
    role: 'manager',
    scope: 'server',
    summary: 'The root keys of a Key Protect or HPCS instance, to choose from',
    query: z.strictObject({
      rootKey: rootKeysAt,
      instance: z.string().min(1).max(1024).optional().openapi({
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
    summary: 'The same with an API key that is not kept, for an instance that is yet to be made',
    body: z.strictObject({ rootKey: rootKeysAt, ibmApiKey }),
    answer: z.array(RootKey),
  }),
  setInstance: route({
    method: 'patch',
    path: instance,
    role: 'manager',
    scope: 'instance',
    summary: 'Rename an instance or change its settings; takes effect on the next message',
    body: z
      .strictObject({ name, ibmApiKey, ...instanceSettings })
      .partial()
      .refine(somethingAsked, nothingAsked),
    answer: Instance,
  }),
  setRootKey: route({
    method: 'post',
    path: `${instance}/root-key`,
    role: 'manager',
    scope: 'instance',
    summary:
      'Another root key or custody. New keys are sealed by it from now on, the others follow in the background; needs a token for all instances',
    body: z.strictObject({
      rootKey: z.string().min(1).max(1024).openapi({
        description: 'URI of the root key. A file in the data folder is made.',
      }),
      ibmApiKey: ibmApiKey.optional(),
      custody: z.enum(['database', 'keyprotect']).optional().openapi({
        description:
          'Where its sealed keys lie. Left out: database; to be said for root keys in Key Protect and HPCS.',
      }),
    }),
    answer: Instance.extend({ work: InstanceWork, warnings }),
  }),
  rewrapInstance: route({
    method: 'post',
    path: `${instance}/rewrap`,
    role: 'manager',
    scope: 'instance',
    summary: 'Bring all its keys under the newest version of its root key, in the background',
    answer: Instance.extend({ work: InstanceWork }),
  }),
  deleteInstance: route({
    method: 'delete',
    path: instance,
    role: 'manager',
    scope: 'instance',
    summary:
      'Delete an instance; refused while it has objects that are not destroyed, unless they are shredded',
    query: z.strictObject({
      shred: z.string().max(limits.clientNameCharactersMax).optional().openapi({
        description:
          'The name of the instance again: destroys its data keys, deletes its standard keys, and all its keys with them.',
      }),
    }),
    answer: Deleted,
  }),
  listClients: route({
    method: 'get',
    path: `${instance}/clients`,
    role: 'viewer',
    scope: 'instance',
    summary: 'Clients and what each is trusted by',
    answer: z.array(Client),
  }),
  showClient: route({
    method: 'get',
    path: `${instance}/clients/{client}`,
    role: 'viewer',
    scope: 'instance',
    summary: 'One client, with its certificates and when each was last seen',
    answer: Client,
  }),
  setClient: route({
    method: 'patch',
    path: `${instance}/clients/{client}`,
    role: 'operator',
    scope: 'instance',
    summary: 'Rename a client or change its settings; takes effect on its next message',
    body: z
      .strictObject({
        name,
        expiredGraceDays: graceDays.nullable(),
        credential: credentialBody.nullable().openapi({
          description: 'null takes it away. Without user name and password those that are set stay.',
        }),
        allow,
      })
      .partial()
      .refine(somethingAsked, nothingAsked),
    answer: Client,
  }),
  removeCertificate: route({
    method: 'delete',
    path: `${instance}/clients/{client}/certificates/{certificate}`,
    role: 'operator',
    scope: 'instance',
    summary: 'Withdraw trust from one certificate or CA of a client',
    answer: Client,
  }),
  trustClient: route({
    method: 'post',
    path: `${instance}/clients`,
    role: 'operator',
    scope: 'instance',
    summary: 'Trust a certificate or a CA as a client',
    body: trustBody,
    answer: Trusted,
    status: 201,
  }),
  signClient: route({
    method: 'post',
    path: `${instance}/clients/sign`,
    role: 'operator',
    scope: 'instance',
    summary: 'Sign a certificate request and trust the certificate as a client',
    body: z.strictObject({
      name,
      request: pem.openapi({ description: 'PKCS#10, PEM.' }),
      days: z.int().min(1).max(limits.certificateDaysMax).optional(),
      allow: newAllow,
    }),
    answer: Trusted.extend({
      certificate: z.string().openapi({ description: 'PEM.' }),
      authority: z.string().openapi({ description: 'The CA that signed it, PEM.' }),
    }),
    status: 201,
  }),
  removeClient: route({
    method: 'delete',
    path: `${instance}/clients/{client}`,
    role: 'operator',
    scope: 'instance',
    summary: 'Withdraw trust from a client and all its certificates; takes effect on its next message',
    answer: z.object({ id: z.string(), name: z.string() }),
  }),
  listPending: route({
    method: 'get',
    path: '/api/v1/pending',
    role: 'viewer',
    scope: 'server',
    summary: 'Unknown certificates that knocked',
    answer: z.array(PendingClient),
  }),
  blockCertificate: route({
    method: 'post',
    path: '/api/v1/blocks',
    role: 'operator',
    scope: 'server',
    summary: 'Refuse one certificate for good, whoever vouches for it',
    body: z.strictObject({ sha256, reason: z.string().max(200).default('') }),
    answer: Block,
    status: 201,
  }),
  listBlocks: route({
    method: 'get',
    path: '/api/v1/blocks',
    role: 'viewer',
    scope: 'server',
    summary: 'Certificates that are refused for good',
    answer: z.array(Block),
  }),
  unblockCertificate: route({
    method: 'delete',
    path: '/api/v1/blocks/{certificate}',
    role: 'operator',
    scope: 'server',
    summary: 'Lift a block; the certificate counts again where a client or a CA vouches for it',
    answer: Block,
  }),
  listTokens: route({
    method: 'get',
    path: '/api/v1/tokens',
    role: 'viewer',
    scope: 'any',
    summary:
      'Tokens of the admin door, without what is secret of them; one of an instance sees those of its instance',
    answer: z.array(Token),
  }),
  createToken: route({
    method: 'post',
    path: '/api/v1/tokens',
    role: 'manager',
    scope: 'any',
    summary: 'A new token; its text is in this answer and nowhere else',
    body: z.strictObject({
      role: z.enum(roles),
      instance: z.string().min(1).max(1024).optional().openapi({
        description: 'Id or name; left out: all instances, or the one that the asking token is for.',
      }),
      name: name.optional(),
      expiresDays: z.int().min(1).max(limits.tokenExpiryDaysMax).optional(),
    }),
    answer: Token.extend({
      token: z.string().openapi({ description: 'Send it as "Authorization: Bearer ...".' }),
    }),
    status: 201,
  }),
  revokeToken: route({
    method: 'delete',
    path: '/api/v1/tokens/{token}',
    role: 'manager',
    scope: 'any',
    summary: 'Revoke a token; it does not count from its next request on',
    answer: Token,
  }),
  listKeys: route({
    method: 'get',
    path: `${instance}/keys`,
    role: 'viewer',
    scope: 'instance',
    summary: 'Keys and other objects, newest first',
    query: z.strictObject({
      ...page,
      state: State.optional().openapi({ description: 'Left out: all but the destroyed ones.' }),
      name: z.string().max(1024).optional().openapi({ description: 'A Name, whole.' }),
      vsphereName: z.string().max(1024).optional().openapi({ description: 'x-Name, whole.' }),
      vsphereComponent: z.string().max(1024).optional().openapi({ description: 'x-Component, whole.' }),
      vsphereIdentifier: z.string().max(1024).optional().openapi({ description: 'x-Identifier, whole.' }),
      search: z.string().min(1).max(1024).optional().openapi({
        description: 'What has this, whole, as its id, Name, x-Name, x-Component or x-Identifier.',
      }),
      contains: z.string().min(1).max(1024).optional().openapi({
        description:
          'A part of its id, Name, x-Name, x-Component or x-Identifier, in any case; looks at one key after the other.',
      }),
      createdSince: time.optional(),
      createdUntil: time.optional(),
      fetchedSince: time.optional().openapi({ description: 'Sent to a client since then.' }),
      notFetchedSince: time
        .optional()
        .openapi({ description: 'Never sent to a client, or last before then.' }),
    }),
    answer: z.object({ keys: z.array(Key), after: nextPage }),
  }),
  createKey: route({
    method: 'post',
    path: `${instance}/keys`,
    role: 'operator',
    scope: 'instance',
    summary:
      "A new AES-256 key that encrypts, decrypts, wraps and unwraps: vSphere 9's wrapping key, for example",
    body: z.strictObject({
      name: z
        .string()
        .min(1)
        .max(1024)
        .optional()
        .openapi({ description: 'Its Name, unique in the instance.' }),
      activate: z.boolean().default(false).openapi({ description: 'Active from the start.' }),
    }),
    answer: Key,
    status: 201,
  }),
  showKey: route({
    method: 'get',
    path: `${instance}/keys/{key}`,
    role: 'viewer',
    scope: 'instance',
    summary: 'One key with all its attributes',
    answer: KeyDetails,
  }),
  activateKey: route({
    method: 'post',
    path: `${instance}/keys/{key}/activate`,
    role: 'operator',
    scope: 'instance',
    summary: 'Make a Pre-Active key Active',
    answer: Key,
  }),
  revokeKey: route({
    method: 'post',
    path: `${instance}/keys/{key}/revoke`,
    role: 'operator',
    scope: 'instance',
    summary: 'Deactivate a key, or mark it compromised',
    body: z.strictObject({
      reason: z
        .enum(revocationReasons)
        .default('Unspecified')
        .openapi({ description: 'KeyCompromise and CACompromise make it Compromised.' }),
      message: z.string().max(1024).optional(),
      occurred: time.optional().openapi({ description: 'When the compromise happened, if it is one.' }),
    }),
    answer: Key,
  }),
  destroyKey: route({
    method: 'delete',
    path: `${instance}/keys/{key}`,
    role: 'manager',
    scope: 'instance',
    summary: 'Remove the material of a key for good and keep its record',
    answer: Key,
  }),
  listInstanceAudit: route({
    method: 'get',
    path: `${instance}/audit`,
    role: 'viewer',
    scope: 'instance',
    summary: 'Audit entries of one instance, newest first',
    query: auditQuery,
    answer: AuditPage,
  }),
  listAudit: route({
    method: 'get',
    path: '/api/v1/audit',
    role: 'viewer',
    scope: 'server',
    summary: "Audit entries of all instances and the server's own, newest first",
    query: auditQuery,
    answer: AuditPage,
  }),
  verifyAudit: route({
    method: 'get',
    path: '/api/v1/audit/proof',
    role: 'viewer',
    scope: 'server',
    summary: 'Verify the whole audit log; takes long when it is long',
    answer: AuditProof,
    slow: true,
  }),
  exportAudit: route({
    method: 'get',
    path: '/api/v1/audit/export',
    role: 'manager',
    scope: 'server',
    summary: 'The whole audit log as lines of JSON, which `audit verify FILE` checks offline',
    answer: z.string(),
    media: 'application/x-ndjson',
    slow: true,
  }),
  pruneAudit: route({
    method: 'post',
    path: '/api/v1/audit/prune',
    role: 'manager',
    scope: 'server',
    summary: 'Remove audit entries older than a date, keeping the signed proof of what remains',
    body: z.strictObject({ before: time }),
    answer: z.object({ before: time }),
    slow: true,
  }),
  ...restoreRoutes,
  ...adoptionRoutes,
  ...serverRoutes,
} as const

export type Routes = typeof routes
export type RouteName = keyof Routes
export type Input<N extends RouteName> = InputOf<Routes[N]>
export type Checked<N extends RouteName> = CheckedOf<Routes[N]>
export type Output<N extends RouteName> = OutputOf<Routes[N]>
