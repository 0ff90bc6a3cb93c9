// Keys, as an administrator sees and changes them. Changes go through the same door as those of KMIP clients; no
// route reads material.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { first, type AttributeSet } from '../../kmip/attributes.ts'
import type { KeyView } from '../../keys/keys.ts'
import { indexEntry } from '../../keys/managed-object.ts'
import type { KeyWork } from '../../keys/key-work.ts'
import { limits } from '../../limits.ts'
import type { AdminContext, Asked, Handlers } from '../context.ts'
import { Refusal } from '../errors.ts'
import { isoTime, isoTimeOrNull, shownValue } from '../shown.ts'

export const keyHandlers: Handlers<'listKeys' | 'showKey' | 'activateKey' | 'revokeKey' | 'destroyKey'> = {
  listKeys: async (context, { instance, query }) => {
    const found = await listed(context, instance.id, query)
    return { keys: found.views.map(shownKey), after: found.after === null ? null : String(found.after) }
  },

  showKey: async (context, { instance, params }) => {
    const view = await existing(context, instance.id, params.key)
    const attributes = [...view.attributes].flatMap(([name, instances]) =>
      instances.map(({ index, value }) => ({ name, index, value: shownValue(name, value) })),
    )
    return { ...shownKey(view), attributes }
  },

  activateKey: async (context, asked) => change(context, asked, async (work, id) => work.activate(id)),

  revokeKey: async (context, asked) => {
    const { reason, message, occurred } = asked.body
    const compromiseOccurrenceDate =
      occurred === undefined ? undefined : BigInt(Math.floor(Date.parse(occurred) / 1000))
    return change(context, asked, async (work, id) =>
      work.revoke(id, { code: reason, message, compromiseOccurrenceDate }),
    )
  },

  destroyKey: async (context, asked) => change(context, asked, async (work, id) => work.destroy(id)),
}

/** Does it as one unit in the token's name, and shows the key as it is then. */
async function change(
  context: AdminContext,
  { asker, instance, params }: Pick<Asked<'activateKey'>, 'asker' | 'instance' | 'params'>,
  act: (work: KeyWork, uniqueIdentifier: string) => Promise<void>,
) {
  const { key } = params
  await context.keys.perform(
    async () => asker.identify(instance.id),
    async (work) => act(work, key),
  )
  return shownKey(await existing(context, instance.id, key))
}

async function existing({ keys }: AdminContext, instanceId: string, key: string): Promise<KeyView> {
  const view = await keys.show(instanceId, key)
  if (!view)
    throw new Refusal('not-found', `there is no key ${key} in this instance`, 'List them: mortise key list')
  return view
}

/**
 * States come by the clock, so they are compared here and not in the store. A page looks at so many objects at most;
 * it may hold fewer than asked for, or none, and still name the next.
 */
async function listed({ keys }: AdminContext, instanceId: string, query: Asked<'listKeys'>['query']) {
  const { state, name, limit, after } = query
  const entry =
    name === undefined
      ? undefined
      : indexEntry('Name', { NameValue: name, NameType: 'UninterpretedTextString' })
  const views: KeyView[] = []
  let beforeSequence = after === undefined ? undefined : placeOf(after)
  for (let seen = 0; seen < limits.listScannedMax; seen += limits.locateStepObjects) {
    const read = await keys.list({
      instanceId,
      limit: limits.locateStepObjects,
      includeDestroyed: state?.startsWith('Destroyed') === true,
      ...(beforeSequence !== undefined && { beforeSequence }),
      ...(entry && { index: [entry] }),
    })
    for (const view of read) {
      beforeSequence = view.sequence
      if (state !== undefined && view.state !== state) continue
      if (name !== undefined && !namesOf(view.attributes).includes(name)) continue
      views.push(view)
      if (views.length === limit) return { views, after: view.sequence }
    }
    if (read.length < limits.locateStepObjects) return { views, after: null }
    await nextTurn()
  }
  return { views, after: beforeSequence ?? null }
}

function placeOf(after: string): number {
  if (!/^\d{1,15}$/.test(after))
    throw new Refusal('bad-request', 'query.after: is not from a page of this list')
  return Number(after)
}

function shownKey({ uniqueIdentifier, objectType, state, createdMs, lastFetchedMs, attributes }: KeyView) {
  return {
    id: uniqueIdentifier,
    name: namesOf(attributes)[0] ?? null,
    state,
    objectType,
    algorithm: first(attributes, 'CryptographicAlgorithm') ?? null,
    length: first(attributes, 'CryptographicLength') ?? null,
    vsphere: {
      name: customText(attributes, 'x-Name'),
      component: customText(attributes, 'x-Component'),
      identifier: customText(attributes, 'x-Identifier'),
    },
    created: isoTime(createdMs),
    lastFetched: isoTimeOrNull(lastFetchedMs),
  }
}

function namesOf(attributes: AttributeSet): readonly string[] {
  return (attributes.get('Name') ?? []).flatMap(({ value }) =>
    typeof value === 'object' && value !== null && 'NameValue' in value ? [String(value.NameValue)] : [],
  )
}

/** Custom attributes hold values of any type. */
function customText(attributes: AttributeSet, key: string): string | null {
  const value = attributes.get(key)?.[0]?.value
  if (typeof value !== 'object' || value === null || !('value' in value)) return null
  return typeof value.value === 'string' ? value.value : null
}
