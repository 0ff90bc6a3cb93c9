// Several nodes on one store have a clock each by which destroyed keys wait, and one removes what was destroyed at another.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RecoveryClock } from '../../../../src/core/keys/object/recovery-clock.ts'
import { recoveryKeepEveryMs } from '../../../../src/core/keys/object/recovery-clock.ts'
import { createKey, dayMs, makeInstance, openCore, trustClient } from '../../../support/server/core.ts'
import { MovableClock } from '../../../support/time/movable-clock.ts'

test('a key that is destroyed on a node whose machine was suspended for days waits as long as any other', async (t) => {
  const core = await openCore(t)
  const instance = await makeInstance(core, 'default', { destroyDelaySeconds: 7 * 86_400 })
  const { identify } = await trustClient(core, instance)
  await core.recovery.keep()
  const awake = new MovableClock()
  const other = await RecoveryClock.open(core.store, awake)
  awake.pass(10 * dayMs)
  await other.keep()
  core.clock.jump(10 * dayMs)
  await core.keys.perform(identify, async (work) => work.destroy(await createKey()(work)))
  const dueBy = (ms: number) => core.store.dueObjects(ms, 1)
  assert.deepEqual(await dueBy(other.now() + 7 * dayMs - recoveryKeepEveryMs), [])
  assert.equal((await dueBy(other.now() + 7 * dayMs)).length, 1)
})

test('what is kept is the time of the clock that is furthest, whichever node keeps it', async (t) => {
  const core = await openCore(t)
  const awake = new MovableClock()
  const other = await RecoveryClock.open(core.store, awake)
  awake.pass(10 * dayMs)
  await other.keep()
  const kept = await core.store.recoveryTime()
  await core.recovery.keep()
  assert.equal((await core.store.recoveryTime())?.ms, kept?.ms)
  assert.equal(core.recovery.now(), kept?.ms)
})
