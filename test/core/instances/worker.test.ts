// Long work on instances: another root key, another custody, the newest version of a root key. Cut off at every commit
// it goes on where it was, clients go on all the while, and nothing is given up before what replaces it was proved.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { StoreUnavailable } from '../../../src/core/ports/store.ts'
import type { AuditEntry } from '../../../src/core/ports/audit.ts'
import { readDescription } from '../../../src/core/custody/keyprotect/description.ts'
import type { CustodyKind } from '../../../src/core/trust/rows.ts'
import { TrustRefused } from '../../../src/core/trust/writer.ts'
import { rootKeyPlaintextBytesMax, standardKeyLookAfterMs } from '../../../src/base/bounds.ts'
import { standardKeySweepAfterMs } from '../../../src/core/custody/keyprotect/bounds.ts'
import { rootKeyAskAgainMs } from '../../../src/core/sealing/bounds.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import {
  assertInPlace,
  fetchBytes,
  instanceNow,
  move,
  standardKeys,
  workerOf,
} from '../../support/server/instance-work.ts'
import { until } from '../../support/time/until.ts'
import { StoreAround } from '../../support/store/store-around.ts'
import { createKey, makeInstance, openCore, trustClient, type TestCore } from '../../support/server/core.ts'

const otherUri = 'test:other'

/** A core with a second root key, an instance under the first, a client and some keys of it. */
async function begin(
  t: TestContext,
  { keys = 3, custody = 'database' }: { readonly keys?: number; readonly custody?: CustodyKind } = {},
) {
  const held: { around?: StoreAround } = {}
  const other = new FaultyRootKey(otherUri)
  const wrap = (store: ConstructorParameters<typeof StoreAround>[0]) => (held.around = new StoreAround(store))
  const core = await openCore(t, { wrap, rootKeys: [other] })
  const instance = await makeInstance(core, 'default', { custody })
  const { identify } = await trustClient(core, instance)
  const bytes = new Map<string, string>()
  for (let index = 0; index < keys; index++) {
    const id = await core.keys.perform(identify, createKey())
    bytes.set(id, await core.keys.perform(identify, fetchBytes(id)))
  }
  const around = () => held.around ?? assert.fail('no store')
  return { core, other, instance, identify, bytes, around }
}

/** Every key is what it was, to a server that has nothing in memory. */
async function assertSame(
  core: TestCore,
  identity: Parameters<TestCore['keys']['perform']>[0],
  bytes: Map<string, string>,
) {
  for (const [id, before] of bytes) assert.equal(await core.keys.perform(identity, fetchBytes(id)), before)
}

const actions = async (core: TestCore, action: string) => {
  const page = await core.store.audit({ order: 'oldest', action, limit: 1_000 })
  return page.entries.map(({ body }) => JSON.parse(body) as AuditEntry)
}

test('from root key to root key and custody to custody and back: all keys stay, nothing stays behind', async (t) => {
  const { core, other, instance, identify, bytes } = await begin(t)
  const first = core.rootKey
  const ways = [
    [other, 'database'],
    [other, 'keyprotect'],
    [first, 'keyprotect'],
    [first, 'database'],
    [other, 'keyprotect'],
    [first, 'database'],
  ] as const
  for (const [to, custody] of ways) {
    await move(core, instance, to, custody)
    await assertInPlace(
      core,
      instance,
      to,
      [first, other].filter((rootKey) => rootKey !== to),
    )
    const id = await core.keys.perform(identify, createKey())
    bytes.set(id, await core.keys.perform(identify, fetchBytes(id)))
    const away = to === first ? other : first
    away.fault = 'root-key'
    core.keyring.forget(instance.id)
    await assertSame(core, identify, bytes)
    away.fault = null
  }
  const begun = await actions(core, 'instance.set-root-key')
  const done = await actions(core, 'instance.set-root-key.done')
  assert.deepEqual(
    done.map(({ detail }) => [detail?.['work'], detail?.['left']]),
    begun.map(({ detail }) => [detail?.['work'], 0]),
  )
  assert.deepEqual(other.standardKeys.live().map(generationOf), ['marker'])
})

function generationOf({ description }: { readonly description: string }): number | 'marker' {
  const said = readDescription(description)
  return said?.kind === 'key' ? said.generation : 'marker'
}

