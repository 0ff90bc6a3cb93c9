// Attributes: stored without loss, sent in the terms of each version, compared by value.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  attributeFact,
  attributeNames,
  attributes,
  type AttributeName,
} from '../../../src/wire/kmip/attribute-table.ts'
import {
  canonical,
  existsIn,
  findKey,
  first,
  fromWire1,
  isCustom,
  schemaKeyOf,
  packAttributes,
  searchKey,
  toWire1,
  unpackAttributes,
  wireNames,
  type AttributeInstance,
  type AttributeSet,
} from '../../../src/wire/kmip/attributes.ts'
import { fromWire2, keyOfReference, referenceOf, toWire2 } from '../../../src/wire/kmip/attributes2.ts'
import { Fault } from '../../../src/wire/kmip/fault.ts'
import { attribute, attributesStructure } from '../../../src/wire/kmip/objects.ts'
import { tagCode } from '../../../src/wire/kmip/tags.ts'
import { ordinal, versions, type Version } from '../../../src/wire/kmip/version.ts'
import { attributeNameBytesMax, objectAttributesBytesMax } from '../../../src/base/bounds.ts'
import { decode } from '../../../src/wire/ttlv/decode.ts'
import { encode } from '../../../src/wire/ttlv/encode.ts'
import { anyValue, text, valuesOf } from '../../support/values/values.ts'

const old = versions.filter((version) => version < '2.0')

/** One attribute with its instances, of any kind. */
const entry = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .constantFrom(...attributeNames)
      .chain((key) => instances(key, valuesOf(attributes[key].schema))),
  },
  { weight: 1, arbitrary: text.chain((name) => instances(`x-${name}`, anyValue())) },
  { weight: 1, arbitrary: text.chain((name) => instances(`v:ACME.1:${name}`, anyValue())) },
)
const anySet = fc.array(entry, { maxLength: 8 }).map((entries): AttributeSet => new Map(entries))

function instances(key: string, values: fc.Arbitrary<unknown>): fc.Arbitrary<[string, AttributeInstance[]]> {
  const one = fc.record({ index: fc.nat(2 ** 31 - 1), value: values }, { noNullPrototype: true })
  return fc
    .uniqueArray(one, { selector: ({ index }) => index, minLength: 1, maxLength: 4 })
    .map((list) => [key, list.toSorted((a, b) => a.index - b.index)])
}

function refused(act: () => unknown): { reason: string; message: string } {
  try {
    act()
  } catch (error) {
    assert(error instanceof Fault)
    return { reason: error.reason, message: error.message }
  }
  return assert.fail('was accepted')
}

test('packed attributes come back unchanged: every attribute, value, type and index', () => {
  fc.assert(
    fc.property(anySet, (set) => {
      assert.deepStrictEqual(unpackAttributes(packAttributes(set)), set)
    }),
  )
})

test('values that only old or only new versions have are stored too', () => {
  const set: AttributeSet = new Map([
    ['ObjectType', [{ index: 0, value: 'Template' }]],
    [
      'Digest',
      [{ index: 0, value: { HashingAlgorithm: 'SHA3_256', KeyFormatType: 'TransparentECDSAPrivateKey' } }],
    ],
    ['OperationPolicyName', [{ index: 0, value: 'default' }]],
  ])
  assert.deepEqual(unpackAttributes(packAttributes(set)), set)
})

test('the stored form begins with its format, and an unknown format is refused', () => {
  const packed = packAttributes(new Map([['Comment', [{ index: 0, value: 'ü' }]]]))
  assert.equal(packed[0], 1)
  assert.throws(() => unpackAttributes(Uint8Array.of(2, ...packed.subarray(1))), /format 2/)
  assert.throws(() => unpackAttributes(new Uint8Array()), /format/)
})

test('an object with too many attributes is refused before it is stored', () => {
  const value = { type: 'TextString', value: 'x'.repeat(objectAttributesBytesMax) }
  const { reason } = refused(() => packAttributes(new Map([['x-big', [{ index: 0, value }]]])))
  assert.equal(reason, 'ServerLimitExceeded')
})

test('first returns the value of the lowest instance, typed', () => {
  const set: AttributeSet = new Map([['CryptographicLength', [{ index: 0, value: 256 }]]])
  const length: number | undefined = first(set, 'CryptographicLength')
  assert.equal(length, 256)
  assert.equal(first(set, 'Name'), undefined)
})

// ---------------------------------------------------------------- 1.x

