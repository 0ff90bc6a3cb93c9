// Markers: their numbers only rise, what they say is what their description says, and a newer one replaces an older one beside
// the same root key. A look at the service fences a server below the highest epoch, and lifts the fence again.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LongWork } from '../../../../src/core/custody/custody.ts'
import { readDescription } from '../../../../src/core/custody/keyprotect/description.ts'
import { markerRecord, wantedOf, type MarkerText } from '../../../../src/core/custody/keyprotect/markers.ts'
import type { Marker } from '../../../../src/core/custody/keyprotect/rules.ts'
import { standardKeyLookAfterMs } from '../../../../src/base/bounds.ts'
import { standardKeyClockSkewMs } from '../../../../src/core/custody/keyprotect/bounds.ts'
import { epochLookMs } from '../../../../src/core/custody/keyprotect/markers.ts'
import { StandardKeyUncertain } from '../../../../src/core/ports/root-key.ts'
import { makeInstance } from '../../../support/server/core.ts'
import { FaultyRootKey } from '../../../support/root-keys/faulty-root-key.ts'
import { openKeyProtectSite, type KeyProtectSite } from '../../../support/root-keys/keyprotect-site.ts'
import { reaches } from '../../../support/root-keys/rootkey-contract.ts'

type Due = { readonly says: MarkerText; readonly epoch?: number; readonly rootKeyUri?: string }

/** Commits a marker that is due. */
async function due({ core, instance }: KeyProtectSite, { says, epoch = 0, rootKeyUri }: Due) {
  const { markers } = core.custodies.keyprotect
  const beside = rootKeyUri ?? core.rootKey.uri
  const write = await markers.due({ instanceId: instance.id, rootKeyUri: beside, epoch, says })
  await core.store.commit({ writes: [write], entries: [], durability: 'disk' })
  return write.type === 'standard-key' ? write.record : assert.fail(write.type)
}

/** Work that nothing replaces. */
function workOf({ core }: KeyProtectSite): LongWork {
  return {
    now: () => Promise.resolve(),
    commit: (change) => core.store.commit({ ...change, durability: 'disk' }),
  }
}

const lateId = '00000000-0000-4000-8000-000000000000'
const left = (rootKeyUri: string): MarkerText => ({ way: 'to', custody: 'database', rootKeyUri })
const arrives = (rootKeyUri: string): MarkerText => ({ way: 'from', custody: 'database', rootKeyUri })

test('a number is the time in seconds, and higher than any before also where the clock stands still or was set back', async (t) => {
  const site = await openKeyProtectSite(t)
  const { clock } = site.core
  const seconds = Math.floor(clock.now() / 1000)
  const says = left('test:there')
  assert.equal((await due(site, { says })).generation, seconds)
  assert.equal((await due(site, { says })).generation, seconds + 1)
  assert.equal((await due(site, { says, rootKeyUri: 'test:there' })).generation, seconds + 2)
  clock.pass(60_000)
  assert.equal((await due(site, { says })).generation, seconds + 60)
})

test('a marker is stored above all that the service lists: the clock may have been set back since those ended', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, instance, standardKeys } = site
  const { markers } = core.custodies.keyprotect
  const { number } = wantedOf(await due(site, { says: arrives('test:before') }))
  await markers.settle(instance.id)
  await markers.arrived(instance, workOf(site))
  assert.deepEqual([standardKeys.live(), await markers.rows(instance.id)], [[], []])
  const now = core.clock.now.bind(core.clock)
  core.clock.now = () => now() - 3_600_000
  assert.ok(wantedOf(await due(site, { says: left(core.rootKey.uri) })).number < number)
  standardKeys.createFaults = ['uncertain-after']
  const find = standardKeys.find.bind(standardKeys)
  // A list that lags behind: the answer that was lost cannot be found yet.
  standardKeys.find = async (...asked) =>
    (await find(...asked)).filter(({ description }) => !description.includes('to database'))
  await assert.rejects(markers.settle(instance.id), StandardKeyUncertain)
  standardKeys.find = find
  await markers.settle(instance.id)
  const [stored, ...more] = standardKeys.live()
  const said = stored && readDescription(stored.description)
  assert.deepEqual([said?.kind === 'marker' && said.number, more], [number + 1, []])
  assert.deepEqual(
    (await markers.rows(instance.id)).map(({ id, state, generation }) => [id, state, generation]),
    [[stored?.id, 'current', number + 1]],
  )
  await due(site, { says: left(core.rootKey.uri) })
  await markers.settle(instance.id)
  const [newer] = standardKeys.live().map(({ description }) => readDescription(description))
  assert.equal(newer?.kind === 'marker' && newer.number, number + 2, 'a new one that says the same')
})

