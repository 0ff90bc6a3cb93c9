// The generations of keys at the service, while two servers act, owners delete, lists lag and servers are cut off: no key is
// lost, none that was closed comes back open, and nothing superfluous is left.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unpackPayload } from '../../../../src/core/custody/keyprotect/payload.ts'
import { standardKeySweepAfterMs } from '../../../../src/core/custody/keyprotect/bounds.ts'
import { epochLookMs } from '../../../../src/core/custody/keyprotect/markers.ts'
import type { KeyTransaction } from '../../../../src/core/keys/key-transaction.ts'
import type { AuditEntry } from '../../../../src/core/ports/audit.ts'
import { StoreConflict, StoreUnavailable } from '../../../../src/core/ports/store.ts'
import { activeKey, openKeyProtectSite, revoke } from '../../../support/root-keys/keyprotect-site.ts'
import { createKey, faults, trustClient } from '../../../support/server/core.ts'
import { reaches } from '../../../support/root-keys/rootkey-contract.ts'

test('two servers on one instance: after a rotation neither loses a key, and both say that there is another', async (t) => {
  const { core, instance, perform, get, sweepLater } = await openKeyProtectSite(t)
  const ids: string[] = []
  for (let index = 0; index < 9; index++) ids.push(await activeKey({ perform }))
  const bytes = await Promise.all(ids.map(get))
  const other = await core.copy()
  const { identify } = await trustClient(other, instance, 'again')
  const otherGet = (id: string) =>
    other.keys.perform(identify, async (work) => Buffer.from((await work.fetch(id)).material.bytes))
  for (const one of [core, other]) one.clock.pass(2 * standardKeySweepAfterMs)
  core.rootKey.rotate()
  const renewAll = async ({ custodies }: typeof core, some: readonly string[]) => {
    const newest = await core.rootKey.versions.newest()
    await Promise.all(some.map((id) => custodies.renew(instance, id, { keyVersion: newest })))
  }
  // The first one replaces all generations; a third of them both at the same time.
  await Promise.all([renewAll(core, ids), renewAll(other, ids.slice(0, 3))])
  for (const [index, id] of ids.entries()) assert.deepEqual(await otherGet(id), bytes[index])
  for (const one of [core, other]) one.keyring.forget(instance.id)
  for (const [index, id] of ids.entries()) {
    assert.deepEqual(await otherGet(id), bytes[index])
    assert.deepEqual(await get(id), bytes[index])
  }
  await other.sweep()
  await sweepLater()
  await other.sweep()
  const told = ({ keyring }: typeof core) => keyring.status.standardKeys.now.map(({ what }) => what)
  assert.deepEqual([told(core), told(other)], [['another'], ['another']])
  for (const id of ids) assert.equal(core.rootKey.standardKeys.live(`mortise-${id}`).length, 1)
  for (const one of [core, other]) one.keyring.forget(instance.id)
  for (const [index, id] of ids.entries()) {
    assert.deepEqual(await otherGet(id), bytes[index])
    assert.deepEqual(await get(id), bytes[index])
  }
})

test('two servers: what one stores is not taken for superfluous, since the other replaced the same generation meanwhile', async (t) => {
  const { core, instance, perform, get, standardKeys, forget } = await openKeyProtectSite(t)
  const ids = await Promise.all(Array.from({ length: 8 }, () => activeKey({ perform })))
  const bytes = await Promise.all(ids.map(get))
  const other = await core.copy()
  const create = standardKeys.create.bind(standardKeys)
  for (const id of ids) {
    standardKeys.create = async (key, correlationIds) => {
      standardKeys.create = create
      const made = await create(key, correlationIds)
      // The lower id of two equal ones counts, so the first server may give up its own.
      await core.custodies.renew(instance, id, { force: true })
      await core.custodies.keyprotect.generations.look(instance, id)
      return made
    }
    await other.custodies.renew(instance, id, { force: true })
  }
  forget()
  for (const [index, id] of ids.entries()) assert.deepEqual(await get(id), bytes[index])
})

test('two servers: a key that one of them revoked stays revoked, though the other stores an open generation above', async (t) => {
  const { core, instance, perform, sweepLater, stateOf, standardKeys } = await openKeyProtectSite(t)
  const id = await activeKey({ perform })
  const other = await core.copy()
  await perform(revoke(id))
  core.rootKey.rotate()
  await other.custodies.renew(instance, id, { force: true })
  await sweepLater()
  assert.equal(await stateOf(id), 'Deactivated')
  await other.sweep()
  assert.equal((await other.keys.show(instance.id, id))?.state, 'Deactivated')
  const [kept, ...more] = standardKeys.live(`mortise-${id}`)
  assert.deepEqual(more, [])
  assert.equal(kept && unpackPayload(kept.payload).header.closing?.state, 'Deactivated')
})

