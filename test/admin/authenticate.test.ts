// A request of a person goes on with the roles with which it began, or not at all.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '../../src/limits.ts'
import { TwoPersons } from '../support/two-persons.ts'

test('who lost a role in one instance while a request waited makes no token for it by a role in another', async (t) => {
  const all = await TwoPersons.open(t, { guards: [] })
  await all.setRoles('of-red=manager@red,of-blue=manager@blue')
  const anna = await all.login('anna', { groups: ['of-red', 'of-blue'] })
  const make = (instance: string) => all.ask(anna, 'POST', '/tokens', { role: 'manager', instance })
  for (let made = 0; made < limits.trustChangesAtOnce; made++) assert.equal((await make('blue')).status, 201)
  const sleeps = Promise.withResolvers<void>()
  const sleep = all.clock.sleep.bind(all.clock)
  all.clock.sleep = (delayMs, signal) => {
    sleeps.resolve()
    return sleep(delayMs, signal)
  }
  const late = make('red')
  await sleeps.promise
  await all.setRoles('of-blue=manager@blue')
  all.clock.pass(limits.trustChangeEveryMs)
  const { status, text } = await late
  assert.equal(status, 403, text)
  const { token } = (await all.door.context.access.snapshot()).tables
  assert.deepEqual(
    [...token.values()].filter(({ instanceId }) => instanceId === all.door.red.id),
    [],
  )
})
