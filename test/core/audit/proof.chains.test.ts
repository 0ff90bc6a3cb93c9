// What is said of one writer's entries that somebody altered and hashed again, as a table: no checkpoint signs for them, so that only
// the chain itself and where it begins can tell.

import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'
import { chainHash, chainStart } from '../../../src/core/audit/chain.ts'
import { verifyLog } from '../../../src/core/audit/verify.ts'
import type { AuditCheckpoint, StoredAuditEntry, WriterHead } from '../../../src/core/ports/audit.ts'

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const spki = publicKey.export({ type: 'spki', format: 'der' }).toString('base64')

/** Entries with these bodies, numbered and hashed as a server does. */
function chain(bodies: readonly string[]): StoredAuditEntry[] {
  const made: StoredAuditEntry[] = []
  for (const body of bodies) {
    const hash = chainHash(made.at(-1)?.hash ?? chainStart, body)
    made.push({ writer: 'w', number: made.length + 1, hash, body })
  }
  return made
}

const said = (number: number, more: object = {}) =>
  JSON.stringify({ writer: 'w', number, atMs: number * 1_000, ...more })
const whole = chain([1, 2, 3, 4].map((number) => said(number)))
const [one, two, three, four] = whole as [
  StoredAuditEntry,
  StoredAuditEntry,
  StoredAuditEntry,
  StoredAuditEntry,
]

async function proof(
  entries: readonly StoredAuditEntry[],
  beginnings: readonly WriterHead[] = [],
  checkpoints: readonly AuditCheckpoint[] = [],
) {
  return verifyLog({ beginnings, checkpoints, entries }, { publicKey: spki })
}

for (const [what, entries, problem] of [
  ['as they were written', whole, null],
  ['one twice', [one, two, two, three], /^writer w: entry 2 stands after 2: .* reordered or duplicated$/],
  ['one put behind a later one', [one, two, three, two], /entry 2 stands after 3/],
  ['one removed', [one, three, four], /^writer w: entries 2 to 2 were removed$/],
  ['the first ones removed', [three, four], /^writer w: entries 1 to 2 were removed$/],
  ['one changed', [one, { ...two, body: said(2, { more: 1 }) }, three], /entry 2 was changed/],
  ['one with the number of another', chain([said(1), said(3)]), /entry 2 was moved from another place/],
  [
    'one of another writer',
    chain([said(1), said(2, { writer: 'v' })]),
    /entry 2 was moved from another place/,
  ],
  ['one that is no JSON', chain([said(1), '{']), /entry 2 was moved from another place/],
  ['one that is no object', chain([said(1), 'null']), /entry 2 was moved from another place/],
] as const)
  test(`entries of a writer: ${what}`, async () => {
    const { ok, problems, entries: count, unprovedEntries } = await proof(entries)
    assert.deepEqual([ok, count, unprovedEntries], [problem === null, entries.length, entries.length])
    const [first = '', ...more] = problems
    assert.deepEqual(more, [], 'a broken chain is told once')
    if (problem) assert.match(first, problem)
  })

test('a log may begin where the last checkpoint says, with the hash that it says, and nowhere else', async () => {
  const begins = { writer: 'w', number: 2, hash: two.hash }
  const head = { writer: 'w', number: 4, hash: four.hash }
  const checkpointOf = (beginnings: readonly WriterHead[]) => {
    const body = JSON.stringify({ number: 1, atMs: 1, heads: [head], beginnings, previous: '' })
    return { number: 1, body, signature: sign(null, Buffer.from(body), privateKey).toString('base64') }
  }
  for (const [named, found, entries, isWhole] of [
    [[begins], [begins], [three, four], true],
    [[], [], whole, true],
    [[], [begins], [three, four], false],
    [[{ ...begins, hash: 'another' }], [begins], [three, four], false],
    [[{ ...begins, number: 1 }], [begins], [three, four], false],
    [[{ ...begins, writer: 'v' }], [begins], [three, four], false],
  ] as const) {
    const { problems } = await proof(entries, found, [checkpointOf(named)])
    const expected = isWhole ? [] : ['writer w: entries before 3 were removed, but not by audit prune']
    assert.deepEqual(problems, expected, JSON.stringify(named))
  }
})
