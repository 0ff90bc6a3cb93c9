// How conditions are found: each feature gathers its facts once for a look, and the most severe come first, whichever feature has them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Conditions, type ConditionsParts } from '../../../src/core/conditions/conditions.ts'
import { serverOccurrence, type ConditionLines, type Severity } from '../../../src/core/conditions/line.ts'
import { StoreUnavailable } from '../../../src/core/ports/store.ts'
import { nowMs, quietReadiness, tablesWith } from '../../support/server/quiet-facts.ts'

const parts = {
  access: { snapshot: async () => ({ tables: tablesWith(), alarms: [] }) },
  clock: { now: () => nowMs },
  readiness: async () => quietReadiness,
} as unknown as ConditionsParts

function line(severity: Severity, message: string): ConditionLines<unknown>[string] {
  return { severity, meaning: message, action: 'look', find: () => [serverOccurrence(message)] }
}

test('the most severe come first, of one severity in the order of the features', async () => {
  const conditions = new Conditions(parts)
  conditions.add({ lines: { a: line('notice', 'a'), b: line('critical', 'b') }, facts: () => ({}) })
  conditions.add({ lines: { c: line('warning', 'c'), d: line('critical', 'd') }, facts: () => ({}) })
  const found = (await conditions.gather()).conditions
  assert.deepEqual(
    found.map(({ id }) => id),
    ['b', 'd', 'c', 'a'],
  )
  assert.ok(['not-ready', 'a', 'b', 'c', 'd'].every((id) => id in conditions.lines))
})

test('a look gathers the facts of a feature once, for its conditions and for whoever reads them beside', async () => {
  const conditions = new Conditions(parts)
  let gathered = 0
  const lines: ConditionLines<{ readonly count: number }> = {
    counted: { ...line('notice', ''), find: ({ count }) => [serverOccurrence(`gathered ${count} times`)] },
  }
  conditions.add({ lines, facts: async () => ({ count: ++gathered }) })
  const look = await conditions.gather()
  assert.equal(look.conditions[0]?.message, 'gathered 1 times')
  assert.deepEqual(look.of(lines), { count: 1 })
})

test('without the store those of the node are known, and it is said that they are not all', async () => {
  const unready = { ...quietReadiness, ready: false, reason: 'it is away' }
  const conditions = new Conditions({ ...parts, readiness: async () => unready })
  const away = new StoreUnavailable('unavailable', 'away')
  conditions.add({ lines: { a: line('critical', 'a') }, facts: () => Promise.reject(away) })
  const { conditions: seen, isWhole } = await conditions.inSight()
  assert.deepEqual([seen.map(({ id }) => id), isWhole], [['not-ready'], false])
  await assert.rejects(conditions.gather(), StoreUnavailable)
})

test('a fault in the facts of a feature is no missing store', async () => {
  const conditions = new Conditions(parts)
  conditions.add({ lines: { a: line('critical', 'a') }, facts: () => Promise.reject(new Error('a bug')) })
  await assert.rejects(conditions.inSight(), /a bug/)
})
