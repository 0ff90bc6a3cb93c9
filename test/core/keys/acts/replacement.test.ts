// One object in the place of another (KMIP 1.4 §4.4, §4.5): what the new one takes over, what the old one keeps, and how dates move.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { replacedBy, replacementAttributes } from '../../../../src/core/keys/acts/replacement.ts'
import { linkTo } from '../../../../src/core/keys/object/links.ts'
import type { ManagedObject } from '../../../../src/core/keys/object/managed-object.ts'
import { first, type AttributeSet } from '../../../../src/wire/kmip/attributes.ts'
import { attributeSet, createKey, faults, openCoreWithClient, name } from '../../../support/server/core.ts'

const none = attributeSet({})
const nowMs = 100_999

const valuesOf = (set: AttributeSet) =>
  Object.fromEntries([...set].map(([key, instances]) => [key, instances.map(({ value }) => value)]))

test('the new object takes over the attributes that are not of the old one alone, and is one rotation on', () => {
  const existing = attributeSet({
    CryptographicAlgorithm: 'AES',
    ObjectGroup: ['a', 'b'],
    UsageLimits: { UsageLimitsTotal: 9n, UsageLimitsCount: 2n, UsageLimitsUnit: 'Byte' },
    RotateGeneration: 4,
    'x-Own': { type: 'Integer', value: 1 },
    InitialDate: 1n,
    DestroyDate: 1n,
    CompromiseOccurrenceDate: 1n,
    CompromiseDate: 1n,
    RevocationReason: { RevocationReasonCode: 'Superseded' },
    DeactivationReason: { DeactivationReasonCode: 'Unspecified' },
    KeyValuePresent: false,
    KeyValueLocation: { KeyValueLocationValue: 'a safe', KeyValueLocationType: 'UninterpretedTextString' },
    ArchiveDate: 1n,
    Digest: {},
    Fresh: false,
    Link: linkTo('PublicKeyLink', 'p'),
    LastChangeDate: 1n,
    LeaseTime: 1,
    KeyFormatType: 'Raw',
    OriginalCreationDate: 1n,
    RandomNumberGenerator: {},
    AlwaysSensitive: true,
    NeverExtractable: true,
    RotateDate: 1n,
    RotateLatest: false,
    'x-Mortise-Adopted': { type: 'TextString', value: 'old' },
    'x-Mortise-Adopted-Name': { type: 'TextString', value: 'old' },
  })
  const made = replacementAttributes(existing, { changes: none, offset: undefined, nowMs })
  assert.deepEqual(valuesOf(made), {
    CryptographicAlgorithm: ['AES'],
    ObjectGroup: ['a', 'b'],
    UsageLimits: [{ UsageLimitsTotal: 9n, UsageLimitsCount: 9n, UsageLimitsUnit: 'Byte' }],
    'x-Own': [{ type: 'Integer', value: 1 }],
    RotateDate: [100n],
    RotateGeneration: [5],
    RotateLatest: [true],
  })
  assert.equal(
    first(replacementAttributes(none, { changes: none, offset: undefined, nowMs }), 'RotateGeneration'),
    1,
  )
})

test("the request's attributes go before those of the old object, and its Names are added with indexes of their own", () => {
  const make = (existing: AttributeSet, given: AttributeSet) =>
    replacementAttributes(existing, { changes: given, offset: undefined, nowMs }).get('Name')
  const [one, two] = [attributeSet({ Name: [name('a'), name('b')] }), attributeSet({ Name: name('c') })]
  assert.deepEqual(make(one, two), [
    { index: 0, value: name('a') },
    { index: 1, value: name('b') },
    { index: 2, value: name('c') },
  ])
  assert.deepEqual(make(none, two), [{ index: 0, value: name('c') }])
  assert.equal(make(none, none), undefined)
  const existing = attributeSet({ ObjectGroup: 'old', ActivationDate: 5n })
  const given = attributeSet({ ObjectGroup: 'new' })
  const made = replacementAttributes(existing, { changes: given, offset: undefined, nowMs })
  assert.deepEqual([first(made, 'ObjectGroup'), first(made, 'ActivationDate')], ['new', 5n])
})

const move = (more: object, offset = 10, given = none) => {
  const made = replacementAttributes(attributeSet({ ...more }), { changes: given, offset, nowMs })
  return ['ActivationDate', 'ProcessStartDate', 'ProtectStopDate', 'DeactivationDate'].map((key) =>
    made.get(key)?.map(({ value }) => value),
  )
}

