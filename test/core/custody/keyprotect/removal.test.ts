// What a sweep does with rows that call a standard key unwanted: it deletes no key that counts, whatever the row says, and
// forgets the rows of those that are gone.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { describeKey } from '../../../../src/core/custody/keyprotect/description.ts'
import { unpackPayload } from '../../../../src/core/custody/keyprotect/payload.ts'
import { rowOf } from '../../../../src/core/custody/keyprotect/records.ts'
import type { AuditEntry } from '../../../../src/core/ports/audit.ts'
import { RootKeyError } from '../../../../src/core/ports/root-key.ts'
import type { StandardKeyRecord } from '../../../../src/core/ports/secrets.ts'
import { createKey, faults } from '../../../support/server/core.ts'
import { FaultyRootKey } from '../../../support/root-keys/faulty-root-key.ts'
import { instanceNow, move } from '../../../support/server/instance-work.ts'
import {
  activeKey,
  openKeyProtectSite,
  revoke,
  type KeyProtectSite,
} from '../../../support/root-keys/keyprotect-site.ts'

async function callUnwanted({ core }: KeyProtectSite, id: string): Promise<void> {
  const write = { type: 'standard-key-state', id, state: 'unwanted' } as const
  await core.store.commit({ writes: [write], entries: [], durability: 'disk' })
}

/** A key with its first generation, which was not deleted, beside the second one, which counts. */
async function withTwo(site: KeyProtectSite) {
  const { core, instance, standardKeys } = site
  const id = await activeKey(site)
  const remove = standardKeys.remove.bind(standardKeys)
  standardKeys.remove = () => Promise.reject(new RootKeyError('unreachable', 'cut off'))
  await core.custodies.renew(instance, id, { force: true }).catch(() => undefined)
  standardKeys.remove = remove
  const [older, newer] = standardKeys.live(`mortise-${id}`)
  assert.ok(older && newer)
  return { id, older, newer }
}

test('the standard key that counts is kept and served, though its row says unwanted, and the row is set right', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, get, forget, rows, standardKeys } = site
  const id = await activeKey(site)
  const bytes = await get(id)
  const [row] = await rows()
  assert.ok(row)
  await callUnwanted(site, row.id)
  await core.sweep()
  assert.equal(standardKeys.live(`mortise-${id}`).length, 1)
  assert.deepEqual(await rows('unwanted'), [])
  await core.sweep()
  forget()
  assert.deepEqual(await get(id), bytes)
  assert.deepEqual(
    (await rows()).map(({ state }) => state),
    ['current'],
  )
})

test('a generation that was replaced is deleted, and its row with it, once the one that counts was opened', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, rows, standardKeys } = site
  const { id, older, newer } = await withTwo(site)
  standardKeys.faults.set(newer.id, 'unreachable')
  await core.sweep()
  assert.deepEqual(standardKeys.live(`mortise-${id}`), [older, newer], 'what replaces it could not be read')
  standardKeys.faults.clear()
  standardKeys.kept.set(newer.id, { ...newer, payload: Buffer.from('{}\n') })
  await core.sweep()
  assert.deepEqual(
    core.keyring.status.standardKeys.allLeft.map((left) => left.id),
    [older.id],
    'what replaces it does not open, so it stays, and is told',
  )
  standardKeys.kept.set(newer.id, newer)
  const before = core.rootKey.opened.length
  await core.sweep()
  const opened = core.rootKey.opened.slice(before)
  assert.equal(opened.length, 2)
  assert.ok(
    opened.every((bytes) => bytes.every((byte) => byte === 0)),
    'what was compared is wiped',
  )
  assert.deepEqual(standardKeys.live(`mortise-${id}`), [newer])
  assert.deepEqual(
    (await rows()).map((row) => [row.id, row.state]),
    [[newer.id, 'current']],
  )
})

test('a generation that its owner has deleted already is only forgotten', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, rows, standardKeys } = site
  const { older, newer } = await withTwo(site)
  older.deleted = true
  const { remove } = standardKeys.calls
  await core.sweep()
  assert.equal(standardKeys.calls.remove, remove)
  assert.deepEqual(
    (await rows()).map((row) => [row.id, row.state]),
    [[newer.id, 'current']],
  )
})

