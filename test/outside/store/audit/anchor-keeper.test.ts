// The anchor of a SQLite store: it names what is synced and nothing else, a store that was set back is noticed however
// that was done, and nothing that happens to an honest store ever is.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { anchorSlotBytes, encodeSlot, newestAnchor } from '../../../../src/core/audit/anchor.ts'
import { chainHash } from '../../../../src/core/audit/chain.ts'
import type { Anchor, AnchoredStore, AnchorUse, AnchorVerdict } from '../../../../src/core/ports/anchor.ts'
import type { Store } from '../../../../src/core/ports/store.ts'
import { systemClock } from '../../../../src/host/system-clock.ts'
import { AnchorFile } from '../../../../src/outside/store/audit/anchor-file.ts'
import { openSqliteStore } from '../../../../src/outside/store/sqlite/open.ts'
import { anchorKey, markKey, openSqlite as open, storeFolder } from '../../../support/store/store-place.ts'
import {
  auditEntry,
  change,
  create,
  objectRecord,
  objectWrite,
  trustRow,
} from '../../../support/store/store-values.ts'
import { threadsHere } from '../../../support/store/threads-here.ts'

type Anchored = Store & AnchoredStore

const openSqlite = (t: TestContext, file: string): Promise<Anchored> =>
  open(t, file, { threads: threadsHere })

const keep = (store: Anchored, needed = true) => store.anchor(anchorKey, { needed, mode: 'keep' })
const look = (store: Anchored) => store.anchor(anchorKey, { needed: true, mode: 'look' })

function anchorOf(store: Anchored): Anchor {
  const found = newestAnchor(AnchorFile.read(store.anchorFile) ?? [], anchorKey)
  assert.ok(found, 'there is a valid anchor')
  return found.anchor
}

function checkpoint(store: Store, number: number): Promise<void> {
  return store.commit(
    change([{ type: 'checkpoint', checkpoint: { number, body: `checkpoint ${number}`, signature: '' } }]),
  )
}

const enter = (store: Store, durability: 'disk' | 'process' = 'disk') =>
  store.commit(change([], { entries: [auditEntry()], durability }))

/** The database of a stopped server that did a bit of everything: trust at 2, checkpoints 1 and 2, six entries. */
async function history(t: TestContext): Promise<string> {
  const file = path.join(await storeFolder(t), 'mortise.db')
  const store = await openSqlite(t, file)
  assert.equal((await keep(store, false)).state, 'new')
  await store.commit(change([trustRow('a')], { entries: [auditEntry({ action: 'client.trust' })] }))
  await create(store, objectRecord('a'))
  await checkpoint(store, 1)
  await store.commit(change([trustRow('b')], { entries: [auditEntry({ action: 'client.trust' })] }))
  await enter(store, 'process')
  await checkpoint(store, 2)
  await create(store, objectRecord('b'))
  await enter(store, 'process')
  await store.close()
  return file
}

/** What a start finds. */
async function verdictOn(
  t: TestContext,
  file: string,
  mode: AnchorUse['mode'] = 'keep',
): Promise<AnchorVerdict> {
  const store = await openSqlite(t, file)
  const verdict = await store.anchor(anchorKey, { needed: true, mode })
  await store.close()
  return verdict
}

function edit(file: string, ...statements: string[]): void {
  const database = new DatabaseSync(file)
  for (const sql of statements) database.exec(sql)
  database.close()
}

test('a change is named by the anchor before it is answered', async (t) => {
  const store = await openSqlite(t, path.join(await storeFolder(t), 'mortise.db'))
  await keep(store, false)
  assert.deepEqual(anchorOf(store), {
    sequence: 1,
    trustVersion: 0,
    checkpoint: null,
    heads: [],
    marks: null,
  })
  await store.commit(change([trustRow('a')], { entries: [auditEntry()] }))
  assert.equal(anchorOf(store).trustVersion, 1)
  for (let number = 1; number <= 5; number++) {
    await checkpoint(store, number)
    assert.equal(anchorOf(store).checkpoint?.number, number)
    await create(store, objectRecord(`${number}`))
    assert.deepEqual(
      anchorOf(store).heads,
      (await store.auditHeads()).heads.map((head) => ({ ...head })),
    )
  }
})