test('a service that the instance left and that is gone does not keep what is at the new one from being completed', async (t) => {
  const { core, other, instance, identify } = await begin(t, { keys: 1, custody: 'keyprotect' })
  await move(core, instance, other, 'keyprotect')
  const standardKeys = other.standardKeys
  const find = standardKeys.find.bind(standardKeys)
  standardKeys.find = async () => []
  core.clock.passedSleepMs = standardKeyLookAfterMs
  standardKeys.createFaults = ['uncertain-after']
  const id = await core.keys.perform(identify, createKey())
  standardKeys.find = find
  assert.equal(standardKeys.live(`mortise-${id}`).length, 2)
  const first = core.rootKey
  first.fault = 'root-key'
  standardKeys.aheadMs += standardKeySweepAfterMs
  await core.sweep()
  assert.equal(standardKeys.live(`mortise-${id}`).length, 1)
  first.fault = null
  assert.deepEqual(first.standardKeys.live().map(generationOf), ['marker'], 'what it speaks of was not seen')
})

test('a generation is never lower than one that was deleted at the service', async (t) => {
  const { core, other, instance } = await begin(t, { keys: 1 })
  const seen: number[] = []
  for (let round = 0; round < 3; round++) {
    await move(core, instance, other, 'keyprotect')
    const [living] = other.standardKeys
      .live()
      .map(generationOf)
      .filter((one) => typeof one === 'number')
    seen.push(living ?? 0)
    await move(core, instance, other, 'database')
  }
  assert.deepEqual(
    seen,
    seen.toSorted((a, b) => a - b),
  )
  assert.equal(new Set(seen).size, 3)
})

for (const [name, from, to] of [
  ['database to keyprotect', 'database', 'keyprotect'],
  ['keyprotect to keyprotect', 'keyprotect', 'keyprotect'],
  ['keyprotect to database', 'keyprotect', 'database'],
] as const)
  test(`${name}: cut off before or after any commit, the next start finishes it`, async (t) => {
    let commits = Infinity
    for (let cut = 1; cut <= commits; cut++) {
      for (const when of ['before', 'after'] as const) {
        const { core, other, instance, identify, bytes, around } = await begin(t, { keys: 2, custody: from })
        const began = around().commits
        await core.trust.work.setRootKey(serverActor, instance.id, { rootKeyUri: other.uri, custody: to })
        // From the cut on nothing is written any more, as if the process had ended there.
        around()[when] = (_, commit) => {
          if (commit >= began + cut + 1) throw new StoreUnavailable('unavailable', 'the process has ended')
        }
        const { worker } = workerOf(core)
        worker.start()
        const isDone = async () => !(await instanceNow(core, instance)).work
        const isCut = () => around().commits > began + cut
        await until(async () => isCut() || (await isDone()), 'it is cut off or done')
        await worker.stop()
        if (await isDone()) commits = Math.min(commits, cut)
        const again = await core.reopen()
        const next = workerOf(again)
        next.worker.start()
        await until(async () => !(await instanceNow(again, instance)).work, 'it is finished')
        await next.worker.stop()
        assert.deepEqual(next.failures, [])
        await assertInPlace(again, instance, other, [again.rootKey])
        again.rootKey.fault = 'root-key'
        const { identify: anew } = await trustClient(again, instance, `again ${cut} ${when}`)
        await assertSame(again, anew, bytes)
        await again.close()
        void identify
      }
    }
    assert.ok(commits >= 4, `there were ${commits} commits to cut`)
  })

test('clients create, fetch and change all the while, and none is refused', async (t) => {
  const { core, other, instance, identify, bytes } = await begin(t, { keys: 30 })
  const moving = { now: true }
  let done = 0
  const client = async () => {
    const own: string[] = []
    while (moving.now) {
      const id = await core.keys.perform(identify, createKey())
      own.push(id)
      bytes.set(id, await core.keys.perform(identify, fetchBytes(id)))
      await core.keys.perform(identify, (work) => work.activate(id))
      for (const [known, before] of [...bytes].slice(0, 10))
        assert.equal(await core.keys.perform(identify, fetchBytes(known)), before)
      done++
    }
  }
  const clients = Promise.all([client(), client(), client()])
  for (const [to, custody] of [
    [other, 'keyprotect'],
    [core.rootKey, 'keyprotect'],
    [other, 'database'],
  ] as const)
    await move(core, instance, to, custody)
  moving.now = false
  await clients
  assert.ok(done > 3)
  await assertInPlace(core, instance, other, [core.rootKey])
})

