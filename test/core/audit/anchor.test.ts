// The rules of the anchor: how a torn slot reads, and what each disagreement between anchor and store means.

import assert from 'node:assert/strict'
import { createSecretKey, randomBytes, randomUUID } from 'node:crypto'
import { test } from 'node:test'
import {
  anchorSlotBytes,
  encodeSlot,
  isBehind,
  judgeAnchor,
  newestAnchor,
  type StoreFacts,
} from '../../../src/core/audit/anchor.ts'
import { anchorHeadsMax } from '../../../src/outside/store/audit/anchor-keeper.ts'
import type { Anchor } from '../../../src/core/ports/anchor.ts'

const key = createSecretKey(Buffer.alloc(32, 1))

function anchor(sequence: number, more: Partial<Anchor> = {}): Anchor {
  return {
    sequence,
    trustVersion: 7,
    checkpoint: { number: 30, sha256: 'c'.repeat(64) },
    heads: [{ writer: 'w', number: 100, hash: 'h'.repeat(64) }],
    marks: { number: 3, digest: 'd'.repeat(64) },
    ...more,
  }
}

test('the highest valid slot counts, in whatever order the slots lie', () => {
  const [older, newer] = [encodeSlot(anchor(9), key), encodeSlot(anchor(10), key)]
  assert.deepEqual(newestAnchor([older, newer], key), { anchor: anchor(10), slot: 1 })
  assert.deepEqual(newestAnchor([newer, older], key), { anchor: anchor(10), slot: 0 })
  assert.deepEqual(newestAnchor([older, Buffer.alloc(anchorSlotBytes)], key), { anchor: anchor(9), slot: 0 })
  assert.equal(newestAnchor([Buffer.alloc(0), Buffer.alloc(anchorSlotBytes)], key), undefined)
})

test('another key, another format and any changed byte make a slot invalid', () => {
  const slot = encodeSlot(anchor(9), key)
  assert.equal(newestAnchor([slot], createSecretKey(randomBytes(32))), undefined)
  const end = slot.indexOf(0)
  for (let index = 0; index <= end; index++) {
    const changed = Buffer.from(slot)
    changed.writeUInt8((slot[index] ?? 0) ^ 1, index)
    assert.equal(newestAnchor([changed], key), undefined, `byte ${index}`)
  }
})

test('a write torn at any byte leaves the slot old, new or invalid, and never anything else', () => {
  // Texts of different lengths, so that they end in different places.
  const before = encodeSlot(
    anchor(8, { heads: [{ writer: 'w'.repeat(30), number: 9, hash: 'a'.repeat(64) }] }),
    key,
  )
  const after = encodeSlot(anchor(10), key)
  const other = encodeSlot(anchor(9), key)
  for (const [what, rest] of [
    ['the old bytes', before],
    ['zeros', Buffer.alloc(anchorSlotBytes)],
    ['noise', randomBytes(anchorSlotBytes)],
  ] as const)
    for (let cut = 0; cut <= anchorSlotBytes; cut++) {
      const torn = Buffer.concat([after.subarray(0, cut), rest.subarray(cut)])
      const backwards = Buffer.concat([rest.subarray(0, cut), after.subarray(cut)])
      for (const slot of [torn, backwards]) {
        const sequence = newestAnchor([other, slot], key)?.anchor.sequence
        assert.ok(sequence === 9 || (sequence === 10 && slot.equals(after)), `${what}, cut at ${cut}`)
      }
    }
})

test('an anchor with the maximum number of heads fits its slot; a larger one is not written', () => {
  const head = { writer: randomUUID(), number: Number.MAX_SAFE_INTEGER, hash: 'h'.repeat(64) }
  const full = anchor(Number.MAX_SAFE_INTEGER, {
    heads: Array.from({ length: anchorHeadsMax }, () => head),
    marks: { number: Number.MAX_SAFE_INTEGER, digest: 'd'.repeat(64) },
  })
  assert.deepEqual(newestAnchor([encodeSlot(full, key)], key)?.anchor, full)
  const heads = Array.from({ length: 40 }, (_, n) => ({
    writer: `writer ${n}`,
    number: n,
    hash: 'h'.repeat(64),
  }))
  assert.throws(() => encodeSlot(anchor(1, { heads }), key), /does not fit/)
})

const agreeing: StoreFacts = {
  trustVersion: 7,
  lastCheckpoint: 30,
  checkpointSha256: 'c'.repeat(64),
  heads: [{ last: 100, hash: 'h'.repeat(64), prunedTo: 0 }],
}

const disagreements: readonly (readonly [string, Partial<StoreFacts>, RegExp])[] = [
  ['trust is older', { trustVersion: 6 }, /^trust is at version 6, and was at 7$/],
  [
    'the last checkpoint is gone',
    { lastCheckpoint: 29, checkpointSha256: null },
    /^the last checkpoint of the audit log is 29, and was 30$/,
  ],
  [
    'the checkpoint is not the signed one',
    { lastCheckpoint: 40, checkpointSha256: 'd'.repeat(64) },
    /^checkpoint 30 .* is not the one that was signed$/,
  ],
  [
    'entries are gone',
    { heads: [{ last: 99, hash: null, prunedTo: 0 }] },
    /^the last audit entry of writer w is 99, and was 100$/,
  ],
  ['the writer is gone', { heads: [{ last: 0, hash: null, prunedTo: 0 }] }, /is 0, and was 100$/],
  ['the store knows nothing of the writer', { heads: [] }, /is 0, and was 100$/],
  [
    'the entry is not the written one',
    { heads: [{ last: 200, hash: 'x'.repeat(64), prunedTo: 0 }] },
    /^audit entry 100 of writer w is not the one that was written, or is missing$/,
  ],
  [
    'it was pruned up to another entry of that number',
    { heads: [{ last: 100, hash: 'x'.repeat(64), prunedTo: 100 }] },
    /is not the one/,
  ],
]