test('the anchor names the end of the marks, also the one that it knew before marks were removed', async (t) => {
  const file = path.join(await storeFolder(t), 'mortise.db')
  const store = await openSqlite(t, file)
  store.openMarks(markKey)
  await keep(store, false)
  const gone = { version: 2, state: 'Destroyed', sealed: null, dataKeyId: null }
  for (const id of ['a', 'b', 'c']) await create(store, objectRecord(id))
  for (const id of ['a', 'b']) {
    await store.commit(change([objectWrite(objectRecord(id, gone))]))
    assert.deepEqual(anchorOf(store).marks, await store.marksEnd())
  }
  const known = anchorOf(store).marks
  assert.equal(known?.number, 2)
  await store.close()
  edit(file, 'DELETE FROM marks WHERE number = 2')
  const again = await openSqlite(t, file)
  again.openMarks(markKey)
  assert.equal((await keep(again, true)).state, 'agrees')
  assert.deepEqual(anchorOf(again).marks, known)
  await again.commit(change([objectWrite(objectRecord('c', gone))]))
  assert.equal(anchorOf(again).marks?.number, 3)
  assert.deepEqual(anchorOf(again).marks, await again.marksEnd())
})

test('an access record is named once it is on the disk, without a write of its own to wait for', async (t) => {
  const store = await openSqlite(t, path.join(await storeFolder(t), 'mortise.db'))
  await keep(store, false)
  for (let n = 0; n < 50; n++) await enter(store, 'process')
  const deadline = performance.now() + 20_000
  while (anchorOf(store).heads[0]?.number !== 50) {
    assert.ok(performance.now() < deadline, 'it is not named')
    await setTimeout(5)
  }
  assert.ok(anchorOf(store).sequence < 25, 'the anchor is not written for each of them')
})

test('a change that did nothing does not make the anchor name what is not synced', async (t) => {
  const store = await openSqlite(t, path.join(await storeFolder(t), 'mortise.db'))
  await keep(store, false)
  // In one group: a record, and a change of class disk that writes nothing.
  const before = anchorOf(store)
  await enter(store, 'process')
  await Promise.allSettled([
    store.commit(change([])),
    store.commit(change([], { expect: { trustVersion: 99 }, entries: [auditEntry()] })),
  ])
  const after = anchorOf(store)
  // Only the flush may have named it meanwhile, and that is a write of its own.
  assert.ok(after.sequence === before.sequence || after.heads[0]?.number === 1)
})

test('a server that stopped, and one that starts again, agree with their anchor', async (t) => {
  const file = await history(t)
  for (let start = 0; start < 4; start++) assert.equal((await verdictOn(t, file)).state, 'agrees')
  const store = await openSqlite(t, file)
  await keep(store)
  assert.equal(anchorOf(store).trustVersion, 2)
  assert.equal(anchorOf(store).heads[0]?.number, 6, 'the last entry of the run before')
  await enter(store)
  assert.deepEqual(
    anchorOf(store).heads.map(({ writer, number }) => [writer, number]),
    [[store.writer, 1]],
  )
})

