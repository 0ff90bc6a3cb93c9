// The session that a request carries: begin one with a token, show it, end it.

import { limits } from '../../limits.ts'
import type { AuditAction } from '../../ports/audit-actions.ts'
import { grantFor, isAtLeast, type Grant } from '../../trust/role-rules.ts'
import type { PersonSession, Token } from '../../trust/rows.ts'
import type { Session } from '../../trust/sessions.ts'
import type { AdminContext, Asker, Handlers } from '../context.ts'
import { Refusal } from '../errors.ts'
import { isoTime } from '../shown/shown.ts'
import { shownGrants } from '../shown/shown-grants.ts'

export const sessionHandlers: Handlers<'beginSession' | 'showSession' | 'endSession'> = {
  beginSession: async (context, { asker }) => {
    if (asker.session || !asker.token)
      throw new Refusal('refused', 'a session cannot begin another one', 'Send the token itself.')
    const session = context.sessions.begin(asker.token)
    await enter(context, 'session.begin', asker, session)
    return { ...(await shown(context, asker.token, session)), session: context.sessions.textOf(session) }
  },

  showSession: async (context, { asker }) => {
    const { login, token } = asker
    const session = sessionOf(asker)
    if (login) return shownPersonSession(context, login.session, login.grants)
    if (!token) throw new Error('a session has a token or a person')
    return shown(context, token, session)
  },

  endSession: async (context, { asker }) => {
    const session = sessionOf(asker)
    if (asker.login) {
      await context.people.end(asker.by, session.id)
      context.guard.nudge()
      return { ended: true, logoutUrl: context.logins.logoutUrl }
    }
    await enter(context, 'session.end', asker, session)
    context.sessions.end(session)
    return { ended: true, logoutUrl: null }
  },
}

function sessionOf({ session }: Asker): Session {
  if (!session) throw new Refusal('refused', 'this request carries a token, not a session')
  return session
}

async function shown({ access, guard, sessions }: AdminContext, token: Token, session: Session) {
  const { role, name, instanceId } = token
  const instance = instanceId === null ? undefined : await access.instance(instanceId)
  return {
    role,
    name,
    instance: instanceId === null ? null : { id: instanceId, name: instance?.name ?? instanceId },
    ends: isoTime(sessions.endsMs(session)),
    guards: [...guard.acts],
    idleMinutes: limits.sessionIdleMs / 60_000,
    person: null,
    grants: [],
  }
}

export async function shownPersonSession(
  { access, guard, people }: AdminContext,
  { name, issuer, subject, endsMs }: PersonSession,
  grants: readonly Grant[],
) {
  const { instance } = (await access.snapshot()).tables
  const shownOf = shownGrants(grants, instance)
  const everywhere = grantFor(grants, null)
  return {
    role: grants
      .map(({ role }) => role)
      .reduce((high, role) => (isAtLeast(role, high) ? role : high), 'viewer'),
    name,
    instance: everywhere ? null : (shownOf[0]?.instance ?? null),
    ends: isoTime(endsMs),
    guards: [...guard.acts],
    idleMinutes: people.idleMs / 60_000,
    person: { issuer, subject },
    grants: shownOf,
  }
}

function enter({ audit }: AdminContext, action: AuditAction, asker: Asker, { id }: Session): Promise<void> {
  const { actor, instanceId, requestId } = asker
  return audit.enter({
    action,
    result: 'success',
    instanceId,
    object: null,
    actor,
    reason: null,
    requestId,
    detail: { session: id },
  })
}
