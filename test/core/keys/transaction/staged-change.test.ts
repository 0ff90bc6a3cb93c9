// A unit of several acts, as a batch with Undo is (KMIP 1.4 §6.15): it commits as a whole, or leaves nothing but the
// record that it was tried.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KeyTransaction } from '../../../../src/core/keys/key-transaction.ts'
import { StagedChange } from '../../../../src/core/keys/transaction/staged-change.ts'
import { StoreUnavailable } from '../../../../src/core/ports/store.ts'
import type { AuditEntry } from '../../../../src/core/ports/audit.ts'
import { first } from '../../../../src/wire/kmip/attributes.ts'
import { Fault } from '../../../../src/wire/kmip/fault.ts'
import { objectAttributesBytesMax } from '../../../../src/base/bounds.ts'
import { unitBytesMax } from '../../../../src/core/keys/transaction/staged-change.ts'
import { StoreAround } from '../../../support/store/store-around.ts'
import {
  createKey,
  faults,
  look,
  openCoreWithClient,
  type TestCore,
  name,
} from '../../../support/server/core.ts'

const version = '1.4'
async function outcomes(core: TestCore): Promise<readonly string[]> {
  const page = await core.store.audit({ order: 'oldest', limit: 1000 })
  return page.entries
    .map(({ body }) => JSON.parse(body) as AuditEntry)
    .filter(({ action }) => action.startsWith('key.'))
    .map(({ action, result, reason }) => [action, result, reason ?? ''].join(' ').trim())
}

/** As the batch does with Undo: the first Fault gives up all. */
async function orUndo(work: KeyTransaction, acts: readonly ((work: KeyTransaction) => unknown)[]) {
  for (const act of acts)
    try {
      await act(work)
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      work.undo(error)
      return error.reason
    }
  return null
}

test('a unit that was given up leaves no object, no change and no fetch, and its entries say so', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const id = await perform(createKey({ Name: name('before') }))
  const dump = () =>
    ['objects', 'material', 'names', 'fetched'].map((table) => look(core.file, `SELECT * FROM ${table}`))
  const before = dump()
  const acts = [
    createKey({ Name: name('new') }),
    (work: KeyTransaction) => work.fetch(id),
    (work: KeyTransaction) => work.activate(id),
    (work: KeyTransaction) =>
      work.addAttribute(id, { key: 'x-A', value: { type: 'Integer', value: 1 }, version }),
    (work: KeyTransaction) => work.destroy('unknown'),
  ]
  assert.equal(await perform((work) => orUndo(work, acts)), 'ObjectNotFound')
  assert.deepEqual(dump(), before)
  assert.deepEqual(await outcomes(core), [
    'key.create success',
    'key.create undone',
    'key.get undone',
    'key.activate undone',
    'key.attribute.add undone',
    'key.destroy refused ObjectNotFound',
  ])
  await perform(createKey({ Name: name('new') }))
})

test('material that a given-up unit had opened is wiped', async (t) => {
  const { perform } = await openCoreWithClient(t)
  const id = await perform(createKey())
  const opened: Buffer[] = []
  const fetch = async (work: KeyTransaction) => opened.push((await work.fetch(id)).material.bytes)
  await perform((work) => orUndo(work, [fetch, fetch, (one) => one.activate('unknown')]))
  assert.deepEqual(opened, [Buffer.alloc(32), Buffer.alloc(32)])
})

test('an outage in the middle of a unit is entered like any other refusal', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const id = await perform(createKey())
  const again = await core.reopen()
  again.rootKey.fault = 'unreachable'
  const identify = async () => {
    const { id: instanceId } = (await again.access.instances())[0] ?? { id: '' }
    const actor = { kind: 'client', id: null, name: null, certificateSha256: null, address: null } as const
    const { version: trustVersion } = await again.access.snapshot()
    return { instanceId, actor, allow: ['all'], trustVersion, requestId: 'r' }
  }
  const acts = [(work: KeyTransaction) => work.activate(id), (work: KeyTransaction) => work.fetch(id)]
  await assert.rejects(
    again.keys.perform(identify, (work) => orUndo(work, acts)),
    faults('GeneralFailure', /root key of this instance cannot be reached/),
  )
  assert.deepEqual(await outcomes(again), [
    'key.create success',
    'key.activate undone',
    'key.get refused GeneralFailure',
  ])
  assert.deepEqual(
    look(core.file, 'SELECT state FROM objects').map(({ state }) => state),
    ['PreActive'],
  )
})

test('an entry of an act that says nothing more has no detail', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  await assert.rejects(
    perform((work) => work.activate('unknown')),
    faults('ObjectNotFound'),
  )
  const { entries } = await core.store.audit({ order: 'newest', limit: 1 })
  const { action, detail } = JSON.parse(entries[0]?.body ?? '{}') as AuditEntry
  assert.deepEqual([action, detail], ['key.activate', null])
})

test('a Name that is taken is the fault of the act that takes it, and gives up all', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  await perform(createKey({ Name: name('taken') }))
  const acts = [createKey(), createKey({ Name: name('taken') })]
  assert.equal(await perform((work) => orUndo(work, acts)), 'NonUniqueNameAttribute')
  assert.equal(look(core.file, 'SELECT * FROM objects').length, 1)
  assert.deepEqual((await outcomes(core)).slice(1), [
    'key.create undone',
    'key.create refused NonUniqueNameAttribute',
  ])
})

