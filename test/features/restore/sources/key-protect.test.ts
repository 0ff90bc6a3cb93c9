// An instance brought back from what lies beside its root key, into a store that never heard of it: the rules, one by
// one, beside a root key in memory whose standard keys the test can delete, restore and forge.

import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { CorePorts } from '../../../../src/core/server/core.ts'
import { serverActor } from '../../../../src/core/audit/actor.ts'
import { first } from '../../../../src/wire/kmip/attributes.ts'
import { StoreUnavailable, type Store } from '../../../../src/core/ports/store.ts'
import { RootKeyError } from '../../../../src/core/ports/root-key.ts'
import {
  RestoreRefused,
  type KeyProtectProgress,
  type Working,
} from '../../../../src/features/restore/source.ts'

import type { KeyProtectReport } from '../../../../src/features/restore/report.ts'
import { standardKeyName } from '../../../../src/core/custody/keyprotect/description.ts'
import { unpackPayload } from '../../../../src/core/custody/keyprotect/payload.ts'
import { standardKeyLookAfterMs } from '../../../../src/base/bounds.ts'
import { standardKeySweepAfterMs } from '../../../../src/core/custody/keyprotect/bounds.ts'
import { epochLookMs } from '../../../../src/core/custody/keyprotect/markers.ts'
import { restoreSilenceMsMax } from '../../../../src/features/restore/sources/standard-keys.ts'
import { TrustRefused } from '../../../../src/core/trust/writer.ts'
import { FaultyRootKey } from '../../../support/root-keys/faulty-root-key.ts'
import { workerOf } from '../../../support/server/instance-work.ts'
import { StoreAround } from '../../../support/store/store-around.ts'
import { until } from '../../../support/time/until.ts'
import {
  bytesOf,
  emptyWorld,
  openSite,
  restore,
  siteOf,
  standardKeyOf,
  stateOf,
  type Site,
} from '../../../support/root-keys/restore-site.ts'
import {
  faults,
  look,
  makeInstance,
  openCore,
  trustClient,
  type TestCore,
} from '../../../support/server/core.ts'

test('every key comes back with its bytes, its Names and its closing; all else of it was in the database', async (t) => {
  const before = await openSite(t)
  const { core, instance, perform, key } = before
  const { rootKey } = core
  await core.trust.instances.update(serverActor, instance.id, { cacheSeconds: 60, outageSeconds: 0 })
  const name = { Name: { NameValue: 'disk 1', NameType: 'UninterpretedTextString' } }
  const active = await key({ ...name, 'x-Name': { type: 'TextString', value: 'web-1' }, Sensitive: false })
  const preActive = await key({}, 'PreActive')
  const [revoked, compromised, destroyed] = [await key(), await key(), await key()]
  const dated = await key({ DeactivationDate: 4_000_000_000n })
  const bytes = new Map<string, string>()
  for (const id of [active, preActive, revoked, compromised, dated]) bytes.set(id, await bytesOf(before, id))
  for (const id of [revoked, destroyed]) await perform((work) => work.revoke(id, reason('Unspecified')))
  await perform((work) => work.revoke(compromised, reason('KeyCompromise')))
  await perform((work) => work.destroy(destroyed))

  const empty = await emptyWorld(t, rootKey)
  const report = await restore(empty, rootKey.uri)
  const { id, custody, rootKeyUri, epoch } = report.instance
  assert.deepEqual([id, custody, rootKeyUri], [instance.id, 'keyprotect', rootKey.uri])
  assert.ok((epoch ?? 0) > 0)
  assert.equal(report.instance.restrictions, 'one-way')
  assert.deepEqual(
    look(empty.file, 'SELECT feature FROM least_version').map(({ feature }) => feature),
    ['one-way-restrictions'],
  )
  assert.deepEqual([report.instance.name, report.formerName], ['vmware', 'vmware'])
  assert.deepEqual(report.objects, { Active: 3, Deactivated: 1, Compromised: 1 })
  assert.deepEqual([report.opens, report.gone], [5, 1])
  assert.deepEqual([report.deleted, report.elsewhere, report.ignored], [[], [], []])
  const after = await siteOf(empty, report.instance)
  for (const [known, text] of bytes) assert.equal(await bytesOf(after, known), text)
  const states = [active, preActive, revoked, compromised, destroyed, dated].map((one) => stateOf(after, one))
  assert.deepEqual(await Promise.all(states), [
    'Active',
    'Active',
    'Deactivated',
    'Compromised',
    undefined,
    'Active',
  ])
  const attributes = async (one: string) => (await empty.keys.show(instance.id, one))?.attributes
  const values = async (one: string, ...keys: string[]) => {
    const all = await attributes(one)
    return keys.map((key) => all?.get(key)?.[0]?.value)
  }
  assert.deepEqual(await values(active, 'Name', 'CryptographicAlgorithm', 'CryptographicLength', 'x-Name'), [
    name.Name,
    'AES',
    256,
    undefined,
  ])
  assert.deepEqual(await values(compromised, 'RevocationReason'), [{ RevocationReasonCode: 'KeyCompromise' }])
  assert.deepEqual(await values(dated, 'DeactivationDate'), [4_000_000_000n])
  await assert.rejects(bytesOf(after, destroyed), faults('ObjectNotFound'))
  await assert.rejects(after.key(name), faults('NonUniqueNameAttribute'))
  const [entry] = (await empty.store.audit({ action: 'instance.restore', order: 'newest', limit: 2 })).entries
  const { detail } = JSON.parse(entry?.body ?? '') as { readonly detail: { readonly objects: number } }
  assert.equal(detail.objects, 5)
})

