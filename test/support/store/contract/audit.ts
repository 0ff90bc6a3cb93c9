// The part of the store contract that is about the audit log: numbers and hashes, finding, pruning, checkpoints.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chainHash, chainStart } from '../../../../src/core/audit/chain.ts'
import type {
  AccessRecord,
  AuditEntry,
  AuditQuery,
  StoredAuditEntry,
  WriterHead,
} from '../../../../src/core/ports/audit.ts'
import type { Store } from '../../../../src/core/ports/store.ts'
import { anchorKey, conflict, openPlace, type MakePlace } from '../store-place.ts'
import { auditEntry, change, objectRecord, objectWrite } from '../store-values.ts'

export function storeAuditContract(makePlace: MakePlace): void {
  chains(makePlace)
  queries(makePlace)
  pruning(makePlace)
  restores(makePlace)
  records(makePlace)

  test('the times of the log: of its first entry, and the latest one, whatever the clock did', async (t) => {
    const { store } = await openPlace(t, makePlace)
    assert.deepEqual(await store.auditTimes(), { oldestMs: null, newestMs: null })
    for (const atMs of [5_000, 9_000, 3_000])
      await store.commit(change([], { entries: [auditEntry({ atMs })] }))
    assert.deepEqual(await store.auditTimes(), { oldestMs: 5_000, newestMs: 9_000 })
  })

  test('since when the clock goes on behind later entries', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const enter = (atMs: number) => store.commit(change([], { entries: [auditEntry({ atMs })] }))
    assert.equal(await store.auditSetBack(4_000), null)
    for (const atMs of [3_500, 5_000, 9_000, 8_000]) await enter(atMs)
    assert.equal(await store.auditSetBack(4_000), null, 'nothing was entered since')
    for (const atMs of [3_000, 3_500]) await enter(atMs)
    assert.equal(await store.auditSetBack(4_000), 3_000)
    assert.equal(await store.auditSetBack(8_000), 8_000)
    assert.equal(await store.auditSetBack(9_000), null, 'no entry is later')
  })

  test('what is newer than an entry is found by the order of writing, whatever the clock did', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const times = async (newerThan: string, limit = 10, more = {}) => {
      const page = await store.audit({ order: 'newest', newerThan, limit, ...more })
      return [page.entries.map(({ body }) => (JSON.parse(body) as AuditEntry).atMs), page.after] as const
    }
    assert.deepEqual(await times('0'), [[], null])
    for (const atMs of [5_000, 9_000]) await store.commit(change([], { entries: [auditEntry({ atMs })] }))
    const { after } = await store.audit({ order: 'newest', limit: 1 })
    const newest = after ?? assert.fail('no place')
    assert.deepEqual(await times(newest), [[], null])
    for (const [atMs, action] of [
      [3_000, 'key.create'],
      [2_000, 'key.get'],
      [1_000, 'key.create'],
    ] as const)
      await store.commit(change([], { entries: [auditEntry({ atMs, action })] }))
    const all = [1_000, 2_000, 3_000]
    assert.deepEqual(await times(newest), [all, null])
    assert.deepEqual(await times(newest, 10, { instanceId: 'instance-1' }), [all, null], 'by an index, too')
    assert.deepEqual(await times(newest, 10, { action: 'key.get' }), [[2_000], null])
    const [first, next] = await times(newest, 2)
    assert.deepEqual(first, [1_000, 2_000])
    assert.deepEqual(await times(newest, 2, { after: next }), [[3_000], null])
    assert.deepEqual((await times('0'))[0], [...all, 9_000, 5_000])
  })

  test('entries are read from behind a place, in the order of writing, and the place of a target is kept', async (t) => {
    const { store } = await openPlace(t, makePlace)
    assert.deepEqual(await store.auditBehind(0, 10), [])
    for (const atMs of [5_000, 9_000, 3_000])
      await store.commit(change([], { entries: [auditEntry({ atMs }), auditEntry({ atMs })] }))
    const all = await store.auditBehind(0, 10)
    assert.deepEqual(
      all.map(({ number }) => number),
      [1, 2, 3, 4, 5, 6],
    )
    const [first, second] = [all[0]?.place ?? 0, all[1]?.place ?? 0]
    assert.deepEqual(await store.auditBehind(first, 1), all.slice(1, 2))
    assert.deepEqual(await store.auditBehind(all.at(-1)?.place ?? 0, 10), [])
    assert.equal(await store.forwardedTo('syslog'), 0)
    await store.commit(change([{ type: 'audit-forwarded', target: 'syslog', place: second }]))
    assert.equal(await store.forwardedTo('syslog'), second)
    assert.equal(await store.forwardedTo('file'), 0)
    await store.commit(change([{ type: 'audit-forwarded', target: 'syslog', place: first }]))
    assert.equal(await store.forwardedTo('syslog'), first, 'as it was said last')
  })

  test('checkpoints are numbered without a gap and come newest first', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const put = (number: number) =>
      store.commit(
        change([
          { type: 'checkpoint', checkpoint: { number, body: `body ${number}`, signature: `s${number}` } },
        ]),
      )
    await assert.rejects(put(2), conflict('checkpoint'))
    for (const number of [1, 2, 3]) await put(number)
    await assert.rejects(put(3), conflict('checkpoint'))
    await assert.rejects(put(5), conflict('checkpoint'))
    const found = (await store.checkpoints(2)).map((checkpoint) => ({ ...checkpoint }))
    assert.deepEqual(found, [
      { number: 3, body: 'body 3', signature: 's3' },
      { number: 2, body: 'body 2', signature: 's2' },
    ])
  })
}

