// What `restore-accept` does beside root keys: the epoch rises above every one that the database or a service knows, a marker
// is due wherever keys are, and a service that does not answer holds nothing up.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AcceptedEpochs } from '../../../../src/core/custody/keyprotect/accepted-epochs.ts'
import { markerName } from '../../../../src/core/custody/keyprotect/description.ts'
import { wantedOf } from '../../../../src/core/custody/keyprotect/markers.ts'
import { FaultyRootKey } from '../../../support/root-keys/faulty-root-key.ts'
import { makeInstance, openCore } from '../../../support/server/core.ts'
import {
  activeKey,
  openKeyProtectSite,
  type KeyProtectSite,
} from '../../../support/root-keys/keyprotect-site.ts'

function epochsOf({ core }: Pick<KeyProtectSite, 'core'>, there?: FaultyRootKey) {
  return new AcceptedEpochs({
    store: core.store,
    clock: core.clock,
    openRootKey: (uri) => Promise.resolve(there?.uri === uri ? there : core.rootKey),
  })
}

/** Raises the epoch, commits what it wrote, and records it. */
async function accept(site: KeyProtectSite) {
  const { core, instance } = site
  const epochs = epochsOf(site)
  const raised = await epochs.raise(instance, core.clock.now())
  await core.store.commit({ writes: raised.writes, entries: [], durability: 'disk' })
  return { epoch: raised.instance.epoch, told: await epochs.record() }
}

test('the epoch is recorded beside the root key, and the next one is above it, even of a server with an older clock', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, instance, standardKeys } = site
  await activeKey(site)
  const first = await accept(site)
  assert.deepEqual(first.told, [{ instance: 'vmware', rootKey: core.rootKey.uri, cause: null }])
  assert.equal(standardKeys.live(markerName(instance.id)).length, 1)
  // Another server, whose database knows no marker, and whose clock stands a day earlier.
  const other = await core.copy()
  await other.store.commit({
    writes: (await core.store.standardKeys({ instanceId: instance.id, kind: 'marker', limit: 9 })).map(
      ({ id }) => ({ type: 'standard-key-removed', id }) as const,
    ),
    entries: [],
    durability: 'disk',
  })
  const epochs = epochsOf({ core: other })
  const later = await epochs.raise(instance, core.clock.now() - 86_400_000)
  assert.ok((later.instance.epoch ?? 0) > (first.epoch ?? Infinity), `${later.instance.epoch}`)
})

test('a service that does not answer holds nothing up: the marker stays due, and the cause is told', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, instance, standardKeys } = site
  await activeKey(site)
  core.rootKey.fault = 'unreachable'
  const { epoch, told } = await accept(site)
  assert.deepEqual(
    told.map(({ cause }) => typeof cause),
    ['string'],
  )
  const rows = await core.store.standardKeys({ instanceId: instance.id, kind: 'marker', limit: 9 })
  assert.deepEqual(
    rows.map((row) => [row.state, wantedOf(row).epoch]),
    [['due', epoch]],
  )
  core.rootKey.fault = null
  assert.deepEqual(standardKeys.live(markerName(instance.id)), [])
})

test('of several services each is recorded or not by its own answer, and one that was just not reached is not asked again', async (t) => {
  for (const isHereAway of [false, true]) {
    const there = new FaultyRootKey('test:there')
    const site = await openKeyProtectSite(t, { rootKeys: [there] })
    const { core, instance } = site
    await activeKey(site)
    const left = { way: 'to', custody: 'keyprotect', rootKeyUri: core.rootKey.uri } as const
    const due = { instanceId: instance.id, rootKeyUri: there.uri, epoch: 0, says: left }
    const write = await core.custodies.keyprotect.markers.due(due)
    await core.store.commit({ writes: [write], entries: [], durability: 'disk' })
    const away = isHereAway ? core.rootKey : there
    away.fault = 'unreachable'
    const epochs = epochsOf(site, there)
    const raised = await epochs.raise(instance, core.clock.now())
    await core.store.commit({ writes: raised.writes, entries: [], durability: 'disk' })
    away.fault = null
    const { calls } = away
    const told = new Map((await epochs.record()).map(({ rootKey, cause }) => [rootKey, cause]))
    assert.deepEqual([...told.keys()].toSorted(), [core.rootKey.uri, there.uri].toSorted())
    for (const [uri, cause] of told)
      assert.equal(cause, uri === away.uri ? 'told to answer unreachable' : null)
    assert.equal(away.calls, calls)
  }
})

test('it is above what the database alone knows, while no service answers and the clock stands earlier', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, instance } = site
  await activeKey(site)
  core.rootKey.fault = 'unreachable'
  const first = await accept(site)
  const later = await epochsOf(site).raise(instance, core.clock.now() - 86_400_000)
  assert.equal(later.instance.epoch, (first.epoch ?? Infinity) + 1)
})

test('a bug is no service that does not answer', async (t) => {
  const site = await openKeyProtectSite(t)
  await activeKey(site)
  site.standardKeys.find = () => Promise.reject(new TypeError('a bug'))
  await assert.rejects(accept(site), TypeError)
})

test('an instance without keys at a service stays as it is', async (t) => {
  const core = await openCore(t)
  const instance = await makeInstance(core)
  const epochs = epochsOf({ core })
  const { calls } = core.rootKey
  assert.deepEqual(await epochs.raise(instance, core.clock.now()), { instance, writes: [] })
  assert.deepEqual(await epochs.record(), [])
  assert.equal(core.rootKey.calls, calls)
})
