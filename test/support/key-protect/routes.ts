// The calls of Key Protect's API that the fake knows, in one table: method, path, who may, and what is done. From a
// request to its reply, the check of token, instance, key and role in between.

import { rewrapAction, unwrapAction, wrapAction } from './actions.ts'
import { callerOf } from './iam.ts'
import {
  addAlias,
  countKeys,
  createKey,
  createRing,
  deleteRing,
  getKey,
  getMetadata,
  isId,
  listKeys,
  listRings,
  patchKey,
  removeAlias,
} from './keys.ts'
import { deleteKey, disable, enable, purge, restore, rotate, versions } from './lifecycle.ts'
import { plainRefusal, refusal } from './refusal.ts'
import type { Call, KeyCall, Reply } from './request.ts'
import type { Key, Role, State } from './state.ts'

const anyone: readonly Role[] = ['Reader', 'ReaderPlus', 'Writer', 'Manager']
const readers: readonly Role[] = ['ReaderPlus', 'Writer', 'Manager']
const writers: readonly Role[] = ['Writer', 'Manager']
const managers: readonly Role[] = ['Manager']

type Route = {
  readonly method: string
  /** Below /api/v2. */
  readonly path: RegExp
  readonly roles: readonly Role[]
} & (
  | { readonly onKey: (call: KeyCall, more: string) => Reply }
  | { readonly onInstance: (call: Call, more: string, visible: (key: Key) => boolean) => Reply }
)

const onKey = /^\/keys\/([^/]+)$/
const action = (name: string) => new RegExp(`^/keys/([^/]+)/actions/${name}$`)

const routes = {
  head: {
    method: 'HEAD',
    path: /^\/keys$/,
    roles: anyone,
    onInstance: (call, _, visible) => countKeys(call, visible),
  },
  list: {
    method: 'GET',
    path: /^\/keys$/,
    roles: anyone,
    onInstance: (call, _, visible) => listKeys(call, visible),
  },
  create: { method: 'POST', path: /^\/keys$/, roles: writers, onInstance: createKey },
  get: { method: 'GET', path: onKey, roles: readers, onKey: getKey },
  metadata: { method: 'GET', path: /^\/keys\/([^/]+)\/metadata$/, roles: anyone, onKey: getMetadata },
  patch: { method: 'PATCH', path: onKey, roles: managers, onKey: patchKey },
  delete: { method: 'DELETE', path: onKey, roles: managers, onKey: deleteKey },
  restore: { method: 'POST', path: /^\/keys\/([^/]+)\/restore$/, roles: managers, onKey: restore },
  purge: { method: 'DELETE', path: /^\/keys\/([^/]+)\/purge$/, roles: ['KeyPurge'], onKey: purge },
  versions: { method: 'GET', path: /^\/keys\/([^/]+)\/versions$/, roles: anyone, onKey: versions },
  wrap: { method: 'POST', path: action('wrap'), roles: anyone, onKey: wrapAction },
  unwrap: { method: 'POST', path: action('unwrap'), roles: anyone, onKey: unwrapAction },
  rewrap: { method: 'POST', path: action('rewrap'), roles: anyone, onKey: rewrapAction },
  rotate: { method: 'POST', path: action('rotate'), roles: writers, onKey: rotate },
  enable: { method: 'POST', path: action('enable'), roles: managers, onKey: enable },
  disable: { method: 'POST', path: action('disable'), roles: managers, onKey: disable },
  'alias-create': {
    method: 'POST',
    path: /^\/keys\/([^/]+)\/aliases\/([^/]+)$/,
    roles: writers,
    onKey: addAlias,
  },
  'alias-delete': {
    method: 'DELETE',
    path: /^\/keys\/([^/]+)\/aliases\/([^/]+)$/,
    roles: writers,
    onKey: removeAlias,
  },
  'rings-list': { method: 'GET', path: /^\/key_rings$/, roles: readers, onInstance: listRings },
  'ring-create': { method: 'POST', path: /^\/key_rings\/([^/]+)$/, roles: writers, onInstance: createRing },
  'ring-delete': {
    method: 'DELETE',
    path: /^\/key_rings\/([^/]+)$/,
    roles: managers,
    onInstance: deleteRing,
  },
} satisfies Record<string, Route>

