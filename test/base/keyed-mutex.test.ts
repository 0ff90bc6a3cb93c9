// One holder per key at a time, in order of arrival.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeyedMutex } from '../../src/base/keyed-mutex.ts'

test('those who want one key enter one after the other, in order; another key waits for nobody', async () => {
  const mutex = new KeyedMutex()
  const entered: string[] = []
  const enter = async (key: string, who: string) => {
    const leave = await mutex.enter(key)
    entered.push(who)
    return leave
  }
  const [first, second, third] = [enter('a', '1'), enter('a', '2'), enter('a', '3')]
  const leaveFirst = await first
  const other = await enter('b', 'other')
  assert.deepEqual(entered, ['1', 'other'])
  leaveFirst()
  const leaveSecond = await second
  assert.deepEqual(entered, ['1', 'other', '2'])
  leaveFirst()
  leaveSecond()
  const leaveThird = await third
  leaveThird()
  other()
  await enter('a', '4')
  assert.deepEqual(entered, ['1', 'other', '2', '3', '4'], 'a key that all have left is free')
})

test('work that runs within its turn gives its result, and lets the next one run also when it fails', async () => {
  const mutex = new KeyedMutex()
  const failed = mutex.run('a', () => Promise.reject(new Error('broken')))
  const next = mutex.run('a', async () => 'done')
  await assert.rejects(failed, /broken/)
  assert.equal(await next, 'done')
})
