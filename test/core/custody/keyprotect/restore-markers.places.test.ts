// Where the markers of an instance send a restore, and which markers a restore writes itself.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wantedOf, type Markers, type WantedMarker } from '../../../../src/core/custody/keyprotect/markers.ts'
import {
  deletedMs,
  leftForDatabase,
  placesOf,
  raiseEpoch,
  type ListedMarker,
} from '../../../../src/core/custody/keyprotect/restore-markers.ts'
import { FaultyRootKey } from '../../../support/root-keys/faulty-root-key.ts'
import { reaches } from '../../../support/root-keys/rootkey-contract.ts'

const stays = { way: 'stays', place: '' } as const
const nowMs = 1_800_000_000_999

/** A listed marker, and its payload at the service if it has one. */
async function marker(
  beside: FaultyRootKey,
  more: Partial<ListedMarker>,
  payload?: unknown,
): Promise<ListedMarker> {
  const name = 'mortise-marker-i'
  const bytes = Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload ?? null))
  const id =
    payload === undefined
      ? 'gone'
      : await beside.standardKeys.create({ name, description: 'a marker', payload: bytes })
  return { id, number: 1_700_000_000, epoch: 0, rootKeyId: 'a', says: stays, isLive: true, beside, ...more }
}

test('a place is told by the marker itself, or as far as its description says if it cannot be read', async () => {
  const rootKey = new FaultyRootKey()
  const to = { way: 'to', custody: 'keyprotect', rootKeyUri: 'test:b' } as const
  const table = [
    [{ says: { way: 'to', place: 'b' } }, { says: to, atMs: 5 }, { rootKeyId: 'b', says: to, atMs: 5 }],
    [
      { says: { way: 'to', place: 'b' } },
      undefined,
      { rootKeyId: 'b', says: { ...to, rootKeyUri: 'b' }, atMs: 1_700_000_000_000 },
    ],
    [
      { says: { way: 'from', place: 'b' } },
      'no JSON',
      {
        rootKeyId: 'b',
        says: { way: 'from', custody: 'keyprotect', rootKeyUri: 'b' },
        atMs: 1_700_000_000_000,
      },
    ],
    [
      { says: { way: 'to', place: 'database' } },
      undefined,
      {
        rootKeyId: null,
        says: { way: 'to', custody: 'database', rootKeyUri: 'database' },
        atMs: 1_700_000_000_000,
      },
    ],
    [
      { says: { way: 'to', place: 'nowhere' } },
      undefined,
      {
        rootKeyId: null,
        says: { way: 'to', custody: 'none', rootKeyUri: 'nowhere' },
        atMs: 1_700_000_000_000,
      },
    ],
    [{ says: stays }, { says: { way: 'stays' }, atMs: 5 }, undefined],
  ] as const
  for (const [more, payload, expected] of table) {
    const found = await placesOf([await marker(rootKey, more, payload)])
    assert.deepEqual(found, expected ? [expected] : [])
  }
  const unread = await marker(rootKey, { says: { way: 'to', place: 'b' } })
  rootKey.fault = 'unreachable'
  await assert.rejects(placesOf([unread]), reaches('unreachable'))
})

test('only the newest marker beside a root key says that the instance left; each root key has its own', async () => {
  const rootKey = new FaultyRootKey()
  const left = { says: { way: 'to', place: 'b' } } as const
  const [one, two] = [await marker(rootKey, { ...left, number: 1 }), await marker(rootKey, { number: 2 })]
  assert.deepEqual(await placesOf([one, two]), [])
  assert.equal((await placesOf([one, { ...two, rootKeyId: 'b' }])).length, 1)
})

