// What a sweep takes over into the database: an attempt that was never answered, a generation or a closing that another
// server stored. Another change of the object goes first.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { describeKey, readDescription } from '../../../../src/core/custody/keyprotect/description.ts'
import { unpackPayload } from '../../../../src/core/custody/keyprotect/payload.ts'
import { standardKeySweepAfterMs } from '../../../../src/core/custody/keyprotect/bounds.ts'
import { anotherServerToldMs } from '../../../../src/core/sealing/standard-key-troubles.ts'
import { first } from '../../../../src/wire/kmip/attributes.ts'
import type { MaybePromise } from '../../../../src/base/maybe-promise.ts'
import type { KeyTransaction } from '../../../../src/core/keys/key-transaction.ts'
import type { AuditEntry } from '../../../../src/core/ports/audit.ts'
import { RootKeyError } from '../../../../src/core/ports/root-key.ts'
import { StoreConflict, StoreUnavailable } from '../../../../src/core/ports/store.ts'
import {
  activeKey,
  openKeyProtectSite,
  revoke,
  type KeyProtectSite,
} from '../../../support/root-keys/keyprotect-site.ts'
import {
  createKey,
  faults,
  identifyAs,
  makeInstance,
  openCore,
  trustClient,
} from '../../../support/server/core.ts'
import { FaultyRootKey } from '../../../support/root-keys/faulty-root-key.ts'
import { fetchBytes, move, workerOf } from '../../../support/server/instance-work.ts'
import { until } from '../../../support/time/until.ts'
import { serverActor } from '../../../../src/core/audit/actor.ts'
import { factsOfRecord } from '../../../../src/core/keys/object/object-facts.ts'

const cutOff = () => new StoreUnavailable('unavailable', 'cut off')

test('a key that a database set back never knew is taken over as it was made: its bytes, its type and its time', async (t) => {
  const { core, instance, perform, get, standardKeys } = await openKeyProtectSite(t)
  const before = await core.copy()
  const { identify } = await trustClient(before, instance, 'again')
  const madeMs = Date.now()
  const id = await perform(createKey())
  const bytes = await get(id)
  before.clock.pass(7_200_000)
  standardKeys.aheadMs += 3_600_000
  await before.sweep()
  const key = await before.keys.show(instance.id, id)
  assert.equal(key?.objectType, 'SymmetricKey')
  // A standard key says whether it was closed, and not that it was still Pre-Active.
  assert.equal(key.state, 'Active')
  assert.ok(Math.abs(key.createdMs - madeMs) < 60_000, `${key.createdMs} is not ${madeMs}`)
  const fetched = await before.keys.perform(identify, async (work) =>
    Buffer.from((await work.fetch(id)).material.bytes),
  )
  assert.deepEqual(fetched, bytes)
})

test('of several attempts at a key whose answers were all lost, one sweep takes over the newest and deletes the others', async (t) => {
  const { core, instance, perform, standardKeys } = await openKeyProtectSite(t)
  const before = await core.copy()
  const id = await perform(createKey())
  const remove = standardKeys.remove.bind(standardKeys)
  standardKeys.remove = () => Promise.reject(cutOff())
  await assert.rejects(core.custodies.renew(instance, id, { force: true }))
  standardKeys.remove = remove
  const [, newest] = standardKeys.live(`mortise-${id}`)
  assert.ok(newest)
  standardKeys.aheadMs += 3_600_000
  await before.sweep()
  assert.deepEqual(standardKeys.live(`mortise-${id}`), [newest])
  assert.equal((await before.keys.show(instance.id, id))?.state, 'Active')
})

test('an object that changes while it is taken over stays as it was changed; the next sweep takes the rest', async (t) => {
  const { core, around, instance, perform, get, forget, sweepLater, standardKeys } =
    await openKeyProtectSite(t)
  const id = await activeKey({ perform })
  const bytes = await get(id)
  const other = await core.copy()
  // Its generation is far above the version that the object has after the change.
  for (let count = 0; count < 5; count++) await other.custodies.renew(instance, id, { force: true })
  const name = { NameValue: 'renamed meanwhile', NameType: 'UninterpretedTextString' } as const
  around.before = async ({ entries }) => {
    if (!entries.some(({ action }) => action === 'key.take-over')) return
    around.before = () => undefined
    await perform((work) => work.addAttribute(id, { key: 'Name', value: name, version: '1.4' }))
  }
  await sweepLater()
  await sweepLater()
  const key = await core.keys.show(instance.id, id)
  assert.deepEqual(key && first(key.attributes, 'Name'), name)
  forget()
  assert.deepEqual(await get(id), bytes)
  assert.equal(standardKeys.live(`mortise-${id}`).length, 1)
})

