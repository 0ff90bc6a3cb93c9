// Instances: create, list, set, delete. instance-work.ts shows what an instance holds and the work on it. The
// composition root decides which root key URIs are valid.

import { randomUUID } from 'node:crypto'
import type { ApiKeySource } from '../../core/instances/api-keys.ts'
import type { WrittenToo } from '../../core/instances/instance-changes.ts'
import { isDestroyed } from '../../core/keys/object/lifecycle.ts'
import { limitsOf } from '../../core/trust/instance-limits.ts'
import type { Instance } from '../../core/trust/rows.ts'
import { TrustRefused } from '../../core/trust/writer.ts'
import { listScannedMax, namesShownMax } from '../../base/bounds.ts'
import { fipsMode, notApproved } from '../../base/fips.ts'
import type { Needs } from './needs.ts'
import type { SomeHandlers } from '../../doors/http/feature.ts'
import type { instanceRoutes } from './routes.ts'
import type { RouteRequest } from '../../doors/http/route-request.ts'
import type { ApiRequester } from '../../doors/http/route-request.ts'
import { Refusal } from '../../base/refusal.ts'
import { keyPages } from '../../core/keys/key-pages.ts'
import { present } from '../../doors/http/views/present.ts'
import { isIbm, withRootKey } from '../../core/instances/root-key-change.ts'
import { byName, isoTime } from '../../doors/http/views/shown.ts'
import { customText } from '../../core/keys/object/object-names.ts'
import { requireKnownUse } from '../../doors/http/views/used-by.ts'

export const instanceHandlers = {
  listInstances: async ({ access, apiKeys }, { asker }) => {
    const all = await access.instances()
    const sources = await apiKeys.sources()
    return all
      .filter(({ id }) => asker.sees(id))
      .toSorted(byName)
      .map((instance) => shownInstance(instance, sources(instance)))
  },

  createInstance: async (context, { asker, body }) => {
    const { trust, rootKeys } = context
    const { rootKey = rootKeys.initial, name, custody = custodyOf(rootKey), ibmApiKey, ...settings } = body
    requireComputable(settings)
    const instanceId = randomUUID()
    const target = { instanceId, rootKey, custody, apiKey: ibmApiKey }
    return withRootKey(context, target, async ({ rootKeyUri, warnings, ...more }) => {
      const instance = { id: instanceId, name, custody, rootKeyUri, ...present(settings) }
      const shown = await answer(context)
      return trust.instances.create(asker.by, instance, more, (made) => ({
        ...shown(made),
        warnings: [...warnings],
      }))
    })
  },

  setInstance: async (context, { asker, instance, body }) => {
    const { trust } = context
    const { ibmApiKey, ...settings } = body
    requireMaySet(asker, settings)
    const set = async (more: WrittenToo) =>
      trust.instances.update(asker.by, instance.id, present(settings), more, await answer(context))
    const { id: instanceId, rootKeyUri: rootKey, custody } = instance
    return ibmApiKey === undefined
      ? set({})
      : withRootKey(context, { instanceId, rootKey, custody, apiKey: ibmApiKey }, set)
  },

  deleteInstance: async (context, { asker, instance, query }) => {
    const { trust, clock } = context
    const { id, name } = instance
    if (query.shred === undefined) {
      await trust.instances.remove(asker.by, id).catch(async (error: unknown) => {
        throw await withNames(context, id, error)
      })
      await context.plugs.forgetInstance(asker, id)
      return { id, name, receipt: null }
    }
    requireShredName(instance, query.shred)
    const use = await context.plugs.keyUses.useOf(id)
    requireKnownUse(`the instance ${name}`, use, query.inUse, context)
    const { dataKeys, standardKeys, standardKeysLeft, objects } = await trust.instances.shred(asker.by, id)
    await context.plugs.forgetInstance(asker, id)
    const { count, rootKeyUris, cause } = standardKeysLeft
    const receipt = {
      at: isoTime(clock.now()),
      dataKeys: dataKeys.map((key) => ({
        id: key.id,
        rootKey: key.rootKeyUri,
        created: isoTime(key.createdMs),
      })),
      standardKeys,
      standardKeysLeft: { count, rootKeys: [...rootKeyUris], cause },
      objects: { ...objects },
      auditEntry: 'instance.shred',
    }
    return { id, name, receipt }
  },
} satisfies SomeHandlers<typeof instanceRoutes, Needs>

