// A server finds the copies of an object at the service: which listed copies are its own, and which of them lies above.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ReadCopy } from '../../../../src/core/custody/keyprotect/copies.ts'
import {
  describeKey,
  describeMarker,
  standardKeyName,
} from '../../../../src/core/custody/keyprotect/description.ts'
import { generationOf, Lookup } from '../../../../src/core/custody/keyprotect/lookup.ts'
import { PayloadError } from '../../../../src/core/custody/keyprotect/payload.ts'
import type { FindOptions, StandardKeyEntry } from '../../../../src/core/ports/root-key.ts'
import { RootKeyError } from '../../../../src/core/ports/root-key.ts'
import type { StandardKeyQuery, StandardKeyRecord } from '../../../../src/core/ports/secrets.ts'
import { standardKeyClockSkewMs } from '../../../../src/core/custody/keyprotect/bounds.ts'
import { FaultyRootKey } from '../../../support/root-keys/faulty-root-key.ts'
import { reaches } from '../../../support/root-keys/rootkey-contract.ts'

const createdMs = 1_900_000_000_000

/** `generations`: of what each copy holds, by its id; a text: how it fails to be read. */
function open(
  listed: readonly Partial<StandardKeyEntry>[],
  generations: Readonly<Record<string, number | string>> = {},
) {
  const rootKey = new FaultyRootKey()
  const asked: { name: string; wanted: FindOptions | undefined }[] = []
  const reads: string[] = []
  rootKey.standardKeys.find = async (name, wanted) => {
    asked.push({ name, wanted })
    return listed.map((one) => ({
      id: 'x',
      name,
      description: '',
      deleted: false,
      createdMs: null,
      ageMs: null,
      ...one,
    }))
  }
  const read = async (_rootKey: unknown, id: string) => {
    reads.push(id)
    const generation = generations[id]
    if (typeof generation === 'number') return { id, header: { generation }, bytes: Buffer.of(1) } as ReadCopy
    throw generation === 'altered'
      ? new PayloadError('altered')
      : new RootKeyError('wrapped-form', 'does not open')
  }
  const rows = [{ id: 's', createdMs }] as StandardKeyRecord[]
  const standardKeys = async ({ afterId = '', limit }: StandardKeyQuery) =>
    rows.filter(({ id }) => id > afterId).slice(0, limit)
  const store = { standardKeys }
  const lookup = new Lookup({ store, openRootKey: async () => rootKey, copies: { read } })
  const place = { rootKeyUri: rootKey.uri, rootKeyId: rootKey.id, standardKeyId: 's', generation: 3 }
  return { rootKey, asked, reads, rows, lookup, place }
}

const said = (rootKeyId: string, generation: number, instanceId = 'i') =>
  describeKey({ instanceId, rootKeyId, generation, closing: null })

test('of what the service lists, only keys of this instance under this root key are its copies', async () => {
  const probe = open([])
  const { id: rootKeyId } = probe.rootKey
  const says = { way: 'stays', place: '' } as const
  const listed = [
    { id: 'own', description: said(rootKeyId, 4) },
    { id: 'of another instance', description: said(rootKeyId, 4, 'j') },
    { id: 'under another root key', description: said('another', 4) },
    { id: 'marker', description: describeMarker({ instanceId: 'i', rootKeyId, number: 1, epoch: 0, says }) },
    { id: 'foreign', description: 'made by hand' },
  ]
  probe.rootKey.standardKeys.find = async (name, wanted) => {
    probe.asked.push({ name, wanted })
    return listed.map((one) => ({ name, deleted: false, createdMs: null, ageMs: null, ...one }))
  }
  const found = await probe.lookup.find({ id: 'i' }, 'k', probe.place)
  assert.deepEqual(
    found.map(({ id, rootKey }) => [id, rootKey]),
    [['own', probe.rootKey]],
  )
  const [{ name, wanted } = { name: '', wanted: undefined }] = probe.asked
  assert.equal(name, standardKeyName('k'))
  assert.equal(wanted?.sinceMs, createdMs - standardKeyClockSkewMs)
  await probe.lookup.find({ id: 'i' }, 'k', { ...probe.place, standardKeyId: 'unknown' })
  assert.equal(probe.asked[1]?.wanted?.sinceMs, undefined, 'all of them, where the row is not known')
  const left = Array.from({ length: 1200 }, (_, at) => ({ id: `left ${at}` }) as StandardKeyRecord)
  probe.rows.unshift(...left.toSorted((a, b) => (a.id < b.id ? -1 : 1)))
  await probe.lookup.find({ id: 'i' }, 'k', probe.place)
  const sinceMs = createdMs - standardKeyClockSkewMs
  assert.equal(
    probe.asked[2]?.wanted?.sinceMs,
    sinceMs,
    'however many copies are left that cannot be deleted',
  )
})

