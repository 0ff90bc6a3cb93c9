// Checks the bearer token or session and the role of a request to the admin API, and decides which instances it may see.

import type { Actor } from '../../core/ports/audit.ts'
import { StoreUnavailable } from '../../core/ports/store.ts'
import type { Instance } from '../../core/trust/rows.ts'
import { idOfSubject } from '../../core/trust/person.ts'
import { grantFor, isAtLeast, type Grant } from '../../core/trust/role-rules.ts'
import { sha256Of } from '../../core/trust/token-changes.ts'
import { loginAsker, personActor, tokenActor, tokenAsker } from './askers.ts'
import type { Access } from '../../core/trust/access.ts'
import type { LastSeen } from '../../core/trust/last-seen.ts'
import type { People } from '../../core/trust/people.ts'
import type { ApiRequester } from './route-request.ts'
import { Refusal } from '../../base/refusal.ts'
import { Denied } from './refusals.ts'
import type { RouteRole, Route } from './route.ts'
import { Sessions, type AdminSession } from '../../core/trust/sessions.ts'

type Authorization = Pick<Route, 'role' | 'scope' | 'withoutStore'>
export interface AuthenticationParts {
  readonly access: Access
  readonly lastSeen: Pick<LastSeen, 'note'>
  readonly sessions: Sessions
  readonly people: Pick<People, 'accessOf' | 'isIdle'>
}
type Parts = AuthenticationParts

interface Asking {
  readonly authorization: string | undefined
  readonly address: string | null
  readonly requestId: string
  readonly host: string
  /** Id or name of the instance that the path names. */
  readonly instance: string | undefined
}

/**
 * Returns the asker. Throws Refusal 'unauthenticated' or 'forbidden'. On a public route the asker has no
 * name and no rights.
 */
export async function authenticate(
  parts: Parts,
  route: Authorization,
  asking: Asking,
): Promise<ApiRequester> {
  if (route.scope === 'public') return nobody(asking)
  const [, bearer] = /^Bearer +([\w.~+/-]+=*)$/i.exec(asking.authorization ?? '') ?? []
  if (bearer === undefined) throw noToken()
  if (!Sessions.isSession(bearer)) return byToken(parts, route, asking, { bearer })
  const session = parts.sessions.read(bearer)
  if (!session) throw sessionOver()
  return session.tokenId === null
    ? byPerson(parts, route, asking, session)
    : byToken(parts, route, asking, { bearer, session })
}

function nobody({ address, requestId, host }: Asking): ApiRequester {
  const actor: Actor = { kind: 'unauthenticated', id: null, name: null, certificateSha256: null, address }
  return {
    actor,
    by: { ...actor, role: 'viewer', onlyInstanceId: null },
    instanceId: null,
    sees: () => false,
    requestId,
    host,
    token: null,
    login: null,
    person: null,
    session: null,
    identify: () => Promise.reject(noToken()),
  }
}

async function byToken(
  { access, lastSeen, sessions }: Parts,
  route: Authorization,
  { address, requestId, host }: Asking,
  { bearer, session = null }: { readonly bearer: string; readonly session?: AdminSession | null },
): Promise<ApiRequester> {
  const check = async () => {
    const token = session ? await access.tokenOf(session) : await tokenFor(route, access, bearer)
    if (session && (!token || (await sessions.hasEnded(session)))) throw sessionOver()
    if (!token) throw await unknownToken(access, bearer, address)
    requireRole(route, token, `the token is ${withArticle(token.role)}'s`, tokenActor(token, address))
    return token
  }
  const token = await check()
  if (address !== null) lastSeen.note(token.sha256, address)
  return tokenAsker(token, { address, requestId, host, session, check })
}

