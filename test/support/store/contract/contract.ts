// What every Store must do (src/core/ports/), whatever it stands on. An implementation's test calls this with a
// way to make an empty place for a store. Not here: what a killed process, a full disk and a lost thread do.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, test } from 'node:test'
import { StoreUnavailable, type Store, type StoreConflict } from '../../../../src/core/ports/store.ts'
import type { ClockSteps, ObjectRecord, StoredObject } from '../../../../src/core/ports/objects.ts'
import { allEntries, storeAuditContract, verifyChain } from './audit.ts'
import { storeBackupContract } from './backup.ts'
import { storeInventoryContract } from './inventory.ts'
import { storeKeysContract } from './keys.ts'
import { storeLeasesContract } from './leases.ts'
import { storeLeastVersionContract } from './least-version.ts'
import { storeMarksContract } from './marks.ts'
import { storeRecoveryContract } from './recovery.ts'
import { storeTrustContract } from './trust.ts'
import { storeUpstreamContract } from './upstream.ts'
import { conflict, openPlace, type MakePlace } from '../store-place.ts'
import { auditEntry, change, create, objectRecord, objectWrite, trustRow } from '../store-values.ts'

export function storeContract(name: string, makePlace: MakePlace): void {
  suite(`store contract: ${name}`, () => {
    objects(makePlace)
    expectations(makePlace)
    search(makePlace)
    storeRecoveryContract(makePlace)
    storeMarksContract(makePlace)
    storeTrustContract(makePlace)
    storeKeysContract(makePlace)
    storeInventoryContract(makePlace)
    storeUpstreamContract(makePlace)
    storeLeasesContract(makePlace)
    storeLeastVersionContract(makePlace)
    life(makePlace)
    storeAuditContract(makePlace)
    storeBackupContract(makePlace)
  })
}

