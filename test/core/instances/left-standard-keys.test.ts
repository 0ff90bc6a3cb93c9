// Standard keys that are left at a service instance: listed, and forgotten by a manager where that is gone for good, but not while it
// answers or has keys in use, and not by half.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import type { AuditEntry } from '../../../src/core/ports/audit.ts'
import type { Write } from '../../../src/core/ports/store.ts'
import { factsOf } from '../../../src/core/keys/object/object-facts.ts'
import { standardKeySweepAfterMs } from '../../../src/core/custody/keyprotect/bounds.ts'
import { RootKeyError } from '../../../src/core/ports/root-key.ts'
import { TrustRefused } from '../../../src/core/trust/writer.ts'

import { createKey, makeInstance, manager, trustClient, type TestCore } from '../../support/server/core.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import {
  activeKey,
  openKeyProtectSite,
  type KeyProtectSite,
} from '../../support/root-keys/keyprotect-site.ts'

const service = '12e8c9c2-a162-472d-b7d6-8b9a86b815a6'
const goneUri = `keyprotect://host/${service}/key`

function serviceOf(uri: string): string | undefined {
  if (uri.includes(service)) return service
  return uri.startsWith('test:') ? 'here' : undefined
}

/** An instance `vmware` beside a root key that answers, and a root key in another service instance. */
async function open(t: TestContext) {
  const gone = new FaultyRootKey(goneUri)
  const site = await openKeyProtectSite(t, { rootKeys: [gone], service: { serviceOf } })
  const { leftStandardKeys } = site.core.trust
  const forget = (left?: number, named = service) =>
    leftStandardKeys.forget(manager, { service: named, left })
  return { ...site, gone, forget, list: () => leftStandardKeys.list() }
}

/** Shreds an instance with two keys there while the service refuses everything. Returns its id. */
async function shredded(core: TestCore, gone: FaultyRootKey): Promise<string> {
  const old = await makeInstance(core, 'old', { custody: 'keyprotect', rootKeyUri: gone.uri })
  const { identify } = await trustClient(core, old, 'old vcenter')
  for (let key = 0; key < 2; key++) await core.keys.perform(identify, createKey())
  gone.fault = 'root-key'
  await core.trust.instances.shred(manager, old.id)
  return old.id
}

const told = ({ keyring }: TestCore) => keyring.status.standardKeys.now.map(({ what, left }) => [what, left])

function refuses(code: TrustRefused['why'], text: RegExp) {
  return (error: unknown) =>
    error instanceof TrustRefused && error.why === code && text.test(`${error.message} ${error.hint ?? ''}`)
}

async function write({ core }: Pick<KeyProtectSite, 'core'>, ...writes: readonly Write[]): Promise<void> {
  await core.store.commit({ writes, entries: [], durability: 'disk' })
}

function unwanted(instanceId: string, id: string, identifier: string, rootKeyUri: string): Write {
  const place = { id, instanceId, kind: 'object', identifier, generation: 1, rootKeyUri } as const
  return { type: 'standard-key', record: { ...place, state: 'unwanted', keyVersion: '', createdMs: 0 } }
}

test('what a deleted instance left is forgotten with its marker, entered, and no condition any more', async (t) => {
  const { core, gone, perform, rows, forget, list } = await open(t)
  await perform(createKey())
  const id = await shredded(core, gone)
  const instances = [{ id, name: null, count: 2 }]
  const cause = 'told to answer root-key'
  assert.deepEqual(await list(), [{ service, rootKeyUris: [goneUri], left: 2, instances, inUse: [], cause }])
  assert.deepEqual(told(core), [['delete', 2]])
  const forgotten = await forget(2, `keyprotect://host/${service}`)
  assert.deepEqual([forgotten.left, forgotten.cause], [2, cause])
  assert.deepEqual(await core.store.standardKeys({ instanceId: id, limit: 10 }), [])
  assert.equal((await rows('current')).length, 1, 'those elsewhere stay')
  assert.deepEqual([told(core), await list()], [[], []])
  const { entries } = await core.store.audit({ order: 'newest', limit: 1 })
  const entry = JSON.parse(entries[0]?.body ?? '') as AuditEntry
  assert.deepEqual(
    [entry.action, entry.object, entry.instanceId, entry.detail],
    ['standard-key.forget', service, id, { left: 2, said: cause }],
  )
  const { calls } = gone
  await core.sweep()
  assert.deepEqual([told(core), gone.calls], [[], calls], 'nothing asks there any more')
  await assert.rejects(forget(2), refuses('not-found', /no standard keys are left.*root-key left/))
})

