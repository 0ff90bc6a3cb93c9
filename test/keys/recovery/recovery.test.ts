// An instance brought back from what lies beside its root key, into a store that never heard of it: the rules, one by
// one, beside a root key in memory whose standard keys the test can delete, restore and forge.

import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { serverActor } from '../../../src/audit/actor.ts'
import { Journal } from '../../../src/keys/journal/journal.ts'
import type { KeyWork } from '../../../src/keys/key-work.ts'
import { StoreUnavailable, type Store } from '../../../src/ports/store.ts'
import { RootKeyError, type RootKey } from '../../../src/ports/root-key.ts'
import {
  recover,
  RecoveryRefused,
  type Recovering,
  type RecoveryWanted,
} from '../../../src/keys/recovery/recovery.ts'
import type { RecoveryReport } from '../../../src/keys/recovery/report.ts'
import { standardKeyName } from '../../../src/keys/standard-keys/place.ts'
import { limits } from '../../../src/limits.ts'
import { TrustRefused } from '../../../src/trust/writer.ts'
import type { Instance } from '../../../src/trust/rows.ts'
import type { FaultyRootKey } from '../../support/faulty-root-key.ts'
import {
  attributeSet,
  faults,
  makeInstance,
  openWorld,
  trustClient,
  type World,
  type WorldOptions,
} from '../../support/world.ts'

interface Site {
  readonly world: World
  readonly instance: Instance
  readonly journal: Journal
  readonly perform: <T>(work: (work: KeyWork) => Promise<T>) => Promise<T>
  /** Makes an AES key, Active unless told otherwise. */
  readonly key: (more?: Readonly<Record<string, unknown>>, state?: 'PreActive' | 'Active') => Promise<string>
}

async function siteOf(world: World, instance: Instance): Promise<Site> {
  const { identify } = await trustClient(world, instance)
  const perform = <T>(work: (work: KeyWork) => Promise<T>) => world.keys.perform(identify, work)
  return {
    world,
    instance,
    journal: journalOf(world),
    perform,
    key: (more, state = 'Active') =>
      perform(async (work) => {
        const id = await work.create({ objectType: 'SymmetricKey', attributes: aes(more) })
        if (state === 'Active') await work.activate(id)
        return id
      }),
  }
}

function aes(more: Readonly<Record<string, unknown>> = {}) {
  return attributeSet({ CryptographicAlgorithm: 'AES', CryptographicLength: 256, ...more })
}

function failed(): (error: unknown) => never {
  return (error) => assert.fail(String(error))
}

function journalOf(world: World): Journal {
  const { store, clock, access, keeper, keyring } = world
  return new Journal({ store, clock, access, keeper, openRootKey: keyring.openRootKey, failed })
}

async function openSite(t: TestContext, name = 'vmware', world?: World): Promise<Site> {
  const there = world ?? (await openWorld(t))
  const instance = await makeInstance(there, name, { custody: 'keyprotect' })
  const site = await siteOf(there, instance)
  await site.journal.begin(instance)
  return site
}

/** A store that never heard of it, which reaches the same root key. */
function emptyWorld(t: TestContext, rootKey: RootKey, options: WorldOptions = {}): Promise<World> {
  return openWorld(t, { ...options, rootKeys: [rootKey] })
}

function restore(
  world: World,
  rootKeyUri: string,
  wanted: Partial<RecoveryWanted> = {},
  recovering: Partial<Recovering> = {},
): Promise<RecoveryReport> {
  const { store, clock, access, keyring, keeper, trust } = world
  const apiKeys = { with: () => assert.fail('no API key was given') }
  const parts = { store, clock, access, keyring, keeper, apiKeys, restores: trust.restores }
  const silent = { told: () => undefined, signal: new AbortController().signal }
  return recover(parts, serverActor, { rootKeyUri, ...wanted }, { ...silent, ...recovering })
}

async function bytesOf({ perform }: Pick<Site, 'perform'>, id: string): Promise<string> {
  return perform(async (work) => Buffer.from((await work.fetch(id)).material.bytes).toString('hex'))
}

async function stateOf({ world, instance }: Pick<Site, 'world' | 'instance'>, id: string) {
  return (await world.keys.show(instance.id, id))?.state
}

function standardKeyOf(rootKey: FaultyRootKey, identifier: string) {
  const found = rootKey.standardKeys.live(standardKeyName(identifier))
  return found.at(-1) ?? assert.fail(`no standard key of ${identifier}`)
}

