// What custody asks of objects' records (custody.ts, `ObjectRecords`), with a store behind it.

import type { FoundCopy, ObjectRecords } from '../custody/custody.ts'
import { searchKey } from '../kmip/attributes.ts'
import type { Clock } from '../ports/clock.ts'
import type { Store } from '../ports/store.ts'
import { fromRecord, searchEntry, toWrite, type ManagedObject } from './managed-object.ts'
import { broughtForward, factsOfRecord, foundObject, storedElsewhere, withFreeNames } from './object-facts.ts'

export function objectRecords(store: Pick<Store, 'objects'>, clock: Pick<Clock, 'now'>): ObjectRecords {
  return {
    facts: factsOfRecord,
    moved: (record, place) => toWrite(storedElsewhere(fromRecord(record), place)),
    found: async (record, found) =>
      toWrite(
        record
          ? broughtForward(fromRecord(record), found, clock.now())
          : await withNamesThatAreFree(store, foundObject(found), found),
      ),
  }
}

/** A client that was not answered may have given the name to another object since. */
async function withNamesThatAreFree(
  store: Pick<Store, 'objects'>,
  object: ManagedObject,
  { instanceId, identifier }: FoundCopy,
): Promise<ManagedObject> {
  const taken = new Set<string>()
  for (const { value } of object.attributes.get('Name') ?? []) {
    const entry = searchEntry('Name', value)
    if (!entry) continue
    const others = await store.objects({ instanceId, index: [entry], limit: 10 })
    const name = searchKey('Name', value)
    const isTaken = others
      .map(fromRecord)
      .some(
        (other) =>
          other.uniqueIdentifier !== identifier &&
          (other.attributes.get('Name') ?? []).some((its) => searchKey('Name', its.value) === name),
      )
    if (isTaken) taken.add(name)
  }
  return withFreeNames(object, (name) => taken.has(name))
}
