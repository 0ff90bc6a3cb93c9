// Obtain Lease (KMIP 1.4 §4.17): how long the client may rely on its copy of an object, and when the object was last changed. A
// compromised object gives no lease.

import { first } from '../../wire/kmip/attributes.ts'
import { maximumLeaseSeconds } from '../keys/object/initial-attributes.ts'
import type { Handler } from './handler.ts'

export const obtainLease: Handler<'ObtainLease'> = async ({ transaction, placeholder }, request) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  const attributes = await transaction.lease(UniqueIdentifier)
  return {
    UniqueIdentifier,
    LeaseTime: first(attributes, 'LeaseTime') ?? maximumLeaseSeconds,
    LastChangeDate: first(attributes, 'LastChangeDate') ?? 0n,
  }
}
