// While the disk of the database hangs, people learn how the server is: nothing that they ask for waits for it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { accessConditions, type AccessFacts } from '../../../../src/features/status/conditions/access.ts'
import { pruneExpired } from '../../../../src/core/audit/retention.ts'
import { pendingWriteEveryMs } from '../../../../src/core/trust/pending.ts'
import { startDoor } from '../../../support/server/admin-door.ts'
import { makeCertificate } from '../../../support/certificates/certificates.ts'
import { hangingWriter } from '../../../support/store/hanging-writer.ts'
import { MovableClock } from '../../../support/time/movable-clock.ts'
import { StoreAround } from '../../../support/store/store-around.ts'
import { auditEntry } from '../../../support/store/store-values.ts'

test('conditions and status answer while the disk hangs, with a stranger on the list and a Get on record', async (t) => {
  const [disk, clock] = [hangingWriter(), new MovableClock()]
  const door = await startDoor({ clock, threads: disk.threads })
  t.after(async () => {
    disk.goOn()
    await door.close()
  })
  const { context, store } = door
  const token = await door.token('manager')
  const { certificate } = await makeCertificate({ commonName: 'stranger' })
  await context.readiness()
  disk.hang()
  context.pending.recordUnknown(certificate, '192.0.2.1')
  clock.pass(pendingWriteEveryMs)
  await store.record({ entries: [auditEntry()], fetched: [] })
  await setImmediate()
  const facts = (await context.conditions.gather()).of<AccessFacts>(accessConditions)
  assert.equal(facts.pendingClients, 1)
  const { status } = await door.ask('GET', '/api/v1/status', { token })
  assert.equal(status, 200)
  // The hourly look at the conditions begins with this.
  const leases = { hold: () => assert.fail('nothing is due') }
  assert.equal(
    await pruneExpired({ ...context, store, leases, believed: clock, auditKeepers: async () => [] }, 90),
    false,
  )
})

class RefusingStore extends StoreAround {
  handsOut = true

  override health() {
    return { writable: false, reason: 'the disk hangs', handsOut: this.handsOut }
  }
}

test('a disk that hangs so long that no key is handed out ends no condition: what was refused before still is', async (t) => {
  const stores: RefusingStore[] = []
  const door = await startDoor({
    around: (real) => {
      const store = new RefusingStore(real)
      stores.push(store)
      return store
    },
  })
  t.after(() => door.close())
  const told = async () => {
    const { conditions, isWhole } = await door.context.conditions.inSight()
    const ids = conditions
      .map(({ id }) => id)
      .filter((id) => /^(not-ready|no-key-handed-out|changes-refused)$/.test(id))
    return [ids, isWhole]
  }
  assert.deepEqual(await told(), [['changes-refused'], true])
  for (const store of stores) store.handsOut = false
  assert.deepEqual(await told(), [['not-ready', 'no-key-handed-out'], false])
})
