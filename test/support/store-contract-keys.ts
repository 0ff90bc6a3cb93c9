// The part of the store contract that is about standard keys, the marks of journals, and data keys and secrets that
// are replaced and removed one by one.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StandardKeyQuery, StandardKeyRecord } from '../../src/ports/secrets.ts'
import type { Store, Write } from '../../src/ports/store.ts'
import { conflict, openPlace, type MakePlace } from './store-place.ts'
import { auditEntry, change, dataKeyRecord, objectRecord, objectWrite } from './store-values.ts'

export function storeKeysContract(makePlace: MakePlace): void {
  standardKeys(makePlace)
  standardKeyPages(makePlace)
  journalMarks(makePlace)
  dataKeysAndSecrets(makePlace)
}

function standardKeys(makePlace: MakePlace): void {
  test('a standard key is read back as it was committed, and changes only from the state it is in', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const intended = record('a')
    await put(store, intended, null)
    assert.deepEqual(await store.standardKeys({ limit: 10 }), [intended])
    await assert.rejects(put(store, record('a', { generation: 9 }), null), conflict('standard-key'))
    await assert.rejects(put(store, record('a'), 'current'), conflict('standard-key'))
    await assert.rejects(put(store, record('b'), 'intended'), conflict('standard-key'))
    assert.deepEqual(await store.standardKeys({ limit: 10 }), [intended])

    const current = record('a', {
      instanceId: 'instance-2',
      kind: 'journal',
      identifier: 'other',
      generation: 4,
      rootKeyUri: 'keyprotect:2',
      state: 'current',
      standardKeyId: 'there',
      keyVersion: 'v7',
      createdMs: 6,
    })
    await put(store, current, 'intended')
    assert.deepEqual(await store.standardKeys({ limit: 10 }), [current])
    await put(store, { ...current, generation: 5 }, 'current')
    assert.equal((await store.standardKeys({ limit: 10 }))[0]?.generation, 5)
    await store.commit(change([{ type: 'standard-key-removed', id: 'a' }]))
    await store.commit(change([{ type: 'standard-key-removed', id: 'a' }]))
    assert.deepEqual(await store.standardKeys({ limit: 10 }), [])
    await assert.rejects(put(store, current, 'current'), conflict('standard-key'))
  })

  test('of changes of a standard key from the same state one wins, whole', async (t) => {
    const { store } = await openPlace(t, makePlace)
    await put(store, record('a'), null)
    const attempts = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) =>
        store.commit(
          change(
            [
              objectWrite(objectRecord(`object of ${n}`)),
              standardKey(record('a', { state: n % 2 ? 'unwanted' : 'current' }), 'intended'),
            ],
            { entries: [auditEntry()] },
          ),
        ),
      ),
    )
    for (const attempt of attempts)
      if (attempt.status === 'rejected')
        assert.ok(conflict('standard-key')(attempt.reason), String(attempt.reason))
    assert.equal(attempts.filter(({ status }) => status === 'fulfilled').length, 1)
    assert.equal((await store.objects({ instanceId: 'instance-1', limit: 50 })).length, 1)
    assert.equal((await store.audit({ order: 'oldest', limit: 50 })).entries.length, 1)
  })

  test('all standard keys of an instance become unwanted at once, and no others', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const states = ['intended', 'current', 'unwanted'] as const
    for (const state of states) {
      await put(store, record(`1 ${state}`, { state }), null)
      await put(store, record(`1 journal ${state}`, { state, kind: 'journal' }), null)
      await put(store, record(`2 ${state}`, { state, instanceId: 'instance-2' }), null)
    }
    await store.commit(change([{ type: 'standard-keys-unwanted', instanceId: 'instance-1' }]))
    assert.equal((await find(store, { instanceId: 'instance-1', state: 'unwanted' })).length, 6)
    assert.deepEqual(await find(store, { state: 'current' }), ['2 current'])
    assert.deepEqual(await find(store, { state: 'intended' }), ['2 intended'])
    const [changed] = await store.standardKeys({ instanceId: 'instance-1', limit: 1 })
    assert.deepEqual(changed, record('1 current', { state: 'unwanted' }), 'nothing else of it changes')
  })
}

