// The anchor's file: while one slot is written, the other one stays.

import assert from 'node:assert/strict'
import { readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { anchorSlotBytes } from '../../../../src/core/audit/anchor.ts'
import { AnchorFile } from '../../../../src/outside/store/audit/anchor-file.ts'
import { storeFolder } from '../../../support/store/store-place.ts'

const filled = (value: number) => Buffer.alloc(anchorSlotBytes, value)
/** The first byte of each slot, and that each is one value throughout. */
function slotsOf(file: string): number[] {
  const slots = AnchorFile.read(file) ?? []
  return slots.map((slot) => {
    assert.ok(slot.equals(filled(slot[0] ?? 0)), 'a slot is whole')
    return slot[0] ?? 0
  })
}

test('a slot is overwritten until it is settled, then it is the other one', async (t) => {
  const file = path.join(await storeFolder(t), 'anchor')
  assert.equal(AnchorFile.read(file), null)
  const anchor = AnchorFile.create(file, filled(1))
  assert.deepEqual(slotsOf(file), [1, 0])
  assert.equal(statSync(file).mode & 0o777, 0o600)
  anchor.write(filled(2))
  anchor.write(filled(3))
  assert.deepEqual(slotsOf(file), [1, 3])
  anchor.settle()
  anchor.write(filled(4))
  assert.deepEqual(slotsOf(file), [4, 3])
  anchor.settle()
  anchor.settle()
  anchor.write(filled(5))
  assert.deepEqual(slotsOf(file), [4, 5], 'settling what was not written changes nothing')
  anchor.close()
  const again = AnchorFile.open(file, 1)
  again.write(filled(6))
  assert.deepEqual(slotsOf(file), [6, 5], 'the one that counts is kept')
  again.close()
  assert.equal(statSync(file).size, 2 * anchorSlotBytes, 'it never grows')
})

test('a file that is cut short reads as shorter slots', async (t) => {
  const file = path.join(await storeFolder(t), 'anchor')
  writeFileSync(file, filled(1).subarray(0, 100))
  assert.deepEqual(
    AnchorFile.read(file)?.map(({ length }) => length),
    [100, 0],
  )
})

test('links are not followed', async (t) => {
  const folder = await storeFolder(t)
  const [file, other] = [path.join(folder, 'anchor'), path.join(folder, 'other')]
  writeFileSync(other, filled(9))
  symlinkSync(other, file)
  assert.throws(() => AnchorFile.read(file), /ELOOP/)
  assert.throws(() => AnchorFile.open(file, 0), /ELOOP/)
  symlinkSync(other, `${file}.new`)
  AnchorFile.create(file, filled(1)).close()
  assert.ok(readFileSync(other).equals(filled(9)), 'what the links led to is as it was')
  assert.deepEqual(slotsOf(file), [1, 0])
})