test('the owner deletes the newest of two generations: the key is closed, the older one goes, and restoring opens it', async (t) => {
  const { core, around, perform, get, forget, standardKeys, sweepLater, instance } =
    await openKeyProtectSite(t)
  const id = await activeKey({ perform })
  const bytes = await get(id)
  // The older one is left, because the server was cut off before it deleted it.
  const remove = standardKeys.remove.bind(standardKeys)
  standardKeys.remove = () => Promise.reject(new StoreUnavailable('unavailable', 'cut off'))
  await assert.rejects(core.custodies.renew(instance, id, { force: true }))
  standardKeys.remove = remove
  const [older, newest] = standardKeys.live(`mortise-${id}`)
  assert.ok(older && newest)
  newest.deleted = true
  forget()
  await assert.rejects(get(id), faults('GeneralFailure', /does not open/))
  await sweepLater()
  assert.deepEqual(standardKeys.live(`mortise-${id}`), [])
  await assert.rejects(get(id), faults('GeneralFailure', /does not open/))
  newest.deleted = false
  assert.deepEqual(await get(id), bytes)
  assert.ok(around)
})

test('a Destroy that is cut off between two deletions leaves the higher one, and the next pass deletes it', async (t) => {
  const { core, perform, get, rows, standardKeys, instance } = await openKeyProtectSite(t)
  const id = await perform(createKey())
  const remove = standardKeys.remove.bind(standardKeys)
  standardKeys.remove = () => Promise.reject(new StoreUnavailable('unavailable', 'cut off'))
  await assert.rejects(core.custodies.renew(instance, id, { force: true }))
  const both = standardKeys.live(`mortise-${id}`)
  const [first, second] = both
  assert.ok(first && second)
  // The service lists in an order of its own.
  standardKeys.kept.delete(first.id)
  standardKeys.kept.set(first.id, first)
  let removed = 0
  standardKeys.remove = async (which, correlationIds) => {
    if (removed++ > 0) throw new StoreUnavailable('unavailable', 'cut off')
    return remove(which, correlationIds)
  }
  await assert.rejects(perform((work) => work.destroy(id)))
  standardKeys.remove = remove
  assert.deepEqual(
    standardKeys.live(`mortise-${id}`).map((kept) => kept.id),
    [second.id],
    'the lowest generation first',
  )
  await assert.rejects(get(id), faults('ObjectDestroyed'))
  await core.custodies.keyprotect.sweep.run()
  assert.deepEqual([standardKeys.live(), await rows()], [[], []])
})

test('a list that lags proves nothing: no key is lost or closed for it, and later it is as it should be', async (t) => {
  const { core, perform, get, forget, standardKeys, sweepLater, stateOf } = await openKeyProtectSite(t)
  const [a, b] = [await activeKey({ perform }), await activeKey({ perform })]
  const bytes = await get(a)
  const list = standardKeys.list.bind(standardKeys)
  const find = standardKeys.find.bind(standardKeys)
  const lags = { now: true }
  standardKeys.list = async function* (prefix, wanted) {
    for await (const page of list(prefix, wanted)) yield lags.now ? [] : page
  }
  standardKeys.find = async (name, wanted) => (lags.now ? [] : find(name, wanted))
  await perform(revoke(b))
  await sweepLater()
  forget()
  assert.deepEqual(await get(a), bytes)
  assert.equal(standardKeys.live().length, 2)
  lags.now = false
  await sweepLater()
  assert.equal(await stateOf(b), 'Deactivated')
  assert.equal(standardKeys.live().length, 2)
  assert.deepEqual(core.keyring.status.standardKeys.now, [])
})

test('a server below the highest epoch creates and deletes nothing, says so, and serves what there is', async (t) => {
  const { core, instance, perform, get, standardKeys } = await openKeyProtectSite(t)
  const [a, b] = [await activeKey({ perform }), await perform(createKey())]
  const { markers } = core.custodies.keyprotect
  const says = { way: 'stays' } as const
  const marker = { instanceId: instance.id, rootKeyUri: core.rootKey.uri, epoch: 1, says, number: 7 }
  const id = await markers.store(core.rootKey, marker)
  core.clock.pass(epochLookMs)
  await assert.rejects(
    perform((work) => work.destroy(b)),
    faults('GeneralFailure', /was done on this server/),
  )
  assert.equal(standardKeys.live(`mortise-${b}`).length, 1)
  await assert.rejects(perform(createKey()), faults('GeneralFailure', /another server uses this instance/))
  const told = () => core.keyring.status.standardKeys.now.map(({ what }) => what)
  assert.deepEqual(told().toSorted(), ['another', 'delete'])
  assert.equal((await get(a)).length, 32)
  await core.sweep()
  assert.equal(standardKeys.live(`mortise-${b}`).length, 1)
  // Its administrator decides for this server.
  const kept = standardKeys.kept.get(id)
  assert.ok(kept)
  kept.deleted = true
  await core.sweep()
  await core.sweep()
  assert.deepEqual(told(), [])
  assert.deepEqual(standardKeys.live(`mortise-${b}`), [])
  await perform(createKey())
})

