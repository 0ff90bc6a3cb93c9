// Locate (KMIP 1.4 §4.9): identifiers of the objects whose attributes all match, newest first. When exactly one is
// found it becomes the ID Placeholder.

import { fromWire1 } from '../kmip/attributes.ts'
import { maskOf } from '../kmip/enums.ts'
import { atLeast } from '../kmip/version.ts'
import type { Handler } from './handler.ts'

const online = maskOf('StorageStatusMask', ['OnLineStorage'])

export const locate: Handler<'Locate'> = async (context, request) => {
  const { work, version, placeholder, pace, bytesMax } = context
  const wanted = (request.Attribute ?? []).map((wire) => fromWire1(wire, version))
  const status = request.StorageStatusMask
  const found = await work.locate(
    {
      wanted,
      maximumItems: request.MaximumItems,
      offsetItems: request.OffsetItems ?? 0,
      // Destroyed objects have a mask of their own since 2.0; without a mask only what is on line is found.
      includeDestroyed: status !== undefined && (status & destroyed) !== 0,
      onlyFresh: request.ObjectGroupMember === 'GroupMemberFresh',
      // KMIP 1.4 §4.9 lets the server choose; it is counted for those who page.
      countAll: request.OffsetItems !== undefined && atLeast(version, '1.3'),
      nothing: status !== undefined && (status & (online | destroyed)) === 0,
      bytesMax: bytesMax(),
    },
    version,
    pace,
  )
  const { uniqueIdentifiers, total } = found
  placeholder.set(uniqueIdentifiers.length === 1 ? uniqueIdentifiers[0] : undefined)
  return {
    LocatedItems: total,
    UniqueIdentifier: uniqueIdentifiers,
  }
}

const destroyed = maskOf('StorageStatusMask', ['DestroyedStorage'])