function through(version: Version, key: string, instance: AttributeInstance) {
  const options = { tag: tagCode('Attribute'), version: ordinal(version) }
  const wire = toWire1(key, instance, version)
  const { AttributeName, AttributeIndex, AttributeValue } = wire
  const sent = encode(attribute, { AttributeName, AttributeIndex, AttributeValue }, options)
  return { wire, received: fromWire1(decode(attribute, sent, options), version) }
}

for (const version of old) {
  test(`every attribute goes over the wire and back in KMIP ${version}`, () => {
    const keys = attributeNames.filter((key) => existsIn(key, version))
    for (const key of keys) {
      fc.assert(
        fc.property(valuesOf(attributes[key].schema), fc.nat(5), (value, index) => {
          fc.pre(existsIn(key, version, value))
          const { wire, received } = through(version, key, { index, value })
          assert.equal(wire.AttributeName, attributes[key].name)
          assert.equal(received.key, key)
          assert.equal(received.index, index === 0 ? undefined : index)
          // The encoder omits what the version lacks and leaves the rest unchanged.
          assert.equal(leaves(value, received.value), leaves(received.value, received.value))
        }),
        { numRuns: 20 },
      )
    }
  })
}

/** The parts of `value` that `other` also has, as text. */
function leaves(value: unknown, other: unknown): string {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || Array.isArray(value)) {
    return searchKey('Name', value)
  }
  const kept = Object.entries(value).filter(([name]) => Object.hasOwn(other as object, name))
  return searchKey('Name', Object.fromEntries(kept))
}

test('custom attributes of any type go over the wire and back in every 1.x version', () => {
  fc.assert(
    fc.property(fc.constantFrom(...old), text, anyValue(), (version, name, value) => {
      fc.pre(existsIn(`x-${name}`, version, value))
      const { received } = through(version, `x-${name}`, { index: 0, value })
      assert.deepStrictEqual(received, { key: `x-${name}`, index: undefined, value })
    }),
  )
})

test('index 0 is not written, as in every published case (KMIP 1.4 §2.1.1)', () => {
  assert.deepEqual(toWire1('ObjectGroup', { index: 0, value: 'g' }, '1.1'), {
    AttributeName: 'Object Group',
    AttributeValue: 'g',
  })
  assert.equal(toWire1('ObjectGroup', { index: 3, value: 'g' }, '1.1').AttributeIndex, 3)
  assert.equal(toWire1('ObjectGroup', { index: 0, value: 'g' }, '1.1', true).AttributeIndex, 0)
})

test('a version knows only its own attributes', () => {
  assert.equal(existsIn('Fresh', '1.0'), false)
  assert.equal(existsIn('Fresh', '1.1'), true)
  assert.equal(existsIn('AlternativeName', '1.1'), false)
  assert.equal(existsIn('OperationPolicyName', '1.4'), true)
  assert.equal(existsIn('OperationPolicyName', '2.0'), false)
  assert.equal(existsIn('x-Vendor', '1.0'), true)
  assert.equal(existsIn('x-Vendor', '2.1'), true)
  assert.equal(existsIn('v:ACME:Colour', '1.4'), false)
  assert.equal(existsIn('v:ACME:Colour', '2.0'), true)
  assert.equal(existsIn('Colour', '2.1'), false)
  assert.equal(wireNames('1.0').includes('Fresh'), false)
  assert.ok(wireNames('1.4').includes('PKCS#12 Friendly Name'))
  assert.throws(() => toWire1('Fresh', { index: 0, value: true }, '1.0'), RangeError)
})

test('a value that the version cannot express is treated as absent', () => {
  assert.equal(existsIn('ObjectType', '1.1', 'PGPKey'), false)
  assert.equal(existsIn('ObjectType', '1.2', 'PGPKey'), true)
  assert.equal(existsIn('ObjectType', '1.4', 'Template'), true)
  assert.equal(existsIn('ObjectType', '2.0', 'Template'), false)
  assert.equal(existsIn('Digest', '1.0', { HashingAlgorithm: 'SHA3_256' }), false)
  assert.equal(existsIn('Digest', '1.0', { HashingAlgorithm: 'SHA_256', KeyFormatType: 'PKCS_12' }), true)
})

test('a version has only the item types of its time, also inside a custom value', () => {
  for (const [type, since] of [
    ['TextString', '1.0'],
    ['DateTimeExtended', '2.0'],
    ['Reference', '3.0'],
  ] as const) {
    const item = { type, value: type === 'DateTimeExtended' ? 1n : 'a' }
    for (const value of [item, { type: 'Structure', value: [{ tag: 0x420001, item }] }])
      for (const version of versions) assert.equal(existsIn('x-a', version, value), version >= since)
  }
})

