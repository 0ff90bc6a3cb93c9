// Destroyed keys that can still be brought back: for KMIP they are destroyed at once, and what comes back is what was there.
// No setting of the clock makes them leave before their time, and when it is over nothing brings them back.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { KeyTransaction } from '../../../../src/core/keys/key-transaction.ts'
import { resumed } from '../../../../src/core/keys/object/recovery-clock.ts'
import type { AttributeSet } from '../../../../src/wire/kmip/attributes.ts'
import { first } from '../../../../src/wire/kmip/attributes.ts'
import { recoveryOffMsMax } from '../../../../src/core/keys/object/recovery-clock.ts'
import type { AuditEntry } from '../../../../src/core/ports/audit.ts'
import { StoreUnavailable } from '../../../../src/core/ports/store.ts'
import { StoreAround } from '../../../support/store/store-around.ts'
import {
  attributeSet,
  createKey,
  dayMs,
  faults,
  makeInstance,
  openCore,
  trustClient,
  type TestCore,
  type TestCoreOptions,
  name,
} from '../../../support/server/core.ts'

const delayDays = 7

async function begin(
  t: TestContext,
  options: TestCoreOptions = {},
  destroyDelaySeconds = delayDays * 86_400,
) {
  const core = await openCore(t, options)
  const instance = await makeInstance(core, 'default', { destroyDelaySeconds })
  const { identify, identity } = await trustClient(core, instance)
  const perform = <T>(work: (work: KeyTransaction) => Promise<T>) => core.keys.perform(identify, work)
  return { core, instance, identity, perform }
}

const bytesOf = (id: string) => async (work: KeyTransaction) => {
  const { material } = await work.fetch(id)
  return material.bytes.toString('hex')
}
const attributesOf = (id: string) => (work: KeyTransaction) => work.attributes('key.attributes', id)
const revoke = (id: string, code: string) => (work: KeyTransaction) =>
  work.revoke(id, { code, message: 'why', compromiseOccurrenceDate: undefined })
const back =
  (id: string, withoutTakenNames = false) =>
  (work: KeyTransaction) =>
    work.undestroy(id, { withoutTakenNames })
const all = {
  maximumItems: undefined,
  offsetItems: 0,
  storage: { online: true, destroyed: false },
  onlyFresh: false,
} as const
/** Without those that say when something was changed. */
function lasting(attributes: AttributeSet): AttributeSet {
  return new Map([...attributes].filter(([key]) => key !== 'LastChangeDate' && key !== 'DestroyDate'))
}

async function entriesOf(core: TestCore, action: string): Promise<readonly AuditEntry[]> {
  const { entries } = await core.store.audit({ order: 'oldest', limit: 1_000, action })
  return entries.map(({ body }) => JSON.parse(body) as AuditEntry)
}

/** Lets time pass, with the looks that fall due. */
async function pass(core: TestCore, ms: number): Promise<void> {
  core.clock.pass(ms)
  await core.recoverySweep.look()
}

