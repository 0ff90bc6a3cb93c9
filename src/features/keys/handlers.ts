// Keys, as an administrator sees and changes them. Changes use `Keys`, like those of KMIP clients; no route reads
// material.

import { folded } from '../../base/text/folded.ts'
import type { AttributeSet } from '../../wire/kmip/attributes.ts'
import { maskOf } from '../../wire/kmip/enums.ts'
import type { AuditEntry } from '../../core/ports/audit.ts'
import type { ListedKey } from '../../core/keys/keys.ts'
import type { KeyTransaction } from '../../core/keys/key-transaction.ts'
import { isDestroyed } from '../../core/keys/object/lifecycle.ts'
import { single } from '../../core/keys/object/managed-object.ts'
import type { Needs } from './needs.ts'
import type { SomeHandlers } from '../../doors/http/feature.ts'
import type { keyRoutes } from './routes.ts'
import type { RouteRequest } from '../../doors/http/route-request.ts'
import { Refusal } from '../../base/refusal.ts'
import { fetchesReadMax } from './bounds.ts'
import { listKeys } from '../../core/keys/key-search.ts'
import { shownKey } from '../../doors/http/views/shown-key.ts'
import { isoTime, shownAttributes } from '../../doors/http/views/shown.ts'
import { requireKnownUse, usesOf } from '../../doors/http/views/used-by.ts'

export const keyHandlers = {
  listKeys: async (context, { instance, query, pace: turns }) => {
    const { clock, keys, store } = context
    const place = query.after === undefined ? undefined : pageStart(query.after)
    const reader = {
      turns,
      scan: keys.scan.bind(keys),
      show: keys.show.bind(keys),
      objectCounts: (instanceId: string) => store.objectCounts(instanceId, clock.now()),
      recoverable: (instanceId: string) => store.recoverable(instanceId),
    }
    const part = query.contains === undefined ? undefined : folded(query.contains)
    const ofMachines =
      part === undefined
        ? undefined
        : await context.plugs.keyUses.keysOfMachines(
            instance.id,
            (text) => folded(text).includes(part),
            turns,
          )
    const page = await listKeys(reader, instance.id, query, place, ofMachines)
    const ids = page.views.map(({ uniqueIdentifier }) => uniqueIdentifier)
    const uses = await usesOf(context, instance.id, ids)
    return {
      keys: page.views.map((view, at) => ({ ...shownKey(view), usedBy: uses[at] ?? null })),
      after: page.after === null ? null : String(page.after),
    }
  },

  createKey: async (context, { asker, instance, body }) => {
    const attributes = new Map(wrappingKey)
    const { name } = body
    if (name !== undefined)
      attributes.set('Name', single({ NameValue: name, NameType: 'UninterpretedTextString' }))
    return context.keys.perform(
      async () => asker.identify(instance.id),
      async (work) => {
        const made = await work.create({ objectType: 'SymmetricKey', attributes })
        if (body.activate) await work.activate(made)
        return shownKey(await work.view(made))
      },
    )
  },

  showKey: async (context, { instance, params }) => {
    const view = await existingKey(context, instance.id, params.key)
    const fetches = await shownFetches(context, instance.id, view.uniqueIdentifier)
    const [usedBy = null] = await usesOf(context, instance.id, [view.uniqueIdentifier])
    const { wrappingKeys = [] } = instance
    const wrapsSensitive = wrappingKeys.find(({ id }) => id === view.uniqueIdentifier)?.wraps ?? null
    return {
      ...shownKey(view),
      usedBy,
      wrapsSensitive,
      attributes: shownAttributes(view.attributes),
      fetches,
    }
  },

  setKey: async (context, request) =>
    change(context, request, async (work, id) => work.setKey(id, request.body)),

  activateKey: async (context, request) => change(context, request, async (work, id) => work.activate(id)),

  revokeKey: async (context, request) => {
    const { reason, message, occurred } = request.body
    const compromiseOccurrenceDate =
      occurred === undefined ? undefined : BigInt(Math.floor(Date.parse(occurred) / 1000))
    return change(context, request, async (work, id) =>
      work.revoke(id, { code: reason, message, compromiseOccurrenceDate }),
    )
  },

  destroyKey: async (context, request) => {
    const { instance, params, query } = request
    const view = await context.keys.show(instance.id, params.key)
    const open = view !== undefined && !isDestroyed(view.state)
    const uses = open ? await context.plugs.keyUses.uses(instance.id, [params.key]) : null
    requireKnownUse(`the key ${params.key}`, uses?.[0], query.inUse, context)
    return change(context, request, async (work, id) => work.destroy(id))
  },

  undestroyKey: async (context, request) =>
    change(context, request, async (work, id) => work.undestroy(id, request.body)),
} satisfies SomeHandlers<typeof keyRoutes, Needs>