test('a version expresses a structure without the optional fields that it lacks, and no other', () => {
  const key = 'CryptographicParameters'
  assert.equal(existsIn(key, '1.0', { HashingAlgorithm: 'SHA3_256' }), true, 'it is left out')
  assert.equal(existsIn('Digest', '1.0', { HashingAlgorithm: 'SHA3_256' }), false, 'it is required')
  assert.equal(existsIn('Digest', '1.4', { HashingAlgorithm: 'SHA3_256' }), true)
  assert.equal(existsIn('Digest', '1.0', { DigestValue: Buffer.of(1) }), true, 'a part, for a search')
})

test('the name of a custom attribute has as many bytes as fit, and not one more', () => {
  const longest = `x-${'a'.repeat(attributeNameBytesMax - 4)}é`
  assert.equal(schemaKeyOf(longest, '1.4'), longest)
  assert.throws(() => schemaKeyOf(`${longest}a`, '1.4'), /has more than 1024 bytes/)
})

test('a deprecated attribute is still an attribute', () => {
  const { received } = through('1.4', 'OperationPolicyName', { index: 0, value: 'default' })
  assert.deepEqual(received, { key: 'OperationPolicyName', index: undefined, value: 'default' })
})

test('an unknown attribute name is refused with the name that was probably meant (KMIP 1.4 §11.2, §11.10)', () => {
  const cases: [string, Version, RegExp][] = [
    ['Colour', '1.1', /^KMIP 1\.1 has no attribute "Colour".*begin with x- or y-$/],
    ['cryptographic length', '1.1', /did you mean "Cryptographic Length"\?$/],
    ['CryptographicLength', '1.1', /did you mean "Cryptographic Length"\?$/],
    ['Fresh', '1.0', /^KMIP 1\.0 has no attribute "Fresh": it came with 1\.1$/],
    ['Operation Policy Name', '2.0', /1\.4 was the last to have it$/],
    ['X-Vendor', '1.1', /begin with x- or y-/],
    ['ax-Vendor', '1.4', /begin with x- or y-/],
    ['v:ACME:Colour', '1.4', /begin with x- or y-/],
    ['', '1.4', /begin with x- or y-/],
  ]
  for (const [name, version, message] of cases) {
    const refusal = refused(() => schemaKeyOf(name, version))
    assert.equal(refusal.reason, 'InvalidField')
    assert.match(refusal.message, message)
  }
  assert.equal(findKey('Colour'), undefined)
  assert.equal(
    refused(() => schemaKeyOf(`x-${'a'.repeat(attributeNameBytesMax)}`, '1.1')).reason,
    'InvalidField',
  )
})

test('an Attribute without a value, or with a negative index, is an invalid message', () => {
  const AttributeName = 'Object Group'
  assert.equal(refused(() => fromWire1({ AttributeName }, '1.4')).reason, 'InvalidMessage')
  const negative = { AttributeName, AttributeIndex: -1, AttributeValue: 'g' }
  assert.equal(refused(() => fromWire1(negative, '1.4')).reason, 'InvalidMessage')
})

// ---------------------------------------------------------------- 2.x

test('2.x sends attributes by tag, and custom ones with the vendors x and y', () => {
  const value = { type: 'TextString', value: 'VMware' } as const
  const set: AttributeSet = new Map<string, AttributeInstance[]>([
    ['CryptographicLength', [{ index: 0, value: 256 }]],
    [
      'ObjectGroup',
      [
        { index: 0, value: 'a' },
        { index: 2, value: 'b' },
      ],
    ],
    ['OperationPolicyName', [{ index: 0, value: 'default' }]],
    ['x-Vendor', [{ index: 0, value }]],
    ['v:ACME:Colour:dark', [{ index: 0, value }]],
  ])
  const options = { tag: tagCode('Attributes'), version: ordinal('2.1') }
  const sent = decode(attributesStructure, encode(attributesStructure, toWire2(set, '2.1'), options), options)
  assert.deepEqual(sent.Attribute, [
    { VendorIdentification: 'x', AttributeName: 'Vendor', AttributeValue: value },
    { VendorIdentification: 'ACME', AttributeName: 'Colour:dark', AttributeValue: value },
  ])
  assert.deepEqual(fromWire2(sent, '2.1'), [
    { key: 'CryptographicLength', value: 256 },
    { key: 'ObjectGroup', value: 'a' },
    { key: 'ObjectGroup', value: 'b' },
    { key: 'x-Vendor', value },
    { key: 'v:ACME:Colour:dark', value },
  ])
})

