// A sweep completes interrupted work, says where it cannot, and leaves audit entries.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { describeKey } from '../../../../src/core/custody/keyprotect/description.ts'
import { rowOf } from '../../../../src/core/custody/keyprotect/records.ts'
import { factsOf } from '../../../../src/core/keys/object/object-facts.ts'
import {
  standardKeyGoneAgainMs,
  standardKeyListEveryMs,
  standardKeySweepAfterMs,
  standardKeySweepEveryMs,
} from '../../../../src/core/custody/keyprotect/bounds.ts'
import type { AuditEntry } from '../../../../src/core/ports/audit.ts'
import { LeaseElsewhere, type Leases } from '../../../../src/core/ports/leases.ts'
import type { Write } from '../../../../src/core/ports/store.ts'
import { RootKeyError } from '../../../../src/core/ports/root-key.ts'
import { activeKey, openKeyProtectSite, revoke } from '../../../support/root-keys/keyprotect-site.ts'
import { createKey, faults, manager, type TestCore } from '../../../support/server/core.ts'
import { until } from '../../../support/time/until.ts'

const told = ({ keyring }: TestCore) => keyring.status.standardKeys.now.map(({ what }) => what)

type Left = readonly (readonly [what: string, left: number])[]

const left = ({ keyring }: TestCore): Left =>
  keyring.status.standardKeys.now.map((trouble) => [trouble.what, trouble.left])

/** Starts the sweep with what `hold` answers, and stops it when so much is left; its failures. */
async function begin(core: TestCore, hold: Leases['hold'], expected: Left): Promise<readonly unknown[]> {
  const { sweep } = core.custodies.keyprotect
  const failures: unknown[] = []
  sweep.start((error) => void failures.push(error), { hold })
  await until(
    () => JSON.stringify(left(core)) === JSON.stringify(expected),
    `left: ${JSON.stringify(expected)}`,
  )
  await sweep.stop()
  return failures
}

async function entered(core: TestCore, action: AuditEntry['action']): Promise<readonly AuditEntry[]> {
  const { entries } = await core.store.audit({ order: 'oldest', limit: 1_000 })
  return entries.map(({ body }) => JSON.parse(body) as AuditEntry).filter((entry) => entry.action === action)
}

test('a closing that the service refuses to record is a trouble until a sweep has recorded it', async (t) => {
  const { core, perform, rows, standardKeys, stateOf } = await openKeyProtectSite(t)
  const id = await activeKey({ perform })
  standardKeys.createFaults = Array.from({ length: 100 }, () => 'call' as const)
  await assert.rejects(perform(revoke(id)))
  assert.equal(await stateOf(id), 'Deactivated', 'it was committed first')
  assert.equal((await rows('due')).length, 1)
  await core.sweep()
  assert.ok(told(core).includes('record'))
  standardKeys.createFaults = []
  await core.sweep()
  assert.ok(!told(core).includes('record'))
  assert.deepEqual(await rows('due'), [])
})

test('new keys are refused until one is stored, also one that says that a key is closed', async (t) => {
  const { core, perform, standardKeys } = await openKeyProtectSite(t)
  const id = await activeKey({ perform })
  standardKeys.createFaults = ['call']
  await assert.rejects(perform(createKey()))
  await core.sweep()
  assert.deepEqual(told(core), ['make'], 'a sweep stores none')
  await perform(revoke(id))
  assert.deepEqual(told(core), [])
})

test('a closing of a key that its owner deleted is tried again once an hour, and recorded after the owner brought it back', async (t) => {
  const { core, perform, rows, standardKeys } = await openKeyProtectSite(t)
  const id = await activeKey({ perform })
  const [kept] = standardKeys.live()
  assert.ok(kept)
  kept.deleted = true
  await perform(revoke(id))
  const reads = async () => {
    const before = standardKeys.calls.read
    await core.sweep()
    return standardKeys.calls.read - before
  }
  assert.ok((await reads()) > 0)
  for (const passMs of [0, 0, standardKeyGoneAgainMs - 1]) {
    core.clock.pass(passMs)
    assert.equal(await reads(), 0)
  }
  kept.deleted = false
  core.clock.pass(1)
  assert.ok((await reads()) > 0)
  assert.deepEqual(await rows('due'), [])
  assert.match(standardKeys.live().at(-1)?.description ?? '', /closed Deactivated/)
})

