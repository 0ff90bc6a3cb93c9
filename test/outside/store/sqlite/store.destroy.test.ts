// Destroying removes the sealed material for good (design: invariant 6): its bytes are in no file of the store
// soon, also when something else reads the database for a while. `destroyedGoneMs` is short here, to wait for less.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { SecretRecord } from '../../../../src/core/ports/secrets.ts'
import { destroyedGoneMs } from '../../../../src/outside/store/sqlite/open.ts'
import { textsInFiles } from '../../../support/store/store-grep.ts'
import { openSqlite, storeFolder } from '../../../support/store/store-place.ts'
import {
  change,
  create,
  dataKeyRecord,
  objectRecord,
  objectWrite,
} from '../../../support/store/store-values.ts'
import { until } from '../../../support/time/until.ts'

const goneMs = 400

/** Hex of random bytes; the middle and the ends are looked for, since material may lie on several pages. */
function material(bytes: number): string {
  return randomBytes(bytes).toString('hex')
}

function parts(text: string): string[] {
  const middle = text.length / 2
  return [text.slice(0, 24), text.slice(middle - 12, middle + 12), text.slice(-24)]
}

test('destroyed and replaced material leaves the database and its log, what lives stays', async (t) => {
  const folder = await storeFolder(t)
  const file = path.join(folder, 'mortise.db')
  const files = [file, `${file}-wal`]
  const store = await openSqlite(t, file, { destroyedGoneMs: goneMs })
  const objects = Array.from({ length: 120 }, (_, n) => ({
    id: `o${n}`,
    text: material(n % 10 === 0 ? 9_000 : 40 + n),
  }))
  for (const { id, text } of objects) await create(store, objectRecord(id, { sealed: Buffer.from(text) }))
  const all = objects.flatMap(({ text }) => parts(text))
  assert.deepEqual(textsInFiles(all, files), all, 'the search finds what is there')

  const gone = objects.filter((_, n) => n % 3 !== 1)
  for (const [n, { id, text }] of gone.entries()) {
    // Destroyed; sealed again, of another length and of the same.
    const sealed = [null, Buffer.from(material(50)), Buffer.from(material(text.length / 2))][n % 3] ?? null
    const record = objectRecord(id, { version: 2, state: sealed ? 'Active' : 'Destroyed', sealed })
    await store.commit(change([objectWrite(record)]))
  }
  const goneTexts = gone.flatMap(({ text }) => parts(text))
  await untilGone(files, goneTexts)
  const kept = objects.filter((object) => !gone.includes(object))
  for (const { id, text } of kept)
    assert.equal(Buffer.from((await store.object('instance-1', id))?.sealed ?? []).toString(), text)
})

test('material that waits stays where it is, and leaves the database and its log when it is removed', async (t) => {
  const file = path.join(await storeFolder(t), 'mortise.db')
  const files = [file, `${file}-wal`]
  const store = await openSqlite(t, file, { destroyedGoneMs: goneMs })
  const texts = new Map(Array.from({ length: 40 }, (_, n) => [`o${n}`, material(n % 10 === 0 ? 9_000 : 60)]))
  const all = [...texts.values()].flatMap(parts)
  for (const [id, text] of texts) {
    const record = objectRecord(id, { sealed: Buffer.from(text) })
    await create(store, record)
    const { sealed, dataKeyId, state } = record
    const recoverable = sealed && { sealed, dataKeyId, state, dueMs: 1 }
    const gone = { ...record, version: 2, state: 'Destroyed', sealed: null, dataKeyId: null }
    await store.commit(change([objectWrite({ ...gone, ...(recoverable && { recoverable }) })]))
  }
  // One comes back, one is destroyed at once after that, one given up by a change, the others removed.
  const sealed = Buffer.from(texts.get('o1') ?? '')
  await store.commit(change([objectWrite(objectRecord('o1', { version: 3, sealed }))]))
  await store.commit(
    change([objectWrite(objectRecord('o2', { version: 3, sealed: Buffer.from(texts.get('o2') ?? '') }))]),
  )
  assert.deepEqual(textsInFiles(all, files), all)
  for (const [id, version] of [
    ['o2', 4],
    ['o3', 3],
  ] as const)
    await store.commit(change([objectWrite(objectRecord(id, { version, state: 'Destroyed', sealed: null }))]))
  const instanceId = 'instance-1'
  await store.commit(change([{ type: 'recoverable-removed', instanceId, uniqueIdentifier: 'o4' }]))
  await store.commit(change([{ type: 'recoverable-removed', instanceId }]))
  const kept = parts(sealed.toString())
  await untilGone(files, all, kept.length)
  assert.deepEqual(textsInFiles(all, files), kept)
  assert.equal(
    Buffer.from((await store.object(instanceId, 'o1'))?.sealed ?? []).toString(),
    sealed.toString(),
  )
})