/** AES-256, with the usages that vSphere 9 needs of a wrapping key, and KMIP's own Encrypt and wrapping. */
const wrappingKey: AttributeSet = new Map<
  string,
  AttributeSet extends ReadonlyMap<string, infer V> ? V : never
>([
  ['CryptographicAlgorithm', single('AES')],
  ['CryptographicLength', single(256)],
  [
    'CryptographicUsageMask',
    single(maskOf('CryptographicUsageMask', ['Encrypt', 'Decrypt', 'WrapKey', 'UnwrapKey'])),
  ],
])

/**
 * Runs the change in one transaction in the token's name, and shows the resulting key. If the key cannot be shown,
 * nothing changes.
 */
async function change(
  context: Needs,
  {
    asker,
    instance,
    params,
  }: Pick<RouteRequest<(typeof keyRoutes)['activateKey']>, 'asker' | 'instance' | 'params'>,
  act: (work: KeyTransaction, uniqueIdentifier: string) => Promise<void>,
) {
  const { key } = params
  return context.keys.perform(
    async () => asker.identify(instance.id),
    async (work) => {
      await act(work, key)
      return shownKey(await work.view(key))
    },
  )
}

/** Throws Refusal if there is no such key. */
export async function existingKey({ keys }: Needs, instanceId: string, key: string): Promise<ListedKey> {
  const view = await keys.show(instanceId, key)
  if (!view)
    throw new Refusal('not-found', `there is no key ${key} in this instance`, 'List them: mortise key list')
  return view
}

/** Where a page begins, as the one before said. Throws Refusal. */
export function pageStart(after: string): number {
  if (!/^\d{1,15}$/.test(after))
    throw new Refusal(
      'bad-request',
      'query.after: it is not the number that an earlier page of this list named',
    )
  return Number(after)
}

interface Fetcher {
  readonly client: string
  readonly certificateSha256: string | null
  readonly address: string | null
  readonly times: number
  readonly firstMs: number
  readonly lastMs: number
}

/** The clients that fetched a key, as a bounded part of the audit log says, the newest entries first. */
async function shownFetches({ audit }: Pick<Needs, 'audit'>, instanceId: string, uniqueIdentifier: string) {
  const query = {
    instanceId,
    object: uniqueIdentifier,
    action: 'key.get',
    result: 'success',
    order: 'newest',
    limit: fetchesReadMax,
  } as const
  const { entries, after } = await audit.list(query)
  const byParty = new Map<string, Fetcher>()
  for (const { body } of entries) addFetch(byParty, JSON.parse(body) as AuditEntry)
  const by = [...byParty.values()].map(({ firstMs, lastMs, ...fetcher }) => {
    return { ...fetcher, first: isoTime(firstMs), last: isoTime(lastMs) }
  })
  return { times: entries.length, complete: after === null, by }
}

/** Entries come newest first. */
function addFetch(byParty: Map<string, Fetcher>, { actor, atMs }: AuditEntry): void {
  const { id, name, certificateSha256, address } = actor
  const party = JSON.stringify([id, certificateSha256, address])
  const known = byParty.get(party)
  byParty.set(party, {
    client: name ?? id ?? actor.kind,
    certificateSha256,
    address,
    times: (known?.times ?? 0) + 1,
    firstMs: atMs,
    lastMs: known?.lastMs ?? atMs,
  })
}
