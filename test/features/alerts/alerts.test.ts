// The looks: on a clock that the test turns, with conditions that it sets.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Alert, AlertSubject } from '../../../src/features/alerts/alert.ts'
import { Alerts, type AlertsOptions } from '../../../src/features/alerts/alerts.ts'
import { NotSent } from '../../../src/outside/webhooks/post.ts'
import type { AlertTarget } from '../../../src/features/alerts/targets.ts'
import { dayMs } from '../../../src/core/conditions/line.ts'
import { conditionsOf } from '../../support/server/all-conditions.ts'
import { alertLookMs } from '../../../src/features/alerts/alerts.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { quietFacts } from '../../support/server/quiet-facts.ts'

const hook: AlertTarget = { kind: 'json', address: 'https://x', name: 'hook' }
const pager: AlertTarget = { kind: 'pagerduty', address: 'K', name: 'pager' }
const low: AlertSubject = {
  id: 'disk-low',
  severity: 'warning',
  instanceId: null,
  about: '',
  message: 'low',
  action: 'Make room.',
}

/** `told`: what is remembered of what people were told, as the process before left it. */
function setUp(told: { conditions: readonly AlertSubject[] } = { conditions: [] }) {
  const clock = new MovableClock()
  const state: {
    conditions: AlertSubject[]
    isWhole: boolean
    targets: AlertTarget[]
    broken: boolean
    down: boolean
    mended: boolean
  } = {
    conditions: [low],
    isWhole: true,
    targets: [hook],
    broken: false,
    down: false,
    mended: false,
  }
  const sent: string[] = []
  const failures: unknown[] = []
  const memory: AlertsOptions['told'] = {
    read: async () => told.conditions,
    write: async (conditions) => void (told.conditions = structuredClone(conditions)),
  }
  const alerts = new Alerts({
    clock,
    conditions: async () => ({ conditions: state.conditions, isWhole: state.isWhole }),
    least: () => 'warning',
    targets: async () => {
      if (state.broken) throw new Error('line 3: no address')
      return state.targets
    },
    send: async ({ event, id }: Alert, { name }) => {
      if (state.down) throw new NotSent('it is down', true)
      if (name === 'pager' && !state.mended) throw new NotSent('it answered 400', false)
      sent.push(`${name} ${event}${id === 'not-ready' || id === 'alerts-silent' ? ` ${id}` : ''}`)
    },
    told: memory,
    failed: (error) => failures.push(error),
    onUndelivered: () => {},
  })
  const pass = async () => {
    clock.pass(alertLookMs)
    await alerts.look()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { alerts, state, sent, failures, pass, memory }
}

test('a condition that lasts is told at its beginning and its end', async () => {
  const { alerts, state, sent, pass } = setUp()
  alerts.start()
  await pass()
  await pass()
  assert.deepEqual(sent, ['hook begun'])
  state.conditions = []
  for (let times = 0; times < 3; times++) await pass()
  assert.deepEqual(sent, ['hook begun', 'hook ended'])
  await alerts.stop()
  await pass()
})

test('what a look could not see counts as it was, and what it saw is told', async () => {
  const { alerts, state, sent, pass } = setUp()
  alerts.start()
  for (let times = 0; times < 2; times++) await pass()
  state.conditions = [{ ...low, id: 'not-ready', severity: 'critical' }]
  state.isWhole = false
  for (let times = 0; times < 3; times++) await pass()
  assert.deepEqual(sent, ['hook begun', 'hook begun not-ready'])
  state.conditions = [low]
  state.isWhole = true
  for (let times = 0; times < 3; times++) await pass()
  assert.deepEqual(sent, ['hook begun', 'hook begun not-ready', 'hook ended not-ready'])
  await alerts.stop()
})

test('what a process told that holds is told again by the next one, or told as over, though nobody saw it end', async () => {
  const told = { conditions: [] }
  const first = setUp(told)
  first.state.conditions = [low, { ...low, id: 'tampering' }]
  first.alerts.start()
  for (let times = 0; times < 2; times++) await first.pass()
  await first.alerts.stop()
  const next = setUp(told)
  next.alerts.start()
  for (let times = 0; times < 3; times++) await next.pass()
  await next.alerts.stop()
  assert.deepEqual(next.sent, ['hook begun', 'hook ended'])
  assert.deepEqual(next.failures, [])
  const third = setUp(told)
  third.state.conditions = []
  third.alerts.start()
  for (let times = 0; times < 3; times++) await third.pass()
  await third.alerts.stop()
  assert.deepEqual(third.sent, ['hook ended'])
  assert.deepEqual(told.conditions, [])
})

test('an end that no target has taken yet is told by the next process', async () => {
  const told = { conditions: [] }
  const first = setUp(told)
  first.alerts.start()
  for (let times = 0; times < 2; times++) await first.pass()
  first.state.down = true
  first.state.conditions = []
  for (let times = 0; times < 4; times++) await first.pass()
  await first.alerts.stop()
  assert.deepEqual(first.sent, ['hook begun'])
  const next = setUp(told)
  next.state.conditions = []
  next.alerts.start()
  for (let times = 0; times < 3; times++) await next.pass()
  await next.alerts.stop()
  assert.deepEqual(next.sent, ['hook ended'])
})

test('a memory that cannot be read or written is said, and people are alerted all the same', async () => {
  const { alerts, sent, failures, pass, memory } = setUp()
  Object.assign(memory, {
    read: () => Promise.reject(new Error('no memory')),
    write: () => Promise.reject(new Error('no room')),
  })
  alerts.start()
  for (let times = 0; times < 3; times++) await pass()
  await alerts.stop()
  assert.deepEqual(sent, ['hook begun'])
  assert.match(failures.join(), /no memory.*no room/)
})

test('a target that takes nothing is told to the others once, and as over once it takes a test', async () => {
  const { alerts, state, sent, pass } = setUp()
  state.targets = [hook, pager]
  const about = () => conditionsOf({ ...quietFacts, trouble: null, silent: alerts.silent })
  state.conditions = [low]
  alerts.start()
  for (let times = 0; times < 3; times++) await pass()
  for (let looks = 0; looks < 1.1 * (dayMs / alertLookMs); looks++) {
    state.conditions = [...about()]
    await pass()
  }
  assert.deepEqual(sent, ['hook begun', 'hook begun alerts-silent', 'hook ended'])
  state.mended = true
  await alerts.test()
  for (let times = 0; times < 3; times++) {
    state.conditions = [...about()]
    await pass()
  }
  assert.deepEqual(sent.slice(3), [
    'hook test',
    'pager test',
    'hook ended alerts-silent',
    'pager ended alerts-silent',
  ])
  await alerts.stop()
})

test('a file of targets that is wrong is said, and the looks go on once it is right', async () => {
  const { alerts, state, sent, failures, pass } = setUp()
  state.broken = true
  alerts.start()
  await pass()
  assert.match(String(failures[0]), /line 3/)
  state.broken = false
  for (let times = 0; times < 3; times++) await pass()
  assert.deepEqual(sent, ['hook begun'])
  await alerts.stop()
})

test('while nobody is named nothing is looked for; who is named later hears of what holds', async () => {
  const { alerts, state, sent, pass } = setUp()
  state.targets = []
  alerts.start()
  for (let times = 0; times < 3; times++) await pass()
  state.targets = [hook]
  for (let times = 0; times < 3; times++) await pass()
  assert.deepEqual(sent, ['hook begun'])
  await alerts.stop()
})

test('a test goes to each target at once, and says how that went', async () => {
  const { alerts, state, sent } = setUp()
  state.targets = [hook, pager]
  assert.deepEqual(await alerts.test(), [
    { target: 'hook', problem: null },
    { target: 'pager', problem: 'it answered 400' },
  ])
  assert.deepEqual(sent, ['hook test'])
  assert.deepEqual(alerts.undelivered, [])
})

test('an alert that waits does not go to a target that was taken out of the file meanwhile', async () => {
  const { alerts, state, sent, pass } = setUp()
  state.down = true
  alerts.start()
  await pass()
  await pass()
  assert.equal(alerts.waiting, 1)
  state.targets = []
  await pass()
  assert.equal(alerts.waiting, 0)
  state.down = false
  for (let times = 0; times < 3; times++) await pass()
  assert.deepEqual(sent, [])
})
