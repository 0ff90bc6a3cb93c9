// The part of the store contract that is about standard keys, and data keys and secrets that are replaced and removed
// one by one.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StandardKeyQuery, StandardKeyRecord } from '../../../../src/core/ports/secrets.ts'
import type { Store, Write } from '../../../../src/core/ports/store.ts'
import { conflict, openPlace, type MakePlace } from '../store-place.ts'
import { change, dataKeyRecord } from '../store-values.ts'

export function storeKeysContract(makePlace: MakePlace): void {
  standardKeys(makePlace)
  standardKeyPages(makePlace)
  dataKeysAndSecrets(makePlace)
}

function standardKeys(makePlace: MakePlace): void {
  test('a standard key is read back as it was committed last', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const first = record('a')
    await put(store, first)
    assert.deepEqual(await store.standardKeys({ limit: 10 }), [first])
    const other = record('a', {
      instanceId: 'instance-2',
      kind: 'marker',
      identifier: 'other',
      generation: 4,
      rootKeyUri: 'keyprotect:2',
      state: 'due',
      keyVersion: 'v7',
      createdMs: 6,
    })
    await put(store, other)
    assert.deepEqual(await store.standardKeys({ limit: 10 }), [other])
    const state = (id: string) =>
      store.commit(change([{ type: 'standard-key-state', id, state: 'unwanted' }]))
    await state('a')
    await state('nobody')
    assert.deepEqual(await store.standardKeys({ limit: 10 }), [{ ...other, state: 'unwanted' }])
    await store.commit(change([{ type: 'standard-key-removed', id: 'a' }]))
    await store.commit(change([{ type: 'standard-key-removed', id: 'a' }]))
    assert.deepEqual(await store.standardKeys({ limit: 10 }), [])
  })

  test('the standard keys of one object, or of all, become unwanted at once, and no others', async (t) => {
    const { store } = await openPlace(t, makePlace)
    for (const state of ['current', 'due', 'unwanted'] as const) {
      await put(store, record(`1 ${state}`, { state }))
      await put(store, record(`1 other ${state}`, { state, identifier: 'object-2' }))
      await put(store, record(`1 marker ${state}`, { state, kind: 'marker' }))
      await put(store, record(`2 ${state}`, { state, instanceId: 'instance-2' }))
    }
    const one = { instanceId: 'instance-1', identifier: 'object-1' }
    await store.commit(change([{ type: 'standard-keys-unwanted', ...one }]))
    assert.equal((await find(store, { ...one, state: 'unwanted', kind: 'object' })).length, 3)
    assert.deepEqual(await find(store, { state: 'due' }), ['1 marker due', '1 other due', '2 due'])
    await store.commit(change([{ type: 'standard-keys-unwanted', instanceId: 'instance-1' }]))
    assert.deepEqual(await find(store, { state: 'current' }), ['1 marker current', '2 current'])
    assert.deepEqual(await find(store, { state: 'due' }), ['1 marker due', '2 due'])
    const [changed] = await store.standardKeys({ instanceId: 'instance-1', limit: 1 })
    assert.deepEqual(changed, record('1 current', { state: 'unwanted' }), 'nothing else of it changes')
  })

  test('what is unwanted of an instance beside a root key is forgotten, with the markers there, and nothing else', async (t) => {
    const { store } = await openPlace(t, makePlace)
    for (const state of ['current', 'due', 'unwanted'] as const) {
      await put(store, record(`1 ${state}`, { state }))
      await put(store, record(`1 elsewhere ${state}`, { state, rootKeyUri: 'test:elsewhere' }))
      await put(store, record(`2 ${state}`, { state, instanceId: 'instance-2' }))
    }
    for (const state of ['current', 'due'] as const)
      for (const rootKeyUri of ['keyprotect:1', 'test:elsewhere'])
        await put(store, record(`1 marker ${state} ${rootKeyUri}`, { state, rootKeyUri, kind: 'marker' }))
    const { rootKeyUri } = record('1 unwanted')
    const before = (await store.standardKeys({ limit: 100 })).filter(
      (one) =>
        one.instanceId !== 'instance-1' ||
        one.rootKeyUri !== rootKeyUri ||
        (one.kind === 'object' && one.state !== 'unwanted'),
    )
    const forgotten = { type: 'standard-keys-forgotten', instanceId: 'instance-1', rootKeyUri } as const
    await store.commit(change([forgotten]))
    await store.commit(change([forgotten]))
    assert.deepEqual(await store.standardKeys({ limit: 100 }), before)
    assert.equal(before.length, 10)
  })
}

function standardKeyPages(makePlace: MakePlace): void {
  test('standard keys are found by each of what they are asked by, page by page in the order of ids', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const all = scattered()
    await Promise.all(all.map((one) => put(store, one)))
    const queries: Omit<StandardKeyQuery, 'limit'>[] = [{}]
    for (const instanceId of [undefined, 'instance-1', 'instance-9'])
      for (const kind of [undefined, 'object', 'marker'] as const)
        for (const state of [undefined, 'current', 'due', 'unwanted'] as const)
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

  test('standard keys of objects that count are counted by the version of the root key', async (t) => {
    const { store } = await openPlace(t, makePlace)
    assert.deepEqual({ ...(await store.standardKeyVersions('instance-1')) }, {})
    const counted = { state: 'current', keyVersion: 'v1' } as const
    await put(store, record('a', counted))
    await put(store, record('b', counted))
    await put(store, record('c', { ...counted, keyVersion: '' }))
    await put(store, record('d', { ...counted, kind: 'marker' }))
    await put(store, record('e', { ...counted, state: 'due' }))
    await put(store, record('f', { ...counted, state: 'unwanted' }))
    await put(store, record('g', { ...counted, instanceId: 'instance-2' }))
    assert.deepEqual({ ...(await store.standardKeyVersions('instance-1')) }, { v1: 3, '': 1 })
    await put(store, record('a', { ...counted, keyVersion: 'v2' }))
    assert.deepEqual({ ...(await store.standardKeyVersions('instance-1')) }, { v1: 2, v2: 1, '': 1 })
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

  test('a secret that was removed is not there, and may be made again', async (t) => {
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

/** Some of every kind, state and instance, with their ids in no order. */
function scattered(): StandardKeyRecord[] {
  const states = ['current', 'due', 'unwanted'] as const
  return Array.from({ length: 90 }, (_, n) =>
    record(`id ${String((n * 37) % 90).padStart(2, '0')}`, {
      instanceId: `instance-${n % 2}`,
      kind: n % 5 === 0 ? 'marker' : 'object',
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
    state: 'current',
    keyVersion: '',
    createdMs: 5,
    ...more,
  }
}

function put(store: Store, of: StandardKeyRecord): Promise<void> {
  return store.commit(change([{ type: 'standard-key', record: of }]))
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

async function wrapped(store: Store): Promise<string[]> {
  const found = await store.dataKeys('instance-1')
  return found.map((key) => `${key.id} ${Buffer.from(key.wrapped).toString()}`)
}
