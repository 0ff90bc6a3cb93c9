// Rights that narrow a client's list: by operation, by object, and by the object's groups.

import type { OperationName } from '../../../wire/kmip/operations.ts'
import { andThen, type MaybePromise } from '../../../base/maybe-promise.ts'
import { groupsOf } from '../object/object-rules.ts'
import type { StagedChange } from './staged-change.ts'

export interface OperationRights {
  /**
   * Counts the operation. Returns a function that undoes the count, for work that is not committed. Calls `groups` only if the
   * rights name some. Throws a Fault.
   */
  require(operation: OperationName, object: string | null, groups: GroupsOf): MaybePromise<() => void>
  /** Checks another object that the operation uses. Counts nothing. Throws a Fault. */
  requireUse(operation: OperationName, object: string, groups: GroupsOf): MaybePromise<void>
}

type GroupsOf = () => MaybePromise<readonly string[]>

/** The groups of an object; none if the object is not here. */
export function groupsOfObject(
  staged: StagedChange,
  uniqueIdentifier: string | null,
): MaybePromise<readonly string[]> {
  if (uniqueIdentifier === null) return []
  return andThen(staged.load(uniqueIdentifier), (object) => (object ? groupsOf(object.attributes) : []))
}
