// The admin API as data: one table, and long because of that. It states the role, scope and schemas of each route. The
// server (server.ts), the typed client (client.ts), /api/openapi.json and the tests derive from it. The server removes
// every field that these schemas do not name from an answer, so a token's hash or sealed material cannot leak.

import { z } from 'zod'
import { limits } from '../../limits.ts'
import { lengthsRules, namesRules } from '../../trust/rows.ts'
import { enums } from '../../kmip/enums.ts'
import {
  roles,
  route,
  type Checked as CheckedOf,
  type Input as InputOf,
  type Output as OutputOf,
} from './route.ts'
import { backupRoutes, BackupStatus } from './backup-routes.ts'
import { severities } from '../conditions/line.ts'
import { adoptionRoutes } from './adoption-routes.ts'
import { backupRestoreRoutes } from './backup-restore-routes.ts'
import { objectRuleRoutes } from './object-rule-routes.ts'
import { inUse, inventoryRoutes, UsedBy } from './inventory-routes.ts'
import { keyExportRoutes } from './key-export-routes.ts'
import { restoreRoutes } from './restore-routes.ts'
import { rootKeyCopyRoutes } from './root-key-copy-routes.ts'
import { allow, ibmApiKey, name, pem, sha256, shownAttributes, shownSha256, time } from './schemas.ts'
import { serverRoutes } from './server-routes.ts'
import { approvalRoutes } from './approval-routes.ts'
import { alertRoutes } from './alert-routes.ts'
import { siemRoutes } from './siem-routes.ts'
import { loginRoutes } from './login-routes.ts'
import { sessionRoutes } from './session-routes.ts'
import { ShownUpstream, upstreamRoutes } from './upstream-routes.ts'

const State = z.enum(Object.keys(enums.State) as [keyof typeof enums.State, ...(keyof typeof enums.State)[]])
const revocationReasons = Object.keys(enums.RevocationReasonCode) as [RevocationReason, ...RevocationReason[]]
type RevocationReason = keyof typeof enums.RevocationReasonCode

const page = {
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(limits.listPageMax)
    .default(100)
    .meta({ description: 'At most this many.' }),
  after: z.string().max(500).optional().meta({ description: 'The `after` of the page before.' }),
}
const nextPage = z
  .string()
  .nullable()
  .meta({ description: 'Pass as `after` for the next page; null: this is the last.' })

// ---------------------------------------------------------------- what is shown

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
const limitsShown = z
  .object({ objects: used, bytes: used })
  .meta({ description: 'What it holds, and its limits.' })

const recoverableShown = z
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

const counts = z.record(z.string(), z.int()).meta({ description: 'Objects by state.' })

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
            'The standard keys that are not deleted yet. Until then anybody who may use the root key can open what they hold, and a restore brings it back. The server keeps trying to delete them, and /api/v1/status reports them until none is left.',
        }),
      objects: counts,
      auditEntry: z.string().meta({ description: 'The action of its audit entry.' }),
    })
    .nullable()
    .meta({ description: 'What was shredded; null: there was nothing to shred.' }),
})

const credentialMode = z.enum(['when-sent', 'required']).meta({
  description:
    'when-sent: the server checks a password that a message carries. required: every operation needs the password, except those that ask about the server, find keys, or read or add attributes; vCenter sends none with these.',
})

const warningsOfCertificate = z.array(z.string()).meta({
  description:
    'Why it should be replaced: a weak key or signature, a date that is past, the certificate of a CA where that of a client is expected.',
})

