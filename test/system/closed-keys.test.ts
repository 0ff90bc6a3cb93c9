// Single keys that somebody deleted at their root key's service: told once in the log while they are closed, counted
// and named by readiness and status, and not told any more once they open again or are gone. The parts are real, the
// root key is told to fail, the clock is moved.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { conditionsOf } from '../support/server/all-conditions.ts'
import { serverActor } from '../../src/core/audit/actor.ts'
import type { KeyTransaction } from '../../src/core/keys/key-transaction.ts'
import type { AuditEntry } from '../../src/core/ports/audit.ts'
import { closedKeysMax, closedKeysNamedMax } from '../../src/base/bounds.ts'
import { rootKeyAskAgainMs } from '../../src/core/sealing/bounds.ts'
import { createKey, faults, makeInstance, openCore, trustClient } from '../support/server/core.ts'
import { quietFacts } from '../support/server/quiet-facts.ts'

async function begin(t: TestContext, custody: 'database' | 'keyprotect' = 'keyprotect') {
  const core = await openCore(t)
  const { clock, access, rootKey, readiness, keys } = core
  const instance = await makeInstance(core, 'vmware', { custody })
  const { identify } = await trustClient(core, instance)
  const perform = <T>(work: (work: KeyTransaction) => Promise<T>) => keys.perform(identify, work)
  const get = (id: string) => perform(async (work) => (await work.fetch(id)).material.bytes.length)
  const now = () => readiness.now(core)
  const conditions = async () => {
    const found = conditionsOf({ ...quietFacts, trust: await access.snapshot(), readiness: await now() })
    return found.filter(({ id }) => id === 'closed-keys')
  }
  const standardKey = (id: string, deleted: boolean) => {
    const found = [...rootKey.standardKeys.kept.values()].find(({ name }) => name === `mortise-${id}`)
    assert.ok(found)
    found.deleted = deleted
  }
  const remove = async (...ids: string[]) => {
    for (const id of ids) standardKey(id, true)
    // The records of earlier Gets are in the log.
    await core.store.audit({ order: 'newest', limit: 1 })
    clock.pass(instance.cacheSeconds * 1000)
    for (const id of ids) await assert.rejects(get(id), faults('GeneralFailure', /does not open/))
  }
  const restore = (id: string) => standardKey(id, false)
  const told = (level: string) => core.lines.filter((line) => line.level === level)
  return { ...core, instance, perform, get, now, conditions, remove, restore, told }
}

test('deleted at the service: told once, with the cause and whose it is, until it opens again', async (t) => {
  const { instance, perform, get, now, conditions, remove, restore, told, store } = await begin(t)
  const [a, b] = [await perform(createKey()), await perform(createKey())]
  assert.deepEqual(await conditions(), [])
  await remove(a)
  await assert.rejects(get(a), faults('GeneralFailure'))
  assert.equal(await get(b), 32)
  const [line, ...more] = told('warn')
  assert.ok(line)
  assert.deepEqual([line['instanceId'], line['object'], more], [instance.id, a, []])
  assert.match(String(line['cause']), /deleted/)
  const { degraded, closed } = await now()
  assert.equal(degraded.size, 0)
  assert.deepEqual(closed, [{ instanceId: instance.id, kind: 'object', id: a }])
  const [warning, ...others] = await conditions()
  assert.deepEqual(others, [])
  assert.equal(warning?.instanceId, instance.id)
  assert.match(
    warning.message,
    new RegExp(`^a key of the instance vmware does not open \\(${a}\\): deleted at`),
  )
  restore(a)
  assert.equal(await get(a), 32)
  assert.deepEqual(await conditions(), [])
  assert.equal(told('info').filter((line) => line['object'] === a).length, 1)
  await remove(a)
  assert.equal(told('warn').length, 2, 'told again the next time')
  const page = await store.audit({ action: 'key.get', order: 'oldest', limit: 100 })
  const entries = page.entries.map(({ body }) => JSON.parse(body) as AuditEntry)
  const refused = entries.filter(({ result }) => result === 'refused')
  assert.equal(refused.length, 3)
  for (const { detail } of refused) {
    assert.equal(detail?.['rootKey'], 'wrapped-form')
    assert.match(String(detail['correlationIds']), /^call-\d+$/)
  }
  assert.ok(entries.every(({ result, detail }) => result === 'refused' || !detail?.['rootKey']))
})