test('a closing that is not recorded is no trouble any more once its key is destroyed', async (t) => {
  const { core, perform, standardKeys } = await openKeyProtectSite(t)
  const id = await activeKey({ perform })
  standardKeys.createFaults = Array.from({ length: 100 }, () => 'call' as const)
  await assert.rejects(perform(revoke(id)))
  assert.deepEqual(told(core), ['record'])
  await perform((work) => work.destroy(id))
  await core.sweep()
  assert.deepEqual(told(core), [])
})

test('a closing that another node recorded is no trouble of this one any more', async (t) => {
  const { core, perform, rows, standardKeys } = await openKeyProtectSite(t)
  const id = await activeKey({ perform })
  standardKeys.createFaults = Array.from({ length: 100 }, () => 'call' as const)
  await assert.rejects(perform(revoke(id)))
  assert.deepEqual(told(core), ['record'])
  for (const { id } of await rows('due')) {
    const recorded = { type: 'standard-key-state', id, state: 'current' } as const
    await core.store.commit({ writes: [recorded], entries: [], durability: 'disk' })
  }
  await begin(core, async () => undefined, [])
})

test('a deleted instance has no trouble with new keys or with closings any more', async (t) => {
  const { core, instance, perform, standardKeys } = await openKeyProtectSite(t)
  const id = await activeKey({ perform })
  standardKeys.createFaults = Array.from({ length: 100 }, () => 'call' as const)
  await assert.rejects(perform(revoke(id)))
  await assert.rejects(perform(createKey()))
  assert.deepEqual(told(core), ['make', 'record'])
  await perform((work) => work.destroy(id))
  await core.trust.instances.remove(manager, instance.id)
  standardKeys.createFaults = []
  await core.sweep()
  assert.deepEqual(told(core), [])
})

for (const [what, isOwn] of [
  ['this server', true],
  ['another server', false],
] as const)
  test(`of a deleted instance, an attempt of ${what} that no row names is ${isOwn ? 'deleted too' : 'left alone'}`, async (t) => {
    const { core, instance, perform, rows, standardKeys, sweepLater } = await openKeyProtectSite(t)
    const other = await core.copy()
    const place = {
      purpose: 'object',
      instanceId: instance.id,
      identifier: 'attempt',
      objectType: 'SymmetricKey',
    } as const
    const key = await core.keys.show(instance.id, await perform(createKey()))
    assert.ok(key)
    const material = { bytes: randomBytes(32), head: { keyFormatType: 'Raw' } } as const
    // It is cut off before the commit.
    const { custodies } = isOwn ? core : other
    await custodies.seal(instance, place, material, { facts: factsOf(key) })
    await core.trust.instances.shred(manager, instance.id)
    const live = () => standardKeys.live().map(({ name }) => name)
    await core.sweep()
    assert.deepEqual(
      live(),
      ['mortise-attempt', `mortise-marker-${instance.id}`],
      'a request may still store it',
    )
    await sweepLater()
    assert.deepEqual(
      live(),
      isOwn ? [`mortise-marker-${instance.id}`] : ['mortise-attempt', `mortise-marker-${instance.id}`],
    )
    assert.deepEqual(
      (await rows()).map(({ kind }) => kind),
      ['marker'],
    )
  })

test('each standard key that is deleted is entered, with its id, its generation and why', async (t) => {
  const { core, instance, perform, standardKeys } = await openKeyProtectSite(t)
  const id = await perform(createKey())
  const [first] = standardKeys.live(`mortise-${id}`)
  await core.custodies.renew(instance, id, { force: true })
  const [second] = standardKeys.live(`mortise-${id}`)
  await perform((work) => work.destroy(id))
  await core.sweep()
  const deletions = await entered(core, 'standard-key.delete')
  assert.deepEqual(
    deletions.map(({ object, detail }) => [object, detail?.['standardKeyId'], detail?.['because']]),
    [
      [id, first?.id, 'replaced'],
      [id, second?.id, 'destroyed'],
    ],
  )
  const [low = 0, high = 0] = deletions.map(({ detail }) => Number(detail?.['generation']))
  assert.ok(low > 0 && high > low)
})

