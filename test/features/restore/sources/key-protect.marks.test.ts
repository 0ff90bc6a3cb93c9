// A restore from a root key's service onto the server that has marks of destroyed keys, whose rows somebody removed, and whose standard
// keys the owner restored at the service.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serverActor } from '../../../../src/core/audit/actor.ts'
import { RootKeyError } from '../../../../src/core/ports/root-key.ts'
import { edit, faults } from '../../../support/server/core.ts'
import {
  bytesOf,
  openSite,
  restore,
  siteOf,
  standardKeyOf,
  type Site,
} from '../../../support/root-keys/restore-site.ts'

/** The service hears of no deletion, so that all standard keys stay. */
async function shredUnheard({ core, instance }: Site): Promise<void> {
  const { standardKeys } = core.rootKey
  Reflect.set(standardKeys, 'remove', () => Promise.reject(new RootKeyError('call', 'refused')))
  await core.trust.instances.shred(serverActor, instance.id)
  Reflect.deleteProperty(standardKeys, 'remove')
}

test('a key that a mark closes does not come back, though its standard key is there and its rows are not', async (t) => {
  const before = await openSite(t)
  const { core, instance, key, perform } = before
  const [gone, kept] = [await key({}, 'PreActive'), await key()]
  const bytes = await bytesOf(before, kept)
  const { id } = standardKeyOf(core.rootKey, gone)
  await perform((work) => work.destroy(gone))
  await shredUnheard(before)
  for (const one of core.rootKey.standardKeys.kept.values()) one.deleted = false
  edit(core.file, 'DELETE FROM objects WHERE unique_identifier = ?', gone)
  edit(core.file, 'DELETE FROM standard_keys WHERE identifier = ?', gone)
  const report = await restore(core, core.rootKey.uri)
  const after = await siteOf(core, report.instance)
  const isClosed = async () => {
    await assert.rejects(bytesOf(after, gone), faults('ObjectNotFound'))
    assert.equal(await bytesOf(after, kept), bytes)
    assert.equal(await core.store.object(instance.id, gone), undefined)
  }
  await isClosed()
  await core.sweep()
  await isClosed()
  await bytesOf(after, await after.key())
  assert.deepEqual(core.alarms, [])
  assert.ok(core.rootKey.standardKeys.kept.has(id))
  await core.marks.check()
  assert.deepEqual(core.marks.findings, [])
})

test('a forged mark keeps a key from coming back until it is removed, and its standard key stays', async (t) => {
  const before = await openSite(t)
  const { core, instance, key } = before
  const [closed, kept] = [await key(), await key()]
  const bytes = await bytesOf(before, closed)
  const { id } = standardKeyOf(core.rootKey, closed)
  await shredUnheard(before)
  edit(core.file, 'DELETE FROM objects')
  edit(
    core.file,
    `INSERT INTO marks (number, instance_id, unique_identifier, due_ms, mac, digest) VALUES (1, ?, ?, 0, x'00', x'00')`,
    instance.id,
    closed,
  )
  const after = await siteOf(core, (await restore(core, core.rootKey.uri)).instance)
  await core.sweep()
  await assert.rejects(bytesOf(after, closed))
  await bytesOf(after, kept)
  assert.equal(core.rootKey.standardKeys.kept.get(id)?.deleted, false)
  edit(core.file, 'DELETE FROM marks')
  await core.sweep()
  assert.equal(await bytesOf(after, closed), bytes)
})
