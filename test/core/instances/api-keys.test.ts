// API keys of instances: used while they are tried, kept only with what they belong to, read again, and removed when
// nothing needs them any more and not before.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { ApiKeys } from '../../../src/core/instances/api-keys.ts'
import { serverActor } from '../../../src/core/audit/actor.ts'
import type { StandardKeyRecord } from '../../../src/core/ports/secrets.ts'
import { RootKeyError } from '../../../src/core/ports/root-key.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import { StoreAround } from '../../support/store/store-around.ts'
import { change } from '../../support/store/store-values.ts'
import { edit, openCore } from '../../support/server/core.ts'

/** Root keys `test:...` lie in a service instance of that name; others need no API key. */
function serviceOf(uri: string): string | undefined {
  return /^test:(\w+)$/.exec(uri)?.[1]
}

const here = new FaultyRootKey('test:here')
const there = new FaultyRootKey('test:there')

async function begin(t: TestContext) {
  let around: StoreAround | undefined
  const changed: string[] = []
  const forget = (instanceId: string) => void changed.push(instanceId)
  const core = await openCore(t, {
    rootKeys: [here, there],
    wrap: (store) => (around = new StoreAround(store)),
    service: { serviceOf, forget },
  })
  assert.ok(around)
  const { store, secrets, access, trust, apiKeys } = core
  /** Another node, which remembers nothing. */
  const open = () => new ApiKeys({ store, secrets, access, serviceOf, onChange: forget })
  /** An instance with a key of its own, as the admin door makes it. */
  const create = (id: string, apiKey: string) =>
    apiKeys.with({ instanceId: id, rootKeyUri: here.uri, apiKey }, (writes) =>
      trust.instances.create(
        serverActor,
        { id, name: id, custody: 'database', rootKeyUri: here.uri },
        { writes },
      ),
    )
  const names = async () =>
    (await store.secrets()).map(({ name }) => name).filter((name) => name.startsWith('ibm-api-key/'))
  return { ...core, around, apiKeys, open, changed, create, names }
}

test('a key is used while it is tried, and kept with the instance', async (t) => {
  const { apiKeys, open, changed, trust } = await begin(t)
  const where = { instanceId: 'a', rootKeyUri: here.uri, apiKey: 'secret' }
  await apiKeys.with(where, async (writes) => {
    assert.equal(await apiKeys.of('a', 'here'), 'secret')
    assert.equal(await apiKeys.of('a', 'there'), undefined, 'for that service alone')
    assert.equal(await apiKeys.of('b', 'here'), undefined)
    assert.ok(await apiKeys.has('a', here.uri))
    assert.equal(await open().of('a', 'here'), undefined, 'nothing is kept yet')
    const instance = { id: 'a', name: 'a', custody: 'database', rootKeyUri: here.uri } as const
    await trust.instances.create(serverActor, instance, { writes })
  })
  assert.equal(await open().of('a', 'here'), 'secret')
  assert.deepEqual(changed, ['a'], 'what was taken with an older key is used no more')
})

test('of a key whose instance could not be made nothing is left', async (t) => {
  const { apiKeys, create, changed, names } = await begin(t)
  await create('a', 'secret')
  const again = { instanceId: 'b', rootKeyUri: here.uri, apiKey: 'other' }
  await assert.rejects(
    apiKeys.with(again, () => Promise.reject(new Error('the name is taken'))),
    /taken/,
  )
  assert.equal(await apiKeys.of('b', 'here'), undefined)
  assert.ok(!(await apiKeys.has('b', here.uri)))
  assert.deepEqual(changed, ['a', 'b'])
  assert.deepEqual(await names(), ['ibm-api-key/a/here'])
})

test('one that another node replaced is used from then on', async (t) => {
  const { apiKeys, open, create, trust } = await begin(t)
  await create('a', 'old')
  const other = open()
  await other.with({ instanceId: 'a', rootKeyUri: here.uri, apiKey: 'new' }, (writes) =>
    trust.instances.update(serverActor, 'a', {}, { writes }),
  )
  assert.equal(await apiKeys.of('a', 'here'), 'new')
})