function access(name: string, atMs: number): AccessRecord {
  return {
    entries: [auditEntry({ action: 'key.get', object: name, atMs })],
    fetched: [{ instanceId: 'instance-1', uniqueIdentifier: name, atMs }],
  }
}

async function timesOfGets(store: Store): Promise<readonly number[]> {
  const { entries } = await store.audit({ action: 'key.get', order: 'oldest', limit: 10 })
  return entries.map(({ body }) => (JSON.parse(body) as AuditEntry).atMs)
}

function records(makePlace: MakePlace): void {
  for (const withLog of [true, false])
    test(`access records are seen at once, ${withLog ? 'with' : 'without'} an access log, and stay`, async (t) => {
      const { store, place } = await openPlace(t, makePlace)
      if (withLog) await store.openAccessLog(anchorKey)
      await store.commit(change([objectWrite(objectRecord('a'))]))
      await Promise.all([store.record(access('a', 5)), store.record(access('a', 7))])
      assert.equal((await store.object('instance-1', 'a'))?.lastFetchedMs, 7)
      const [listed] = await store.objects({ instanceId: 'instance-1', limit: 10 })
      assert.equal(listed?.lastFetchedMs, 7)
      assert.deepEqual(await timesOfGets(store), [5, 7])
      await store.record(access('a', 9))
      await store.close()
      const again = await place.open()
      t.after(() => again.close())
      assert.deepEqual(await timesOfGets(again), [5, 7, 9])
      assert.equal((await again.object('instance-1', 'a'))?.lastFetchedMs, 9)
    })

  test('an access record whose object or trust has changed since is a conflict, and leaves nothing', async (t) => {
    const { store } = await openPlace(t, makePlace)
    await store.openAccessLog(anchorKey)
    await store.commit(change([objectWrite(objectRecord('a'))]))
    const object = { instanceId: 'instance-1', uniqueIdentifier: 'a' }
    const trustVersion = await store.trustVersion()
    const record = (expect: AccessRecord['expect'] & object) => store.record({ ...access('a', 5), expect })
    await assert.rejects(record({ objects: [{ ...object, version: 2 }] }), conflict('object'))
    await assert.rejects(record({ objects: [{ ...object, version: null }] }), conflict('object'))
    await assert.rejects(record({ trustVersion: trustVersion + 1 }), conflict('trust'))
    assert.deepEqual(await timesOfGets(store), [])
    await record({ trustVersion, objects: [{ ...object, version: 1 }] })
    assert.deepEqual(await timesOfGets(store), [5])
  })
}

function restores(makePlace: MakePlace): void {
  test('after a restore numbers are left out, where the checkpoint before is named', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const put = (number: number, follows?: number) =>
      store.commit(
        change([
          {
            type: 'checkpoint',
            checkpoint: { number, body: `body ${number}`, signature: '' },
            ...(follows !== undefined && { follows }),
          },
        ]),
      )
    await put(1)
    await assert.rejects(put(9, 2), conflict('checkpoint'))
    await assert.rejects(put(1, 1), conflict('checkpoint'))
    await put(9, 1)
    await assert.rejects(put(11), conflict('checkpoint'))
    await put(10)
    assert.deepEqual(
      (await store.checkpoints(9)).map(({ number }) => number),
      [10, 9, 1],
    )
  })
}

