// The cache of unwrapped values by itself: how many it keeps, for how long, and what it says of each use. The times of the
// rule are in unwrap-rule.test.ts, a whole keyring in keyring.test.ts.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unsealedPurgeEveryMs } from '../../../src/core/sealing/unwrap-cache.ts'
import { RootKeyError, type RootKeyReach } from '../../../src/core/ports/root-key.ts'
import { ClosedKeys } from '../../../src/core/sealing/closed-keys.ts'
import { RootKeyStatus } from '../../../src/core/sealing/root-key-status.ts'
import { KeysUnavailable, UnwrapCache } from '../../../src/core/sealing/unwrap-cache.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'

class CountingClock extends MovableClock {
  timers = 0
  override after(delayMs: number, work: () => void) {
    this.timers++
    return super.after(delayMs, work)
  }
}

const rootKeyUri = 'test:a'
const instance = { id: 'i', cacheSeconds: 60, outageSeconds: 0 }
const none = () => undefined
const events = { unreachable: none, withdrawn: none, answers: none }
const unreachable = new RootKeyError('unreachable', 'no answer')
const refusals: readonly RootKeyReach[] = ['root-key', 'call', 'wrapped-form']
const refused = () => Promise.reject(new RootKeyError('root-key', 'no'))

function open(valuesMax = 3) {
  const clock = new CountingClock()
  const status = new RootKeyStatus({ clock, events, findUnwrap: () => Promise.resolve(undefined) })
  const closed = new ClosedKeys({})
  const uses: string[] = []
  const onUse = (source: string) => uses.push(source)
  const cache = new UnwrapCache<string>({ status, closed, clock, kind: 'object', onUse, valuesMax })
  const asked: string[] = []
  const get = (id: string, of = instance) =>
    cache.get(of, { id, name: `name of ${id}` }, async () => {
      asked.push(id)
      return { value: `value of ${id}`, rootKeyUri }
    })
  const refuse = (id: string, reach: RootKeyReach) =>
    cache.ask(instance, { id, name: `name of ${id}` }, () => Promise.reject(new RootKeyError(reach, 'no')))
  return { clock, status, closed, uses, cache, asked, get, refuse }
}

test('a value is asked for once, and each use says where it came from', async () => {
  const { asked, uses, get } = open()
  for (let turn = 0; turn < 3; turn++) assert.equal(await get('a'), 'value of a')
  assert.deepEqual([asked, uses], [['a'], ['root-key', 'cache', 'cache']])
})

test('a value that is older than the time of the cache counts as used in an outage', async () => {
  const withOutage = { ...instance, outageSeconds: 60 }
  for (const [ageMs, expected] of [
    [0, 'cache'],
    [59_999, 'cache'],
    [60_000, 'outage'],
    [119_999, 'outage'],
    [120_000, null],
  ] as const) {
    const { cache, clock, uses, get } = open()
    await get('a', withOutage)
    clock.pass(ageMs)
    const used = async () => cache.get(withOutage, { id: 'a' }, () => Promise.reject(unreachable))
    if (expected) assert.equal(await used(), 'value of a', `${ageMs}`)
    else await assert.rejects(used(), KeysUnavailable)
    assert.deepEqual(uses, expected ? ['root-key', expected] : ['root-key'], `${ageMs}`)
  }
})

test('once the time of the cache is over, memory stands in for an answer that does not come, and for nothing else', async () => {
  const withOutage = { ...instance, outageSeconds: 60 }
  const bug = new TypeError('a bug')
  for (const error of [unreachable, ...refusals.map((reach) => new RootKeyError(reach, 'no')), bug]) {
    const { cache, clock, get } = open()
    await get('a', withOutage)
    clock.pass(60_000)
    const asked = (async () => cache.get(withOutage, { id: 'a' }, () => Promise.reject(error)))()
    if (error === unreachable) assert.equal(await asked, 'value of a')
    else
      await assert.rejects(asked, (thrown) =>
        error === bug ? thrown === bug : thrown instanceof KeysUnavailable && thrown.cause === error,
      )
  }
})

for (const isAnswered of [true, false])
  test(`all who wait for one question learn its calls, ${isAnswered ? 'answered' : 'refused'}`, async () => {
    const { cache } = open()
    const sets = [new Set<string>(), new Set<string>(), undefined]
    let questions = 0
    const waiting = sets.map((correlationIds) =>
      Promise.resolve(
        cache.get(
          instance,
          { id: 'a' },
          async (calls) => {
            questions++
            calls.add('call-1')
            if (!isAnswered) throw unreachable
            return { value: 'a', rootKeyUri }
          },
          correlationIds,
        ),
      ),
    )
    await Promise.allSettled(waiting)
    assert.deepEqual([questions, sets], [1, [new Set(['call-1']), new Set(['call-1']), undefined]])
  })

