// The session that a request carries: begin one with a token, show it, end it. The asker as the server knows it. The sessions of people,
// which managers list and end.

import type { AuditAction } from '../../core/ports/audit-actions.ts'
import type { AuditEntry } from '../../core/ports/audit.ts'
import type { AdminSession } from '../../core/trust/sessions.ts'
import type { Needs } from './needs.ts'
import type { Handlers } from '../../doors/http/feature.ts'
import type { sessionRoutes } from './routes.ts'
import type { ApiRequester } from '../../doors/http/route-request.ts'
import { idOfSubject } from '../../core/trust/person.ts'
import { isoTime, isoTimeOrNull } from '../../doors/http/views/shown.ts'
import { shownGrants } from '../../doors/http/views/shown-grants.ts'
import { Refusal } from '../../base/refusal.ts'
import { shownPersonSession, shownSession } from '../../doors/http/views/shown-session.ts'

export const sessionHandlers = {
  beginSession: async (context, { asker }) => {
    if (asker.session || !asker.token)
      throw new Refusal('refused', 'a session cannot begin another one', 'Send the token itself.')
    const session = context.sessions.begin(asker.token)
    await context.audit.enter(entryOf('session.begin', asker, session, context))
    return {
      ...(await shownSession(context, asker.token, session)),
      session: context.sessions.textOf(session),
    }
  },

  showSession: async (context, { asker }) => {
    const { login, token } = asker
    const session = sessionOf(asker)
    if (login) return shownPersonSession(context, login.session, login.grants)
    if (!token) throw new Error('a session has a token or a person')
    return shownSession(context, token, session)
  },

  endSession: async (context, { asker }) => {
    const session = sessionOf(asker)
    if (asker.login) {
      await context.people.end(asker.by, session.id)
      context.plugs.approvals.look()
      return { ended: true, logoutUrl: context.plugs.logoutUrl() }
    }
    await context.sessions.end(session, entryOf('session.end', asker, session, context))
    return { ended: true, logoutUrl: null }
  },

  whoAmI: async ({ access }, { asker: { token, login } }) => {
    const { instance } = (await access.snapshot()).tables
    if (login) {
      const { name, issuer, subject, endsMs } = login.session
      const grants = shownGrants(login.grants, instance)
      return { kind: 'person', name, issuer, subject, grants, ends: isoTime(endsMs) }
    }
    if (!token) throw new Error('a caller that is no person has a token')
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
} satisfies Handlers<typeof sessionRoutes, Needs>

function sessionOf({ session }: ApiRequester): AdminSession {
  if (!session) throw new Refusal('refused', 'this request carries a token, not a session')
  return session
}

function entryOf(
  action: AuditAction,
  { actor, instanceId, requestId }: ApiRequester,
  { id }: AdminSession,
  { clock }: Needs,
): AuditEntry {
  return {
    atMs: clock.now(),
    action,
    result: 'success',
    instanceId,
    object: null,
    actor,
    reason: null,
    requestId,
    detail: { session: id },
  }
}
