// A move of one object while others change it at the service, or here.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { AuditEntry } from '../../../src/core/ports/audit.ts'
import type { CustodyKind } from '../../../src/core/trust/rows.ts'
import { createKey, makeInstance, openCore, trustClient, type TestCore } from '../../support/server/core.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import { assertInPlace, fetchBytes, move } from '../../support/server/instance-work.ts'
import { revoke } from '../../support/root-keys/keyprotect-site.ts'

/** An instance with one key in Key Protect. `afterRead`: called each time that this standard key was read, with how often by now. */
async function begin(t: TestContext) {
  const other = new FaultyRootKey('test:other')
  const core = await openCore(t, { rootKeys: [other] })
  const instance = await makeInstance(core, 'default', { custody: 'keyprotect' })
  const { identify } = await trustClient(core, instance)
  const id = await core.keys.perform(identify, createKey())
  const bytes = await core.keys.perform(identify, fetchBytes(id))
  const { standardKeys } = core.rootKey
  const [first = assert.fail('no standard key')] = standardKeys.live()
  const read = standardKeys.read.bind(standardKeys)
  const meanwhile: { reads: number; afterRead?: (reads: number) => unknown } = { reads: 0 }
  standardKeys.read = async (standardKeyId, correlationIds) => {
    const payload = await read(standardKeyId, correlationIds)
    if (standardKeyId === first.id) await meanwhile.afterRead?.(++meanwhile.reads)
    return payload
  }
  const get = () => core.keys.perform(identify, fetchBytes(id))
  return { core, other, instance, identify, id, bytes, first, meanwhile, get }
}

/** How many keys the move left behind. */
async function leftBy({ store }: TestCore): Promise<unknown> {
  const action = 'instance.set-root-key.done'
  const { entries } = await store.audit({ order: 'oldest', action, limit: 1 })
  return entries.map(({ body }) => (JSON.parse(body) as AuditEntry).detail?.['left'])[0]
}

for (const custody of ['keyprotect', 'database'] as const satisfies readonly CustodyKind[])
  test(`a key that its owner deletes at the service while a move to ${custody} stores it again stays closed`, async (t) => {
    const { core, other, instance, id, bytes, first, meanwhile, get } = await begin(t)
    // Opening it is the first read; the second one asks whether it is still there.
    meanwhile.afterRead = (reads) => {
      if (reads === 2) first.deleted = true
    }
    await move(core, instance, other, custody)
    assert.equal(await leftBy(core), 1)
    await core.sweep()
    assert.deepEqual(
      other.standardKeys.live().filter(({ name }) => name === `mortise-${id}`),
      [],
    )
    core.keyring.forget(instance.id)
    await assert.rejects(get(), /does not open, though its root key answers/)
    first.deleted = false
    assert.equal(await get(), bytes, 'restored by its owner')
  })

test('a key that a client revokes while it moves is not left behind', async (t) => {
  const { core, other, instance, identify, id, bytes, meanwhile, get } = await begin(t)
  meanwhile.afterRead = async (reads) => {
    if (reads === 1) await core.keys.perform(identify, revoke(id, 'KeyCompromise'))
  }
  await move(core, instance, other, 'keyprotect')
  assert.equal(await leftBy(core), 0)
  await assertInPlace(core, instance, other, [core.rootKey])
  core.keyring.forget(instance.id)
  assert.equal(await get(), bytes)
})