/** A vendor attribute whose vendor and name take so many bytes. */
const long = (bytes: number) => ({ VendorIdentification: 'ACME', AttributeName: 'é'.repeat((bytes - 4) / 2) })

test('2.x refers to attributes by tag, or by vendor and name', () => {
  for (const key of ['State', 'x-Vendor', 'y-Origin', 'v:ACME:a:b']) {
    assert.equal(keyOfReference(referenceOf(key), '2.0'), key)
  }
  assert.equal(refused(() => keyOfReference('RotateDate', '2.0')).reason, 'InvalidAttribute')
  assert.equal(refused(() => keyOfReference('KeyBlock', '2.0')).reason, 'InvalidAttribute')
  const odd = { VendorIdentification: 'a:b', AttributeName: 'c' }
  assert.equal(refused(() => keyOfReference(odd, '2.0')).reason, 'InvalidAttribute')
  assert.ok(keyOfReference(long(attributeNameBytesMax), '2.0').startsWith('v:ACME:'))
  assert.equal(
    refused(() => keyOfReference(long(attributeNameBytesMax + 2), '2.0')).reason,
    'InvalidAttribute',
  )
})

// ---------------------------------------------------------------- Compared

test('equal values have the same search key, different ones another', () => {
  const pair = fc.constantFrom<AttributeName>(
    'Name',
    'ObjectGroup',
    'Link',
    'Digest',
    'CryptographicParameters',
  )
  const values = pair.chain((key) =>
    fc.tuple(fc.constant(key), valuesOf(attributes[key].schema), valuesOf(attributes[key].schema)),
  )
  fc.assert(
    fc.property(values, ([key, a, b]) => {
      assert.equal(searchKey(key, a) === searchKey(key, b), isDeepEqual(a, b))
      const stored = unpackAttributes(packAttributes(new Map([[key, [{ index: 0, value: a }]]])))
      assert.equal(searchKey(key, stored.get(key)?.[0]?.value), searchKey(key, a))
    }),
  )
  fc.assert(
    fc.property(anyValue(), anyValue(), (a, b) => {
      assert.equal(searchKey('x-a', a) === searchKey('x-a', b), isDeepEqual(a, b))
    }),
  )
})

test('a field that is not there, is undefined or is empty makes no difference to the search key', () => {
  for (const [key, absent, present] of [
    [
      'CryptographicParameters',
      { BlockCipherMode: 'CBC', PaddingMethod: undefined },
      { BlockCipherMode: 'CBC' },
    ],
    [
      'CertificateSubject',
      { CertificateSubjectDistinguishedName: 'CN=a', CertificateSubjectAlternativeName: [] },
      { CertificateSubjectDistinguishedName: 'CN=a' },
    ],
  ] as const)
    assert.equal(searchKey(key, absent), searchKey(key, present))
})

function isDeepEqual(a: unknown, b: unknown): boolean {
  try {
    assert.deepStrictEqual(a, b)
    return true
  } catch {
    return false
  }
}

test('search keys are a stored format', () => {
  assert.equal(
    searchKey('Name', { NameValue: 'a"b', NameType: 'UninterpretedTextString' }),
    '{NameType:"UninterpretedTextString",NameValue:"a\\"b"}',
  )
  assert.equal(searchKey('ObjectGroup', 'g'), '"g"')
  assert.equal(searchKey('ActivationDate', 12n), '12n')
  const longest = 2n ** 4096n
  assert.equal(canonical(longest), `${longest}n`)
  assert.equal(canonical(longest + 1n), `0x1${'0'.repeat(1023)}1n`)
  assert.equal(canonical(-longest - 1n), `-0x1${'0'.repeat(1023)}1n`)
  assert.equal(canonical({ b: null, a: [true, undefined] }), '{a:[true,undefined],b:null}')
  assert.equal(searchKey('x-Vendor', { type: 'TextString', value: 'VMware' }), 'TextString:"VMware"')
  assert.equal(searchKey('x-Blob', { type: 'ByteString', value: Buffer.of(1, 255) }), 'ByteString:0x01ff')
})

test('every attribute has its own name and tag', () => {
  assert.equal(new Set(attributeNames.map((key) => attributes[key].name)).size, attributeNames.length)
  for (const key of attributeNames) {
    assert.ok(tagCode(key) > 0x420000)
    assert.equal(isCustom(key), false)
    assert.equal(findKey(attributeFact(key).name), key)
  }
})