test('what a move has left stays until all keys have left', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, around, instance, rows, standardKeys } = site
  const ids = [await activeKey(site), await activeKey(site)]
  const keys = () => ids.flatMap((id) => standardKeys.live(`mortise-${id}`))
  let leftMeanwhile = 0
  around.after = async () => {
    if ((await rows('unwanted')).length === 0) return
    around.after = () => undefined
    await core.custodies.clear(instance.id)
    leftMeanwhile = keys().length
  }
  await move(core, instance, core.rootKey, 'database')
  assert.deepEqual([leftMeanwhile, keys()], [2, []])
})

for (const [what, isRefused] of [
  ['is deleted before that is answered', false],
  ['stays to be deleted where the service refuses', true],
] as const)
  test(`what a key left that is destroyed in the middle of a move into the database ${what}`, async (t) => {
    const site = await openKeyProtectSite(t)
    const { core, around, instance, perform, rows, standardKeys, stateOf } = site
    const ids = [await activeKey(site), await activeKey(site)]
    const seen: unknown[] = []
    around.after = async () => {
      const [left] = await rows('unwanted')
      if (!left || seen.length > 0) return
      const { id: key, identifier } = left
      seen.push(identifier)
      if (isRefused) standardKeys.faults.set(key, 'call')
      await perform(revoke(identifier))
      assert.equal(standardKeys.live(`mortise-${identifier}`).length, 1, 'what is revoked may be needed')
      const destroyed = perform(async (work) => work.destroy(identifier))
      await (isRefused
        ? assert.rejects(destroyed, faults('GeneralFailure', /was done on this server/))
        : destroyed)
      standardKeys.faults.clear()
      seen.push(await stateOf(identifier), standardKeys.live(`mortise-${identifier}`).length)
    }
    await move(core, instance, core.rootKey, 'database')
    assert.deepEqual(seen.slice(1), ['Destroyed', isRefused ? 1 : 0])
    assert.deepEqual(
      ids.flatMap((id) => standardKeys.live(`mortise-${id}`)),
      [],
    )
    assert.deepEqual(core.keyring.status.standardKeys.now, [])
  })

for (const [what, isSame, because] of [
  ['other bytes: it was given up before anybody got it', false, 'given-up'],
  ['the same bytes: one of the two counts', true, 'copied'],
] as const)
  test(`an unwanted attempt for the identifier of a key that counts, with ${what}`, async (t) => {
    const site = await openKeyProtectSite(t)
    const { core, instance, perform, get, forget, standardKeys, sweepLater } = site
    const id = await perform(createKey())
    const bytes = await get(id)
    const [counts] = standardKeys.live()
    assert.ok(counts)
    const { header: facts } = unpackPayload(counts.payload)
    const material = { bytes: isSame ? Buffer.from(bytes) : randomBytes(32), head: facts.head }
    const place = {
      purpose: 'object',
      instanceId: instance.id,
      identifier: id,
      objectType: 'SymmetricKey',
    } as const
    const attempt = await core.custodies.seal(instance, place, material, { facts })
    assert.equal(standardKeys.live().length, 2)
    const remove = standardKeys.remove.bind(standardKeys)
    standardKeys.remove = () => Promise.reject(new RootKeyError('call', 'refused'))
    await attempt.abandon()
    await sweepLater()
    assert.deepEqual(
      core.keyring.status.standardKeys.now.map((trouble) => [trouble.what, trouble.left]),
      [['delete', 1]],
    )
    standardKeys.remove = remove
    await sweepLater()
    assert.deepEqual(core.keyring.status.standardKeys.now, [])
    const [left, ...more] = standardKeys.live()
    assert.deepEqual(more, [])
    forget()
    assert.deepEqual(await get(id), bytes)
    if (!isSame) assert.equal(left?.id, counts.id)
    const { entries } = await core.store.audit({ order: 'newest', limit: 100 })
    const deletions = entries
      .map(({ body }) => JSON.parse(body) as AuditEntry)
      .filter(({ action }) => action === 'standard-key.delete')
    assert.deepEqual(
      deletions.map(({ detail }) => detail?.['because']),
      [because],
    )
  })

