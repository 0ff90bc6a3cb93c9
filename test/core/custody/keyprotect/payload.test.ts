// What a standard key holds, and what its description says: read back as they were written, and nothing else is read.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { deflateRawSync } from 'node:zlib'
import {
  describeKey,
  describeMarker,
  readDescription,
} from '../../../../src/core/custody/keyprotect/description.ts'
import {
  bindHeader,
  comparable,
  packPayload,
  PayloadError,
  saysTheSame,
  unpackPayload,
  type Header,
} from '../../../../src/core/custody/keyprotect/payload.ts'
import {
  decodeStandardKeyRef,
  encodeStandardKeyRef,
} from '../../../../src/core/custody/keyprotect/reference.ts'
import { rootKeyPlaintextBytesMax, wrappedKeyBytesMax } from '../../../../src/base/bounds.ts'
import { standardKeyNamesBytesMax } from '../../../../src/core/custody/keyprotect/payload.ts'

const header: Header = {
  instance: 'instance-1',
  instanceName: 'vmware',
  identifier: 'ключ "1"',
  objectType: 'SymmetricKey',
  generation: 3,
  writer: 'run-1',
  head: {
    keyFormatType: 'Raw',
    secretDataType: 'Password',
    opaqueDataType: 7,
    certificateType: 'X_509',
    certificateRequestType: 'PKCS_10',
    pgpKeyVersion: 4,
    splitKey: {
      parts: 3,
      part: 2,
      threshold: 2,
      method: 'PolynomialSharingPrimeField',
      primeFieldSize: '13',
    },
    keyCompressionType: 'ECPublicKeyTypeX9_62CompressedPrime',
    wrapping: { data: 'AA==', isInKeyValue: true },
    isElsewhere: true,
  },
  algorithm: 'AES',
  length: 256,
  mask: 12,
  names: [{ value: 'disk', type: 'UninterpretedTextString' }],
  closing: { state: 'Compromised', at: 1_700_000_000, occurredAt: 1_600_000_000, reason: 'KeyCompromise' },
  deactivationDate: 4_000_000_000,
  restrictions: {
    sensitive: true,
    extractable: false,
    usageLimits: { unit: 'Byte', total: '9223372036854775807', count: '50' },
  },
}

test('a payload is read back as it was written, with what binds it', () => {
  const bound = bindHeader(header)
  const wrapped = randomBytes(300)
  const read = unpackPayload(packPayload(bound, wrapped, 7_500))
  assert.deepEqual(read.header, header)
  assert.deepEqual(read.wrapped, wrapped)
  assert.deepEqual(read.associatedData, bound.associatedData)
})

test('every field of the header is bound: with any other value the associated data is another', () => {
  const whole = bindHeader(header).associatedData
  const others: Partial<Header>[] = [
    { instance: 'instance-2' },
    { identifier: '2' },
    { objectType: 'SecretData' },
    { generation: 4 },
    { writer: 'run-2' },
    { head: {} },
    { algorithm: null },
    { length: 128 },
    { mask: 4 },
    { names: [] },
    { closing: null },
    { deactivationDate: null },
    { restrictions: { ...header.restrictions, sensitive: false } },
  ]
  for (const other of others)
    assert.notDeepEqual(bindHeader({ ...header, ...other }).associatedData, whole, JSON.stringify(other))
})

test('the largest wrapped form that a root key gives fits, and a larger one is refused', () => {
  const wrapped = base64(base64(randomBytes(rootKeyPlaintextBytesMax + 40)))
  assert.ok(packPayload(bindHeader(header), wrapped, 7_500).length <= 7_500)
  assert.throws(() => packPayload(bindHeader(header), randomBytes(7_500), 7_500), PayloadError)
})

test('names that do not fit are left out, the first ones first kept', () => {
  const { header: read } = unpackPayload(
    packPayload(bindHeader({ ...header, names: [name(1), name(2), name(3)] }), randomBytes(9), 7_500),
  )
  assert.deepEqual(read.names, [name(1), name(2)])
})

test('names fit up to the last byte of their bound, and one byte more leaves the last one out', () => {
  const kept = (value: string) =>
    unpackPayload(
      packPayload(bindHeader({ ...header, names: [name(1), { ...name(2), value }] }), randomBytes(9), 7_500),
    ).header.names.length
  const empty = JSON.stringify([name(1), { ...name(2), value: '' }]).length
  const most = standardKeyNamesBytesMax - empty
  assert.deepEqual([kept('x'.repeat(most)), kept('x'.repeat(most + 1))], [2, 1])
})

const { closing, restrictions } = header
const limited = (more: object) => ({
  restrictions: {
    ...restrictions,
    usageLimits: { ...restrictions.usageLimits, ...more } as Header['restrictions']['usageLimits'],
  },
})

/** A payload that was cut off nowhere, with another header. */
function altered(more: object): Buffer {
  const line = Buffer.from(`${JSON.stringify({ ...header, mortise: 2, ...more })}\n`)
  return Buffer.concat([line, deflateRawSync(randomBytes(9))])
}

