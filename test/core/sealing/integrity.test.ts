// Stored bytes that fail their authentication: which of them raise an alarm, how often the log names them, and until when
// they are remembered. The keys are real; what is stored is altered as who may write the database, or the root key's
// service, would.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { alteredItemsMax } from '../../../src/base/bounds.ts'
import { alteredToldEveryMs } from '../../../src/core/sealing/integrity.ts'
import { RootKeyError } from '../../../src/core/ports/root-key.ts'
import { EnvelopeError } from '../../../src/core/sealing/envelope.ts'
import { Integrity, type StoredItem } from '../../../src/core/sealing/integrity.ts'
import { Secrets } from '../../../src/core/sealing/secrets.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { createKey, edit, faults, makeInstance, openCore, trustClient } from '../../support/server/core.ts'

const item: StoredItem = { instanceId: 'i', kind: 'object', id: 'k' }

function watching() {
  const clock = new MovableClock()
  const calls: boolean[] = []
  const integrity = new Integrity(clock, (_item, _cause, tell) => calls.push(tell))
  const open = (what: StoredItem, error?: Error) =>
    integrity
      .opening(what, () => (error ? Promise.reject(error) : Promise.resolve('opened')))
      .catch((thrown: unknown) => assert.equal(thrown, error))
  return { clock, calls, integrity, open }
}

test('each failure is an alarm; the log names the item once an hour, and again after it opened', async () => {
  const { clock, calls, integrity, open } = watching()
  const altered = new EnvelopeError('does not open')
  await open(item, altered)
  await open(item, altered)
  assert.deepEqual(calls, [true, false])
  assert.deepEqual(integrity.altered, [item])
  clock.pass(alteredToldEveryMs)
  await open(item, altered)
  assert.deepEqual(calls, [true, false, true])
  await open(item)
  assert.deepEqual(integrity.altered, [])
  await open(item, altered)
  assert.deepEqual(calls, [true, false, true, true])
  const other: StoredItem = { ...item, instanceId: 'j' }
  assert.throws(() =>
    integrity.openingNow(other, () => {
      throw altered
    }),
  )
  assert.deepEqual(integrity.altered, [item, other])
})

test('what cannot be opened for another reason raises no alarm', async () => {
  const { calls, integrity, open } = watching()
  await open(item, new RootKeyError('unreachable', 'no answer'))
  await open(item, new RootKeyError('wrapped-form', 'deleted at the service'))
  await open(item, new Error('a bug'))
  assert.deepEqual([calls, integrity.altered], [[], []])
})

test('of very many, all are counted and a bounded number is remembered and told', async () => {
  const { calls, integrity, open } = watching()
  const altered = new EnvelopeError('does not open')
  for (let n = 0; n < alteredItemsMax + 5; n++) await open({ ...item, id: String(n) }, altered)
  assert.equal(calls.length, alteredItemsMax + 5)
  assert.equal(calls.filter(Boolean).length, alteredItemsMax)
  assert.equal(integrity.altered.length, alteredItemsMax)
})

async function begin(t: TestContext, custody: 'database' | 'keyprotect') {
  const core = await openCore(t)
  const instance = await makeInstance(core, 'default', { custody })
  const { identify } = await trustClient(core, instance)
  const id = await core.keys.perform(identify, createKey())
  const get = async () => {
    // The record of the Get before is in the log.
    await core.store.audit({ order: 'newest', limit: 1 })
    core.clock.pass(instance.cacheSeconds * 1000)
    return core.keys.perform(identify, async (work) => (await work.fetch(id)).material.bytes.length)
  }
  const { integrity } = core.keyring
  return { core, instance, id, get, integrity }
}

test('an altered data key is named itself, not the objects that it seals', async (t) => {
  const { core, instance, get, integrity } = await begin(t, 'database')
  const [record] = await core.store.dataKeys(instance.id)
  assert.ok(record)
  const wrapped = Buffer.from(record.wrapped)
  wrapped[20] = (wrapped[20] ?? 0) ^ 1
  edit(core.file, 'UPDATE data_keys SET wrapped = ?', wrapped)
  await assert.rejects(get(), faults('GeneralFailure'))
  assert.deepEqual(integrity.altered, [{ instanceId: instance.id, kind: 'data key', id: record.id }])
  edit(core.file, 'UPDATE data_keys SET wrapped = ?', record.wrapped)
  assert.equal(await get(), 32)
  assert.deepEqual(integrity.altered, [])
})

test('sealed material that names no data key was altered too', async (t) => {
  const { core, instance, id, get, integrity } = await begin(t, 'database')
  edit(core.file, 'UPDATE objects SET data_key_id = NULL')
  await assert.rejects(get(), faults('GeneralFailure', /altered/))
  assert.deepEqual(integrity.altered, [{ instanceId: instance.id, kind: 'object', id }])
})

test('a standard key with another payload was altered; one that was deleted was not', async (t) => {
  const { core, instance, id, get, integrity } = await begin(t, 'keyprotect')
  const { kept } = core.rootKey.standardKeys
  const found = [...kept.values()].find(({ name }) => name === `mortise-${id}`)
  assert.ok(found)
  found.deleted = true
  await assert.rejects(get(), faults('GeneralFailure'))
  assert.deepEqual(integrity.altered, [])
  found.deleted = false
  const payload = Buffer.from(found.payload)
  payload[payload.length - 10] = (payload.at(-10) ?? 0) ^ 1
  kept.set(found.id, { ...found, payload })
  await assert.rejects(get(), faults('GeneralFailure'))
  assert.deepEqual(integrity.altered, [{ instanceId: instance.id, kind: 'object', id }])
  kept.set(found.id, found)
  assert.equal(await get(), 32)
  assert.deepEqual(integrity.altered, [])
})

test("a secret of the server's that was altered does not open, and is named", async (t) => {
  const { core } = await begin(t, 'database')
  const integrity = new Integrity(core.clock)
  const secrets = await Secrets.open(core.store, core.rootKey, integrity)
  await secrets.put('one', Buffer.from('secret one'))
  await secrets.put('other', Buffer.from('secret two'))
  edit(
    core.file,
    `UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE name = 'other') WHERE name = 'one'`,
  )
  await assert.rejects(secrets.fresh('one'), EnvelopeError)
  assert.equal(String(await secrets.fresh('other')), 'secret two')
  assert.deepEqual(integrity.altered, [{ instanceId: null, kind: 'secret', id: 'one' }])
})
