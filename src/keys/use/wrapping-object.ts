// The object by which another one is wrapped or unwrapped. KMIP 2.x has reasons of its own for one that is not there, so that nobody
// takes the key that leaves for lost.

import { Fault, type ResultReasonName } from '../../kmip/fault.ts'
import type { ManagedObject } from '../object/managed-object.ts'
import type { TransactionObjects } from '../transaction/transaction-objects.ts'

const reasons: { readonly [R in ResultReasonName]?: ResultReasonName } = {
  ObjectArchived: 'WrappingObjectArchived',
  ObjectDestroyed: 'WrappingObjectDestroyed',
  ObjectNotFound: 'WrappingObjectNotFound',
}

/** Throws the Faults WrappingObjectNotFound, WrappingObjectDestroyed and WrappingObjectArchived. */
export async function wrappingObject(
  objects: TransactionObjects,
  uniqueIdentifier: string,
): Promise<ManagedObject> {
  try {
    return await objects.live(uniqueIdentifier)
  } catch (error) {
    const reason = error instanceof Fault ? reasons[error.reason] : undefined
    if (!(error instanceof Fault) || reason === undefined) throw error
    throw new Fault(reason, `the key by which it is wrapped: ${error.message}`, { cause: error })
  }
}