test('of several places each is told by its own marker', async () => {
  const rootKey = new FaultyRootKey()
  const from = { way: 'from', custody: 'keyprotect', rootKeyUri: 'test:b' } as const
  const to = { way: 'to', custody: 'keyprotect', rootKeyUri: 'test:c' } as const
  const places = await placesOf([
    await marker(rootKey, { number: 1, says: { way: 'from', place: 'b' } }, { says: from, atMs: 5 }),
    await marker(rootKey, { number: 2, says: { way: 'to', place: 'c' } }, { says: to, atMs: 6 }),
  ])
  assert.deepEqual(places, [
    { rootKeyId: 'b', says: from, atMs: 5 },
    { rootKeyId: 'c', says: to, atMs: 6 },
  ])
})

const placeOf = (
  way: 'to' | 'from',
  custody: 'database' | 'keyprotect' | 'none',
  rootKeyUri: string,
  atMs: number,
) => {
  return { rootKeyId: null, says: { way, custody, rootKeyUri }, atMs }
}

test('an instance on its way into the database left its keys under the root key that the marker names', () => {
  assert.equal(leftForDatabase([]), null)
  assert.equal(
    leftForDatabase([placeOf('from', 'database', 'a', 1), placeOf('to', 'keyprotect', 'b', 2)]),
    null,
  )
  const places = [placeOf('to', 'keyprotect', 'b', 2), placeOf('to', 'database', 'c', 3)]
  assert.deepEqual(leftForDatabase(places), { rootKeyUri: 'c', atMs: 3 })
})

test('an instance that a server deleted has a marker that says when', () => {
  assert.equal(deletedMs([placeOf('to', 'keyprotect', 'b', 2), placeOf('to', 'database', 'c', 3)]), null)
  assert.equal(deletedMs([placeOf('to', 'keyprotect', 'b', 2), placeOf('to', 'none', '', 4)]), 4)
})

test('a restore writes a marker beside each root key, above all that are listed, and keeps what those say', async () => {
  const [here, there] = [new FaultyRootKey(), new FaultyRootKey()]
  const stored: WantedMarker[] = []
  const markers = {
    rows: async () => [],
    store: async (_rootKey: unknown, wanted: WantedMarker) => `new ${stored.push(wanted)}`,
  } as unknown as Markers
  const to = { way: 'to', custody: 'keyprotect', rootKeyUri: here.uri } as const
  const listed = [
    await marker(
      there,
      { number: 1_900_000_000, epoch: 4, says: { way: 'to', place: here.id } },
      { says: to, atMs: 5 },
    ),
    await marker(here, { number: 3, epoch: 2, says: stays }),
    await marker(here, { number: 2, says: stays, isLive: false }, { says: { way: 'stays' }, atMs: 5 }),
    await marker(here, { number: 1, says: { way: 'from', place: 'x' } }),
  ]
  const instance = { id: 'i', rootKeyUri: here.uri, custody: 'keyprotect', epoch: 9 } as const
  const writes = await raiseEpoch(markers, instance, listed, {
    rootKeys: [here, there],
    comesFrom: [],
    nowMs,
  })
  const records = writes.flatMap((write) => (write.type === 'standard-key' ? [write.record] : []))
  assert.ok(
    records.length === 4 &&
      records.every(({ state, instanceId }) => state === 'current' && instanceId === 'i'),
  )
  assert.deepEqual(
    records.map((record) => {
      const { number, epoch, says, rootKeyUri } = wantedOf(record)
      return [rootKeyUri, number, epoch, says.way]
    }),
    [
      [there.uri, 1_900_000_000, 4, 'to'],
      [here.uri, 3, 2, 'stays'],
      [here.uri, 1_900_000_001, 9, 'stays'],
      [there.uri, 1_900_000_001, 9, 'to'],
    ],
    'one that cannot be read, or is deleted, is left out unless it stays',
  )
  assert.deepEqual(stored[1]?.says, to)
  stored.length = 0
  const { epoch: _, ...first } = instance
  await raiseEpoch(markers, first, [], { rootKeys: [here], comesFrom: [], nowMs })
  assert.deepEqual([stored[0]?.number, stored[0]?.epoch], [1_800_000_000, 0])
})