function standardKeyPages(makePlace: MakePlace): void {
  test('standard keys are found by each of what they are asked by, page by page in the order of ids', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const all = scattered()
    await Promise.all(all.map((one) => put(store, one, null)))
    const queries: Omit<StandardKeyQuery, 'limit'>[] = [{}]
    for (const instanceId of [undefined, 'instance-1', 'instance-9'])
      for (const kind of [undefined, 'object', 'journal'] as const)
        for (const state of [undefined, 'intended', 'current', 'unwanted'] as const)
          for (const identifier of [undefined, 'object-4', 'nowhere'])
            queries.push({
              ...(instanceId !== undefined && { instanceId }),
              ...(kind !== undefined && { kind }),
              ...(state !== undefined && { state }),
              ...(identifier !== undefined && { identifier }),
            })
    for (const query of queries) {
      const expected = all
        .filter((one) =>
          Object.entries(query).every(([key, value]) => one[key as keyof typeof one] === value),
        )
        .map(({ id }) => id)
        .toSorted()
      for (const limit of [7, 1000])
        assert.deepEqual(await find(store, query, limit), expected, `${JSON.stringify(query)} by ${limit}`)
    }
    assert.deepEqual(await store.standardKeys({ limit: 0 }), [])
  })

  test('current standard keys of objects are counted by the version of the root key', async (t) => {
    const { store } = await openPlace(t, makePlace)
    assert.deepEqual({ ...(await store.standardKeyVersions('instance-1')) }, {})
    const counted = { state: 'current', keyVersion: 'v1' } as const
    await put(store, record('a', counted), null)
    await put(store, record('b', counted), null)
    await put(store, record('c', { ...counted, keyVersion: '' }), null)
    await put(store, record('d', { ...counted, kind: 'journal' }), null)
    await put(store, record('e', { ...counted, state: 'intended' }), null)
    await put(store, record('f', { ...counted, state: 'unwanted' }), null)
    await put(store, record('g', { ...counted, instanceId: 'instance-2' }), null)
    assert.deepEqual({ ...(await store.standardKeyVersions('instance-1')) }, { v1: 2, '': 1 })
    await put(store, record('a', { ...counted, keyVersion: 'v2' }), 'current')
    assert.deepEqual({ ...(await store.standardKeyVersions('instance-1')) }, { v1: 1, v2: 1, '': 1 })
  })
}

function journalMarks(makePlace: MakePlace): void {
  test('objects stay on the list of the journal until the version that they have is in it', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const written = (id: string, version: number, journal = true, instanceId = 'instance-1') =>
      store.commit(change([{ ...objectOf(id, version, instanceId), journal }]))
    const journaled = (id: string, version: number, instanceId = 'instance-1') =>
      store.commit(change([{ type: 'journaled', instanceId, objects: [{ uniqueIdentifier: id, version }] }]))
    await written('a', 1)
    await written('quiet', 1, false)
    await written('b', 1)
    await written('b', 1, true, 'instance-2')
    assert.deepEqual(await unjournaled(store), ['a 1', 'b 1'])
    assert.deepEqual(await unjournaled(store, 'instance-2'), ['b 1'])
    await written('a', 2)
    await journaled('a', 1)
    assert.deepEqual(await unjournaled(store), ['a 2', 'b 1'], 'it has changed since')
    await written('b', 2, false)
    assert.deepEqual(
      await unjournaled(store),
      ['a 2', 'b 2'],
      'a change that is not for the journal keeps it',
    )
    await journaled('b', 2)
    await journaled('quiet', 1)
    await journaled('nobody', 1)
    assert.deepEqual(await unjournaled(store), ['a 2'])
    assert.deepEqual(await unjournaled(store, 'instance-2'), ['b 1'], 'of its own instance only')
    await written('quiet', 2)
    await written('b', 3)
    assert.deepEqual(await unjournaled(store), ['a 2', 'quiet 2', 'b 3'], 'the oldest object first')
    assert.deepEqual(await unjournaled(store, 'instance-1', 2), ['a 2', 'quiet 2'])
    await store.commit(change([{ type: 'journal-ended', instanceId: 'instance-1' }]))
    assert.deepEqual(await unjournaled(store), [])
    assert.deepEqual(await unjournaled(store, 'instance-2'), ['b 1'])
  })

  test('destroyed objects are on the list too, and a change that is not done puts none there', async (t) => {
    const { store } = await openPlace(t, makePlace)
    await store.commit(change([objectOf('a', 1)]))
    const gone = objectRecord('a', { version: 2, state: 'Destroyed', sealed: null, dataKeyId: null })
    const destroy = change([{ ...objectWrite(gone), journal: true }], {
      expect: { objects: [{ instanceId: 'instance-1', uniqueIdentifier: 'a', version: 1 }] },
    })
    await assert.rejects(
      store.commit({ ...destroy, writes: [...destroy.writes, standardKey(record('x'), 'current')] }),
      conflict('standard-key'),
    )
    assert.deepEqual(await unjournaled(store), [])
    await store.commit(destroy)
    const [found, ...more] = await store.unjournaled('instance-1', 10)
    assert.deepEqual([found?.state, found?.version, found?.sealed, more.length], ['Destroyed', 2, null, 0])
  })

  test('a long list is given up to the limit', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const ids = Array.from({ length: 150 }, (_, n) => `object ${n}`)
    await Promise.all(ids.map((id) => store.commit(change([{ ...objectOf(id, 1), journal: true }]))))
    const all = ids.map((id) => `${id} 1`)
    assert.deepEqual(await unjournaled(store, 'instance-1', 1000), all)
    assert.deepEqual(await unjournaled(store, 'instance-1', 149), all.slice(0, 149))
  })
}