const CertificateShown = z.object({
  sha256: shownSha256,
  subject: z.string().nullable().meta({ description: 'null: the certificate cannot be read.' }),
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
    name: z.string().meta({ example: 'vcenter-1' }),
    instance: z.object({ id: z.string(), name: z.string() }),
    expiredGraceDays: z.int().nullable().meta({
      description:
        'How many days after their expiry its certificates are still accepted; null: as set for the instance.',
    }),
    credential: z.object({ mode: credentialMode, userName: z.string() }).nullable().meta({
      description:
        'A user name and password besides the certificate; null: the server ignores any that the client sends.',
    }),
    lastSeen: z.object({ at: time, address: z.string(), certificateSha256: shownSha256 }).nullable().meta({
      description: 'When, from where and with which certificate it last connected; null: never.',
    }),
    allow: z.array(z.string()).meta({
      description:
        'The operations of KMIP that it may request, and sets of them (vsphere, read, crypto, all).',
      example: ['all'],
    }),
    created: time,
    certificates: z
      .array(CertificateShown)
      .meta({ description: 'The certificates trusted by their fingerprint.' }),
    authorities: z
      .array(
        z.object({
          id: z.string(),
          sha256: shownSha256,
          authority: z.string().nullable().meta({
            description: "The CA's subject; null: the certificate cannot be read.",
          }),
          subject: z.string().meta({
            description: 'The pattern that the subject of a leaf certificate must match.',
            example: 'kmipClient*',
          }),
          notAfter: time.nullable(),
          warnings: warningsOfCertificate,
          created: time,
        }),
      )
      .meta({
        description:
          'The trusted CAs: a leaf certificate of one of them with a matching subject is this client.',
      }),
  })
  .meta({ id: 'Client' })

const Trusted = Client.extend({
  sha256: shownSha256.meta({
    description: 'The SHA-256 of the certificate or CA that this request trusted.',
  }),
})

const Block = z.object({ sha256: shownSha256, reason: z.string(), created: time }).meta({ id: 'Block' })

const Token = z
  .object({
    id: z.string(),
    name: z.string(),
    role: z.enum(roles),
    // A server of an older version knows no owners.
    owner: z.string().nullable().default(null).meta({
      description: 'The person who uses it, as its creator said; null: a program, or nobody in particular.',
      example: 'alice',
    }),
    instance: z
      .object({ id: z.string(), name: z.string() })
      .nullable()
      .meta({ description: 'null: for all instances and the server itself.' }),
    created: time,
    expires: time.nullable(),
    expired: z.boolean(),
    lastUsed: time.nullable(),
    lastAddress: z.string().nullable(),
  })
  .meta({ id: 'Token' })

const Expiry = z.object({
  kind: z.enum(['client', 'client-ca', 'server', 'server-ca', 'admin']),
  name: z
    .string()
    .meta({ description: 'The client that the certificate belongs to, or what the certificate is.' }),
  instance: z.object({ id: z.string(), name: z.string() }).nullable(),
  sha256: shownSha256,
  notAfter: time,
  daysLeft: z.int().meta({ description: 'Whole days; negative once it has expired.' }),
})

const Condition = z
  .object({
    id: z
      .string()
      .meta({ description: 'Stable; docs/conditions.md has them all.', example: 'certificate-expires' }),
    severity: z.enum(severities),
    instance: z
      .string()
      .nullable()
      .meta({ description: 'The name of the instance that it concerns; null: the server.' }),
    message: z.string(),
    action: z.string().meta({ description: 'What to do about it.' }),
  })
  .meta({ id: 'Condition' })

const Node = z
  .object({
    name: z.string(),
    version: z.string(),
    kmip: z.string().meta({ description: 'Where other machines reach it.', example: 'kms-1:5696' }),
    started: time,
    secondsAgo: z.int().meta({ description: 'When it last gave a sign, by the clock of the database.' }),
    serves: z.boolean().meta({ description: 'false: it has given none of late, and did not stop in order.' }),
    isThis: z.boolean().meta({ description: 'Whether it is the node that was asked.' }),
    work: z.array(z.string()).meta({
      description:
        'The kinds of background work that it does, or would do now: instance-work (moves and rewraps), standard-keys, recovery, backups, audit-prune, siem, inventory, restore, adoption, approved-acts.',
    }),
  })
  .meta({ id: 'Node' })

