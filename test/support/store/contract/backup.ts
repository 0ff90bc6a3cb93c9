// What every store must do with a dump of all it holds (src/core/ports/backup.ts): part of the store contract.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { dumpedTypes, type DumpedRecord, type StoreDump } from '../../../../src/core/ports/backup.ts'
import { knownFeatures, raiseLeastVersion } from '../../../../src/core/ports/least-version.ts'
import type { Store } from '../../../../src/core/ports/store.ts'
import { allEntries, verifyChain } from './audit.ts'
import { openPlace, type MakePlace, type StorePlace } from '../store-place.ts'
import {
  auditEntry,
  change,
  create,
  dataKeyRecord,
  inventoryRecord,
  inventoryRow,
  objectRecord,
  objectWrite,
  trustRow,
  waiting,
} from '../store-values.ts'

export function storeBackupContract(makePlace: MakePlace): void {
  test('a dump that another store takes in gives the same dump again, and the same answers', async (t) => {
    const { store, place } = await openPlace(t, makePlace)
    await fill(store)
    const records = await read(await place.dump())
    const other = await loaded(t, makePlace, records)
    const again = await read(await other.place.dump())
    assert.deepEqual(withoutNewWriter(again), records)
    assert.deepEqual(
      await other.store.objects({ instanceId: 'instance-1', limit: 10, index: [{ key: 'k', value: 'v' }] }),
      await store.objects({ instanceId: 'instance-1', limit: 10, index: [{ key: 'k', value: 'v' }] }),
    )
    for (const instanceId of ['instance-1', 'instance-2']) {
      assert.deepEqual(
        await other.store.objectCounts(instanceId, 1e15),
        await store.objectCounts(instanceId, 1e15),
      )
      assert.equal((await other.store.usage(instanceId)).objects, (await store.usage(instanceId)).objects)
      assert.deepEqual(await other.store.recoverable(instanceId), await store.recoverable(instanceId))
    }
    const waits = (await other.store.object('instance-1', 'waits'))?.recoverable
    assert.ok(waits)
    assert.deepEqual({ ...waits, sealed: Buffer.from(waits.sealed) }, waiting('waits', 2, 1_000).recoverable)
    assert.deepEqual(await other.store.recoveryTime(), { ms: 5, atMs: 6 })
    assert.equal((await store.adoptedOnDemand('instance-1')).count, 1)
    assert.deepEqual({ ...(await other.store.adoptedOnDemand('instance-1')) }, { count: 0, lastMs: null })
    assert.equal(await other.store.trustVersion(), await store.trustVersion())
    assert.deepEqual(await other.store.clientsSeen(['client-1']), [clientSeen])
    const [inventory] = await other.store.inventories()
    assert.equal(inventory?.rows, 700)
    assert.equal((await other.store.inventoryRows({ id: 'i', limit: 1000 })).length, 700)
    const query = { order: 'oldest', limit: 1000, object: 'a' } as const
    assert.deepEqual(await allEntries(other.store, query), await allEntries(store, query))
  })

  test('records come in the order of their types, and are counted', async (t) => {
    const { store, place } = await openPlace(t, makePlace)
    await fill(store)
    const dump = await place.dump()
    const { counts } = dump
    const records = await read(dump)
    const order = records.map(({ type }) => dumpedTypes.indexOf(type))
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
    )
    const unused = knownFeatures.length === 0 ? 1 : 0
    assert.equal(new Set(order).size, dumpedTypes.length - unused, 'each type is among them')
    assert.deepEqual(counts.objects, { 'instance-1': 604, 'instance-2': 1 })
    assert.equal(counts.entries, records.filter(({ type }) => type === 'entry').length)
  })

  test('a dump holds what was committed before it, and nothing of what is committed later', async (t) => {
    const { store, place } = await openPlace(t, makePlace)
    for (let n = 0; n < 600; n++) await create(store, objectRecord(`before-${n}`))
    const dump = await place.dump()
    const pages = dump.pages()[Symbol.asyncIterator]()
    const first = await pages.next()
    await store.commit(change([objectWrite(objectRecord('before-599', { version: 2, state: 'Active' }))]))
    await create(store, objectRecord('after'))
    const records: DumpedRecord[] = first.done ? [] : [...first.value]
    for (let page = await pages.next(); !page.done; page = await pages.next()) records.push(...page.value)
    await dump.close()
    const objects = records.flatMap(({ type, value }) => (type === 'object' ? [value.record] : []))
    assert.equal(objects.length, 600)
    assert.ok(objects.every(({ state }) => state === 'PreActive'))
  })

  test('what is loaded goes on: a new writer names the heads, and changes go on from there', async (t) => {
    const { store, place } = await openPlace(t, makePlace)
    await fill(store)
    const { heads } = await store.auditHeads()
    const other = await loaded(t, makePlace, await read(await place.dump()))
    await create(other.store, objectRecord('later'))
    const entries = await allEntries(other.store, { order: 'oldest', limit: 1000 })
    const restore = entries.find(({ body }) => body.includes('"backup.restore"'))
    assert.equal(restore?.number, 1)
    verifyChain(entries.filter(({ writer }) => writer === restore.writer))
    const { others } = JSON.parse(restore.body) as { others: unknown }
    assert.deepEqual(others, heads)
    const sequence = async (id: string) => (await other.store.object('instance-1', id))?.sequence ?? 0
    assert.ok((await sequence('later')) > (await sequence('bulk-599')))
  })

  test('a load that fails leaves no store, and can be repeated', async (t) => {
    const { store, place } = await openPlace(t, makePlace)
    await fill(store)
    const records = await read(await place.dump())
    const target = await makePlace()
    t.after(() => target.remove())
    await assert.rejects(
      target.load(
        (async function* () {
          yield records.slice(0, 900)
          throw new Error('the backup is cut off')
        })(),
        [],
      ),
      /the backup is cut off/,
    )
    let seen: readonly DumpedRecord[] = []
    await assert.rejects(
      target.load(pagesOf(records), [], async ({ counts, pages }) => {
        seen = await read({ counts, pages, close: () => undefined })
        throw new Error('it is not the same')
      }),
      /it is not the same/,
    )
    assert.deepEqual(seen, records)
    await target.load(pagesOf(records), [], async () => undefined)
    await assert.rejects(target.load(pagesOf(records), []), /is there already/)
    assert.equal((await read(await target.dump())).length, records.length)
  })
}

