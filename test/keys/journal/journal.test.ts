// The journal of an instance, written beside a root key that can be told to fail: what is entered when, in how many
// parts, what is left behind, and that nothing is lost when it fails.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { serverActor } from '../../../src/audit/actor.ts'
import {
  journalPartNumber,
  partHeader,
  unpackRun,
  type JournalItem,
} from '../../../src/keys/journal/format.ts'
import { openJournalPart } from '../../../src/keys/journal/part-key.ts'
import { Journal } from '../../../src/keys/journal/journal.ts'
import { StoreUnavailable, type Store } from '../../../src/ports/store.ts'
import { RootKeyError } from '../../../src/ports/root-key.ts'
import type { Instance } from '../../../src/trust/rows.ts'
import { limits } from '../../../src/limits.ts'
import { FaultyRootKey } from '../../support/faulty-root-key.ts'
import { createKey, makeInstance, openWorld, trustClient, type World } from '../../support/world.ts'

interface Ground {
  readonly world: World
  readonly instance: Instance
  readonly journal: Journal
  readonly errors: unknown[]
  /** Makes an object; its identifier. */
  readonly create: (more?: Readonly<Record<string, unknown>>) => Promise<string>
  readonly activate: (identifier: string) => Promise<void>
}

function journalOf(world: World, errors: unknown[]): Journal {
  const { store, clock, access, keeper, keyring } = world
  const failed = () => (error: unknown) => void errors.push(error)
  const { openRootKey, status } = keyring
  return new Journal({
    store,
    clock,
    access,
    keeper,
    openRootKey,
    troubles: status.standardKeys,
    failed,
  })
}

async function begin(t: TestContext, wrap?: (store: Store) => Store): Promise<Ground> {
  const world = await openWorld(t, wrap ? { wrap } : {})
  const errors: unknown[] = []
  const journal = journalOf(world, errors)
  const instance = await makeInstance(world, 'vmware', { custody: 'keyprotect' })
  await journal.begin(instance)
  const { identify } = await trustClient(world, instance)
  return {
    world,
    instance,
    journal,
    errors,
    create: (more) => world.keys.perform(identify, createKey(more)),
    activate: (identifier) => world.keys.perform(identify, (work) => work.activate(identifier)),
  }
}

/** What stands in the journal, part by part, oldest part first; as a restore reads it. */
async function readJournal(
  world: World,
  instanceId: string,
  rootKey = world.rootKey,
): Promise<JournalItem[][]> {
  const numbered = rootKey.standardKeys
    .live()
    .map((key) => ({ ...key, number: journalPartNumber(instanceId, key.name) }))
    .filter(({ number }) => number !== undefined)
    .toSorted((a, b) => Number(a.number) - Number(b.number))
  const parts = []
  for (const { payload } of numbered) {
    const { header, piece } = await openJournalPart(rootKey, payload)
    assert.equal(header.instance, instanceId)
    parts.push(header.pieces === 1 ? [...(await unpackRun([piece]))] : [])
  }
  return parts
}

function statesOf(parts: readonly (readonly JournalItem[])[]): Record<string, string> {
  const newest = new Map<string, { version: number; text: string }>()
  for (const item of parts.flat()) {
    if (item.kind !== 'object') continue
    const known = newest.get(item.uniqueIdentifier)
    if (known && known.version > item.version) continue
    newest.set(item.uniqueIdentifier, {
      version: item.version,
      text: `${item.state} ${item.version} ${item.generation}`,
    })
  }
  return Object.fromEntries([...newest].map(([id, { text }]) => [id, text]))
}

