import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import type { PlacedEntry } from '../../../src/core/ports/audit.ts'
import { fileTarget } from '../../../src/features/siem/file-target.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-siem-'))
after(() => rmSync(folder, { recursive: true }))
const running = new AbortController().signal

const entry = (place: number): PlacedEntry => ({
  place,
  writer: 'w',
  number: place,
  hash: 'ab',
  body: JSON.stringify({ writer: 'w', number: place, atMs: 0 }),
})
const numbersIn = (file: string) =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { number: number }).number)

test('entries are lines of JSON, taken once they are written, for its owner and group', async () => {
  const file = path.join(folder, 'audit.jsonl')
  const session = await fileTarget(file).open(running)
  assert.equal(await session.taken(), 0)
  await session.send([entry(1), entry(2)])
  await session.send([])
  assert.equal(await session.taken(), 2)
  await session.close()
  assert.deepEqual(numbersIn(file), [1, 2])
  assert.equal(statSync(file).mode & 0o777, 0o640 & ~process.umask())
})

test('a line that a killed process left unfinished is removed, whole ones stay', async () => {
  const file = path.join(folder, 'torn.jsonl')
  appendFileSync(file, `{"number":1}\n{"number":2,"x":"${'y'.repeat(200_000)}`)
  const session = await fileTarget(file).open(running)
  await session.send([entry(2)])
  await session.close()
  assert.deepEqual(numbersIn(file), [1, 2])
})

test('a file with nothing but the beginning of a line becomes empty', async () => {
  const file = path.join(folder, 'begun.jsonl')
  appendFileSync(file, '{"num')
  const session = await fileTarget(file).open(running)
  await session.close()
  assert.equal(statSync(file).size, 0)
})

test('after a rotation the next entries go into a new file', async () => {
  const file = path.join(folder, 'rotated.jsonl')
  const session = await fileTarget(file).open(running)
  await session.send([entry(1)])
  renameSync(file, `${file}.1`)
  await session.send([entry(2)])
  rmSync(file)
  await session.send([entry(3)])
  await session.close()
  assert.deepEqual(numbersIn(`${file}.1`), [1])
  assert.deepEqual(numbersIn(file), [3])
})

test('a new file has its name on the disk before what it took counts, also after a rotation', async (t) => {
  const file = path.join(folder, 'named.jsonl')
  const synced: string[] = []
  const { open } = fs
  t.mock.method(fs, 'open', async (...what: Parameters<typeof open>) => {
    const handle = await open(...what)
    const sync = handle.sync.bind(handle)
    handle.sync = async () => {
      await sync()
      synced.push(String(what[0]))
    }
    return handle
  })
  syncBuiltinESMExports()
  t.after(() => {
    t.mock.restoreAll()
    syncBuiltinESMExports()
  })
  const session = await fileTarget(file).open(running)
  assert.deepEqual(synced, [folder])
  await session.send([entry(1)])
  renameSync(file, `${file}.1`)
  await session.send([entry(2)])
  assert.deepEqual(synced, [folder, folder])
  await session.close()
})

test('a file that cannot be written says what to do', async () => {
  const opening = (file: string) => fileTarget(path.join(folder, file)).open(running)
  await assert.rejects(
    opening('none/audit.jsonl'),
    /^Error: the folder \S+none does not exist: create it .*ENOENT/,
  )
  appendFileSync(path.join(folder, 'file'), '')
  await assert.rejects(
    opening('file/audit.jsonl'),
    /^Error: \S+file is no folder: correct siem\.file .*ENOTDIR/,
  )
  await assert.rejects(opening('.'), /^Error: it is a folder: name a file in siem\.file .*EISDIR/)
})

test('a folder that goes while the server runs is said, too', async () => {
  const away = path.join(folder, 'away')
  mkdirSync(away)
  const session = await fileTarget(path.join(away, 'audit.jsonl')).open(running)
  rmSync(away, { recursive: true })
  await assert.rejects(session.send([entry(1)]), /^Error: the folder \S+away does not exist/)
  await session.close()
})