function chains(makePlace: MakePlace): void {
  test('entries are numbered and chained, whatever commits beside them', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const commits = Array.from({ length: 300 }, (_, n) =>
      store.commit({
        ...(n % 7 === 3 && { expect: { trustVersion: 99 } }),
        writes: [],
        entries: [auditEntry({ object: `first ${n}` }), auditEntry({ object: `second ${n}`, detail: { n } })],
        durability: n % 2 ? 'process' : 'disk',
      }),
    )
    await Promise.allSettled(commits)
    const entries = await allEntries(store, { order: 'oldest', limit: 100 })
    assert.equal(entries.length, 2 * (300 - 43))
    const head = verifyChain(entries)
    assert.deepEqual(plain((await store.auditHeads()).heads), [head])
    assert.deepEqual(plain((await store.auditHeads()).beginnings), [
      { writer: store.writer, number: 0, hash: chainStart },
    ])
    assert.equal(JSON.parse(entries[1]?.body ?? '').object, 'second 0')
  })

  test('the first entry of a writer names the heads before it, so that none can be cut out', async (t) => {
    const { store, place } = await openPlace(t, makePlace)
    let current = store
    const firsts: { writer: string; others: WriterHead[]; head: WriterHead }[] = []
    for (let run = 0; run < 4; run++) {
      await current.commit(change([], { entries: [auditEntry(), auditEntry()] }))
      const mine = (await allEntries(current, { order: 'oldest', limit: 100 })).filter(
        ({ writer }) => writer === current.writer,
      )
      const head = verifyChain(mine)
      firsts.push({ writer: current.writer, others: JSON.parse(mine[0]?.body ?? '').others, head })
      await current.close()
      current = await place.open()
    }
    t.after(() => current.close())
    assert.deepEqual(firsts[0]?.others, [])
    for (const [run, { others }] of firsts.entries()) {
      if (run === 0) continue
      // Named by itself, or by one that is named: all runs before are tied down.
      const reached = new Set<string>()
      const follow = (heads: readonly WriterHead[]) => {
        for (const named of heads) {
          reached.add(named.writer)
          const other = firsts.find(({ writer }) => writer === named.writer)
          assert.deepEqual(named, other?.head)
          follow(other?.others ?? [])
        }
      }
      follow(others)
      assert.deepEqual(
        [...reached].toSorted(),
        firsts
          .slice(0, run)
          .map(({ writer }) => writer)
          .toSorted(),
      )
    }
    assert.equal((await current.auditHeads()).heads.length, 4, 'a run without entries has no head')
  })
}

function queries(makePlace: MakePlace): void {
  test('every filter finds what it should, in both orders and any page size', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const made = Array.from({ length: 3_000 }, (_, n) => someEntry(n))
    await Promise.all(
      made.map((entry) => store.commit(change([], { entries: [entry], durability: 'process' }))),
    )
    const filters: Omit<AuditQuery, 'order' | 'limit'>[] = [
      {},
      { instanceId: null },
      { instanceId: 'instance-1' },
      { instanceId: 'rare' },
      { instanceId: 'nobody' },
      { object: 'object 5' },
      { object: 'object 5', instanceId: 'instance-2' },
      { object: timedIdentifier },
      { action: 'key.destroy' },
      { action: 'key.get', instanceId: 'instance-1' },
      { certificateSha256: 'certificate 3' },
      { certificateSha256: 'certificate 3', action: 'key.get', sinceMs: 500_000 },
      { sinceMs: 1_500_000 },
      { untilMs: 10_000 },
      { sinceMs: 700_000, untilMs: 701_000, instanceId: 'instance-1' },
      { sinceMs: 5, untilMs: 4 },
      { action: 'nothing' },
    ]
    for (const filter of filters) {
      const expected = made.filter((entry) => fits(entry, filter)).map(({ requestId }) => requestId)
      for (const [order, limit] of [
        ['oldest', 1_000],
        ['newest', 1_000],
        ['oldest', 77],
        ['newest', 77],
      ] as const) {
        const found = await allEntries(store, { ...filter, order, limit })
        const ids = found.map(({ body }) => JSON.parse(body).requestId as string)
        const wanted = order === 'oldest' ? expected : expected.toReversed()
        assert.deepEqual(ids, wanted, `${JSON.stringify(filter)} ${order} by ${limit}`)
      }
    }
    assert.deepEqual(await store.auditMisfiled(), [])
  })
}