function objects(makePlace: MakePlace): void {
  test('an object is read back as it was committed', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const record = objectRecord('a', {
      attributes: Buffer.alloc(300_000, 7),
      sealed: Buffer.alloc(500_000, 9),
    })
    await create(store, record)
    const {
      sequence,
      lastFetchedMs,
      isRemembered: _,
      isPutBack,
      ...found
    } = (await store.object('instance-1', 'a')) ?? fail()
    assert.deepEqual(bare(found), bare(record))
    assert.ok(sequence >= 1)
    assert.equal(lastFetchedMs, null)
    assert.equal(isPutBack, false)
    assert.equal(await store.object('instance-1', 'b'), undefined)
    assert.equal(await store.object('instance-2', 'a'), undefined)
  })

  test('identifiers are compared byte for byte, and within their instance', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const identifiers = [
      '1',
      '01',
      '1 ',
      ' 1',
      'k',
      'K',
      'é',
      'e\u0301',
      'a\0b',
      'a',
      '%',
      "'",
      '🔑',
      'x'.repeat(1024),
    ]
    for (const id of identifiers) await create(store, objectRecord(id))
    await create(store, objectRecord('1', { instanceId: 'instance-2', state: 'Active' }))
    for (const id of identifiers) assert.equal((await store.object('instance-1', id))?.uniqueIdentifier, id)
    assert.equal((await store.object('instance-1', '1'))?.state, 'PreActive')
    assert.equal((await store.object('instance-2', '1'))?.state, 'Active')
  })

  test('a very long name is one as any other', async (t) => {
    const { store } = await openPlace(t, makePlace)
    // Random, so that no database can make it short.
    const long = randomBytes(60_000).toString('base64')
    await create(store, objectRecord('a'), [long, `${long}.`])
    await assert.rejects(create(store, objectRecord('b'), [long]), conflict('name'))
    await store.commit(change([objectWrite(objectRecord('a', { version: 2 }), [`${long}.`])]))
    await create(store, objectRecord('b'), [long])
  })

  test('objects share names where the change says so, and a change that expects unique ones fails then', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const unique = () => store.commit(change([], { expect: { uniqueNames: 'instance-1' } }))
    const shared = (record: ObjectRecord) =>
      store.commit(change([{ ...objectWrite(record, ['name', record.uniqueIdentifier]), namesShared: true }]))
    for (const id of ['a', 'b', 'c']) await shared(objectRecord(id))
    await assert.rejects(create(store, objectRecord('d'), ['name']), conflict('name'))
    await assert.rejects(unique(), conflict('name'))
    await store.commit(
      change([objectWrite(objectRecord('a', { version: 2, sealed: null, state: 'Destroyed' }))]),
    )
    await store.commit(change([objectWrite(objectRecord('b', { version: 2 }), ['b'])]))
    await unique()
    await shared(objectRecord('e', { instanceId: 'instance-2' }))
    await shared(objectRecord('f', { instanceId: 'instance-2' }))
    await unique()
  })

  test('names are unique among the objects of an instance that are not destroyed', async (t) => {
    const { store } = await openPlace(t, makePlace)
    await create(store, objectRecord('a'), ['name', 'other name'])
    await assert.rejects(create(store, objectRecord('b'), ['name']), conflict('name'))
    await create(store, objectRecord('b', { instanceId: 'instance-2' }), ['name'])
    await create(store, objectRecord('c'), ['Name'])
    // Keeping its own name is no conflict; giving it up frees it.
    await store.commit(change([objectWrite(objectRecord('a', { version: 2 }), ['name'])]))
    await create(store, objectRecord('d'), ['other name'])
    await store.commit(change([objectWrite(destroyed('a', 3), ['name'])]))
    await create(store, objectRecord('e'), ['name'])
  })

  test('what was destroyed keeps its record and its identifier, and never gets material again', async (t) => {
    const { store } = await openPlace(t, makePlace)
    await create(store, objectRecord('a'))
    await store.commit(change([objectWrite(destroyed('a', 2))]))
    const found = await store.object('instance-1', 'a')
    assert.equal(found?.sealed, null)
    assert.equal(found.state, 'Destroyed')
    await assert.rejects(create(store, objectRecord('a')), conflict('object'))
    await assert.rejects(create(store, objectRecord('a', { version: 3 })), conflict('object'))
    const asNew = { objects: [{ instanceId: 'instance-1', uniqueIdentifier: 'a', version: null }] }
    await assert.rejects(store.commit(change([], { expect: asNew })), conflict('object'))
  })

  test('objects are counted by their state', async (t) => {
    const { store } = await openPlace(t, makePlace)
    assert.deepEqual(await store.objectCounts('instance-1', 0), {})
    for (const id of ['a', 'b', 'c']) await create(store, objectRecord(id))
    await create(store, objectRecord('a', { instanceId: 'instance-2' }))
    await store.commit(change([objectWrite(objectRecord('a', { version: 2, state: 'Active' }))]))
    await store.commit(change([objectWrite(destroyed('b', 2))]))
    assert.deepEqual(
      { ...(await store.objectCounts('instance-1', 0)) },
      { Active: 1, Destroyed: 1, PreActive: 1 },
    )
    await store.commit(change([objectWrite(objectRecord('c', { version: 2, state: 'Active' }))]))
    assert.deepEqual({ ...(await store.objectCounts('instance-1', 0)) }, { Active: 2, Destroyed: 1 })
  })

  test('objects are counted by the state that the clock has brought them to', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const day = 86_400
    const at = 20_000 * day + day / 2
    const put = (id: string, state: string, clockSteps: ClockSteps, version = 1) =>
      store.commit(change([{ ...objectWrite(objectRecord(id, { state, version })), clockSteps }]))
    const counts = async (seconds: number, ms = 0) => ({
      ...(await store.objectCounts('instance-1', seconds * 1000 + ms)),
    })
    await put('never', 'PreActive', { activates: null, deactivates: null })
    await put('both', 'PreActive', { activates: at, deactivates: at + 2 * day })
    await put('at once', 'PreActive', { activates: at, deactivates: at })
    await put('active', 'Active', { activates: null, deactivates: at + 10 })
    await put('in 1970', 'Active', { activates: null, deactivates: 0 })
    const before = { PreActive: 3, Active: 1, Deactivated: 1 }
    assert.deepEqual(await counts(at - 30_000 * day), { PreActive: 3, Active: 2 })
    assert.deepEqual(await counts(at - day), before)
    assert.deepEqual(await counts(at - 1, 999), before)
    assert.deepEqual(await counts(at), { PreActive: 1, Active: 2, Deactivated: 2 })
    assert.deepEqual(await counts(at + 10), { PreActive: 1, Active: 1, Deactivated: 3 })
    assert.deepEqual(await counts(at + 2 * day - 1), { PreActive: 1, Active: 1, Deactivated: 3 })
    assert.deepEqual(await counts(at + 2 * day), { PreActive: 1, Deactivated: 4 })
    assert.deepEqual(await counts(at + 30_000 * day), { PreActive: 1, Deactivated: 4 })
    await put('both', 'Active', { activates: null, deactivates: null }, 2)
    await store.commit(change([objectWrite(destroyed('at once', 2))]))
    assert.deepEqual(await counts(at), { PreActive: 1, Active: 2, Deactivated: 1, Destroyed: 1 })
    assert.deepEqual(await counts(at + 3 * day), { PreActive: 1, Active: 1, Deactivated: 2, Destroyed: 1 })
    assert.deepEqual({ ...(await store.objectCounts('instance-2', at * 1000)) }, {})
  })

  test('when the material was last sent only moves forward', async (t) => {
    const { store } = await openPlace(t, makePlace)
    await create(store, objectRecord('a'))
    const fetched = (uniqueIdentifier: string, atMs: number) =>
      store.commit(
        change([{ type: 'fetched', instanceId: 'instance-1', uniqueIdentifier, atMs }], {
          durability: 'process',
        }),
      )
    await fetched('a', 500)
    await fetched('a', 400)
    await fetched('nobody', 400)
    assert.equal((await store.object('instance-1', 'a'))?.lastFetchedMs, 500)
    await store.commit(change([objectWrite(objectRecord('a', { version: 2 }))]))
    assert.equal((await store.object('instance-1', 'a'))?.lastFetchedMs, 500)
  })
}

