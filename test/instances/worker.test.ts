// Long work on instances: another root key, another custody, the newest version of a root key. Cut off at every commit
// it goes on where it was, clients go on all the while, and nothing is given up before what replaces it was proved.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { serverActor } from '../../src/audit/actor.ts'
import { StoreUnavailable } from '../../src/ports/store.ts'
import type { AuditEntry } from '../../src/ports/audit.ts'
import { readDescription } from '../../src/custody/keyprotect/description.ts'
import type { Custody } from '../../src/trust/rows.ts'
import { TrustRefused } from '../../src/trust/writer.ts'
import { limits } from '../../src/limits.ts'
import { FaultyRootKey } from '../support/faulty-root-key.ts'
import {
  assertAtHome,
  fetchBytes,
  instanceNow,
  move,
  standardKeys,
  until,
  workerOf,
} from '../support/instance-work.ts'
import { StoreAround } from '../support/store-around.ts'
import { createKey, makeInstance, openWorld, trustClient, type World } from '../support/world.ts'

const otherUri = 'test:other'

/** A world with a second root key, an instance under the first, a client and some keys of it. */
async function begin(
  t: TestContext,
  { keys = 3, custody = 'database' }: { readonly keys?: number; readonly custody?: Custody } = {},
) {
  const held: { around?: StoreAround } = {}
  const other = new FaultyRootKey(otherUri)
  const wrap = (store: ConstructorParameters<typeof StoreAround>[0]) => (held.around = new StoreAround(store))
  const world = await openWorld(t, { wrap, rootKeys: [other] })
  const instance = await makeInstance(world, 'default', { custody })
  const { identify } = await trustClient(world, instance)
  const bytes = new Map<string, string>()
  for (let index = 0; index < keys; index++) {
    const id = await world.keys.perform(identify, createKey())
    bytes.set(id, await world.keys.perform(identify, fetchBytes(id)))
  }
  const around = () => held.around ?? assert.fail('no store')
  return { world, other, instance, identify, bytes, around }
}

/** Every key is what it was, to a server that has nothing in memory. */
async function assertSame(
  world: World,
  identity: Parameters<World['keys']['perform']>[0],
  bytes: Map<string, string>,
) {
  for (const [id, before] of bytes) assert.equal(await world.keys.perform(identity, fetchBytes(id)), before)
}

const actions = async (world: World, action: string) => {
  const page = await world.store.audit({ order: 'oldest', action, limit: 1_000 })
  return page.entries.map(({ body }) => JSON.parse(body) as AuditEntry)
}

test('from root key to root key and custody to custody and back: all keys stay, nothing stays behind', async (t) => {
  const { world, other, instance, identify, bytes } = await begin(t)
  const first = world.rootKey
  const ways = [
    [other, 'database'],
    [other, 'keyprotect'],
    [first, 'keyprotect'],
    [first, 'database'],
    [other, 'keyprotect'],
    [first, 'database'],
  ] as const
  for (const [to, custody] of ways) {
    await move(world, instance, to, custody)
    await assertAtHome(
      world,
      instance,
      to,
      [first, other].filter((rootKey) => rootKey !== to),
    )
    const id = await world.keys.perform(identify, createKey())
    bytes.set(id, await world.keys.perform(identify, fetchBytes(id)))
    const away = to === first ? other : first
    away.fault = 'root-key'
    world.keyring.forget(instance.id)
    await assertSame(world, identify, bytes)
    away.fault = null
  }
  const begun = await actions(world, 'instance.set-root-key')
  const done = await actions(world, 'instance.set-root-key.done')
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
  const { world, other, instance, identify } = await begin(t, { keys: 1, custody: 'keyprotect' })
  await move(world, instance, other, 'keyprotect')
  const standardKeys = other.standardKeys
  const find = standardKeys.find.bind(standardKeys)
  standardKeys.find = async () => []
  standardKeys.createFaults = ['uncertain-after']
  const id = await world.keys.perform(identify, createKey())
  standardKeys.find = find
  assert.equal(standardKeys.live(`mortise-${id}`).length, 2)
  const first = world.rootKey
  first.fault = 'root-key'
  standardKeys.aheadMs += limits.standardKeySweepAfterMs
  await world.sweep()
  assert.equal(standardKeys.live(`mortise-${id}`).length, 1)
  first.fault = null
  assert.deepEqual(first.standardKeys.live().map(generationOf), ['marker'], 'what it speaks of was not seen')
})

