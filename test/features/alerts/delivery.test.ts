// Each target gets its alerts in order, again after what may pass, and not for ever.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Alert } from '../../../src/features/alerts/alert.ts'
import { Delivery, type Undelivered } from '../../../src/features/alerts/delivery.ts'
import { NotSent } from '../../../src/outside/webhooks/post.ts'
import type { AlertTarget } from '../../../src/features/alerts/targets.ts'
import {
  alertGiveUpMs,
  alertRetryMs,
  alertRetryMsMax,
  alertsWaitingMax,
} from '../../../src/features/alerts/delivery.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'

const a: AlertTarget = { kind: 'json', address: 'a', name: 'a' }
const b: AlertTarget = { kind: 'json', address: 'b', name: 'b' }

/** Lets what was begun go on as far as it can. */
const settle = () => new Promise((resolve) => setImmediate(resolve))

function setUp(failing: (target: string, message: string) => NotSent | undefined) {
  const clock = new MovableClock()
  const sent: string[] = []
  const lost: Undelivered[] = []
  const delivery = new Delivery({
    clock,
    send: async ({ message }, { name }) => {
      sent.push(`${name} ${message}`)
      const failure = failing(name, message)
      if (failure) throw failure
    },
    onUndelivered: (one) => lost.push(one),
  })
  const add = (message: string, targets = [a], instanceId: string | null = null) =>
    delivery.add({ ...alertOf(message, clock.now()), instanceId }, targets)
  return { clock, sent, lost, delivery, add }
}

function alertOf(message: string, atMs: number): Alert {
  const about = { id: 'x', severity: 'warning', instanceId: null, about: '', action: '' } as const
  return { ...about, message, key: 'k', event: 'begun', atMs }
}

test('a target that fails delays its own alerts only, and gets them in order', async () => {
  let down = true
  const { clock, sent, delivery, add } = setUp((target) =>
    target === 'a' && down ? new NotSent('it is down', true) : undefined,
  )
  add('1', [a, b])
  add('2', [a, b])
  await settle()
  assert.deepEqual(sent, ['a 1', 'b 1', 'b 2'])
  assert.equal(delivery.waiting, 2)
  down = false
  clock.pass(alertRetryMs)
  await settle()
  assert.deepEqual(sent.slice(3), ['a 1', 'a 2'])
  assert.equal(delivery.waiting, 0)
})

test('pauses grow up to a bound, and after a day an alert is given up', async () => {
  const { clock, sent, lost, delivery, add } = setUp(() => new NotSent('it is down', true))
  add('1')
  await settle()
  let pauses = 0
  while (lost.length === 0) {
    clock.pass(alertRetryMsMax)
    await settle()
    pauses++
  }
  assert.equal(lost[0]?.why, 'it is down')
  assert.equal(pauses, Math.floor(alertGiveUpMs / alertRetryMsMax) + 1)
  assert.equal(sent.length, pauses + 1)
  assert.deepEqual(delivery.undelivered, lost)
})

test('a clock that is set ahead while an alert waits makes nobody give it up', async () => {
  let down = true
  const { clock, sent, lost, add } = setUp(() => (down ? new NotSent('it is down', true) : undefined))
  add('1')
  await settle()
  clock.jump(365 * alertGiveUpMs)
  clock.pass(alertRetryMs)
  await settle()
  down = false
  clock.pass(2 * alertRetryMs)
  await settle()
  assert.deepEqual([sent, lost], [['a 1', 'a 1', 'a 1'], []])
})

test('what can never succeed is given up at once, and the next alert is sent', async () => {
  const { sent, lost, add } = setUp((_, message) =>
    message === '1' ? new NotSent('it answered 404', false) : undefined,
  )
  add('1')
  add('2')
  await settle()
  assert.deepEqual(sent, ['a 1', 'a 2'])
  assert.deepEqual(
    lost.map(({ why, alert }) => `${alert.message} ${why}`),
    ['1 it answered 404'],
  )
})

test('of too many that wait, the oldest behind the first give way', async () => {
  const { lost, delivery, add } = setUp(() => new NotSent('it is down', true))
  for (let number = 0; number < alertsWaitingMax + 2; number++) add(String(number))
  await settle()
  assert.equal(delivery.waiting, alertsWaitingMax)
  assert.deepEqual(
    lost.map(({ alert }) => alert.message),
    ['1', '2'],
  )
})

test('of too many that wait, those of the instance with most give way, and not what others have to hear', async () => {
  const { lost, add } = setUp(() => new NotSent('it is down', true))
  add('first')
  add('of the server')
  add('of b', [a], 'b')
  for (let number = 0; number < alertsWaitingMax; number++) add(String(number), [a], 'c')
  await settle()
  assert.deepEqual(
    lost.map(({ alert }) => alert.message),
    ['0', '1', '2'],
  )
})

test('a target that is taken out and comes back while an alert is on its way to it gets the next one', async () => {
  const { sent, delivery, add } = setUp(() => undefined)
  add('1')
  delivery.keep([b])
  add('2')
  await settle()
  assert.deepEqual(sent, ['a 1', 'a 2'])
})

test('nothing is said of a target that was taken out, since it takes nothing any more', async () => {
  const { delivery, add } = setUp(() => new NotSent('it answered 400', false))
  add('1', [a, b])
  await settle()
  delivery.keep([b])
  assert.deepEqual(
    delivery.silent.map(({ target }) => target),
    ['b'],
  )
})

test('after the end nothing is sent any more', async () => {
  const { clock, sent, delivery, add } = setUp(() => new NotSent('it is down', true))
  add('1')
  await settle()
  delivery.stop()
  clock.pass(alertRetryMs)
  await settle()
  assert.deepEqual(sent, ['a 1'])
})
