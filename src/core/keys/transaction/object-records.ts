// Answers custody's questions about objects' records (custody.ts, `ObjectRecords`) from a store.

import type { ObjectRecords } from '../../custody/custody.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Store } from '../../ports/store.ts'
import type { Instance } from '../../trust/rows.ts'
import { fromRecord, toWrite, type ManagedObject } from '../object/managed-object.ts'
import { takenNames } from './names.ts'
import {
  broughtForward,
  factsOfRecord,
  foundObject,
  isOtherMaterial,
  storedElsewhere,
} from '../object/object-facts.ts'
import { withFreeNames } from '../object/object-names.ts'

export function objectRecords(
  store: Pick<Store, 'objects'>,
  clock: Pick<Clock, 'now'>,
  instanceOf: (instanceId: string) => Promise<Instance | undefined>,
): ObjectRecords {
  return {
    facts: factsOfRecord,
    isOther: isOtherMaterial,
    moved: (record, place) => toWrite(storedElsewhere(fromRecord(record), place)),
    recordCopy: async (record, copy) => {
      if (record) return toWrite(broughtForward(fromRecord(record), copy, clock.now()))
      const instance = await instanceOf(copy.instanceId)
      const object = await withNamesThatAreFree(store, instance, foundObject(copy))
      return { ...toWrite(object), namesShared: instance?.names === 'shared' }
    },
  }
}

/** A client without an answer may have given the Name to another object since. */
async function withNamesThatAreFree(
  store: Pick<Store, 'objects'>,
  instance: Instance | undefined,
  object: ManagedObject,
): Promise<ManagedObject> {
  const taken = await takenNames(store, instance, object)
  return withFreeNames(object, (name) => taken.has(name))
}