function ofA(version: number | null) {
  return { objects: [{ instanceId: 'instance-1', uniqueIdentifier: 'a', version }] }
}

function expectations(makePlace: MakePlace): void {
  test('of changes that expect the same version one wins, and the rest is told', async (t) => {
    const { store } = await openPlace(t, makePlace)
    await create(store, objectRecord('a'))
    const attempts = await Promise.allSettled(
      Array.from({ length: 40 }, (_, n) =>
        store.commit({
          expect: ofA(1),
          writes: [objectWrite(objectRecord('a', { version: 2, state: `by ${n}` }))],
          entries: [auditEntry({ object: `attempt ${n}` })],
          durability: n % 2 ? 'disk' : 'process',
        }),
      ),
    )
    const won = attempts.flatMap(({ status }, n) => (status === 'fulfilled' ? [n] : []))
    assert.equal(won.length, 1)
    for (const attempt of attempts)
      if (attempt.status === 'rejected') assert.ok(conflict('object')(attempt.reason), String(attempt.reason))
    assert.equal((await store.object('instance-1', 'a'))?.state, `by ${won[0]}`)
    const { entries } = await store.audit({ order: 'oldest', limit: 100 })
    assert.equal(entries.length, 2, 'the entry of an act that did not happen is not there')
  })

  test('a change is done whole or not at all, and does not touch those beside it', async (t) => {
    const { store } = await openPlace(t, makePlace)
    await create(store, objectRecord('taken'), ['taken'])
    const results = await Promise.allSettled([
      create(store, objectRecord('before')),
      store.commit({
        writes: [
          objectWrite(objectRecord('half'), ['half']),
          { type: 'trust', row: { kind: 'client', id: 'half', body: '{}', mac: Buffer.alloc(32) } },
          objectWrite(objectRecord('refused'), ['taken']),
        ],
        entries: [auditEntry({ object: 'half' })],
        durability: 'disk',
      }),
      create(store, objectRecord('after'), ['half']),
    ])
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    assert.equal(await store.object('instance-1', 'half'), undefined)
    assert.deepEqual(await store.trust(), { version: 0, rows: [] })
    assert.deepEqual((await store.audit({ object: 'half', order: 'newest', limit: 10 })).entries, [])
    assert.ok(await store.object('instance-1', 'after'))
  })

  test('each of several changes at once is decided on what those before it did', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const commits = [
      create(store, objectRecord('a'), ['name of a']),
      create(store, objectRecord('a')),
      store.commit(change([], { expect: ofA(null) })),
      store.commit(change([objectWrite(objectRecord('a', { version: 2 }))], { expect: ofA(1) })),
      store.commit(change([trustRow('x')], { expect: { trustVersion: 0 } })),
      store.commit(change([], { expect: { trustVersion: 0 } })),
      create(store, objectRecord('b'), ['name of a']),
      store.commit(change([], { expect: { trustVersion: 1, ...ofA(2) } })),
    ]
    const settled = await Promise.allSettled(commits)
    assert.deepEqual(
      settled.map((one) => (one.status === 'fulfilled' ? 'done' : (one.reason as StoreConflict).what)),
      ['done', 'object', 'object', 'done', 'done', 'trust', 'done', 'done'],
    )
    const [a, b] = [await store.object('instance-1', 'a'), await store.object('instance-1', 'b')]
    assert.ok(a && b && a.sequence < b.sequence)
    assert.equal(a.version, 2)
  })

  test('an expectation about trust, and about an object that must not be there', async (t) => {
    const { store } = await openPlace(t, makePlace)
    await store.commit(change([trustRow('a')], { expect: { trustVersion: 0 } }))
    await assert.rejects(
      store.commit(change([trustRow('b')], { expect: { trustVersion: 0 } })),
      conflict('trust'),
    )
    await store.commit(change([], { expect: { trustVersion: 1 } }))
    await assert.rejects(store.commit(change([], { expect: ofA(1) })), conflict('object'))
  })

  test('of changes that add to an instance, those that pass its limits are refused, also at the same time', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const limits = { instanceId: 'instance-1', objectsMax: 5, bytesMax: 1_000_000 }
    const make = (id: string, more: Partial<ObjectRecord> = {}, expect: Partial<typeof limits> = {}) =>
      store.commit(
        change([objectWrite(objectRecord(id, more))], { expect: { limits: { ...limits, ...expect } } }),
      )
    const attempts = await Promise.allSettled(Array.from({ length: 9 }, (_, n) => make(`object ${n}`)))
    const refused = attempts.filter((attempt) => attempt.status === 'rejected')
    assert.equal(refused.length, 4)
    for (const { reason } of refused) assert.ok(conflict('objects-max')(reason), String(reason))
    assert.equal((await store.usage('instance-1')).objects, 5)
    await make('elsewhere', { instanceId: 'instance-2' })
    await store.commit(change([objectWrite(destroyed('object 0', 2))], { expect: { limits } }))
    await make('in its place')

    const { bytes } = await store.usage('instance-1')
    const bytesMax = bytes + 100_000
    const objectsMax = 100
    const attributes = Buffer.alloc(60_000, 7)
    await make('large', { attributes }, { objectsMax, bytesMax })
    const another = make('another', { attributes }, { objectsMax, bytesMax })
    await assert.rejects(another, conflict('bytes-max'))
    const smaller = objectRecord('large', { version: 2 })
    await store.commit(change([objectWrite(smaller)], { expect: { limits: { ...limits, bytesMax: 1 } } }))
    const more = { version: 3, attributes: Buffer.alloc(1_000) }
    await assert.rejects(make('large', more, { bytesMax: 1 }), conflict('bytes-max'))
    await store.commit(change([objectWrite(objectRecord('unlimited'))]))
  })

  test('what was destroyed counts as bytes, and no longer as an object', async (t) => {
    const { store } = await openPlace(t, makePlace)
    assert.deepEqual(await store.usage('instance-1'), { objects: 0, bytes: 0 })
    await create(store, objectRecord('a', { sealed: Buffer.alloc(10_000, 7), attributes: Buffer.alloc(500) }))
    const before = await store.usage('instance-1')
    assert.equal(before.objects, 1)
    assert.ok(before.bytes >= 10_500 && before.bytes < 12_000, String(before.bytes))
    await store.commit(change([objectWrite({ ...destroyed('a', 2), attributes: Buffer.alloc(500) })]))
    assert.deepEqual(await store.usage('instance-1'), { objects: 0, bytes: before.bytes })
  })

  test('changes are done in the order of their calls', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const commits = Array.from({ length: 600 }, (_, n) =>
      store.commit({
        expect: ofA(n === 0 ? null : n),
        writes: [objectWrite(objectRecord('a', { version: n + 1 }))],
        entries: [],
        durability: n % 3 ? 'process' : 'disk',
      }),
    )
    await Promise.all(commits)
    assert.equal((await store.object('instance-1', 'a'))?.version, 600)
  })
}