test('Names that objects share come back where the instance lets them; elsewhere the object made later has it, and the report says so', async (t) => {
  const before = await openSite(t)
  const { core, instance, key, perform } = before
  const name = { Name: { NameValue: 'Symmetric Key', NameType: 'UninterpretedTextString' } }
  const first = await key(name)
  await perform((work) => work.deleteAttribute(first, { key: 'Name', index: 0, version: '1.4' }))
  const second = await key(name)
  const namesOf = async (of: TestCore, id: string) =>
    ((await of.keys.show(instance.id, id))?.attributes.get('Name') ?? []).map(({ value }) => value)
  const unique = await emptyWorld(t, core.rootKey)
  const unnamed = await restore(unique, core.rootKey.uri)
  // The standard key of the first says what it was when it was made.
  assert.deepEqual(unnamed.unnamed, [{ identifier: first, label: 'Symmetric Key' }])
  assert.deepEqual([await namesOf(unique, first), await namesOf(unique, second)], [[], [name.Name]])

  await core.trust.instances.update(serverActor, instance.id, { names: 'shared' })
  const third = await key(name)
  const shared = await emptyWorld(t, core.rootKey)
  const report = await restore(shared, core.rootKey.uri)
  assert.deepEqual([report.instance.names, report.unnamed], ['shared', []])
  for (const id of [second, third]) assert.deepEqual(await namesOf(shared, id), [name.Name])
  const after = await siteOf(shared, report.instance)
  await after.key(name)
})

