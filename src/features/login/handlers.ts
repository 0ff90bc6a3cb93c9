// People log in through the identity provider.

import { LoginError } from './oidc/error.ts'
import type { LoginService } from './needs.ts'
import type { Handlers } from '../../doors/http/feature.ts'
import type { loginRoutes } from './routes.ts'
import type { ApiRequester } from '../../doors/http/route-request.ts'
import type { BegunPersonSession } from './logins.ts'
import { shownPersonSession } from '../../doors/http/views/shown-session.ts'

export const loginHandlers = {
  showLogin: async ({ logins }) => ({ provider: logins.provider }),

  beginLogin: async ({ logins }, { asker, body }) =>
    logins.begin(strangerOf(asker), asker.host, body.redirectUri),

  finishLogin: async (context, { asker, body }) =>
    begun(context, await context.logins.finish(strangerOf(asker), body)),

  beginDeviceLogin: async ({ logins }, { asker }) => logins.beginDevice(strangerOf(asker)),

  pollDeviceLogin: async (context, { asker, body }) => {
    try {
      const made = await context.logins.pollDevice(strangerOf(asker), body.flow)
      return { state: 'done', session: await begun(context, made) }
    } catch (error) {
      if (!(error instanceof LoginError)) throw error
      if (error.failure !== 'pending' && error.failure !== 'slow-down') throw error
      return { state: error.failure, session: null }
    }
  },
} satisfies Handlers<typeof loginRoutes, LoginService>

function strangerOf({ actor: { address }, requestId }: ApiRequester) {
  return { address, requestId }
}

async function begun(context: LoginService, { row, session, text }: BegunPersonSession) {
  const access = await context.people.accessOf(session)
  return { ...(await shownPersonSession(context, row, access?.grants ?? [])), session: text }
}