test('it begins with the settings, and every change is entered with the next flush, once', async (t) => {
  const { world, instance, journal, create, activate } = await begin(t)
  const [first] = await readJournal(world, instance.id)
  const settings = { cacheSeconds: 300, outageSeconds: 3600, expiredGraceDays: 30, portable: false }
  const { createdMs } = instance
  assert.deepEqual(first?.[0], { kind: 'settings', settings: { name: 'vmware', ...settings, createdMs } })
  const one = await create()
  const two = await create()
  await activate(two)
  await journal.flush(instance.id)
  const written = await readJournal(world, instance.id)
  assert.equal(written.length, 2, 'two objects and three changes in one more part')
  assert.deepEqual(statesOf(written), { [one]: 'PreActive 1 1', [two]: 'Active 2 1' })
  const { calls } = world.rootKey
  await journal.flush(instance.id)
  assert.equal(world.rootKey.calls, calls, 'nothing to enter: nobody is asked')
  await world.trust.instances.update(serverActor, instance.id, { name: 'renamed' })
  await journal.flush(instance.id)
  assert.deepEqual(
    (await readJournal(world, instance.id)).at(-1)?.map(({ kind }) => kind),
    ['settings', 'end'],
  )
  const ends = (await readJournal(world, instance.id)).map((items) => items.at(-1))
  const [whole, ...more] = ends
  assert.ok(whole?.kind === 'whole' && more.length === 2)
  let before = whole.from
  for (const end of more) {
    assert.ok(end?.kind === 'end' && end.follows === before, 'each names the one before')
    before = end.from
  }
})

test('a part that was given up is no part that is missing', async (t) => {
  const { world, instance, journal, create } = await begin(t)
  await create()
  world.rootKey.standardKeys.createFaults = ['uncertain-after']
  await journal.flush(instance.id)
  await create()
  world.rootKey.standardKeys.createFaults = ['wrapped-form']
  await assert.rejects(journal.flush(instance.id))
  await create()
  await journal.flush(instance.id)
  await world.keeper.sweep()
  const ends = (await readJournal(world, instance.id)).map((items) => items.at(-1))
  const numbers = ends.map((end) => (end?.kind === 'end' || end?.kind === 'whole' ? end.from : assert.fail()))
  assert.deepEqual(
    ends.slice(1).map((end) => (end?.kind === 'end' ? end.follows : 0)),
    numbers.slice(0, -1),
  )
})

test('who waits while one is written shares the next, which has all that they committed', async (t) => {
  const { world, instance, journal, create } = await begin(t)
  await create()
  const before = world.rootKey.standardKeys.calls.create
  const release = world.rootKey.hold()
  const first = journal.flush(instance.id)
  await setTimeout(20)
  release()
  const others = [await create(), await create()]
  const trails = [new Set<string>(), new Set<string>()]
  await Promise.all([first, ...trails.map((trail) => journal.flush(instance.id, trail))])
  const states = statesOf(await readJournal(world, instance.id))
  for (const one of others) assert.equal(states[one], 'PreActive 1 1')
  assert.ok(world.rootKey.standardKeys.calls.create - before <= 4, 'two keys, and two parts at most')
  assert.deepEqual(trails[0], trails[1])
})

test('what fails is tried again: nothing is lost, and nothing is left at the service', async (t) => {
  let refuse = false
  const { world, instance, journal, create } = await begin(t, (store) => ({
    ...bound(store),
    commit: (change) =>
      refuse && change.writes.some(({ type }) => type === 'journaled')
        ? Promise.reject(new StoreUnavailable('full', 'told to be full'))
        : store.commit(change),
  }))
  const { standardKeys } = world.rootKey
  const parts = () => standardKeys.live().filter(({ name }) => name.startsWith('mortise-journal-')).length
  const one = await create()
  for (const fault of ['unreachable', 'root-key'] as const) {
    world.rootKey.fault = fault
    await assert.rejects(journal.flush(instance.id), (error) => error instanceof RootKeyError)
  }
  world.rootKey.fault = null
  standardKeys.createFaults = ['wrapped-form']
  await assert.rejects(journal.flush(instance.id), RootKeyError)
  refuse = true
  await assert.rejects(journal.flush(instance.id), StoreUnavailable)
  refuse = false
  assert.equal((await world.store.unjournaled(instance.id, 10)).length, 1)
  standardKeys.createFaults = ['uncertain-after']
  await journal.flush(instance.id)
  assert.deepEqual(statesOf(await readJournal(world, instance.id)), { [one]: 'PreActive 1 1' })
  world.clock.pass(limits.standardKeyForgottenMs)
  await world.keeper.sweep()
  assert.equal(parts(), 2)
  assert.equal((await world.store.standardKeys({ kind: 'journal', limit: 10 })).length, 2)
})

