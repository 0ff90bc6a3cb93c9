// Sessions of the console: begin, show, end.

import { limits } from '../../limits.ts'
import type { AuditAction } from '../../ports/audit-actions.ts'
import type { Session } from '../../trust/sessions.ts'
import type { AdminContext, Asker, Handlers } from '../context.ts'
import { Refusal } from '../errors.ts'
import { isoTime } from '../shown.ts'

export const sessionHandlers: Handlers<'beginSession' | 'showSession' | 'endSession'> = {
  beginSession: async (context, { asker }) => {
    if (asker.session || !asker.token)
      throw new Refusal('refused', 'a session cannot begin another one', 'Send the token itself.')
    const session = context.sessions.begin(asker.token)
    await enter(context, 'session.begin', asker, session)
    return { ...(await shown(context, asker, session)), session: context.sessions.textOf(session) }
  },

  showSession: async (context, { asker }) => shown(context, asker, sessionOf(asker)),

  endSession: async (context, { asker }) => {
    const session = sessionOf(asker)
    await enter(context, 'session.end', asker, session)
    context.sessions.end(session)
    return { ended: true }
  },
}

function sessionOf({ session }: Asker): Session {
  if (!session) throw new Refusal('refused', 'this request carries a token, not a session')
  return session
}

async function shown({ access, sessions }: AdminContext, { token }: Asker, session: Session) {
  if (!token) throw new Error('a session has a token')
  const { role, name, instanceId } = token
  const instance = instanceId === null ? undefined : await access.instance(instanceId)
  return {
    role,
    name,
    instance: instanceId === null ? null : { id: instanceId, name: instance?.name ?? instanceId },
    ends: isoTime(sessions.endsMs(session)),
    idleMinutes: limits.sessionIdleMs / 60_000,
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
