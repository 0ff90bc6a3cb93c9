// How many objects and bytes an instance may hold, and how full it is.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instanceBytesDefault, instanceObjectsDefault } from '../../../src/core/trust/instance-limits.ts'
import { limitsOf, usedRatios } from '../../../src/core/trust/instance-limits.ts'

test('a limit that the row does not set has its default', () => {
  assert.deepEqual(limitsOf({}), { objectsMax: instanceObjectsDefault, bytesMax: instanceBytesDefault })
  assert.deepEqual(limitsOf({ objectsMax: 5 }), { objectsMax: 5, bytesMax: instanceBytesDefault })
  assert.deepEqual(limitsOf({ bytesMax: 7 }), { objectsMax: instanceObjectsDefault, bytesMax: 7 })
})

test('the used share of each limit', () => {
  assert.deepEqual(usedRatios({ objectsMax: 10, bytesMax: 400 }, { objects: 5, bytes: 100 }), {
    objects: 0.5,
    bytes: 0.25,
  })
})
