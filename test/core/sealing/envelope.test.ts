// Sealing (design: invariant 7): what was sealed opens in its place, under its key, whole and unaltered, and nowhere
// else.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  EnvelopeError,
  isSealedByDataKey,
  open,
  openMaterial,
  seal,
  sealMaterial,
  takeKey,
  type DataKey,
  type Place,
} from '../../../src/core/sealing/envelope.ts'

function newDataKey(id = randomBytes(16).toString('hex')): DataKey {
  return { id, key: takeKey(randomBytes(32)) }
}

const place: Place = {
  purpose: 'object',
  instanceId: 'instance-1',
  identifier: '12',
  objectType: 'SymmetricKey',
}
const dataKey = newDataKey()

test('what was sealed opens again, of any length, and never looks the same', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 3000 }),
      fc.string(),
      fc.string(),
      (bytes, instanceId, identifier) => {
        const here = { ...place, instanceId, identifier }
        const sealed = seal(dataKey, here, bytes)
        assert.deepEqual(new Uint8Array(open(dataKey, here, sealed)), bytes)
        assert.notDeepEqual(seal(dataKey, here, bytes), sealed)
      },
    ),
  )
})

test('material keeps its bytes and its head, also when it is empty', () => {
  const heads = [
    {},
    { keyFormatType: 'Raw' },
    { secretDataType: 'Password' },
    { opaqueDataType: 2 ** 31 },
  ] as const
  for (const head of heads)
    for (const length of [0, 1, 32, 512 * 1024]) {
      const bytes = randomBytes(length)
      const sealed = sealMaterial(dataKey, place, { bytes, head })
      assert.deepEqual(openMaterial(dataKey, place, sealed), { bytes, head })
    }
})

test('sealed bytes open in no other place', () => {
  const sealed = seal(dataKey, place, Buffer.from('secret'))
  const others: readonly Place[] = [
    { ...place, identifier: '13' },
    { ...place, instanceId: 'instance-2' },
    { ...place, objectType: 'SecretData' },
    { ...place, purpose: 'secret' },
    // The same text, cut elsewhere.
    { ...place, instanceId: 'instance-11', identifier: '2' },
    { ...place, instanceId: 'instance-', identifier: '112' },
    { ...place, identifier: '', objectType: '12SymmetricKey' },
  ]
  for (const other of others)
    assert.throws(() => open(dataKey, other, sealed), EnvelopeError, JSON.stringify(other))
})

test('no two places share sealed bytes', () => {
  const anyPlace = fc.record({
    purpose: fc.constantFrom('object', 'secret'),
    instanceId: fc.string({ maxLength: 4 }),
    identifier: fc.string({ maxLength: 4 }),
    objectType: fc.string({ maxLength: 4 }),
  })
  fc.assert(
    fc.property(anyPlace, anyPlace, (a, b) => {
      fc.pre(JSON.stringify(a) !== JSON.stringify(b))
      assert.throws(() => open(dataKey, b, seal(dataKey, a, Buffer.of(1))), EnvelopeError)
    }),
  )
})

test('another data key does not open it, nor the same bytes under another id', () => {
  const bytes = randomBytes(32)
  const key = { id: 'one', key: takeKey(Buffer.from(bytes)) }
  const sealed = seal(key, place, Buffer.from('secret'))
  assert.throws(() => open(newDataKey('one'), place, sealed), EnvelopeError)
  assert.throws(() => open({ id: 'two', key: takeKey(Buffer.from(bytes)) }, place, sealed), EnvelopeError)
  assert.equal(open({ id: 'one', key: takeKey(bytes) }, place, sealed).toString(), 'secret')
})

test('every byte counts, and every length', () => {
  const sealed = sealMaterial(dataKey, place, { bytes: randomBytes(32), head: { keyFormatType: 'Raw' } })
  for (let at = 0; at < sealed.length; at++)
    for (const bit of [0x01, 0x80]) {
      const altered = Buffer.from(sealed)
      altered[at] = (altered[at] ?? 0) ^ bit
      assert.throws(() => openMaterial(dataKey, place, altered), EnvelopeError, `byte ${at}`)
    }
  for (let length = 0; length < sealed.length; length++)
    assert.throws(() => openMaterial(dataKey, place, sealed.subarray(0, length)), EnvelopeError, `${length}`)
  assert.throws(() => openMaterial(dataKey, place, Buffer.concat([sealed, Buffer.of(0)])), EnvelopeError)
})

test('a format of another version is refused by its first byte, and said so', () => {
  const sealed = seal(dataKey, place, Buffer.from('secret'))
  for (const version of [0, 2, 255])
    assert.throws(
      () => open(dataKey, place, Buffer.concat([Buffer.of(version), sealed.subarray(1)])),
      (error) => error instanceof EnvelopeError && error.message.includes(`format ${version}`),
    )
})

test('of any bytes only an EnvelopeError comes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      assert.throws(() => openMaterial(dataKey, place, bytes), EnvelopeError)
      assert.throws(() => openMaterial(dataKey, place, Buffer.concat([Buffer.of(1), bytes])), EnvelopeError)
    }),
  )
})

test('a key is taken out of its bytes, which are wiped', () => {
  const bytes = randomBytes(32)
  takeKey(bytes)
  assert.deepEqual(bytes, Buffer.alloc(32))
})

test('what a data key sealed begins with its format, and a reference to a standard key does not', () => {
  assert.equal(isSealedByDataKey(seal(dataKey, place, Buffer.from('x'))), true)
  for (const other of [Buffer.of(0), Buffer.of(2, 1), Buffer.of()])
    assert.equal(isSealedByDataKey(other), false)
})
