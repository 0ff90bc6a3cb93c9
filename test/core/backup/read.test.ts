// What a backup's file gives back, and that whatever was done to the file is noticed before it is believed.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { assert as check, asyncProperty, integer, nat } from 'fast-check'
import { sealedChunkBytes } from '../../../src/core/backup/chunks.ts'
import { openFileKey } from '../../../src/core/backup/keys.ts'
import { encodeEnd, magic, trailerBytes } from '../../../src/core/backup/manifest.ts'
import { readManifest, readRecords } from '../../../src/core/backup/read.ts'
import type { DumpedRecord } from '../../../src/core/ports/backup.ts'
import {
  allRecords,
  dumpedObject,
  dumpOf,
  writeRecords,
  type WrittenBackup,
} from '../../support/store/backup-files.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import { storeFolder } from '../../support/store/store-place.ts'

/** Some five chunks. */
const records: readonly DumpedRecord[] = [
  { type: 'trustVersion', value: 7 },
  { type: 'secret', value: { name: 'mac-key', sealed: Buffer.from('sealed') } },
  { type: 'trust', value: { kind: 'client', id: 'é', body: '{}', mac: Buffer.from([0, 255]) } },
  ...Array.from({ length: 900 }, (_, n) => dumpedObject(`object-${n}`)),
  dumpedObject('large', Buffer.alloc(100_000, 9)),
]

async function written(t: TestContext, from: readonly DumpedRecord[] = records) {
  const file = path.join(await storeFolder(t), 'a.backup')
  const rootKey = new FaultyRootKey()
  return { file, rootKey, ...(await writeRecords(file, rootKey, dumpOf(from))) }
}

test('records come back as they were given, with the key that the root key opens', async (t) => {
  const { file, rootKey, manifest } = await written(t)
  const found = await readManifest(file)
  assert.deepEqual(found, manifest)
  assert.deepEqual(await allRecords(file, await openFileKey(found, rootKey)), records)
})

test('bodies that fill their last chunk to the byte, and empty ones', async (t) => {
  const empty = await written(t, [])
  assert.deepEqual(await allRecords(empty.file, empty.keys), [])
  const overhead = (await written(t, [dumpedObject('x', Buffer.alloc(0))])).manifest.body.bytes - 16
  // Base64 makes four bytes of three: a size that leaves none over is among these.
  for (const length of [-3, 0, 3]) {
    const bytes = Math.floor(((2 * 65_536 - overhead) / 4) * 3) + length
    const { file, keys } = await written(t, [dumpedObject('x', Buffer.alloc(bytes - (bytes % 3)))])
    assert.equal((await allRecords(file, keys)).length, 1)
  }
})

test('another root key than the one that sealed it is named', async (t) => {
  const { manifest, rootKey } = await written(t)
  await assert.rejects(openFileKey(manifest, new FaultyRootKey()), (error: Error) =>
    error.message.includes(rootKey.id),
  )
  const other = { ...manifest, id: 'another file' }
  await assert.rejects(openFileKey(other, rootKey), 'its wrapped key belongs to its file')
})

test('any byte that is changed is noticed', async (t) => {
  const { file, keys } = await written(t)
  const whole = readFileSync(file)
  await check(
    asyncProperty(nat(whole.length - 1), integer({ min: 1, max: 255 }), async (at, mask) => {
      const altered = Buffer.from(whole)
      altered[at] = (altered[at] ?? 0) ^ mask
      writeFileSync(file, altered)
      await assert.rejects(allRecords(file, keys), { name: 'BackupError' }, `byte ${at}`)
    }),
    { numRuns: 150 },
  )
})

test('a file that is cut off anywhere is noticed', async (t) => {
  const { file, keys } = await written(t)
  const whole = readFileSync(file)
  const ends = [
    0,
    1,
    magic.length,
    magic.length + sealedChunkBytes,
    whole.length - trailerBytes,
    whole.length - 1,
  ]
  for (const end of ends) {
    writeFileSync(file, whole.subarray(0, end))
    await assert.rejects(allRecords(file, keys), { name: 'BackupError' }, `cut at ${end}`)
  }
})

/** With another body, and a manifest that fits it and is signed: only the chunks themselves can tell. */
function withBody({ manifest, keys }: WrittenBackup, body: Buffer): Buffer {
  const begin = Buffer.concat([magic, body])
  const sha256 = createHash('sha256').update(begin).digest('hex')
  const fitting = { ...manifest, body: { ...manifest.body, bytes: body.length, sha256 } }
  return Buffer.concat([begin, encodeEnd(fitting, begin.length, keys.manifest)])
}

test('chunks that are left out, reordered, repeated or of another file are noticed before they are given', async (t) => {
  const { file, keys, manifest } = await written(t)
  const other = await written(t)
  const [whole, foreign] = [readFileSync(file), readFileSync(other.file)]
  const bodyEnd = Number(whole.readBigUInt64BE(whole.length - trailerBytes))
  const chunks: Buffer[] = []
  for (let at = magic.length; at < bodyEnd; at += sealedChunkBytes)
    chunks.push(whole.subarray(at, Math.min(bodyEnd, at + sealedChunkBytes)))
  const [a, b, ...rest] = chunks as [Buffer, Buffer, ...Buffer[]]
  assert.ok(rest.length >= 2, 'there are some')
  const ofOther = foreign.subarray(magic.length + sealedChunkBytes, magic.length + 2 * sealedChunkBytes)
  const bodies = {
    'one left out': [a, ...rest],
    'the last left out': chunks.slice(0, -1),
    'two swapped': [b, a, ...rest],
    'one repeated': [a, b, b, ...rest],
    'one of another file': [a, ofOther, ...rest],
  }
  for (const [what, body] of Object.entries(bodies)) {
    writeFileSync(file, withBody({ manifest, keys }, Buffer.concat(body)))
    await assert.rejects(allRecords(file, keys), /^BackupError: chunk \d of the backup does not open/, what)
  }
})

test('a manifest that was changed, or taken from another file, is noticed before any record', async (t) => {
  const { file, keys } = await written(t)
  const whole = readFileSync(file, 'latin1')
  writeFileSync(file, whole.replace('"trustVersion": 7', '"trustVersion": 8'), 'latin1')
  assert.equal((await readManifest(file)).trustVersion, 8, 'it can be read without a key')
  await assert.rejects(readRecords(file, keys).next(), /the manifest of the backup was altered/)
})

test('what is no backup, or of a newer format, is said', async (t) => {
  const { file } = await written(t)
  await assert.rejects(readManifest(`${file}.gone`), /there is no file/)
  await assert.rejects(readManifest(path.dirname(file)), /not a file/)
  for (const [content, reason] of [
    ['', /is not a backup of Mortise/],
    ['SQLite format 3\0 and so on', /is not a backup of Mortise/],
    ['mortise backup 2\n and so on', /format 2 of a newer version/],
    ['mortise backup 1\n', /is cut off/],
  ] as const) {
    writeFileSync(file, content)
    await assert.rejects(readManifest(file), reason)
  }
})