test('a description says the place as a root key’s id, `database`, `nowhere`, or that all stays', async (t) => {
  const { core, instance } = await openKeyProtectSite(t)
  const { markers } = core.custodies.keyprotect
  const { rootKey } = core
  let number = 1
  for (const [says, expected] of [
    [
      { way: 'to', custody: 'keyprotect', rootKeyUri: rootKey.uri },
      { way: 'to', place: rootKey.id },
    ],
    [
      { way: 'from', custody: 'database', rootKeyUri: rootKey.uri },
      { way: 'from', place: 'database' },
    ],
    [
      { way: 'to', custody: 'none', rootKeyUri: '' },
      { way: 'to', place: 'nowhere' },
    ],
    [{ way: 'stays' }, { way: 'stays', place: '' }],
  ] as const) {
    const wanted = { instanceId: instance.id, rootKeyUri: rootKey.uri, epoch: 4, says, number: number++ }
    const id = await markers.store(rootKey, wanted)
    const { description = '', payload = Buffer.of() } = rootKey.standardKeys.kept.get(id) ?? {}
    assert.deepEqual(JSON.parse(Buffer.from(payload).toString()), { says, atMs: core.clock.now() })
    assert.deepEqual(readDescription(description), {
      kind: 'marker',
      instanceId: instance.id,
      rootKeyId: rootKey.id,
      number: wanted.number,
      epoch: 4,
      says: expected,
    })
    assert.equal(await markers.store(rootKey, wanted), id, 'it is there already')
  }
})

test('settling stores what is due, and deletes what a newer one replaces, but not where keys come from', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, instance, standardKeys } = site
  const { markers } = core.custodies.keyprotect
  const live = () =>
    standardKeys.live().flatMap(({ description }) => {
      const said = readDescription(description)
      return said?.kind === 'marker' ? [`${said.says.way} ${said.says.place}`.trim()] : []
    })
  await due(site, { says: arrives('test:before') })
  await markers.settle(instance.id)
  assert.deepEqual(live(), ['from database'])
  await due(site, { says: left('test:there') })
  await markers.settle(instance.id, 'test:elsewhere')
  assert.deepEqual(live(), ['from database'], 'only beside the root key that is named')
  await markers.settle(instance.id)
  assert.deepEqual(live(), ['from database', 'to database'])
  await due(site, { says: { way: 'stays' } })
  await markers.settle(instance.id)
  assert.deepEqual(live(), ['from database', 'stays'])
  const rows = await markers.rows(instance.id)
  assert.deepEqual(
    rows.map(({ state }) => state),
    ['current', 'current'],
  )
  assert.deepEqual(rows.map((row) => wantedOf(row).says.way).toSorted(), ['from', 'stays'])
})

test('it is left once the newest marker beside it says so and is stored', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, instance } = site
  const { markers } = core.custodies.keyprotect
  const isLeft = () => markers.saysLeft(instance.id, core.rootKey.uri)
  assert.equal(await isLeft(), false)
  await due(site, { says: left('test:there') })
  assert.equal(await isLeft(), false, 'not stored yet')
  await markers.settle(instance.id)
  assert.equal(await isLeft(), true)
  await due(site, { says: { way: 'stays' } })
  await markers.settle(instance.id)
  assert.equal(await isLeft(), false)
})

function marker(epoch: number, isLive = true): Marker {
  return { id: 'm', number: 1, epoch, rootKeyId: 'r', says: { way: 'stays', place: '' }, isLive }
}

