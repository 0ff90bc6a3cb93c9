// The rights that somebody has beyond the list of a client: by operation, by object, and by the groups that an object is in.

import type { OperationName } from '../../../wire/kmip/operations.ts'
import { andThen, type MaybePromise } from '../../../base/maybe-promise.ts'
import { groupsOf } from '../object/object-rules.ts'
import type { StagedChange } from './staged-change.ts'

export interface OperationRights {
  /**
   * Counts the operation. Returns what gives it back, for work that is not committed. `groups` is asked only where the rights name
   * some. Throws a Fault.
   */
  require(operation: OperationName, object: string | null, groups: GroupsOf): MaybePromise<() => void>
  /** For another object that the operation uses. Counts nothing. Throws a Fault. */
  requireUse(operation: OperationName, object: string, groups: GroupsOf): MaybePromise<void>
}

type GroupsOf = () => MaybePromise<readonly string[]>

/** An object that is not here is in no group. */
export function groupsOfObject(
  staged: StagedChange,
  uniqueIdentifier: string | null,
): MaybePromise<readonly string[]> {
  if (uniqueIdentifier === null) return []
  return andThen(staged.load(uniqueIdentifier), (object) => (object ? groupsOf(object.attributes) : []))
}
