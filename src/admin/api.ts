// The admin door as data: every route with its role, scope and schemas, once. The server (server.ts), the typed
// client (client.ts), /api/openapi.json and the tests are all made from it. Answers are cut to these schemas before
// they leave, so that what is not named here (a token's hash, sealed material) cannot slip out.

import { z } from '@hono/zod-openapi'
import { limits } from '../limits.ts'
import { enums } from '../kmip/enums.ts'
import { route, type Checked as CheckedOf, type Input as InputOf, type Output as OutputOf } from './route.ts'

const State = z.enum(Object.keys(enums.State) as [keyof typeof enums.State, ...(keyof typeof enums.State)[]])
const revocationReasons = Object.keys(enums.RevocationReasonCode) as [RevocationReason, ...RevocationReason[]]
type RevocationReason = keyof typeof enums.RevocationReasonCode

const time = z.iso.datetime().openapi({ example: '2026-03-01T12:00:00.000Z' })
const sha256 = z
  .string()
  .transform((text) => text.replaceAll(/[:\s]/g, '').toLowerCase())
  .pipe(z.string().regex(/^[0-9a-f]{64}$/, 'must be a whole SHA-256: 64 hexadecimal digits'))
  .openapi({ type: 'string', description: 'SHA-256 of the DER, in hex; colons and capitals are fine.' })
const shownSha256 = z
  .string()
  .openapi({ example: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' })
const name = z.string().trim().min(1).max(limits.clientNameCharactersMax)
const pem = z.string().max(limits.certificateBytesMax)

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
    cacheSeconds: z.int(),
    outageSeconds: z.int(),
    expiredGraceDays: z
      .int()
      .openapi({ description: 'Days that a pinned certificate is served after it expired.' }),
    created: time,
  })
  .openapi('Instance')

const CertificateShown = z.object({
  sha256: shownSha256,
  subject: z.string(),
  notBefore: time,
  notAfter: time,
  lastSeen: time.nullable(),
  lastAddress: z.string().nullable(),
  created: time,
})

const Client = z
  .object({
    id: z.string(),
    name: z.string().openapi({ example: 'vcenter-1' }),
    instance: z.object({ id: z.string(), name: z.string() }),
    created: time,
    certificates: z.array(CertificateShown).openapi({ description: 'Trusted by their fingerprint.' }),
    authorities: z
      .array(
        z.object({
          id: z.string(),
          sha256: shownSha256,
          authority: z.string().openapi({ description: "The CA's subject." }),
          subject: z
            .string()
            .openapi({ description: 'The pattern that a leaf must fit.', example: 'kmipClient*' }),
          notAfter: time,
          created: time,
        }),
      )
      .openapi({ description: 'CAs whose leaves with a fitting subject are this client.' }),
  })
  .openapi('Client')

const Trusted = Client.extend({
  sha256: shownSha256.openapi({ description: 'Of the certificate or CA that is trusted now.' }),
})

const PendingClient = z
  .object({
    sha256: shownSha256,
    subject: z.string().openapi({ description: 'What the stranger says of itself. Not verified.' }),
    notAfter: time,
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

const ServerCertificate = z
  .object({
    sha256: shownSha256,
    sha1: z.string().openapi({ description: 'What older vCenters show as thumbprint.' }),
    subject: z.string(),
    issuer: z.string(),
    names: z.array(z.string()),
    notBefore: time,
    notAfter: time,
    certificate: z.string().openapi({ description: 'PEM.' }),
    authority: z.string().openapi({ description: 'The CA that issued it, PEM.' }),
  })
  .openapi('ServerCertificate')

// ---------------------------------------------------------------- what is asked

const trustBody = z
  .discriminatedUnion('by', [
    z.strictObject({ by: z.literal('certificate'), name, certificate: pem }),
    z.strictObject({
      by: z.literal('authority'),
      name,
      authority: pem,
      subject: z.string().min(1).max(1024).default('kmipClient*'),
    }),
    z.strictObject({ by: z.literal('pending'), name, sha256 }),
  ])
  .openapi({
    description:
      'certificate: exactly this one. authority: leaves that this CA signs itself and whose subject fits. pending: one that knocked, by its whole SHA-256 (needs a token for all instances).',
    example: {
      by: 'pending',
      name: 'vcenter-1',
      sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    },
  })

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
    summary: 'One instance, with how many objects it has in each state',
    answer: Instance.extend({ objects: z.record(z.string(), z.int()) }),
  }),
  listClients: route({
    method: 'get',
    path: `${instance}/clients`,
    role: 'viewer',
    scope: 'instance',
    summary: 'Clients and what each is trusted by',
    answer: z.array(Client),
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
    answer: z.object({ sha256: shownSha256, reason: z.string(), created: time }),
    status: 201,
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
    }),
    answer: z.object({ keys: z.array(Key), after: nextPage }),
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
  showServerCertificate: route({
    method: 'get',
    path: '/api/v1/server-certificate',
    role: 'viewer',
    scope: 'any',
    summary: 'The certificate that the KMIP door shows, which vCenter pins',
    answer: ServerCertificate,
  }),
} as const

export type Routes = typeof routes
export type RouteName = keyof Routes
export type Input<N extends RouteName> = InputOf<Routes[N]>
export type Checked<N extends RouteName> = CheckedOf<Routes[N]>
export type Output<N extends RouteName> = OutputOf<Routes[N]>
