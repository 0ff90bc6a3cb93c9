// Examples of the routes about the audit log, for the description of the admin API.

import type { Examples } from '../../doors/http/example.ts'
import { at, clientSample, instanceSample, keyIdSample, sampleSha256 } from '../../doors/http/samples.ts'
import type { auditRoutes } from './routes.ts'

const entry = {
  writer: 'c1a5298f-939e-4c52-b1f7-0b1b9d6e1c55',
  number: 42,
  hash: sampleSha256,
  at,
  action: 'key.get',
  result: 'success',
  instanceId: instanceSample.id,
  object: keyIdSample,
  actor: {
    kind: 'client',
    id: clientSample.id,
    name: clientSample.name,
    certificateSha256: sampleSha256,
    address: '192.0.2.10',
  },
  reason: null,
  requestId: '3f1c7a52-5b0e-4f0a-9d53-2e8c3a1f9f0e',
  detail: null,
} as const

const entries = { entries: [entry], after: null }

export const examples: Examples<typeof auditRoutes> = {
  listInstanceAudit: { answer: entries },
  listAudit: { answer: entries },
  verifyAudit: {
    answer: {
      ok: true,
      problems: [],
      restores: [],
      entries: 42,
      checkpoints: 3,
      provedFrom: null,
      provedTo: at,
      unprovedEntries: 0,
      keySha256: sampleSha256,
    },
  },
  exportAudit: { answer: `${JSON.stringify({ entry })}\n` },
  pruneAudit: { body: { before: at }, answer: { before: at, removed: 1204, begins: at } },
}
