// The structures of PKCS #11, byte by byte as 64-bit Linux lays them out.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Memory, ulong } from '../../../../src/outside/rootkey/pkcs11/memory.ts'

/** Addresses as in a machine where each buffer is at a round number. */
function memory() {
  const buffers: Buffer[] = []
  const addressOf = (buffer: Buffer) => {
    if (!buffers.includes(buffer)) buffers.push(buffer)
    return BigInt(buffers.indexOf(buffer) + 1) * 0x1_0000_0000n
  }
  return {
    memory: new Memory(addressOf),
    at: (address: bigint) => buffers[Number(address / 0x1_0000_0000n) - 1],
  }
}

test('a mechanism is its type, the address of its parameter and its length', () => {
  const { memory: some, at } = memory()
  const parameter = some.copy(Buffer.from('parameter'))
  const mechanism = some.mechanism(0x1087, parameter)
  assert.deepEqual([mechanism.length, ulong(mechanism), ulong(mechanism, 2)], [24, 0x1087, 9])
  assert.equal(at(mechanism.readBigUInt64LE(8)), parameter)
  assert.deepEqual([...some.mechanism(1)], [1, ...Array<number>(23).fill(0)])
})

test('a template has numbers of eight bytes, booleans of one, and bytes as they are', () => {
  const { memory: some, at } = memory()
  const template = some.template([
    { type: 0x161, value: 32 },
    { type: 1, value: true },
    { type: 3, value: Buffer.from('label') },
  ])
  assert.equal(template.length, 3 * 24)
  const values = [0, 1, 2].map((index) => at(template.readBigUInt64LE(index * 24 + 8)))
  assert.deepEqual(values, [Buffer.of(32, 0, 0, 0, 0, 0, 0, 0), Buffer.of(1), Buffer.from('label')])
  assert.deepEqual(
    [0, 1, 2].map((index) => ulong(template, index * 3 + 2)),
    [8, 1, 5],
  )
})

test('everything that was handed out is wiped', () => {
  const { memory: some } = memory()
  const all = [some.copy(Buffer.from('secret')), some.space(4).fill(7), some.fields(1, 2)]
  some.free()
  for (const one of all) assert.ok(one.every((byte) => byte === 0))
})