test('a destroyed key is closed at once, and comes back with its bytes, state, attributes, names and index', async (t) => {
  const { core, instance, perform } = await begin(t)
  const ways: readonly ((id: string) => Promise<void>)[] = [
    async () => undefined,
    async (id) => {
      await perform((work) => work.activate(id))
      await perform(revoke(id, 'CessationOfOperation'))
    },
    (id) => perform(revoke(id, 'KeyCompromise')),
  ]
  for (const [n, close] of ways.entries()) {
    const id = await perform(
      createKey({ Name: name(`name ${n}`), 'x-A': { type: 'TextString', value: 'a' } }),
    )
    const bytes = await perform(bytesOf(id))
    await close(id)
    const before = await perform(attributesOf(id))
    await perform((work) => work.destroy(id))

    await assert.rejects(perform(bytesOf(id)), faults('ObjectDestroyed'))
    const wanted = [{ key: 'Name', value: name(`name ${n}`) }]
    const search = (work: KeyTransaction) => work.locate({ ...all, criteria: wanted }, '1.4')
    assert.deepEqual((await perform(search)).uniqueIdentifiers, [])
    assert.match(String(first(await perform(attributesOf(id)), 'State')), /^Destroyed/)
    core.clock.pass(dayMs)
    const view = await core.keys.show(instance.id, id)
    assert.equal(view?.recoverableUntilMs, core.clock.now() + (delayDays - 1) * dayMs)

    await perform(back(id))
    assert.equal(await perform(bytesOf(id)), bytes)
    const after = await perform(attributesOf(id))
    assert.deepEqual(lasting(after), lasting(before))
    assert.equal(first(after, 'DestroyDate'), undefined)
    assert.equal(Number(first(after, 'LastChangeDate')) * 1000, core.clock.now())
    assert.deepEqual((await perform(search)).uniqueIdentifiers, [id])
    assert.equal((await core.keys.show(instance.id, id))?.recoverableUntilMs, null)
  }
  const until = (await entriesOf(core, 'key.destroy')).map(({ atMs, detail }) => {
    return Date.parse(String(detail?.['recoverableUntil'])) - atMs
  })
  assert.deepEqual(until, [delayDays * dayMs, delayDays * dayMs, delayDays * dayMs])
  const states = (await entriesOf(core, 'key.undestroy')).map(({ detail }) => detail?.['state'])
  assert.deepEqual(states, ['PreActive', 'Deactivated', 'Compromised'])
})

test('the view after a change says in which state the object is now, and until when it can be brought back', async (t) => {
  const { core, perform } = await begin(t)
  const id = await perform(createKey({ ActivationDate: BigInt(core.clock.now() / 1000 + 5) }))
  const viewed = () => perform((work) => work.view(id))
  const before = await viewed()
  assert.deepEqual([before.state, before.recoverableUntilMs], ['PreActive', null])
  core.clock.pass(5_000)
  assert.equal((await viewed()).state, 'Active')
  await perform(revoke(id, 'Superseded'))
  await perform((work) => work.destroy(id))
  const after = await viewed()
  assert.deepEqual(
    [after.state, after.recoverableUntilMs],
    ['Destroyed', core.clock.now() + delayDays * dayMs],
  )
})

test('what happened to a key while it was destroyed stays: a compromise, a changed attribute', async (t) => {
  const { perform } = await begin(t)
  const id = await perform(createKey())
  await perform((work) => work.destroy(id))
  await perform(revoke(id, 'KeyCompromise'))
  await perform((work) =>
    work.addAttribute(id, { key: 'x-Ticket', value: { type: 'TextString', value: '4711' }, version: '1.4' }),
  )
  await perform(back(id))
  const attributes = await perform(attributesOf(id))
  assert.equal(first(attributes, 'State'), 'Compromised')
  assert.deepEqual(attributes.get('x-Ticket')?.[0]?.value, { type: 'TextString', value: '4711' })
  await perform((work) => work.destroy(id))
  await perform(back(id))
  assert.equal(first(await perform(attributesOf(id)), 'State'), 'Compromised')
})

test('a Name that another key has taken meanwhile is a refusal, or left out', async (t) => {
  const { perform } = await begin(t)
  const id = await perform(createKey({ Name: [name('own'), name('both')] }))
  await perform((work) => work.destroy(id))
  const other = await perform(createKey({ Name: name('both') }))
  await assert.rejects(
    perform(back(id)),
    faults('NonUniqueNameAttribute', /has the Name both now.*--without-taken-names/),
  )
  await perform(back(id, true))
  const names = (await perform(attributesOf(id))).get('Name')?.map(({ value }) => value)
  assert.deepEqual(names, [name('own')])
  assert.ok(await perform(bytesOf(other)))
})

