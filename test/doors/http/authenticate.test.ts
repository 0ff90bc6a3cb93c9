// A request of a person goes on with the roles with which it began, or not at all.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { trustChangeEveryMs, trustChangesAtOnce } from '../../../src/core/trust/change-pace.ts'
import { StoreUnavailable } from '../../../src/core/ports/store.ts'
import { startDoor } from '../../support/server/admin-door.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { StoreAround } from '../../support/store/store-around.ts'
import { TwoPersons } from '../../support/server/two-persons.ts'

test('who lost a role in one instance while a request waited makes no token for it by a role in another', async (t) => {
  const all = await TwoPersons.open(t, { guards: [] })
  await all.setRoles('of-red=manager@red,of-blue=manager@blue')
  const anna = await all.login('anna', { groups: ['of-red', 'of-blue'] })
  const make = (instance: string) => all.ask(anna, 'POST', '/tokens', { role: 'manager', instance })
  for (let made = 0; made < trustChangesAtOnce; made++) assert.equal((await make('blue')).status, 201)
  const sleeps = Promise.withResolvers<void>()
  const sleep = all.clock.sleep.bind(all.clock)
  all.clock.sleep = (delayMs, signal) => {
    sleeps.resolve()
    return sleep(delayMs, signal)
  }
  const late = make('red')
  await sleeps.promise
  await all.setRoles('of-blue=manager@blue')
  all.clock.pass(trustChangeEveryMs)
  const { status, text } = await late
  assert.equal(status, 403, text)
  const { token } = (await all.door.context.access.snapshot()).tables
  assert.deepEqual(
    [...token.values()].filter(({ instanceId }) => instanceId === all.door.red.id),
    [],
  )
})

class StoreAway extends StoreAround {
  isAway = false

  override trustVersion() {
    if (this.isAway) throw new StoreUnavailable('unavailable', 'it is away')
    return super.trustVersion()
  }
}

test('while the store does not answer, whoever had a token before gets metrics, and nothing else', async (t) => {
  const [clock, stores]: [MovableClock, StoreAway[]] = [new MovableClock(), []]
  const door = await startDoor({
    clock,
    around: (real) => {
      const store = new StoreAway(real)
      stores.push(store)
      return store
    },
  })
  t.after(() => door.close())
  const [viewer, ofRed] = [
    await door.token('viewer', undefined, clock.now() + 1_000),
    await door.token('viewer', door.red),
  ]
  const statusOf = async (path: string, token: string) => (await door.ask('GET', path, { token })).status
  assert.equal(await statusOf('/metrics', viewer), 200)
  for (const store of stores) store.isAway = true
  assert.equal(await statusOf('/metrics', viewer), 200)
  assert.equal(await statusOf('/metrics', ofRed), 403)
  assert.equal(await statusOf('/metrics', 'unknown'), 503)
  assert.equal(await statusOf('/api/v1/status', viewer), 503)
  clock.pass(1_000)
  assert.equal(await statusOf('/metrics', viewer), 503)
})