test('a root key that seals nothing new is no reason to note nothing: the data key of a part that is there goes on', async (t) => {
  const { world, instance, journal, create, activate } = await begin(t)
  const { standardKeys } = world.rootKey
  const keyOf = async (identifier: string) => {
    const found = await world.store.standardKeys({ kind: 'journal', identifier, limit: 1 })
    return standardKeys.live().find(({ id }) => id === found[0]?.standardKeyId)
  }
  const names = () =>
    standardKeys
      .live()
      .map(({ name }) => name)
      .filter((name) => name.startsWith('mortise-journal-'))
      .toSorted()
  const dataKeyIds = async () => {
    const parts = await Promise.all(names().map(keyOf))
    return parts.map((part) => partHeader(part?.payload ?? Buffer.alloc(0)).dataKeyId)
  }
  const one = await create()
  await journal.flush(instance.id)
  world.rootKey.wrapFault = 'wrapped-form'
  await activate(one)
  await journal.flush(instance.id)
  const [first, second, third] = await dataKeyIds()
  assert.notEqual(first, second)
  assert.equal(third, second)
  assert.deepEqual(statesOf(await readJournal(world, instance.id)), { [one]: 'Active 2 1' })
  // Somebody deleted the two newest parts at the service.
  for (const name of names().slice(-2)) await standardKeys.remove((await keyOf(name))?.id ?? '')
  await world.trust.instances.update(serverActor, instance.id, { name: 'renamed' })
  await journal.flush(instance.id)
  assert.deepEqual(await dataKeyIds(), [first, first])
  await journal.rewrite(instance.id)
  assert.deepEqual(await dataKeyIds(), [first])
  assert.deepEqual(statesOf(await readJournal(world, instance.id)), { [one]: 'Active 2 1' })
  world.rootKey.wrapFault = null
  await create()
  await journal.flush(instance.id)
  assert.notEqual((await dataKeyIds()).at(-1), first)
})

test('a journal that cannot be written is told, whatever the reason, until it is', async (t) => {
  const { world, instance, journal, create } = await begin(t)
  const { standardKeys: troubles } = world.keyring.status
  const { standardKeys } = world.rootKey
  const told = () => troubles.now.map(({ what, instanceId, cause }) => [what, instanceId, cause])
  await create()
  for (const fault of ['unreachable', 'root-key', 'wrapped-form'] as const) {
    world.rootKey.fault = fault
    await assert.rejects(journal.flush(instance.id), RootKeyError)
    assert.deepEqual(told(), [['journal', instance.id, `told to answer ${fault}`]])
    world.rootKey.fault = null
    if (fault === 'wrapped-form') continue
    await journal.flush(instance.id)
    assert.deepEqual(told(), [])
    await create()
  }
  await journal.flush(instance.id)
  // Every part is gone, and the root key seals nothing new: there is no key to go on with.
  for (const { id, name } of standardKeys.live())
    if (name.startsWith('mortise-journal-')) await standardKeys.remove(id)
  world.rootKey.wrapFault = 'wrapped-form'
  await world.trust.instances.update(serverActor, instance.id, { name: 'renamed' })
  await assert.rejects(journal.flush(instance.id), /told to answer wrap/)
  assert.equal(told().length, 1)
  world.rootKey.wrapFault = null
  await journal.rewrite(instance.id)
  assert.deepEqual(told(), [])
})

/** A store whose methods can be handed on one by one. */
function bound(store: Store): Store {
  return new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
    ownKeys: () => [
      ...new Set([...Object.getOwnPropertyNames(Object.getPrototypeOf(store)), ...Reflect.ownKeys(store)]),
    ],
    getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
  })
}

test('a long journal is written anew: few parts, the same states, the old parts deleted', async (t) => {
  const { world, instance, journal, create, activate, errors } = await begin(t)
  const made: string[] = []
  for (let i = 0; i < 14; i++) {
    made.push(await create({ 'x-Name': { type: 'TextString', value: `disk ${i}` } }))
    await activate(made[i] ?? '')
    await journal.flush(instance.id)
  }
  // Turns come one after the other: this one comes after the rewriting.
  await journal.flush(instance.id)
  assert.deepEqual(errors, [])
  const parts = await readJournal(world, instance.id)
  assert.ok(parts.length < 10, `${parts.length} parts`)
  assert.deepEqual(statesOf(parts), Object.fromEntries(made.map((id) => [id, 'Active 2 1'])))
  assert.ok(parts.some((items) => items.some(({ kind }) => kind === 'whole')))
  const rows = await world.store.standardKeys({ instanceId: instance.id, kind: 'journal', limit: 100 })
  assert.equal(rows.length, parts.length)
  await journal.rewrite(instance.id)
  assert.equal((await readJournal(world, instance.id)).length, 1)
})