test('what is not destroyed, what is gone and what never was cannot be brought back', async (t) => {
  const { core, perform } = await begin(t)
  const id = await perform(createKey())
  await assert.rejects(perform(back(id)), faults('WrongKeyLifecycleState'))
  await assert.rejects(perform(back('nothing')), faults('ObjectNotFound'))
  await perform((work) => work.destroy(id))
  core.clock.pass(delayDays * dayMs - 1000)
  await core.recoverySweep.look()
  assert.deepEqual(await entriesOf(core, 'key.erase'), [])
  core.clock.pass(1000)
  await assert.rejects(perform(back(id)), faults('ObjectDestroyed', /gone for good/))
  await core.recoverySweep.look()
  assert.deepEqual(
    (await entriesOf(core, 'key.erase')).map(({ object, actor }) => [object, actor.kind]),
    [[id, 'server']],
  )
  await assert.rejects(perform(back(id)), faults('ObjectDestroyed'))
  assert.equal(
    (await core.store.object((await core.access.instances())[0]?.id ?? '', id))?.recoverable,
    undefined,
  )
})

test('without a delay nothing waits, and a new delay is for keys that are destroyed later', async (t) => {
  const { core, instance, perform } = await begin(t, {}, 0)
  const set = (destroyDelaySeconds: number) =>
    core.trust.instances.update({ ...actorOf() }, instance.id, { destroyDelaySeconds })
  const destroyed = async () => {
    const id = await perform(createKey())
    await perform((work) => work.destroy(id))
    return (await core.keys.show(instance.id, id))?.recoverableUntilMs
  }
  assert.equal(await destroyed(), null)
  await set(3600)
  assert.equal(await destroyed(), core.clock.now() + 3600_000)
  await set(60)
  assert.equal(await destroyed(), core.clock.now() + 60_000)
  await set(0)
  assert.equal(await destroyed(), null)
  await pass(core, 60_000)
  assert.equal((await core.store.recoverable(instance.id)).count, 1, 'the hour of the first is not shortened')
  await pass(core, 3540_000)
  assert.equal((await core.store.recoverable(instance.id)).count, 0)
})

function actorOf() {
  return { kind: 'server', id: null, name: null, certificateSha256: null, address: null } as const
}

test('a destruction asks the store for the time of the recovery clock only where there is a delay', async (t) => {
  for (const seconds of [0, 60]) {
    let asked = 0
    const wrap: TestCoreOptions['wrap'] = (store) => {
      const around = new StoreAround(store)
      const recoveryTime = around.recoveryTime.bind(around)
      return Object.assign(around, { recoveryTime: () => (asked++, recoveryTime()) })
    }
    const { perform } = await begin(t, { wrap }, seconds)
    const id = await perform(createKey())
    asked = 0
    await perform((work) => work.destroy(id))
    assert.equal(asked, seconds === 0 ? 0 : 1)
  }
})

test('a clock that jumps, in either direction, removes nothing early and keeps nothing longer', async (t) => {
  for (const jumpMs of [-400 * dayMs, 400 * dayMs]) {
    const { core, instance, perform } = await begin(t)
    const id = await perform(createKey())
    await perform((work) => work.destroy(id))
    core.clock.jump(jumpMs)
    await pass(core, delayDays * dayMs - 1000)
    const view = await core.keys.show(instance.id, id)
    assert.equal(view?.recoverableUntilMs, core.clock.now() + 1000)
    await pass(core, 1000)
    assert.equal((await core.store.recoverable(instance.id)).count, 0)
  }
})

test('the time that the server was off counts, but a day at most', async (t) => {
  const { core, instance, perform } = await begin(t)
  const id = await perform(createKey())
  await perform((work) => work.destroy(id))
  await core.recoverySweep.look()
  await pass(core, dayMs)
  core.clock.jump(dayMs / 2)
  const second = await core.reopen()
  const left = async ({ keys, clock }: TestCore) =>
    ((await keys.show(instance.id, id))?.recoverableUntilMs ?? 0) - clock.now()
  assert.equal(await left(second), (delayDays - 1.5) * dayMs)
  await second.recoverySweep.look()
  second.clock.jump(100 * dayMs)
  const third = await second.reopen()
  assert.equal(await left(third), (delayDays - 2.5) * dayMs)
  await third.recoverySweep.look()
  third.clock.jump(-200 * dayMs)
  assert.equal(await left(await third.reopen()), (delayDays - 2.5) * dayMs)
})

