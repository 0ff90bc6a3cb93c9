// A key as the admin door shows it: with what vCenter noted on it, and without material.

import { first, type AttributeSet } from '../kmip/attributes.ts'
import type { KeyView } from '../keys/managed-object.ts'
import { isoTime, isoTimeOrNull } from './shown.ts'

/** Custom attributes in which vCenter says what a key is for. */
export const vsphereNames = { name: 'x-Name', component: 'x-Component', identifier: 'x-Identifier' } as const

export function shownKey(view: KeyView) {
  const { uniqueIdentifier, objectType, state, createdMs, lastFetchedMs, attributes } = view
  return {
    id: uniqueIdentifier,
    name: namesOf(attributes)[0] ?? null,
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
  }
}

/** Every Name that the object has. */
export function namesOf(attributes: AttributeSet): readonly string[] {
  return (attributes.get('Name') ?? []).flatMap(({ value }) =>
    typeof value === 'object' && value !== null && 'NameValue' in value ? [String(value.NameValue)] : [],
  )
}

/** The text of a custom attribute; they hold values of any type. */
export function customText(attributes: AttributeSet, key: string): string | null {
  const value = attributes.get(key)?.[0]?.value
  if (typeof value !== 'object' || value === null || !('value' in value)) return null
  return typeof value.value === 'string' ? value.value : null
}
