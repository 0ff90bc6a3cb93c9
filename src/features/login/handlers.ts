// People log in through the identity provider; managers list their sessions and end them.

import { LoginError } from './oidc/error.ts'
import { idOfSubject } from '../../core/trust/person.ts'
import type { LoginService } from './needs.ts'
import type { Handlers } from '../../doors/http/feature.ts'
import type { loginRoutes } from './routes.ts'
import type { Asker } from '../../doors/http/asked.ts'
import type { BegunPersonSession } from './logins.ts'
import { isoTime, isoTimeOrNull } from '../../doors/http/views/shown.ts'
import { shownGrants } from '../../doors/http/views/shown-grants.ts'
import { shownPersonSession } from './shown-session.ts'

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

  whoAmI: async ({ access }, { asker: { token, login } }) => {
    const { instance } = (await access.snapshot()).tables
    if (login) {
      const { name, issuer, subject, endsMs } = login.session
      const grants = shownGrants(login.grants, instance)
      return { kind: 'person', name, issuer, subject, grants, ends: isoTime(endsMs) }
    }
    if (!token) throw new Error('whoever is no person has a token')
    const grants = shownGrants([token], instance)
    const { name, expiresMs } = token
    return { kind: 'token', name, issuer: null, subject: null, grants, ends: isoTimeOrNull(expiresMs) }
  },

  listSessions: async ({ people, access, lastSeen }, { asker }) => {
    const listed = await people.list()
    const seen = await lastSeen.of(listed.map(({ session }) => idOfSubject(session)))
    const { instance } = (await access.snapshot()).tables
    return listed.map(({ session: { startedMs, endsMs, ...session }, grants }) => ({
      ...session,
      groups: [...session.groups],
      grants: shownGrants(grants, instance),
      started: isoTime(startedMs),
      ends: isoTime(endsMs),
      lastUsed: isoTimeOrNull(seen.get(idOfSubject(session))?.lastMs ?? null),
      own: session.id === asker.login?.session.id,
    }))
  },

  endSessionOf: async ({ people, plugs }, { asker, params }) => {
    const { id, name } = await people.end(asker.by, params.session)
    plugs.approvals.look()
    return { id, name }
  },
} satisfies Handlers<typeof loginRoutes, LoginService>

function strangerOf({ actor: { address }, requestId }: Asker) {
  return { address, requestId }
}

async function begun(context: LoginService, { row, session, text }: BegunPersonSession) {
  const access = await context.people.accessOf(session)
  return { ...(await shownPersonSession(context, row, access?.grants ?? [])), session: text }
}