/** A person may have other roles in one instance than in all: the highest that fits the route counts. */
async function byPerson(
  { access, lastSeen, people }: Parts,
  route: Authorization,
  { address, requestId, host, instance }: Asking,
  session: AdminSession,
): Promise<ApiRequester> {
  if (people.isIdle(session)) throw sessionOver()
  const named = instance === undefined ? undefined : await access.instance(instance)
  const check = async () => {
    const login = await people.accessOf(session)
    if (!login) throw sessionOver()
    const fitting = login.grants.filter(({ role }) => isAtLeast(role, route.role))
    const chosen = chosenGrant(route, { all: login.grants, fitting }, named?.id ?? null)
    const actor = personActor(login, address)
    // To a person without any role in it, the instance that the path names does not exist.
    if (!chosen) throw notThere(instance ?? '', named, { actor, instanceId: null })
    requireRole(route, chosen, `your role is ${chosen.role}`, actor)
    return { login, chosen, fitting, trustVersion: login.trustVersion }
  }
  const { login, ...grants } = await check()
  // The request is decided by these. Without one of them it would have been another one.
  const needed = route.scope === 'any' ? grants.fitting : [grants.chosen]
  const stillThere = async () => {
    const now = await check()
    if (needed.every((grant) => now.fitting.some((other) => covers(other, grant)))) return now
    throw new Refusal('forbidden', 'your roles were changed meanwhile', 'Ask again.')
  }
  // By the person: sessions come and go, and nothing would remove what was noted of them.
  if (address !== null) lastSeen.note(idOfSubject(login.session), address)
  return loginAsker(login, grants, { address, requestId, host, session, check: stillThere })
}

function covers({ role, instanceId }: Grant, other: Grant): boolean {
  return isAtLeast(role, other.role) && (instanceId === null || instanceId === other.instanceId)
}

function chosenGrant(
  { scope }: Authorization,
  { all, fitting }: { readonly all: readonly Grant[]; readonly fitting: readonly Grant[] },
  instanceId: string | null,
): Grant | undefined {
  if (scope === 'instance') return grantFor(all, instanceId)
  return grantFor(fitting, null) ?? fitting[0] ?? grantFor(all, null) ?? all[0]
}

/** Returns the instance with that id or name, if the asker may know that it exists. */
export async function visibleInstance(
  { access }: Pick<Parts, 'access'>,
  asker: Pick<ApiRequester, 'sees' | 'actor' | 'instanceId'>,
  nameOrId: string,
): Promise<Instance> {
  const instance = await access.instance(nameOrId)
  if (!instance || !asker.sees(instance.id)) throw notThere(nameOrId, instance, asker)
  return instance
}

/** `instance`: the instance of that name or id, which the party may not see; undefined: there is none. */
function notThere(
  nameOrId: string,
  instance: Instance | undefined,
  { actor, instanceId }: Pick<ApiRequester, 'actor' | 'instanceId'>,
): Refusal {
  const refusal = new Refusal(
    'not-found',
    `there is no instance ${nameOrId}`,
    'List them: mortise instance list',
  )
  return instance ? new Denied({ actor, instanceId }, refusal) : refusal
}

async function tokenFor({ withoutStore }: Authorization, access: Parts['access'], bearer: string) {
  try {
    return await access.token(bearer)
  } catch (error) {
    const known = withoutStore && error instanceof StoreUnavailable ? access.tokenAsRead(bearer) : undefined
    if (!known) throw error
    return known
  }
}

/** One that was revoked, has expired or was never there. */
async function unknownToken(
  access: Parts['access'],
  bearer: string,
  address: string | null,
): Promise<Refusal> {
  const [{ tables }, shown] = [await access.snapshot(), sha256Of(bearer)]
  const expired = [...tables.token.values()].find(({ sha256 }) => sha256 === shown)
  const { id, name } = expired ?? { id: null, name: null }
  const actor: Actor = { kind: 'unauthenticated', id, name, certificateSha256: null, address }
  return new Denied({ actor, instanceId: null }, noToken())
}

function sessionOver(): Refusal {
  return new Refusal(
    'unauthenticated',
    'the session is over, or was ended',
    'Log in again: mortise login, or on the page of the console.',
  )
}

function noToken(): Refusal {
  return new Refusal(
    'unauthenticated',
    'a valid token is needed',
    'It may be revoked, expired, or of another server. Commands take one from --token-file FILE, programs send "Authorization: Bearer ...". The first is in admin-token of the data folder. People with an account log in: mortise login. If all are lost: mortise token recover.',
  )
}

function withArticle(role: RouteRole): string {
  return `${role === 'operator' ? 'an' : 'a'} ${role}`
}

/** `what`: which role the actor has, in words. */
function requireRole(route: Authorization, { role, instanceId }: Grant, what: string, actor: Actor): void {
  const why = isAtLeast(role, route.role)
    ? route.scope === 'server' && instanceId !== null
      ? 'this needs a token for all instances; this one is for one instance'
      : null
    : `this needs the role ${route.role}; ${what}`
  if (why !== null) throw new Denied({ actor, instanceId }, new Refusal('forbidden', why))
}
