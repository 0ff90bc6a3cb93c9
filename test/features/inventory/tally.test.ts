// The rows of an inventory in sum, and their age in words.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ageText, isOld, useText } from '../../../src/base/text/inventory-age.ts'
import { UseTally } from '../../../src/features/inventory/tally.ts'
import { inventoryOldDays } from '../../../src/base/bounds.ts'
import type { FoundInventoryRow } from '../../../src/core/ports/inventory.ts'

function row(
  name: string,
  keyState: string | null,
  more: Partial<FoundInventoryRow> = {},
): FoundInventoryRow {
  return { kind: 'vm', name, machineId: '', disk: '', provider: 'mortise', key: 'k', keyState, ...more }
}

function tallied(rows: readonly FoundInventoryRow[], named?: ReadonlySet<string>) {
  const tally = new UseTally(2)
  for (const one of rows) tally.add(one)
  return tally.result(named)
}

const mixed = [
  row('a', 'Active'),
  row('a', 'Active', { disk: 'Hard disk 1' }),
  row('a', null, { disk: 'Hard disk 2' }),
  row('a', 'PreActive', { machineId: 'vm-2' }),
  row('b', null),
  row('c', 'DestroyedCompromised'),
  row('d', null, { provider: 'ibm' }),
  row('e', 'Deactivated', { kind: 'host' }),
  row('f', null, { provider: '' }),
]

test('machines are counted once each, by what is with their keys', () => {
  const { providers, ...counts } = tallied(mixed)
  assert.deepEqual(counts, {
    machines: 7,
    used: 3,
    firstUsed: [
      { kind: 'vm', name: 'a' },
      { kind: 'vm', name: 'a' },
    ],
    missing: 3,
    destroyed: 1,
    elsewhere: 1,
  })
  assert.deepEqual(
    providers.map(({ provider, machines, ours }) => [provider, machines, ours]),
    [
      ['mortise', 5, true],
      ['ibm', 1, false],
      ['', 1, true],
    ],
  )
})

test('a provider is this instance once one of its keys is here, or when somebody names it', () => {
  assert.equal(tallied([row('a', null), row('b', null)]).elsewhere, 2)
  assert.equal(tallied([row('a', null), row('b', 'Destroyed')]).elsewhere, 0)
  const named = tallied(mixed, new Set(['ibm']))
  assert.deepEqual([named.missing, named.elsewhere], [1, 6])
  assert.equal(tallied([]).machines, 0)
})

test('ages are words that people use, and an old inventory is called old', () => {
  const hourMs = 3600_000
  const ages = [-hourMs, 0, 90_000, hourMs, 5 * hourMs, 25 * hourMs, 49 * hourMs].map((age) =>
    ageText(0, age),
  )
  assert.deepEqual(ages, [
    'just now',
    'just now',
    '1 minute ago',
    '1 hour ago',
    '5 hours ago',
    '1 day ago',
    '2 days ago',
  ])
  const oldMs = inventoryOldDays * 24 * hourMs
  assert.deepEqual([isOld(0, oldMs), isOld(0, oldMs + 1)], [false, true])
  const use = { machines: 3, first: [{ kind: 'host', name: 'esx' }], takenMs: 0 }
  assert.equal(useText(use, 2 * 24 * hourMs), 'in use by 3 machines as of 2 days ago (host esx, 2 more)')
  assert.equal(
    useText({ ...use, machines: 1 }, 2 * oldMs),
    'in use by 1 machine as of 14 days ago, an old inventory (host esx)',
  )
  assert.equal(useText({ ...use, machines: 0, first: [] }, 0), 'in use by no machine as of just now')
})