/** Some of each type, more objects than a page, a destroyed one, a pruned audit log. */
async function fill(store: Store): Promise<void> {
  await store.commit(
    change([trustRow('client-1'), trustRow('client-2'), ...knownFeatures.map(raiseLeastVersion)]),
  )
  await store.commit(
    change([
      { type: 'secret', record: { name: 'mac-key', sealed: Buffer.from('sealed') } },
      { type: 'data-key', record: dataKeyRecord('data-key-1', 'wrapped') },
      { type: 'standard-key', record: standardKey },
      { type: 'pending', clients: [pendingClient], removed: [] },
      { type: 'seen', certificates: [{ sha256: 'aa', lastMs: 7, address: '192.0.2.1' }] },
      { type: 'clients-seen', clients: [clientSeen] },
    ]),
  )
  await fillInventories(store)
  await create(store, objectRecord('a'), ['name of a'])
  await store.commit(change([objectWrite(objectRecord('b'), ['é'], { k: 'v' })]))
  await store.commit(
    change([{ ...objectWrite(objectRecord('c')), clockSteps: { activates: 100, deactivates: null } }]),
  )
  const destroyed = { version: 2, state: 'Destroyed', sealed: null, dataKeyId: null }
  await store.commit(change([objectWrite(objectRecord('a', destroyed))]))
  await create(store, objectRecord('a', { instanceId: 'instance-2' }))
  await create(store, objectRecord('waits'), ['name of what waits'])
  await store.commit(change([objectWrite(waiting('waits', 2, 1_000), ['name of what waits'], { k: 'w' })]))
  await store.commit(
    change([
      { type: 'recovery-clock', ms: 5, atMs: 6 },
      { type: 'adopted-on-demand', instanceId: 'instance-1', atMs: 8 },
    ]),
  )
  const fetched = { type: 'fetched', instanceId: 'instance-1', uniqueIdentifier: 'b', atMs: 9 } as const
  await store.commit(change([fetched], { entries: [auditEntry({ action: 'key.get', object: 'b' })] }))
  for (let from = 0; from < 600; from += 100)
    await store.commit(
      change(Array.from({ length: 100 }, (_, n) => objectWrite(objectRecord(`bulk-${from + n}`)))),
    )
  const { entries } = await store.audit({ order: 'oldest', limit: 1 })
  await store.commit(
    change([
      { type: 'checkpoint', checkpoint: { number: 1, body: '{"n":1}', signature: 'c2ln' } },
      {
        type: 'prune',
        checkpoint: 1,
        beforeMs: 1_700_000_000_001,
        upTo: entries,
      },
    ]),
  )
  const checkpoint = { number: 9, body: '{"n":9}', signature: 'c2ln' }
  await store.commit(change([{ type: 'checkpoint', checkpoint, follows: 1 }]))
}