test('sent elsewhere, or back, in the middle: it goes there', async (t) => {
  const { core, other, instance, identify, bytes, around } = await begin(t, {
    keys: 5,
    custody: 'keyprotect',
  })
  const { work } = core.trust
  const there = { rootKeyUri: other.uri, custody: 'keyprotect' } as const
  const back = { rootKeyUri: core.rootKey.uri, custody: 'database' } as const
  const { worker, failures } = workerOf(core)
  let objects = 0
  around().before = async ({ writes }) => {
    if (!writes.some(({ type }) => type === 'object') || ++objects !== 3) return
    await work.setRootKey(serverActor, instance.id, back)
    worker.nudge(instance.id)
  }
  await work.setRootKey(serverActor, instance.id, there)
  worker.start()
  await until(async () => !(await instanceNow(core, instance)).work, 'it is back')
  await worker.stop()
  assert.deepEqual(failures, [])
  assert.ok(objects > 3)
  await assertInPlace(core, instance, core.rootKey, [other])
  other.fault = 'root-key'
  core.keyring.forget(instance.id)
  await assertSame(core, identify, bytes)
})

test('two nodes at once do no harm', async (t) => {
  const { core, other, instance, identify, bytes } = await begin(t, { keys: 20 })
  await core.trust.work.setRootKey(serverActor, instance.id, {
    rootKeyUri: other.uri,
    custody: 'keyprotect',
  })
  const nodes = [workerOf(core), workerOf(core)]
  for (const { worker } of nodes) worker.start()
  await until(async () => !(await instanceNow(core, instance)).work, 'it is done')
  for (const { worker } of nodes) await worker.stop()
  await assertInPlace(core, instance, other, [core.rootKey])
  await assertSame(core, identify, bytes)
})

test('a root key that does not answer, or says no: it says why, waits, and goes on by itself', async (t) => {
  const { core, other, instance, identify, bytes } = await begin(t, { keys: 4, custody: 'keyprotect' })
  const { worker, failures } = workerOf(core)
  await core.trust.work.setRootKey(serverActor, instance.id, {
    rootKeyUri: other.uri,
    custody: 'keyprotect',
  })
  const trouble = (fault: string) => () => worker.progress(instance.id)?.trouble === `told to answer ${fault}`
  core.rootKey.fault = 'unreachable'
  worker.start()
  await until(trouble('unreachable'), 'it says why')
  core.rootKey.fault = 'root-key'
  await until(trouble('root-key'), 'it says what it is now')
  other.fault = 'unreachable'
  core.rootKey.fault = null
  core.clock.pass(rootKeyAskAgainMs)
  await until(trouble('unreachable'), 'the other one as well')
  assert.ok((await instanceNow(core, instance)).work)
  other.fault = null
  await until(async () => !(await instanceNow(core, instance)).work, 'it goes on by itself')
  await worker.stop()
  assert.deepEqual(failures, [])
  await assertInPlace(core, instance, other, [core.rootKey])
  await assertSame(core, identify, bytes)
})

for (const moment of [
  'while it is in memory',
  'while it is being moved',
  'while it is being rewrapped',
  'while its next generation is stored',
] as const)
  test(`a key that its owner deletes at the service ${moment} stays revoked, and holds nothing up`, async (t) => {
    const { core, other, instance, identify, bytes } = await begin(t, { custody: 'keyprotect' })
    const [first] = core.rootKey.standardKeys.live()
    assert.ok(first)
    const isRewrap =
      moment === 'while it is being rewrapped' || moment === 'while its next generation is stored'
    if (moment === 'while it is in memory') first.deleted = true
    else if (moment === 'while its next generation is stored') {
      const { standardKeys } = core.rootKey
      const create = standardKeys.create.bind(standardKeys)
      standardKeys.create = async (key, correlationIds) => {
        if (key.name === first.name) first.deleted = true
        return create(key, correlationIds)
      }
    } else {
      const { standardKeys } = core.rootKey
      const read = standardKeys.read.bind(standardKeys)
      standardKeys.read = async (id, correlationIds) => {
        const payload = await read(id, correlationIds)
        if (id === first.id) first.deleted = true
        return payload
      }
    }
    if (isRewrap) {
      core.rootKey.rotate()
      const { worker } = workerOf(core)
      await core.trust.work.rewrap(serverActor, instance.id)
      worker.start()
      await until(async () => !(await instanceNow(core, instance)).work, 'it is done')
      await worker.stop()
    } else await move(core, instance, other, 'keyprotect')
    const [done] = await actions(core, isRewrap ? 'instance.rewrap.done' : 'instance.set-root-key.done')
    assert.equal(done?.detail?.['left'], 1)
    await core.sweep()
    assert.equal((isRewrap ? core.rootKey : other).standardKeys.live().length, 2)
    core.keyring.forget(instance.id)
    const id = first.name.slice('mortise-'.length)
    const before = bytes.get(id)
    bytes.delete(id)
    await assertSame(core, identify, bytes)
    await assert.rejects(
      core.keys.perform(identify, fetchBytes(id)),
      /does not open, though its root key answers/,
    )
    first.deleted = false
    assert.equal(await core.keys.perform(identify, fetchBytes(id)), before, 'restored by its owner')
  })

