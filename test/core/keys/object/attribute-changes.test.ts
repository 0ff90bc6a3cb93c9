// An object's attributes after one attribute instance is added, modified or deleted (KMIP 1.4 §4.14 to §4.16).
// wire/kmip/attribute-rules.ts decides what a client may do with which attribute, and is tested by itself.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  addAttribute,
  deleteAllInstances,
  deleteAttribute,
  modifyAttribute,
  setAttribute,
  type ChangedObject,
} from '../../../../src/core/keys/object/attribute-changes.ts'
import type { AttributeSet } from '../../../../src/wire/kmip/attributes.ts'
import { attributeSet, faults } from '../../../support/server/core.ts'

const version = '1.4'

const targetWith = (attributes: Readonly<Record<string, unknown>>): ChangedObject => ({
  objectType: 'SymmetricKey',
  state: 'PreActive',
  attributes: attributeSet(attributes),
  now: 1_000n,
})

const plain = (attributes: AttributeSet) =>
  Object.fromEntries(
    [...attributes].map(([key, all]) => [key, all.map(({ index, value }) => [index, value])]),
  )

test('what is added gets the next index, and the others stay', () => {
  const target = targetWith({ ObjectGroup: ['red', 'blue'], Sensitive: true })
  const { attributes, instance } = addAttribute(target, { key: 'ObjectGroup', value: 'green', version })
  assert.deepEqual(instance, { index: 2, value: 'green' })
  assert.deepEqual(plain(attributes), {
    ObjectGroup: [
      [0, 'red'],
      [1, 'blue'],
      [2, 'green'],
    ],
    Sensitive: [[0, true]],
  })
  assert.equal(target.attributes.get('ObjectGroup')?.length, 2, 'the object as it was is not touched')
  assert.throws(
    () => addAttribute(target, { key: 'ObjectGroup', index: 5, value: 'x', version }),
    faults('InvalidField', /Attribute Index/),
  )
})

test('the Operation Policy Name of the object may be added again, and nothing else that it has once', () => {
  const target = targetWith({ OperationPolicyName: 'default', Comment: 'c', CryptographicLength: 256 })
  const again = addAttribute(target, { key: 'OperationPolicyName', value: 'default', version })
  assert.equal(again.attributes, target.attributes, 'nothing changes')
  assert.deepEqual(again.instance, { index: 0, value: 'default' })
  for (const [key, value, reason] of [
    ['OperationPolicyName', 'other', 'AttributeSingleValued'],
    ['Comment', 'c', 'AttributeSingleValued'],
    ['Digest', { HashingAlgorithm: 'SHA_256', DigestValue: Buffer.alloc(32) }, 'AttributeReadOnly'],
  ] as const)
    assert.throws(
      () => addAttribute(target, { key, value, version }),
      faults(reason),
      `${key} ${JSON.stringify(value)}`,
    )
})

test('what is modified keeps its index, and its neighbours their values', () => {
  const target = targetWith({ ObjectGroup: ['red', 'blue'] })
  const change = { key: 'ObjectGroup', index: 1, value: 'green', version } as const
  const { attributes, instance } = modifyAttribute(target, change)
  assert.deepEqual(instance, { index: 1, value: 'green' })
  assert.deepEqual(plain(attributes), {
    ObjectGroup: [
      [0, 'red'],
      [1, 'green'],
    ],
  })
})

test('in 2.x an object has no Name twice, however it gets it; 1.x tells instances apart by their index', () => {
  const [one, two] = ['one', 'two'].map((NameValue) => ({ NameValue, NameType: 'UninterpretedTextString' }))
  const target = targetWith({ Name: [one, two] })
  const modify = { key: 'Name', current: one, value: two } as const
  const twice = faults('NonUniqueNameAttribute', /has that Name already/)
  assert.throws(() => modifyAttribute(target, { ...modify, version: '2.1' }), twice)
  assert.throws(() => addAttribute(target, { key: 'Name', value: two, version: '2.1' }), twice)
  modifyAttribute(target, { ...modify, value: one, version: '2.1' })
  modifyAttribute(target, { ...modify, index: 0, version: '1.4' })
})

