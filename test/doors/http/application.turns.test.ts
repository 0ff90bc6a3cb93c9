// Long work of a request takes turns from the queue of all doors: in handlers, and between the lines of a download.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Admission } from '../../../src/doors/admission/admission.ts'
import { startDoor } from '../../support/server/admin-door.ts'

/** Each turn is used up at once; counts the turns that were waited for. */
function countedTurns() {
  const admission = new Admission({ now: () => performance.now() })
  admission.turns.now = () => Infinity
  const counted = { admission, turns: 0 }
  const wait = admission.turns.wait.bind(admission.turns)
  admission.turns.wait = async (...about) => {
    counted.turns += 1
    await wait(...about)
  }
  return counted
}

test('long lists and downloads take a turn for each entry, beside those for their answer', async (t) => {
  const counted = countedTurns()
  const door = await startDoor({ admission: counted.admission })
  t.after(() => door.close())
  const token = await door.token('manager')
  for (let made = 0; made < 50; made++) await door.token('viewer')
  const red = `/api/v1/instances/${door.red.id}`
  const ids = Array.from({ length: 50 }, (_, number) => `key ${number}`)
  const turnsOf = async (method: string, path: string, body?: object) => {
    counted.turns = 0
    const { status } = await door.ask(method, path, { token, ...(body && { body }) })
    assert.equal(status, 200)
    return counted.turns
  }
  const check = await turnsOf('POST', `${red}/adoption-check`, { ids })
  assert.ok(check >= 2 * ids.length, `${check} turns of a check`)
  const page = await turnsOf('GET', '/api/v1/audit?limit=50')
  assert.ok(page >= 2 * 50, `${page} turns of a page of the audit log`)
  const lines = await turnsOf('GET', '/api/v1/audit/export')
  assert.ok(lines >= 50, `${lines} turns of an export`)
})