for (const [what, error] of [
  ['because the object has changed', new StoreConflict('object', 'changed meanwhile')],
  ['because the store is cut off', cutOff()],
] as const)
  test(`what could not be taken over, ${what}, replaces nothing yet`, async (t) => {
    const { core, around, instance, perform, standardKeys, sweepLater } = await openKeyProtectSite(t)
    const id = await activeKey({ perform })
    const other = await core.copy()
    const remove = standardKeys.remove.bind(standardKeys)
    standardKeys.remove = () => Promise.reject(cutOff())
    await assert.rejects(other.custodies.renew(instance, id, { force: true }))
    standardKeys.remove = remove
    const both = standardKeys.live(`mortise-${id}`)
    assert.equal(both.length, 2)
    around.before = ({ entries }) => {
      if (entries.some(({ action }) => action === 'key.take-over')) throw error
    }
    const swept = sweepLater()
    await (error instanceof StoreConflict ? swept : assert.rejects(swept, error))
    assert.deepEqual(standardKeys.live(`mortise-${id}`), both)
    around.before = () => undefined
    await sweepLater()
    assert.deepEqual(standardKeys.live(`mortise-${id}`), both.slice(1))
  })

/** Leaves what an Import leaves that was cut off: a generation above the one that counts, with other bytes. */
async function otherAbove({ core, instance, standardKeys }: KeyProtectSite, id: string) {
  const stored = await core.store.object(instance.id, id)
  const [counts] = standardKeys.live()
  assert.ok(stored && counts)
  const { header: facts } = unpackPayload(counts.payload)
  const { objectType } = stored
  const place = { purpose: 'object', instanceId: instance.id, identifier: id, objectType } as const
  const material = { bytes: randomBytes(32), head: facts.head }
  const replaces = { ...stored, version: stored.version + 5 }
  const { generation } = await core.custodies.seal(instance, place, material, { facts, replaces })
  return { counts, generation }
}

test('a higher generation with other bytes, left by an Import that was cut off, never becomes the key, which is stored above it', async (t) => {
  const site = await openKeyProtectSite(t)
  const { get, forget, rows, sweepLater } = site
  const id = await activeKey(site)
  const bytes = await get(id)
  const { generation } = await otherAbove(site, id)
  await sweepLater()
  forget()
  assert.deepEqual(await get(id), bytes)
  const [row, ...others] = await rows()
  assert.ok(row && row.generation > generation, 'a restore without the database finds the key too')
  assert.deepEqual(others, [])
})

test('once the owner has deleted the generation that counts, one with other bytes above it is neither served nor taken over', async (t) => {
  const site = await openKeyProtectSite(t)
  const { get, forget, sweepLater } = site
  const id = await activeKey(site)
  const bytes = await get(id)
  const { counts } = await otherAbove(site, id)
  counts.deleted = true
  forget()
  const doesNotOpen = faults('GeneralFailure', /does not open/)
  await assert.rejects(get(id), doesNotOpen)
  await sweepLater()
  await assert.rejects(get(id), doesNotOpen)
  counts.deleted = false
  await sweepLater()
  forget()
  assert.deepEqual(await get(id), bytes)
})

test('a higher generation that was left beside the root key before a move never takes an object back there', async (t) => {
  const other = new FaultyRootKey('test:other')
  const site = await openKeyProtectSite(t, { rootKeys: [other] })
  const { core, around, instance, get, forget, rows, standardKeys, sweepLater } = site
  const id = await activeKey(site)
  const bytes = await get(id)
  standardKeys.createFaults = ['uncertain-before']
  around.before = ({ entries }) => {
    if (entries.some(({ action }) => action === 'key.reseal')) throw cutOff()
  }
  await assert.rejects(core.custodies.renew(instance, id, { force: true }))
  around.before = () => undefined
  await move(core, instance, other, 'keyprotect')
  const lone = standardKeys.live(`mortise-${id}`)
  assert.equal(lone.length, 1)
  await sweepLater()
  await sweepLater()
  assert.deepEqual(
    (await rows()).flatMap(({ kind, rootKeyUri }) => (kind === 'object' ? [rootKeyUri] : [])),
    [other.uri],
  )
  assert.deepEqual(standardKeys.live(`mortise-${id}`), [])
  core.rootKey.fault = 'root-key'
  forget()
  assert.deepEqual(await get(id), bytes)
})

