// What opens an object without the cache, so that only what the service has now counts; and what stays in the cache.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CustodyRefused } from '../../../../src/core/custody/custody.ts'
import { fromRecord } from '../../../../src/core/keys/object/managed-object.ts'
import { higherLookMs } from '../../../../src/core/custody/keyprotect/opening.ts'
import { RootKeyError } from '../../../../src/core/ports/root-key.ts'
import { faults } from '../../../support/server/core.ts'
import {
  activeKey,
  openKeyProtectSite,
  type KeyProtectSite,
} from '../../../support/root-keys/keyprotect-site.ts'
import { reaches } from '../../../support/root-keys/rootkey-contract.ts'

async function openAnew({ core, instance }: KeyProtectSite, id: string): Promise<Buffer> {
  const stored = fromRecord((await core.store.object(instance.id, id)) ?? assert.fail())
  return (await core.custodies.openAnew(instance, stored, new Set())).bytes
}

test('what is in memory does not count, and an altered one is told from one that was deleted', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, get, standardKeys } = site
  const id = await activeKey(site)
  const bytes = await get(id)
  assert.deepEqual(await openAnew(site, id), bytes)
  const [kept] = standardKeys.live()
  assert.ok(kept)
  kept.deleted = true
  assert.deepEqual(await get(id), bytes, 'from memory')
  await assert.rejects(openAnew(site, id), reaches('wrapped-form'))
  kept.deleted = false
  standardKeys.kept.set(kept.id, { ...kept, payload: Buffer.from('{}\n') })
  await assert.rejects(
    openAnew(site, id),
    (error) => error instanceof CustodyRefused && error.why === 'altered',
  )
  standardKeys.kept.set(kept.id, kept)
  core.rootKey.fault = 'unreachable'
  await assert.rejects(openAnew(site, id), reaches('unreachable'))
  core.rootKey.fault = null
  assert.deepEqual(await openAnew(site, id), bytes)
})

test('a higher generation of another server is found once this one no longer opens, and known from then on', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, instance, get, rows, standardKeys } = site
  const id = await activeKey(site)
  const bytes = await get(id)
  const other = await core.copy()
  await other.custodies.renew(instance, id, { force: true })
  const [newest] = standardKeys.live()
  assert.ok(newest)
  await assert.rejects(openAnew(site, id), reaches('wrapped-form'))
  assert.deepEqual(await openAnew(site, id), bytes)
  assert.deepEqual(
    (await rows('current')).map((row) => row.id),
    [newest.id],
  )
})

test('where nothing higher was found it is looked for again only after a while', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, get, forget, standardKeys } = site
  const id = await activeKey(site)
  const [kept] = standardKeys.live()
  assert.ok(kept)
  kept.deleted = true
  forget()
  const { find } = standardKeys.calls
  const finds = async () => {
    await assert.rejects(get(id), faults('GeneralFailure', /does not open/))
    return standardKeys.calls.find - find
  }
  assert.equal(await finds(), 1)
  core.clock.pass(higherLookMs - 1)
  assert.equal(await finds(), 1)
  core.clock.pass(1)
  assert.equal(await finds(), 2)
})

test('what its owner deleted is not served from memory while the look for a higher generation is not answered', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, instance, get, standardKeys } = site
  const id = await activeKey(site)
  const bytes = await get(id)
  const [kept] = standardKeys.live()
  assert.ok(kept)
  kept.deleted = true
  // The records of the first Get are in the log.
  await core.store.audit({ order: 'newest', limit: 1 })
  const find = standardKeys.find.bind(standardKeys)
  standardKeys.find = () => Promise.reject(new RootKeyError('unreachable', 'cut off'))
  core.clock.pass(instance.cacheSeconds * 1000)
  await assert.rejects(get(id), faults('GeneralFailure', /does not open/))
  standardKeys.find = find
  kept.deleted = false
  assert.deepEqual(await get(id), bytes)
})

test('a key that is in memory stays there when its next generation is stored', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, instance, get } = site
  const id = await activeKey(site)
  const bytes = await get(id)
  assert.equal(await core.custodies.renew(instance, id, { force: true }), 'done')
  const { calls } = core.rootKey
  assert.deepEqual(await get(id), bytes)
  assert.equal(core.rootKey.calls, calls)
})
