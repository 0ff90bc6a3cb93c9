// The examples of logins and sessions of people in the description of the admin API.

import type { Examples } from '../../doors/http/example.ts'
import { sessionSample as session } from '../../doors/http/samples.ts'
import type { loginRoutes } from './routes.ts'

const { issuer } = session.person
const begun = { ...session, grants: [...session.grants], session: 'mortise-session.WyJl...' }
const flow = 'WyJk...'

export const examples: Examples<typeof loginRoutes> = {
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
}