test('a higher epoch at the service fences this server; the same or a lower one does not, and lifts the fence', async (t) => {
  const { core, instance } = await openKeyProtectSite(t)
  const { markers } = core.custodies.keyprotect
  const isFenced = () => {
    try {
      markers.refuseIfFenced(instance.id)
      return false
    } catch (error) {
      assert.match(String(error), /another server uses this instance, and was restored later/)
      return true
    }
  }
  for (const [seen, expected] of [
    [[], false],
    [[marker(1)], true],
    [[marker(0)], false],
    [[marker(0), marker(2)], true],
    [[marker(2, false)], false],
  ] as const) {
    await markers.updateFence(instance.id, seen)
    assert.equal(isFenced(), expected, JSON.stringify(seen))
  }
})

test('a fenced server deletes no marker either', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, instance, standardKeys } = site
  const { markers } = core.custodies.keyprotect
  await due(site, { says: left('test:there') })
  await markers.settle(instance.id)
  const [row] = await markers.rows(instance.id)
  assert.ok(row)
  await markers.updateFence(instance.id, [marker(1)])
  await assert.rejects(markers.end(row), reaches('wrapped-form', /another server uses this instance/))
  assert.equal(standardKeys.live().length, 1)
  await markers.updateFence(instance.id, [])
  await markers.end(row)
  assert.deepEqual([standardKeys.live(), await markers.rows(instance.id)], [[], []])
})

test('a raised epoch is stored beside a root key before anything is deleted there', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, instance, standardKeys } = site
  const { markers } = core.custodies.keyprotect
  await markers.requireHighest(instance.id, core.rootKey)
  assert.deepEqual(standardKeys.live(), [], 'nothing to record')
  await due(site, { says: { way: 'stays' }, epoch: 1 })
  await markers.requireHighest(instance.id, core.rootKey)
  const [recorded, ...more] = standardKeys.live()
  assert.deepEqual(more, [])
  await due(site, { says: left('test:there'), epoch: 1 })
  await markers.requireHighest(instance.id, core.rootKey)
  assert.deepEqual(standardKeys.live(), [recorded], 'the same epoch is recorded already')
})

test('an epoch that is stored beside one root key is not stored beside another by that', async (t) => {
  const there = new FaultyRootKey('test:there')
  const site = await openKeyProtectSite(t, { rootKeys: [there] })
  const { core, instance, standardKeys } = site
  const { markers } = core.custodies.keyprotect
  await due(site, { says: left(core.rootKey.uri), epoch: 1, rootKeyUri: there.uri })
  await markers.settle(instance.id)
  await due(site, { says: { way: 'stays' }, epoch: 1 })
  await markers.requireHighest(instance.id, core.rootKey)
  assert.equal(standardKeys.live().length, 1)
})

test('a server has the epoch of its instance; once that is deleted, the one of its markers', async (t) => {
  const { core } = await openKeyProtectSite(t)
  const { markers } = core.custodies.keyprotect
  const isFencedBy = async (instanceId: string, epoch: number) => {
    await markers.updateFence(instanceId, [marker(epoch)])
    return core.keyring.status.standardKeys.isFenced(instanceId)
  }
  const { id } = await makeInstance(core, 'restored', { custody: 'keyprotect', epoch: 2 })
  assert.deepEqual([await isFencedBy(id, 2), await isFencedBy(id, 3)], [false, true])
  const gone = { instanceId: 'gone', rootKeyUri: core.rootKey.uri, epoch: 2, says: left('test:there') }
  await core.store.commit({ writes: [await markers.due(gone)], entries: [], durability: 'disk' })
  assert.deepEqual([await isFencedBy('gone', 2), await isFencedBy('gone', 3)], [false, true])
})

