// Examples of the routes about sessions, for the description of the admin API.

import type { Examples } from '../../doors/http/example.ts'
import { sessionSample as session } from '../../doors/http/samples.ts'
import type { sessionRoutes } from './routes.ts'

const { issuer, subject } = session.person
const { grants } = session

export const examples: Examples<typeof sessionRoutes> = {
  beginSession: {
    answer: {
      ...session,
      grants: [],
      person: null,
      token: '7d0a1f52-3f58-4a0e-8f0d-1b8a2f6f2c11',
      session: 'mortise-session.WyJl...',
    },
  },
  showSession: { answer: { ...session, grants: [...session.grants] } },
  endSession: { answer: { ended: true, logoutUrl: null } },
  whoAmI: {
    answer: {
      kind: 'person',
      name: 'anna',
      issuer,
      subject,
      grants: [...grants],
      ends: '2026-03-01T20:00:00.000Z',
    },
  },
  listSessions: {
    answer: [
      {
        id: '0c7e0f5e-1b6a-4f0f-9a51-1b6f0f4f7f10',
        name: 'anna',
        issuer,
        subject,
        groups: ['kms-operators'],
        grants: [...grants],
        through: 'console',
        address: '192.0.2.17',
        started: '2026-03-01T12:00:00.000Z',
        ends: '2026-03-01T20:00:00.000Z',
        lastUsed: '2026-03-01T12:42:00.000Z',
        own: false,
      },
    ],
  },
  endSessionOf: { answer: { id: '0c7e0f5e-1b6a-4f0f-9a51-1b6f0f4f7f10', name: 'anna' } },
}