function search(makePlace: MakePlace): void {
  test('objects come newest first and page by page', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const ids = Array.from({ length: 130 }, (_, n) => `object ${n}`)
    await Promise.all(ids.map((id) => create(store, objectRecord(id))))
    await create(store, objectRecord('foreign', { instanceId: 'instance-2' }))
    for (const limit of [1000, 130, 64, 7])
      assert.deepEqual(identifiers(await allPages(store, { limit })), ids.toReversed())
  })

  test('an index entry finds its objects and follows their changes', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const put = (id: string, version: number, index: Record<string, string>, gone = false) =>
      store.commit(
        change([objectWrite(gone ? destroyed(id, version) : objectRecord(id, { version }), [], index)]),
      )
    await put('a', 1, { State: 'Active', Group: 'x' })
    await put('b', 1, { State: 'Active', Group: 'y' })
    await put('c', 1, { State: 'PreActive', Group: 'x' })
    const find = async (index: Record<string, string>, includeDestroyed = false) => {
      const entries = Object.entries(index).map(([key, value]) => ({ key, value }))
      const found = await allPages(store, { limit: 1, index: entries, includeDestroyed })
      return identifiers(found)
    }
    assert.deepEqual(await find({ Group: 'x' }), ['c', 'a'])
    assert.deepEqual(await find({ Group: 'z' }), [])
    assert.deepEqual(await find({ Group: 'X' }), [])
    const both = await find({ Group: 'y', State: 'Active' })
    assert.ok(both.includes('b'), 'a search by several entries may find more, never less')
    await put('c', 2, { State: 'PreActive', Group: 'y' })
    assert.deepEqual(await find({ Group: 'x' }), ['a'])
    assert.deepEqual(await find({ Group: 'y' }), ['c', 'b'])
    await put('b', 2, { State: 'Destroyed', Group: 'y' }, true)
    assert.deepEqual(await find({ Group: 'y' }), ['c'])
    assert.deepEqual(await find({ Group: 'y' }, true), ['c', 'b'])
    assert.deepEqual(await find({}, true), ['c', 'b', 'a'])
    assert.deepEqual(await find({}), ['c', 'a'])
  })
}

