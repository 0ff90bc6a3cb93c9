// Makes the asker of a request from the token or the login behind it: for a request that carries one, and for an act that the server
// carries out later in the name of its asker.

import type { By } from '../../core/audit/actor.ts'
import type { Actor } from '../../core/ports/audit.ts'
import { allowByDefault } from '../../core/trust/allow.ts'
import type { Party } from '../../core/trust/approval.ts'
import type { Consent } from '../../core/trust/consent.ts'
import type { Login } from '../../core/trust/people.ts'
import { idOfSubject } from '../../core/trust/person.ts'
import { personOf } from '../../core/trust/identity.ts'
import type { Grant } from '../../core/trust/role-rules.ts'
import type { Token } from '../../core/trust/rows.ts'
import type { Standing } from '../../core/trust/second-person.ts'
import type { AdminSession } from '../../core/trust/sessions.ts'
import type { ApiRequester } from './route-request.ts'

export interface AskerParts {
  readonly address: string | null
  readonly requestId: string
  readonly host: string
  readonly session: AdminSession | null
  readonly consent?: Consent | undefined
  readonly tokenSha256?: string | undefined
  /** Throws Refusal if the token or the login is not there any more, or gives too little. */
  readonly check: () => Promise<{ readonly trustVersion: number }>
}

export function tokenActor({ id, name }: Token, address: string | null): Actor {
  return { kind: 'token', id, name, certificateSha256: null, address }
}

export function personActor({ session: { name, issuer, subject } }: Login, address: string | null): Actor {
  return { kind: 'person', id: idOfSubject({ issuer, subject }), name, certificateSha256: null, address }
}

export function tokenAsker(token: Token, parts: AskerParts): ApiRequester {
  const { role, instanceId } = token
  return {
    ...common(tokenActor(token, parts.address), { role, instanceId }, parts),
    sees: (id) => instanceId === null || instanceId === id,
    token,
    login: null,
    person: personOf(token) ?? null,
  }
}

/** `chosen`: the grant that the request uses, of those that are enough for it. */
export function loginAsker(
  login: Login,
  { chosen, fitting }: { readonly chosen: Grant; readonly fitting: readonly Grant[] },
  parts: AskerParts,
): ApiRequester {
  return {
    ...common(personActor(login, parts.address), chosen, parts),
    sees: (id) => fitting.some(({ instanceId }) => instanceId === null || instanceId === id),
    token: null,
    login,
    person: login.person,
  }
}

function common(
  actor: Actor,
  { role, instanceId: onlyInstanceId }: Grant,
  { requestId, host, session, consent, tokenSha256, check }: AskerParts,
) {
  const consenting = consent ? { consent } : {}
  return {
    actor,
    by: { ...actor, requestId, role, onlyInstanceId, stillMay: check, ...consenting },
    instanceId: onlyInstanceId,
    requestId,
    host,
    session,
    ...(tokenSha256 !== undefined && { tokenSha256 }),
    identify: async (instanceId: string) => {
      const { trustVersion } = await check()
      return { instanceId, actor, allow: allowByDefault, trustVersion, requestId, ...consenting }
    },
  }
}

/** For work that goes on when the session in which it was begun has ended. */
export function beyondRequest({ actor, requestId }: Pick<ApiRequester, 'actor' | 'requestId'>): By {
  return { ...actor, requestId }
}

/** undefined: the request carries nothing. */
export function standingOfAsker({ token, login }: ApiRequester): Standing | undefined {
  return token ? { token } : login ? { login } : undefined
}

/** undefined: the person is unknown. */
export function partyOf({ token, login, person, actor: { address } }: ApiRequester): Party | undefined {
  if (!person) return undefined
  if (token) return { tokenId: token.id, name: token.name, person, address }
  return login ? { sessionId: login.session.id, person, address } : undefined
}