test('a server that takes over what another one stored enters it', async (t) => {
  const { core, instance, perform, sweepLater } = await openKeyProtectSite(t)
  const id = await activeKey({ perform })
  const other = await core.copy()
  core.rootKey.rotate()
  await other.custodies.renew(instance, id, { force: true })
  await sweepLater()
  const [entry, more] = await entered(core, 'key.take-over')
  assert.equal(more, undefined)
  assert.deepEqual([entry?.object, entry?.instanceId, entry?.actor.kind], [id, instance.id, 'server'])
  assert.ok(Number(entry?.detail?.['generation']) > 1)
})

test('an instance is listed once a day; after a list that failed, with the next sweep; after an unanswered call, once its key is old', async (t) => {
  const { core, instance, perform, standardKeys } = await openKeyProtectSite(t)
  await perform(createKey())
  const { sweep } = core.custodies.keyprotect
  const lists = async (passMs: number) => {
    core.clock.pass(passMs)
    const before = standardKeys.calls.list
    await sweep.run()
    return standardKeys.calls.list - before
  }
  assert.equal(await lists(0), 1)
  assert.equal(await lists(standardKeyListEveryMs - 1), 0)
  const list = standardKeys.list.bind(standardKeys)
  standardKeys.list = async function* (...asked) {
    yield* list(...asked)
    throw new RootKeyError('unreachable', 'cut off')
  }
  assert.equal(await lists(1), 1, 'a day is over')
  standardKeys.list = list
  assert.equal(await lists(standardKeySweepEveryMs - 1), 0)
  assert.equal(await lists(1), 1)
  sweep.soon(instance.id)
  assert.equal(await lists(standardKeySweepAfterMs - 1), 0)
  assert.equal(await lists(1), 1)
  assert.equal(await lists(standardKeySweepAfterMs), 0)
})

test('one standard key that cannot be deleted does not keep the others; a bug ends the pass', async (t) => {
  const { core, perform, rows, standardKeys } = await openKeyProtectSite(t)
  const ids: string[] = []
  for (let count = 0; count < 20; count++) ids.push(await perform(createKey()))
  const remove = standardKeys.remove.bind(standardKeys)
  standardKeys.remove = () => Promise.reject(new RootKeyError('unreachable', 'cut off'))
  for (const id of ids)
    await assert.rejects(
      perform((work) => work.destroy(id)),
      faults('GeneralFailure', /was done on this server/),
    )
  standardKeys.remove = remove
  // The first that is tried.
  const [row] = await rows('unwanted')
  const stuck = standardKeys.kept.get(row?.id ?? '')
  assert.ok(stuck)
  standardKeys.faults.set(stuck.id, 'wrapped-form')
  await core.sweep()
  assert.deepEqual(standardKeys.live(), [stuck])
  const { status } = core.keyring
  assert.deepEqual(
    status.standardKeys.now.map(({ what, left, cause }) => [what, left, cause]),
    [['delete', 1, `told to answer wrapped-form for ${stuck.id}`]],
  )
  assert.deepEqual(
    (await rows('unwanted')).map(({ id }) => id),
    [stuck.id],
  )
  standardKeys.remove = () => Promise.reject(new TypeError('a bug'))
  await assert.rejects(core.sweep(), TypeError)
  standardKeys.remove = remove
  standardKeys.faults.clear()
  await core.sweep()
  assert.deepEqual([standardKeys.live(), await rows()], [[], []])
})

