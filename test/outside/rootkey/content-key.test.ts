import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contentKeyBytes, openOnce, sealOnce } from '../../../src/outside/rootkey/content-key.ts'

const place = Buffer.from('instance red')
const key = (bytes = contentKeyBytes) => Buffer.alloc(bytes, 7)
const isWiped = (buffer: Buffer) => buffer.every((byte) => byte === 0)

test('a content key seals and opens one secret, at its place alone, and is wiped', () => {
  const [forSealing, forOpening, elsewhere] = [key(), key(), key()]
  const sealed = sealOnce(forSealing, Buffer.from('secret'), place)
  assert.equal(openOnce(forOpening, sealed, place).toString(), 'secret')
  assert.throws(() => openOnce(elsewhere, sealed, Buffer.from('instance blue')), /another place/)
  assert.ok([forSealing, forOpening, elsewhere].every(isWiped))
})

test('a content key is wiped too where a length is wrong', () => {
  const [short, whole] = [key(16), key()]
  const sealed = sealOnce(key(), Buffer.from('secret'), place)
  assert.throws(() => openOnce(short, sealed, place), /did not seal this/)
  assert.throws(() => openOnce(whole, sealed.subarray(0, 15), place), /did not seal this/)
  assert.ok(isWiped(short) && isWiped(whole))
})
