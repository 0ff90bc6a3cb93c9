// Long work on instances for tests of keys/: a worker in a world without doors, and what must be true when it is done.

import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { serverActor } from '../../src/audit/actor.ts'
import { InstanceWorker, type InstanceWorkerOptions } from '../../src/keys/instance-work/instance-work.ts'
import type { WorkTarget } from '../../src/keys/instance-work/changes.ts'
import type { KeyWork } from '../../src/keys/key-work.ts'
import type { StandardKeyRecord } from '../../src/ports/secrets.ts'
import { isPlace, unpackPlace } from '../../src/keys/standard-keys/place.ts'
import type { Instance } from '../../src/trust/rows.ts'
import type { FaultyRootKey } from './faulty-root-key.ts'
import type { World } from './world.ts'

/** Tries again at once. `flushed`, `departed`, `rewritten` and `ended`: instances whose journal was. */
export function workerOf(world: World, more: Partial<InstanceWorkerOptions> = {}) {
  const journal = {
    flushed: [] as string[],
    departed: [] as string[],
    rewritten: [] as string[],
    ended: [] as string[],
    failures: [] as unknown[],
  }
  const { store, clock, access, keyring, safe, keeper } = world
  const worker = new InstanceWorker({
    store,
    clock,
    access,
    keyring,
    safe,
    keeper,
    changes: world.trust.work,
    journal: {
      flush: async (id) => void journal.flushed.push(id),
      depart: async (id) => void journal.departed.push(id),
      rewrite: async (id) => void journal.rewritten.push(id),
      end: async (id) => void journal.ended.push(id),
    },
    failed: () => (error) => void journal.failures.push(error),
    retryFirstMs: 5,
    ...more,
  })
  return { worker, ...journal }
}

export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let turn = 0; turn < 2_000; turn++) {
    if (await condition()) return
    await sleep(5)
  }
  assert.fail(`it did not come to that: ${what}`)
}

export async function instanceNow(world: World, { id }: Instance): Promise<Instance> {
  return (await world.access.instance(id)) ?? assert.fail('the instance is gone')
}

/** Begins a move and resolves when it is done. */
export async function move(
  world: World,
  instance: Instance,
  to: FaultyRootKey,
  custody: Instance['custody'],
) {
  const { worker, failures, ...rest } = workerOf(world)
  const target: WorkTarget = { rootKeyUri: to.uri, custody }
  await world.trust.work.setRootKey(serverActor, instance.id, target)
  worker.start()
  await until(async () => !(await instanceNow(world, instance)).work, 'the move is done')
  await worker.stop()
  assert.deepEqual(failures, [])
  return rest
}

export const fetchBytes = (id: string) => async (work: KeyWork) => {
  const { material } = await work.fetch(id)
  const copy = Buffer.from(material.bytes).toString('hex')
  work.wipe()
  return copy
}

export async function standardKeys(
  world: World,
  { id: instanceId }: Instance,
): Promise<readonly StandardKeyRecord[]> {
  return world.store.standardKeys({ instanceId, limit: 1_000 })
}

/**
 * Every data key is under `to`, and every object where its custody says; at `to` there is one living standard key for
 * each object that lies there and none besides, and none at `left`.
 */
export async function assertAtHome(
  world: World,
  instance: Instance,
  to: FaultyRootKey,
  left: readonly FaultyRootKey[] = [],
): Promise<void> {
  const { custody, rootKeyUri, work } = await instanceNow(world, instance)
  assert.equal(rootKeyUri, to.uri)
  assert.equal(work, undefined)
  // What was made and did not come to count goes with the next sweep.
  await world.keeper.sweep()
  for (const record of await world.store.dataKeys(instance.id))
    assert.deepEqual([record.rootKeyUri, record.rootKeyId], [to.uri, to.id])
  const lying: string[] = []
  for (const { sealed } of await world.store.objects({ instanceId: instance.id, limit: 1_000 })) {
    assert.ok(sealed)
    assert.equal(isPlace(sealed), custody === 'keyprotect')
    if (!isPlace(sealed)) continue
    assert.equal(unpackPlace(sealed).rootKeyUri, to.uri)
    lying.push(unpackPlace(sealed).standardKeyId)
  }
  assert.deepEqual(living(to).toSorted(), lying.toSorted())
  for (const before of left) assert.deepEqual(living(before), [])
  const known = (await standardKeys(world, instance)).map(
    ({ state, standardKeyId }) => `${state} ${standardKeyId ?? 'unknown'}`,
  )
  assert.deepEqual(known.toSorted(), lying.map((id) => `current ${id}`).toSorted())
}

function living({ standardKeys }: FaultyRootKey): readonly string[] {
  return standardKeys.live().map(({ id }) => id)
}