/** What somebody does to the database while the server is stopped, and what is said of it. */
const deeds: readonly (readonly [string, (file: string) => void, RegExp])[] = [
  [
    'the last checkpoint and the entries after the one before are deleted',
    (file) =>
      edit(
        file,
        'DELETE FROM checkpoints WHERE number = 2',
        'DELETE FROM audit WHERE number > 2',
        `UPDATE writers SET number = 2, hash = (SELECT hash FROM audit WHERE number = 2)`,
      ),
    /the last checkpoint of the audit log is 1, and was 2; the last audit entry of writer \S+ is 2, and was 6/,
  ],
  [
    'trust is set back with the log',
    (file) =>
      edit(
        file,
        `DELETE FROM trust WHERE id = 'b'`,
        `UPDATE meta SET value = 1 WHERE key = 'trust_version'`,
        'DELETE FROM checkpoints WHERE number = 2',
        'DELETE FROM audit WHERE number > 2',
        `UPDATE writers SET number = 2, hash = (SELECT hash FROM audit WHERE number = 2)`,
      ),
    /trust is at version 1, and was at 2/,
  ],
  [
    'entries that no checkpoint signs are deleted',
    (file) =>
      edit(
        file,
        'DELETE FROM audit WHERE number = 6',
        `UPDATE writers SET number = 5, hash = (SELECT hash FROM audit WHERE number = 5)`,
      ),
    /the last audit entry of writer \S+ is 5, and was 6/,
  ],
  [
    'the last entry is replaced, with the chain made again',
    (file) => {
      const database = new DatabaseSync(file)
      const hash = chainHash(
        String(database.prepare('SELECT hash FROM audit WHERE number = 5').get()?.['hash']),
        '{}',
      )
      database.prepare(`UPDATE audit SET body = '{}', hash = ? WHERE number = 6`).run(hash)
      database.prepare('UPDATE writers SET hash = ?').run(hash)
      database.close()
    },
    /audit entry 6 of writer \S+ is not the one that was written/,
  ],
  [
    'the last checkpoint is replaced by another one, and more are put behind it',
    (file) =>
      edit(
        file,
        `UPDATE checkpoints SET body = 'other' WHERE number = 2`,
        `INSERT INTO checkpoints VALUES (3, 'more', '')`,
      ),
    /checkpoint 2 of the audit log is not the one that was signed/,
  ],
  ['all writers are deleted', (file) => edit(file, 'DELETE FROM writers'), /is 0, and was 6/],
]

for (const [what, deed, finding] of deeds)
  test(`noticed at the start: ${what}`, async (t) => {
    const file = await history(t)
    deed(file)
    const verdict = await verdictOn(t, file)
    assert.ok(verdict.state === 'older', verdict.state)
    assert.match(verdict.findings.join('; '), finding)
    assert.equal((await verdictOn(t, file)).state, 'older', 'the first start did not make it right')
  })

test('a database of yesterday in the place of today’s is noticed', async (t) => {
  const file = await history(t)
  const yesterday = `${file}.yesterday`
  copyFileSync(file, yesterday)
  const store = await openSqlite(t, file)
  await keep(store)
  await create(store, objectRecord('c'))
  await store.close()
  copyFileSync(yesterday, file)
  const verdict = await verdictOn(t, file)
  assert.ok(verdict.state === 'older')
  assert.match(verdict.findings.join('; '), /is 0, and was 1/)
})

test('without its anchor a used store is not served, nor with one of another key; an unused one makes its own', async (t) => {
  const file = await history(t)
  const anchor = readFileSync(`${file}.anchor`)
  rmSync(`${file}.anchor`)
  assert.equal((await verdictOn(t, file)).state, 'missing')
  assert.equal((await verdictOn(t, file)).state, 'missing', 'the first start made none')
  writeFileSync(`${file}.anchor`, randomBytes(2 * anchorSlotBytes), { mode: 0o600 })
  assert.equal((await verdictOn(t, file)).state, 'unreadable')
  writeFileSync(`${file}.anchor`, '')
  assert.equal((await verdictOn(t, file)).state, 'unreadable')
  writeFileSync(`${file}.anchor`, anchor)
  assert.equal((await verdictOn(t, file)).state, 'agrees')

  const unused = await openSqlite(t, path.join(await storeFolder(t), 'mortise.db'))
  assert.equal((await unused.anchor(anchorKey, { needed: true, mode: 'keep' })).state, 'missing')
  assert.equal((await keep(unused, false)).state, 'new')
  assert.equal((await keep(unused, false)).state, 'agrees')
})

test('a store that was used needs its anchor, whatever its user says', async (t) => {
  const file = await history(t)
  rmSync(`${file}.anchor`)
  const store = await openSqlite(t, file)
  assert.equal((await keep(store, false)).state, 'missing')
})

