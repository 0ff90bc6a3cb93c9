// The rules for destroyed objects that can still be brought back: which material stays, and how an object comes back. Pure
// functions, and the act `undestroy`. For KMIP such an object is destroyed; the store keeps its sealed material
// (core/ports/objects.ts).

import type { Custodies } from '../../custody/custodies.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import type { Recoverable } from '../../ports/objects.ts'
import type { Instance } from '../../trust/rows.ts'
import { isDestroyed, isState, type State } from '../object/lifecycle.ts'
import { withAttribute, withDate, type ManagedObject } from '../object/managed-object.ts'
import { takenNames } from '../transaction/names.ts'
import type { TransactionObjects } from '../transaction/transaction-objects.ts'
import { nameValues, withFreeNames } from '../object/object-names.ts'
import type { RecoveryClock } from '../object/recovery-clock.ts'

/**
 * The part of an object to keep if it is destroyed now, so that it can be brought back. Undefined: the instance has no delay, or
 * the root key's service stores the object and can restore it itself.
 */
export async function recoverableOf(
  { sealed, dataKeyId }: Pick<ManagedObject, 'sealed' | 'dataKeyId'>,
  state: State,
  {
    instance,
    custodies,
    recovery,
  }: {
    readonly instance: Pick<Instance, 'destroyDelaySeconds'>
    readonly custodies: Pick<Custodies, 'holding'>
    readonly recovery: Pick<RecoveryClock, 'latest'>
  },
): Promise<Recoverable | undefined> {
  const { destroyDelaySeconds = 0 } = instance
  if (sealed === null || destroyDelaySeconds === 0 || custodies.holding({ sealed }).keepsKeysApart)
    return undefined
  return { sealed, dataKeyId, state, dueMs: (await recovery.latest()) + destroyDelaySeconds * 1000 }
}

/** The object without its material. `recoverable`: the part that stays until the destroy delay is over. */
export function destroyed(
  object: ManagedObject,
  {
    state,
    nowMs,
    recoverable,
  }: { readonly state: State; readonly nowMs: number; readonly recoverable: Recoverable | undefined },
): ManagedObject {
  const attributes = withDate(object.attributes, 'DestroyDate', nowMs)
  return { ...object, state, attributes, sealed: null, dataKeyId: null, recoverable }
}

/** The object before its destruction, with its later changes. Only the Destroy Date is gone. A compromise declared meanwhile stands. */
export function broughtBack(object: ManagedObject, { state, sealed, dataKeyId }: Recoverable): ManagedObject {
  if (!isState(state)) throw new Error(`object ${object.uniqueIdentifier} had the unknown state ${state}`)
  const back = object.state === 'DestroyedCompromised' ? 'Compromised' : state
  const attributes = withAttribute(object.attributes, 'DestroyDate', undefined)
  return { ...object, state: back, attributes, sealed, dataKeyId, recoverable: undefined }
}

export interface UndestroyOptions {
  /** Brings it back without the Names that another object has now. Left out: such a Name refuses the act. */
  readonly withoutTakenNames: boolean
}

/** The object to stage, and the number of Names that it has lost. Throws Faults. */
export async function undestroyed(
  objects: Pick<TransactionObjects, 'store' | 'instance'>,
  object: ManagedObject,
  recovery: Pick<RecoveryClock, 'now'>,
  { withoutTakenNames }: UndestroyOptions,
): Promise<{ readonly object: ManagedObject; readonly namesLost: number }> {
  const { recoverable } = object
  if (!isDestroyed(object.state))
    throw new Fault('WrongKeyLifecycleState', 'this object is not destroyed: there is nothing to bring back')
  if (!recoverable || recoverable.dueMs <= recovery.now())
    throw new Fault(
      'ObjectDestroyed',
      'the material of this object is gone for good: its instance had no destroy delay then, or the delay is over',
    )
  const taken = await takenNames(objects.store, await objects.instance(), object)
  const lost = nameValues(withFreeNames(object, (name) => !taken.has(name)))
  if (lost.length > 0 && !withoutTakenNames)
    throw new Fault(
      'NonUniqueNameAttribute',
      `another object has the Name ${lost.join(' and ')} now: rename or destroy that one, or bring this one back without it (--without-taken-names)`,
    )
  const free = withFreeNames(object, (name) => taken.has(name))
  return { object: broughtBack(free, recoverable), namesLost: lost.length }
}