const Status = z
  .object({
    version: z.string(),
    started: time,
    ready: z.boolean().meta({ description: 'Whether this node can serve, as GET /health/ready says.' }),
    // A server of an older version does not say it.
    servesKeys: z.boolean().default(true).meta({
      description:
        'Whether it is ready and serves at least one of the instances shown that have keys. `mortise status` ends with exit code 1 if not.',
    }),
    reason: z
      .string()
      .nullable()
      .meta({ description: 'Why the server is not ready, or what it refuses at the moment.' }),
    fips: z.string().nullable().default(null).meta({
      description:
        "The version of OpenSSL's FIPS provider that alone computes; null: the server is not in FIPS mode.",
      example: '3.5.9',
    }),
    kmip: z.string().meta({ description: 'Where it listens for KMIP.', example: '[::]:5696' }),
    kmipHttps: z.string().nullable().meta({
      description: 'Where it listens for KMIP over HTTPS; null: nowhere.',
      example: 'https://[::]:5698',
    }),
    instances: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        rootKey: z.enum(['ok', 'unreachable', 'withdrawn', 'failing', 'unknown']).meta({
          description:
            'unreachable: it does not answer; its keys are served from memory for a bounded time. withdrawn: its service refused; its keys are not served. failing: its keys do not open for another reason. unknown: the server has just started, and still waits for its first answer.',
        }),
        rootKeyReason: z.string().nullable().meta({ description: 'Why it is not ok.' }),
        // A server of an older version does not say it.
        served: z.boolean().default(true).meta({
          description:
            'Whether its keys are served now: the root key is ok (or unknown), or memory still has what opens them.',
        }),
        clients: z.int(),
        objects: counts,
        recoverable: recoverableShown,
        limits: limitsShown,
        upstream: ShownUpstream.nullable(),
      }),
    ),
    pending: z.int().nullable().meta({ description: 'null: the token is for one instance.' }),
    // A server of an older version does not say it.
    traffic: z
      .object({
        keysPerMinute: z.number().nullable().meta({
          description:
            'Keys that clients fetched in the last minute; null: the server runs too short a time.',
        }),
        connections: z.int().meta({ description: 'KMIP connections that are open.' }),
      })
      .nullable()
      .default(null)
      .meta({
        description:
          'What this node serves now, all its processes together. null: the token is for one instance.',
      }),
    expiries: z.array(Expiry).meta({ description: 'The certificates that expire first, at most ten.' }),
    nodes: z.array(Node).nullable().meta({
      description: 'The nodes on this PostgreSQL; empty with SQLite. null: the token is for one instance.',
    }),
    backups: BackupStatus.nullable().meta({ description: 'null: the token is for one instance.' }),
    conditions: z
      .array(Condition)
      .meta({ description: 'What a person should know or act on, the most severe first.' }),
  })
  .meta({ id: 'Status' })