export function requireMaySet(
  { instanceId }: Pick<ApiRequester, 'instanceId'>,
  { name, objectsMax, bytesMax, ...settings }: RouteRequest<(typeof instanceRoutes)['setInstance']>['body'],
): void {
  requireComputable(settings)
  if (instanceId === null) return
  // A refusal because a name is taken would reveal that another instance exists.
  if (name !== undefined)
    throw new Refusal('forbidden', 'to rename an instance needs a token for all instances')
  // The limits keep the clients of one instance from filling the disk for the others.
  if ((objectsMax ?? bytesMax) !== undefined)
    throw new Refusal('forbidden', 'to change what an instance may hold needs a token for all instances')
}

function requireComputable({ legacyWrap }: { readonly legacyWrap?: boolean | undefined }): void {
  if (legacyWrap === true && fipsMode)
    throw new Refusal('bad-request', notApproved('wrapping with the padding of PKCS#1 v1.5'))
}

export function requireShredName({ name }: Instance, typed: string): void {
  if (typed === name) return
  throw new Refusal(
    'bad-request',
    'query.shred: is not the name of this instance',
    `Its name is ${name}. What its keys encrypt can never be read again once it is shredded.`,
  )
}

/**
 * Shows an instance as a change leaves it. It reads everything now, before the commit, so a change that cannot be
 * answered does not happen.
 */
export async function answer({ apiKeys }: Pick<Needs, 'apiKeys'>) {
  const sourceOf = await apiKeys.sources()
  return (instance: Instance) => shownInstance(instance, sourceOf(instance))
}

/** A service that can hold the keys itself bills them, so there is no default custody for it. */
export function custodyOf(rootKey: string): 'database' {
  if (!isIbm(rootKey)) return 'database'
  throw new Refusal(
    'bad-request',
    'the custody must be said for a root key in Key Protect or HPCS (--custody; custody in the body)',
    'database: sealed keys lie in the database, and the root key seals their data key. keyprotect: each key lies in the service as a standard key, which is billed and can be deleted there.',
  )
}

export function shownInstance(
  {
    rootKeyUri,
    createdMs,
    upstream: _upstream,
    objectDefaults,
    objectConstraints,
    closed,
    closedWithServer,
    ...instance
  }: Instance,
  ibmApiKeySource: ApiKeySource,
) {
  const closing = closedWithServer ?? closed
  const rules = { defaults: objectDefaults?.length ?? 0, constraints: objectConstraints?.length ?? 0 }
  return {
    ...instance,
    ...limitsOf(instance),
    destroyDelaySeconds: instance.destroyDelaySeconds ?? 0,
    names: instance.names ?? 'unique',
    lengths: instance.lengths ?? 'strict',
    legacyWrap: instance.legacyWrap ?? false,
    restrictions: instance.restrictions ?? 'as-sent',
    wrappingKeys: [...(instance.wrappingKeys ?? [])],
    closed: closing
      ? {
          at: isoTime(closing.atMs),
          by: closing.by,
          reason: closing.reason,
          withServer: closedWithServer !== undefined,
        }
      : null,
    rules,
    rootKey: rootKeyUri,
    ibmApiKeySource,
    created: isoTime(createdMs),
  }
}

/**
 * If objects are the reason of the refusal, adds vSphere's names for them. It does not read a large instance to its
 * end.
 */
async function withNames({ keys }: Needs, instanceId: string, error: unknown): Promise<unknown> {
  if (!(error instanceof TrustRefused) || error.why !== 'in-use') return error
  const names = new Set<string>()
  let unnamed = 0
  let seen = 0
  for await (const read of keyPages(keys, { instanceId, includeDestroyed: false })) {
    for (const { attributes, state } of read) {
      if (isDestroyed(state)) continue
      const name = customText(attributes, 'x-Name')
      if (name === null) unnamed++
      else names.add(name)
    }
    seen += read.length
    if (seen >= listScannedMax) break
  }
  const shown = [...names].slice(0, namesShownMax)
  const more = names.size > shown.length ? ` and ${String(names.size - shown.length)} more` : ''
  const without = unnamed > 0 ? `, ${String(unnamed)} without a name of vSphere's` : ''
  const text =
    names.size === 0
      ? '. vSphere has noted no names on them'
      : `. vSphere's names on them: ${shown.join(', ')}${more}${without}`
  return new TrustRefused(error.why, error.message + text, error.hint)
}
