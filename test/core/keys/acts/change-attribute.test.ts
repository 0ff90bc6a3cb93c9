// A change of an attribute leaves the State to the dates and the clock, as every read finds it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createKey, dayMs, openCoreWithClient } from '../../../support/server/core.ts'

test('a change while the wall clock is ahead does not keep the State that the clock had brought about', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  const { clock } = core
  const inDays = (days: number) => BigInt(Math.floor((clock.now() + days * dayMs) / 1000))
  const active = await perform(createKey({ ActivationDate: inDays(-1), DeactivationDate: inDays(30) }))
  const early = await perform(createKey({ ActivationDate: inDays(30) }))
  const states = async () =>
    Promise.all([active, early].map(async (id) => (await core.keys.show(instance.id, id))?.state))
  clock.jump(365 * dayMs)
  for (const id of [active, early])
    await perform((work) => work.addAttribute(id, { key: 'Comment', value: 'c', version: '2.1' }))
  assert.deepEqual(await states(), ['Deactivated', 'Active'])
  clock.jump(-365 * dayMs)
  assert.deepEqual(await states(), ['Active', 'PreActive'])
  clock.jump(31 * dayMs)
  assert.deepEqual(await states(), ['Deactivated', 'Active'])
})

test('a Deactivation Date that is given to a key which its date has activated closes the key', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  const { clock } = core
  const seconds = BigInt(Math.floor(clock.now() / 1000))
  const id = await perform(createKey({ ActivationDate: seconds + 10n }))
  clock.pass(20_000)
  const value = seconds + 30n
  await perform((work) => work.addAttribute(id, { key: 'DeactivationDate', value, version: '2.1' }))
  assert.equal((await core.keys.show(instance.id, id))?.state, 'Active')
  clock.pass(10_000)
  assert.equal((await core.keys.show(instance.id, id))?.state, 'Deactivated')
})
