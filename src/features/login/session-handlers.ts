// The session that a request carries: begin one with a token, show it, end it.

import type { AuditAction } from '../../core/ports/audit-actions.ts'
import type { AuditEntry } from '../../core/ports/audit.ts'
import type { Session } from '../../core/trust/sessions.ts'
import type { LoginService } from './needs.ts'
import type { Handlers } from '../../doors/http/feature.ts'
import type { sessionRoutes } from './session-routes.ts'
import type { Asker } from '../../doors/http/asked.ts'
import { Refusal } from '../../base/refusal.ts'
import { shownPersonSession, shownSession } from './shown-session.ts'

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
      return { ended: true, logoutUrl: context.logins.logoutUrl }
    }
    await context.sessions.end(session, entryOf('session.end', asker, session, context))
    return { ended: true, logoutUrl: null }
  },
} satisfies Handlers<typeof sessionRoutes, LoginService>

function sessionOf({ session }: Asker): Session {
  if (!session) throw new Refusal('refused', 'this request carries a token, not a session')
  return session
}

function entryOf(
  action: AuditAction,
  { actor, instanceId, requestId }: Asker,
  { id }: Session,
  { clock }: LoginService,
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
