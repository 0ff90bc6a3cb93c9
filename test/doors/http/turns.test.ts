// The turns of the admin API's requests: from the queue of all doors, as a stranger's first and as an asker's then.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Admission } from '../../../src/doors/admission/admission.ts'
import { strangers } from '../../../src/doors/admission/turns.ts'
import { RequestTurns } from '../../../src/doors/http/turns.ts'

/** Time that passes only where work says so. */
function withClock() {
  const clock = { nowMs: 0 }
  return { clock, turns: new Admission({ now: () => clock.nowMs }).turns }
}

test('a turn is used up after a while, and the first has not begun', async () => {
  const { clock, turns } = withClock()
  const own = new RequestTurns(turns, strangers('192.0.2.1'))
  assert.ok(own.spent)
  await own.turn()
  assert.equal(own.spent, false)
  clock.nowMs += 1
  assert.ok(own.spent)
})

test('long work of many administrators leaves an instance its half, and a client that asks seldom waits for one turn', async () => {
  const { clock, turns } = withClock()
  const order: string[] = []
  const over = new AbortController()
  const works = async (name: string, asker: string | null) => {
    const own = new RequestTurns(turns, strangers('192.0.2.1'))
    own.isOf(asker)
    while (!over.signal.aborted) {
      await own.turn()
      order.push(name)
      clock.nowMs += 1
    }
  }
  const client = async () => {
    while (!over.signal.aborted) {
      await turns.wait({ group: 'instance', member: 'client' }, over.signal)
      order.push('client')
      clock.nowMs += 1
    }
  }
  const all = Array.from({ length: 20 }, async (_, number) => works('admin', `token ${number % 3}`))
  const clients = client().catch(() => undefined)
  while (order.length < 200) await new Promise(setImmediate)
  const share = order.filter((name) => name === 'client').length / order.length
  assert.ok(share > 0.45 && share < 0.55, `${share} of the turns`)
  over.abort()
  await Promise.all([...all, clients])
})

test('requests whose asker is not known yet do not delay those of an administrator', async () => {
  const { clock, turns } = withClock()
  const order: string[] = []
  const ask = async (asker: string | null, name: string) => {
    const own = new RequestTurns(turns, strangers('192.0.2.1'))
    own.isOf(asker)
    await own.turn()
    order.push(name)
    clock.nowMs += 1
  }
  const flood = Array.from({ length: 100 }, async () => ask(null, 'stranger'))
  await Promise.all([...flood, ask('manager', 'manager')])
  assert.ok(order.indexOf('manager') <= 1, `after ${order.indexOf('manager')} others`)
})
