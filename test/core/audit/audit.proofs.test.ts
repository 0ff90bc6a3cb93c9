// Proofs of the log that several people ask for at once.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { enter, history } from '../../support/store/audit-log.ts'
import { StoreAround } from '../../support/store/store-around.ts'

/** Counts the proofs that read it. */
class Counting extends StoreAround {
  proofs = 0
  readonly begun = Promise.withResolvers<void>()

  override auditMisfiled() {
    this.proofs++
    this.begun.resolve()
    return super.auditMisfiled()
  }
}

test('one runs at a time, and those who ask meanwhile share one that begins afterwards', async (t) => {
  const held: { store?: Counting } = {}
  const core = await history(t, { wrap: (store) => (held.store = new Counting(store)) })
  const first = core.audit.verify()
  await held.store?.begun.promise
  const meanwhile = Array.from({ length: 10 }, () => core.audit.verify())
  await first
  const shared = await Promise.all(meanwhile)
  assert.equal(held.store?.proofs, 2)
  assert.equal(new Set(shared).size, 1)
  assert.notEqual(shared[0], await first)
  await enter(core, 1)
  assert.equal((await core.audit.verify()).entries, (await first).entries + 1)
})

test('one that fails keeps none of the next from running', async (t) => {
  const failing: { error?: Error } = {}
  class Failing extends StoreAround {
    override auditMisfiled() {
      return failing.error ? Promise.reject(failing.error) : super.auditMisfiled()
    }
  }
  const core = await history(t, { wrap: (store) => new Failing(store) })
  failing.error = new Error('not now')
  const both = await Promise.allSettled([core.audit.verify(), core.audit.verify()])
  assert.deepEqual(
    both.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  delete failing.error
  assert.equal((await core.audit.verify()).ok, true)
})
