// An object in memory: its attributes as of now, its way from and to a record, and what is indexed of it.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import {
  allAttributes,
  currentState,
  fetchedOnce,
  fromRecord,
  hasState,
  indexEntry,
  searchEntry,
  toWrite,
  viewOf,
  withAttribute,
  type ManagedObject,
} from '../../../../src/core/keys/object/managed-object.ts'
import { searchKey } from '../../../../src/wire/kmip/attributes.ts'
import { attributeSet } from '../../../support/server/core.ts'
import { managedObject } from './object-values.ts'

const object = (more: Partial<ManagedObject> = {}) => managedObject({ state: 'PreActive', ...more })

test('every type has a State but Template', () => {
  for (const [type, expected] of [
    ['SymmetricKey', true],
    ['SecretData', true],
    ['Certificate', true],
    ['OpaqueObject', true],
    ['Template', false],
  ] as const) {
    assert.equal(hasState(type), expected, type)
    const all = allAttributes(object({ objectType: type }), 0)
    assert.equal(all.get('ObjectType')?.[0]?.value, type)
    assert.equal(all.get('UniqueIdentifier')?.[0]?.value, 'k')
    assert.equal(all.get('State')?.[0]?.value, expected ? 'PreActive' : undefined)
  }
})

test('the state follows its dates', () => {
  const dated = object({ attributes: attributeSet({ ActivationDate: 10n, DeactivationDate: 20n }) })
  const states = [9_999, 10_000, 19_999, 20_000].map((nowMs) => currentState(dated, nowMs))
  assert.deepEqual(states, ['PreActive', 'Active', 'Active', 'Deactivated'])
  assert.equal(allAttributes(dated, 20_000).get('State')?.[0]?.value, 'Deactivated')
})

test('attributes are unpacked once from bytes that the store remembers, and anew from others', () => {
  const { record } = toWrite(object({ attributes: attributeSet({ Fresh: true, Comment: 'x' }) }))
  const stored = { ...record, sequence: 1 }
  for (const lastFetchedMs of [null, 7]) {
    const once = { ...stored, lastFetchedMs }
    const remembered = { ...once, isRemembered: true } as const
    const known = fromRecord(remembered).attributes
    assert.equal(fromRecord(remembered).attributes, known)
    const anew = fromRecord(once).attributes
    assert.deepEqual(anew, known)
    assert.notEqual(fromRecord(once).attributes, anew)
    assert.equal(known.get('Fresh')?.[0]?.value, lastFetchedMs === null)
  }
})

test('an object comes back from its record as it was written; one that was fetched is no longer Fresh', () => {
  const fresh = object({ attributes: attributeSet({ Fresh: true, Comment: 'x' }), isPutBack: false })
  const { record } = toWrite(fresh)
  const read = (lastFetchedMs: number | null) =>
    fromRecord({ ...record, sequence: 1, lastFetchedMs, isPutBack: false })
  assert.deepEqual(read(null), fresh)
  assert.equal(read(7).attributes.get('Fresh')?.[0]?.value, false)
  assert.equal(read(7).attributes.get('Comment')?.[0]?.value, 'x')
  assert.throws(
    () => fromRecord({ ...record, state: 'Lost', sequence: 1, lastFetchedMs: null }),
    /unknown state Lost/,
  )
})

test('only what is Fresh changes by a fetch', () => {
  for (const attributes of [new Map(), attributeSet({ Fresh: false })]) {
    const known = object({ attributes })
    assert.equal(fetchedOnce(known), known)
  }
  const fresh = object({ attributes: attributeSet({ Fresh: true }) })
  assert.equal(fetchedOnce(fresh).attributes.get('Fresh')?.[0]?.value, false)
  assert.equal(fresh.attributes.get('Fresh')?.[0]?.value, true, 'it stays as it was')
})

test('an attribute is replaced, or removed where there is no value', () => {
  const set = attributeSet({ Comment: 'x' })
  assert.equal(withAttribute(set, 'Comment', 'y').get('Comment')?.[0]?.value, 'y')
  assert.equal(withAttribute(set, 'Comment', undefined).has('Comment'), false)
  assert.equal(set.get('Comment')?.[0]?.value, 'x')
})

test('names, groups, application data and custom attributes are indexed; long values by their digest', () => {
  for (const [key, value, indexed] of [
    ['ObjectGroup', 'g', true],
    ['Name', { NameValue: 'a', NameType: 'URI' }, true],
    ['AlternativeName', { AlternativeNameValue: 'a', AlternativeNameType: 'URI' }, true],
    ['ApplicationSpecificInformation', { ApplicationNamespace: 'n', ApplicationData: 'd' }, true],
    ['x-Own', { type: 'Integer', value: 1 }, true],
    ['Comment', 'c', false],
    ['CryptographicLength', 256, false],
  ] as const)
    assert.deepEqual(indexEntry(key, value), indexed ? { key, value: searchKey(key, value) } : undefined, key)
  const overhead = searchKey('ObjectGroup', '').length
  const longest = 'g'.repeat(200 - overhead)
  assert.equal(indexEntry('ObjectGroup', longest)?.value, searchKey('ObjectGroup', longest))
  const text = searchKey('ObjectGroup', `${longest}g`)
  const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`
  assert.equal(indexEntry('ObjectGroup', `${longest}g`)?.value, digest)
})

test('a search by index needs the whole value', () => {
  const whole = { ApplicationNamespace: 'n', ApplicationData: 'd' }
  const key = 'ApplicationSpecificInformation'
  assert.deepEqual(searchEntry(key, whole), indexEntry(key, whole))
  assert.equal(searchEntry(key, { ApplicationNamespace: 'n' }), undefined)
  assert.equal(searchEntry(key, { ...whole, ApplicationData: undefined }), undefined)
  assert.deepEqual(searchEntry('ObjectGroup', 'g'), indexEntry('ObjectGroup', 'g'))
  const custom = { type: 'Integer', value: 1 }
  assert.deepEqual(searchEntry('x-Own', custom), indexEntry('x-Own', custom))
  assert.equal(searchEntry('Comment', 'c'), undefined)
})

test('a view shows until when the object can be brought back, while that lies ahead', () => {
  const recoverable = { sealed: Buffer.of(1), dataKeyId: 'd', state: 'Active', dueMs: 90 }
  const until = (more: Partial<ManagedObject>, nowMs: number) =>
    viewOf(object(more), { nowMs, recovery: { until: (dueMs) => dueMs + 10 } }, 4).recoverableUntilMs
  assert.equal(until({}, 0), null)
  assert.equal(until({ recoverable }, 99), 100)
  assert.equal(until({ recoverable }, 100), null)
  const view = viewOf(object(), { nowMs: 0, recovery: { until: () => 0 } }, 4)
  assert.deepEqual([view.state, view.lastFetchedMs, view.createdMs], ['PreActive', 4, 5_000])
  assert.equal(view.attributes.get('UniqueIdentifier')?.[0]?.value, 'k')
})