for (const [what, facts, finding] of disagreements)
  test(`the store is older than its anchor: ${what}`, () => {
    const verdict = judgeAnchor([encodeSlot(anchor(9), key)], key, true, () => ({ ...agreeing, ...facts }))
    assert.equal(verdict.state, 'older')
    assert.ok(verdict.state === 'older')
    assert.equal(verdict.findings.length, 1, verdict.findings.join('; '))
    assert.match(verdict.findings[0] ?? '', finding)
  })

const agreements: readonly (readonly [string, Partial<StoreFacts>])[] = [
  ['just as far', {}],
  [
    'further',
    { trustVersion: 9, lastCheckpoint: 35, heads: [{ last: 120, hash: 'h'.repeat(64), prunedTo: 0 }] },
  ],
  ['pruned up to that entry', { heads: [{ last: 100, hash: 'h'.repeat(64), prunedTo: 100 }] }],
  ['pruned beyond it', { heads: [{ last: 120, hash: null, prunedTo: 110 }] }],
]

for (const [what, facts] of agreements)
  test(`the store agrees with its anchor: ${what}`, () => {
    const verdict = judgeAnchor([encodeSlot(anchor(9), key)], key, true, () => ({ ...agreeing, ...facts }))
    assert.deepEqual(verdict, { state: 'agrees', anchor: anchor(9) })
  })

const at = (cluster: string, number: number) => ({ cluster, number })

test('only a lower timeline of the same database cluster is behind', () => {
  assert.equal(isBehind(at('a', 1), at('a', 2)), true)
  for (const [one, other] of [
    [at('a', 2), at('a', 2)],
    [at('a', 3), at('a', 2)],
    [at('b', 1), at('a', 2)],
    [null, at('a', 2)],
    [at('a', 1), undefined],
    [null, null],
  ] as const)
    assert.equal(isBehind(one, other), false, JSON.stringify([one, other]))
})

test('a store on a lower timeline than its anchor is an old primary; without timelines nothing is compared', () => {
  const slot = encodeSlot(anchor(9, { timeline: at('a', 2) }), key)
  const judge = (facts: Partial<StoreFacts>) =>
    judgeAnchor([slot], key, true, () => ({ ...agreeing, ...facts }))
  const verdict = judge({ timeline: at('a', 1) })
  assert.match(verdict.state === 'older' ? (verdict.findings[0] ?? '') : '', /timeline 1, and was on 2/)
  assert.equal(judge({ timeline: at('a', 3) }).state, 'agrees')
  assert.equal(judge({}).state, 'agrees')
})

test('before the first checkpoint and the first entry an anchor names neither', () => {
  const first = anchor(1, { trustVersion: 0, checkpoint: null, heads: [] })
  const facts = { trustVersion: 0, lastCheckpoint: 0, checkpointSha256: null, heads: [] }
  assert.equal(judgeAnchor([encodeSlot(first, key)], key, true, () => facts).state, 'agrees')
})

const never = () => assert.fail('the store is not asked')

test('without a file the result depends on `needed`; a file without a valid slot never counts', () => {
  assert.equal(judgeAnchor(null, key, false, never).state, 'new')
  assert.equal(judgeAnchor(null, key, true, never).state, 'missing')
  const torn = [Buffer.alloc(anchorSlotBytes), randomBytes(anchorSlotBytes)]
  for (const needed of [false, true]) assert.equal(judgeAnchor(torn, key, needed, never).state, 'unreadable')
})

test('an anchor under a key that the owner replaced since is told from a foreign one, and never agrees', () => {
  const slots = [encodeSlot(anchor(9), key), Buffer.alloc(anchorSlotBytes)]
  const [current, other] = [createSecretKey(randomBytes(32)), createSecretKey(randomBytes(32))]
  const state = (replaced: Parameters<typeof judgeAnchor>[4], found = slots) =>
    judgeAnchor(found, current, true, never, replaced).state
  assert.deepEqual(judgeAnchor(slots, current, true, never, [other, key]), {
    state: 'accepted-elsewhere',
    replaced: 1,
  })
  assert.equal(state([other]), 'unreadable')
  assert.equal(state([]), 'unreadable')
  assert.equal(state([key], [Buffer.alloc(anchorSlotBytes), randomBytes(anchorSlotBytes)]), 'unreadable')
  // A slot under the key that counts is compared, whatever lies beside it.
  const both = [encodeSlot(anchor(9), key), encodeSlot(anchor(1), current)]
  assert.equal(
    judgeAnchor(both, current, true, () => ({ ...agreeing, trustVersion: 6 }), [key]).state,
    'older',
  )
})