test('keys, states, attributes and settings come back; what the journal does not know comes back Active', async (t) => {
  const before = await openSite(t)
  const { world, instance, journal, perform, key } = before
  const { rootKey } = world
  await world.trust.instances.update(serverActor, instance.id, { cacheSeconds: 60, outageSeconds: 0 })
  const name = { Name: { NameValue: 'disk 1', NameType: 'UninterpretedTextString' } }
  const active = await key({ ...name, 'x-Name': { type: 'TextString', value: 'web-1' } })
  const preActive = await key({}, 'PreActive')
  const revoked = await key()
  const destroyed = await key()
  const bytes = new Map<string, string>()
  for (const id of [active, preActive, revoked]) bytes.set(id, await bytesOf(before, id))
  const code = 'Unspecified'
  const revocation = { code, message: 'gone', compromiseOccurrenceDate: undefined }
  for (const id of [revoked, destroyed]) await perform((work) => work.revoke(id, revocation))
  await perform((work) => work.destroy(destroyed))
  await journal.flush(instance.id)
  const late = await key({}, 'PreActive')
  bytes.set(late, await bytesOf(before, late))
  const shown = await world.keys.show(instance.id, active)

  const empty = await emptyWorld(t, rootKey)
  const report = await restore(empty, rootKey.uri)
  const { createdMs } = instance
  const settings = { cacheSeconds: 60, outageSeconds: 0, expiredGraceDays: 30, portable: false, createdMs }
  const place = { id: instance.id, custody: 'keyprotect', rootKeyUri: rootKey.uri }
  assert.deepEqual(report.instance, { ...settings, ...place, name: 'vmware' })
  assert.deepEqual(report.objects, { Active: 2, PreActive: 1, Deactivated: 1, Destroyed: 1 })
  assert.deepEqual([report.opens, report.unjournaled], [4, [late]])
  assert.deepEqual([report.deleted, report.lost, report.ignored], [[], [], []])
  const after = await siteOf(empty, report.instance)
  for (const [id, text] of bytes) assert.equal(await bytesOf(after, id), text)
  assert.deepEqual(
    await Promise.all([active, preActive, revoked, destroyed, late].map((id) => stateOf(after, id))),
    ['Active', 'PreActive', 'Deactivated', 'Destroyed', 'Active'],
  )
  const back = await empty.keys.show(instance.id, active)
  const without = (view: typeof back) => ({
    ...view,
    sequence: 0,
    lastFetchedMs: null,
    attributes: new Map([...(view?.attributes ?? [])].filter(([each]) => each !== 'Fresh')),
  })
  assert.deepEqual(without(back), without(shown))
  await assert.rejects(bytesOf(after, destroyed), faults('ObjectDestroyed'))
  await assert.rejects(after.key(name), faults('NonUniqueNameAttribute'))
  const [entry] = (await empty.store.audit({ action: 'instance.restore', order: 'newest', limit: 2 })).entries
  const { detail } = JSON.parse(entry?.body ?? '') as { readonly detail: { readonly objects: number } }
  assert.equal(detail.objects, 5)
})

test('what was deleted in Key Protect stays revoked, and opens again when it is restored there', async (t) => {
  const before = await openSite(t)
  const { world, instance, journal, key } = before
  const known = await key({ 'x-Name': { type: 'TextString', value: 'web-1' } })
  const text = await bytesOf(before, known)
  await journal.flush(instance.id)
  const unknown = await key()
  const lastOne = await key()
  for (const id of [known, unknown]) standardKeyOf(world.rootKey, id).deleted = true
  const empty = await emptyWorld(t, world.rootKey)
  const report = await restore(empty, world.rootKey.uri)
  const after = await siteOf(empty, report.instance)
  assert.deepEqual(report.deleted, [{ identifier: known, label: 'web-1' }])
  assert.deepEqual([report.unknown, report.opens], [1, 1])
  assert.equal(await stateOf(after, unknown), undefined)
  assert.equal(await stateOf(after, known), 'Active')
  await assert.rejects(bytesOf(after, known), faults('GeneralFailure'))
  const name = standardKeyName(known)
  for (const kept of world.rootKey.standardKeys.kept.values()) if (kept.name === name) kept.deleted = false
  assert.equal(await bytesOf(after, known), text)
  await bytesOf(after, lastOne)
})

test('what only the database had is told by name, and nothing comes back of it', async (t) => {
  const { world, instance, journal, perform } = await openSite(t)
  const large = {
    bytes: randomBytes(limits.rootKeyPlaintextBytesMax + 1),
    head: { opaqueDataType: 1 },
  } as const
  const attributes = attributeSet({ 'x-Name': { type: 'TextString', value: 'too large' } })
  const id = await perform((work) =>
    work.register({ objectType: 'OpaqueObject', attributes }, { ...large, bytes: Buffer.from(large.bytes) }),
  )
  await journal.flush(instance.id)
  const empty = await emptyWorld(t, world.rootKey)
  const report = await restore(empty, world.rootKey.uri)
  assert.deepEqual(report.lost, [{ identifier: id, label: 'too large' }])
  assert.equal(await empty.keys.show(instance.id, id), undefined)
})