test('how far the recovery clock is at a start', () => {
  const kept = { ms: 1_000, atMs: 50_000 }
  assert.equal(resumed(null, 7), 7)
  assert.equal(resumed(kept, 50_000), 1_000)
  assert.equal(resumed(kept, 50_900), 1_900)
  assert.equal(resumed(kept, 40_000), 1_000)
  assert.equal(resumed(kept, 1e15), 1_000 + recoveryOffMsMax)
})

test('a look that fails is made up for, and a key that is brought back at that moment stays', async (t) => {
  const held: { around?: StoreAround } = {}
  const wrap: NonNullable<TestCoreOptions['wrap']> = (store) => (held.around = new StoreAround(store))
  const { core, instance, perform } = await begin(t, { wrap })
  const around = held.around ?? assert.fail()
  const [first, second] = [await perform(createKey()), await perform(createKey())]
  const bytes = await perform(bytesOf(first))
  for (const id of [first, second]) await perform((work) => work.destroy(id))
  await core.recoverySweep.look()
  core.clock.pass(delayDays * dayMs - 1)
  around.before = () => {
    throw new StoreUnavailable('full', 'no room')
  }
  core.clock.pass(1)
  await assert.rejects(core.recoverySweep.look(), /no room/)
  // The first comes back between the look and its commit, as by a request that was decided in time.
  around.before = async (change) => {
    if (!change.writes.some(({ type }) => type === 'recoverable-removed')) return
    around.before = () => undefined
    core.clock.jump(0)
    await bringBack(core, instance.id, first)
  }
  await core.recoverySweep.look()
  await core.recoverySweep.look()
  assert.equal(await perform(bytesOf(first)), bytes)
  assert.equal((await core.store.recoverable(instance.id)).count, 0)
  assert.deepEqual(
    (await entriesOf(core, 'key.erase')).map(({ object }) => object),
    [second],
  )
})

/** As an undestroy that was decided just before the time was over. */
async function bringBack(core: TestCore, instanceId: string, id: string): Promise<void> {
  const {
    sequence: _,
    lastFetchedMs: __,
    recoverable,
    ...record
  } = (await core.store.object(instanceId, id)) ?? assert.fail()
  assert.ok(recoverable)
  const { sealed, dataKeyId, state } = recoverable
  const version = record.version + 1
  const write = {
    type: 'object',
    record: { ...record, version, sealed, dataKeyId, state },
    names: [],
    index: [],
  } as const
  await core.store.commit({ writes: [write], entries: [], durability: 'disk' })
}

test('what waits counts as an object of the instance, so that it can always come back', async (t) => {
  const { core, instance, perform } = await begin(t)
  await core.trust.instances.update(actorOf(), instance.id, { objectsMax: 2 })
  const [first] = [await perform(createKey()), await perform(createKey())]
  await perform((work) => work.destroy(first))
  await assert.rejects(perform(createKey()), faults('ServerLimitExceeded'))
  await perform(back(first))
  await perform((work) => work.destroy(first))
  await pass(core, delayDays * dayMs)
  await perform(createKey())
})

test('adoption finds the identifier of a key that waits destroyed', async (t) => {
  const { perform } = await begin(t)
  const id = await perform(createKey())
  await perform((work) => work.destroy(id))
  const brought = {
    uniqueIdentifier: id,
    objectType: 'SymmetricKey',
    state: 'Active',
    from: 'old:5696',
  } as const
  const attributes = attributeSet({ CryptographicAlgorithm: 'AES', CryptographicLength: 256 })
  const material = { bytes: Buffer.alloc(32, 1), head: { keyFormatType: 'Raw' } } as const
  await assert.rejects(
    perform((work) => work.adopt({ ...brought, attributes }, material, { dryRun: false })),
    faults('ObjectDestroyed', /destroyed here.*brought back/),
  )
})
