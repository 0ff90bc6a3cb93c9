import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AlertSubject } from '../../../src/features/alerts/alert.ts'
import { look, type Watched } from '../../../src/features/alerts/changes.ts'
import type { Severity } from '../../../src/core/conditions/line.ts'

const condition = (severity: Severity, about = ''): AlertSubject => ({
  id: 'disk-low',
  severity,
  instanceId: null,
  about,
  message: `the disk is ${severity}`,
  action: 'Make room.',
})

/** What is told after each look: `event severity`. */
function told(looks: readonly (readonly AlertSubject[])[], least: Severity = 'warning'): readonly string[][] {
  let watched: Watched = new Map()
  return looks.map((now) => {
    const { watched: next, alerts } = look(watched, { conditions: now, isWhole: true }, least)
    watched = next
    return alerts.map(({ event, severity }) => `${event} ${severity}`)
  })
}

const [warning, critical, notice] = [[condition('warning')], [condition('critical')], [condition('notice')]]

const cases: readonly { what: string; looks: AlertSubject[][]; least?: Severity; tells: string[][] }[] = [
  {
    what: 'found twice is told, once',
    looks: [warning, warning, warning],
    tells: [[], ['begun warning'], []],
  },
  { what: 'found once is not told', looks: [warning, [], []], tells: [[], [], []] },
  {
    what: 'missing twice has ended',
    looks: [warning, warning, [], []],
    tells: [[], ['begun warning'], [], ['ended warning']],
  },
  {
    what: 'missing once goes on in silence',
    looks: [warning, warning, [], warning, warning],
    tells: [[], ['begun warning'], [], [], []],
  },
  {
    what: 'what becomes more severe is told again, what becomes less is not',
    looks: [warning, warning, critical, warning, critical],
    tells: [[], ['begun warning'], ['worse critical'], [], []],
  },
  { what: 'below the least severity is not told', looks: [notice, notice, []], tells: [[], [], []] },
  {
    what: 'falling below the least severity ends it, with the severity that was told',
    looks: [critical, critical, notice, notice],
    tells: [[], ['begun critical'], [], ['ended critical']],
  },
  {
    what: 'notices too, if they are wanted',
    looks: [notice, notice],
    least: 'notice',
    tells: [[], ['begun notice']],
  },
]

for (const { what, looks, least, tells } of cases)
  test(what, () => assert.deepEqual(told(looks, least), tells))

test('conditions with the same id are told apart by what they are about', () => {
  const two = [condition('warning', 'a'), condition('critical', 'b')]
  assert.deepEqual(told([two, two, [condition('warning', 'a')], [condition('warning', 'a')]]), [
    [],
    ['begun warning', 'begun critical'],
    [],
    ['ended critical'],
  ])
})