test('a superfluous standard key that the database does not know is told while it cannot be deleted', async (t) => {
  const { core, instance, perform, rows, standardKeys, sweepLater } = await openKeyProtectSite(t)
  const id = await perform(createKey())
  const [old] = standardKeys.live()
  assert.ok(old)
  const remove = standardKeys.remove.bind(standardKeys)
  standardKeys.remove = (id) =>
    id === old.id ? Promise.reject(new RootKeyError('call', 'it is retained')) : remove(id)
  await core.custodies.renew(instance, id, { force: true })
  const [trouble, ...more] = core.keyring.status.standardKeys.now
  assert.deepEqual(more, [])
  assert.deepEqual([trouble?.instanceId, trouble?.rootKeyUris], [instance.id, [core.rootKey.uri]])
  const forgotten = { type: 'standard-key-removed', id: old.id } as const
  await core.store.commit({ writes: [forgotten], entries: [], durability: 'disk' })
  await sweepLater()
  assert.deepEqual([left(core), standardKeys.live().length], [[['delete', 1]], 2])
  await core.sweep()
  assert.deepEqual(left(core), [['delete', 1]], 'as long as it is listed')
  // The lease goes to another node, which tells it after its first list, and comes back.
  await begin(core, async () => undefined, [])
  await begin(core, (name) => core.leases.hold(name), [['delete', 1]])
  // Its owner deletes it.
  old.deleted = true
  await sweepLater()
  assert.deepEqual([left(core), (await rows()).length], [[], 1])
})

test('standard keys that Mortise did not make, or cannot read, stay where they are and keep nothing from being done', async (t) => {
  const { core, instance, perform, get, standardKeys, sweepLater } = await openKeyProtectSite(t)
  const id = await activeKey({ perform })
  const { rootKey } = core
  const about = { instanceId: instance.id, rootKeyId: rootKey.id, generation: 9, closing: null }
  const payload = Buffer.from('nonsense')
  for (const [name, description] of [
    ['mortise-mine', 'made by hand'],
    [`mortise-${id}`, 'made by hand'],
    ['mortise-unreadable', describeKey(about)],
    ['mortise-other', describeKey({ ...about, instanceId: 'another' })],
    ['mortise-under', describeKey({ ...about, rootKeyId: 'another' })],
  ] as const)
    await standardKeys.create({ name, description, payload })
  await standardKeys.create({ name: 'mortise-refused', description: describeKey(about), payload })
  const refused = standardKeys.live('mortise-refused')[0]?.id ?? ''
  standardKeys.faults.set(refused, 'wrapped-form')
  const before = standardKeys.live()
  await sweepLater()
  assert.deepEqual(standardKeys.live(), before)
  assert.equal((await get(id)).length, 32)
  standardKeys.faults.set(refused, 'root-key')
  await sweepLater()
  assert.deepEqual(standardKeys.live(), before, 'a root key that was withdrawn is reported elsewhere')
})

test('the node with the lease sweeps; another one only forgets what that one has deleted', async (t) => {
  const { core, perform, rows, standardKeys } = await openKeyProtectSite(t)
  const ids = [await perform(createKey()), await perform(createKey())]
  const [one, two] = standardKeys.live()
  assert.ok(one && two)
  for (const { id } of [one, two]) standardKeys.faults.set(id, 'wrapped-form')
  for (const id of ids) await assert.rejects(perform((work) => work.destroy(id)))
  standardKeys.faults.clear()
  const removed = { type: 'standard-key-removed', id: one.id } as const
  await core.store.commit({ writes: [removed], entries: [], durability: 'disk' })
  assert.deepEqual(await begin(core, async () => undefined, [['delete', 1]]), [])
  assert.deepEqual(standardKeys.live(), [one, two])
  assert.deepEqual(await begin(core, (name) => core.leases.hold(name), []), [])
  assert.deepEqual(
    [standardKeys.live(), await rows()],
    [[one], []],
    'the other node had deleted the row of the first',
  )
})

test('a sweep that lost its lease is no failure; anything else is one', async (t) => {
  const { core } = await openKeyProtectSite(t)
  const { sweep } = core.custodies.keyprotect
  for (const [error, expected] of [
    [new LeaseElsewhere(), 0],
    [new TypeError('a bug'), 1],
  ] as const) {
    const failures: unknown[] = []
    const { promise: asked, resolve } = Promise.withResolvers<void>()
    const hold = async () => {
      resolve()
      throw error
    }
    sweep.start((failure) => void failures.push(failure), { hold })
    await asked
    await new Promise(setImmediate)
    await sweep.stop()
    assert.deepEqual(failures, expected === 1 ? [error] : [])
  }
})