test('a look for a higher epoch is good for a while, however often something is deleted meanwhile', async (t) => {
  const { core, instance, standardKeys } = await openKeyProtectSite(t)
  const { markers } = core.custodies.keyprotect
  const looks = async (passMs: number) => {
    core.clock.pass(passMs)
    const before = standardKeys.calls.find
    await markers.requireHighest(instance.id, core.rootKey)
    return standardKeys.calls.find - before
  }
  assert.equal(await looks(0), 1)
  assert.equal(await looks(epochLookMs - 1), 0)
  assert.equal(await looks(1), 1)
})

test('a later look asks for markers younger than the look before, by a clock that may be wrong', async (t) => {
  const { core, instance, standardKeys } = await openKeyProtectSite(t)
  const { markers } = core.custodies.keyprotect
  const sinceMs: (number | undefined)[] = []
  const find = standardKeys.find.bind(standardKeys)
  standardKeys.find = (name, wanted) => {
    sinceMs.push(wanted?.sinceMs)
    return find(name, wanted)
  }
  const firstMs = core.clock.now()
  await markers.requireHighest(instance.id, core.rootKey)
  core.clock.pass(epochLookMs)
  await markers.requireHighest(instance.id, core.rootKey)
  assert.deepEqual(sinceMs, [undefined, firstMs - standardKeyClockSkewMs])
})

test('a create without an answer stored the marker, or did not', async (t) => {
  const { core, instance, standardKeys } = await openKeyProtectSite(t)
  const { markers } = core.custodies.keyprotect
  const wanted = (number: number) =>
    ({
      instanceId: instance.id,
      rootKeyUri: core.rootKey.uri,
      epoch: 0,
      says: { way: 'stays' },
      number,
    }) as const
  standardKeys.createFaults = ['uncertain-after', 'uncertain-before', 'call']
  const begunMs = core.clock.monotonic()
  const id = await markers.store(core.rootKey, wanted(1))
  assert.equal(core.clock.monotonic() - begunMs, standardKeyLookAfterMs, 'the service has so long to finish')
  assert.deepEqual(
    standardKeys.live().map((kept) => kept.id),
    [id],
  )
  await assert.rejects(markers.store(core.rootKey, wanted(2)), StandardKeyUncertain)
  await assert.rejects(markers.store(core.rootKey, wanted(3)), reaches('call'))
  assert.equal(standardKeys.live().length, 1)
})

test('a marker that arrived after it was stored again is deleted by a later sweep, also when the other one has ended', async (t) => {
  for (const hasEnded of [false, true]) {
    const site = await openKeyProtectSite(t)
    const { core, instance, standardKeys } = site
    const { markers } = core.custodies.keyprotect
    await due(site, { says: arrives('test:before') })
    await markers.settle(instance.id)
    const [stored] = standardKeys.live()
    assert.ok(stored)
    standardKeys.kept.set(lateId, { ...stored, id: lateId })
    if (hasEnded) await markers.arrived(instance, workOf(site))
    const live = () => standardKeys.live().map(({ id }) => id)
    await core.sweep()
    assert.ok(live().includes(lateId), 'it is too young')
    await site.sweepLater()
    assert.deepEqual(live(), hasEnded ? [] : [stored.id])
  }
})

test('a marker that no row names stays where nothing else says the same', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, instance, standardKeys } = site
  const { markers } = core.custodies.keyprotect
  const record = await due(site, { says: arrives('test:before') })
  await markers.settle(instance.id)
  const [stored] = standardKeys.live()
  assert.ok(stored)
  const description = stored.description.replace(` ${record.generation},`, ` ${record.generation + 1},`)
  standardKeys.kept.set(lateId, { ...stored, id: lateId, description })
  await site.sweepLater()
  assert.deepEqual(
    standardKeys.live().map(({ id }) => id),
    [stored.id, lateId],
  )
})

