// The setting --restrictions of instances that are made, changed and restored, and the least version that it raises.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { bootstrap } from '../../../src/host/first-start.ts'
import { look, makeInstance, manager, openCore, type TestCore } from '../../support/server/core.ts'
import { storeFolder } from '../../support/store/store-place.ts'

const features = ({ file }: TestCore) =>
  look(file, 'SELECT feature FROM least_version').map(({ feature }) => feature)
const raised = ['one-way-restrictions']

test('a new instance is one-way, and older programs open its store no more; as-sent says otherwise', async (t) => {
  const core = await openCore(t)
  const old = await makeInstance(core, 'old', { restrictions: 'as-sent' })
  assert.deepEqual(features(core), [])
  const made = await makeInstance(core, 'new')
  assert.equal(made.restrictions, 'one-way')
  assert.deepEqual(features(core), raised)
  assert.equal((await core.access.instance(old.id))?.restrictions, 'as-sent')
})

test('the first instance of a new server is one-way', async (t) => {
  const core = await openCore(t)
  const dataFolder = await storeFolder(t)
  await bootstrap({ access: core.access, trust: core.trust, dataFolder, rootKeyUri: core.rootKey.uri })
  assert.equal((await core.access.instance('default'))?.restrictions, 'one-way')
  assert.deepEqual(features(core), raised)
})

test('a stored instance without the setting stays as it is, whatever else is changed', async (t) => {
  const core = await openCore(t)
  const made = await makeInstance(core, 'default', { restrictions: undefined } as object)
  assert.equal(made.restrictions, undefined)
  const changed = await core.trust.instances.update(manager, made.id, { cacheSeconds: 60 })
  assert.equal(changed.restrictions, undefined)
  assert.deepEqual(features(core), [])
})

test('an instance of a backup keeps its setting and its wrapping keys, and the store keeps older programs out', async (t) => {
  for (const closed of [
    { restrictions: 'one-way', wrappingKeys: [{ id: 'w', wraps: true }] },
    { restrictions: 'as-sent', wrappingKeys: [{ id: 'w', wraps: false }] },
    { restrictions: 'as-sent' },
  ] as const) {
    const [core, other] = [await openCore(t), await openCore(t)]
    const instance = { ...(await makeInstance(other, 'back')), wrappingKeys: undefined, ...closed }
    const back = { instance, writes: [], detail: {}, clients: [], blocks: [] }
    await core.trust.restores.commitBack(serverActor, back as never)
    const restored = await core.access.instance(instance.id)
    assert.equal(restored?.restrictions, closed.restrictions)
    assert.deepEqual(restored?.wrappingKeys, 'wrappingKeys' in closed ? closed.wrappingKeys : undefined)
    assert.deepEqual(features(core), 'wrappingKeys' in closed ? raised : [])
  }
})