test('it sweeps at its start and every minute, until it is stopped', async (t) => {
  const { core } = await openKeyProtectSite(t)
  const { sweep } = core.custodies.keyprotect
  let held = 0
  const hold = async () => {
    held++
    return undefined
  }
  sweep.start((error) => assert.fail(String(error)), { hold })
  assert.equal(held, 1)
  core.clock.pass(2 * standardKeySweepEveryMs)
  assert.equal(held, 3)
  await sweep.stop()
  core.clock.pass(standardKeySweepEveryMs)
  assert.equal(held, 3)
})

for (const isMarked of [true, false])
  test(`a standard key of an instance that is not here ${isMarked ? 'is deleted where a marker says that it was deleted' : 'stays without a marker: a restore writes its keys first'}`, async (t) => {
    const { core, standardKeys } = await openKeyProtectSite(t)
    const { rootKey, store } = core
    const about = { instanceId: 'gone', rootKeyId: rootKey.id, generation: 1, closing: null }
    const wanted = { name: 'mortise-k', description: describeKey(about), payload: Buffer.of(1) }
    const made = { id: await standardKeys.create(wanted), generation: 1, keyVersion: '' }
    const row = rowOf({ instanceId: 'gone', identifier: 'k' }, made, rootKey.uri, core.clock.now())
    const writes: Write[] = [{ type: 'standard-key', record: { ...row, state: 'unwanted' } }]
    const says = { way: 'to', custody: 'none', rootKeyUri: '' } as const
    const due = { instanceId: 'gone', rootKeyUri: rootKey.uri, epoch: 0, says }
    if (isMarked) writes.push(await core.custodies.keyprotect.markers.due(due))
    await store.commit({ writes, entries: [], durability: 'disk' })
    await core.sweep()
    assert.equal(standardKeys.live('mortise-k').length, isMarked ? 0 : 1)
    const rows = await store.standardKeys({ instanceId: 'gone', kind: 'object', limit: 9 })
    assert.equal(rows.length, isMarked ? 0 : 1)
  })

test('a copy that cannot be read closes a key that its owner deleted: the row of the deleted one names it', async (t) => {
  const { core, instance, perform, standardKeys, sweepLater, stateOf } = await openKeyProtectSite(t)
  const id = await activeKey({ perform })
  const [kept] = standardKeys.live()
  assert.ok(kept)
  kept.deleted = true
  const about = { instanceId: instance.id, rootKeyId: core.rootKey.id, generation: 99 }
  const description = describeKey({ ...about, closing: 'Deactivated' })
  await standardKeys.create({ name: `mortise-${id}`, description, payload: Buffer.from('nonsense') })
  await sweepLater()
  assert.equal(await stateOf(id), 'Deactivated')
})

test('one pass at a time, however many are asked for', async (t) => {
  const { core, standardKeys } = await openKeyProtectSite(t)
  const list = standardKeys.list.bind(standardKeys)
  let [running, most, passes] = [0, 0, 0]
  standardKeys.list = async function* (...asked) {
    passes++
    most = Math.max(most, ++running)
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    yield* list(...asked)
    running--
  }
  const first = core.sweep()
  const second = core.sweep()
  await first
  await Promise.all([second, core.sweep()])
  assert.deepEqual([most, passes], [1, 3])
})

test('a copy that no row names and that is young is looked at again once it is old', async (t) => {
  const { core, instance, perform, rows, standardKeys } = await openKeyProtectSite(t)
  const id = await activeKey({ perform })
  const other = await core.copy()
  await other.custodies.renew(instance, id, { force: true })
  const [theirs] = standardKeys.live()
  const isTaken = async (passMs: number) => {
    core.clock.pass(passMs)
    await core.custodies.keyprotect.sweep.run()
    return (await rows()).some((row) => row.id === theirs?.id)
  }
  assert.equal(await isTaken(0), false)
  standardKeys.aheadMs += standardKeySweepAfterMs
  assert.equal(await isTaken(standardKeySweepAfterMs - 1), false)
  assert.equal(await isTaken(1), true)
})
