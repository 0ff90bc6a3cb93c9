// The part of the route table about the audit log: reading, proving, exporting and shortening it.

import { z } from 'zod'
import { auditKeepDaysMin } from '../../base/bounds.ts'
import { instancePath, route } from '../../doors/http/route.ts'
import { nextPage, page, sha256Hex, shownSha256, time } from '../../doors/http/schemas.ts'

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

const auditQuery = z.strictObject({
  ...page,
  action: z.string().max(100).optional(),
  object: z.string().max(1024).optional(),
  certificate: sha256Hex.optional(),
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
      'What has this, whole, as its name: keys by Name, x-Name, x-Component or x-Identifier, or by the name or id of a machine that uses them, as the imported inventories say; clients; tokens.',
  }),
  since: time.optional(),
  until: time.optional(),
  newerThan: page.after.meta({
    description:
      'Only what was written after the last entry of the page that gave this as `after`, whatever the clock did; 0: all.',
  }),
})

export const auditRoutes = {
  listInstanceAudit: route({
    method: 'get',
    path: `${instancePath}/audit`,
    role: 'viewer',
    scope: 'instance',
    summary: 'Audit entries of one instance, newest first',
    query: auditQuery,
    answer: AuditPage,
    oneAtATime: true,
  }),
  listAudit: route({
    method: 'get',
    path: '/api/v1/audit',
    role: 'viewer',
    scope: 'server',
    summary: "Audit entries of all instances and the server's own, newest first",
    query: auditQuery,
    answer: AuditPage,
    oneAtATime: true,
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
    guarded: true,
    summary: 'Remove audit entries older than a date, keeping the signed proof of what remains',
    body: z.strictObject({
      before: time,
      younger: z
        .boolean()
        .default(false)
        .meta({ description: `Also entries younger than ${auditKeepDaysMin} days.` }),
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
}
