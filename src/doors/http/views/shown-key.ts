// A key as the admin API shows it: with vCenter's names for it, and without its material.

import { first, type AttributeSet } from '../../../wire/kmip/attributes.ts'
import type { KeyView } from '../../../core/keys/object/managed-object.ts'
import { firstName } from '../../../core/keys/object/object-names.ts'
import { isoTime, isoTimeOrNull } from './shown.ts'

/** The custom attributes in which vCenter notes what a key is for. */
export const vsphereNames = { name: 'x-Name', component: 'x-Component', identifier: 'x-Identifier' } as const

export function shownKey(view: KeyView) {
  const { uniqueIdentifier, objectType, state, createdMs, lastFetchedMs, attributes } = view
  const { recoverableUntilMs } = view
  return {
    id: uniqueIdentifier,
    name: firstName(view),
    state,
    objectType,
    algorithm: first(attributes, 'CryptographicAlgorithm') ?? null,
    length: first(attributes, 'CryptographicLength') ?? null,
    vsphere: {
      name: customText(attributes, vsphereNames.name),
      component: customText(attributes, vsphereNames.component),
      identifier: customText(attributes, vsphereNames.identifier),
    },
    created: isoTime(createdMs),
    lastFetched: isoTimeOrNull(lastFetchedMs),
    recoverableUntil: isoTimeOrNull(recoverableUntilMs),
  }
}

/** The text of a custom attribute, or null: a custom attribute holds a value of any type. */
export function customText(attributes: AttributeSet, key: string): string | null {
  const value = attributes.get(key)?.[0]?.value
  if (typeof value !== 'object' || value === null || !('value' in value)) return null
  return typeof value.value === 'string' ? value.value : null
}