/** One that counts, with more rows than a page, and an open one, of which a dump has nothing. */
async function fillInventories(store: Store): Promise<void> {
  const rows = Array.from({ length: 700 }, (_, n) => inventoryRow(`k${n}`, 'web'))
  await store.commit(
    change([
      { type: 'inventory-begun', record: inventoryRecord('i') },
      { type: 'inventory-rows', id: 'i', rows, rowsMax: 1000 },
      { type: 'inventory-current', id: 'i', importedMs: 7 },
      { type: 'inventory-begun', record: inventoryRecord('open') },
      { type: 'inventory-rows', id: 'open', rows, rowsMax: 1000 },
    ]),
  )
}

const standardKey = {
  id: 'standard-1',
  instanceId: 'instance-1',
  kind: 'object',
  identifier: 'a',
  generation: 3,
  rootKeyUri: 'keyprotect://x',
  state: 'due',
  keyVersion: 'v1',
  createdMs: 5,
} as const
const clientSeen = { clientId: 'client-1', lastMs: 8, address: '192.0.2.1', certificateSha256: 'aa' }
const pendingClient = {
  sha256: 'bb',
  certificate: Buffer.from('der'),
  address: '192.0.2.9',
  firstMs: 1,
  lastMs: 2,
  attempts: 3,
}

async function read(dump: StoreDump): Promise<DumpedRecord[]> {
  const records: DumpedRecord[] = []
  for await (const page of dump.pages()) records.push(...page)
  await dump.close()
  return records
}

async function* pagesOf(records: readonly DumpedRecord[]): AsyncGenerator<readonly DumpedRecord[]> {
  for (let from = 0; from < records.length; from += 500) yield records.slice(from, from + 500)
}

/** A store made of the records, opened. */
async function loaded(
  t: TestContext,
  makePlace: MakePlace,
  records: readonly DumpedRecord[],
): Promise<{ readonly store: Store; readonly place: StorePlace }> {
  const place = await makePlace()
  await place.load(pagesOf(records), [auditEntry({ action: 'backup.restore', object: null })])
  const store = await place.open()
  t.after(async () => {
    await store.close()
    await place.remove()
  })
  return { store, place }
}

/** Without the writer of the load and its entry; a head that it named counts as named, which is right. */
function withoutNewWriter(records: readonly DumpedRecord[]): DumpedRecord[] {
  const fresh = records.findLast(({ type }) => type === 'writer')
  const writer = fresh?.type === 'writer' ? fresh.value.writer : ''
  return records
    .filter(({ type, value }) => !((type === 'writer' || type === 'entry') && value.writer === writer))
    .map((record) =>
      record.type === 'writer' ? { type: 'writer', value: { ...record.value, named: 0 } } : record,
    )
}
