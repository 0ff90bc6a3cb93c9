// Checks the bearer token and the role of a request to the admin API, and decides which instances the token may see.

import type { Actor } from '../ports/audit.ts'
import type { Instance } from '../trust/rows.ts'
import { allowByDefault } from '../trust/allow.ts'
import type { AdminContext, Asker } from './context.ts'
import { Refusal } from './errors.ts'
import { roles, type Route } from './route.ts'
import { Sessions } from '../trust/sessions.ts'

type Authorization = Pick<Route, 'role' | 'scope'>

/**
 * Returns the asker. Throws Refusal 'unauthenticated' or 'forbidden'. On a public route the asker is nobody in
 * particular.
 */
export async function authenticate(
  { access, lastSeen, sessions }: Pick<AdminContext, 'access' | 'lastSeen' | 'sessions'>,
  route: Authorization,
  request: {
    readonly authorization: string | undefined
    readonly address: string | null
    readonly requestId: string
  },
): Promise<Asker> {
  const { authorization, address, requestId } = request
  const stranger: Actor = { kind: 'unauthenticated', id: null, name: null, certificateSha256: null, address }
  if (route.scope === 'public')
    return {
      actor: stranger,
      by: { ...stranger, role: 'viewer', onlyInstanceId: null },
      instanceId: null,
      requestId,
      token: null,
      session: null,
      identify: () => Promise.reject(noToken()),
    }

  const [, bearer] = /^Bearer +([\w.~+/-]+=*)$/i.exec(authorization ?? '') ?? []
  const session = bearer !== undefined && Sessions.isSession(bearer) ? sessions.read(bearer) : undefined
  const check = async () => {
    const token = session ? await access.tokenOf(session) : bearer && (await access.token(bearer))
    if (!token) throw noToken()
    requireRole(route, token)
    return token
  }
  const token = await check()
  if (address !== null) lastSeen.note(token.sha256, address)
  const actor: Actor = { kind: 'token', id: token.id, name: token.name, certificateSha256: null, address }
  return {
    actor,
    by: { ...actor, requestId, role: token.role, onlyInstanceId: token.instanceId },
    instanceId: token.instanceId,
    requestId,
    token,
    session: session ?? null,
    identify: async (instanceId) => {
      const { trustVersion } = await check()
      return { instanceId, actor, allow: allowByDefault, trustVersion, requestId }
    },
  }
}

/** Returns the instance with that id or name, if the token may know that it exists. */
export async function visibleInstance(
  { access }: Pick<AdminContext, 'access'>,
  asker: Pick<Asker, 'instanceId'>,
  nameOrId: string,
): Promise<Instance> {
  const found = await access.instance(nameOrId)
  if (!found || (asker.instanceId !== null && asker.instanceId !== found.id))
    throw new Refusal('not-found', `there is no instance ${nameOrId}`, 'List them: mortise instance list')
  return found
}

function noToken(): Refusal {
  return new Refusal(
    'unauthenticated',
    'a valid token is needed',
    'Send it as "Authorization: Bearer ...". The first one is in the file admin-token of the data folder.',
  )
}

function requireRole(
  route: Authorization,
  token: { readonly role: Route['role']; readonly instanceId: string | null },
): void {
  if (roles.indexOf(token.role) < roles.indexOf(route.role))
    throw new Refusal('forbidden', `this needs the role ${route.role}; the token is a ${token.role}'s`)
  if (route.scope === 'server' && token.instanceId !== null)
    throw new Refusal('forbidden', 'this needs a token for all instances; this one is for one instance')
}
