// Lists of the admin API stand in an order that a person expects.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byName } from '../../../../src/doors/http/views/shown.ts'

test('lists go by name, and numbers in names by their value', () => {
  const names = ['vc10', 'backup', 'vc9', 'Vc1', 'émile']
  const listed = names.map((name) => ({ name })).toSorted(byName)
  assert.deepEqual(
    listed.map(({ name }) => name),
    ['backup', 'émile', 'Vc1', 'vc9', 'vc10'],
  )
})
