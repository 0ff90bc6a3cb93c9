// Where a client lets a new object be stored (KMIP 2.1 §7.33): one of its masks must be met whole.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maskOf } from '../../../src/wire/kmip/enums.ts'
import { requireStorage } from '../../../src/core/operations/storage-masks.ts'
import { faults } from '../../support/server/core.ts'

const [software, hardware, both] = ([['Software'], ['Hardware'], ['Software', 'Hardware']] as const).map(
  (names) => maskOf('ProtectionStorageMask', names),
)
const masks = (...ProtectionStorageMask: readonly (number | undefined)[]) => ({
  ProtectionStorageMask: ProtectionStorageMask.map((mask) => mask ?? assert.fail()),
})

test('no mask asks for nothing, and one of several is enough', () => {
  for (const wanted of [undefined, masks(), masks(software), masks(hardware, software)])
    assert.doesNotThrow(() => requireStorage(wanted))
})

test('a mask that cannot be met whole is refused, with the reason of the half of a pair', () => {
  for (const wanted of [masks(hardware), masks(both), masks(0), masks(hardware, both)]) {
    assert.throws(
      () => requireStorage(wanted),
      faults('ProtectionStorageUnavailable', /stores objects only in Software$/),
    )
    for (const reason of [
      'PrivateProtectionStorageUnavailable',
      'PublicProtectionStorageUnavailable',
    ] as const)
      assert.throws(() => requireStorage(wanted, reason), faults(reason))
  }
})
