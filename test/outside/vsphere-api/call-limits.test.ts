// The slots of a connection: order, limits, and calls that are given up.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VsphereError } from '../../../src/outside/vsphere-api/errors.ts'
import { ConnectionSlots } from '../../../src/outside/vsphere-api/call-limits.ts'

test('calls wait in order of arrival, and one that is aborted leaves its place to the next', async () => {
  const slots = new ConnectionSlots(1)
  const first = await slots.take()
  const begun: string[] = []
  const abort = new AbortController()
  const reason = new Error('stop')
  const second = slots.take(abort.signal)
  const third = slots.take().then((giveBack) => {
    begun.push('third')
    return giveBack
  })
  const fourth = slots.take().then((giveBack) => {
    begun.push('fourth')
    return giveBack
  })
  abort.abort(reason)
  await assert.rejects(second, reason)
  assert.deepEqual(begun, [])
  first()
  const giveBack = await third
  assert.deepEqual(begun, ['third'])
  giveBack()
  ;(await fourth)()
  assert.deepEqual(begun, ['third', 'fourth'])
  await assert.rejects(slots.take(abort.signal), reason)
  ;(await slots.take())()
})

test('too many calls that wait are refused, and an abort after the turn takes no place from others', async () => {
  const slots = new ConnectionSlots(1)
  const first = await slots.take()
  const abort = new AbortController()
  const waiting = Array.from({ length: 1_000 }, () => slots.take(abort.signal))
  await assert.rejects(
    slots.take(),
    (error) => error instanceof VsphereError && /More than 1000/.test(error.message),
  )
  first()
  const next = await waiting[0]
  abort.abort(new Error('stop'))
  const results = await Promise.allSettled(waiting)
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
  next?.()
  ;(await slots.take())()
})