const renamed = { NameValue: 'renamed meanwhile', NameType: 'UninterpretedTextString' } as const
for (const [what, change, action] of [
  ['is closed', revoke, 'key.revoke'],
  [
    'gets a Name',
    (id: string) => (work: KeyTransaction) =>
      work.addAttribute(id, { key: 'Name', value: renamed, version: '1.4' }),
    'key.attribute.add',
  ],
] as const)
  test(`an object that ${what} while its next generation is stored keeps the change, and one standard key`, async (t) => {
    const site = await openKeyProtectSite(t)
    const { core, around, instance, perform, get, rows, stateOf, standardKeys } = site
    const id = await activeKey(site)
    const bytes = await get(id)
    const { promise: changed, resolve } = Promise.withResolvers<void>()
    let changing: Promise<unknown> | undefined
    around.before = async ({ entries }) => {
      if (!entries.some((entry) => entry.action === 'key.reseal')) return
      around.before = () => undefined
      around.after = ({ entries: done }) => {
        if (done.some((entry) => entry.action === action)) resolve()
      }
      changing = perform<unknown>(change(id))
      await changed
    }
    const { create } = standardKeys.calls
    assert.equal(await core.custodies.renew(instance, id, { force: true }), 'done')
    await changing
    await core.sweep()
    const [kept, ...more] = standardKeys.live(`mortise-${id}`)
    assert.deepEqual(more, [])
    assert.deepEqual(
      (await rows()).map((row) => [row.id, row.state]),
      [[kept?.id, 'current']],
    )
    const isClosed = action === 'key.revoke'
    if (!isClosed) assert.equal(standardKeys.calls.create, create + 1, 'what was stored already says it')
    assert.equal(await stateOf(id), isClosed ? 'Deactivated' : 'Active')
    const { closing } = unpackPayload(kept?.payload ?? Buffer.of()).header
    assert.equal(closing?.state ?? null, isClosed ? 'Deactivated' : null)
    const key = await core.keys.show(instance.id, id)
    assert.equal(key?.attributes.has('Name'), !isClosed)
    assert.deepEqual(await get(id), bytes)
  })

test('a key’s bytes are wiped once its next generation is stored', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, instance } = site
  const id = await activeKey(site)
  const before = core.rootKey.opened.length
  assert.equal(await core.custodies.renew(instance, id, { force: true }), 'done')
  assert.deepEqual(
    core.rootKey.opened.slice(before).map((bytes) => bytes.some((byte) => byte !== 0)),
    [false, false],
  )
})

test('a key of which another server stored a higher generation is renewed above that one', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, instance, get, forget, standardKeys } = site
  const id = await activeKey(site)
  const bytes = await get(id)
  const other = await core.copy()
  await other.custodies.renew(instance, id, { force: true })
  const [theirs] = standardKeys.live()
  assert.equal(await core.custodies.renew(instance, id, { force: true }), 'done')
  const [newest, ...more] = standardKeys.live()
  assert.ok(theirs && newest)
  assert.deepEqual(more, [])
  const generationOf = ({ payload }: typeof newest) => unpackPayload(payload).header.generation
  assert.ok(generationOf(newest) > generationOf(theirs))
  forget()
  assert.deepEqual(await get(id), bytes)
})

test('a key that is destroyed while its next generation is stored leaves nothing', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, around, instance, perform, rows, standardKeys } = site
  const id = await perform(createKey())
  let destroying: Promise<unknown> | undefined
  around.before = async ({ entries }) => {
    if (!entries.some(({ action }) => action === 'key.reseal')) return
    around.before = () => undefined
    const { promise: destroyed, resolve } = Promise.withResolvers<void>()
    around.after = ({ entries: done }) => {
      if (done.some(({ action }) => action === 'key.destroy')) resolve()
    }
    destroying = perform((work) => work.destroy(id))
    await destroyed
  }
  assert.equal(await core.custodies.renew(instance, id, { force: true }), 'nothing')
  await destroying
  await core.sweep()
  assert.deepEqual([standardKeys.live(), await rows()], [[], []])
})