test('several instances: one must be chosen; one that is there already is refused; a name that is taken is changed', async (t) => {
  const first = await openSite(t, 'default')
  const second = await openSite(t, 'other', first.world)
  const { rootKey } = first.world
  await first.key()
  await second.key()
  await second.key()
  const empty = await emptyWorld(t, rootKey)
  await makeInstance(empty, 'default')
  await assert.rejects(restore(empty, rootKey.uri), (error) => {
    assert.ok(error instanceof RecoveryRefused)
    assert.equal(error.why, 'several')
    const counts = Object.fromEntries(error.choices.map(({ instanceId, keys }) => [instanceId, keys]))
    assert.deepEqual(counts, { [first.instance.id]: 1, [second.instance.id]: 2 })
    return true
  })
  const stranger = { instanceId: randomUUID() }
  await assert.rejects(restore(empty, rootKey.uri, stranger), { why: 'nothing' })
  await assert.rejects(restore(empty, empty.rootKey.uri), { why: 'nothing' })
  const instanceId = first.instance.id
  await assert.rejects(restore(empty, rootKey.uri, { instanceId, name: 'default' }), TrustRefused)
  const report = await restore(empty, rootKey.uri, { instanceId })
  assert.deepEqual([report.instance.name, report.formerName], ['default-restored', 'default'])
  await assert.rejects(restore(empty, rootKey.uri, { instanceId }), /has the instance .* already/)
  const named = await restore(empty, rootKey.uri, { instanceId: second.instance.id, name: 'mine' })
  assert.deepEqual([named.instance.name, named.opens], ['mine', 2])
})

test('what was deleted to its last standard key is no choice beside what is there, and comes back when it is named', async (t) => {
  const gone = await openSite(t, 'gone')
  const there = await openSite(t, 'there', gone.world)
  const { rootKey } = gone.world
  await gone.key()
  await there.key()
  const all = rootKey.standardKeys.live()
  for (const kept of all) if (kept.description.includes(gone.instance.id)) kept.deleted = true
  const empty = await emptyWorld(t, rootKey)
  const report = await restore(empty, rootKey.uri)
  assert.deepEqual([report.instance.id, report.opens], [there.instance.id, 1])
  const named = await restore(empty, rootKey.uri, { instanceId: gone.instance.id })
  assert.deepEqual([named.instance.id, named.opens], [gone.instance.id, 0])
})

test('with a root key that does not open it nothing is written; one that cannot be reached is waited for', async (t) => {
  const { world, instance, journal, key } = await openSite(t)
  const { rootKey } = world
  await key()
  await journal.flush(instance.id)
  const empty = await emptyWorld(t, rootKey)
  const other = {
    uri: 'test:other',
    id: 'other',
    wrap: empty.rootKey.wrap.bind(empty.rootKey),
    unwrap: empty.rootKey.unwrap.bind(empty.rootKey),
    standardKeys: rootKey.standardKeys,
  }
  const deceived = await emptyWorld(t, other)
  await assert.rejects(restore(deceived, other.uri), { why: 'other-root-key' })
  // The same without a journal: one key is tried.
  for (const kept of rootKey.standardKeys.live()) if (kept.name.includes('journal')) kept.deleted = true
  await assert.rejects(restore(deceived, other.uri), { why: 'other-root-key' })
  assert.deepEqual(await deceived.store.objectCounts(instance.id, 0), {})
  rootKey.fault = 'unreachable'
  const givesUp: Recovering['told'] = ({ trouble }) => {
    if (trouble !== null) empty.clock.pass(limits.restorePatienceMs + 1)
  }
  await assert.rejects(restore(empty, rootKey.uri, {}, { told: givesUp }), RootKeyError)
  const troubles: (string | null)[] = []
  const told: Recovering['told'] = ({ trouble }) => {
    if (trouble !== null) rootKey.fault = null
    if (trouble !== troubles.at(-1)) troubles.push(trouble)
  }
  const report = await restore(empty, rootKey.uri, {}, { told })
  assert.deepEqual(troubles.slice(1), [troubles[1], null], 'it waited, and went on')
  assert.deepEqual([report.opens, report.unjournaled.length], [1, 1])
  assert.equal(report.journal.missing, 2)
})