test('what speaks for an instance is told without its key', async (t) => {
  const { apiKeys, create, access, rootKey } = await begin(t)
  await create('a', 'secret')
  const source = await apiKeys.sources()
  const a = (await access.snapshot()).tables.instance.get('a')
  assert.ok(a)
  assert.equal(source(a), 'instance')
  assert.equal(source({ ...a, id: 'b' }), 'server')
  assert.equal(source({ ...a, rootKeyUri: there.uri }), 'server')
  assert.equal(source({ ...a, rootKeyUri: `file:${rootKey.id}` }), 'none')
})

test('one that was altered in the database is said so, and not taken for none', async (t) => {
  const { apiKeys, create, file } = await begin(t)
  await create('a', 'secret')
  edit(file, `UPDATE secrets SET sealed = zeroblob(length(sealed)) WHERE name = 'ibm-api-key/a/here'`)
  await assert.rejects(apiKeys.of('a', 'here'), (error: unknown) => {
    assert.ok(error instanceof RootKeyError)
    assert.match(error.message, /altered.*--ibm-api-key-file/)
    return error.reach === 'unreachable'
  })
})

test('keys go with their instance, once nothing of it is to be deleted at the service', async (t) => {
  const { apiKeys, create, store, trust, names, sweep } = await begin(t)
  await create('a', 'secret')
  await create('b', 'secret too')
  const record: StandardKeyRecord = {
    id: 'one',
    instanceId: 'a',
    kind: 'object',
    identifier: 'x',
    generation: 1,
    rootKeyUri: here.uri,
    state: 'unwanted',
    keyVersion: '',
    createdMs: 0,
  }
  await store.commit(change([{ type: 'standard-key', record }]))
  await apiKeys.tidy()
  assert.equal((await names()).length, 2, 'both are needed')
  here.fault = 'unreachable'
  await trust.instances.shred(serverActor, 'a')
  here.fault = null
  await apiKeys.tidy()
  assert.equal((await names()).length, 2, 'a standard key is to be deleted with it')
  // Deleted with its marker, since the service knows nothing any more that the marker speaks of.
  await sweep()
  assert.deepEqual(here.standardKeys.live(), [])
  await apiKeys.tidy()
  assert.deepEqual(await names(), ['ibm-api-key/b/here'])
  assert.equal(await apiKeys.of('a', 'here'), undefined)
})

test('an instance that moves has keys for both sides, until it has left the one', async (t) => {
  const { apiKeys, create, store, trust, names } = await begin(t)
  await create('a', 'secret')
  const [before] = await store.dataKeys('a')
  const to = { rootKeyUri: there.uri, custody: 'database' } as const
  const moving = await apiKeys.with({ instanceId: 'a', rootKeyUri: there.uri, apiKey: 'other' }, (writes) =>
    trust.work.setRootKey(serverActor, 'a', { ...to, writes }),
  )
  await apiKeys.tidy()
  assert.deepEqual(await names(), ['ibm-api-key/a/here', 'ibm-api-key/a/there'])
  assert.equal(await apiKeys.of('a', 'here'), 'secret')
  assert.equal(await apiKeys.of('a', 'there'), 'other')
  assert.ok(moving.work && before)
  await trust.work.finish('a', moving.work, {})
  await apiKeys.tidy()
  assert.equal((await names()).length, 2, 'a data key is sealed there')
  await store.commit(change([{ type: 'data-key-removed', id: before.id }]))
  await apiKeys.tidy()
  assert.deepEqual(await names(), ['ibm-api-key/a/there'])
})

test('a key that is given while others are removed stays', async (t) => {
  const { apiKeys, around, create, trust, names } = await begin(t)
  await create('a', 'secret')
  const removal = Promise.withResolvers<undefined>()
  const begun = Promise.withResolvers<undefined>()
  around.before = async ({ writes }) => {
    if (writes[0]?.type !== 'secret-removed') return
    begun.resolve(undefined)
    await removal.promise
  }
  await trust.instances.remove(serverActor, 'a')
  await begun.promise
  await create('a', 'anew')
  removal.resolve(undefined)
  await apiKeys.tidy()
  assert.deepEqual(await names(), ['ibm-api-key/a/here'])
  assert.equal(await apiKeys.of('a', 'here'), 'anew')
})