test('a commit of the next generation whose answer was lost counts as done', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, around, instance, rows, standardKeys } = site
  const id = await activeKey(site)
  around.after = ({ entries }) => {
    if (!entries.some(({ action }) => action === 'key.reseal')) return
    around.after = () => undefined
    throw new StoreConflict('object', 'it was changed by this very commit')
  }
  const { create } = standardKeys.calls
  assert.equal(await core.custodies.renew(instance, id, { force: true }), 'done')
  assert.equal(standardKeys.calls.create, create + 1)
  const [kept, ...more] = standardKeys.live()
  assert.deepEqual(more, [])
  assert.deepEqual(
    (await rows()).map((row) => [row.id, row.state]),
    [[kept?.id, 'current']],
  )
})

test('a next generation whose commit meets anything but a changed object is not committed again', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, around, instance, rows } = site
  const id = await activeKey(site)
  const [before] = await rows()
  const lost = new StoreConflict('lease', 'another node has it')
  around.before = ({ entries }) => {
    if (!entries.some(({ action }) => action === 'key.reseal')) return
    around.before = () => undefined
    throw lost
  }
  await assert.rejects(core.custodies.renew(instance, id, { force: true }), lost)
  assert.deepEqual(await rows(), [before])
})

test('what is no standard key, is gone or does not open is not renewed', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, instance, standardKeys } = site
  const id = await activeKey(site)
  const renew = () => core.custodies.renew(instance, id, { force: true })
  assert.equal(await core.custodies.renew(instance, 'unknown', { force: true }), 'nothing')
  assert.equal(await core.custodies.renew(instance, id, {}), 'nothing', 'it says what it must')
  const [kept] = standardKeys.live()
  assert.ok(kept)
  kept.deleted = true
  assert.equal(await renew(), 'gone')
  kept.deleted = false
  standardKeys.kept.set(kept.id, { ...kept, payload: Buffer.from('{}\n') })
  await assert.rejects(renew(), reaches('wrapped-form', /does not open/))
  assert.equal(standardKeys.live().length, 1)
  standardKeys.kept.set(kept.id, kept)
  // Its owner deletes it while it is being renewed: nothing may be stored above it.
  const read = standardKeys.read.bind(standardKeys)
  standardKeys.read = async (...asked) => {
    const payload = await read(...asked)
    kept.deleted = true
    return payload
  }
  assert.equal(await renew(), 'gone')
  assert.deepEqual(standardKeys.live(), [])
})

for (const [what, expected] of [
  [
    'its owner deletes the one that counts',
    { renewed: 'gone', made: 1, live: 0, because: ['deleted-below'] },
  ],
  [
    'another server replaces the one that counts',
    { renewed: 'done', made: 2, live: 2, because: ['replaced', 'replaced'] },
  ],
  ['the key is destroyed', { renewed: 'nothing', made: 1, live: 0, because: ['destroyed', 'destroyed'] }],
] as const)
  test(`while the next generation is stored, ${what}`, async (t) => {
    const site = await openKeyProtectSite(t)
    const { core, around, instance, perform, get, forget, standardKeys, sweepLater } = site
    const id = await perform(createKey())
    const bytes = await get(id)
    const other = await core.copy()
    const [counts] = standardKeys.live()
    assert.ok(counts)
    let destroying: Promise<unknown> | undefined
    const meanwhile = async () => {
      if (expected.renewed === 'done') {
        await other.custodies.renew(instance, id, { force: true })
        return
      }
      counts.deleted = true
      if (expected.renewed === 'gone') return
      const { promise: committed, resolve } = Promise.withResolvers<void>()
      around.after = ({ entries }) => {
        if (entries.some(({ action }) => action === 'key.destroy')) resolve()
      }
      destroying = perform((work) => work.destroy(id))
      await committed
    }
    const create = standardKeys.create.bind(standardKeys)
    standardKeys.create = async (...asked) => {
      standardKeys.create = create
      const made = await create(...asked)
      await meanwhile()
      return made
    }
    const { create: before } = standardKeys.calls
    assert.equal(await core.custodies.renew(instance, id, { force: true }), expected.renewed)
    await destroying
    await core.sweep()
    assert.equal(standardKeys.calls.create - before, expected.made)
    assert.equal(standardKeys.live().length, expected.live)
    const deletions: (readonly [unknown, unknown])[] = []
    for (const { store } of [core, other])
      for (const { body } of (await store.audit({ order: 'oldest', limit: 100 })).entries) {
        const { action, object, detail } = JSON.parse(body) as AuditEntry
        if (action === 'standard-key.delete') deletions.push([object, detail?.['because']])
      }
    assert.deepEqual(
      deletions,
      expected.because.map((because) => [id, because]),
    )
    if (expected.renewed === 'nothing') return
    counts.deleted = false
    forget()
    assert.deepEqual(await get(id), bytes)
    await sweepLater()
    assert.equal(standardKeys.live().length, 1)
  })