test('it is refused without their number, and while the service instance answers', async (t) => {
  const { core, gone, forget } = await open(t)
  const instanceId = await shredded(core, gone)
  await assert.rejects(forget(), refuses('in-use', /2 standard keys are left.*--left 2/))
  await assert.rejects(forget(3), refuses('in-use', /The request named 3/))
  gone.fault = null
  await assert.rejects(forget(2), refuses('unfit', /answers, so it is not gone/))
  const kept = await core.store.standardKeys({ instanceId, limit: 10 })
  assert.deepEqual(kept.map(({ kind, state }) => `${kind} ${state}`).toSorted(), [
    'marker due',
    'object unwanted',
    'object unwanted',
  ])
  await core.sweep()
  assert.deepEqual(
    [gone.standardKeys.live().length, told(core)],
    [1, []],
    'the sweep does it, and leaves the marker',
  )
})

test('it is refused where keys in use are stored, also by a row that calls one unwanted, or where new ones will be', async (t) => {
  const { core, gone, instance, perform, rows, list, forget } = await open(t)
  const id = await activeKey({ perform })
  await write({ core }, unwanted(instance.id, 'a', 'elsewhere', core.rootKey.uri))
  core.rootKey.fault = 'unreachable'
  await assert.rejects(forget(1, 'here'), refuses('in-use', /in use .* those of vmware \(1\) .*--shred/))
  const [row] = (await rows('current')).filter(({ identifier }) => identifier === id)
  assert.ok(row)
  await write({ core }, { type: 'standard-key-state', id: row.id, state: 'unwanted' })
  await assert.rejects(forget(1, 'here'), refuses('in-use', /vmware \(1\)/))
  assert.deepEqual(
    (await list()).map(({ left, inUse }) => [left, inUse]),
    [[1, [{ id: instance.id, name: 'vmware', count: 1 }]]],
  )
  core.rootKey.fault = null
  await makeInstance(core, 'empty', { custody: 'keyprotect', rootKeyUri: gone.uri })
  gone.fault = 'unreachable'
  await write({ core }, unwanted('deleted', 'b', 'b', gone.uri))
  await assert.rejects(forget(1), refuses('in-use', /those of empty /))
  assert.equal((await core.store.standardKeys({ instanceId: 'deleted', limit: 10 })).length, 1)
})

test('what an instance left there that lives on elsewhere is forgotten, and nothing else of it', async (t) => {
  const { core, gone, instance, perform, get, rows, forget } = await open(t)
  const id = await activeKey({ perform })
  const says = { way: 'to', custody: 'keyprotect', rootKeyUri: core.rootKey.uri } as const
  const { markers } = core.custodies.keyprotect
  const marker = await markers.due({ instanceId: instance.id, rootKeyUri: gone.uri, epoch: 0, says })
  await write(
    { core },
    unwanted(instance.id, 'a', id, gone.uri),
    unwanted(instance.id, 'b', id, core.rootKey.uri),
    marker,
  )
  gone.fault = 'unreachable'
  const { instances } = await forget(1)
  assert.deepEqual(instances, [{ id: instance.id, name: 'vmware', count: 1 }])
  const states = (await rows()).map(({ rootKeyUri, state }) => `${rootKeyUri} ${state}`).toSorted()
  assert.deepEqual(states, [`${core.rootKey.uri} current`, `${core.rootKey.uri} unwanted`])
  assert.equal((await get(id)).length, 32)
})

test('an attempt that a list showed is no condition any more once it is forgotten', async (t) => {
  const { core, gone, forget } = await open(t)
  const old = await makeInstance(core, 'old', { custody: 'keyprotect', rootKeyUri: gone.uri })
  const { identify } = await trustClient(core, old, 'old vcenter')
  const key = await core.keys.show(old.id, await core.keys.perform(identify, createKey()))
  assert.ok(key)
  const place = {
    purpose: 'object',
    instanceId: old.id,
    identifier: 'attempt',
    objectType: 'SymmetricKey',
  } as const
  const material = { bytes: randomBytes(32), head: { keyFormatType: 'Raw' } } as const
  // It is cut off before the commit.
  await core.custodies.seal(old, place, material, { facts: factsOf(key) })
  await core.trust.instances.shred(manager, old.id)
  gone.standardKeys.remove = () => Promise.reject(new RootKeyError('call', 'it is retained'))
  gone.standardKeys.aheadMs += standardKeySweepAfterMs
  await core.sweep()
  assert.deepEqual(told(core), [['delete', 1]])
  gone.fault = 'root-key'
  await forget(1)
  assert.deepEqual(told(core), [])
})

test('where the commit fails, nothing is forgotten; what is lost is its answer alone, it is', async (t) => {
  const { core, around, gone, forget, list } = await open(t)
  await shredded(core, gone)
  around.before = ({ writes }) => {
    if (writes.some(({ type }) => type === 'standard-keys-forgotten')) throw new Error('cut off')
  }
  await assert.rejects(forget(2), /cut off/)
  assert.deepEqual([told(core), (await list()).map(({ left }) => left)], [[['delete', 2]], [2]])
  around.before = () => undefined
  around.after = ({ writes }) => {
    if (writes.some(({ type }) => type === 'standard-keys-forgotten')) throw new Error('the answer is lost')
  }
  await assert.rejects(forget(2), /the answer is lost/)
  await core.sweep()
  assert.deepEqual([told(core), await list()], [[], []])
})
