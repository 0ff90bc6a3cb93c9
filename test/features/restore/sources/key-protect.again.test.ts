// What an instance takes along from an earlier life: a restore that was cut off, one whose move was under way when the database was
// lost once more, or a deletion on the same server.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serverActor } from '../../../../src/core/audit/actor.ts'
import { RootKeyError } from '../../../../src/core/ports/root-key.ts'
import { StoreUnavailable } from '../../../../src/core/ports/store.ts'
import { TrustRefused } from '../../../../src/core/trust/writer.ts'
import { makeInstance, openCore, type TestCoreOptions } from '../../../support/server/core.ts'
import { FaultyRootKey } from '../../../support/root-keys/faulty-root-key.ts'
import { workerOf } from '../../../support/server/instance-work.ts'
import { bytesOf, openSite, restore, siteOf, type Site } from '../../../support/root-keys/restore-site.ts'
import { StoreAround } from '../../../support/store/store-around.ts'
import { until } from '../../../support/time/until.ts'

const markersAt = ({ standardKeys }: FaultyRootKey) =>
  standardKeys
    .live()
    .flatMap(({ description }) => /^mortise 2 marker .*, (epoch .*)$/.exec(description)?.[1] ?? [])

test('lost again while its keys move to the root key that a restore named, an instance asks for the one that they come from', async (t) => {
  const before = await openSite(t)
  const { rootKey: old } = before.core
  const texts = new Map<string, string>()
  for (const id of [await before.key(), await before.key()]) texts.set(id, await bytesOf(before, id))
  const there = new FaultyRootKey('test:there')
  const rootKeys = [old, there]
  const both = { otherRootKeyUris: [old.uri] }
  const lost = await openCore(t, { rootKeys })
  await restore(lost, there.uri, both)
  const unwrap = old.unwrap.bind(old)
  let opened = 0
  old.unwrap = (...asked) =>
    opened++ === 0 ? unwrap(...asked) : Promise.reject(new RootKeyError('unreachable', 'cut off'))
  const { worker } = workerOf(lost)
  worker.start()
  await until(() => there.standardKeys.live().length === 2, 'a marker, and the first key')
  await worker.stop()
  old.unwrap = unwrap
  const again = await openCore(t, { rootKeys })
  await assert.rejects(restore(again, there.uri), { why: 'more-root-keys' })
  const { instance, opens } = await restore(again, there.uri, both)
  assert.equal(opens, texts.size)
  const { worker: next, failures } = workerOf(again)
  next.start()
  await until(async () => !(await again.access.instance(instance.id))?.work, 'all have arrived')
  await next.stop()
  assert.deepEqual(failures, [])
  assert.deepEqual(markersAt(there), [`epoch ${instance.epoch}, stays`])
  assert.deepEqual(markersAt(old), [`epoch ${instance.epoch}, to ${there.id}`])
  const after = await siteOf(again, instance)
  for (const [id, text] of texts) assert.equal(await bytesOf(after, id), text)
})

for (const [what, isHere] of [
  ['on a server that never had it', false],
  ['on the server that shredded it', true],
] as const)
  test(`a restore that was cut off and done again keeps nobody from making keys, ${what}`, async (t) => {
    const held: { around?: StoreAround } = {}
    const wrap: NonNullable<TestCoreOptions['wrap']> = (store) => (held.around = new StoreAround(store))
    const first = await openSite(t, 'vmware', await openCore(t, { wrap }))
    await first.key()
    const { rootKey } = first.core
    const core = isHere ? first.core : await openCore(t, { rootKeys: [rootKey], wrap })
    if (isHere) await shredUnheard(first, 'remove')
    // It has an epoch that is not 0.
    else await restore(await openCore(t, { rootKeys: [rootKey] }), rootKey.uri)
    const { around } = held
    assert.ok(around)
    around.before = ({ entries }) => {
      if (entries.some(({ action }) => action === 'instance.restore'))
        throw new StoreUnavailable('unavailable', 'cut off')
    }
    await assert.rejects(restore(core, rootKey.uri), StoreUnavailable)
    around.before = () => undefined
    await core.sweep()
    const told = () => core.keyring.status.standardKeys.now.map((trouble) => trouble.what)
    if (!isHere) assert.deepEqual(told(), [], 'what is not here yet was not deleted either')
    const { instance } = await restore(core, rootKey.uri)
    const after = await siteOf(core, instance)
    await bytesOf(after, await after.key())
    await core.sweep()
    assert.deepEqual(told(), [], 'what came back is no leftover any more')
  })

/** Shreds it while its service refuses these calls. */
async function shredUnheard({ core, instance }: Site, call: 'create' | 'remove'): Promise<void> {
  const { standardKeys } = core.rootKey
  Reflect.set(standardKeys, call, () => Promise.reject(new RootKeyError('call', 'refused')))
  await core.trust.instances.shred(serverActor, instance.id)
  Reflect.deleteProperty(standardKeys, call)
}

test('a shredded instance that came back on its server is not said to be gone afterwards', async (t) => {
  const before = await openSite(t)
  const { core, key } = before
  const id = await key()
  const text = await bytesOf(before, id)
  // The marker that says that it is gone could not be stored.
  await shredUnheard(before, 'create')
  const { instance } = await restore(core, core.rootKey.uri)
  await core.sweep()
  assert.deepEqual(markersAt(core.rootKey), [`epoch ${instance.epoch}, stays`])
  assert.equal(await bytesOf(await siteOf(core, instance), id), text)
})

test('a restore that is refused, as its name is taken, leaves the server that has the instance alone', async (t) => {
  const before = await openSite(t)
  const { core, key } = before
  await key()
  const other = await openCore(t, { rootKeys: [core.rootKey] })
  await makeInstance(other, 'default')
  await assert.rejects(restore(other, core.rootKey.uri, { name: 'default' }), TrustRefused)
  assert.deepEqual(markersAt(core.rootKey), [])
  await core.sweep()
  await bytesOf(before, await key())
})

test('a key that is destroyed in the database while a restore writes it stays destroyed', async (t) => {
  const before = await openSite(t)
  const { rootKey } = before.core
  const [gone, kept] = [await before.key(), await before.key()]
  const text = await bytesOf(before, kept)
  const held: { around?: StoreAround } = {}
  const core = await openCore(t, {
    rootKeys: [rootKey],
    wrap: (store) => (held.around = new StoreAround(store)),
  })
  const { around } = held
  assert.ok(around)
  const instanceId = before.instance.id
  around.before = ({ entries }) => {
    if (entries.some(({ action }) => action === 'instance.restore'))
      throw new StoreUnavailable('unavailable', 'cut off')
  }
  await assert.rejects(restore(core, rootKey.uri), StoreUnavailable)
  around.before = async ({ writes }) => {
    if (writes.every(({ type }) => type !== 'standard-key')) return
    around.before = () => undefined
    const record = await core.store.object(instanceId, gone)
    assert.ok(record)
    const { sequence: _, lastFetchedMs: __, ...row } = record
    const destroyed = { ...row, state: 'Destroyed', sealed: null, version: row.version + 1 }
    const write = { type: 'object', record: destroyed, names: [], index: [] } as const
    await core.store.commit({ writes: [write], entries: [], durability: 'process' })
  }
  const { instance } = await restore(core, rootKey.uri)
  assert.equal((await core.store.object(instanceId, gone))?.sealed, null)
  const rows = await core.store.standardKeys({ instanceId, kind: 'object', limit: 10 })
  assert.equal(rows.find(({ identifier }) => identifier === gone)?.state, 'unwanted')
  assert.equal(await bytesOf(await siteOf(core, instance), kept), text)
})