test('a payload with the header as it was written is read', () => {
  assert.deepEqual(unpackPayload(altered({})).header, header)
})

for (const [name, payload] of [
  ['nothing', Buffer.of()],
  ['no line', Buffer.from('{}')],
  ['no JSON', Buffer.from('nonsense\nrest')],
  ['another program’s', Buffer.from('{"format":1,"kind":"key"}\nrest')],
  ['cut off', packPayload(bindHeader(header), randomBytes(300), 7_500).subarray(0, -5)],
  ['generation 0', altered({ generation: 0 })],
  ['a limit of use that is no number', altered(limited({ total: 'all' }))],
  ['a limit of use with a unit in it', altered(limited({ total: '50 Bytes' }))],
  ['a count of use that is no number', altered(limited({ count: 'all' }))],
  ['a count of use with a unit in it', altered(limited({ count: '50 Bytes' }))],
] as const)
  test(`what is not ours is refused: ${name}`, () => {
    assert.throws(() => unpackPayload(payload), PayloadError)
  })

test('copies are compared without who wrote them', () => {
  assert.equal(
    comparable({ ...header, writer: 'run-2', instanceName: 'x', sharesNames: true }),
    comparable(header),
  )
  assert.notEqual(comparable({ ...header, closing: null }), comparable(header))
})

const closed = (more: object) => ({ closing: { ...closing, ...more } as Header['closing'] })
for (const [what, base, change, same] of [
  ['names and algorithm, which are recorded at the creation', {}, { names: [], algorithm: null }, true],
  ['a date of deactivation, when it is closed', {}, { deactivationDate: null }, true],
  ['when it was closed', {}, closed({ at: 1, occurredAt: null }), true],
  ['no closing', {}, { closing: null }, false],
  ['another closing', {}, closed({ state: 'Deactivated' }), false],
  ['another reason', {}, closed({ reason: null }), false],
  ['a date of deactivation', { closing: null }, { deactivationDate: 1 }, false],
  ['no date of deactivation', { closing: null }, { deactivationDate: null }, false],
  ['not sensitive', {}, { restrictions: { ...restrictions, sensitive: false } }, false],
  ['extractable', {}, { restrictions: { ...restrictions, extractable: true } }, false],
  ['no limit of use', {}, { restrictions: { ...restrictions, usageLimits: null } }, false],
  ['less use left', {}, limited({ count: '4' }), false],
  ['another total', {}, limited({ total: '4' }), false],
  ['another unit', {}, limited({ unit: 'Object' }), false],
] as const)
  test(`what is recorded later is compared by itself: ${what}: ${same ? 'the same' : 'something else'}`, () => {
    const one = { ...header, ...base }
    assert.equal(saysTheSame({ ...one, ...change }, one), same)
  })

test('descriptions are read back as they were written, and fit the service', () => {
  const id = '3b1d2c44-6a5f-4c7e-9d1a-0f2e4b8c7a61'
  const about = { instanceId: id, rootKeyId: id }
  for (const closing of [null, 'Deactivated', 'Compromised'] as const) {
    const text = describeKey({ ...about, generation: 999_999_999, closing })
    assert.ok(text.length <= 240)
    assert.deepEqual(readDescription(text), { kind: 'key', ...about, generation: 999_999_999, closing })
  }
  for (const says of [
    { way: 'stays', place: '' },
    { way: 'to', place: 'nowhere' },
    { way: 'from', place: id },
  ] as const) {
    const text = describeMarker({ ...about, number: 1_764_000_000, epoch: 12, says })
    assert.ok(text.length <= 240)
    assert.deepEqual(readDescription(text), {
      kind: 'marker',
      ...about,
      number: 1_764_000_000,
      epoch: 12,
      says,
    })
  }
  for (const text of ['', 'mortise 1 key, instance a, root key b, generation 1', 'mortise 2 key, instance a'])
    assert.equal(readDescription(text), undefined)
})

test('a reference is read back as it was written, and an altered one is refused', () => {
  const ref = { rootKeyUri: 'keyprotect://h/i/k', rootKeyId: 'k', standardKeyId: 's', generation: 4 }
  const encoded = encodeStandardKeyRef(ref)
  assert.deepEqual(decodeStandardKeyRef(encoded), ref)
  for (const altered of [Buffer.of(1, 2), encoded.subarray(0, -1), Buffer.from('\u0002{}')])
    assert.throws(() => decodeStandardKeyRef(altered), PayloadError)
})

function base64(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('base64'))
}

function name(number: number) {
  return { value: `${number}`.repeat(400), type: 'URI' }
}

test('a payload that would swell beyond what is ever wrapped is not unpacked', () => {
  const { line } = bindHeader(header)
  const swollen = (bytes: number) => Buffer.concat([line, deflateRawSync(Buffer.alloc(bytes))])
  assert.equal(unpackPayload(swollen(wrappedKeyBytesMax)).wrapped.length, wrappedKeyBytesMax)
  assert.throws(() => unpackPayload(swollen(wrappedKeyBytesMax + 1)), PayloadError)
})

test('a payload that is not ours counts as altered', () => {
  assert.equal(new PayloadError('cut off').altered, true)
})
