// What every store must do with marks, which say that identifiers are destroyed: part of the store contract.

import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { test } from 'node:test'
import { MarksWalk } from '../../../../src/core/audit/marks-walk.ts'
import { dumpPageRecords } from '../../../../src/base/bounds.ts'
import { isBack, neverBack, type MarksEnd } from '../../../../src/core/ports/marks.ts'
import type { ObjectRecord } from '../../../../src/core/ports/objects.ts'
import type { Store } from '../../../../src/core/ports/store.ts'
import { conflict, markKey, openPlace, type MakePlace, type StorePlace } from '../store-place.ts'
import { change, create, objectRecord, objectWrite, waiting } from '../store-values.ts'

export function storeMarksContract(makePlace: MakePlace): void {
  appended(makePlace)
  putBack(makePlace)
  removed(makePlace)
  completed(makePlace)
  signedAnew(makePlace)
}

function appended(makePlace: MakePlace): void {
  test('a commit that destroys an object or brings it back appends a mark, and no other does', async (t) => {
    const { store } = await openPlace(t, makePlace)
    assert.equal(await store.marksEnd(), null)
    for (const id of ['a', 'b']) await create(store, objectRecord(id))
    await store.commit(change([objectWrite(objectRecord('a', { version: 2, state: 'Active' }))]))
    assert.deepEqual(await listed(store), [])
    await store.commit(change([objectWrite(gone('a', 3))]))
    await store.commit(change([objectWrite({ ...gone('a', 4), attributes: Buffer.from('others') })]))
    await store.commit(change([objectWrite(waiting('b', 2, 50))]))
    await store.commit(change([objectWrite({ ...waiting('b', 3, 50), attributes: Buffer.from('others') })]))
    await store.commit(change([objectWrite(objectRecord('b', { version: 4 }))]))
    await store.commit(change([objectWrite(objectRecord('b', { version: 5, state: 'Active' }))]))
    await store.commit(change([objectWrite(waiting('b', 6, 70))]))
    // Without what waits it is gone for good.
    await store.commit(change([objectWrite(gone('b', 7))]))
    const marks = [`a ${neverBack}`, 'b 50', `b ${isBack}`, 'b 70', `b ${neverBack}`]
    assert.deepEqual(await listed(store), marks)
    assert.deepEqual(await findings(store), [])
    assert.deepEqual(await listed(store, 2, 2), marks.slice(2, 4))
    assert.equal((await store.mark('instance-1', 'b'))?.number, 5)
    assert.equal(await store.mark('instance-1', 'c'), undefined)
    assert.equal(await store.mark('instance-2', 'a'), undefined)
    assert.equal((await store.object('instance-1', 'a'))?.isPutBack, false)
  })

  test('the first mark shuts out programs that know none', async (t) => {
    const { store, place } = await openPlace(t, makePlace)
    const features = async () =>
      (await place.edit('SELECT feature FROM least_version')).map(({ feature }) => feature)
    await create(store, objectRecord('a'))
    const failed = change([objectWrite(gone('a', 2))], { expect: { trustVersion: 99 } })
    await assert.rejects(store.commit(failed), conflict('trust'))
    assert.deepEqual(await features(), [])
    await store.commit(change([objectWrite(gone('a', 2))]))
    assert.deepEqual(await features(), ['marks'])
  })

  test('a change that fails leaves no mark, whatever shares its transaction', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const ids = Array.from({ length: 12 }, (_, n) => `o${n}`)
    for (const id of ids) await create(store, objectRecord(id))
    const expect = { trustVersion: 99 }
    const destroys = ids.map((id, n) => {
      const fails = n % 3 === 1
      const committed = store.commit(change([objectWrite(gone(id, 2))], fails ? { expect } : {}))
      return fails ? assert.rejects(committed, conflict('trust')) : committed
    })
    // One change with several objects, of which the last one fails.
    const writes = [gone('o1', 2), gone('o4', 2), gone('o7', 1)].map((record) => objectWrite(record))
    destroys.push(assert.rejects(store.commit(change(writes)), conflict('object')))
    await Promise.all(destroys)
    assert.equal((await listed(store)).length, 8)
    assert.deepEqual(await findings(store), [])
    for (const id of ['o1', 'o4', 'o7', 'o10']) assert.equal(await store.mark('instance-1', id), undefined)
  })

  test('several objects of one change have a mark each, with the same digest wherever they are read', async (t) => {
    const { store, place } = await openPlace(t, makePlace)
    const ids = Array.from({ length: 200 }, (_, n) => `o${n}`)
    await store.commit(change(ids.map((id) => objectWrite(objectRecord(id)))))
    await store.commit(change(ids.map((id) => objectWrite(gone(id, 2)))))
    assert.equal((await listed(store)).length, ids.length)
    assert.deepEqual(await findings(store), [])
    const end = await store.marksEnd()
    assert.equal(end?.number, ids.length)
    await store.close()
    const again = await reopened(t, place)
    assert.deepEqual(await again.marksEnd(), end)
    assert.deepEqual(await findings(again, end), [])
  })
}

