// A stored form outside the database states facts of its object, and an object is made from them again. State only moves forward.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Closing, FoundCopy, ObjectFacts } from '../../../../src/core/custody/custody.ts'
import { digestOf } from '../../../../src/core/keys/object/digest.ts'
import {
  asRecorded,
  broughtForward,
  factsOf,
  foundObject,
  isObjectType,
  isOtherMaterial,
  storedElsewhere,
} from '../../../../src/core/keys/object/object-facts.ts'
import { toWrite, type ManagedObject } from '../../../../src/core/keys/object/managed-object.ts'
import { attributeSet, name } from '../../../support/server/core.ts'
import { managedObject } from './object-values.ts'

const nothing: ObjectFacts = {
  algorithm: null,
  length: null,
  mask: null,
  names: [],
  closing: null,
  deactivationDate: null,
  restrictions: { sensitive: false, extractable: true, usageLimits: null },
}

const deactivated: Closing = { state: 'Deactivated', at: 50, occurredAt: null, reason: 'Superseded' }
const compromised: Closing = { state: 'Compromised', at: 60, occurredAt: 40, reason: 'KeyCompromise' }

const found = (more: Partial<FoundCopy> = {}): FoundCopy => ({
  instanceId: 'i',
  identifier: 'k',
  objectType: 'SymmetricKey',
  facts: nothing,
  closing: null,
  createdMs: 5_900,
  sealed: Buffer.of(2),
  dataKeyId: null,
  generation: 7,
  ...more,
})

const value = ({ attributes }: ManagedObject, key: string) => attributes.get(key)?.[0]?.value

test('material is other than an object’s where the record has a digest, and it is another one', () => {
  const head = { keyFormatType: 'Raw' } as const
  const [own, other] = [1, 2].map((byte) => ({ bytes: Buffer.of(byte), head }))
  assert.ok(own && other)
  const { record } = toWrite(managedObject({ attributes: attributeSet({ Digest: digestOf(own) }) }))
  assert.deepEqual([isOtherMaterial(record, own), isOtherMaterial(record, other)], [false, true])
  assert.equal(isOtherMaterial(toWrite(managedObject()).record, other), false)
})

test('a restored object has the Deactivation Date and the restrictions of a record that points to the copy that counts', () => {
  const attributes = attributeSet({ DeactivationDate: 70n, Sensitive: false })
  const restored = managedObject({ attributes })
  const known = managedObject({ attributes: attributeSet({ DeactivationDate: 90n, Sensitive: true }) })
  const { record } = toWrite(known)
  for (const [isNewest, expected] of [
    [true, [90n, true]],
    [false, [70n, false]],
  ] as const) {
    const now = asRecorded(restored, record, { isNewest })
    assert.deepEqual([value(now, 'DeactivationDate'), value(now, 'Sensitive')], expected)
  }
  const closed = managedObject({ state: 'Deactivated', attributes })
  assert.equal(value(asRecorded(closed, record, { isNewest: true }), 'DeactivationDate'), 70n)
  const compromisedHere = toWrite(
    managedObject({ state: 'Compromised', attributes: attributeSet({ CompromiseDate: 60n }) }),
  )
  const closedHere = asRecorded(restored, compromisedHere.record, { isNewest: false })
  assert.equal(closedHere.state, 'Compromised')
  for (const date of ['CompromiseDate', 'LastChangeDate'])
    assert.equal(value(closedHere, date), 60n, 'in seconds, as it was recorded')
})

test('an object without attributes has the facts that hold where nothing is said', () => {
  assert.deepEqual(factsOf({ state: 'Active', attributes: new Map() }), nothing)
})

test('the facts name algorithm, length, mask, names, dates and restrictions as the attributes do', () => {
  const attributes = attributeSet({
    CryptographicAlgorithm: 'AES',
    CryptographicLength: 256,
    CryptographicUsageMask: 12,
    Name: [name('a'), name('b')],
    DeactivationDate: 77n,
    Sensitive: true,
    Extractable: false,
    UsageLimits: { UsageLimitsTotal: 2n ** 60n, UsageLimitsCount: 9n, UsageLimitsUnit: 'Byte' },
  })
  assert.deepEqual(factsOf({ state: 'PreActive', attributes }), {
    algorithm: 'AES',
    length: 256,
    mask: 12,
    names: ['a', 'b'].map((text) => ({ value: text, type: 'UninterpretedTextString' })),
    closing: null,
    deactivationDate: 77,
    restrictions: {
      sensitive: true,
      extractable: false,
      usageLimits: { unit: 'Byte', total: String(2n ** 60n), count: '9' },
    },
  })
  const whole = attributeSet({ UsageLimits: { UsageLimitsTotal: 5n, UsageLimitsUnit: 'Object' } })
  const { usageLimits } = factsOf({ state: 'Active', attributes: whole }).restrictions
  assert.deepEqual(usageLimits, { unit: 'Object', total: '5', count: '5' })
})