test('cut off at any commit it is done again, and the outcome is the same', async (t) => {
  const { world, instance, journal, perform, key } = await openSite(t)
  const ids = [await key(), await key(), await key()]
  await perform((work) =>
    work.revoke(ids[0] ?? '', {
      code: 'Unspecified',
      message: undefined,
      compromiseOccurrenceDate: undefined,
    }),
  )
  await journal.flush(instance.id)
  for (let failing = 0; failing < 2; failing++) {
    let left = failing
    let broken = false
    const wrap = (store: Store): Store =>
      new Proxy(store, {
        get: (target, name) => {
          const value: unknown = Reflect.get(target, name)
          if (name === 'commit' && broken)
            return (change: Parameters<Store['commit']>[0]) =>
              left-- > 0
                ? target.commit(change)
                : Promise.reject(new StoreUnavailable('full', 'told to be full'))
          return typeof value === 'function' ? (value.bind(target) as unknown) : value
        },
      })
    const empty = await emptyWorld(t, world.rootKey, { wrap })
    broken = true
    await assert.rejects(restore(empty, world.rootKey.uri), StoreUnavailable)
    assert.equal(await empty.access.instance(instance.id), undefined, 'nobody sees anything of it')
    broken = false
    const report = await restore(empty, world.rootKey.uri)
    assert.deepEqual(report.objects, { Active: 2, Deactivated: 1 })
    const rows = await empty.store.standardKeys({ instanceId: instance.id, kind: 'object', limit: 10 })
    assert.deepEqual(
      rows.map(({ state }) => state),
      ['current', 'current', 'current'],
    )
  }
})

test('it ends between any two calls when the server stops, and tells how far it is', async (t) => {
  const { world, instance, journal, key } = await openSite(t)
  for (let i = 0; i < 20; i++) await key()
  await journal.flush(instance.id)
  for (const last of ['list', 'journal', 'keys', 'write'] as const) {
    const stopping = new AbortController()
    const steps: string[] = []
    const empty = await emptyWorld(t, world.rootKey)
    const told: Recovering['told'] = ({ step, done, total }) => {
      assert.ok(total === null || done <= total)
      steps.push(step)
      if (step === last) stopping.abort(new Error('the server stops'))
    }
    await assert.rejects(restore(empty, world.rootKey.uri, {}, { told, signal: stopping.signal }), /stops/)
    assert.equal(steps.at(-1), last)
    assert.equal(await empty.access.instance(instance.id), undefined)
    assert.equal((await restore(empty, world.rootKey.uri)).opens, 20)
  }
})

test('life goes on: new generations, Destroy, the journal, and the next restore', async (t) => {
  const { world, instance, journal, key } = await openSite(t)
  const { rootKey } = world
  const kept = await key()
  const late = await key()
  await journal.rewrite(instance.id)
  const next = await emptyWorld(t, rootKey)
  const { instance: back } = await restore(next, rootKey.uri)
  const site = await siteOf(next, back)
  const text = await bytesOf(site, kept)
  await site.perform(async (work) => {
    await work.revoke(late, { code: 'Unspecified', message: undefined, compromiseOccurrenceDate: undefined })
    await work.destroy(late)
  })
  assert.deepEqual(rootKey.standardKeys.live(standardKeyName(late)), [])
  const made = await site.key()
  await site.journal.flush(instance.id)
  await site.journal.rewrite(instance.id)
  const third = await emptyWorld(t, rootKey)
  const report = await restore(third, rootKey.uri)
  assert.deepEqual(report.objects, { Active: 2, Destroyed: 1 })
  assert.deepEqual([report.unjournaled, report.journal.missing], [[], 0])
  const last = await siteOf(third, report.instance)
  assert.equal(await bytesOf(last, kept), text)
  await bytesOf(last, made)
})

test('forged and damaged standard keys are left alone and told', async (t) => {
  const { world, instance, journal, key } = await openSite(t)
  const { standardKeys } = world.rootKey
  const id = await key()
  await journal.flush(instance.id)
  const { name, description, payload } = standardKeyOf(world.rootKey, id)
  const damaged = await standardKeys.create({ name: 'mortise-other', description, payload })
  const higher = description.replace('generation 1', 'generation 9')
  const lying = await standardKeys.create({ name, description: higher, payload })
  const nonsense = await standardKeys.create({
    name: 'mortise-x',
    description,
    payload: Buffer.from('nonsense'),
  })
  await standardKeys.create({ name: 'mortise-trial', description: 'somebody else', payload })
  const empty = await emptyWorld(t, world.rootKey)
  const report = await restore(empty, world.rootKey.uri)
  assert.deepEqual(report.ignored.map((one) => one.id).toSorted(), [damaged, lying, nonsense].toSorted())
  assert.equal(report.opens, 1)
})
