// Which roles groups give, and which of them a request uses.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { grantFor, grantsOf, isAtLeast } from '../../../src/core/trust/role-rules.ts'
import type { Instance } from '../../../src/core/trust/rows.ts'

const instances = new Map(
  ['red', 'blue'].map((name) => [`id-of-${name}`, { id: `id-of-${name}`, name } as Instance]),
)
const rules = [
  { group: 'all', role: 'viewer', instance: null },
  { group: 'boss', role: 'manager', instance: null },
  { group: 'reds', role: 'operator', instance: 'red' },
  { group: 'more reds', role: 'manager', instance: 'id-of-red' },
  { group: 'gone', role: 'manager', instance: 'green' },
] as const
const grants = (...groups: string[]) => grantsOf(groups, rules, instances)

test('the highest role counts for each reach, and a rule for an instance that is not there gives nothing', () => {
  assert.deepEqual(grants(), [])
  assert.deepEqual(grants('unknown', 'gone'), [])
  assert.deepEqual(grants('all', 'boss'), [{ role: 'manager', instanceId: null }])
  assert.deepEqual(grants('boss', 'all'), [{ role: 'manager', instanceId: null }])
  assert.deepEqual(grants('reds', 'more reds'), [{ role: 'manager', instanceId: 'id-of-red' }])
  const turned = grantsOf(['reds', 'more reds', 'all', 'boss'], rules.toReversed(), instances)
  assert.deepEqual(
    new Map(turned.map(({ instanceId, role }) => [instanceId, role])),
    new Map([
      ['id-of-red', 'manager'],
      [null, 'manager'],
    ]),
    'whichever comes first',
  )
  assert.deepEqual(grants('all', 'reds'), [
    { role: 'viewer', instanceId: null },
    { role: 'operator', instanceId: 'id-of-red' },
  ])
})

test('a request uses the highest role for what it is about, and of two alike the one for all instances', () => {
  const some = grants('all', 'reds')
  assert.deepEqual(grantFor(some, 'id-of-red'), { role: 'operator', instanceId: 'id-of-red' })
  assert.deepEqual(grantFor(some, 'id-of-blue'), { role: 'viewer', instanceId: null })
  assert.deepEqual(grantFor(some, null), { role: 'viewer', instanceId: null })
  assert.equal(grantFor(grants('reds'), 'id-of-blue'), undefined)
  const everywhere = { role: 'manager', instanceId: null } as const
  const both = grants('boss', 'more reds')
  for (const some of [both, both.toReversed()]) assert.deepEqual(grantFor(some, 'id-of-red'), everywhere)
})

test('a role is at least those below it', () => {
  assert.ok(isAtLeast('manager', 'viewer') && isAtLeast('operator', 'operator'))
  assert.ok(!isAtLeast('viewer', 'operator'))
})