test('a closed state is told with its own date, when it occurred, and its reason', () => {
  const dates = {
    DeactivationDate: 50n,
    CompromiseDate: 60n,
    CompromiseOccurrenceDate: 40n,
    RevocationReason: { RevocationReasonCode: 'KeyCompromise' },
  }
  const both = attributeSet(dates)
  for (const state of ['PreActive', 'Active', 'Destroyed', 'DestroyedCompromised'] as const)
    assert.equal(factsOf({ state, attributes: both }).closing, null, state)
  const told = { occurredAt: 40, reason: 'KeyCompromise' }
  assert.deepEqual(factsOf({ state: 'Deactivated', attributes: both }).closing, {
    state: 'Deactivated',
    at: 50,
    ...told,
  })
  assert.deepEqual(factsOf({ state: 'Compromised', attributes: both }).closing, compromised)
  const bare = factsOf({ state: 'Compromised', attributes: new Map() }).closing
  assert.deepEqual(bare, { state: 'Compromised', at: 0, occurredAt: null, reason: null })
})

test('an object that only its copy knows has what the copy says, and is Active since its creation', () => {
  const facts: ObjectFacts = {
    ...nothing,
    algorithm: 'AES',
    length: 256,
    mask: 12,
    names: [{ value: 'a', type: 'UninterpretedTextString' }],
    deactivationDate: 77,
  }
  const made = foundObject(found({ facts }))
  const { attributes: _, ...rest } = made
  const place = { instanceId: 'i', uniqueIdentifier: 'k', objectType: 'SymmetricKey', createdMs: 5_900 }
  assert.deepEqual(rest, { ...place, state: 'Active', version: 7, sealed: Buffer.of(2), dataKeyId: null })
  const expected = {
    CryptographicAlgorithm: 'AES',
    CryptographicLength: 256,
    CryptographicUsageMask: 12,
    Name: name('a'),
    ActivationDate: 5n,
    DeactivationDate: 77n,
    Fresh: false,
    AlwaysSensitive: false,
    NeverExtractable: false,
  }
  for (const [key, wanted] of Object.entries(expected)) assert.deepEqual(value(made, key), wanted, key)
  const { algorithm, length, mask, names, deactivationDate } = factsOf(made)
  assert.deepEqual(
    { algorithm, length, mask, names, deactivationDate },
    {
      algorithm: facts.algorithm,
      length: facts.length,
      mask: facts.mask,
      names: facts.names,
      deactivationDate: facts.deactivationDate,
    },
  )
})

test('what the copy does not say, or says of an algorithm that there is not, is left out', () => {
  const made = foundObject(found({ facts: { ...nothing, algorithm: 'constructor' } }))
  for (const key of [
    'CryptographicAlgorithm',
    'CryptographicLength',
    'CryptographicUsageMask',
    'Name',
    'DeactivationDate',
    'UsageLimits',
  ])
    assert.equal(value(made, key), undefined, key)
})

test('an Opaque Object is Pre-Active, without dates, and has its restrictions', () => {
  const facts = {
    ...nothing,
    deactivationDate: 77,
    restrictions: { ...nothing.restrictions, sensitive: true },
  }
  const made = foundObject(found({ objectType: 'OpaqueObject', facts }))
  assert.equal(made.state, 'PreActive')
  for (const key of ['ActivationDate', 'DeactivationDate']) assert.equal(value(made, key), undefined, key)
  assert.equal(value(made, 'Sensitive'), true)
})

