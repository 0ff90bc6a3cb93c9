// Long work on instances for tests of core/keys/: a worker in a core without doors, and what must be true when it is done.

import assert from 'node:assert/strict'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { InstanceWorker, type InstanceWorkerOptions } from '../../../src/core/instances/worker.ts'
import type { WorkTarget } from '../../../src/core/instances/changes.ts'
import type { KeyTransaction } from '../../../src/core/keys/key-transaction.ts'
import type { StandardKeyRecord } from '../../../src/core/ports/secrets.ts'
import { decodeStandardKeyRef, isStandardKeyRef } from '../../../src/core/custody/keyprotect/reference.ts'
import { readDescription } from '../../../src/core/custody/keyprotect/description.ts'
import { standardKeySweepAfterMs } from '../../../src/core/custody/keyprotect/bounds.ts'
import type { Instance } from '../../../src/core/trust/rows.ts'
import type { FaultyRootKey } from '../root-keys/faulty-root-key.ts'
import type { TestCore } from './core.ts'
import { until } from '../time/until.ts'

/** Tries again at once. */
export function workerOf(core: TestCore, more: Partial<InstanceWorkerOptions> = {}) {
  const failures: unknown[] = []
  const { store, clock, access, keyring, custodies } = core
  const worker = new InstanceWorker({
    store,
    clock,
    access,
    keyring,
    custodies,
    changes: core.trust.work,
    leases: core.leases,
    onFailure: () => (error) => void failures.push(error),
    retryFirstMs: 5,
    ...more,
  })
  return { worker, failures }
}

export async function instanceNow(core: TestCore, { id }: Instance): Promise<Instance> {
  return (await core.access.instance(id)) ?? assert.fail('the instance is gone')
}

/** Begins a move and resolves when it is done. */
export async function move(
  core: TestCore,
  instance: Instance,
  to: FaultyRootKey,
  custody: Instance['custody'],
) {
  const { worker, failures } = workerOf(core)
  const target: WorkTarget = { rootKeyUri: to.uri, custody }
  await core.trust.work.setRootKey(serverActor, instance.id, target)
  worker.start()
  await until(async () => !(await instanceNow(core, instance)).work, 'the move is done')
  await worker.stop()
  assert.deepEqual(failures, [])
}

export const fetchBytes = (id: string) => async (work: KeyTransaction) => {
  const { material } = await work.fetch(id)
  const copy = Buffer.from(material.bytes).toString('hex')
  work.wipe()
  return copy
}

export async function standardKeys(
  core: TestCore,
  { id: instanceId }: Instance,
): Promise<readonly StandardKeyRecord[]> {
  return core.store.standardKeys({ instanceId, limit: 1_000 })
}

/**
 * Every data key is under `to`, and every object where its custody says; at `to` there is one living standard key for
 * each object that lies there and none besides, and none at `left`.
 */
export async function assertInPlace(
  core: TestCore,
  instance: Instance,
  to: FaultyRootKey,
  left: readonly FaultyRootKey[] = [],
): Promise<void> {
  const { custody, rootKeyUri, work } = await instanceNow(core, instance)
  assert.equal(rootKeyUri, to.uri)
  assert.equal(work, undefined)
  // What was made and did not come to count goes with the next sweep.
  for (const rootKey of [to, ...left]) rootKey.standardKeys.aheadMs += standardKeySweepAfterMs
  await core.sweep()
  for (const record of await core.store.dataKeys(instance.id))
    assert.deepEqual([record.rootKeyUri, record.rootKeyId], [to.uri, to.id])
  const lying: string[] = []
  for (const { sealed } of await core.store.objects({ instanceId: instance.id, limit: 1_000 })) {
    assert.ok(sealed)
    assert.equal(isStandardKeyRef(sealed), custody === 'keyprotect')
    if (!isStandardKeyRef(sealed)) continue
    assert.equal(decodeStandardKeyRef(sealed).rootKeyUri, to.uri)
    lying.push(decodeStandardKeyRef(sealed).standardKeyId)
  }
  assert.deepEqual(living(to).toSorted(), lying.toSorted())
  for (const before of left) assert.deepEqual(living(before), [])
  const known = (await standardKeys(core, instance))
    .filter(({ kind }) => kind === 'object')
    .map(({ state, id }) => `${state} ${id}`)
  assert.deepEqual(known.toSorted(), lying.map((id) => `current ${id}`).toSorted())
}

/** The standard keys of objects, without markers. */
function living({ standardKeys }: FaultyRootKey): readonly string[] {
  return standardKeys
    .live()
    .filter(({ description }) => readDescription(description)?.kind === 'key')
    .map(({ id }) => id)
}
