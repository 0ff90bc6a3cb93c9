// Whether an object may leave this server with its material. Pure.

import { first } from '../../../wire/kmip/attributes.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import type { ManagedObject } from './managed-object.ts'

/** Whether the object may leave unwrapped. */
export function mayLeavePlain(object: ManagedObject): boolean {
  const { attributes } = object
  return first(attributes, 'Extractable') !== false && first(attributes, 'Sensitive') !== true
}

/** KMIP 1.4 §3.48, §3.50: an object that is sensitive or not extractable does not leave unwrapped. */
export function refuseToFetch(object: ManagedObject, wrapped: boolean): void {
  if (first(object.attributes, 'Extractable') === false)
    throw new Fault('NotExtractable', 'this object may not leave the server')
  if (first(object.attributes, 'Sensitive') === true && !wrapped)
    throw new Fault('Sensitive', 'this object is sensitive: it leaves only wrapped by another key')
}
