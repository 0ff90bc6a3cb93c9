// Archived objects (KMIP 1.4 §3.32, §4.22, §4.23): a client archives an object that it does not need, and cannot use it until it
// recovers it. Mortise stores it where it was; only the Archive Date shows the difference. Pure.

import { Fault } from '../../../wire/kmip/fault.ts'
import { withAttribute, withDate, type ManagedObject } from './managed-object.ts'

export function isArchived({ attributes }: Pick<ManagedObject, 'attributes'>): boolean {
  return attributes.has('ArchiveDate')
}

/** Throws Fault ObjectArchived if it is archived already. */
export function archived(object: ManagedObject, nowMs: number): ManagedObject {
  requireOnline(object)
  return { ...object, attributes: withDate(object.attributes, 'ArchiveDate', nowMs) }
}

/** Removes the Archive Date. Returns an object that is not archived unchanged. */
export function recovered(object: ManagedObject): ManagedObject {
  return { ...object, attributes: withAttribute(object.attributes, 'ArchiveDate', undefined) }
}

export function requireOnline(object: ManagedObject): void {
  if (isArchived(object)) throw new Fault('ObjectArchived', 'this object is archived: recover it first')
}
