// The examples of logins and sessions of people in the description of the admin API.

import type { Examples } from '../../doors/http/example.ts'
import type { loginRoutes } from './routes.ts'
import type { sessionRoutes } from './session-routes.ts'

const issuer = 'https://login.example.com/realms/staff'
const subject = '9a0364b9-e99b-42bf-912e-8e2f2a0a1c11'
const grants = [{ role: 'operator', instance: null }] as const

const session = {
  role: 'operator',
  name: 'anna',
  token: null as string | null,
  instance: null,
  ends: '2026-03-01T20:00:00.000Z',
  guards: [] as string[],
  idleMinutes: 30,
  person: { issuer, subject },
  grants: [...grants],
} as const

const begun = { ...session, grants: [...grants], session: 'mortise-session.WyJl...' }
const flow = 'WyJk...'

export const examples: Examples<typeof loginRoutes & typeof sessionRoutes> = {
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
  showLogin: { answer: { provider: { name: 'Example login', issuer } } },
  beginLogin: {
    body: { redirectUri: 'https://kms.example.com:5697/login/callback' },
    answer: { url: `${issuer}/protocol/openid-connect/auth?client_id=mortise&response_type=code&...`, flow },
  },
  finishLogin: { body: { flow, answer: '?code=f0a1...&state=k2Ph...' }, answer: begun },
  beginDeviceLogin: {
    answer: {
      flow,
      userCode: 'WDJB-MJHT',
      verificationUri: `${issuer}/device`,
      verificationUriComplete: `${issuer}/device?user_code=WDJB-MJHT`,
      expiresSeconds: 600,
      intervalSeconds: 5,
    },
  },
  pollDeviceLogin: { body: { flow }, answer: { state: 'pending', session: null } },
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