export interface Found {
  readonly name: string
  readonly route: Route
  readonly parts: readonly string[]
}

/** undefined: no such call. The form of 2019, `POST /keys/{id}?action=wrap`, is the same as that of today. */
export function findRoute(method: string, url: URL): Found | undefined {
  const below = /^\/api\/v2(\/.*)$/.exec(url.pathname)?.[1]
  if (below === undefined) return undefined
  const old = method === 'POST' && onKey.test(below) ? url.searchParams.get('action') : null
  const path = old === null ? below : `${below}/actions/${old}`
  for (const [name, route] of Object.entries<Route>(routes)) {
    const parts = route.method === method ? route.path.exec(path) : null
    if (parts) return { name, route, parts: parts.slice(1).map((part) => decodeURIComponent(part)) }
  }
  return undefined
}

export interface Received {
  readonly url: URL
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Buffer
}

/** Throws Refusal. */
export function answer(state: State, found: Found, { url, headers, body }: Received): Reply {
  const caller = callerOf(state, headers['authorization'])
  const instance = headers['bluemix-instance']
  if (instance === undefined || instance === '')
    throw plainRefusal(400, 'Bad Request: The header Bluemix-Instance is missing')
  const prefer = /return=(minimal|representation)/.exec(headers['prefer'] ?? '')?.[1]
  const call: Call = {
    state,
    instance,
    caller,
    keyRing: headers['x-kms-key-ring'],
    prefer: prefer === 'minimal' || prefer === 'representation' ? prefer : undefined,
    query: url.searchParams,
    body,
  }
  const { route, parts } = found
  if ('onInstance' in route) return answerOnInstance(call, route, parts[0] ?? '')
  const [idOrAlias = '', more = ''] = parts
  const key = findKey(call, idOrAlias)
  requireRole(call, route.roles, key)
  if (!key) {
    if (!isId(idOrAlias) && !/^[A-Za-z0-9_-]{2,90}$/.test(idOrAlias))
      throw plainRefusal(400, 'Bad Request: Malformed, invalid, or missing ID')
    throw refusal('KEY_NOT_FOUND_ERR', { doing: 'Key could not be retrieved' })
  }
  return route.onKey({ ...call, key }, more)
}

/** A key ring, where one is named, narrows the look-up. */
function findKey({ state, instance, keyRing }: Call, idOrAlias: string): Key | undefined {
  const key = state.key(instance, idOrAlias)
  return keyRing === undefined || key?.keyRing === keyRing ? key : undefined
}

function requireRole({ state, caller, instance }: Call, roles: readonly Role[], key: Key | undefined): void {
  const may = caller.policies.some(
    (policy) =>
      policy.instance === instance &&
      policy.roles.some((role) => roles.includes(role)) &&
      (policy.key === undefined || policy.key === key?.id) &&
      (policy.keyRing === undefined || policy.keyRing === key?.keyRing),
  )
  if (!may) throw plainRefusal(state.contents.missingRoleStatus)
}

/** Lists show what the policies on the instance and on key rings reach; what is for single keys is not listed. */
function answerOnInstance(call: Call, route: Extract<Route, { onInstance: unknown }>, more: string): Reply {
  const granted = call.caller.policies.filter(
    (policy) =>
      policy.instance === call.instance &&
      policy.roles.some((role) => route.roles.includes(role)) &&
      policy.key === undefined &&
      (policy.keyRing === undefined || call.keyRing === undefined || policy.keyRing === call.keyRing),
  )
  const isList = route.onInstance === routes.list.onInstance || route.onInstance === routes.head.onInstance
  const needsRing = isList
    ? granted
    : granted.filter(({ keyRing }) => keyRing === undefined || keyRing === call.keyRing)
  if (needsRing.length === 0) throw plainRefusal(call.state.contents.missingRoleStatus)
  return route.onInstance(call, more, (key) =>
    granted.some(({ keyRing }) => keyRing === undefined || keyRing === key.keyRing),
  )
}