test('an older anchor raises no alarm: it says less, not otherwise', async (t) => {
  const file = await history(t)
  copyFileSync(`${file}.anchor`, `${file}.old`)
  const store = await openSqlite(t, file)
  await keep(store)
  await create(store, objectRecord('c'))
  await checkpoint(store, 3)
  await store.close()
  copyFileSync(`${file}.old`, `${file}.anchor`)
  assert.equal((await verdictOn(t, file)).state, 'agrees')
})

test('a write of the anchor that was torn at any byte raises no alarm', async (t) => {
  const file = await history(t)
  const store = await openSqlite(t, file)
  const anchor = anchorOf(store)
  const before = encodeSlot({ ...anchor, sequence: 100, heads: [] }, anchorKey)
  const other = encodeSlot({ ...anchor, sequence: 101 }, anchorKey)
  const after = encodeSlot({ ...anchor, sequence: 102 }, anchorKey)
  const whole = after.indexOf(0)
  for (let cut = 0; cut <= whole; cut++) {
    const torn = Buffer.concat([after.subarray(0, cut), before.subarray(cut)])
    writeFileSync(`${file}.anchor`, Buffer.concat(cut % 2 === 0 ? [torn, other] : [other, torn]))
    const verdict = await look(store)
    assert.equal(verdict.state, 'agrees', `cut at ${cut}`)
    assert.ok(verdict.state === 'agrees' && verdict.anchor.sequence === (torn.equals(after) ? 102 : 101))
  }
  writeFileSync(
    `${file}.anchor`,
    Buffer.concat([after.subarray(0, 100), Buffer.alloc(anchorSlotBytes - 100), other]),
  )
  await keep(store)
  assert.ok(anchorOf(store).sequence > 101, 'it goes on from there')
})

test('pruning raises no alarm, with the anchor of before it either', async (t) => {
  const file = await history(t)
  copyFileSync(`${file}.anchor`, `${file}.old`)
  const store = await openSqlite(t, file)
  await keep(store)
  const { heads } = await store.auditHeads()
  await store.commit(
    change([{ type: 'prune', checkpoint: 2, beforeMs: Number.MAX_SAFE_INTEGER, upTo: heads }]),
  )
  await store.close()
  assert.equal((await verdictOn(t, file)).state, 'agrees')
  copyFileSync(`${file}.old`, `${file}.anchor`)
  assert.equal((await verdictOn(t, file)).state, 'agrees')
})

test('a clock that jumps raises no alarm', async (t) => {
  const file = await history(t)
  const yearMs = 365 * 24 * 3600_000
  for (const atMs of [Date.now() + 10 * yearMs, 0, Date.now() - yearMs, Date.now()]) {
    const clock = { ...systemClock, now: () => atMs }
    const store = await openSqliteStore({ file, clock, reserveBytes: 0, threads: threadsHere })
    t.after(() => store.close())
    assert.equal((await keep(store)).state, 'agrees', new Date(atMs).toISOString())
    await store.commit(change([trustRow('a')], { entries: [auditEntry({ atMs })] }))
    await checkpoint(store, ((await store.checkpoints(1))[0]?.number ?? 0) + 1)
    await store.close()
  }
})

test('a new anchor takes the place of whatever is there', async (t) => {
  const file = await history(t)
  edit(file, 'DELETE FROM writers', 'DELETE FROM audit', 'DELETE FROM checkpoints')
  const store = await openSqlite(t, file)
  assert.equal((await store.anchor(anchorKey, { needed: true, mode: 'anew' })).state, 'older')
  assert.equal((await look(store)).state, 'agrees')
  await create(store, objectRecord('c'))
  assert.deepEqual(
    anchorOf(store).heads.map(({ number }) => number),
    [1],
  )
  await store.close()
  assert.equal((await verdictOn(t, file)).state, 'agrees')
})

test('an anchor that cannot be read is no reason to serve', async (t) => {
  const file = await history(t)
  const store = await openSqlite(t, file)
  // What is in the way is put there after the folder was looked at.
  rmSync(`${file}.anchor`)
  mkdirSync(`${file}.anchor`)
  await assert.rejects(keep(store), /the anchor of the database: EISDIR/)
})
