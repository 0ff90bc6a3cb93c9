// The journal of an instance as bytes: whatever is entered comes back, in parts that fit, and whatever else is read
// gives one kind of error.

import assert from 'node:assert/strict'
import { createSecretKey, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { deflateRawSync } from 'node:zlib'
import * as fc from 'fast-check'
import {
  JournalDamaged,
  journalPartName,
  journalPartNumber,
  openPart,
  packJournal,
  partHeader,
  pieceBytesMax,
  sealPart,
  unpackRun,
  type JournalEntry,
  type JournalHeader,
  type JournalItem,
  type JournalRun,
} from '../../../src/keys/journal/format.ts'
import { limits } from '../../../src/limits.ts'

const dataKey = createSecretKey(randomBytes(32))
const header: JournalHeader = {
  format: 1,
  kind: 'journal',
  instance: '5d1f2a4e-0000-4000-8000-000000000001',
  number: 1_764_000_000_000,
  generation: 1,
  run: 'r1',
  piece: 0,
  pieces: 1,
  dataKeyId: 'd1',
  wrapped: randomBytes(300).toString('base64'),
  keyVersion: 'v1',
}

const entries: fc.Arbitrary<JournalEntry> = fc.record({
  kind: fc.constant('object' as const),
  uniqueIdentifier: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
  objectType: fc.constantFrom('SymmetricKey', 'SecretData', 'OpaqueObject'),
  state: fc.constantFrom('PreActive', 'Active', 'Destroyed'),
  version: fc.integer({ min: 1 }),
  createdMs: fc.integer({ min: 0 }),
  generation: fc.oneof(
    fc.integer({ min: 1 }),
    fc.constant(null),
    fc.constant('data-key' as const),
  ) satisfies fc.Arbitrary<JournalEntry['generation']>,
  rootKeyId: fc.option(fc.uuid()),
  attributes: fc.uint8Array({ maxLength: 3_000 }),
})
const settings: fc.Arbitrary<JournalItem> = fc.record({
  kind: fc.constant('settings' as const),
  settings: fc.record({
    name: fc.string({ unit: 'grapheme' }),
    cacheSeconds: fc.nat(),
    outageSeconds: fc.nat(),
    expiredGraceDays: fc.nat(),
    portable: fc.boolean(),
    createdMs: fc.nat(),
  }),
})
const whole: fc.Arbitrary<JournalItem> = fc.record({
  kind: fc.constant('whole' as const),
  from: fc.nat(),
  moving: fc.boolean(),
})
const items = fc.array(fc.oneof({ weight: 8, arbitrary: entries }, settings, whole), { maxLength: 150 })

function plain(all: readonly JournalItem[]): unknown {
  const shown = all.map((item) =>
    item.kind === 'object' ? { ...item, attributes: Buffer.from(item.attributes).toString('hex') } : item,
  )
  return JSON.parse(JSON.stringify(shown))
}

async function runsOf(all: readonly JournalItem[], bytesMax: number): Promise<JournalRun[]> {
  const runs: JournalRun[] = []
  for await (const run of packJournal(all, bytesMax)) runs.push(run)
  return runs
}

test('what is packed comes back in order, in pieces that fit', async () => {
  await fc.assert(
    fc.asyncProperty(items, fc.integer({ min: 200, max: 7_000 }), async (all, bytesMax) => {
      const runs = await runsOf(all, bytesMax)
      const back = await Promise.all(runs.map(({ pieces }) => unpackRun(pieces)))
      assert.deepEqual(plain(back.flat()), plain(all))
      for (const { items: of, pieces } of runs) {
        assert.ok(pieces.every(({ length }) => length <= bytesMax))
        assert.ok(pieces.length === 1 || of.length === 1, 'only what does not fit alone is cut')
      }
    }),
    { numRuns: 60 },
  )
})

test('an object with the largest attributes is cut into pieces; keys as vSphere has them share parts', async () => {
  const entry: JournalEntry = {
    kind: 'object',
    uniqueIdentifier: 'k'.repeat(limits.uniqueIdentifierBytesMax),
    objectType: 'SymmetricKey',
    state: 'Active',
    version: 7,
    createdMs: 1,
    generation: 1,
    rootKeyId: 'r',
    attributes: randomBytes(limits.objectAttributesBytesMax + 1),
  }
  const [run, ...others] = await runsOf([entry], 7_000)
  assert.ok(run)
  assert.equal(others.length, 0)
  assert.equal(run.pieces.length, Math.ceil(run.pieces.reduce((sum, { length }) => sum + length, 0) / 7_000))
  assert.deepEqual(plain(await unpackRun(run.pieces)), plain([entry]))
  const zeros = { ...entry, attributes: Buffer.alloc(limits.objectAttributesBytesMax + 1) }
  const many = await runsOf(
    Array.from({ length: 40 }, () => zeros),
    7_000,
  )
  const back = await Promise.all(many.map(({ pieces }) => unpackRun(pieces)))
  assert.equal(back.flat().length, 40, 'what deflates well does not become too large to be read')
})

test('a part opens under its own header and key, and whatever else is read gives JournalDamaged', async () => {
  const [run] = await runsOf([{ kind: 'whole', from: 1, moving: false }], 7_000)
  const piece = run?.pieces[0] ?? assert.fail('no piece')
  const payload = sealPart(dataKey, header, piece)
  assert.deepEqual(partHeader(payload), header)
  assert.deepEqual(openPart(dataKey, payload), piece)
  assert.equal(payload.includes(piece), false)
  const damaged = (bytes: Uint8Array) => {
    try {
      partHeader(bytes)
      openPart(dataKey, bytes)
    } catch (error) {
      assert.ok(error instanceof JournalDamaged, String(error))
      return
    }
    assert.fail('damaged bytes opened')
  }
  for (let at = 0; at < payload.length; at++) {
    const changed = Buffer.from(payload)
    changed[at] = (changed[at] ?? 0) ^ 1
    damaged(changed)
    damaged(payload.subarray(0, at))
  }
  assert.throws(() => openPart(createSecretKey(randomBytes(32)), payload), JournalDamaged)
})

async function readAny(bytes: Uint8Array): Promise<void> {
  await unpackRun([bytes]).catch((error: unknown) =>
    assert.ok(error instanceof JournalDamaged, String(error)),
  )
}

test('a run of any bytes gives items or JournalDamaged', async () => {
  const [run] = await runsOf([{ kind: 'whole', from: 1, moving: false }], 7_000)
  const good = run?.pieces[0] ?? assert.fail('no piece')
  for (let at = 0; at < good.length; at++) await readAny(good.subarray(0, at))
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.json(), async (raw, json) => {
      await readAny(raw)
      await readAny(deflateRawSync(raw))
      const length = Buffer.alloc(4)
      length.writeUInt32BE(Buffer.byteLength(json))
      await readAny(deflateRawSync(Buffer.concat([length, Buffer.from(json), Buffer.alloc(4)])))
    }),
  )
  await readAny(deflateRawSync(Buffer.alloc(64 * 1024 * 1024)))
})

test('names of parts tell their number; a part has room for its longest header', () => {
  const id = header.instance
  assert.equal(journalPartNumber(id, journalPartName(id, 12)), 12)
  for (const name of [
    `mortise-journal-${id}-`,
    `mortise-journal-${id}-0`,
    `mortise-journal-x${id}-1`,
    'mortise-12',
  ])
    assert.equal(journalPartNumber(id, name), undefined)
  const room = pieceBytesMax(7_500, header)
  const grown = { ...header, number: 99_999_999_999_999, generation: 99_999_999, piece: 9_998, pieces: 9_999 }
  assert.ok(sealPart(dataKey, grown, Buffer.alloc(room)).length <= 7_500)
})