test('what a root key cannot wrap stays with a data key of the database', async (t) => {
  const { core, other, instance, identify } = await begin(t, { keys: 1 })
  const register = (size: number) =>
    core.keys.perform(identify, (work) =>
      work.register(
        { objectType: 'OpaqueObject', attributes: new Map() },
        { bytes: Buffer.alloc(size, 1), head: { opaqueDataType: 1 } },
      ),
    )
  const [fits, barely, large, empty] = [
    await register(rootKeyPlaintextBytesMax),
    await register(rootKeyPlaintextBytesMax + 1),
    await register(20_000),
    await register(0),
  ]
  await move(core, instance, other, 'keyprotect')
  const names = other.standardKeys.live().map(({ name }) => name)
  assert.ok(names.includes(`mortise-${fits}`))
  for (const id of [barely, large, empty]) assert.ok(!names.includes(`mortise-${id}`))
  assert.equal(names.length, 2)
  core.rootKey.fault = 'root-key'
  core.keyring.forget(instance.id)
  const sizes = [rootKeyPlaintextBytesMax, rootKeyPlaintextBytesMax + 1, 20_000, 0]
  for (const [index, id] of [fits, barely, large, empty].entries())
    assert.equal((await core.keys.perform(identify, fetchBytes(id))).length, (sizes[index] ?? -1) * 2)
})

test('work that is replaced while an attempt fails does not wait for the next one', async (t) => {
  const { core, other, instance } = await begin(t)
  const { worker } = workerOf(core, { retryFirstMs: 3600_000 })
  t.after(() => worker.stop())
  await core.trust.work.setRootKey(serverActor, instance.id, { rootKeyUri: other.uri, custody: 'database' })
  core.keyring.forget(instance.id)
  core.rootKey.fault = 'unreachable'
  const letGo = core.rootKey.hold()
  const calls = core.rootKey.calls
  worker.start()
  await until(() => core.rootKey.calls > calls, 'it asks the root key')
  core.rootKey.fault = null
  const target = { rootKeyUri: other.uri, custody: 'keyprotect' } as const
  await core.trust.work.setRootKey(serverActor, instance.id, target)
  worker.nudge(instance.id)
  letGo()
  await until(async () => !(await instanceNow(core, instance)).work, 'the move is done')
})

test('how much there is to do stays the same, however often it is begun anew', async (t) => {
  for (const [from, to] of [
    ['keyprotect', 'database'],
    ['database', 'keyprotect'],
  ] as const) {
    const { core, other, instance, around } = await begin(t, { keys: 4, custody: from })
    await core.trust.work.setRootKey(serverActor, instance.id, { rootKeyUri: other.uri, custody: to })
    let allowed = 0
    around().before = () => {
      if (allowed-- <= 0) throw new StoreUnavailable('unavailable', 'the disk is away')
    }
    const seen: (number | undefined)[] = []
    for (let round = 0; round < 2; round++) {
      allowed = 2
      const { worker } = workerOf(core)
      worker.start()
      await until(() => (worker.progress(instance.id)?.trouble ?? null) !== null, 'it is in trouble')
      await until(() => (worker.progress(instance.id)?.total ?? 0) > 0, 'it is counted')
      seen.push(worker.progress(instance.id)?.total)
      await worker.stop()
    }
    assert.deepEqual(seen, [6, 6], 'two data keys and four objects')
  }
})