test('many: counted, a few named, and memory is bounded', async (t) => {
  const { perform, now, conditions, remove, told } = await begin(t)
  const ids: string[] = []
  for (let index = 0; index < 5; index++) ids.push(await perform(createKey()))
  await remove(...ids)
  const [warning] = await conditions()
  const named = ids.slice(0, closedKeysNamedMax).join(', ')
  assert.ok(warning?.message.startsWith(`5 keys of the instance vmware do not open (${named}, and 2 more)`))
  for (let index = 5; index <= closedKeysMax; index++) ids.push(await perform(createKey()))
  await remove(...ids)
  assert.equal((await now()).closed.length, closedKeysMax)
  assert.equal(told('warn').length, closedKeysMax)
  assert.match((await conditions())[0]?.message ?? '', new RegExp(`^at least ${closedKeysMax} keys `))
})

test('a key that is destroyed, or whose instance is gone, is told no more', async (t) => {
  const { instance, perform, now, conditions, remove, trust } = await begin(t)
  const [a, b] = [await perform(createKey()), await perform(createKey())]
  await remove(a, b)
  await perform((work) => work.destroy(a))
  assert.deepEqual(
    (await now()).closed.map(({ id }) => id),
    [b],
  )
  await trust.instances.shred(serverActor, instance.id)
  assert.deepEqual((await now()).closed, [])
  assert.deepEqual(await conditions(), [])
})

test('custody database: a data key that does not open is told as such, and as the trouble of its instance', async (t) => {
  const { perform, get, rootKey, clock, instance, keyring, told, conditions, now } = await begin(
    t,
    'database',
  )
  const id = await perform(createKey())
  const { id: dataKey } = await keyring.current(instance)
  rootKey.fault = 'wrapped-form'
  clock.pass(instance.cacheSeconds * 1000)
  await assert.rejects(get(id), faults('GeneralFailure', /does not open, though its root key answers/))
  assert.deepEqual(
    told('warn').map((line) => line['dataKey']),
    [dataKey],
  )
  assert.deepEqual([...(await now()).degraded.values()], ['failing'])
  assert.deepEqual(await conditions(), [], 'the trouble of the root key says it')
  rootKey.fault = null
  assert.equal(await get(id), 32)
  assert.deepEqual((await now()).closed, [])
})

test('what the root key itself refuses is entered as that, and no single key is told', async (t) => {
  const { perform, get, rootKey, clock, instance, conditions, store } = await begin(t)
  const id = await perform(createKey())
  clock.pass((instance.cacheSeconds + instance.outageSeconds) * 1000)
  for (const fault of ['unreachable', 'root-key'] as const) {
    rootKey.fault = fault
    clock.pass(rootKeyAskAgainMs)
    await assert.rejects(get(id), faults('GeneralFailure'))
    await assert.rejects(perform(createKey()), faults('GeneralFailure'))
  }
  assert.deepEqual(await conditions(), [])
  const page = await store.audit({ order: 'oldest', limit: 100 })
  const entries = page.entries.map(({ body }) => JSON.parse(body) as AuditEntry)
  assert.deepEqual(
    entries
      .filter(({ action, result }) => action.startsWith('key.') && result === 'refused')
      .map(({ action, detail }) => [action, detail?.['rootKey']]),
    [
      ['key.get', 'unreachable'],
      ['key.create', 'unreachable'],
      ['key.get', 'root-key'],
      ['key.create', 'root-key'],
    ],
  )
})