const date = (value: bigint) => ({ key: 'DeactivationDate', value, version: '1.4' }) as const

test('a change that is not recorded yet stands, though an attempt to record an older one is taken over', async (t) => {
  const { core, around, instance, perform, standardKeys, sweepLater } = await openKeyProtectSite(t)
  const id = await activeKey({ perform })
  around.before = ({ entries }) => {
    if (entries.some(({ action }) => action === 'key.reseal')) throw cutOff()
  }
  await assert.rejects(perform((work) => work.addAttribute(id, date(4_000_000_000n))))
  around.before = () => undefined
  standardKeys.createFaults = ['call']
  await assert.rejects(perform((work) => work.modifyAttribute(id, date(3_000_000_000n))))
  standardKeys.createFaults = ['call']
  for (const recorded of [4_000_000_000, 3_000_000_000]) {
    await sweepLater()
    const key = await core.keys.show(instance.id, id)
    assert.equal(key && first(key.attributes, 'DeactivationDate'), 3_000_000_000n)
    const said = standardKeys.live().map(({ payload }) => unpackPayload(payload).header.deactivationDate)
    assert.deepEqual(said, [recorded])
  }
})

const deactivated = { state: 'Deactivated', at: 1_700_000_000, occurredAt: null, reason: null } as const

for (const [what, own, closing, state] of [
  ['with other bytes', false, null, 'Active'],
  ['with other bytes, which is closed,', false, deactivated, 'Active'],
  ['with its bytes, which closes it,', true, deactivated, 'Deactivated'],
] as const)
  test(`a copy ${what} of a key that is on its way to Key Protect never takes its place`, async (t) => {
    const core = await openCore(t)
    const before = await makeInstance(core, 'moving')
    const { id: instanceId } = before
    const { identify } = await trustClient(core, before)
    const perform = <T>(work: (work: KeyTransaction) => MaybePromise<T>) => core.keys.perform(identify, work)
    const id = await activeKey({ perform })
    const bytes = await perform(fetchBytes(id))
    const there = { rootKeyUri: core.rootKey.uri, custody: 'keyprotect' } as const
    const instance = await core.trust.work.setRootKey(serverActor, instanceId, there)
    const stored = await core.store.object(instanceId, id)
    assert.ok(stored)
    const { objectType } = stored
    const place = { purpose: 'object', instanceId, identifier: id, objectType } as const
    const material = {
      bytes: own ? Buffer.from(bytes, 'hex') : randomBytes(32),
      head: { keyFormatType: 'Raw' },
    } as const
    const restrictions = { sensitive: true, extractable: false, usageLimits: null }
    const facts = { ...factsOfRecord(stored), closing, restrictions }
    await core.custodies.seal(instance, place, material, { facts, replaces: stored })
    const sweepLater = async () => {
      core.rootKey.standardKeys.aheadMs += standardKeySweepAfterMs
      await core.sweep()
      core.keyring.forget(instanceId)
      assert.equal(await perform(fetchBytes(id)), bytes)
      const key = await core.keys.show(instanceId, id)
      assert.equal(key?.state, state)
      assert.equal(first(key.attributes, 'Sensitive'), false, 'all else is as the database has it')
    }
    await sweepLater()
    const { worker } = workerOf(core)
    worker.start()
    await until(async () => !(await core.access.instance(instanceId))?.work, 'it has moved')
    await worker.stop()
    await sweepLater()
  })