for (const [what, above, isThere, isMarked, expected] of [
  ['is below the one that counts', [-1], true, true, { left: 0, made: 0 }],
  ['has the generation of the one that counts', [0], true, true, { left: 0, made: 0 }],
  ['is above the one that counts', [1], true, true, { left: 0, made: 1 }],
  ['is above one that its owner has deleted', [1], false, true, { left: 0, made: 0 }],
  ['is above it, while no marker says that the instance left', [1], true, false, { left: 1, made: 0 }],
  ['is above it, and another one above that', [9, 1], true, true, { left: 0, made: 1 }],
] as const)
  test(`what was left beside another root key and ${what}`, async (t) => {
    const there = new FaultyRootKey('test:there')
    const site = await openKeyProtectSite(t, { rootKeys: [there] })
    const { core, instance, get, forget, standardKeys } = site
    const { generations, markers } = core.custodies.keyprotect
    const id = await activeKey(site)
    const bytes = await get(id)
    await move(core, instance, there, 'keyprotect')
    const [counts] = there.standardKeys.live(`mortise-${id}`)
    assert.ok(counts)
    const { generation: own } = unpackPayload(counts.payload).header
    const rootKeyUri = core.rootKey.uri
    const rows: StandardKeyRecord[] = []
    for (const more of above) {
      const generation = own + more
      const about = { instanceId: instance.id, rootKeyId: core.rootKey.id, generation, closing: null }
      const wanted = { name: `mortise-${id}`, description: describeKey(about), payload: Buffer.from('left') }
      const made = { id: await standardKeys.create(wanted), generation, keyVersion: '' }
      const row = rowOf({ instanceId: instance.id, identifier: id }, made, rootKeyUri, core.clock.now())
      rows.push({ ...row, state: 'unwanted' })
    }
    const writes = rows.map((record) => ({ type: 'standard-key', record }) as const)
    await core.store.commit({ writes, entries: [], durability: 'disk' })
    if (!isMarked)
      for (const marker of await markers.rows(instance.id))
        if (marker.rootKeyUri === rootKeyUri) await markers.end(marker)
    counts.deleted = !isThere
    const { create } = there.standardKeys.calls
    const removed: string[] = []
    const remove = standardKeys.remove.bind(standardKeys)
    standardKeys.remove = async (which, ...asked) => {
      removed.push(which)
      return remove(which, ...asked)
    }
    const now = await instanceNow(core, instance)
    assert.equal(await generations.removeUnwanted(now, rows), expected.left === 0)
    assert.equal(standardKeys.live(`mortise-${id}`).length, expected.left)
    assert.equal(there.standardKeys.calls.create - create, expected.made)
    const lowestFirst = rows.toSorted((a, b) => a.generation - b.generation).map((row) => row.id)
    assert.deepEqual(removed, expected.left === 0 ? lowestFirst : [])
    if (expected.made > 0) {
      const [newest, ...more] = there.standardKeys.live(`mortise-${id}`)
      assert.ok(newest && more.length === 0)
      assert.ok(unpackPayload(newest.payload).header.generation > own + Math.max(...above))
    }
    counts.deleted = expected.made > 0
    forget()
    assert.deepEqual(await get(id), bytes)
  })

test('a bug while a destroyed key is deleted is no trouble with the service, and the next sweep deletes the key', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, perform, standardKeys } = site
  const id = await perform(createKey())
  const remove = standardKeys.remove.bind(standardKeys)
  standardKeys.remove = () => Promise.reject(new TypeError('a bug'))
  await assert.rejects(perform((work) => work.destroy(id)))
  assert.deepEqual(core.keyring.status.standardKeys.now, [])
  standardKeys.remove = remove
  await core.sweep()
  assert.deepEqual(standardKeys.live(), [])
})
