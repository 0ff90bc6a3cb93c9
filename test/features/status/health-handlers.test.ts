// What a load balancer asks often.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { healthHandlers } from '../../../src/features/status/health-handlers.ts'
import { startDoor } from '../../support/server/admin-door.ts'

test('one question whether this node can serve looks once', async (t) => {
  const door = await startDoor()
  t.after(() => door.close())
  let looks = 0
  const readiness = () => {
    looks++
    return door.context.readiness()
  }
  const answer = await healthHandlers.ready({ ...door.context, readiness })
  assert.equal(answer.ready, true)
  assert.equal(looks, 1)
})