test('a deleted generation that the database never knew may be an attempt given up: the one that it knows counts', async (t) => {
  const { core, instance, perform, get, forget, standardKeys, sweepLater } = await openKeyProtectSite(t)
  const id = await activeKey({ perform })
  const bytes = await get(id)
  const other = await core.copy()
  const remove = standardKeys.remove.bind(standardKeys)
  standardKeys.remove = () => Promise.reject(cutOff())
  await assert.rejects(other.custodies.renew(instance, id, { force: true }))
  standardKeys.remove = remove
  const [known, newest] = standardKeys.live(`mortise-${id}`)
  assert.ok(known && newest)
  newest.deleted = true
  await sweepLater()
  forget()
  assert.deepEqual(await get(id), bytes)
  assert.deepEqual(standardKeys.live(`mortise-${id}`), [known])
  newest.deleted = false
  await sweepLater()
  forget()
  assert.deepEqual(await get(id), bytes)
  assert.deepEqual(standardKeys.live(`mortise-${id}`), [newest], 'it is there after all, and counts')
})

test('what cannot be read may close a key, and changes nothing else of it', async (t) => {
  const { core, instance, perform, standardKeys, sweepLater, stateOf } = await openKeyProtectSite(t)
  const id = await activeKey({ perform })
  // The service does not know of this yet.
  standardKeys.createFaults = Array.from({ length: 99 }, () => 'call' as const)
  const sensitive = { key: 'Sensitive', value: true, version: '1.4' } as const
  await assert.rejects(
    perform((work) => work.modifyAttribute(id, sensitive)),
    faults('GeneralFailure', /was done on this server/),
  )
  const { rootKey } = core
  const about = { instanceId: instance.id, rootKeyId: rootKey.id, generation: 99 }
  const description = describeKey({ ...about, closing: 'Deactivated' })
  const { createFaults } = standardKeys
  standardKeys.createFaults = []
  await standardKeys.create({ name: `mortise-${id}`, description, payload: Buffer.from('nonsense') })
  standardKeys.createFaults = createFaults
  await sweepLater()
  assert.equal(await stateOf(id), 'Deactivated')
  const key = await core.keys.show(instance.id, id)
  assert.equal(key && first(key.attributes, 'Sensitive'), true)
  const takenOver = async () => {
    const { entries } = await core.store.audit({ object: id, order: 'oldest', limit: 1_000 })
    return entries.filter(({ body }) => (JSON.parse(body) as AuditEntry).action === 'key.take-over').length
  }
  assert.equal(await takenOver(), 1)
  await sweepLater()
  assert.equal(await takenOver(), 1, 'it was closed already')
})

test('a key that was restricted and closed by another server is taken over so, and the closing names when', async (t) => {
  const { core, instance, perform, sweepLater, stateOf } = await openKeyProtectSite(t)
  const id = await activeKey({ perform })
  const other = await core.copy()
  const { identify } = await trustClient(other, instance, 'again')
  const sensitive = { key: 'Sensitive', value: true, version: '1.4' } as const
  await other.keys.perform(identify, (work) => work.modifyAttribute(id, sensitive))
  await other.keys.perform(identify, revoke(id, 'KeyCompromise'))
  await sweepLater()
  assert.equal(await stateOf(id), 'Compromised')
  const key = await core.keys.show(instance.id, id)
  assert.ok(key?.attributes.has('CompromiseDate'))
  assert.equal(key && first(key.attributes, 'Sensitive'), true)
  const { entries } = await core.store.audit({ object: id, order: 'newest', limit: 1 })
  const { action, detail } = JSON.parse(entries[0]?.body ?? 'null') as AuditEntry
  assert.deepEqual([action, detail?.['closing']], ['key.take-over', 'Compromised'])
})

for (const [what, isRestoredFirst, epoch, expected] of [
  ['before the restore: the lost server stored it', false, 1, []],
  ['after the restore: that server still runs', true, 1, ['another']],
  ['before a move: nothing was restored', false, 0, ['another']],
] as const)
  test(`a key of an unknown server, stored ${what}`, async (t) => {
    const core = await openCore(t)
    const instance = await makeInstance(core, 'restored', { custody: 'keyprotect', epoch })
    const { identity } = await trustClient(core, instance)
    const other = await core.copy()
    const restore = async () => {
      const { markers } = core.custodies.keyprotect
      const says = { way: 'stays' } as const
      const due = { instanceId: instance.id, rootKeyUri: core.rootKey.uri, epoch, says }
      await core.store.commit({ writes: [await markers.due(due)], entries: [], durability: 'disk' })
    }
    const passHour = () => {
      core.clock.pass(3_600_000)
      core.rootKey.standardKeys.aheadMs += 3_600_000
    }
    if (isRestoredFirst) await restore()
    passHour()
    const id = await other.keys.perform(identifyAs(other, identity), createKey())
    passHour()
    if (!isRestoredFirst) await restore()
    passHour()
    await core.sweep()
    assert.equal((await core.keys.show(instance.id, id))?.state, 'Active')
    assert.deepEqual(
      core.keyring.status.standardKeys.now.map((trouble) => trouble.what),
      expected,
    )
  })

