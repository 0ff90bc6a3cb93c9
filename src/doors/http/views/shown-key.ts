// A key as the admin API shows it: with vCenter's names for it, and without its material.

import { first } from '../../../wire/kmip/attributes.ts'
import type { KeyView } from '../../../core/keys/object/managed-object.ts'
import { customText, firstName, vsphereNames } from '../../../core/keys/object/object-names.ts'
import { isoTime, isoTimeOrNull } from './shown.ts'

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