test('what its owner deleted in Key Protect does not open, and opens again when it is restored there', async (t) => {
  const before = await openSite(t)
  const { core, key, instance } = before
  const [whole, rewritten, other] = [await key(), await key(), await key()]
  const text = [await bytesOf(before, whole), await bytesOf(before, rewritten)]
  const standardKeys = core.rootKey.standardKeys
  // An older generation is left, as by a server that was cut off.
  const remove = standardKeys.remove.bind(standardKeys)
  standardKeys.remove = () => Promise.reject(new RootKeyError('unreachable', 'cut off'))
  await core.custodies.renew(instance, rewritten, { force: true })
  standardKeys.remove = remove
  for (const id of [whole, rewritten]) standardKeyOf(core.rootKey, id).deleted = true
  const empty = await emptyWorld(t, core.rootKey)
  const report = await restore(empty, core.rootKey.uri)
  const after = await siteOf(empty, report.instance)
  assert.deepEqual(report.deleted, [{ identifier: rewritten, label: null }])
  assert.deepEqual([report.gone, report.opens], [1, 1])
  await assert.rejects(bytesOf(after, whole), faults('ObjectNotFound'))
  await assert.rejects(bytesOf(after, rewritten), faults('GeneralFailure'))
  await bytesOf(after, other)
  for (const kept of standardKeys.kept.values()) kept.deleted = false
  standardKeys.aheadMs += standardKeySweepAfterMs
  await empty.sweep()
  assert.deepEqual([await bytesOf(after, whole), await bytesOf(after, rewritten)], text)
})

