// Locate (KMIP 1.4 §4.9): the identifiers of the objects whose attributes all match, newest first. If it finds exactly
// one, that one becomes the ID Placeholder.

import { maskOf } from '../../wire/kmip/enums.ts'
import { atLeast } from '../../wire/kmip/version.ts'
import type { StorageFilter } from '../keys/acts/locate.ts'
import type { Handler } from './handler.ts'
import { givenAttributes } from './wire-attributes.ts'

export const locate: Handler<'Locate'> = async (context, request) => {
  const { transaction, version, placeholder, pace, bytesMax } = context
  const { TemplateAttribute: template, Attribute, Attributes } = request
  const criteria = givenAttributes(
    { Attribute: [...(template?.Attribute ?? []), ...(Attribute ?? [])], Attributes },
    version,
  )
  const located = await transaction.locate(
    {
      criteria,
      maximumItems: request.MaximumItems,
      offsetItems: request.OffsetItems ?? 0,
      storage: storageOf(request.StorageStatusMask),
      onlyFresh: request.ObjectGroupMember === 'GroupMemberFresh',
      // Optional in KMIP 1.4 §4.9. The server counts them for clients that page.
      countAll: request.OffsetItems !== undefined && atLeast(version, '1.3'),
      bytesMax: bytesMax(),
    },
    version,
    pace,
  )
  const { uniqueIdentifiers, total } = located
  placeholder.set(uniqueIdentifiers.length === 1 ? uniqueIdentifiers[0] : undefined)
  return {
    LocatedItems: total,
    UniqueIdentifier: uniqueIdentifiers,
  }
}

const online = maskOf('StorageStatusMask', ['OnLineStorage'])
const archived = maskOf('StorageStatusMask', ['ArchivalStorage'])
const destroyed = maskOf('StorageStatusMask', ['DestroyedStorage'])

/** Without a mask, Locate finds on-line objects. */
function storageOf(mask = online): StorageFilter {
  return {
    online: (mask & online) !== 0,
    archived: (mask & archived) !== 0,
    destroyed: (mask & destroyed) !== 0,
  }
}
