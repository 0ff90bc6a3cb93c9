// Answers custody's questions about objects' records (custody.ts, `ObjectRecords`) from a store.

import type { ObjectRecords } from '../custody/custody.ts'
import type { Clock } from '../ports/clock.ts'
import type { Store } from '../ports/store.ts'
import { fromRecord, toWrite, type ManagedObject } from './managed-object.ts'
import { takenNames } from './names.ts'
import { broughtForward, factsOfRecord, foundObject, storedElsewhere, withFreeNames } from './object-facts.ts'

export function objectRecords(store: Pick<Store, 'objects'>, clock: Pick<Clock, 'now'>): ObjectRecords {
  return {
    facts: factsOfRecord,
    moved: (record, place) => toWrite(storedElsewhere(fromRecord(record), place)),
    found: async (record, found) =>
      toWrite(
        record
          ? broughtForward(fromRecord(record), found, clock.now())
          : await withNamesThatAreFree(store, foundObject(found)),
      ),
  }
}

/** A client that was not answered may have given the name to another object since. */
async function withNamesThatAreFree(
  store: Pick<Store, 'objects'>,
  object: ManagedObject,
): Promise<ManagedObject> {
  const taken = await takenNames(store, object)
  return withFreeNames(object, (name) => taken.has(name))
}
