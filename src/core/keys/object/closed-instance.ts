// The refusal of keys of an instance that is closed (core/trust/closings.ts).

import { Fault } from '../../../wire/kmip/fault.ts'
import type { Caller } from '../../trust/caller.ts'
import { closingOf } from '../../trust/closings.ts'
import type { Instance } from '../../trust/rows.ts'

/** The reason is for administrators: clients do not learn it. */
function closed(): Fault {
  return new Fault(
    'PermissionDenied',
    'an administrator closed this instance: none of its keys is used until it is opened again',
  )
}

/** Throws Fault PermissionDenied. */
export function requireOpenInstance(instance: Pick<Instance, 'closed' | 'closedWithServer'>): void {
  if (closingOf(instance)) throw closed()
}

/** Returns a caller whose instance is open. Throws Fault PermissionDenied. */
export function openCaller(caller: Caller): Caller {
  if (caller.isClosed) throw closed()
  return caller
}
