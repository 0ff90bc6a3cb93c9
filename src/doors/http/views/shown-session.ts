// A session as its owner sees it: what it may do, and when it ends.

import { sessionIdleMs } from '../../../base/bounds.ts'
import { grantFor, isAtLeast, type Grant } from '../../../core/trust/role-rules.ts'
import type { PersonSession, Token } from '../../../core/trust/rows.ts'
import type { AdminSession, Sessions } from '../../../core/trust/sessions.ts'
import type { Access } from '../../../core/trust/access.ts'
import type { People } from '../../../core/trust/people.ts'
import type { Plugs } from '../plugs.ts'
import { isoTime } from './shown.ts'
import { shownGrants } from './shown-grants.ts'

interface Parts {
  readonly access: Access
  readonly people: Pick<People, 'idleMs'>
  readonly plugs: Pick<Plugs, 'approvals'>
  readonly sessions: Pick<Sessions, 'endsMs'>
}

/** The session of a token. */
export async function shownSession(
  { access, plugs, sessions }: Omit<Parts, 'people'>,
  token: Token,
  session: AdminSession,
) {
  const { id, role, name, instanceId } = token
  const instance = instanceId === null ? undefined : await access.instance(instanceId)
  return {
    role,
    name,
    token: id,
    instance: instanceId === null ? null : { id: instanceId, name: instance?.name ?? instanceId },
    ends: isoTime(sessions.endsMs(session)),
    guards: [...plugs.approvals.acts],
    idleMinutes: sessionIdleMs / 60_000,
    person: null,
    grants: [],
  }
}

/** The session of a person who logged in through the identity provider. */
export async function shownPersonSession(
  { access, people, plugs }: Omit<Parts, 'sessions'>,
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
    token: null,
    instance: everywhere ? null : (shownOf[0]?.instance ?? null),
    ends: isoTime(endsMs),
    guards: [...plugs.approvals.acts],
    idleMinutes: people.idleMs / 60_000,
    person: { issuer, subject },
    grants: shownOf,
  }
}