test('attributes of any size are entered', async (t) => {
  const { world, instance, journal, create } = await begin(t)
  const noise = randomBytes(30_000).toString('hex')
  const id = await create({ 'x-Large': { type: 'TextString', value: noise } })
  await journal.flush(instance.id)
  const parts = await readJournal(world, instance.id)
  assert.ok(parts.length > 2, `${parts.length} parts`)
  assert.equal((await world.store.unjournaled(instance.id, 10)).length, 0)
  await journal.rewrite(instance.id)
  const back = await world.store.object(instance.id, id)
  assert.ok(back)
})

test('in the background: once an hour when something changed, and soon again after a failure', async (t) => {
  const { world, instance, errors, create } = await begin(t)
  t.mock.timers.enable({ apis: ['setInterval'] })
  const journal = journalOf(world, errors)
  journal.start()
  const waiting = async () => (await world.store.unjournaled(instance.id, 10)).length
  /** A look at what is due, and time for what it does. */
  const look = async (until: () => boolean | Promise<boolean>) => {
    t.mock.timers.tick(limits.journalLookEveryMs)
    for (let turn = 0; turn < 200 && !(await until()); turn++) await setTimeout(10)
  }
  const written = async () => (await waiting()) === 0
  let turns = 0
  const aWhile = () => ++turns % 10 === 0
  await create()
  await look(written)
  assert.equal(await waiting(), 0, 'what a killed server left is entered at once')
  await create()
  await look(aWhile)
  assert.equal(await waiting(), 1, 'within the hour it waits')
  world.rootKey.fault = 'unreachable'
  world.clock.pass(limits.journalEveryMs)
  await look(() => errors.length > 0)
  await look(aWhile)
  assert.equal(errors.length, 1, 'not at once again')
  world.rootKey.fault = null
  world.clock.pass(limits.journalPauseMs)
  await look(written)
  assert.equal(await waiting(), 0)
  await create()
  await journal.stop()
  assert.equal(await waiting(), 0, 'at the end it is written')
})

test('under another root key it is written there; without its custody it ends', async (t) => {
  const other = new FaultyRootKey()
  const world = await openWorld(t, { rootKeys: [other] })
  const errors: unknown[] = []
  const journal = journalOf(world, errors)
  const instance = await makeInstance(world, 'vmware', { custody: 'keyprotect' })
  await journal.begin(instance)
  const { identify } = await trustClient(world, instance)
  const id = await world.keys.perform(identify, createKey())
  const moved = { ...instance, rootKeyUri: other.uri }
  await journal.begin(moved)
  assert.deepEqual(statesOf(await readJournal(world, instance.id, other)), { [id]: 'PreActive 1 1' })
  const left = world.rootKey.standardKeys.live().map(({ name }) => name)
  assert.deepEqual(left, [`mortise-${id}`])
  await journal.end(instance.id)
  assert.deepEqual(other.standardKeys.live(), [])
  assert.deepEqual(await world.store.standardKeys({ kind: 'journal', limit: 10 }), [])
})

test('parts that cannot be made or read refuse the beginning, and nothing stays behind', async (t) => {
  const world = await openWorld(t)
  const errors: unknown[] = []
  const journal = journalOf(world, errors)
  const instance = await makeInstance(world, 'vmware', { custody: 'keyprotect' })
  world.rootKey.standardKeys.createFaults = ['root-key']
  await assert.rejects(journal.begin(instance), RootKeyError)
  const { standardKeys } = world.rootKey
  const read = standardKeys.read.bind(standardKeys)
  standardKeys.read = () => Promise.reject(new RootKeyError('root-key', 'this role may not read'))
  await assert.rejects(journal.begin(instance), /may not read/)
  standardKeys.read = read
  assert.deepEqual(standardKeys.live(), [])
  assert.deepEqual(errors, [])
})