const PendingClient = z
  .object({
    sha256: shownSha256,
    subject: z.string().nullable().meta({
      description:
        'What the client says about itself, not verified. null: the certificate cannot be read, so it cannot be trusted.',
    }),
    // A server of an older version does not say it.
    issuer: z.string().nullable().default(null).meta({
      description: 'Who signed the certificate, as it says itself; not verified.',
    }),
    notAfter: time.nullable(),
    address: z.string(),
    first: time,
    last: time,
    attempts: z.int().meta({ description: 'How many connections it has made.' }),
    certificate: z.string().meta({ description: 'PEM.' }),
  })
  .meta({ id: 'PendingClient' })

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
  attributes: shownAttributes.meta({
    description: 'All attributes. They never contain key material.',
  }),
  fetches: z
    .object({
      times: z.int(),
      complete: z.boolean().meta({
        description: `false: only the last ${limits.fetchesReadMax} fetches were counted. The audit log has all.`,
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

const AuditEntry = z
  .object({
    writer: z.string(),
    number: z.int(),
    hash: z.string(),
    at: time,
    action: z.string().meta({ example: 'key.get' }),
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
  .meta({ id: 'AuditEntry' })

const AuditPage = z.object({ entries: z.array(AuditEntry), after: nextPage })

const AuditProof = z
  .object({
    ok: z.boolean(),
    problems: z.array(z.string()),
    restores: z
      .array(z.string())
      .meta({ description: 'The accepted restores (`restore-accept`) that the log shows.' }),
    entries: z.int(),
    checkpoints: z.int(),
    provedFrom: time.nullable(),
    provedTo: time.nullable(),
    unprovedEntries: z
      .int()
      .meta({ description: 'Entries after the last checkpoint: chained, but not signed yet.' }),
    keySha256: shownSha256,
  })
  .meta({ id: 'AuditProof' })

// ---------------------------------------------------------------- what is asked

const newAllow = allow.optional().meta({
  description: 'The operations that a new client may request. Left out: all, or vsphere if an operator asks.',
})

const trustBody = z
  .discriminatedUnion('by', [
    z.strictObject({ by: z.literal('certificate'), name, certificate: pem, allow: newAllow }),
    z.strictObject({
      by: z.literal('authority'),
      name,
      authority: pem,
      subject: z.string().min(1).max(1024).default('kmipClient*'),
      everyCertificate: z.boolean().default(false).meta({
        description:
          'Needed for a subject pattern that fits every certificate of the CA: the CA of a vCenter signs every host and service user too.',
      }),
      leavePinned: z.boolean().default(false).meta({
        description:
          'Trusts the CA although it signed certificates that are pinned in other instances; those stay there.',
      }),
      allow: newAllow,
    }),
    z.strictObject({ by: z.literal('pending'), name, sha256, allow: newAllow }),
  ])
  .meta({
    description:
      'certificate: trusts exactly this certificate. authority: trusts leaf certificates that this CA itself signed and whose subject matches. pending: trusts a certificate that connected, by its whole SHA-256. If there are several instances this needs a token for all of them, unless Mortise signed the certificate for this instance.',
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
    .meta({ description: 'How long unsealed material may be used after the root key last answered.' }),
  outageSeconds: z
    .int()
    .min(0)
    .max(limits.outageSecondsMax)
    .meta({ description: 'How much longer while the root key cannot be reached; 0: no longer.' }),
  expiredGraceDays: graceDays,
  portable: z.boolean(),
  objectsMax: z.int().min(1).max(limits.instanceObjectsMax).meta({
    description:
      'How many objects it may hold; destroyed ones count only while they can still be brought back. Needs a token for all instances.',
  }),
  destroyDelaySeconds: z.int().min(0).max(limits.destroyDelaySecondsMax).meta({
    description:
      'How long a key that is destroyed from now on can be brought back; for custody database only. Keys that wait already keep their time.',
  }),
  bytesMax: z.int().min(1).max(limits.instanceBytesMax).meta({
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
  client: z.string().max(1024).optional().meta({ description: 'The id or name of the client that acted.' }),
  token: z.string().max(1024).optional().meta({ description: 'The id or name of the token that acted.' }),
  person: z
    .string()
    .max(2048)
    .optional()
    .meta({ description: 'The id (ISSUER#SUBJECT) or the shown name of the person that acted.' }),
  address: z.string().max(100).optional().meta({ description: 'The address that the request came from.' }),
  result: z.enum(['success', 'refused', 'undone']).optional(),
  requestId: z.string().max(100).optional(),
  objectName: z.string().min(1).max(1024).optional().meta({
    description:
      'What has this, whole, as its name: keys by Name, x-Name, x-Component or x-Identifier; clients; tokens.',
  }),
  since: time.optional(),
  until: time.optional(),
  newerThan: page.after.meta({
    description:
      'Only what was written after the last entry of the page that gave this as `after`, whatever the clock did; 0: all.',
  }),
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
        .meta({ description: 'How many instances have trouble with their root key.' }),
      degraded: z.array(z.string()).meta({ description: 'The ids of these instances.' }),
      unreachable: z.array(z.string()).meta({
        description: 'Ids of instances that are served from memory, because their root key does not answer.',
      }),
      withdrawn: z.array(z.string()).meta({
        description: 'Ids of instances that are not served, because the service of their root key refused.',
      }),
      newKeysRefused: z.array(z.string()).meta({
        description: "Ids of instances whose last new key the root key's service refused to store.",
      }),
      readsRefused: z.array(z.string()).meta({
        description:
          "Ids of instances whose keys cannot be read at the root key's service, though the root key answers.",
      }),
      standardKeysLeft: z.array(z.string()).meta({
        description:
          "Ids of instances with standard keys that could not be deleted yet at the root key's service; also of deleted instances.",
      }),
      closingsUnrecorded: z.array(z.string()).meta({
        description:
          "Ids of instances with keys that were revoked here, and are not recorded as revoked at the root key's service yet.",
      }),
      otherServers: z.array(z.string()).meta({
        description: "Ids of instances that another server uses too, as their root key's service shows.",
      }),
      nearLimit: z.array(z.string()).meta({
        description: 'Ids of instances that hold 80 % or more of their limit of objects or bytes.',
      }),
      recoverableKeys: z.int().meta({ description: 'Destroyed keys that can still be brought back.' }),
      conditions: z.object({ critical: z.int(), warning: z.int(), notice: z.int() }).meta({
        description: 'How many conditions there are: /api/v1/status and `mortise status` show them.',
      }),
    }),
  }),
  metrics: route({
    method: 'get',
    path: '/metrics',
    role: 'viewer',
    scope: 'server',
    withoutStore: true,
    summary: 'Metrics for Prometheus',
    answer: z.string(),
    media: 'text/plain',
  }),
  status: route({
    method: 'get',
    path: '/api/v1/status',
    role: 'viewer',
    scope: 'any',
    summary: 'The state of the server on one page, as far as the token may see it',
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
      'Change the root key or custody. New keys use it from now on, the others follow in the background; needs a token for all instances',
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
      shred: z.string().max(limits.clientNameCharactersMax).optional().meta({
        description:
          'The name of the instance again: destroys its data keys and deletes its standard keys, and all its keys with them.',
      }),
      inUse,
    }),
    answer: Deleted,
  }),
  listClients: route({
    method: 'get',
    path: `${instance}/clients`,
    role: 'viewer',
    scope: 'instance',
    summary: 'The clients, with the certificates and CAs that each is trusted by',
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
        credential: credentialBody.nullable().meta({
          description: 'null removes it. Without user name and password, those that are set stay.',
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
      request: pem.meta({ description: 'PKCS#10, PEM.' }),
      days: z.int().min(1).max(limits.certificateDaysMax).optional(),
      allow: newAllow,
    }),
    answer: Trusted.extend({
      certificate: z.string().meta({ description: 'PEM.' }),
      authority: z.string().meta({ description: 'The CA that signed it, PEM.' }),
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
    summary: 'Unknown certificates that connected and wait for a decision',
    answer: z.array(PendingClient),
  }),
  blockCertificate: route({
    method: 'post',
    path: '/api/v1/blocks',
    role: 'operator',
    scope: 'server',
    summary: 'Block a certificate, even if a client or a CA vouches for it',
    body: z.strictObject({ sha256, reason: z.string().max(200).default('') }),
    answer: Block,
    status: 201,
  }),
  listBlocks: route({
    method: 'get',
    path: '/api/v1/blocks',
    role: 'viewer',
    scope: 'server',
    summary: 'The blocked certificates',
    answer: z.array(Block),
  }),
  unblockCertificate: route({
    method: 'delete',
    path: '/api/v1/blocks/{certificate}',
    role: 'operator',
    scope: 'server',
    summary: 'Remove a block; the certificate is trusted again if a client or a CA vouches for it',
    answer: Block,
  }),
  listTokens: route({
    method: 'get',
    path: '/api/v1/tokens',
    role: 'viewer',
    scope: 'any',
    summary:
      'The tokens of the admin API, without their secrets; a token of one instance sees those of its instance',
    answer: z.array(Token),
  }),
  createToken: route({
    method: 'post',
    path: '/api/v1/tokens',
    role: 'manager',
    scope: 'any',
    summary: 'Create a token; its text is in this answer and nowhere else',
    body: z.strictObject({
      role: z.enum(roles),
      instance: z.string().min(1).max(1024).optional().meta({
        description: 'Id or name of the instance. Left out: all instances, or that of the token that asks.',
      }),
      name: name.optional().meta({
        description: 'As the audit log shows it. Left out: the owner, and without one the role.',
      }),
      owner: name.optional().meta({
        description: 'The person who uses it. Cannot be changed later. Left out: a program uses it.',
      }),
      expiresDays: z.int().min(1).max(limits.tokenExpiryDaysMax).optional(),
    }),
    answer: Token.extend({
      token: z.string().meta({ description: 'Send it as "Authorization: Bearer ...".' }),
    }),
    status: 201,
  }),
  revokeToken: route({
    method: 'delete',
    path: '/api/v1/tokens/{token}',
    role: 'manager',
    scope: 'any',
    summary: 'Revoke a token; its next request is refused',
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
          'Only objects with this text in their id, Name, x-Name, x-Component or x-Identifier, or in the name or id of a machine that uses them, as the imported inventories say; ignoring case. The server reads one object after the other.',
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
    path: `${instance}/keys`,
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
        .meta({ description: 'KeyCompromise and CACompromise make it Compromised.' }),
      message: z.string().max(1024).optional(),
      occurred: time.optional().meta({ description: 'When the compromise happened, if it is one.' }),
    }),
    answer: Key,
  }),
  destroyKey: route({
    method: 'delete',
    path: `${instance}/keys/{key}`,
    role: 'manager',
    scope: 'instance',
    summary:
      'Destroy a key and keep its record. Its material is removed for good, at once or after the destroy delay of its instance',
    query: z.strictObject({ inUse }),
    answer: Key,
  }),
  undestroyKey: route({
    method: 'post',
    path: `${instance}/keys/{key}/undestroy`,
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
    summary: 'Verify the whole audit log; this takes long for a long log',
    answer: AuditProof,
    slow: true,
  }),
  exportAudit: route({
    method: 'get',
    path: '/api/v1/audit/export',
    role: 'manager',
    scope: 'server',
    summary: 'The whole audit log as lines of JSON, which `audit verify FILE` checks offline',
    query: z.strictObject({
      for: z.enum(['keep', 'verify']).default('keep').meta({
        description:
          'keep: the audit and `status` record the export. verify: nothing is kept, so nothing is recorded.',
      }),
    }),
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
    body: z.strictObject({
      before: time,
      younger: z
        .boolean()
        .default(false)
        .meta({ description: `Also entries younger than ${limits.auditKeepDaysMin} days.` }),
    }),
    answer: z.object({
      before: time,
      removed: z.int().meta({ description: 'How many entries went.' }),
      begins: time
        .nullable()
        .meta({ description: 'The time of the first entry that stays; null: none does.' }),
    }),
    slow: true,
  }),
  ...backupRoutes,
  ...restoreRoutes,
  ...backupRestoreRoutes,
  ...rootKeyCopyRoutes,
  ...adoptionRoutes,
  ...inventoryRoutes,
  ...keyExportRoutes,
  ...upstreamRoutes,
  ...objectRuleRoutes,
  ...siemRoutes,
  ...alertRoutes,
  ...approvalRoutes,
  ...serverRoutes,
  ...sessionRoutes,
  ...loginRoutes,
} as const

export type Routes = typeof routes
export type RouteName = keyof Routes
export type Input<N extends RouteName> = InputOf<Routes[N]>
export type Checked<N extends RouteName> = CheckedOf<Routes[N]>
export type Output<N extends RouteName> = OutputOf<Routes[N]>