test('a generation is never lower than one that was deleted at the service', async (t) => {
  const { world, other, instance } = await begin(t, { keys: 1 })
  const seen: number[] = []
  for (let round = 0; round < 3; round++) {
    await move(world, instance, other, 'keyprotect')
    const [living] = other.standardKeys
      .live()
      .map(generationOf)
      .filter((one) => typeof one === 'number')
    seen.push(living ?? 0)
    await move(world, instance, other, 'database')
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
        const { world, other, instance, identify, bytes, around } = await begin(t, { keys: 2, custody: from })
        const began = around().commits
        await world.trust.work.setRootKey(serverActor, instance.id, { rootKeyUri: other.uri, custody: to })
        // From the cut on nothing is written any more, as if the process had ended there.
        around()[when] = (_, commit) => {
          if (commit >= began + cut + 1) throw new StoreUnavailable('unavailable', 'the process has ended')
        }
        const { worker } = workerOf(world)
        worker.start()
        const isDone = async () => !(await instanceNow(world, instance)).work
        const isCut = () => around().commits > began + cut
        await until(async () => isCut() || (await isDone()), 'it is cut off or done')
        await worker.stop()
        if (await isDone()) commits = Math.min(commits, cut)
        const again = await world.reopen()
        const next = workerOf(again)
        next.worker.start()
        await until(async () => !(await instanceNow(again, instance)).work, 'it is finished')
        await next.worker.stop()
        assert.deepEqual(next.failures, [])
        await assertAtHome(again, instance, other, [again.rootKey])
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
  const { world, other, instance, identify, bytes } = await begin(t, { keys: 30 })
  const moving = { now: true }
  let done = 0
  const client = async () => {
    const own: string[] = []
    while (moving.now) {
      const id = await world.keys.perform(identify, createKey())
      own.push(id)
      bytes.set(id, await world.keys.perform(identify, fetchBytes(id)))
      await world.keys.perform(identify, (work) => work.activate(id))
      for (const [known, before] of [...bytes].slice(0, 10))
        assert.equal(await world.keys.perform(identify, fetchBytes(known)), before)
      done++
    }
  }
  const clients = Promise.all([client(), client(), client()])
  for (const [to, custody] of [
    [other, 'keyprotect'],
    [world.rootKey, 'keyprotect'],
    [other, 'database'],
  ] as const)
    await move(world, instance, to, custody)
  moving.now = false
  await clients
  assert.ok(done > 3)
  await assertAtHome(world, instance, other, [world.rootKey])
})

test('sent elsewhere, or back, in the middle: it goes there', async (t) => {
  const { world, other, instance, identify, bytes, around } = await begin(t, {
    keys: 5,
    custody: 'keyprotect',
  })
  const { work } = world.trust
  const there = { rootKeyUri: other.uri, custody: 'keyprotect' } as const
  const back = { rootKeyUri: world.rootKey.uri, custody: 'database' } as const
  const { worker, failures } = workerOf(world)
  let objects = 0
  around().before = async ({ writes }) => {
    if (!writes.some(({ type }) => type === 'object') || ++objects !== 3) return
    await work.setRootKey(serverActor, instance.id, back)
    worker.nudge(instance.id)
  }
  await work.setRootKey(serverActor, instance.id, there)
  worker.start()
  await until(async () => !(await instanceNow(world, instance)).work, 'it is back')
  await worker.stop()
  assert.deepEqual(failures, [])
  assert.ok(objects > 3)
  await assertAtHome(world, instance, world.rootKey, [other])
  other.fault = 'root-key'
  world.keyring.forget(instance.id)
  await assertSame(world, identify, bytes)
})

test('two nodes at once do no harm', async (t) => {
  const { world, other, instance, identify, bytes } = await begin(t, { keys: 20 })
  await world.trust.work.setRootKey(serverActor, instance.id, {
    rootKeyUri: other.uri,
    custody: 'keyprotect',
  })
  const nodes = [workerOf(world), workerOf(world)]
  for (const { worker } of nodes) worker.start()
  await until(async () => !(await instanceNow(world, instance)).work, 'it is done')
  for (const { worker } of nodes) await worker.stop()
  await assertAtHome(world, instance, other, [world.rootKey])
  await assertSame(world, identify, bytes)
})

test('a root key that does not answer, or says no: it says why, waits, and goes on by itself', async (t) => {
  const { world, other, instance, identify, bytes } = await begin(t, { keys: 4, custody: 'keyprotect' })
  const { worker, failures } = workerOf(world)
  await world.trust.work.setRootKey(serverActor, instance.id, {
    rootKeyUri: other.uri,
    custody: 'keyprotect',
  })
  const trouble = (fault: string) => () => worker.progress(instance.id)?.trouble === `told to answer ${fault}`
  world.rootKey.fault = 'unreachable'
  worker.start()
  await until(trouble('unreachable'), 'it says why')
  world.rootKey.fault = 'root-key'
  await until(trouble('root-key'), 'it says what it is now')
  other.fault = 'unreachable'
  world.rootKey.fault = null
  world.clock.pass(limits.rootKeyAskAgainMs)
  await until(trouble('unreachable'), 'the other one as well')
  assert.ok((await instanceNow(world, instance)).work)
  other.fault = null
  await until(async () => !(await instanceNow(world, instance)).work, 'it goes on by itself')
  await worker.stop()
  assert.deepEqual(failures, [])
  await assertAtHome(world, instance, other, [world.rootKey])
  await assertSame(world, identify, bytes)
})

for (const moment of [
  'while it is in memory',
  'while it is being moved',
  'while it is being rewrapped',
] as const)
  test(`a key that its owner deletes at the service ${moment} stays revoked, and holds nothing up`, async (t) => {
    const { world, other, instance, identify, bytes } = await begin(t, { custody: 'keyprotect' })
    const [first] = world.rootKey.standardKeys.live()
    assert.ok(first)
    const isRewrap = moment === 'while it is being rewrapped'
    if (moment === 'while it is in memory') first.deleted = true
    else {
      const { standardKeys } = world.rootKey
      const read = standardKeys.read.bind(standardKeys)
      standardKeys.read = async (id, trail) => {
        const payload = await read(id, trail)
        if (id === first.id) first.deleted = true
        return payload
      }
    }
    if (isRewrap) {
      world.rootKey.rotate()
      const { worker } = workerOf(world)
      await world.trust.work.rewrap(serverActor, instance.id)
      worker.start()
      await until(async () => !(await instanceNow(world, instance)).work, 'it is done')
      await worker.stop()
    } else await move(world, instance, other, 'keyprotect')
    const [done] = await actions(world, isRewrap ? 'instance.rewrap.done' : 'instance.set-root-key.done')
    assert.equal(done?.detail?.['left'], 1)
    await world.sweep()
    assert.equal((isRewrap ? world.rootKey : other).standardKeys.live().length, 2)
    world.keyring.forget(instance.id)
    const id = first.name.slice('mortise-'.length)
    const before = bytes.get(id)
    bytes.delete(id)
    await assertSame(world, identify, bytes)
    await assert.rejects(
      world.keys.perform(identify, fetchBytes(id)),
      /does not open, though its root key answers/,
    )
    first.deleted = false
    assert.equal(await world.keys.perform(identify, fetchBytes(id)), before, 'restored by its owner')
  })

test('what a root key cannot wrap stays with a data key of the database', async (t) => {
  const { world, other, instance, identify } = await begin(t, { keys: 1 })
  const register = (size: number) =>
    world.keys.perform(identify, (work) =>
      work.register(
        { objectType: 'OpaqueObject', attributes: new Map() },
        { bytes: Buffer.alloc(size, 1), head: { opaqueDataType: 1 } },
      ),
    )
  const [fits, barely, large, empty] = [
    await register(limits.rootKeyPlaintextBytesMax),
    await register(limits.rootKeyPlaintextBytesMax + 1),
    await register(20_000),
    await register(0),
  ]
  await move(world, instance, other, 'keyprotect')
  const names = other.standardKeys.live().map(({ name }) => name)
  assert.ok(names.includes(`mortise-${fits}`))
  for (const id of [barely, large, empty]) assert.ok(!names.includes(`mortise-${id}`))
  assert.equal(names.length, 2)
  world.rootKey.fault = 'root-key'
  world.keyring.forget(instance.id)
  const sizes = [limits.rootKeyPlaintextBytesMax, limits.rootKeyPlaintextBytesMax + 1, 20_000, 0]
  for (const [index, id] of [fits, barely, large, empty].entries())
    assert.equal((await world.keys.perform(identify, fetchBytes(id))).length, (sizes[index] ?? -1) * 2)
})

test('work that is replaced while an attempt fails does not wait for the next one', async (t) => {
  const { world, other, instance } = await begin(t)
  const { worker } = workerOf(world, { retryFirstMs: 3600_000 })
  t.after(() => worker.stop())
  await world.trust.work.setRootKey(serverActor, instance.id, { rootKeyUri: other.uri, custody: 'database' })
  world.keyring.forget(instance.id)
  world.rootKey.fault = 'unreachable'
  const letGo = world.rootKey.hold()
  const calls = world.rootKey.calls
  worker.start()
  await until(() => world.rootKey.calls > calls, 'it asks the root key')
  world.rootKey.fault = null
  const target = { rootKeyUri: other.uri, custody: 'keyprotect' } as const
  await world.trust.work.setRootKey(serverActor, instance.id, target)
  worker.nudge(instance.id)
  letGo()
  await until(async () => !(await instanceNow(world, instance)).work, 'the move is done')
})

test('how much there is to do stays the same, however often it is begun anew', async (t) => {
  for (const [from, to] of [
    ['keyprotect', 'database'],
    ['database', 'keyprotect'],
  ] as const) {
    const { world, other, instance, around } = await begin(t, { keys: 4, custody: from })
    await world.trust.work.setRootKey(serverActor, instance.id, { rootKeyUri: other.uri, custody: to })
    let allowed = 0
    around().before = () => {
      if (allowed-- <= 0) throw new StoreUnavailable('unavailable', 'the disk is away')
    }
    const seen: (number | undefined)[] = []
    for (let round = 0; round < 2; round++) {
      allowed = 2
      const { worker } = workerOf(world)
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
  const { world, other, instance, identify } = await begin(t)
  world.clock.jump(-3600_000)
  await world.trust.work.setRootKey(serverActor, instance.id, { rootKeyUri: other.uri, custody: 'database' })
  world.rootKey.fault = 'root-key'
  const id = await world.keys.perform(identify, createKey())
  const { dataKeyId } = (await world.store.object(instance.id, id)) ?? assert.fail('no object')
  const record = (await world.store.dataKeys(instance.id)).find((known) => known.id === dataKeyId)
  assert.equal(record?.rootKeyUri, other.uri)
})

test('rewrap, custody database: every data key comes under the newest version and stays the same', async (t) => {
  const { world, instance, identify, bytes } = await begin(t)
  const { rootKey } = world
  rootKey.rotate()
  const { worker, failures } = workerOf(world)
  const begun = await world.trust.work.rewrap(serverActor, instance.id)
  assert.equal((await world.trust.work.rewrap(serverActor, instance.id)).work?.id, begun.work?.id, 'goes on')
  worker.start()
  await until(async () => !(await instanceNow(world, instance)).work, 'it is done')
  await worker.stop()
  assert.deepEqual(failures, [])
  for (const { wrapped } of await world.store.dataKeys(instance.id))
    assert.equal(rootKey.versions.of(wrapped), 'version-2')
  world.keyring.forget(instance.id)
  await assertSame(world, identify, bytes)
})

test('rewrap, custody keyprotect: cut off before or after any commit, the next start finishes it', async (t) => {
  let commits = Infinity
  for (let cut = 1; cut <= commits; cut++) {
    for (const when of ['before', 'after'] as const) {
      const { world, instance, bytes, around } = await begin(t, { keys: 2, custody: 'keyprotect' })
      world.rootKey.rotate()
      const began = around().commits
      await world.trust.work.rewrap(serverActor, instance.id)
      around()[when] = (_, commit) => {
        if (commit >= began + cut + 1) throw new StoreUnavailable('unavailable', 'the process has ended')
      }
      const { worker } = workerOf(world)
      worker.start()
      const isDone = async () => !(await instanceNow(world, instance)).work
      await until(async () => around().commits > began + cut || (await isDone()), 'it is cut off or done')
      await worker.stop()
      if (await isDone()) commits = Math.min(commits, cut)
      const again = await world.reopen()
      const next = workerOf(again)
      next.worker.start()
      await until(async () => !(await instanceNow(again, instance)).work, 'it is finished')
      await next.worker.stop()
      await assertAtHome(again, instance, again.rootKey)
      assert.deepEqual(await again.store.standardKeyVersions(instance.id), { 'version-2': 2 })
      const { identify } = await trustClient(again, instance, `again ${cut} ${when}`)
      await assertSame(again, identify, bytes)
      await again.close()
    }
  }
  assert.ok(commits >= 4, `there were ${commits} commits to cut`)
})

test('rewrapped keys stay in memory: an outage right after it closes nothing', async (t) => {
  const { world, instance, identify, bytes } = await begin(t, { custody: 'keyprotect' })
  world.rootKey.rotate()
  const { worker } = workerOf(world)
  await world.trust.work.rewrap(serverActor, instance.id)
  worker.start()
  await until(async () => !(await instanceNow(world, instance)).work, 'it is done')
  await worker.stop()
  world.rootKey.fault = 'unreachable'
  world.clock.pass(301_000)
  await assertSame(world, identify, bytes)
})

test('a Get that was on its way when the key was sealed anew is answered all the same', async (t) => {
  const { world, instance, identify, bytes } = await begin(t, { keys: 1, custody: 'keyprotect' })
  const { rootKey } = world
  rootKey.rotate()
  world.keyring.forget(instance.id)
  const { standardKeys } = rootKey
  const read = standardKeys.read.bind(standardKeys)
  const { promise: isGone, resolve: goOn } = Promise.withResolvers<void>()
  let reads = 0
  standardKeys.read = async (id, trail) => {
    if (++reads === 1) await isGone
    return read(id, trail)
  }
  const got = assertSame(world, identify, bytes)
  await until(() => reads === 1, 'the Get is on its way')
  const { worker, failures } = workerOf(world)
  await world.trust.work.rewrap(serverActor, instance.id)
  worker.start()
  const isDone = async () => !(await instanceNow(world, instance)).work
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
  const { world, other, instance } = await begin(t)
  await world.trust.work.setRootKey(serverActor, instance.id, { rootKeyUri: other.uri, custody: 'database' })
  await assert.rejects(
    world.trust.work.rewrap(serverActor, instance.id),
    (error) => error instanceof TrustRefused && error.code === 'in-use',
  )
})

test('what an unwrap hands back is kept: data keys in place, objects as the next generation', async (t) => {
  const { world, instance, identify, bytes } = await begin(t, { custody: 'keyprotect' })
  const { rootKey } = world
  const { worker, failures } = workerOf(world)
  rootKey.rotate()
  const unwrap = rootKey.unwrap.bind(rootKey)
  rootKey.unwrap = async (wrapped, aad, trail) => {
    const opened = await unwrap(wrapped, aad, trail)
    if (rootKey.versions.of(wrapped) === 'version-1')
      worker.rewrapped({ was: wrapped, rewrapped: await rootKey.wrap(opened, aad) })
    return opened
  }
  world.keyring.forget(instance.id)
  await assertSame(world, identify, bytes)
  await world.keyring.current(await instanceNow(world, instance))
  const counts = () => world.store.standardKeyVersions(instance.id)
  await until(async () => (await counts())['version-2'] === 3, 'all objects are under the newest version')
  await until(
    async () =>
      (await world.store.dataKeys(instance.id)).every(
        ({ wrapped }) => rootKey.versions.of(wrapped) === 'version-2',
      ),
    'and the data key',
  )
  const isClean = async () => {
    await world.sweep()
    return (await standardKeys(world, instance)).length === 3
  }
  await until(isClean, 'the old ones are deleted')
  assert.equal(rootKey.rewraps, 0, 'without asking for what was handed back')
  await assertAtHome(world, instance, rootKey)
  world.keyring.forget(instance.id)
  await assertSame(world, identify, bytes)
  assert.deepEqual(failures, [])
})

test('a wrapped form that does not open replaces nothing', async (t) => {
  const { world, instance, identify, bytes } = await begin(t)
  const { worker, failures } = workerOf(world)
  const [record] = await world.store.dataKeys(instance.id)
  assert.ok(record)
  worker.rewrapped({ was: record.wrapped, rewrapped: Buffer.from('nonsense') })
  await until(() => failures.length === 1, 'it is told of')
  world.keyring.forget(instance.id)
  await assertSame(world, identify, bytes)
})
