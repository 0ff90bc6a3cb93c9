// Decides who may ask for acts that need a second person, and who may decide about them: the rules for tokens and for people who
// are logged in, by the current rows and configuration. Pure.

import type { Approval, Party } from './approval.ts'
import type { Login, LoginOf } from './people.ts'
import { identityOf, identityOfPerson, personOf, whySame, type AdminIdentity } from './identity.ts'
import { grantFor } from './role-rules.ts'
import type { Token, TrustTables } from './rows.ts'

/** The token or the login of a person who asks or decides. */
export type Standing = { readonly token: Token } | { readonly login: Login }

/** The facts that the rules depend on. */
export interface Now {
  readonly tables: TrustTables
  readonly nowMs: number
  readonly loginOf: LoginOf
}

/** Undefined: the token was revoked, or the session has ended. */
export function standingOf(
  { tables, loginOf }: Pick<Now, 'tables' | 'loginOf'>,
  party: Party,
): Standing | undefined {
  if ('tokenId' in party) {
    const token = tables.token.get(party.tokenId)
    return token && { token }
  }
  const session = tables.session.get(party.sessionId)
  return session && { login: loginOf(session, tables) }
}

/** Why the asker may not act any more. Undefined: the asker may. */
export function whyGone({ token, session }: Pick<TrustTables, 'token' | 'session'>, asker: Party) {
  if ('tokenId' in asker)
    return token.has(asker.tokenId) ? undefined : 'the token that asked for it was revoked'
  return session.has(asker.sessionId) ? undefined : `the session in which ${asker.person.name} asked is over`
}

/** Why a person may neither ask for acts that need a second person nor decide about them. Undefined: the person may. */
export function unfit(standing: Standing, instanceId: string | null, nowMs: number): string | undefined {
  return 'token' in standing
    ? unfitToken(standing.token, instanceId, nowMs)
    : unfitLogin(standing.login, instanceId)
}

function unfitToken(token: Token, instanceId: string | null, nowMs: number): string | undefined {
  if (token.role !== 'manager') return `the token ${token.name} is not a manager's`
  if (token.expiresMs !== null && token.expiresMs <= nowMs) return `the token ${token.name} has expired`
  if (token.instanceId !== null && token.instanceId !== instanceId)
    return `the token ${token.name} is for one instance only`
  if (!personOf(token))
    return `the token ${token.name} names no owner, so the server does not know which person has it`
  return undefined
}

function unfitLogin({ person: { name }, grants }: Login, instanceId: string | null): string | undefined {
  if (grants.length === 0) return `the session of ${name} is over, or gives no role any more`
  if (grantFor(grants, instanceId)?.role === 'manager') return undefined
  return `${name} is no manager of ${instanceId === null ? 'all instances' : 'this instance'}`
}

/** Why a person may not approve the request. Undefined: the person may. */
export function notSecond(
  now: Now,
  { asker, instanceId }: Pick<Approval, 'asker' | 'instanceId'>,
  other: Standing,
): string | undefined {
  const { tables, nowMs } = now
  const first = standingOf(now, asker)
  if (!first) return whyGone(tables, asker)
  return (
    unfit(first, instanceId, nowMs) ??
    unfit(other, instanceId, nowMs) ??
    whySame(identity(first), identity(other))
  )
}

/** The people who may approve it: owners of tokens, and people who are logged in. */
export function mayApprove(now: Now, approval: Approval): readonly string[] {
  const names = everybody(now)
    .filter((one) => notSecond(now, approval, one) === undefined)
    .map((one) => identity(one).person?.name ?? '')
  return [...new Set(names)].toSorted()
}

/** Whether the server knows two people of whom one could ask for such an act on everything, and the other approve it. */
export function areTwo(now: Now): boolean {
  const fit = everybody(now).filter((one) => unfit(one, null, now.nowMs) === undefined)
  return fit.some((one, at) =>
    fit.slice(at + 1).some((other) => whySame(identity(one), identity(other)) === undefined),
  )
}

function everybody({ tables, loginOf }: Now): readonly Standing[] {
  const tokens = [...tables.token.values()].map((token) => ({ token }))
  const logins = [...tables.session.values()].map((session) => ({ login: loginOf(session, tables) }))
  return [...tokens, ...logins]
}

function identity(standing: Standing): AdminIdentity {
  return 'token' in standing ? identityOf(standing.token) : identityOfPerson(standing.login.person)
}
