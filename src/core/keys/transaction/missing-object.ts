// How a transaction looks on an upstream for a missing object, without knowing the upstream.

import { Fault } from '../../../wire/kmip/fault.ts'
import { StoreConflict } from '../../ports/store.ts'
import type { Caller } from '../../trust/caller.ts'

/**
 * Looks on the upstream for an object that the caller's instance does not have, and stores it. Returns true if the object is here
 * now, false if it exists nowhere. Throws a Fault if that is unknown.
 */
export type FetchUpstream = (caller: Caller, uniqueIdentifier: string) => Promise<boolean>

/** Rejects with ObjectNotFound; or with StoreConflict if the object was fetched from the upstream. */
export async function missingObject(
  fetchUpstream: FetchUpstream | undefined,
  caller: Caller,
  uniqueIdentifier: string,
): Promise<never> {
  // The object was not here when the work began. The work runs again, and looks up the caller again.
  if (await fetchUpstream?.(caller, uniqueIdentifier))
    throw new StoreConflict('object', 'the object was brought from the old server meanwhile')
  throw new Fault('ObjectNotFound', 'there is no object with this Unique Identifier')
}
