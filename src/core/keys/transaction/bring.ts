// How the keys reach a server that has what is missing here, without knowing it.

import { Fault } from '../../../wire/kmip/fault.ts'
import { StoreConflict } from '../../ports/store.ts'
import type { Caller } from '../../trust/caller.ts'

/**
 * Looks elsewhere for an object that the caller's instance does not have, and stores it. true: it is here now. false: nobody
 * has it. Throws a Fault if nobody knows whether it exists.
 */
export type Bring = (caller: Caller, uniqueIdentifier: string) => Promise<boolean>

/** Rejects for an object that is not here; with StoreConflict if it was brought. */
export async function notHere(
  bring: Bring | undefined,
  caller: Caller,
  uniqueIdentifier: string,
): Promise<never> {
  // The object was not here when this began: the work runs again, for a caller who is looked up anew.
  if (await bring?.(caller, uniqueIdentifier))
    throw new StoreConflict('object', 'the object was brought from the old server meanwhile')
  throw new Fault('ObjectNotFound', 'there is no object with this Unique Identifier')
}