test('once all keys have arrived nothing says any more where they came from; the epoch stays beside the root key', async (t) => {
  for (const [epoch, beside, custody, expected] of [
    [0, undefined, 'keyprotect', []],
    [5, undefined, 'keyprotect', ['stays']],
    [5, 'test:there', 'keyprotect', []],
    // A move to this root key was sent on into the database.
    [5, undefined, 'database', []],
  ] as const) {
    const there = new FaultyRootKey('test:there')
    const site = await openKeyProtectSite(t, { rootKeys: [there] })
    const { core, instance, standardKeys } = site
    const { markers } = core.custodies.keyprotect
    await due(site, { says: arrives('test:before'), epoch, ...(beside && { rootKeyUri: beside }) })
    await markers.settle(instance.id)
    await markers.arrived({ ...instance, custody, epoch }, workOf(site))
    const said = [...standardKeys.live(), ...there.standardKeys.live()].map(({ description }) =>
      readDescription(description),
    )
    assert.deepEqual(
      said.map((one) => one?.kind === 'marker' && [one.says.way, one.epoch]),
      expected.map((way) => [way, epoch]),
    )
    const rows = await markers.rows(instance.id)
    assert.deepEqual(
      rows.map((row) => [row.state, wantedOf(row).says.way]),
      expected.map((way) => ['current', way]),
    )
  }
})

test('the newest marker by its number says whether an instance left, whatever the order of the ids', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core } = site
  const { uri: rootKeyUri } = core.rootKey
  const { markers } = core.custodies.keyprotect
  const says = { to: left('test:there'), stays: { way: 'stays' } } as const
  type Row = readonly [
    id: string,
    way: 'to' | 'stays',
    number: number,
    state?: 'due' | 'current',
    beside?: string,
  ]
  const table: readonly (readonly [rows: readonly Row[], isLeft: boolean])[] = [
    [[], false],
    [[['a', 'to', 1]], true],
    [[['a', 'to', 1, 'due']], false],
    [[['a', 'to', 1, 'current', 'test:another']], false],
    [
      [
        ['a', 'to', 1],
        ['b', 'stays', 2],
      ],
      false,
    ],
    [
      [
        ['a', 'stays', 2],
        ['b', 'to', 1],
      ],
      false,
    ],
    [
      [
        ['a', 'stays', 1],
        ['b', 'to', 2],
      ],
      true,
    ],
    [
      [
        ['a', 'to', 2],
        ['b', 'stays', 1],
      ],
      true,
    ],
    [
      [
        ['a', 'to', 1],
        ['b', 'to', 2, 'due'],
      ],
      false,
    ],
    [
      [
        ['a', 'to', 1],
        ['b', 'stays', 2, 'current', 'test:another'],
      ],
      true,
    ],
  ]
  for (const [index, [rows, isLeft]] of table.entries()) {
    const instanceId = `instance ${index}`
    const writes = rows.map(([id, way, number, state = 'current', beside = rootKeyUri]) => {
      const wanted = { instanceId, rootKeyUri: beside, epoch: 0, says: says[way], number }
      return { type: 'standard-key', record: markerRecord(`${id} ${index}`, wanted, state, 0) } as const
    })
    await core.store.commit({ writes, entries: [], durability: 'disk' })
    assert.equal(await markers.saysLeft(instanceId, rootKeyUri), isLeft, JSON.stringify(rows))
  }
})

test('markers that are due are stored in the order of their numbers', async (t) => {
  for (const ids of [
    ['a', 'b', 'c'],
    ['c', 'b', 'a'],
    ['b', 'c', 'a'],
  ]) {
    const { core, instance, standardKeys } = await openKeyProtectSite(t)
    const writes = ids.map((id, index) => {
      const says = left(`test:${index + 1}`)
      const wanted = {
        instanceId: instance.id,
        rootKeyUri: core.rootKey.uri,
        epoch: 0,
        says,
        number: index + 1,
      }
      return { type: 'standard-key', record: markerRecord(id, wanted, 'due', 0) } as const
    })
    await core.store.commit({ writes, entries: [], durability: 'disk' })
    await core.custodies.keyprotect.markers.settle(instance.id)
    const stored = [...standardKeys.kept.values()].map(({ payload }) => {
      const { says } = JSON.parse(Buffer.from(payload).toString()) as { readonly says: MarkerText }
      return 'rootKeyUri' in says && says.rootKeyUri
    })
    assert.deepEqual(stored, ['test:1', 'test:2', 'test:3'])
  }
})