test('what is deleted leaves the others; with its last instance the attribute is gone', () => {
  const target = targetWith({ ObjectGroup: ['red', 'blue'] })
  const { attributes, instance } = deleteAttribute(target, { key: 'ObjectGroup', index: 0, version })
  assert.deepEqual(instance, { index: 0, value: 'red' })
  assert.deepEqual(plain(attributes), { ObjectGroup: [[1, 'blue']] })
  const rest = { ...target, attributes }
  assert.deepEqual(
    plain(deleteAttribute(rest, { key: 'ObjectGroup', index: 1, version }).attributes),
    {},
    'no empty list stays',
  )
})

test('that it was once not sensitive, or once extractable, is remembered; nothing else is', () => {
  const remembered = { AlwaysSensitive: true, NeverExtractable: true }
  for (const [key, value, then] of [
    ['Sensitive', false, { AlwaysSensitive: false, NeverExtractable: true }],
    ['Sensitive', true, remembered],
    ['Extractable', true, { AlwaysSensitive: true, NeverExtractable: false }],
    ['Extractable', false, remembered],
    ['ActivationDate', 2_000n, remembered],
  ] as const) {
    const target = targetWith({ Sensitive: true, Extractable: false, ActivationDate: 1_500n, ...remembered })
    const { attributes } = modifyAttribute(target, { key, value, version })
    const now = Object.fromEntries(
      Object.keys(remembered).map((name) => [name, attributes.get(name)?.[0]?.value]),
    )
    assert.deepEqual(now, then, `${key} ${value}`)
    assert.deepEqual(attributes.get(key), [{ index: 0, value }])
  }
})

test('the count of Usage Limits starts at the total, whatever the client says', () => {
  const limits = { UsageLimitsTotal: 10n, UsageLimitsUnit: 'Byte' }
  const unused = { ...limits, UsageLimitsTotal: 5n, UsageLimitsCount: 5n }
  for (const more of [{}, { UsageLimitsCount: 3n }, { UsageLimitsCount: 11n }]) {
    const change = { key: 'UsageLimits', value: { ...limits, ...more }, version } as const
    for (const { instance } of [
      addAttribute(targetWith({}), change),
      modifyAttribute(targetWith({ UsageLimits: unused }), change),
    ])
      assert.deepEqual(instance.value, { ...limits, UsageLimitsCount: 10n })
  }
})

const set = (key: string, value: unknown, before: Readonly<Record<string, unknown>> = {}) =>
  setAttribute(targetWith(before), { key, value, version: '2.1' })

test('what is set is added or takes the place of the only instance; of several none is meant', () => {
  for (const before of [{}, { ContactInformation: 'old' }])
    assert.deepEqual(plain(set('ContactInformation', 'new', before).attributes), {
      ContactInformation: [[0, 'new']],
    })
  const several = { ObjectGroup: ['red', 'blue'] }
  assert.throws(() => set('ObjectGroup', 'green', several), faults('MultiValuedAttribute'))
})

const deleteAll = (attributes: Readonly<Record<string, unknown>>, only?: (value: unknown) => boolean) =>
  deleteAllInstances(targetWith(attributes), { key: 'ObjectGroup', ...(only && { only }), version: '2.1' })

test('all instances are deleted, or those with the values that are named; where there is none it is refused', () => {
  const groups = { ObjectGroup: ['red', 'blue', 'red'] }
  const { attributes, instance } = deleteAll(groups)
  assert.deepEqual([plain(attributes), instance.value], [{}, 'red'])
  assert.deepEqual(plain(deleteAll(groups, (value) => value === 'blue').attributes), {
    ObjectGroup: [
      [0, 'red'],
      [2, 'red'],
    ],
  })
  for (const only of [undefined, () => true])
    assert.throws(() => deleteAll({}, only), faults('AttributeNotFound'))
  const one = { ObjectGroup: 'red' }
  assert.throws(() => deleteAll(one, () => false), faults('AttributeNotFound'))
})

test('an attribute with many instances is deleted without a comparison of each with each', () => {
  let read = 0
  const values = Array.from({ length: 200 }, (_, index) => ({
    ApplicationNamespace: 'space',
    get ApplicationData() {
      read += 1
      return String(index)
    },
  }))
  const target = targetWith({ ApplicationSpecificInformation: values })
  deleteAllInstances(target, { key: 'ApplicationSpecificInformation', version: '2.1' })
  assert.ok(read <= 2 * values.length, `${read} reads`)
})