test('the highest copy above the known one that opens counts, whatever its description says', async () => {
  const table: readonly [
    string,
    readonly [string, number][],
    Readonly<Record<string, number | string>>,
    string | undefined,
    string,
  ][] = [
    [
      'nothing above',
      [
        ['a', 2],
        ['b', 3],
      ],
      { a: 2, b: 3 },
      undefined,
      '',
    ],
    ['one above', [['a', 4]], { a: 4 }, 'a', 'a'],
    [
      'the highest first',
      [
        ['a', 4],
        ['b', 6],
        ['c', 5],
      ],
      { a: 4, b: 6, c: 5 },
      'b',
      'b',
    ],
    [
      'the highest is closed',
      [
        ['a', 4],
        ['b', 5],
      ],
      { a: 4, b: 'closed' },
      'a',
      'b a',
    ],
    [
      'the highest was altered',
      [
        ['a', 4],
        ['b', 5],
      ],
      { a: 4, b: 'altered' },
      'a',
      'b a',
    ],
    [
      'the highest is another key',
      [
        ['a', 4],
        ['other', 5],
      ],
      { a: 4, other: 5 },
      'a',
      'other a',
    ],
    ['its content is not above', [['a', 9]], { a: 3 }, undefined, 'a'],
    [
      'of the same generation, by id',
      [
        ['b', 4],
        ['a', 4],
      ],
      { a: 4, b: 4 },
      'a',
      'a',
    ],
  ]
  for (const [what, listed, generations, expected, inOrder] of table) {
    const { rootKey, reads, lookup, place } = open([], generations)
    rootKey.standardKeys.find = async (name) =>
      listed.map(([id, generation]) => {
        const description = said(rootKey.id, generation)
        return { id, name, description, deleted: false, createdMs: null, ageMs: null }
      })
    assert.equal(
      (await lookup.higher({ id: 'i' }, 'k', place, ({ id }) => id === 'other'))?.id,
      expected,
      what,
    )
    assert.equal(reads.join(' '), inOrder, what)
  }
})

test('a description says its generation, or none', () => {
  assert.equal(generationOf({ description: said('r', 7) }), 7)
  assert.equal(generationOf({ description: 'made by hand' }), 0)
})

test('a copy that does not open is told from one that does not exist by asking for it', async () => {
  const { rootKey, lookup } = open([], { altered: 'altered' })
  const id = await rootKey.standardKeys.create({
    name: 'mortise-k',
    description: 'by hand',
    payload: Buffer.of(1),
  })
  const of = { instanceId: 'i', identifier: 'k' }
  assert.equal(await lookup.read(rootKey, id, of), 'closed')
  assert.equal(await lookup.read(rootKey, 'no such key', of), 'deleted')
  assert.equal(await lookup.read(rootKey, 'altered', of), 'closed')
  rootKey.fault = 'unreachable'
  await assert.rejects(lookup.read(rootKey, id, of), reaches('unreachable'))
})

test('a root key that another one has replaced is refused', async () => {
  const { rootKey, lookup, place } = open([])
  assert.equal(await lookup.rootKeyOf(place, 'i'), rootKey)
  await assert.rejects(
    lookup.rootKeyOf({ ...place, rootKeyId: 'another' }, 'i'),
    reaches('root-key', /is another root key/),
  )
})