test('restrictions of the copy hold for the object', () => {
  const restrictions = {
    sensitive: true,
    extractable: false,
    usageLimits: { unit: 'Byte', total: '100', count: '9' },
  }
  for (const made of [
    foundObject(found({ facts: { ...nothing, restrictions } })),
    broughtForward(managedObject(), found({ facts: { ...nothing, restrictions } }), 9_000),
  ])
    assert.deepEqual(factsOf(made).restrictions, restrictions)
  const attributes = attributeSet({ Sensitive: true, Extractable: false })
  const loosened = broughtForward(managedObject({ attributes }), found(), 9_000)
  assert.deepEqual(factsOf(loosened).restrictions, nothing.restrictions)
  const same = broughtForward(managedObject(), found(), 9_000)
  assert.deepEqual([value(same, 'Sensitive'), value(same, 'Extractable')], [undefined, undefined])
})

test('a closing of the copy closes the object as far as it goes, and never opens it', () => {
  const table = [
    ['PreActive', deactivated, 'Deactivated'],
    ['Active', deactivated, 'Deactivated'],
    ['Deactivated', deactivated, 'Deactivated'],
    ['Compromised', deactivated, 'Compromised'],
    ['Destroyed', deactivated, 'Destroyed'],
    ['DestroyedCompromised', deactivated, 'DestroyedCompromised'],
    ['PreActive', compromised, 'Compromised'],
    ['Active', compromised, 'Compromised'],
    ['Deactivated', compromised, 'Compromised'],
    ['Compromised', compromised, 'Compromised'],
    ['Destroyed', compromised, 'Destroyed'],
    ['DestroyedCompromised', compromised, 'DestroyedCompromised'],
    ['Active', null, 'Active'],
    ['Compromised', null, 'Compromised'],
  ] as const
  for (const [state, closing, expected] of table) {
    const after = broughtForward(managedObject({ state }), found({ closing }), 9_900)
    assert.equal(after.state, expected, `${state}, ${closing?.state ?? 'open'}`)
    const changed = state !== expected
    assert.equal(value(after, 'LastChangeDate'), changed ? 9n : undefined)
    if (!changed) continue
    const date = closing?.state === 'Compromised' ? 'CompromiseDate' : 'DeactivationDate'
    assert.equal(value(after, date), BigInt(closing?.at ?? -1))
    assert.deepEqual(factsOf(after).closing, closing)
  }
  const made = foundObject(found({ closing: compromised }))
  assert.deepEqual([made.state, value(made, 'CompromiseOccurrenceDate')], ['Compromised', 40n])
  assert.equal(value(foundObject(found({ closing: deactivated })), 'CompromiseOccurrenceDate'), undefined)
})

test('a reason that is none of the protocol’s, or was not given, is left out', () => {
  for (const reason of ['constructor', 'because', null])
    assert.equal(
      value(foundObject(found({ closing: { ...deactivated, reason } })), 'RevocationReason'),
      undefined,
    )
})

test('a copy brings the object forward to its place, and never to a lower version', () => {
  const after = broughtForward(managedObject(), found({ generation: 2 }), 9_000)
  assert.deepEqual([after.version, after.sealed, after.dataKeyId], [4, Buffer.of(2), null])
  assert.equal(broughtForward(managedObject(), found({ generation: 9 }), 9_000).version, 9)
  const moved = storedElsewhere(managedObject(), { sealed: Buffer.of(9), dataKeyId: 'e', generation: 2 })
  assert.deepEqual(moved, managedObject({ sealed: Buffer.of(9), dataKeyId: 'e', version: 4 }))
  assert.equal(
    storedElsewhere(managedObject(), { sealed: Buffer.of(9), dataKeyId: null, generation: 9 }).version,
    9,
  )
})

test('a Deactivation Date of the copy counts unless it has passed for the object already', () => {
  const facts = { ...nothing, deactivationDate: 77 }
  assert.equal(value(broughtForward(managedObject(), found({ facts }), 9_000), 'DeactivationDate'), 77n)
  const over = managedObject({ attributes: attributeSet({ DeactivationDate: 8n }) })
  assert.equal(value(broughtForward(over, found({ facts }), 9_000), 'DeactivationDate'), 8n)
  assert.equal(value(broughtForward(over, found(), 7_000), 'DeactivationDate'), 8n)
})

test('only the protocol’s names are object types', () => {
  assert.deepEqual(['SymmetricKey', 'OpaqueObject', 'constructor', ''].map(isObjectType), [
    true,
    true,
    false,
    false,
  ])
})
