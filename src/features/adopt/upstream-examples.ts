// The examples of the upstream in the description of the admin API.

import type { upstreamRoutes } from './upstream-routes.ts'
import type { Examples } from '../../doors/http/example.ts'
import { samplePem, upstreamSample } from '../../doors/http/samples.ts'

export const upstreamExamples: Examples<typeof upstreamRoutes> = {
  setUpstream: {
    body: {
      servers: ['kmip-1.example.com'],
      certificate: samplePem,
      privateKey: '-----BEGIN PRIVATE KEY-----\nMIGH...\n-----END PRIVATE KEY-----\n',
      trust: { authority: samplePem },
    },
    answer: { ...upstreamSample, adopted: 0, lastAdopted: null, lastAnswer: null },
  },
  turnUpstreamOn: { answer: upstreamSample },
  removeUpstream: { answer: { servers: upstreamSample.servers } },
}
