// By which version a message is read: what its header states, at a fixed place.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dialectFor, protocolVersionOf, statedVersion } from '../../../src/wire/kmip/dialect.ts'
import { versions } from '../../../src/wire/kmip/version.ts'

test('a known version is read strictly, a later minor one as the newest that we know, another major one not at all', () => {
  for (const version of versions) {
    const { ProtocolVersionMajor: major, ProtocolVersionMinor: minor } = protocolVersionOf(version)
    assert.equal(`${major}.${minor}`, version)
    assert.deepEqual(dialectFor({ major, minor }), { version, unknownFields: 'refuse' })
  }
  for (const [major, minor, version] of [
    [1, 5, '1.4'],
    [1, 99, '1.4'],
    [2, 2, '2.1'],
    [2, 99, '2.1'],
    [3, 1, '3.0'],
  ] as const)
    assert.deepEqual(dialectFor({ major, minor }), { version, unknownFields: 'ignore' })
  for (const [major, minor] of [
    [0, 0],
    [4, 0],
    [-1, 4],
    [1, -1],
    [1, 100],
    [2, 100],
    [0, 104],
  ] as const)
    assert.equal(dialectFor({ major, minor }), undefined, `${major}.${minor}`)
})

/** A request that begins like one of version 7.9, KMIP 1.4 §9.1. */
function beginning(): Buffer {
  const words = [0x42007801, 64, 0x42007701, 56, 0x42006901, 32, 0x42006a02, 4, 7, 0, 0x42006b02, 4, 9, 0]
  const bytes = Buffer.alloc(words.length * 4)
  for (const [index, word] of words.entries()) bytes.writeUInt32BE(word, index * 4)
  return bytes
}

const stated = (bytes: Uint8Array) => statedVersion(bytes, 'RequestMessage', 'RequestHeader')

test('the version is read where it must stand, and nowhere else', () => {
  const bytes = beginning()
  assert.deepEqual(stated(bytes), { major: 7, minor: 9 })
  assert.deepEqual(stated(Buffer.concat([bytes, Buffer.alloc(9)])), { major: 7, minor: 9 })
  assert.deepEqual(stated(Buffer.concat([Buffer.of(1), bytes]).subarray(1)), { major: 7, minor: 9 })
  for (let length = 0; length < bytes.length; length++)
    assert.equal(stated(bytes.subarray(0, length)), undefined)
  for (const at of [0, 3, 8, 11, 16, 19, 24, 27, 40, 43]) {
    const changed = beginning()
    changed.writeUInt8((changed[at] ?? 0) ^ 1, at)
    assert.equal(stated(changed), undefined, `byte ${at}`)
  }
  assert.equal(statedVersion(bytes, 'ResponseMessage', 'RequestHeader'), undefined)
  const negative = beginning()
  negative.writeInt32BE(-1, 32)
  assert.deepEqual(stated(negative), { major: -1, minor: 9 })
})