test('what an instance left behind for the database is deleted as often as it comes back', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, instance, get, forget, standardKeys, sweepLater } = site
  const id = await activeKey(site)
  const bytes = await get(id)
  await move(core, instance, core.rootKey, 'database')
  const keys = () =>
    standardKeys.live().filter(({ description }) => readDescription(description)?.kind === 'key')
  assert.deepEqual(keys(), [])
  const bring = () => {
    for (const kept of standardKeys.kept.values()) kept.deleted = false
  }
  bring()
  const [kept] = keys()
  assert.ok(kept)
  const remove = standardKeys.remove.bind(standardKeys)
  standardKeys.remove = () => Promise.reject(new RootKeyError('call', 'refused'))
  await sweepLater()
  assert.deepEqual(keys(), [kept])
  standardKeys.remove = remove
  await sweepLater()
  assert.deepEqual(keys(), [])
  forget()
  assert.deepEqual(await get(id), bytes)
})

test('what an instance left behind stays where no marker says that the instance left, and where none is listed', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, instance, standardKeys, sweepLater } = site
  const { generations, markers } = core.custodies.keyprotect
  const id = await activeKey(site)
  const remove = standardKeys.remove.bind(standardKeys)
  standardKeys.remove = () => Promise.reject(new RootKeyError('call', 'refused'))
  await move(core, instance, core.rootKey, 'database')
  standardKeys.remove = remove
  const [kept] = standardKeys.live(`mortise-${id}`)
  assert.ok(kept)
  const { id: instanceId } = instance
  await generations.settle((await core.access.instance(instanceId)) ?? assert.fail(), id, [])
  assert.deepEqual(standardKeys.live(`mortise-${id}`), [kept])
  const { id: standardKeyId } = kept
  const { uri: rootKeyUri, id: rootKeyId } = core.rootKey
  const place = { rootKeyUri, rootKeyId, standardKeyId, generation: 1 }
  const settle = async () =>
    generations.settle(
      (await core.access.instance(instanceId)) ?? assert.fail(),
      id,
      await generations.lookup.find(instance, id, place),
    )
  const rows = await markers.rows(instanceId)
  for (const marker of rows) await markers.end(marker)
  await settle()
  await sweepLater()
  assert.deepEqual(standardKeys.live(`mortise-${id}`), [kept])
  const writes = rows.map((record) => ({ type: 'standard-key', record }) as const)
  await core.store.commit({ writes, entries: [], durability: 'disk' })
  await settle()
  assert.deepEqual(standardKeys.live(`mortise-${id}`), [])
})

test('the owner deletes the one that counts: a lower one that the database does not know is deleted too', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, instance, standardKeys, sweepLater } = site
  const id = await activeKey(site)
  const remove = standardKeys.remove.bind(standardKeys)
  standardKeys.remove = () => Promise.reject(new RootKeyError('call', 'refused'))
  await core.custodies.renew(instance, id, { force: true })
  standardKeys.remove = remove
  const [lower, counts] = standardKeys.live(`mortise-${id}`)
  assert.ok(lower && counts)
  const forgotten = { type: 'standard-key-removed', id: lower.id } as const
  await core.store.commit({ writes: [forgotten], entries: [], durability: 'disk' })
  counts.deleted = true
  await sweepLater()
  assert.deepEqual(standardKeys.live(`mortise-${id}`), [])
})