const live = `UPDATE objects SET material = (SELECT m.id FROM material m WHERE length(m.sealed) = 7), state = 'Active',
  recoverable = NULL, recoverable_state = NULL, due_ms = NULL, marked = NULL WHERE unique_identifier = `

function putBack(makePlace: MakePlace): void {
  test('old rows of a destroyed object that are put back count as put back, and nothing brings them to life', async (t) => {
    const { store, place } = await openPlace(t, makePlace)
    for (const id of ['a', 'b', 'c']) await create(store, objectRecord(id))
    await store.commit(change([objectWrite(gone('a', 2)), objectWrite(waiting('b', 2, 50))]))
    await place.edit(`INSERT INTO material (sealed) VALUES (${place.bytes('old key')})`)
    for (const id of ['a', 'b']) await place.edit(`${live} '${id}'`)
    for (const id of ['a', 'b'])
      assert.deepEqual(
        [(await store.object('instance-1', id))?.isPutBack, (await store.object('instance-1', id))?.state],
        [true, 'Active'],
      )
    assert.equal((await store.object('instance-1', 'c'))?.isPutBack, false)
    assert.deepEqual(await putBackNow(store), ['a', 'b'])
    // They may be changed, and destroyed again.
    const sealed = Buffer.from('old key')
    await store.commit(change([objectWrite(objectRecord('a', { version: 3, sealed }))]))
    assert.equal((await store.object('instance-1', 'a'))?.isPutBack, true)
    await store.commit(change([objectWrite(gone('a', 4)), objectWrite(gone('b', 4))]))
    assert.deepEqual([...(await findings(store)), ...(await putBackNow(store))], [])
    assert.deepEqual(await listed(store), [`a ${neverBack}`, 'b 50', `b ${neverBack}`])
  })

  test('what waits to be brought back waits no longer than its mark says', async (t) => {
    const { store, place } = await openPlace(t, makePlace)
    await create(store, objectRecord('a'))
    await store.commit(change([objectWrite(waiting('a', 2, 50))]))
    await place.edit('UPDATE objects SET due_ms = 5000')
    assert.deepEqual(await putBackNow(store), ['a'])
    const back = objectWrite(objectRecord('a', { version: 3 }))
    await assert.rejects(store.commit(change([back])), conflict('mark'))
    await assert.rejects(store.commit(change([objectWrite(waiting('a', 3, 5000))])), conflict('mark'))
    await place.edit('UPDATE objects SET due_ms = 50')
    await store.commit(change([back]))
    assert.deepEqual(await listed(store), ['a 50', `a ${isBack}`])
  })

  test('an identifier whose rows were removed is not given again', async (t) => {
    const { store, place } = await openPlace(t, makePlace)
    await create(store, objectRecord('a'))
    await store.commit(change([objectWrite(gone('a', 2))]))
    await place.edit('DELETE FROM objects')
    await assert.rejects(create(store, objectRecord('a')), conflict('mark'))
    await store.commit(change([objectWrite(gone('a', 1))]))
    assert.deepEqual(await listed(store), [`a ${neverBack}`])
  })
}

const gap = (n: string) =>
  `removed from the database (number ${n}): if its old rows were put back, the key is served again`