test('a reader that holds the log up only delays it, and is named in the log when it takes too long', async (t) => {
  const file = path.join(await storeFolder(t), 'mortise.db')
  const files = [file, `${file}-wal`]
  const { promise: late, resolve: onTrouble } = Promise.withResolvers<string>()
  const store = await openSqlite(t, file, { destroyedGoneMs: goneMs, onTrouble })
  const text = material(64)
  await create(store, objectRecord('a', { sealed: Buffer.from(text) }))

  const reader = new DatabaseSync(file, { readOnly: true })
  t.after(() => reader.isOpen && reader.close())
  reader.exec('BEGIN')
  reader.prepare('SELECT count(*) FROM objects').get()
  await store.commit(
    change([objectWrite(objectRecord('a', { version: 2, state: 'Destroyed', sealed: null }))]),
  )
  assert.match(
    await late,
    /destroyed material is still in .*: a backup or another program reads the database/,
  )
  assert.equal(textsInFiles([text], files).length, 1, 'the reader still sees the old state, so it is there')
  await create(store, objectRecord('b'))
  assert.ok(await store.object('instance-1', 'b'), 'nobody waits for that reader')
  reader.exec('COMMIT')
  await untilGone(files, [text])
})

test('closing right after a destroy leaves nothing behind', async (t) => {
  const file = path.join(await storeFolder(t), 'mortise.db')
  const first = await openSqlite(t, file)
  const text = material(64)
  await create(first, objectRecord('a', { sealed: Buffer.from(text) }))
  await first.commit(
    change([objectWrite(objectRecord('a', { version: 2, state: 'Destroyed', sealed: null }))]),
  )
  await first.close()
  assert.deepEqual(textsInFiles([text], [file, `${file}-wal`]), [])
})

test('what a killed process had destroyed leaves the log after the next start', async (t) => {
  const file = path.join(await storeFolder(t), 'mortise.db')
  const files = [file, `${file}-wal`]
  const text = material(64)
  const child = path.join(import.meta.dirname, '../../../support/store/store-child.ts')
  const running = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', child, 'destroy', file, text],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const ended = once(running, 'exit')
  for await (const line of createInterface({ input: running.stdout })) if (line === 'destroyed') break
  running.kill('SIGKILL')
  await ended
  assert.equal(textsInFiles([text], files).length, 1)
  const store = await openSqlite(t, file, { destroyedGoneMs: goneMs })
  assert.equal((await store.object('instance-1', 'a'))?.state, 'Destroyed')
  await untilGone(files, [text])
})

test('data keys and secrets that were removed or replaced leave the database and its log too', async (t) => {
  const file = path.join(await storeFolder(t), 'mortise.db')
  const files = [file, `${file}-wal`]
  const store = await openSqlite(t, file, { destroyedGoneMs: goneMs })
  const texts = Array.from({ length: 60 }, () => material(60))
  for (const [n, text] of texts.entries())
    await store.commit(
      change([
        { type: 'data-key', record: dataKeyRecord(`k${n}`, text.slice(0, 60)) },
        { type: 'new-secret', record: secret(n, text.slice(60)) },
      ]),
    )
  const all = texts.flatMap((text) => [text.slice(10, 50), text.slice(70, 110)])
  assert.deepEqual(textsInFiles(all, files), all, 'the search finds what is there')

  const gone = texts.slice(0, 40)
  for (const [n, text] of gone.entries()) {
    const [was, other] = [Buffer.from(text.slice(0, 60)), material(n % 4 === 0 ? 30 : 41)]
    await store.commit(
      n % 2 === 0
        ? change([
            { type: 'data-key-rewrapped', was, record: dataKeyRecord(`k${n}`, other) },
            { type: 'secret', record: secret(n, other) },
          ])
        : change([
            { type: 'data-key-removed', id: `k${n}` },
            { type: 'secret-removed', name: `s${n}` },
          ]),
    )
  }
  const goneTexts = all.slice(0, 80)
  await untilGone(files, goneTexts)
  assert.equal((await store.secrets()).length, 40)
  assert.deepEqual(textsInFiles(all.slice(80), files), all.slice(80), 'what lives stays')
})

function secret(n: number, text: string): SecretRecord {
  return { name: `s${n}`, sealed: Buffer.from(text) }
}

/** Within the time that is promised, no more of the texts are in the files than may be left. */
function untilGone(files: readonly string[], texts: readonly string[], left = 0): Promise<void> {
  const isGone = () => textsInFiles(texts, files).length === left
  return until(isGone, 'what was destroyed is gone', destroyedGoneMs)
}