test('of too many values the one that was kept longest goes; one that is kept again is new', async () => {
  const { cache, clock, asked, get } = open()
  for (const id of ['a', 'b', 'c']) await get(id)
  cache.keep(instance, 'a', { value: 'a again', rootKeyUri }, clock.monotonic())
  await get('d')
  asked.length = 0
  assert.equal(await get('a'), 'a again')
  for (const id of ['c', 'd']) await get(id)
  assert.deepEqual(asked, [])
  await get('b')
  assert.deepEqual(asked, ['b'])
})

test('a value under another id is found there, and only there', async () => {
  const { cache, asked, get } = open()
  await get('a')
  cache.rename('a', 'b')
  cache.rename('unknown', 'c')
  assert.equal(cache.has({ ...instance, id: 'j' }), false)
  assert.equal(await get('b'), 'value of a')
  await get('c')
  await get('a')
  assert.deepEqual(asked, ['a', 'c', 'a'])
})

test('forgetting an instance, or what one of its root keys unwrapped, leaves all else', async () => {
  const { status, asked, get } = open(9)
  const other = { ...instance, id: 'j' }
  await get('a')
  await get('b', other)
  asked.length = 0
  status.forget('i', 'test:another')
  await get('a')
  status.forget('i', rootKeyUri)
  await get('a')
  status.forget('i')
  await get('a')
  await get('b', other)
  assert.deepEqual(asked, ['a', 'a'])
})

test('a refusal of one value forgets and names it; one of the call forgets it; out of reach it stays', async () => {
  for (const [reach, isKept, isClosed] of [
    ['wrapped-form', false, true],
    ['call', false, false],
    ['unreachable', true, false],
  ] as const) {
    const { asked, closed, get, refuse } = open()
    await get('a')
    await assert.rejects(
      refuse('a', reach),
      (error) => error instanceof KeysUnavailable && error.reach === reach,
    )
    assert.deepEqual(closed.all, isClosed ? [{ instanceId: 'i', kind: 'object', id: 'name of a' }] : [])
    await get('a')
    assert.equal(asked.length, isKept ? 1 : 2, reach)
    assert.deepEqual(closed.all, [])
  }
})

test('what was made before a refusal of its root key is not kept', async () => {
  const { cache, clock, status, asked, get } = open()
  const askedAt = clock.monotonic()
  await assert.rejects(status.unwrap({ instanceId: 'i', rootKeyUri }, refused))
  cache.keep(instance, 'a', { value: 'too late', rootKeyUri }, askedAt)
  assert.equal(await get('a'), 'value of a', 'nothing of it is in memory')
  assert.deepEqual(asked, ['a'])
})

test('who asks after a refusal of the root key gets no answer to a question from before', async () => {
  const { cache, clock, status, asked, get } = open()
  const answer = Promise.withResolvers<string>()
  const item = { id: 'a' }
  const first = cache.get(instance, item, async () => ({ value: await answer.promise, rootKeyUri }))
  clock.pass(1)
  await assert.rejects(status.unwrap({ instanceId: 'i', rootKeyUri }, refused))
  const second = get('a')
  answer.resolve('from before')
  assert.deepEqual([await first, await second], ['from before', 'value of a'])
  assert.deepEqual(asked, ['a'])
})

test('a question for another instance goes on when one is forgotten: who asks from then on joins it', async () => {
  for (const [forgotten, questions] of [
    ['j', 1],
    ['i', 2],
  ] as const) {
    const { cache, status } = open()
    const answer = Promise.withResolvers<string>()
    let asked = 0
    const get = async () =>
      cache.get(instance, { id: 'a' }, async () => {
        asked++
        return { value: await answer.promise, rootKeyUri }
      })
    const first = get()
    status.forget(forgotten)
    const second = get()
    answer.resolve('a')
    assert.deepEqual([await first, await second, asked], ['a', 'a', questions])
  }
})

test('useless values are forgotten every minute, as long as there are any, and no timer is left after that', async () => {
  for (const [cacheSeconds, rounds] of [
    [60, 1],
    [61, 2],
    [120, 2],
  ] as const) {
    const { clock, get } = open()
    const of = { ...instance, cacheSeconds }
    await get('a', of)
    await get('b', of)
    assert.equal(clock.timers, 3, 'two calls that could be silent, and one to forget')
    for (let round = 1; round <= 3; round++) {
      clock.pass(unsealedPurgeEveryMs - 1)
      const before: number = clock.timers
      clock.pass(1)
      assert.equal(clock.timers - before, round < rounds ? 1 : 0, `${cacheSeconds} s, round ${round}`)
    }
  }
})

test('it has a value of an instance as long as one may be used without a question', async () => {
  const { cache, clock, get } = open()
  const other = { ...instance, id: 'j' }
  assert.equal(cache.has(instance), false)
  await get('a')
  assert.deepEqual([cache.has(instance), cache.has(other)], [true, false])
  clock.pass(59_999)
  assert.equal(cache.has(instance), true)
  clock.pass(1)
  assert.equal(cache.has(instance), false)
  await get('b')
  await get('c', other)
  assert.deepEqual([cache.has(instance), cache.has(other)], [true, true], 'one of several is enough')
})
