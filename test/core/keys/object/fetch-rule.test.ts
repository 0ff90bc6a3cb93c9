// Whether an object may leave with its material.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refuseToFetch } from '../../../../src/core/keys/object/fetch-rule.ts'
import type { ManagedObject } from '../../../../src/core/keys/object/managed-object.ts'
import { attributeSet, faults } from '../../../support/server/core.ts'

test('what is not extractable never leaves, and what is sensitive only wrapped', () => {
  const table = [
    [{}, false, null],
    [{ Sensitive: false, Extractable: true }, false, null],
    [{ Extractable: false }, false, 'NotExtractable'],
    [{ Extractable: false, Sensitive: true }, true, 'NotExtractable'],
    [{ Sensitive: true }, false, 'Sensitive'],
    [{ Sensitive: true }, true, null],
    [{}, true, null],
  ] as const
  for (const [attributes, wrapped, reason] of table) {
    const object = { attributes: attributeSet(attributes) } as ManagedObject
    if (reason === null) refuseToFetch(object, wrapped)
    else
      assert.throws(
        () => refuseToFetch(object, wrapped),
        faults(reason),
        JSON.stringify([attributes, wrapped]),
      )
  }
})