test('with an Offset the dates move with the Activation Date, which is that long from now', () => {
  assert.deepEqual(move({}), [[110n], undefined, undefined, undefined])
  const all = { ActivationDate: 50n, ProcessStartDate: 51n, ProtectStopDate: 60n, DeactivationDate: 70n }
  assert.deepEqual(move(all), [[110n], [111n], [120n], [130n]])
  assert.deepEqual(move(all, 0), [[100n], [101n], [110n], [120n]])
  for (const date of ['ProcessStartDate', 'ProtectStopDate', 'DeactivationDate']) {
    assert.throws(() => move({ [date]: 60n }), faults('IllegalOperation', /no Activation Date/), date)
    assert.throws(() => move(all, 0, attributeSet({ [date]: 1n })), faults('InvalidMessage', /Offset/), date)
  }
  assert.throws(() => move(all, 0, attributeSet({ ActivationDate: 1n })), faults('InvalidMessage'))
})

test('a date that never comes still never comes, and neither it nor the count of rotations outgrows its type', () => {
  const last = 2n ** 63n - 1n
  const never = { ActivationDate: 50n, DeactivationDate: last }
  assert.deepEqual(move(never), [[110n], undefined, undefined, [last]])
  const first = { ActivationDate: last, ProtectStopDate: -last }
  assert.deepEqual(move(first), [[110n], undefined, [-last - 1n], undefined])
  const existing = attributeSet({ RotateGeneration: 2 ** 31 - 1 })
  const made = replacementAttributes(existing, { changes: none, offset: undefined, nowMs })
  assert.deepEqual(valuesOf(made)['RotateGeneration'], [2 ** 31 - 1])
})

test('the old object loses its Names, leads to the new one alone, and is not the latest any more', () => {
  const object = {
    uniqueIdentifier: 'old',
    attributes: attributeSet({
      Name: name('a'),
      Link: [linkTo('ReplacementObjectLink', 'gone'), linkTo('PublicKeyLink', 'p')],
      ObjectGroup: 'g',
    }),
  } as unknown as ManagedObject
  assert.deepEqual(valuesOf(replacedBy(object, 'new').attributes), {
    Link: [linkTo('PublicKeyLink', 'p'), linkTo('ReplacementObjectLink', 'new')],
    ObjectGroup: ['g'],
    RotateLatest: [false],
  })
})

test('a key is replaced once, and again when what replaced it was destroyed', async (t) => {
  const { perform } = await openCoreWithClient(t)
  const id = await perform(createKey({ Name: name('a') }))
  const reKey = () => perform((work) => work.reKey(id, { offset: undefined, attributes: none }))
  const next = await reKey()
  await assert.rejects(reKey(), faults('PermissionDenied', new RegExp(next)))
  await perform((work) => work.destroy(next))
  const another = await reKey()
  const attributes = await perform((work) => work.attributes('key.attributes', another))
  assert.equal(attributes.get('Name'), undefined, 'the Name went with the first one')
  assert.deepEqual(
    attributes.get('Link')?.map(({ value }) => value),
    [linkTo('ReplacedObjectLink', id)],
  )
  assert.equal(first(attributes, 'KeyFormatType'), 'Raw')
})

test('only a symmetric key that is here, of a known algorithm and length, is re-keyed', async (t) => {
  const { perform } = await openCoreWithClient(t)
  const reKeyed = async (
    objectType: 'SymmetricKey' | 'SecretData',
    attributes: object,
    head: object = {},
  ) => {
    const wanted = { objectType, attributes: attributeSet({ ...attributes }) }
    const id = await perform((work) => work.register(wanted, { bytes: Buffer.alloc(16), head }))
    return perform((work) => work.reKey(id, { offset: undefined, attributes: none }))
  }
  const aes = { CryptographicAlgorithm: 'AES', CryptographicLength: 128 }
  assert.ok(await reKeyed('SymmetricKey', aes))
  const unknown = faults('PermissionDenied', /without algorithm and length/)
  await assert.rejects(reKeyed('SymmetricKey', { CryptographicLength: 128 }), unknown)
  await assert.rejects(reKeyed('SymmetricKey', { CryptographicAlgorithm: 'AES' }), unknown)
  await assert.rejects(reKeyed('SecretData', aes), faults('InvalidObjectType', /takes .* a Symmetric Key/))
})
