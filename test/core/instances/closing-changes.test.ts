// Closed instances in the core: what memory has of them goes, work on their keys waits, nothing of them is removed, and the store asks for a
// program that knows of it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  closedInstances,
  knownFeatures,
  tooOldFor,
  type StoreFeature,
} from '../../../src/core/ports/least-version.ts'
import { serverActor } from '../../../src/core/audit/actor.ts'
import {
  createKey,
  dayMs,
  faults,
  look,
  makeInstance,
  manager,
  openCore,
  openCoreWithClient,
} from '../../support/server/core.ts'

const request = { by: 'alice', reason: 'a host was stolen' }

test('what is unsealed in memory goes with the next look at the rows, and comes back once it is open', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  const { closings } = core.trust
  const key = await perform(createKey())
  assert.ok(core.keyring.has(instance))
  await closings.close(manager, instance.id, request)
  await core.access.snapshot()
  assert.equal(core.keyring.has(instance), false)
  await assert.rejects(
    perform((work) => work.fetch(key)),
    faults('PermissionDenied', /closed this instance/),
  )
  // An answer of the root key that was under way comes too late to stay.
  await core.keyring.current(instance)
  assert.ok(core.keyring.has(instance))
  await core.readiness.rootKeys.look(core)
  assert.equal(core.keyring.has(instance), false)
  await closings.open(manager, instance.id)
  await perform(createKey())
  assert.ok(core.keyring.has(instance))
})

test('a program that does not know of closed instances opens the store no more', async (t) => {
  const core = await openCore(t)
  const instance = await makeInstance(core)
  const older = knownFeatures.filter(({ name }) => name !== closedInstances.name)
  await core.trust.closings.close(manager, instance.id, request)
  const sql = 'SELECT feature AS name, version, reason FROM least_version'
  const named = look(core.file, sql) as unknown as StoreFeature[]
  assert.equal(tooOldFor(named), null)
  assert.match(tooOldFor(named, older) ?? '', /closed-instances .*an older program would hand out its keys/)
  const again = await core.reopen()
  assert.equal((await again.access.instance(instance.id))?.closed?.reason, request.reason)
})

test('destroyed keys of a closed instance stay until it is open, and those of others go', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t, {}, { destroyDelaySeconds: 60 })
  const key = await perform(createKey())
  await perform((work) => work.destroy(key))
  await core.trust.closings.close(manager, instance.id, request)
  core.clock.pass(dayMs)
  const isKept = async () => Boolean((await core.store.object(instance.id, key))?.recoverable)
  await core.recoverySweep.look()
  assert.ok(await isKept())
  await core.trust.closings.open(manager, instance.id)
  await core.recoverySweep.look()
  assert.equal(await isKept(), false)
})

test('the server is closed if each instance was closed with it', async (t) => {
  const core = await openCore(t)
  const { closings, instances } = core.trust
  await assert.rejects(closings.closeServer(serverActor, request), /has no instance/)
  const first = await makeInstance(core, 'first')
  await closings.closeServer(serverActor, request)
  const second = await makeInstance(core, 'second')
  assert.deepEqual(second.closedWithServer?.reason, request.reason)
  await closings.close(manager, first.id, request)
  await assert.rejects(closings.open(manager, second.id), /closed with the server, and not by itself/)
  const still = await closings.openServer(serverActor)
  assert.deepEqual(
    still.map(({ name }) => name),
    ['first'],
  )
  // A change of another setting leaves it closed.
  await instances.update(manager, first.id, { cacheSeconds: 60 })
  assert.ok((await core.access.instance(first.id))?.closed)
})
