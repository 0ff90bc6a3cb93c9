// What every store must do with the least version (src/core/ports/least-version.ts): part of the store contract. The newer program is this
// one while it knows one feature more.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DumpedRecord } from '../../../../src/core/ports/backup.ts'
import {
  knownFeatures,
  raiseLeastVersion,
  type StoreFeature,
} from '../../../../src/core/ports/least-version.ts'
import { StoreUnavailable, type Write } from '../../../../src/core/ports/store.ts'
import { conflict, openPlace, type MakePlace, type StorePlace } from '../store-place.ts'
import { change, create, objectRecord, objectWrite } from '../store-values.ts'
import { writerHere } from '../writer-here.ts'

const feature: StoreFeature = {
  name: 'sealed-doors',
  version: '0.10.0',
  reason: 'an older version opens doors that are sealed',
}
const earlier: StoreFeature = { name: 'blue-doors', version: '0.9.0', reason: 'an older version paints them' }
export const raised = [raiseLeastVersion(feature), raiseLeastVersion(earlier)]

/** This program is the newer one meanwhile. */
export async function asNewerProgram<T>(work: () => Promise<T>): Promise<T> {
  const known = knownFeatures as StoreFeature[]
  known.push(feature, earlier)
  try {
    return await work()
  } finally {
    known.splice(-2)
  }
}

export function storeLeastVersionContract(makePlace: MakePlace): void {
  test('an older program opens a store until a newer one raises the least version, with its change', async (t) => {
    const place = await makePlace()
    t.after(() => place.remove())
    await asNewerProgram(() => using(place, [objectWrite(objectRecord('a'))]))
    await using(place, [objectWrite(objectRecord('b'))])
    await asNewerProgram(() => using(place, [...raised, ...raised, objectWrite(objectRecord('c'))]))
    await assert.rejects(place.open(writerHere), (error) => {
      assert.ok(error instanceof StoreUnavailable)
      assert.match(error.message, / is not opened: it needs Mortise 0\.10\.0 or newer/)
      assert.match(error.message, /sealed-doors \(since 0\.10\.0\): an older version opens doors/)
      assert.match(error.message, /Nothing was changed\. Start that version\. Going back .* is a restore/)
      assert.match(error.message, /keys that were made since are lost/)
      return true
    })
    await asNewerProgram(async () => {
      const store = await place.open(writerHere)
      for (const name of ['a', 'b', 'c']) assert.ok(await store.object('instance-1', name), name)
      await store.close()
    })
  })

  test('a change that fails raises nothing', async (t) => {
    const { store, place } = await openPlace(t, makePlace)
    await create(store, objectRecord('a'))
    const expect = { objects: [{ instanceId: 'instance-1', uniqueIdentifier: 'a', version: null }] }
    await asNewerProgram(() => assert.rejects(store.commit(change(raised, { expect })), conflict('object')))
    await store.close()
    await (await place.open(writerHere)).close()
  })

  test('a dump carries the least version, and an older program makes no store of it', async (t) => {
    const place = await makePlace()
    t.after(() => place.remove())
    await asNewerProgram(() => using(place, raised))
    const dump = await place.dump()
    const pages: (readonly DumpedRecord[])[] = []
    for await (const page of dump.pages()) pages.push(page)
    await dump.close()
    assert.deepEqual(pages[0]?.[0], { type: 'leastVersion', value: earlier })
    const other = await makePlace()
    t.after(() => other.remove())
    const load = () =>
      other.load(
        (async function* () {
          yield* pages
        })(),
        [],
      )
    await assert.rejects(load(), /needs Mortise 0\.9\.0 or newer/)
    await asNewerProgram(load)
    await assert.rejects(other.open(writerHere), /needs Mortise 0\.10\.0 or newer/)
    await asNewerProgram(() => using(other, []))
  })
}

/** Opens the store, commits and closes it. */
async function using(place: StorePlace, writes: readonly Write[]): Promise<void> {
  const store = await place.open(writerHere)
  try {
    await store.commit(change(writes))
  } finally {
    await store.close()
  }
}
