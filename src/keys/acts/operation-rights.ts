// The rights that somebody has beyond the list of a client: by operation, by object, and by the groups that an object is in.

import { andThen, type MaybePromise } from '../../maybe-promise.ts'
import { groupsOf } from '../object/object-rules.ts'
import type { StagedChange } from '../transaction/staged-change.ts'

export interface OperationRights<O extends string> {
  /** `groups` is asked only where the rights name some. Throws a Fault. */
  require(
    operation: O,
    object: string | null,
    groups: () => MaybePromise<readonly string[]>,
  ): MaybePromise<void>
}

/** An object that is not here is in no group. */
export function groupsOfObject(
  staged: StagedChange,
  uniqueIdentifier: string | null,
): MaybePromise<readonly string[]> {
  if (uniqueIdentifier === null) return []
  return andThen(staged.load(uniqueIdentifier), (object) => (object ? groupsOf(object.attributes) : []))
}
