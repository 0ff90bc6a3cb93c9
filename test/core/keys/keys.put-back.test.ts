// Somebody who can write the database puts the old rows of a destroyed key back. A mark says that it was destroyed, so nothing
// opens it, whatever is in memory and whoever asks, and an alarm says so.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { serverActor } from '../../../src/core/audit/actor.ts'
import type { KeyTransaction } from '../../../src/core/keys/key-transaction.ts'
import { Fault } from '../../../src/wire/kmip/fault.ts'
import {
  dayMs,
  createKey,
  edit,
  faults,
  identifyAs,
  makeInstance,
  openCore,
  trustClient,
  type TestCore,
  attributeSet,
} from '../../support/server/core.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import { fetchBytes, instanceNow, workerOf } from '../../support/server/instance-work.ts'
import { keepRows } from '../../support/store/put-back.ts'
import { until } from '../../support/time/until.ts'

async function begin(
  t: TestContext,
  settings: Parameters<typeof makeInstance>[2] = {},
  ...rootKeys: readonly FaultyRootKey[]
) {
  const core = await openCore(t, { rootKeys })
  const instance = await makeInstance(core, 'default', settings)
  const { identify, identity } = await trustClient(core, instance)
  const perform = <T>(work: (work: KeyTransaction) => Promise<T>) => core.keys.perform(identify, work)
  return { core, instance, identity, perform }
}

const run = (core: TestCore) => (sql: string) => edit(core.file, sql)
const destroy = (id: string) => (work: KeyTransaction) => work.destroy(id)
const undestroy = (id: string) => (work: KeyTransaction) => work.undestroy(id, { withoutTakenNames: false })
const compromise = { code: 'KeyCompromise', message: undefined, compromiseOccurrenceDate: undefined } as const
const wasDestroyed = faults('ObjectDestroyed')
const alarm = 'the stored form of a key was altered: it does not open'

test('old rows that are put back open nothing, though the data key is in memory, and may be destroyed again', async (t) => {
  const { core, instance, perform } = await begin(t)
  const [id, other] = [await perform(createKey()), await perform(createKey())]
  await perform(fetchBytes(id))
  const putBack = await keepRows(run(core), id)
  await perform(destroy(id))
  await assert.rejects(perform(fetchBytes(id)), wasDestroyed)
  assert.deepEqual(core.alarms, [])
  await putBack()
  await assert.rejects(perform(fetchBytes(id)), wasDestroyed)
  assert.deepEqual(core.alarms, [alarm])
  const [line] = core.lines.filter((one) => one.alarm !== undefined)
  assert.equal(line?.['object'], id)
  assert.match(String(line['cause']), /was destroyed, and its old rows were put back/)
  assert.equal((await core.readiness.now(core)).altered[0]?.id, id)
  await assert.rejects(
    perform((work) => work.digest(id)),
    wasDestroyed,
  )
  await perform(fetchBytes(other))
  // Other changes open nothing either.
  await perform((work) => work.activate(id))
  await assert.rejects(perform(fetchBytes(id)), wasDestroyed)
  await perform((work) => work.revoke(id, compromise))
  await perform(destroy(id))
  assert.equal((await core.store.object(instance.id, id))?.sealed, null)
  assert.deepEqual((await core.readiness.now(core)).altered, [])
  assert.equal((await core.store.marksEnd())?.number, 1)
})

test('so it is after a restart, and where the rows say that the key waits to be brought back', async (t) => {
  const { core, identity, perform } = await begin(t, { destroyDelaySeconds: dayMs / 1000 })
  const [gone, waiting] = [await perform(createKey()), await perform(createKey())]
  const before = await perform(fetchBytes(waiting))
  const putBack = await keepRows(run(core), gone)
  await perform(destroy(gone))
  const putBackWaiting = await keepRows(run(core), gone)
  await putBack()
  // Nothing waits for a key that was destroyed before.
  await perform(destroy(gone))
  await perform(destroy(waiting))
  await putBackWaiting()
  const again = await core.reopen()
  const anew = <T>(work: (work: KeyTransaction) => Promise<T>) =>
    again.keys.perform(identifyAs(again, identity), work)
  await assert.rejects(anew(undestroy(gone)), wasDestroyed)
  await assert.rejects(anew(fetchBytes(gone)), wasDestroyed)
  await anew(undestroy(waiting))
  assert.equal(await anew(fetchBytes(waiting)), before)
  assert.deepEqual(again.alarms, [])
  await putBack()
  await assert.rejects(anew(fetchBytes(gone)), wasDestroyed)
  assert.deepEqual(again.alarms, [alarm])
})

test('a batch that is undone leaves no mark', async (t) => {
  const { core, perform } = await begin(t)
  const id = await perform(createKey())
  await perform(async (work) => {
    await work.destroy(id)
    work.undo(new Fault('GeneralFailure', 'another item failed'))
  })
  assert.equal(await core.store.marksEnd(), null)
  await perform(fetchBytes(id))
})

test('with custody keyprotect too, though the standard key was restored there, whose bytes are in memory', async (t) => {
  const { core, perform } = await begin(t, { custody: 'keyprotect' })
  const id = await perform(createKey())
  await perform(fetchBytes(id))
  const putBack = await keepRows(run(core), id)
  await perform(destroy(id))
  await putBack()
  for (const key of core.rootKey.standardKeys.kept.values()) key.deleted = false
  await assert.rejects(perform(fetchBytes(id)), wasDestroyed)
  await core.sweep()
  await assert.rejects(perform(fetchBytes(id)), wasDestroyed)
  assert.deepEqual(core.alarms, [alarm])
})

test('a move to another root key leaves it behind, and opens it neither before nor after', async (t) => {
  const other = new FaultyRootKey('file:other.key')
  const { core, instance, perform } = await begin(t, {}, other)
  const [id, kept] = [await perform(createKey()), await perform(createKey())]
  const before = await perform(fetchBytes(kept))
  const putBack = await keepRows(run(core), id)
  await perform(destroy(id))
  await putBack()
  const { worker } = workerOf(core)
  await core.trust.work.setRootKey(serverActor, instance.id, { rootKeyUri: other.uri, custody: 'keyprotect' })
  worker.start()
  const isLeft = async () =>
    core.alarms.length > 0 ? true : (await instanceNow(core, instance)).work === undefined
  await until(isLeft, 'the worker has met it')
  await worker.stop()
  assert.equal(await perform(fetchBytes(kept)), before)
  await assert.rejects(perform(fetchBytes(id)), wasDestroyed)
})

const adopt = (work: KeyTransaction) =>
  work.adopt(
    {
      uniqueIdentifier: '1',
      objectType: 'SymmetricKey',
      state: 'Deactivated',
      attributes: attributeSet({ CryptographicAlgorithm: 'AES', CryptographicLength: 256 }),
      from: 'old:5696',
    },
    { bytes: Buffer.alloc(32, 5), head: { keyFormatType: 'Raw' } },
    { dryRun: false, onDemand: true },
  )

test('an identifier whose rows were removed is adopted from no other server', async (t) => {
  const { core, perform } = await begin(t)
  await perform(adopt)
  await perform(destroy('1'))
  edit(core.file, 'DELETE FROM objects')
  await assert.rejects(perform(adopt), wasDestroyed)
})
