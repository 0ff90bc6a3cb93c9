// Access to a service: taken once, renewed before it ends, given up when it is refused. Key Protect's and Vault's tests have the services.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { iamTokenFreshMs } from '../../../../src/outside/rootkey/bounds.ts'
import { iamRefusedKeyMs, loginPauseMsMax } from '../../../../src/outside/rootkey/https/held-access.ts'
import { RootKeyError } from '../../../../src/core/ports/root-key.ts'
import { HeldAccess } from '../../../../src/outside/rootkey/https/held-access.ts'
import { MovableClock } from '../../../support/time/movable-clock.ts'

const clock = new MovableClock()

/** Good for a minute, and renewed from the half of it on. */
function access(name: string) {
  const now = clock.monotonic()
  return { name, refreshFrom: now + 30_000, usableUntil: now + 60_000 }
}

test('many who wait take one; it is renewed in the background, and a failed renewal is not repeated for every call', async () => {
  const held = new HeldAccess<ReturnType<typeof access>>(clock)
  const begun: string[] = []
  const begin = async () => {
    begun.push('begin')
    return access('first')
  }
  const many = await Promise.all([held.take(begin), held.take(begin), held.take(begin)])
  assert.deepEqual(
    many.map(({ name }) => name),
    ['first', 'first', 'first'],
  )
  clock.pass(31_000)
  const renew = async () => {
    begun.push('renew')
    throw new RootKeyError('unreachable', 'down')
  }
  for (let calls = 0; calls < 3; calls++) assert.equal((await held.take(begin, renew)).name, 'first')
  assert.deepEqual(begun, ['begin', 'renew'])
  clock.pass(29_000)
  await held.take(begin, renew)
  assert.deepEqual(begun, ['begin', 'renew', 'begin'])
})

test('a service that does not answer is asked at growing intervals, however many calls want access, until it answers', async () => {
  const held = new HeldAccess<ReturnType<typeof access>>(clock)
  let asked = 0
  let isDown = true
  const begin = async () => {
    asked++
    if (isDown) throw new RootKeyError('unreachable', 'down')
    return access('at last')
  }
  const isRefused = () => assert.rejects(held.take(begin), RootKeyError)
  await isRefused()
  await isRefused()
  assert.equal(asked, 1)
  const seconds = 100
  for (let passed = 0; passed < seconds * 1000; passed += 100) {
    clock.pass(100)
    await isRefused()
  }
  const intervalMs = (seconds * 1000) / asked
  assert.ok(intervalMs > loginPauseMsMax * 0.8 && intervalMs <= loginPauseMsMax, `${intervalMs} ms`)
  isDown = false
  clock.pass(loginPauseMsMax)
  assert.equal((await held.take(begin)).name, 'at last')
})

test('refused access is given up at most once in a while; what is there by then is worth a try', async () => {
  const held = new HeldAccess<ReturnType<typeof access>>(clock)
  const take = async (next: string) => (await held.take(async () => access(next))).name
  const giveUp = (refused: string) => held.giveUp(({ name }) => name === refused)
  assert.equal(await take('first'), 'first')
  assert.equal(giveUp('first'), true)
  assert.equal(giveUp('first'), true, 'it was given up already')
  assert.equal(await take('second'), 'second')
  assert.equal(giveUp('first'), true, 'another one is there')
  assert.equal(giveUp('second'), false)
  assert.equal(await take('third'), 'second')
  clock.pass(iamTokenFreshMs)
  assert.equal(giveUp('second'), true)
  assert.equal(await take('third'), 'third')
})

test('access that is given up while it is renewed does not come back with the renewal', async () => {
  const held = new HeldAccess<ReturnType<typeof access>>(clock)
  const begin = (name: string) => async () => access(name)
  await held.take(begin('first'))
  clock.pass(31_000)
  const renewed = Promise.withResolvers<ReturnType<typeof access>>()
  await held.take(begin('first'), () => renewed.promise)
  assert.equal(
    held.giveUp(({ name }) => name === 'first'),
    true,
  )
  const next = held.take(begin('second'))
  renewed.resolve(access('first'))
  assert.equal((await next).name, 'second')
  await renewed.promise
  assert.equal((await held.take(begin('third'))).name, 'second')
})

test('a secret that was refused is not shown again for a while; another is, and an outage refuses none', async () => {
  const held = new HeldAccess<ReturnType<typeof access>>(clock)
  const shown: string[] = []
  const show = (secret: string, reach: 'root-key' | 'unreachable') =>
    held.show(secret, async () => {
      shown.push(secret)
      throw new RootKeyError(reach, 'no')
    })
  await assert.rejects(show('a', 'root-key'))
  await assert.rejects(show('a', 'root-key'))
  assert.deepEqual(shown, ['a'])
  await assert.rejects(show('b', 'unreachable'))
  await assert.rejects(show('b', 'unreachable'))
  assert.deepEqual(shown, ['a', 'b', 'b'])
  await assert.rejects(show('a', 'root-key'))
  clock.pass(iamRefusedKeyMs)
  await assert.rejects(show('a', 'root-key'))
  assert.deepEqual(shown, ['a', 'b', 'b', 'a', 'a'])
})
