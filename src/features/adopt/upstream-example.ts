// The examples of the upstream in the description of the admin API.

import type { upstreamRoutes } from './upstream-routes.ts'
import type { Examples } from '../../doors/http/example.ts'

export const upstreamExample = {
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

const pem = '-----BEGIN CERTIFICATE-----\nMIIC...\n-----END CERTIFICATE-----\n'

export const upstreamExamples: Examples<typeof upstreamRoutes> = {
  setUpstream: {
    body: {
      servers: ['kmip-1.example.com'],
      certificate: pem,
      privateKey: '-----BEGIN PRIVATE KEY-----\nMIGH...\n-----END PRIVATE KEY-----\n',
      trust: { authority: pem },
    },
    answer: { ...upstreamExample, adopted: 0, lastAdopted: null, lastAnswer: null },
  },
  turnUpstreamOn: { answer: upstreamExample },
  removeUpstream: { answer: { servers: upstreamExample.servers } },
}