test('its data key is the current one also where the clock was set back, and new keys use it at once', async (t) => {
  const { core, other, instance, identify } = await begin(t)
  core.clock.jump(-3600_000)
  await core.trust.work.setRootKey(serverActor, instance.id, { rootKeyUri: other.uri, custody: 'database' })
  core.rootKey.fault = 'root-key'
  const id = await core.keys.perform(identify, createKey())
  const { dataKeyId } = (await core.store.object(instance.id, id)) ?? assert.fail('no object')
  const record = (await core.store.dataKeys(instance.id)).find((known) => known.id === dataKeyId)
  assert.equal(record?.rootKeyUri, other.uri)
})

test('rewrap, custody database: every data key comes under the newest version and stays the same', async (t) => {
  const { core, instance, identify, bytes } = await begin(t)
  const { rootKey } = core
  rootKey.rotate()
  const { worker, failures } = workerOf(core)
  const begun = await core.trust.work.rewrap(serverActor, instance.id)
  assert.equal((await core.trust.work.rewrap(serverActor, instance.id)).work?.id, begun.work?.id, 'goes on')
  worker.start()
  await until(async () => !(await instanceNow(core, instance)).work, 'it is done')
  await worker.stop()
  assert.deepEqual(failures, [])
  for (const { wrapped } of await core.store.dataKeys(instance.id))
    assert.equal(rootKey.versions.of(wrapped), 'version-2')
  core.keyring.forget(instance.id)
  await assertSame(core, identify, bytes)
})

test('rewrap, custody keyprotect: cut off before or after any commit, the next start finishes it', async (t) => {
  let commits = Infinity
  for (let cut = 1; cut <= commits; cut++) {
    for (const when of ['before', 'after'] as const) {
      const { core, instance, bytes, around } = await begin(t, { keys: 2, custody: 'keyprotect' })
      core.rootKey.rotate()
      const began = around().commits
      await core.trust.work.rewrap(serverActor, instance.id)
      around()[when] = (_, commit) => {
        if (commit >= began + cut + 1) throw new StoreUnavailable('unavailable', 'the process has ended')
      }
      const { worker } = workerOf(core)
      worker.start()
      const isDone = async () => !(await instanceNow(core, instance)).work
      await until(async () => around().commits > began + cut || (await isDone()), 'it is cut off or done')
      await worker.stop()
      if (await isDone()) commits = Math.min(commits, cut)
      const again = await core.reopen()
      const next = workerOf(again)
      next.worker.start()
      await until(async () => !(await instanceNow(again, instance)).work, 'it is finished')
      await next.worker.stop()
      await assertInPlace(again, instance, again.rootKey)
      assert.deepEqual(await again.store.standardKeyVersions(instance.id), { 'version-2': 2 })
      const { identify } = await trustClient(again, instance, `again ${cut} ${when}`)
      await assertSame(again, identify, bytes)
      await again.close()
    }
  }
  assert.ok(commits >= 4, `there were ${commits} commits to cut`)
})

test('rewrapped keys stay in memory: an outage right after it closes nothing', async (t) => {
  const { core, instance, identify, bytes } = await begin(t, { custody: 'keyprotect' })
  core.rootKey.rotate()
  const { worker } = workerOf(core)
  await core.trust.work.rewrap(serverActor, instance.id)
  worker.start()
  await until(async () => !(await instanceNow(core, instance)).work, 'it is done')
  await worker.stop()
  core.rootKey.fault = 'unreachable'
  core.clock.pass(301_000)
  await assertSame(core, identify, bytes)
})

test('a Get that was on its way when the key was sealed anew is answered all the same', async (t) => {
  const { core, instance, identify, bytes } = await begin(t, { keys: 1, custody: 'keyprotect' })
  const { rootKey } = core
  rootKey.rotate()
  core.keyring.forget(instance.id)
  const { standardKeys } = rootKey
  const read = standardKeys.read.bind(standardKeys)
  const { promise: isGone, resolve: goOn } = Promise.withResolvers<void>()
  let reads = 0
  standardKeys.read = async (id, correlationIds) => {
    if (++reads === 1) await isGone
    return read(id, correlationIds)
  }
  const got = assertSame(core, identify, bytes)
  await until(() => reads === 1, 'the Get is on its way')
  const { worker, failures } = workerOf(core)
  await core.trust.work.rewrap(serverActor, instance.id)
  worker.start()
  const isDone = async () => !(await instanceNow(core, instance)).work
  await until(isDone, 'it is done').catch((error: unknown) =>
    assert.fail(
      `${String(error)} ${JSON.stringify(worker.progress(instance.id))} ${failures.map(String).join()}`,
    ),
  )
  await worker.stop()
  assert.equal(standardKeys.live().length, 1)
  goOn()
  await got
})