function dataKeysAndSecrets(makePlace: MakePlace): void {
  test('a data key gets another wrapped form only in place of the expected one', async (t) => {
    const { store } = await openPlace(t, makePlace)
    await store.commit(change([{ type: 'data-key', record: dataKeyRecord('k', 'first') }]))
    const rewrap = (id: string, was: string, now: string) =>
      store.commit(
        change([{ type: 'data-key-rewrapped', was: Buffer.from(was), record: dataKeyRecord(id, now) }]),
      )
    await rewrap('k', 'first', 'the second')
    await assert.rejects(rewrap('k', 'first', 'third'), conflict('data-key'))
    await assert.rejects(rewrap('none', 'first', 'third'), conflict('data-key'))
    assert.deepEqual(await wrapped(store), ['k the second'])
    const results = await Promise.allSettled([1, 2, 3].map((n) => rewrap('k', 'the second', `by ${n}`)))
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
    assert.deepEqual(await wrapped(store), ['k by 1'])
  })

  test('one data key is removed, or all of an instance', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const ids = ['a', 'b', 'c']
    await store.commit(change(ids.map((id) => ({ type: 'data-key', record: dataKeyRecord(id, 'w') }))))
    await store.commit(change([{ type: 'data-key-removed', id: 'b' }]))
    await store.commit(change([{ type: 'data-key-removed', id: 'nobody' }]))
    assert.deepEqual(await wrapped(store), ['a w', 'c w'])
    await store.commit(change([{ type: 'data-keys-removed', instanceId: 'instance-2' }]))
    assert.equal((await wrapped(store)).length, 2)
    await store.commit(change([{ type: 'data-keys-removed', instanceId: 'instance-1' }]))
    assert.deepEqual(await wrapped(store), [])
  })

  test('a secret that was removed is not there, and may be made anew', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const names = async () => (await store.secrets()).map(({ name }) => name)
    await store.commit(change([secret('s'), secret('t')]))
    await store.commit(change([{ type: 'secret-removed', name: 's' }]))
    await store.commit(change([{ type: 'secret-removed', name: 's' }]))
    assert.deepEqual(await names(), ['t'])
    await store.commit(change([secret('s')]))
    assert.deepEqual(await names(), ['s', 't'])
  })
}

function secret(name: string): Write {
  return { type: 'new-secret', record: { name, sealed: Buffer.from(name) } }
}

/** Of every kind, state and instance some, their ids in no order. */
function scattered(): StandardKeyRecord[] {
  const states = ['intended', 'current', 'unwanted'] as const
  return Array.from({ length: 90 }, (_, n) =>
    record(`id ${String((n * 37) % 90).padStart(2, '0')}`, {
      instanceId: `instance-${n % 2}`,
      kind: n % 5 === 0 ? 'journal' : 'object',
      state: states[n % 3] ?? 'current',
      identifier: `object-${n % 9}`,
    }),
  )
}

function record(id: string, more: Partial<StandardKeyRecord> = {}): StandardKeyRecord {
  return {
    id,
    instanceId: 'instance-1',
    kind: 'object',
    identifier: 'object-1',
    generation: 1,
    rootKeyUri: 'keyprotect:1',
    state: 'intended',
    standardKeyId: null,
    keyVersion: '',
    createdMs: 5,
    ...more,
  }
}

function standardKey(of: StandardKeyRecord, from: StandardKeyRecord['state'] | null): Write {
  return { type: 'standard-key', record: of, from }
}

function put(store: Store, of: StandardKeyRecord, from: StandardKeyRecord['state'] | null): Promise<void> {
  return store.commit(change([standardKey(of, from)]))
}

/** The ids of all pages. */
async function find(store: Store, query: Omit<StandardKeyQuery, 'limit'>, limit = 1000): Promise<string[]> {
  const ids: string[] = []
  for (;;) {
    const last = ids.at(-1)
    const page = await store.standardKeys({ ...query, ...(last !== undefined && { afterId: last }), limit })
    assert.ok(page.length <= limit)
    if (page.length === 0) return ids
    ids.push(...page.map(({ id }) => id))
  }
}

function objectOf(id: string, version: number, instanceId = 'instance-1') {
  return objectWrite(objectRecord(id, { version, instanceId }))
}

async function unjournaled(store: Store, instanceId = 'instance-1', limit = 100): Promise<string[]> {
  const found = await store.unjournaled(instanceId, limit)
  return found.map(({ uniqueIdentifier, version }) => `${uniqueIdentifier} ${String(version)}`)
}

async function wrapped(store: Store): Promise<string[]> {
  const found = await store.dataKeys('instance-1')
  return found.map((key) => `${key.id} ${Buffer.from(key.wrapped).toString()}`)
}
