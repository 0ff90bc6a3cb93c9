// A sweep completes interrupted work, says where it cannot, and leaves audit entries.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '../../../src/limits.ts'
import type { AuditEntry } from '../../../src/ports/audit.ts'
import { RootKeyError } from '../../../src/ports/root-key.ts'
import { activeKey, openKeyProtectSite, revoke } from '../../support/keyprotect-site.ts'
import { createKey, faults, type TestCore } from '../../support/core.ts'

const told = ({ keyring }: TestCore) => keyring.status.standardKeys.now.map(({ what }) => what)

async function entered(core: TestCore, action: AuditEntry['action']): Promise<readonly AuditEntry[]> {
  const { entries } = await core.store.audit({ order: 'oldest', limit: 1_000 })
  return entries.map(({ body }) => JSON.parse(body) as AuditEntry).filter((entry) => entry.action === action)
}

test('a closing that the service refuses to record is a trouble until a sweep has recorded it', async (t) => {
  const { core, perform, rows, standardKeys, stateOf } = await openKeyProtectSite(t)
  const id = await activeKey({ perform })
  standardKeys.createFaults = Array.from({ length: 100 }, () => 'call' as const)
  await assert.rejects(perform(revoke(id)))
  assert.equal(await stateOf(id), 'Deactivated', 'it was committed first')
  assert.equal((await rows('due')).length, 1)
  await core.sweep()
  assert.ok(told(core).includes('record'))
  standardKeys.createFaults = []
  await core.sweep()
  assert.ok(!told(core).includes('record'))
  assert.deepEqual(await rows('due'), [])
})

test('each standard key that is deleted is entered, with its id, its generation and why', async (t) => {
  const { core, instance, perform, standardKeys } = await openKeyProtectSite(t)
  const id = await perform(createKey())
  const [first] = standardKeys.live(`mortise-${id}`)
  await core.custodies.renew(instance, id, { force: true })
  const [second] = standardKeys.live(`mortise-${id}`)
  await perform((work) => work.destroy(id))
  await core.sweep()
  const deletions = await entered(core, 'standard-key.delete')
  assert.deepEqual(
    deletions.map(({ object, detail }) => [object, detail?.['standardKeyId'], detail?.['because']]),
    [
      [id, first?.id, 'replaced'],
      [id, second?.id, 'destroyed'],
    ],
  )
  const [low = 0, high = 0] = deletions.map(({ detail }) => Number(detail?.['generation']))
  assert.ok(low > 0 && high > low)
})

test('a server that takes over what another one stored enters it', async (t) => {
  const { core, instance, perform, sweepLater } = await openKeyProtectSite(t)
  const id = await activeKey({ perform })
  const other = await core.copy()
  core.rootKey.rotate()
  await other.custodies.renew(instance, id, { force: true })
  await sweepLater()
  const [entry, more] = await entered(core, 'key.take-over')
  assert.equal(more, undefined)
  assert.deepEqual([entry?.object, entry?.instanceId, entry?.actor.kind], [id, instance.id, 'server'])
  assert.ok(Number(entry?.detail?.['generation']) > 1)
})

test('an instance is listed once a day; after a list that failed, with the next sweep; after an unanswered call, once its key is old', async (t) => {
  const { core, instance, perform, standardKeys } = await openKeyProtectSite(t)
  await perform(createKey())
  const { sweep } = core.custodies.keyprotect
  const lists = async (passMs: number) => {
    core.clock.pass(passMs)
    const before = standardKeys.calls.list
    await sweep.run()
    return standardKeys.calls.list - before
  }
  assert.equal(await lists(0), 1)
  assert.equal(await lists(limits.standardKeyListEveryMs - 1), 0)
  const list = standardKeys.list.bind(standardKeys)
  standardKeys.list = async function* (...asked) {
    yield* list(...asked)
    throw new RootKeyError('unreachable', 'cut off')
  }
  assert.equal(await lists(1), 1, 'a day is over')
  standardKeys.list = list
  assert.equal(await lists(limits.standardKeySweepEveryMs - 1), 0)
  assert.equal(await lists(1), 1)
  sweep.soon(instance.id)
  assert.equal(await lists(limits.standardKeySweepAfterMs - 1), 0)
  assert.equal(await lists(1), 1)
  assert.equal(await lists(limits.standardKeySweepAfterMs), 0)
})

test('one standard key that cannot be deleted does not keep the others; a bug ends the pass', async (t) => {
  const { core, perform, rows, standardKeys } = await openKeyProtectSite(t)
  const ids: string[] = []
  for (let count = 0; count < 20; count++) ids.push(await perform(createKey()))
  const remove = standardKeys.remove.bind(standardKeys)
  standardKeys.remove = () => Promise.reject(new RootKeyError('unreachable', 'cut off'))
  for (const id of ids)
    await assert.rejects(
      perform((work) => work.destroy(id)),
      faults('GeneralFailure', /was done on this server/),
    )
  standardKeys.remove = remove
  const [stuck] = standardKeys.live(`mortise-${ids[0]}`)
  assert.ok(stuck)
  standardKeys.faults.set(stuck.id, 'wrapped-form')
  await core.sweep()
  assert.deepEqual(standardKeys.live(), [stuck])
  assert.deepEqual(
    (await rows('unwanted')).map(({ id }) => id),
    [stuck.id],
  )
  standardKeys.remove = () => Promise.reject(new TypeError('a bug'))
  await assert.rejects(core.sweep(), TypeError)
  standardKeys.remove = remove
  standardKeys.faults.clear()
  await core.sweep()
  assert.deepEqual([standardKeys.live(), await rows()], [[], []])
})
