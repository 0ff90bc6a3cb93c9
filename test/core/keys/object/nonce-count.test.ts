// The count of random nonces: blocks, the end of them, and that the count survives the process.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nonceBlock, nonceBlocksMax, randomNoncesMax } from '../../../../src/core/keys/object/nonce-count.ts'
import { packAttributes, unpackAttributes } from '../../../../src/wire/kmip/attributes.ts'
import type { ManagedObject } from '../../../../src/core/keys/object/managed-object.ts'
import { NonceBlocks, reservedNonces } from '../../../../src/core/keys/object/nonce-count.ts'
import { visibleKeys } from '../../../../src/core/operations/visible-keys.ts'
import { attributeSet, faults } from '../../../support/server/core.ts'

function key(uniqueIdentifier: string, reserved?: number): ManagedObject {
  const known = reserved !== undefined && { RandomNonces: { type: 'LongInteger', value: BigInt(reserved) } }
  return {
    instanceId: 'i',
    uniqueIdentifier,
    attributes: attributeSet({ ...known }),
  } as unknown as ManagedObject
}

test('a block is taken one by one, after its commit', async () => {
  const blocks = new NonceBlocks()
  assert.equal(blocks.take(key('a')), false)
  const { object, following } = blocks.reserve(key('a'))
  assert.equal(reservedNonces(object.attributes), nonceBlock)
  assert.equal(blocks.take(object), false, 'nothing is there before the commit')
  await following.after()
  for (let taken = 1; taken < nonceBlock; taken++) assert.ok(blocks.take(object))
  assert.equal(blocks.take(object), false)
  assert.equal(blocks.take(key('b')), false, 'each key has its own')
  assert.equal(reservedNonces(blocks.reserve(object).object.attributes), 2 * nonceBlock)
})

test('of too many keys the block that was not used for longest is given up', async () => {
  const blocks = new NonceBlocks()
  const reserve = (id: number) => blocks.reserve(key(String(id))).following.after()
  for (let id = 0; id < nonceBlocksMax; id++) await reserve(id)
  assert.ok(blocks.take(key('0')), 'all have their place')
  await reserve(nonceBlocksMax)
  assert.deepEqual(
    [0, 1, 2].map((id) => blocks.take(key(String(id)))),
    [true, false, true],
  )
})

test('the last block is given, and none beyond 2^32', () => {
  const last = randomNoncesMax - nonceBlock
  assert.equal(reservedNonces(new NonceBlocks().reserve(key('a', last)).object.attributes), 2 ** 32)
  assert.throws(() => new NonceBlocks().reserve(key('a', last + 1)), faults('PermissionDenied', /Re-key/))
})

test('the count is stored with the object, and no version shows it', () => {
  const { attributes } = new NonceBlocks().reserve(key('a')).object
  const stored = unpackAttributes(packAttributes(attributes))
  assert.equal(reservedNonces(stored), nonceBlock)
  for (const version of ['1.0', '1.4', '2.1'] as const) assert.deepEqual(visibleKeys(stored, version), [])
})