test('several instances: one must be chosen; one that is there already is refused; a name that is taken is changed', async (t) => {
  const first = await openSite(t, 'default')
  const second = await openSite(t, 'other', first.core)
  const { rootKey } = first.core
  await first.key()
  await second.key()
  await second.key()
  const empty = await emptyWorld(t, rootKey)
  await makeInstance(empty, 'default')
  await assert.rejects(restore(empty, rootKey.uri), (error) => {
    assert.ok(error instanceof RestoreRefused)
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
  const there = await openSite(t, 'there', gone.core)
  const { rootKey } = gone.core
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
  const { core, instance, key } = await openSite(t)
  const { rootKey } = core
  await key()
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
  // The same of one that says that it is the right one.
  const pretends = await emptyWorld(t, { ...other, id: rootKey.id })
  await assert.rejects(restore(pretends, other.uri), { why: 'other-root-key' })
  assert.deepEqual(await deceived.store.objectCounts(instance.id, 0), {})
  rootKey.fault = 'unreachable'
  const givesUp: Working<KeyProtectProgress>['onProgress'] = ({ trouble }) => {
    if (trouble !== null) empty.clock.pass(restoreSilenceMsMax + 1)
  }
  await assert.rejects(restore(empty, rootKey.uri, {}, { onProgress: givesUp }), RootKeyError)
  const troubles: (string | null)[] = []
  const onProgress: Working<KeyProtectProgress>['onProgress'] = ({ trouble }) => {
    if (trouble !== null) rootKey.fault = null
    if (trouble !== troubles.at(-1)) troubles.push(trouble)
  }
  const report = await restore(empty, rootKey.uri, {}, { onProgress })
  assert.deepEqual(troubles.slice(1), [troubles[1], null], 'it waited, and went on')
  assert.equal(report.opens, 1)
})

test('cut off at any commit it is done again, and the outcome is the same', async (t) => {
  const { core, instance, perform, key } = await openSite(t)
  const ids = [await key(), await key(), await key()]
  await perform((work) =>
    work.revoke(ids[0] ?? '', {
      code: 'Unspecified',
      message: undefined,
      compromiseOccurrenceDate: undefined,
    }),
  )
  for (let failing = 0; failing < 2; failing++) {
    let left = failing
    let broken = false
    const wrap = (store: CorePorts['store']): CorePorts['store'] =>
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
    const empty = await emptyWorld(t, core.rootKey, { wrap })
    broken = true
    await assert.rejects(restore(empty, core.rootKey.uri), StoreUnavailable)
    assert.equal(await empty.access.instance(instance.id), undefined, 'nobody sees anything of it')
    broken = false
    const report = await restore(empty, core.rootKey.uri)
    assert.deepEqual(report.objects, { Active: 2, Deactivated: 1 })
    const rows = await empty.store.standardKeys({ instanceId: instance.id, kind: 'object', limit: 10 })
    assert.deepEqual(
      rows.map(({ state }) => state),
      ['current', 'current', 'current'],
    )
  }
})

test('it ends between any two calls when the server stops, and tells how far it is', async (t) => {
  const { core, instance, key } = await openSite(t)
  for (let i = 0; i < 20; i++) await key()
  for (const last of ['list', 'keys', 'write'] as const) {
    const stopping = new AbortController()
    const steps: string[] = []
    const empty = await emptyWorld(t, core.rootKey)
    const onProgress: Working<KeyProtectProgress>['onProgress'] = ({ step, done, total }) => {
      assert.ok(total === null || done <= total)
      steps.push(step)
      if (step === last) stopping.abort(new Error('the server stops'))
    }
    await assert.rejects(
      restore(empty, core.rootKey.uri, {}, { onProgress, signal: stopping.signal }),
      /stops/,
    )
    assert.equal(steps.at(-1), last)
    assert.equal(await empty.access.instance(instance.id), undefined)
    assert.equal((await restore(empty, core.rootKey.uri)).opens, 20)
  }
})

test('life goes on: Destroy, new keys, the next restore; and the server before it writes nothing there any more', async (t) => {
  const before = await openSite(t)
  const { core, instance, key } = before
  const { rootKey } = core
  const [kept, late] = [await key(), await key()]
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
  await core.sweep()
  await assert.rejects(before.key(), faults('GeneralFailure', /another server uses this instance/))
  assert.deepEqual([told(core), told(next)], [['another'], []])
  const third = await emptyWorld(t, rootKey)
  const report = await restore(third, rootKey.uri)
  assert.deepEqual(report.objects, { Active: 2 })
  const { epoch = 0 } = report.instance
  assert.ok(epoch > (back.epoch ?? 0))
  const last = await siteOf(third, report.instance)
  assert.equal(await bytesOf(last, kept), text)
  await bytesOf(last, made)
  await third.sweep()
  const markers = rootKey.standardKeys
    .live()
    .filter(({ name }) => name === standardKeyName(`marker-${instance.id}`))
  assert.deepEqual(
    markers.map(({ description }) => description.replace(/marker \d+/, 'marker N')),
    [`mortise 2 marker N, instance ${instance.id}, root key ${rootKey.id}, epoch ${epoch}, stays`],
  )
})

test('a database from before is brought up to date by the sweep: newer keys, revocations and destructions', async (t) => {
  const before = await openSite(t)
  const { core, instance, perform, key } = before
  const [revoked, destroyed, same] = [await key(), await key(), await key()]
  const backup = await core.copy()
  const none = { message: undefined, compromiseOccurrenceDate: undefined }
  await perform((work) => work.revoke(revoked, { code: 'Unspecified', ...none }))
  await perform(async (work) => {
    await work.revoke(destroyed, { code: 'KeyCompromise', ...none })
    await work.destroy(destroyed)
  })
  const newer = await key()
  const texts = [await bytesOf(before, same), await bytesOf(before, newer), await bytesOf(before, revoked)]
  core.rootKey.standardKeys.aheadMs += standardKeySweepAfterMs
  await backup.sweep()
  const restored: Site = { ...before, core: backup }
  const { identify } = await trustClient(backup, instance, 'again')
  const opened = (id: string) => bytesOf({ perform: (work) => backup.keys.perform(identify, work) }, id)
  assert.deepEqual(await Promise.all([same, newer, revoked].map(opened)), texts)
  assert.deepEqual(await Promise.all([same, newer, revoked].map((id) => stateOf(restored, id))), [
    'Active',
    'Active',
    'Deactivated',
  ])
  await assert.rejects(opened(destroyed), faults('GeneralFailure', /does not open/))
})

test('forged and damaged standard keys are left alone and told', async (t) => {
  const { core, key } = await openSite(t)
  const { standardKeys } = core.rootKey
  const id = await key()
  const { name, description, payload } = standardKeyOf(core.rootKey, id)
  const damaged = await standardKeys.create({ name: 'mortise-other', description, payload })
  const higher = description.replace('generation 1', 'generation 9')
  const lying = await standardKeys.create({ name, description: higher, payload })
  const nonsense = await standardKeys.create({
    name: 'mortise-x',
    description,
    payload: Buffer.from('nonsense'),
  })
  await standardKeys.create({ name: 'mortise-trial', description: 'somebody else', payload })
  const empty = await emptyWorld(t, core.rootKey)
  const report = await restore(empty, core.rootKey.uri)
  assert.deepEqual(report.ignored.map((one) => one.id).toSorted(), [damaged, lying, nonsense].toSorted())
  assert.equal(report.opens, 1)
})

test('a key comes back also where an attempt with other bytes was stored above it, and given up', async (t) => {
  const before = await openSite(t)
  const { core, instance, key } = before
  const { standardKeys } = core.rootKey
  const id = await key()
  const text = await bytesOf(before, id)
  const { header: facts } = unpackPayload(standardKeyOf(core.rootKey, id).payload)
  const place = {
    purpose: 'object',
    instanceId: instance.id,
    identifier: id,
    objectType: 'SymmetricKey',
  } as const
  // Its first create is not answered, so that it is tried as the next generation.
  standardKeys.createFaults = ['uncertain-before']
  core.clock.passedSleepMs = standardKeyLookAfterMs
  const attempt = await core.custodies.seal(
    instance,
    place,
    { bytes: randomBytes(32), head: facts.head },
    { facts },
  )
  assert.equal(attempt.generation, 2)
  await attempt.abandon()
  await core.sweep()
  assert.equal(standardKeys.live(standardKeyName(id)).length, 1)
  const empty = await emptyWorld(t, core.rootKey)
  const report = await restore(empty, core.rootKey.uri)
  assert.deepEqual([report.opens, report.deleted], [1, []])
  assert.equal(await bytesOf(await siteOf(empty, report.instance), id), text)
})

test('a key that this database knows as revoked or compromised stays so, though its standard key does not say it yet', async (t) => {
  const before = await openSite(t)
  const { core, instance, key, perform } = before
  const { standardKeys } = core.rootKey
  const [revoked, compromised, open] = [await key(), await key(), await key()]
  standardKeys.create = () => Promise.reject(new RootKeyError('call', 'refused'))
  for (const [id, code] of [
    [revoked, 'Unspecified'],
    [compromised, 'KeyCompromise'],
  ] as const)
    await perform((work) => work.revoke(id, reason(code))).catch(() => undefined)
  Reflect.deleteProperty(standardKeys, 'create')
  standardKeys.remove = () => Promise.reject(new RootKeyError('call', 'refused'))
  await core.trust.instances.shred(serverActor, instance.id)
  Reflect.deleteProperty(standardKeys, 'remove')
  const report = await restore(core, core.rootKey.uri, { instanceId: instance.id })
  const after = { core, instance: report.instance }
  const states = [revoked, compromised, open].map((id) => stateOf(after, id))
  assert.deepEqual(await Promise.all(states), ['Deactivated', 'Compromised', 'Active'])
})

test('what this database holds of a key, and its standard key does not say yet, is restored with it, and recorded', async (t) => {
  const before = await openSite(t)
  const { core, instance, key, perform } = before
  const { standardKeys } = core.rootKey
  const [dated, renewed] = [await key(), await key()]
  const datesOf = async (there: TestCore) =>
    Promise.all(
      [dated, renewed].map(async (id) => {
        const object = await there.keys.show(instance.id, id)
        return object && first(object.attributes, 'DeactivationDate')
      }),
    )
  standardKeys.create = () => Promise.reject(new RootKeyError('call', 'refused'))
  for (const id of [dated, renewed])
    await perform((work) => work.addAttribute(id, deactivation(4_000_000_000n))).catch(() => undefined)
  Reflect.deleteProperty(standardKeys, 'create')
  // Another server has recorded another date of this one since.
  const other = await core.copy()
  const { identify } = await trustClient(other, instance, 'again')
  await other.keys.perform(identify, (work) => work.modifyAttribute(renewed, deactivation(4_100_000_000n)))
  standardKeys.remove = () => Promise.reject(new RootKeyError('call', 'refused'))
  await core.trust.instances.shred(serverActor, instance.id)
  Reflect.deleteProperty(standardKeys, 'remove')
  await restore(core, core.rootKey.uri, { instanceId: instance.id })
  assert.deepEqual(await datesOf(core), [4_000_000_000n, 4_100_000_000n])
  await core.sweep()
  const empty = await emptyWorld(t, core.rootKey)
  await restore(empty, core.rootKey.uri)
  assert.deepEqual(await datesOf(empty), [4_000_000_000n, 4_100_000_000n])
})

test('a sweep deletes no standard key of a shredded instance that a restore has brought back since the sweep began', async (t) => {
  const before = await openSite(t)
  const { core, instance, key } = before
  const { standardKeys } = core.rootKey
  const id = await key()
  const text = await bytesOf(before, id)
  standardKeys.remove = () => Promise.reject(new RootKeyError('call', 'refused'))
  await core.trust.instances.shred(serverActor, instance.id)
  await core.sweep()
  Reflect.deleteProperty(standardKeys, 'remove')
  core.clock.pass(epochLookMs)
  const restored: KeyProtectReport[] = []
  const find = standardKeys.find.bind(standardKeys)
  // The look for a higher epoch is the last call before the deletion.
  standardKeys.find = async (...asked) => {
    Reflect.deleteProperty(standardKeys, 'find')
    restored.push(await restore(core, core.rootKey.uri, { instanceId: instance.id }))
    return find(...asked)
  }
  await core.sweep()
  const [report] = restored
  assert.ok(report)
  assert.equal(await bytesOf(await siteOf(core, report.instance), id), text)
})

test('a key whose move to another root key was turned back comes back, though what was stored there is deleted', async (t) => {
  const other = new FaultyRootKey('test:other')
  const held: { around?: StoreAround } = {}
  const core = await openCore(t, {
    rootKeys: [other],
    wrap: (store) => (held.around = new StoreAround(store)),
  })
  // Both are root keys of one service, which lists the keys of either.
  Reflect.set(other, 'standardKeys', core.rootKey.standardKeys)
  const before = await openSite(t, 'vmware', core)
  const id = await before.key()
  const text = await bytesOf(before, id)
  const moving = (to: FaultyRootKey) =>
    core.trust.work.setRootKey(serverActor, before.instance.id, { rootKeyUri: to.uri, custody: 'keyprotect' })
  const { worker, failures } = workerOf(core)
  const { around } = held
  assert.ok(around)
  around.before = async ({ entries }) => {
    if (!entries.some(({ action }) => action === 'key.reseal')) return
    around.before = () => undefined
    await moving(core.rootKey)
  }
  await moving(other)
  worker.start()
  await until(async () => !(await core.access.instance(before.instance.id))?.work, 'it is back')
  await worker.stop()
  await core.sweep()
  assert.deepEqual(failures, [])
  assert.equal(core.rootKey.standardKeys.live(standardKeyName(id)).length, 1)
  const empty = await emptyWorld(t, core.rootKey)
  const report = await restore(empty, core.rootKey.uri)
  assert.deepEqual([report.opens, report.deleted], [1, []])
  assert.equal(await bytesOf(await siteOf(empty, report.instance), id), text)
})

function reason(code: string) {
  return { code, message: 'gone', compromiseOccurrenceDate: undefined }
}

function deactivation(value: bigint) {
  return { key: 'DeactivationDate', value, version: '1.4' } as const
}

function told({ keyring }: TestCore): readonly string[] {
  return keyring.status.standardKeys.now.map(({ what }) => what)
}