function life(makePlace: MakePlace): void {
  test('what was committed is there after a close and an open, under another writer', async (t) => {
    const { store, place } = await openPlace(t, makePlace)
    await create(store, objectRecord('a'), ['name'])
    const late = create(store, objectRecord('b'))
    await store.close()
    await late
    const again = await place.open()
    t.after(() => again.close())
    assert.notEqual(again.writer, store.writer)
    assert.deepEqual(identifiers(await again.objects({ instanceId: 'instance-1', limit: 10 })), ['b', 'a'])
    assert.deepEqual(again.health(), { writable: true, reason: null, handsOut: true })
  })

  test('a closed store refuses, and may be closed again', async (t) => {
    const { store } = await openPlace(t, makePlace)
    await store.close()
    await store.close()
    await assert.rejects(async () => store.trustVersion(), refused)
    await assert.rejects(store.audit({ order: 'newest', limit: 1 }), refused)
    await assert.rejects(create(store, objectRecord('a')), refused)
    assert.equal(store.health().writable, false)
  })

  test('a change that is no change fails alone, and tears no gap into the audit chain', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const unwritable = { ...auditEntry(), detail: { bad: 1n as unknown as string } }
    const untimed = { ...auditEntry(), atMs: Number.NaN }
    const results = await Promise.allSettled([
      store.commit(change([], { entries: [auditEntry(), untimed] })),
      create(store, objectRecord('a')),
      store.commit(change([], { entries: [unwritable] })),
      store.commit(change([], { entries: [auditEntry(), untimed] })),
      create(store, objectRecord('b')),
    ])
    assert.deepEqual(
      results.map(({ status }) => status),
      ['rejected', 'fulfilled', 'rejected', 'rejected', 'fulfilled'],
    )
    assert.equal(verifyChain(await allEntries(store, { order: 'oldest', limit: 10 })).number, 2)
  })
}

async function allPages(
  store: Store,
  query: { limit: number; index?: { key: string; value: string }[]; includeDestroyed?: boolean },
): Promise<StoredObject[]> {
  const all: StoredObject[] = []
  for (;;) {
    const last = all.at(-1)
    const page = await store.objects({
      instanceId: 'instance-1',
      ...query,
      ...(last && { beforeSequence: last.sequence }),
    })
    assert.ok(page.length <= query.limit)
    all.push(...page)
    if (page.length === 0) return all
  }
}

function refused(error: unknown): boolean {
  return error instanceof StoreUnavailable && error.why === 'unavailable'
}

function identifiers(found: readonly StoredObject[]): string[] {
  return found.map(({ uniqueIdentifier }) => uniqueIdentifier)
}

function destroyed(id: string, version: number) {
  return objectRecord(id, { version, state: 'Destroyed', sealed: null, dataKeyId: null })
}

/** Bytes as one kind of array, to be compared. */
function bare<T extends { attributes: Uint8Array; sealed: Uint8Array | null }>(record: T) {
  return {
    ...record,
    attributes: Buffer.from(record.attributes),
    sealed: record.sealed && Buffer.from(record.sealed),
  }
}

function fail(): never {
  throw new Error('not found')
}