test('during a move into the database nothing is deleted that only the service knows', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, around, instance, rows, standardKeys, sweepLater } = site
  const ids = [await activeKey(site), await activeKey(site)]
  const keys = () => ids.flatMap((id) => standardKeys.live(`mortise-${id}`))
  let leftMeanwhile = 0
  around.after = async () => {
    const [left] = await rows('unwanted')
    if (!left) return
    around.after = () => undefined
    const forgotten = { type: 'standard-key-removed', id: left.id } as const
    await core.store.commit({ writes: [forgotten], entries: [], durability: 'disk' })
    await sweepLater()
    leftMeanwhile = keys().length
  }
  await move(core, instance, core.rootKey, 'database')
  assert.equal(leftMeanwhile, 2)
  await sweepLater()
  assert.deepEqual(keys(), [])
})

test('a look for the copy that counts deletes no young one that no row names: another request may be storing it', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, instance, standardKeys, sweepLater } = site
  const id = await activeKey(site)
  const other = await core.copy()
  const remove = standardKeys.remove.bind(standardKeys)
  standardKeys.remove = () => Promise.reject(new RootKeyError('call', 'refused'))
  for (let count = 0; count < 2; count++) await other.custodies.renew(instance, id, { force: true })
  standardKeys.remove = remove
  const [, young, newest] = standardKeys.live(`mortise-${id}`)
  assert.ok(young && newest)
  assert.equal(await core.custodies.keyprotect.generations.look(instance, id), true)
  assert.deepEqual(standardKeys.live(`mortise-${id}`), [young, newest])
  await sweepLater()
  assert.deepEqual(standardKeys.live(`mortise-${id}`), [newest])
})

test('a copy of another server is told of for a day, and not again once it was taken over', async (t) => {
  const { core, instance, perform, sweepLater } = await openKeyProtectSite(t)
  const id = await activeKey({ perform })
  const other = await core.copy()
  await other.custodies.renew(instance, id, { force: true })
  const told = () => core.keyring.status.standardKeys.now.map(({ what }) => what)
  await sweepLater()
  assert.deepEqual(told(), ['another'])
  core.clock.pass(anotherServerToldMs)
  assert.equal(await core.custodies.keyprotect.generations.look(instance, id), false)
  await new Promise(setImmediate)
  assert.deepEqual(told(), [])
})

for (const isNewestFirst of [false, true])
  test(`a key of which the owner deleted the newest generation is taken over closed, as an older one says what it is${isNewestFirst ? ', whichever is listed first' : ''}`, async (t) => {
    const { core, instance, perform, get, standardKeys } = await openKeyProtectSite(t)
    const before = await core.copy()
    const { identify } = await trustClient(before, instance, 'again')
    const id = await perform(createKey())
    const bytes = await get(id)
    const remove = standardKeys.remove.bind(standardKeys)
    standardKeys.remove = () => Promise.reject(cutOff())
    await assert.rejects(core.custodies.renew(instance, id, { force: true }))
    standardKeys.remove = remove
    const [older, newest] = standardKeys.live(`mortise-${id}`)
    assert.ok(older && newest)
    newest.deleted = true
    if (isNewestFirst) {
      standardKeys.kept.delete(older.id)
      standardKeys.kept.set(older.id, older)
    }
    standardKeys.aheadMs += standardKeySweepAfterMs
    await before.sweep()
    const key = await before.keys.show(instance.id, id)
    assert.deepEqual([key?.objectType, key?.state], ['SymmetricKey', 'Active'])
    assert.equal(key && first(key.attributes, 'CryptographicLength'), 256)
    const fetched = () =>
      before.keys.perform(identify, async (work) => Buffer.from((await work.fetch(id)).material.bytes))
    await assert.rejects(fetched(), faults('GeneralFailure', /does not open/))
    newest.deleted = false
    assert.deepEqual(await fetched(), bytes)
  })

test('while an instance moves, a higher generation beside the root key that it leaves still counts', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, instance, get, forget, standardKeys } = site
  const id = await activeKey(site)
  const bytes = await get(id)
  const other = await core.copy()
  const remove = standardKeys.remove.bind(standardKeys)
  standardKeys.remove = () => Promise.reject(new RootKeyError('call', 'refused'))
  await other.custodies.renew(instance, id, { force: true })
  standardKeys.remove = remove
  const { generations } = core.custodies.keyprotect
  assert.equal(await generations.look({ ...instance, rootKeyUri: 'test:there' }, id), true)
  forget()
  assert.deepEqual(await get(id), bytes)
  assert.equal(standardKeys.live(`mortise-${id}`).length, 1)
})
