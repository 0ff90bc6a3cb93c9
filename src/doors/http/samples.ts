// Values that the examples of several features have in common.

import type { z } from 'zod'
import type { waitingAnswer } from './waiting-answer.ts'

export const at = '2026-03-01T12:00:00.000Z'
export const later = '2036-02-27T12:00:00.000Z'
export const sampleSha256 = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'
export const samplePem = '-----BEGIN CERTIFICATE-----\nMIIC...\n-----END CERTIFICATE-----\n'

/** Names of things that other examples mention. */
export const instanceSample = { id: 'd3b07384-d9a0-4e9b-8a0d-3c1b2f4e5a61', name: 'production' }
export const clientSample = { id: '0f4c1f0e-7d5b-4c8e-9f53-6a0f6d7d2b10', name: 'vcenter-1' }
export const keyIdSample = '5b1f6d5a-6f0e-4b0e-9a53-0d8c3a1f9f0e'

/** Used by machines of an inventory. */
export const usedBySample = { machines: 1, first: [{ kind: 'vm', name: 'web-1' }], asOf: at, old: false }

/** The limits of an instance, and its keys that can be brought back. */
export const held = {
  objects: { used: 121, max: 2_000_000 },
  bytes: { used: 201_344, max: 4_294_967_296 },
}
export const recoverable = { count: 1, firstUntil: later, lastUntil: later }

/** The upstream of an instance. */
export const upstreamSample = {
  servers: ['kmip-1.example.com:5696'],
  certificateSha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  since: '2026-12-01T09:00:00.000Z',
  state: 'on' as const,
  off: null,
  adopted: 3,
  lastAdopted: '2026-12-01T10:12:00.000Z',
  lastAnswer: '2026-12-01T10:12:00.000Z',
  lastFailure: null,
  notAdopted: [],
}

export const backupSample = {
  id: '5d41402abc4b2a76b9719d911017c592',
  file: '/var/lib/mortise/backups/mortise-20260301T120000Z-5d41402a.backup',
  created: at,
  bytes: 482_113,
  version: '0.1.0',
  objects: 121,
  entries: 642,
  rootKeys: ['file:root.key'],
  recipients: [],
  elsewhere: true,
}
export const backupStatusSample = {
  scheduled: true,
  folder: '/var/lib/mortise/backups',
  last: backupSample,
  failure: null,
  running: null,
  keysAtRisk: 0,
  keysOnlyHere: 0,
  verified: at,
}

/** A request that waits for a second person. */
export const waitingSample: z.output<typeof waitingAnswer>['approval'] = {
  id: '3f0c8f0e-6a52-4f6c-9d3e-0b5a7c1e2d44',
  act: 'key destroy',
  state: 'waiting',
  instance: { id: 'd3b07384-d9a0-4e9b-8a0d-3c1b2f4e5a61', name: 'production' },
  facts: [
    { name: 'Key', value: '6f1d3d0a-8f6e-4f0d-9a39-5a4a5e7b8c10' },
    { name: 'State', value: 'Deactivated' },
    { name: 'Instance', value: 'production' },
    { name: 'Can be brought back for', value: '7 days' },
  ],
  request: {
    route: 'destroyKey',
    instance: 'd3b07384-d9a0-4e9b-8a0d-3c1b2f4e5a61',
    key: '6f1d3d0a-8f6e-4f0d-9a39-5a4a5e7b8c10',
  },
  askedBy: { person: 'alice', token: 'alice-laptop', subject: null },
  asked: '2026-03-01T12:00:00.000Z',
  ends: '2026-03-02T12:00:00.000Z',
  decidedBy: null,
  decided: null,
  reason: null,
  repeated: false,
  isMine: false,
  mayApprove: true,
  whyNot: null,
  approvers: ['bob', 'carol'],
  approverGroups: ['kms-admins'],
  result: null,
}

/** The session of a person. */
export const sessionSample = {
  role: 'operator',
  name: 'anna',
  token: null as string | null,
  instance: null,
  ends: '2026-03-01T20:00:00.000Z',
  guards: [] as string[],
  idleMinutes: 30,
  person: {
    issuer: 'https://login.example.com/realms/staff',
    subject: '9a0364b9-e99b-42bf-912e-8e2f2a0a1c11',
  },
  grants: [{ role: 'operator', instance: null }],
} as const
