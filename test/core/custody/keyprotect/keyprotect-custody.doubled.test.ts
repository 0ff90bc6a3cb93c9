// A Create that nobody waits for any more, and that the service carries out late and twice.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unpackPayload } from '../../../../src/core/custody/keyprotect/payload.ts'
import { rootKeyWaitMs } from '../../../../src/base/bounds.ts'
import { createKey, faults } from '../../../support/server/core.ts'
import { openKeyProtectSite } from '../../../support/root-keys/keyprotect-site.ts'

for (const id of ['00000000-0000-4000-8000-000000000000', 'ffffffff-ffff-4fff-bfff-ffffffffffff'])
  test(`one copy is left, and opens; the second one has the id ${id}`, async (t) => {
    const { core, perform, get, forget, rows, standardKeys, sweepLater } = await openKeyProtectSite(t)
    const create = standardKeys.create.bind(standardKeys)
    const arrive = Promise.withResolvers<void>()
    const arrived = Promise.withResolvers<void>()
    standardKeys.create = async (...asked) => {
      core.clock.pass(rootKeyWaitMs)
      await arrive.promise
      return create(...asked).finally(arrived.resolve)
    }
    await assert.rejects(perform(createKey()), faults('GeneralFailure', /cannot be reached/))
    await sweepLater()
    assert.deepEqual(standardKeys.live(), [])
    arrive.resolve()
    await arrived.promise
    await sweepLater()
    const [first] = standardKeys.live()
    assert.ok(first)
    const { identifier } = unpackPayload(first.payload).header
    const bytes = await get(identifier)

    standardKeys.kept.set(id, { ...first, id })
    await sweepLater()
    const [left, ...more] = standardKeys.live()
    assert.deepEqual(more, [])
    assert.deepEqual(
      (await rows()).map((row) => [row.id, row.state]),
      [[left?.id, 'current']],
    )
    forget()
    assert.deepEqual(await get(identifier), bytes)
  })