function removed(makePlace: MakePlace): void {
  test('a mark that was removed, forged or replaced is found', async (t) => {
    const { store, place } = await openPlace(t, makePlace)
    const ids = ['a', 'b', 'c', 'd']
    for (const id of ids) await create(store, objectRecord(id))
    for (const id of ids) await store.commit(change([objectWrite(gone(id, 2))]))
    const end = await store.marksEnd()
    await place.edit('CREATE TABLE kept AS SELECT * FROM marks')
    const after = async (sql: string) => {
      await place.edit(sql)
      const found = (await findings(store, end)).join('; ')
      await place.edit('DELETE FROM marks')
      await place.edit('INSERT INTO marks SELECT * FROM kept')
      return found
    }
    assert.equal(await after('SELECT 1'), '')
    assert.equal(
      await after('DELETE FROM marks WHERE number = 2'),
      `1 mark of a destroyed key was ${gap('2')}`,
    )
    assert.equal(
      await after('DELETE FROM marks WHERE number = 4'),
      `1 mark of a destroyed key was ${gap('4')}`,
    )
    assert.equal(await after('DELETE FROM marks'), `4 marks of destroyed keys were ${gap('1 to 4')}`)
    const forged = 'altered, or not written by this server'
    const [one, other] = [
      await after(`UPDATE marks SET unique_identifier = 'x' WHERE number = 2`),
      await after(`UPDATE marks SET due_ms = 9 WHERE number = 1`),
    ]
    assert.equal(
      one,
      `1 mark of a destroyed key was ${forged} (x of the instance instance-1): the key does not open`,
    )
    assert.equal(
      other,
      `1 mark of a destroyed key was ${forged} (a of the instance instance-1): the key does not open`,
    )
    assert.match(
      await after(`INSERT INTO marks SELECT 5, instance_id, 'y', 0, mac, digest FROM marks WHERE number = 4`),
      /not written by this server \(y of/,
    )
    // The mark of another number has its own place, and no other.
    assert.match(
      await after(
        `UPDATE marks SET unique_identifier = 'b', mac = (SELECT mac FROM kept WHERE number = 2) WHERE number = 4`,
      ),
      /altered/,
    )
    assert.match(
      await after('UPDATE marks SET digest = (SELECT digest FROM kept WHERE number = 2) WHERE number = 4'),
      /not the one that this server wrote/,
    )
  })

  test('after marks were removed from the end, new ones take numbers above them', async (t) => {
    const { store, place } = await openPlace(t, makePlace)
    for (const id of ['a', 'b', 'c']) await create(store, objectRecord(id))
    for (const id of ['a', 'b']) await store.commit(change([objectWrite(gone(id, 2))]))
    await place.edit('DELETE FROM marks WHERE number = 2')
    // A change that fails after it destroyed something forgets none of them.
    const failing = change([objectWrite(gone('c', 2)), objectWrite(gone('a', 1))])
    await Promise.all([
      assert.rejects(store.commit(failing), conflict('object')),
      store.commit(change([objectWrite({ ...gone('a', 3), attributes: Buffer.from('others') })])),
    ])
    await store.commit(change([objectWrite(gone('c', 2))]))
    assert.deepEqual(
      (await store.marksAfter(0, 10)).map(({ number }) => number),
      [1, 3],
    )
    assert.match(
      (await findings(store)).join(),
      /^1 mark of a destroyed key was removed from the database \(number 2\)/,
    )
  })

  test('a forged mark closes its key for reading and brings none back, and decides no change', async (t) => {
    const { store, place } = await openPlace(t, makePlace)
    for (const id of ['a', 'b']) await create(store, objectRecord(id))
    const forge = (n: number, id: string, dueMs: number = neverBack) =>
      place.edit(`INSERT INTO marks (number, instance_id, unique_identifier, due_ms, mac, digest)
        VALUES (${n}, 'instance-1', '${id}', ${dueMs}, ${place.bytes('mac')}, ${place.bytes('digest')})`)
    await forge(1, 'a')
    await forge(2, 'new')
    await forge(3, 'b', isBack)
    assert.equal((await store.object('instance-1', 'a'))?.isPutBack, true)
    assert.equal((await store.object('instance-1', 'b'))?.isPutBack, true)
    await store.commit(change([objectWrite(objectRecord('a', { version: 2, state: 'Active' }))]))
    await create(store, objectRecord('new'))
    await store.commit(change([objectWrite(gone('a', 3))]))
    assert.deepEqual(await listed(store), ['a 0', 'new 0', `b ${isBack}`, `a ${neverBack}`])
    const { number, mac } = (await store.mark('instance-1', 'a')) ?? {}
    assert.deepEqual([number, mac?.length], [4, 32])
  })
}

function completed(makePlace: MakePlace): void {
  test('what was destroyed without marks is found, and gets its marks', async (t) => {
    const { store: marked, place } = await openPlace(t, makePlace)
    await create(marked, objectRecord('before'))
    await marked.commit(change([objectWrite(gone('before', 2))]))
    await marked.close()
    // As a program that knows no marks leaves it.
    const old = await place.open()
    t.after(() => old.close())
    for (const id of ['a', 'b', 'c', 'd']) await create(old, objectRecord(id))
    await old.commit(
      change([objectWrite(gone('a', 2)), objectWrite(waiting('b', 2, 50)), objectWrite(waiting('d', 2, 60))]),
    )
    await old.commit(change([objectWrite(objectRecord('d', { version: 3 }))]))
    assert.deepEqual(await listed(old), [`before ${neverBack}`])
    await old.close()
    const store = await reopened(t, place)
    const found = await store.unmarked(0, 10)
    assert.deepEqual(
      found.map(({ uniqueIdentifier }) => uniqueIdentifier),
      ['a', 'b'],
    )
    assert.deepEqual(await store.unmarked(0, 1), found.slice(0, 1))
    assert.deepEqual(await store.unmarked(found[0]?.sequence ?? 0, 10), found.slice(1))
    const marks = found.map(({ uniqueIdentifier }) => ({ ...mark, uniqueIdentifier }))
    await store.commit(change(marks))
    await store.commit(change(marks))
    assert.deepEqual(await listed(store), [`before ${neverBack}`, `a ${neverBack}`, 'b 50'])
    assert.deepEqual(await findings(store), [])
    assert.deepEqual(await store.unmarked(0, 10), [])
    await store.commit(change([objectWrite(objectRecord('b', { version: 3 }))]))
    assert.deepEqual((await listed(store)).at(-1), `b ${isBack}`)
  })

  test('what is brought back before its missing mark is appended gets none, and stays open', async (t) => {
    const { store: unused, place } = await openPlace(t, makePlace)
    await unused.close()
    const old = await place.open()
    t.after(() => old.close())
    for (const id of ['a', 'b']) await create(old, objectRecord(id))
    await old.commit(change([objectWrite(waiting('a', 2, 50)), objectWrite(gone('b', 2))]))
    await old.close()
    const store = await reopened(t, place)
    const marks = (await store.unmarked(0, 10)).map(({ uniqueIdentifier }) => ({ ...mark, uniqueIdentifier }))
    await store.commit(change([objectWrite(objectRecord('a', { version: 3 }))]))
    await store.commit(change(marks))
    assert.deepEqual(await listed(store), [`b ${neverBack}`])
    assert.equal((await store.object('instance-1', 'a'))?.isPutBack, false)
  })
}

function signedAnew(makePlace: MakePlace): void {
  test('marks are signed again under another key, without those that are left out, and go on from there', async (t) => {
    const { store, place } = await openPlace(t, makePlace)
    const ids = Array.from({ length: 2 * dumpPageRecords }, (_, n) => `o${n}`)
    // The store need not have their objects.
    for (let from = 0; from < ids.length; from += 250) {
      const writes = ids.slice(from, from + 250).map((id) => ({ ...mark, uniqueIdentifier: id }))
      await store.commit(change(writes))
    }
    await place.edit('DELETE FROM marks WHERE number = 1')
    const key = createSecretKey(Buffer.alloc(32, 11))
    await store.commit(change([{ type: 'marks-signed', key, without: [5, ids.length] }]))
    assert.deepEqual(await findings(store, null, key), [])
    const left = ids.filter((_, n) => ![0, 4, ids.length - 1].includes(n))
    assert.deepEqual(
      await listed(store),
      left.map((id) => `${id} ${neverBack}`),
    )
    await store.close()
    const again = await place.open()
    t.after(() => again.close())
    again.openMarks(key)
    await again.commit(change([{ ...mark, uniqueIdentifier: 'one more' }]))
    assert.deepEqual(await findings(again, null, key), [])
    assert.equal((await again.marksEnd())?.number, left.length + 1)
    await again.commit(
      change([
        { type: 'marks-signed', key, without: Array.from({ length: left.length + 1 }, (_, n) => n + 1) },
      ]),
    )
    assert.equal(await again.marksEnd(), null)
  })
}

const mark = { type: 'mark', instanceId: 'instance-1' } as const

async function reopened(t: { after(work: () => Promise<void>): void }, place: StorePlace): Promise<Store> {
  const store = await place.open()
  t.after(() => store.close())
  store.openMarks(markKey)
  return store
}

function gone(id: string, version: number): ObjectRecord {
  return objectRecord(id, { version, state: 'Destroyed', sealed: null, dataKeyId: null })
}

async function listed(store: Store, after = 0, limit = 10_000): Promise<readonly string[]> {
  return (await store.marksAfter(after, limit)).map(({ uniqueIdentifier: id, dueMs }) => `${id} ${dueMs}`)
}

/** Identifiers whose rows say less than their last mark. */
async function putBackNow(store: Store): Promise<readonly string[]> {
  const marks = await store.marksAfter(0, 10_000)
  return marks.flatMap(({ isPutBack, uniqueIdentifier }) => (isPutBack ? [uniqueIdentifier] : []))
}

async function findings(
  store: Store,
  known: MarksEnd | null = null,
  key = markKey,
): Promise<readonly string[]> {
  const walk = new MarksWalk(key, known)
  for (const mark of await store.marksAfter(0, 10_000)) walk.take(mark)
  assert.deepEqual(walk.end, await store.marksEnd())
  return walk.findings()
}
