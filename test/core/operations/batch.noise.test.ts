// Requests that are nearly right: each operation's request, with random changes of its values, its items and its bytes.
// Every answer is in the request's version and has a reason, never a General Failure, which would be a bug of ours.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { encodeRequest } from '../../../src/wire/kmip/client-message.ts'
import { encodeRequestPayload } from '../../../src/wire/kmip/payload.ts'
import { attributeFact, attributeNames } from '../../../src/wire/kmip/attribute-table.ts'
import { operationExistsIn } from '../../../src/wire/kmip/operations.ts'
import { atLeast } from '../../../src/wire/kmip/version.ts'
import { newer, served, type Asked, type KmipSession } from '../../support/clients/kmip-session.ts'
import { useServer, type RunningServer } from '../../support/server/running.ts'
import {
  newerSample,
  operationsInOrder,
  sampleRequests,
  sampleVersion,
} from '../../support/clients/sample-requests.ts'
import { readAs } from '../../support/clients/said-in-version.ts'
import {
  all,
  find,
  inside,
  numberOf,
  read,
  tags,
  types,
  write,
  type Item,
} from '../../support/clients/wire.ts'

let server: RunningServer
let session: KmipSession
useServer((started, opened) => {
  server = started
  session = opened
})

const generalFailure = 0x100

type Served = (typeof served)[number] | (typeof newer)[number]

function requests(version: Served, UniqueIdentifier: string): Asked[] {
  const names = operationsInOrder.filter((name) =>
    atLeast(version, '2.0') ? operationExistsIn(name, version) : !atLeast(sampleVersion(name), '2.0'),
  )
  return names.map((operation) => {
    const about = { UniqueIdentifier, word: 'noise' }
    const isNewer =
      atLeast(version, '2.0') && !atLeast(sampleVersion(operation), atLeast(version, '3.0') ? '3.0' : '2.0')
    const request = isNewer ? newerSample(operation, about, version) : sampleRequests[operation](about)
    return { operation, request } as unknown as Asked
  })
}

function messageOf(version: Served, { operation, request }: Asked): Item {
  const payload = encodeRequestPayload(operation, request, version)
  return read(encodeRequest({ version, items: [{ operation, payload }] }))
}

async function mustNotFail(version: Served, bytes: Buffer): Promise<void> {
  const answer = readAs(version, await session.exchange(bytes))
  for (const item of all(answer, 'BatchItem'))
    assert.notEqual(numberOf(find(item, 'ResultReason')), generalFailure, bytes.toString('hex'))
  assert.deepEqual(
    server.log.filter((line) => line.includes('"level":"error"')),
    [],
  )
}

const names = [...attributeNames.map((key) => attributeFact(key).name), 'x-Any', 'y-', 'X', '']
const leaf: fc.Arbitrary<Pick<Item, 'type' | 'value'>> = fc.oneof(
  fc.record({ type: fc.constantFrom(types.Integer), value: fc.integer() }),
  fc.record({
    type: fc.constantFrom(types.Enumeration, types.Interval),
    value: fc.integer({ min: 0, max: 0x40 }),
  }),
  fc.record({
    type: fc.constantFrom(types.LongInteger, types.DateTime),
    value: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
  }),
  fc.record({
    type: fc.constantFrom(types.TextString),
    value: fc.oneof(fc.constantFrom(...names), fc.string({ unit: 'grapheme' })),
  }),
  fc.record({
    type: fc.constantFrom(types.ByteString),
    value: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  }),
  fc.record({ type: fc.constantFrom(types.Boolean), value: fc.boolean() }),
)

/** Changes somewhere in the batch item: another value; an item removed, doubled, moved or made a structure. */
const change = fc.record({
  place: fc.nat(),
  how: fc.constantFrom(
    'value',
    'value',
    'value',
    'sameType',
    'sameType',
    'gone',
    'twice',
    'turned',
    'wrapped',
    'tag',
  ),
  leaf,
  tag: fc.constantFrom(...Object.values(tags)),
})

type Change = typeof change extends fc.Arbitrary<infer T> ? T : never

/** The tree with one of its items replaced. */
function changed(item: Item, one: Change): Item[] {
  return changedAt(item, one, one.place % count(item))
}

function changedAt(node: Item, one: Change, place: number): Item[] {
  if (place === 0) return instead(node, one)
  const items: Item[] = []
  let left = place - 1
  for (const inner of inside(node)) {
    const size = count(inner)
    items.push(...(left >= 0 && left < size ? changedAt(inner, one, left) : [inner]))
    left -= size
  }
  return [{ ...node, value: items }]
}

function instead(node: Item, { how, leaf: other, tag }: Change): Item[] {
  switch (how) {
    case 'gone':
      return []
    case 'twice':
      return [node, node]
    case 'turned':
      return [node.type === types.Structure ? { ...node, value: inside(node).toReversed() } : node]
    case 'wrapped':
      return [{ tag: node.tag, type: types.Structure, value: [node] }]
    case 'tag':
      return [{ ...node, tag }]
    case 'sameType':
      return [node.type === other.type ? { ...node, value: other.value } : node]
    case 'value':
      break
  }
  return [{ ...node, ...other }]
}

function count(item: Item): number {
  return 1 + (item.type === types.Structure ? inside(item).reduce((sum, one) => sum + count(one), 0) : 0)
}

for (const version of [...served, ...newer])
  test(`${version}: requests with changed items are answered, and never with a General Failure`, async () => {
    const samples = requests(version, await session.key('1.4'))
    const asked = samples.filter(({ operation }) => version !== '1.0' || operation !== 'DiscoverVersions')
    const runs = { numRuns: 300 }
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...asked),
        fc.array(change, { minLength: 1, maxLength: 3 }),
        async (one, changes) => {
          const message = messageOf(version, one)
          const [header, item] = inside(message)
          assert.ok(header && item)
          let items = inside(item)
          for (const each of changes) {
            const [next] = changed({ ...item, value: items }, each)
            items = next?.type === types.Structure ? inside(next) : items
          }
          await mustNotFail(version, write({ ...message, value: [header, { ...item, value: items }] }))
        },
      ),
      runs,
    )
  })

test('requests with changed bytes after their version are answered, never with a General Failure', async () => {
  const samples = requests('1.2', await session.key('1.2'))
  const versionEnds = 72
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...samples),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }),
      async (one, flips) => {
        const bytes = write(messageOf('1.2', one))
        for (const [place, value] of flips)
          bytes[versionEnds + (place % (bytes.length - versionEnds))] = value
        await mustNotFail('1.2', bytes)
      },
    ),
    { numRuns: 500 },
  )
})
