// Examples of the routes about tokens, for the description of the admin API.

import type { Examples } from '../../doors/http/example.ts'
import { at, instanceSample, later, sampleSha256 } from '../../doors/http/samples.ts'
import type { tokenRoutes } from './routes.ts'

const token = {
  id: '7d0a1f52-3f58-4a0e-8f0d-1b8a2f6f2c11',
  name: 'grafana',
  role: 'viewer',
  owner: null,
  instance: null,
  created: at,
  expires: null,
  expired: false,
  lastUsed: at,
  lastAddress: '192.0.2.30',
} as const

export const examples: Examples<typeof tokenRoutes> = {
  listTokens: { answer: [token] },
  createToken: {
    body: { role: 'viewer', name: 'grafana', expiresDays: 365 },
    answer: {
      ...token,
      expires: '2027-03-01T12:00:00.000Z',
      lastUsed: null,
      lastAddress: null,
      token: 'mortise_qcw44TdbK0oS0_hRejaBhtH-3YmksnMGU4yi304LRYU',
    },
  },
  revokeToken: { answer: token },
  beginTokenRecovery: { answer: { file: 'token-recovery' } },
  recoverToken: {
    body: { id: instanceSample.id, answer: sampleSha256 },
    answer: { id: instanceSample.id, role: 'manager', expires: later, token: 'mortise_...' },
  },
}