test('a unit whose commit is refused as a whole leaves nothing, and its entries say so', async (t) => {
  const held: { around?: StoreAround } = {}
  const { core, perform } = await openCoreWithClient(t, {
    wrap: (store) => (held.around = new StoreAround(store)),
  })
  const { around } = held
  assert.ok(around)
  around.before = (change) => {
    if (change.durability === 'disk') throw new StoreUnavailable('full', 'no room')
  }
  await assert.rejects(
    perform((work) => orUndo(work, [createKey(), createKey()])),
    faults('GeneralFailure'),
  )
  assert.deepEqual(look(core.file, 'SELECT * FROM objects'), [])
  assert.deepEqual(await outcomes(core), [
    'key.create refused GeneralFailure',
    'key.create refused GeneralFailure',
  ])
})

test('later acts of a unit see what earlier ones did, and all of it lands together', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const { id, seen, found } = await perform(async (work) => {
    const made = await createKey({ Name: name('one') })(work)
    await work.activate(made)
    await work.addAttribute(made, { key: 'x-A', value: { type: 'Integer', value: 1 }, version })
    await work.addAttribute(made, { key: 'x-A', value: { type: 'Integer', value: 2 }, version })
    const attributes = await work.attributes('key.attributes', made)
    const query = {
      maximumItems: undefined,
      offsetItems: 0,
      storage: { online: true, destroyed: false },
      onlyFresh: false,
    }
    const located = await work.locate({ ...query, criteria: [{ key: 'Name', value: name('one') }] }, version)
    assert.deepEqual(look(core.file, 'SELECT * FROM objects'), [], 'nothing is written before the commit')
    return { id: made, seen: attributes, found: located.uniqueIdentifiers }
  })
  assert.equal(first(seen, 'State'), 'Active')
  assert.deepEqual(found, [id])
  const kept = await perform((work) => work.attributes('key.attributes', id))
  assert.deepEqual(kept.get('x-A'), seen.get('x-A'))
  assert.equal(kept.get('x-A')?.length, 2)
})

test('a key may be made and destroyed in one unit, and its Name given again in it', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const [gone, kept] = await perform(async (work) => {
    const before = await createKey({ Name: name('one') })(work)
    await work.destroy(before)
    assert.throws(() => work.fetch(before), faults('ObjectDestroyed'))
    return [before, await createKey({ Name: name('one') })(work)]
  })
  const states = look(core.file, 'SELECT unique_identifier AS id, state FROM objects ORDER BY sequence')
  assert.deepEqual(
    states.map(({ id, state }) => [id, state]),
    [
      [gone, 'Destroyed'],
      [kept, 'PreActive'],
    ],
  )
})

const read = (id: string) => (work: KeyTransaction) => work.attributes('key.attributes', id)

test('a unit holds objects up to a bound, which one act after the other does not meet', async (t) => {
  const { perform } = await openCoreWithClient(t)
  const large = createKey({ ContactInformation: 'x'.repeat(objectAttributesBytesMax - 2_000) })
  const ids: string[] = []
  for (let bytes = 0; bytes <= unitBytesMax; bytes += objectAttributesBytesMax - 2_000)
    ids.push(await perform(large))
  assert.equal(await perform((work) => orUndo(work, ids.slice(1).map(read))), null)
  assert.equal(await perform((work) => orUndo(work, ids.map(read))), 'ServerLimitExceeded')
  for (const id of ids) await perform(read(id))
})

test('a unit that meets a concurrent change is done again as a whole, on what is there then', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  const id = await perform(createKey())
  let runs = 0
  await perform(async (work) => {
    runs++
    const { index } = await work.addAttribute(id, {
      key: 'x-A',
      value: { type: 'Integer', value: runs },
      version,
    })
    await createKey({ 'x-Index': { type: 'Integer', value: index } })(work)
    if (runs === 1)
      await perform((other) =>
        other.addAttribute(id, { key: 'x-A', value: { type: 'Integer', value: 0 }, version }),
      )
  })
  assert.equal(runs, 2)
  assert.equal(look(core.file, 'SELECT * FROM objects').length, 2, 'the key of the first run is not there')
  const [made] = await core.keys.list({ instanceId: instance.id, limit: 1, includeDestroyed: false })
  assert.deepEqual(made?.attributes.get('x-Index'), [{ index: 0, value: { type: 'Integer', value: 1 } }])
})

test('work on one object of one instance waits for each other when it is retried, and for no other', async (t) => {
  const { core, identify, perform } = await openCoreWithClient(t)
  const [one, two] = [await perform(createKey()), await perform(createKey())]
  const caller = await identify()
  const keyOf = async (...ids: readonly string[]) => {
    const staged = new StagedChange(core.store, core.clock, caller)
    for (const id of ids) await staged.load(id)
    return staged.mutexKey
  }
  assert.equal(await keyOf(), undefined)
  assert.equal(await keyOf(one, two), await keyOf(one))
  assert.notEqual(await keyOf(one), await keyOf(two))
  assert.equal(await keyOf(one), JSON.stringify([caller.instanceId, one]))
})

test('a fetch that was undone leaves no time of it', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  const [one, other] = [await perform(createKey()), await perform(createKey())]
  await perform(async (work) => {
    await work.fetch(one)
    work.undo(new Fault('GeneralFailure', 'the batch failed'))
  })
  await perform((work) => work.fetch(other))
  const again = await core.reopen()
  const fetched = async (id: string) => (await again.keys.show(instance.id, id))?.lastFetchedMs
  assert.deepEqual([await fetched(one), await fetched(other)], [null, core.clock.now()])
})