test('while an instance moves it is not rewrapped', async (t) => {
  const { core, other, instance } = await begin(t)
  await core.trust.work.setRootKey(serverActor, instance.id, { rootKeyUri: other.uri, custody: 'database' })
  await assert.rejects(
    core.trust.work.rewrap(serverActor, instance.id),
    (error) => error instanceof TrustRefused && error.why === 'in-use',
  )
})

test('what an unwrap hands back is kept: data keys in place, objects as the next generation', async (t) => {
  const { core, instance, identify, bytes } = await begin(t, { custody: 'keyprotect' })
  const { rootKey } = core
  const { worker, failures } = workerOf(core)
  rootKey.rotate()
  const unwrap = rootKey.unwrap.bind(rootKey)
  rootKey.unwrap = async (wrapped, aad, correlationIds) => {
    const opened = await unwrap(wrapped, aad, correlationIds)
    if (rootKey.versions.of(wrapped) === 'version-1')
      worker.rewrapped({ was: wrapped, rewrapped: await rootKey.wrap(opened, aad) })
    return opened
  }
  core.keyring.forget(instance.id)
  await assertSame(core, identify, bytes)
  await core.keyring.current(await instanceNow(core, instance))
  const counts = () => core.store.standardKeyVersions(instance.id)
  await until(async () => (await counts())['version-2'] === 3, 'all objects are under the newest version')
  await until(
    async () =>
      (await core.store.dataKeys(instance.id)).every(
        ({ wrapped }) => rootKey.versions.of(wrapped) === 'version-2',
      ),
    'and the data key',
  )
  const isClean = async () => {
    await core.sweep()
    return (await standardKeys(core, instance)).length === 3
  }
  await until(isClean, 'the old ones are deleted')
  assert.equal(rootKey.rewraps, 0, 'without asking for what was handed back')
  await assertInPlace(core, instance, rootKey)
  core.keyring.forget(instance.id)
  await assertSame(core, identify, bytes)
  assert.deepEqual(failures, [])
})

test('a wrapped form that does not open replaces nothing', async (t) => {
  const { core, instance, identify, bytes } = await begin(t)
  const { worker, failures } = workerOf(core)
  const [record] = await core.store.dataKeys(instance.id)
  assert.ok(record)
  worker.rewrapped({ was: record.wrapped, rewrapped: Buffer.from('nonsense') })
  await until(() => failures.length === 1, 'it is told of')
  core.keyring.forget(instance.id)
  await assertSame(core, identify, bytes)
})

test('a worker without the lease does nothing, and one that lost it commits nothing more: another one ends the work', async (t) => {
  const { core, other, instance, identify, bytes } = await begin(t)
  const lost = (await core.leases.hold('instance-work')) ?? assert.fail('no lease')
  const { name, fence } = lost
  const taken = { type: 'lease-taken', name, holder: 'this server', fence: fence + 1, forMs: 1 } as const
  await core.store.commit({ writes: [taken], entries: [], durability: 'process' })
  assert.ok(lost.isHeld(), 'it does not know yet')
  const given = [lost]
  let asked = 0
  const late = workerOf(core, {
    leases: {
      hold: async () => {
        asked++
        return given.shift()
      },
      giveBack: async () => undefined,
    },
  })
  await core.trust.work.setRootKey(serverActor, instance.id, { rootKeyUri: otherUri, custody: 'database' })
  late.worker.start()
  await until(() => asked === 2, 'it was told, and asked again')
  await late.worker.stop()
  assert.deepEqual(late.failures, [])
  assert.ok((await instanceNow(core, instance)).work)
  assert.deepEqual(await actions(core, 'key.reseal'), [])
  await core.leases.renew()
  assert.equal(lost.isHeld(), false)
  const next = workerOf(core)
  next.worker.start()
  await until(async () => !(await instanceNow(core, instance)).work, 'the move is done')
  await next.worker.stop()
  await assertInPlace(core, instance, other, [core.rootKey])
  await assertSame(core, identify, bytes)
  assert.equal((await actions(core, 'instance.set-root-key.done')).length, 1)
})