function pruning(makePlace: MakePlace): void {
  test('pruning takes old entries that the checkpoint covers, and keeps where the rest begins', async (t) => {
    const { store, place } = await openPlace(t, makePlace)
    for (let n = 1; n <= 1_500; n++) void enter(store, n)
    await enter(store, 1_501)
    await store.close()
    const again = await place.open()
    t.after(() => again.close())
    for (let n = 1_502; n <= 1_510; n++) await enter(again, n)
    const before = await allEntries(again, { order: 'oldest', limit: 1_000 })
    const heads = (await again.auditHeads()).heads

    // Up to the 1,400th by time; the second writer's heads are covered, but its entries are younger.
    await again.commit(change([{ type: 'prune', checkpoint: 0, beforeMs: 1_401, upTo: heads }]))
    const after = await allEntries(again, { order: 'oldest', limit: 1_000 })
    assert.deepEqual(after, before.slice(1_400))
    const beginning = before[1_399] ?? assert.fail()
    assert.deepEqual(plain((await again.auditHeads()).beginnings), [
      { writer: store.writer, number: 1_400, hash: beginning.hash },
      { writer: again.writer, number: 0, hash: '' },
    ])
    assert.deepEqual(plain((await again.auditHeads()).heads), plain(heads))

    const other = change([{ type: 'prune', checkpoint: 1, beforeMs: 1e15, upTo: heads }])
    await assert.rejects(again.commit(other), conflict('checkpoint'))
    assert.deepEqual(await allEntries(again, { order: 'oldest', limit: 1_000 }), after)

    // Never beyond what is covered, however old.
    const covered = { writer: store.writer, number: 1_450, hash: before[1_449]?.hash ?? '' }
    await again.commit(change([{ type: 'prune', checkpoint: 0, beforeMs: 1e15, upTo: [covered] }]))
    assert.equal((await allEntries(again, { order: 'newest', limit: 1_000 })).length, 1_510 - 1_450)
    await again.commit(change([{ type: 'prune', checkpoint: 0, beforeMs: 1e15, upTo: heads }]))
    assert.deepEqual(await allEntries(again, { order: 'newest', limit: 1_000 }), [])
    await enter(again, 1_511)
    const [last] = await allEntries(again, { order: 'newest', limit: 1_000 })
    assert.equal(last?.number, 10)
    assert.equal(last.hash, chainHash(before.at(-1)?.hash ?? '', last.body))
  })
}

function enter(store: Store, atMs: number): Promise<void> {
  return store.commit(change([], { entries: [auditEntry({ atMs })] }))
}

/** As those of new objects are. */
const timedIdentifier = '01a21aea-2f85-770f-88f3-e5308f3fbeb9'

/** Entries whose clock jumps back now and then, of some objects, instances and certificates. */
function someEntry(n: number): AuditEntry {
  const entry = auditEntry({
    atMs: n * 500 - (n % 100 === 99 ? 400_000 : 0),
    action:
      n % 1_000 === 7
        ? 'key.destroy'
        : ((['key.get', 'key.create', 'key.locate'] as const)[n % 3] ?? 'key.get'),
    instanceId: n === 1_234 ? 'rare' : ([null, 'instance-1', 'instance-2'][n % 3] ?? null),
    object: n % 4 === 0 ? null : n % 50 === 6 ? timedIdentifier : `object ${n % 50}`,
    requestId: String(n),
  })
  return {
    ...entry,
    actor: { ...entry.actor, certificateSha256: n % 5 === 0 ? null : `certificate ${n % 11}` },
  }
}

function fits(entry: AuditEntry, filter: Omit<AuditQuery, 'order' | 'limit'>): boolean {
  return (
    (filter.instanceId === undefined ||
      filter.instanceId === null ||
      entry.instanceId === filter.instanceId) &&
    (filter.object === undefined || entry.object === filter.object) &&
    (filter.action === undefined || entry.action === filter.action) &&
    (filter.certificateSha256 === undefined || entry.actor.certificateSha256 === filter.certificateSha256) &&
    (filter.sinceMs === undefined || entry.atMs >= filter.sinceMs) &&
    (filter.untilMs === undefined || entry.atMs <= filter.untilMs)
  )
}

export async function allEntries(store: Store, query: AuditQuery): Promise<StoredAuditEntry[]> {
  const all: StoredAuditEntry[] = []
  let after: string | null = null
  do {
    const page: Awaited<ReturnType<Store['audit']>> = await store.audit({
      ...query,
      ...(after !== null && { after }),
    })
    assert.ok(page.entries.length <= query.limit)
    all.push(...page.entries)
    after = page.after
  } while (after !== null)
  return all
}

/** `entries` are one writer's, from its first on. Returns its head. */
export function verifyChain(entries: readonly StoredAuditEntry[]): WriterHead {
  let head: WriterHead = { writer: entries[0]?.writer ?? '', number: 0, hash: chainStart }
  for (const { writer, number, body, hash } of entries) {
    assert.equal(writer, head.writer)
    assert.equal(number, head.number + 1)
    assert.equal(hash, chainHash(head.hash, body))
    assert.deepEqual([JSON.parse(body).writer, JSON.parse(body).number], [writer, number])
    head = { writer, number, hash }
  }
  return head
}

function plain<T extends object>(rows: readonly T[]): T[] {
  return rows.map((row) => ({ ...row }))
}
