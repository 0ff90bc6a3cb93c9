// A brought key that is not as long as it states: refused, unless the instance takes keys as they are sent.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requireLength } from '../../../../src/core/keys/object/other-length.ts'
import { faults } from '../../../support/server/core.ts'

test('only an instance that takes keys as they are sent takes one of another length, and none of no bits', () => {
  const other = { statedBits: 128, materialBits: 256 }
  const none = { statedBits: 0, materialBits: 0 }
  assert.doesNotThrow(() => requireLength(other, { lengths: 'as-sent' }))
  for (const [length, instance] of [
    [other, {}],
    [other, { lengths: 'exact' }],
    [none, { lengths: 'as-sent' }],
    [{ statedBits: -8, materialBits: 8 }, { lengths: 'as-sent' }],
  ] as const)
    assert.throws(
      () => requireLength(length, instance as Parameters<typeof requireLength>[1]),
      faults('InvalidField', new RegExp(`Length is ${length.statedBits}.*has ${length.materialBits} bits`)),
    )
})
