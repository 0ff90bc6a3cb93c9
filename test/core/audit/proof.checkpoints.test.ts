// What a log's checkpoints prove, as a table: signed here without a server, in order or not, beside one that was kept outside.

import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'
import { mayBePruned, type CheckpointBody } from '../../../src/core/audit/proof.ts'
import { genuineBody, verifyLog } from '../../../src/core/audit/verify.ts'
import type { AuditCheckpoint } from '../../../src/core/ports/audit.ts'

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const spki = publicKey.export({ type: 'spki', format: 'der' }).toString('base64')

function signed(more: Partial<CheckpointBody>, key = privateKey): AuditCheckpoint {
  const content = { number: 1, atMs: 1_000, heads: [], beginnings: [], previous: '', ...more }
  const body = JSON.stringify(content)
  return { number: content.number, body, signature: sign(null, Buffer.from(body), key).toString('base64') }
}

const hashOf = ({ body }: AuditCheckpoint) => createHash('sha256').update(body).digest('hex')

/** Checkpoints with these numbers, each naming the one before it. A pair `[number, follows]` accepts a restore. */
function chain(...numbers: readonly (number | readonly [number, number])[]): AuditCheckpoint[] {
  const made: AuditCheckpoint[] = []
  for (const one of numbers) {
    const last = made.at(-1)
    const [number, follows] = typeof one === 'number' ? [one] : one
    made.push(
      signed({ number, previous: last ? hashOf(last) : '', ...(follows !== undefined && { follows }) }),
    )
  }
  return made
}

function proof(checkpoints: readonly AuditCheckpoint[], checkpoint?: AuditCheckpoint) {
  const log = { beginnings: [], checkpoints, entries: (async function* () {})() }
  return verifyLog(log, { publicKey: spki, ...(checkpoint && { checkpoint }) })
}

test('checkpoints follow one another without a gap, except where a restore was accepted', async () => {
  const [one, two, three, four] = chain(1, 2, 3, 4)
  assert.ok(one && two && three && four)
  const strayed = signed({ number: 2, previous: 'another' })
  const table: readonly [string, readonly AuditCheckpoint[], readonly string[]][] = [
    ['none', [], []],
    ['in order', [one, two, three], []],
    ['the first is missing', [two, three], ['checkpoints 1 to 1 are missing']],
    ['one in the middle is missing', [one, three], ['checkpoints 2 to 2 are missing']],
    ['two in the middle are missing', [one, four], ['checkpoints 2 to 3 are missing']],
    ['it names another before it', [one, strayed], ['checkpoint 2 does not follow the one before it']],
    ['a restore', chain(1, 2, [9, 2], 10), []],
    ['a restore of an empty log', chain([5, 0], 6), []],
    ['a restore, and one before it is missing', chain(1, [9, 2], 10), ['checkpoints 2 to 2 are missing']],
    ['a log that begins after a restore', chain([9, 2], 10), ['checkpoints 1 to 2 are missing']],
    [
      'a forged one in the middle excuses the next, which nothing precedes',
      [one, { ...two, signature: '' }, three],
      ['checkpoint 2: its signature is wrong'],
    ],
    [
      'a forged one at the beginning',
      [{ ...one, signature: '' }, two],
      ['checkpoint 1: its signature is wrong', 'checkpoints 1 to 1 are missing'],
    ],
  ]
  for (const [name, checkpoints, problems] of table) {
    const found = await proof(checkpoints)
    assert.deepEqual(found.problems, problems, name)
    assert.equal(found.ok, problems.length === 0)
    assert.equal(found.checkpoints, checkpoints.length)
  }
})

test('an accepted restore is told with what it left behind', async () => {
  const at = 'at 1970-01-01T00:00:01.000Z a restore was accepted: the log goes on from checkpoint 2'
  assert.deepEqual((await proof(chain(1, 2, [3, 2]))).restores, [at])
  const left = '; 6 later checkpoints, with what they signed for, were left behind'
  assert.deepEqual((await proof(chain(1, 2, [9, 2], 10))).restores, [`${at}${left}`])
})

const name = (number: number) => `the checkpoint ${number} that was kept outside`

test('a checkpoint kept outside: where it is in the log, or why it is not', async () => {
  const log = chain(1, 2, 3, [9, 3], 10)
  const { privateKey: other } = generateKeyPairSync('ed25519')
  const table: readonly [AuditCheckpoint | undefined, string | undefined][] = [
    [log[1], undefined],
    [log[4], undefined],
    [signed({ number: 2, atMs: 7 }), `${name(2)} differs from the log's: the log was rewritten`],
    [signed({ number: 3 }, other), `${name(3)} was not signed by this log's key`],
    [
      signed({ number: 11 }),
      `${name(11)} is newer than the log's last (10): the end of the log was cut off, or this is an older export`,
    ],
    [signed({ number: 4 }), `${name(4)} belongs to the part that a restore discarded`],
    [signed({ number: 8 }), `${name(8)} belongs to the part that a restore discarded`],
  ]
  for (const [outside, expected] of table) {
    const { problems } = await proof(log, outside)
    assert.equal(problems.length, expected === undefined ? 0 : 1)
    if (expected !== undefined) assert.ok(problems[0]?.startsWith(expected), problems[0])
  }
  const two = log[1]
  assert.ok(two)
  const without = log.filter((one) => one !== two)
  const gone = 'checkpoints 2 to 2 are missing'
  assert.deepEqual((await proof(without, two)).problems, [gone, `${name(2)} is missing from the log`])
})

test('the proof of many checkpoints lets others run in between', async () => {
  const many = chain(...Array.from({ length: 500 }, (_, n) => n + 1))
  let turns = 0
  const turn = (): void => void (turns++, (next = setImmediate(turn)))
  let next = setImmediate(turn)
  const { ok } = await proof(many)
  clearImmediate(next)
  assert.ok(ok)
  assert.ok(turns >= many.length / 2, `others had ${turns} turns`)
})

test('a checkpoint is genuine if this key signed it, for its own number', () => {
  const one = signed({ number: 5, trustVersion: 3 })
  assert.equal(genuineBody(one, publicKey)?.trustVersion, 3)
  assert.equal(genuineBody({ ...one, number: 6 }, publicKey), undefined)
  assert.equal(genuineBody({ ...one, body: `${one.body} ` }, publicKey), undefined)
  assert.equal(genuineBody({ ...one, signature: '' }, publicKey), undefined)
})

const at = (number: number, writer = 'a', hash = 'h') => ({ writer, number, hash })

test('a prune may remove what its announcement names, and nothing else', () => {
  const heads = [{ writer: 'a', number: 7, hash: 'h' }]
  const body: CheckpointBody = { number: 1, atMs: 0, heads, beginnings: [], previous: '', pruning: 0 }
  const named = { ...body, pruned: [at(6)] }
  const asked = [at(5), at(6), at(7), at(6, 'b'), at(6, 'a', 'x')]
  assert.deepEqual(
    asked.map((beginning) => mayBePruned(named, beginning)),
    [false, true, false, false, false],
  )
  // One of an old version says no more than that it does not go beyond the heads.
  assert.deepEqual(
    [at(6), at(7), at(8), at(1, 'b')].map((beginning) => mayBePruned(body, beginning)),
    [true, true, false, false],
  )
  const { pruning: _, ...silent } = body
  assert.equal(mayBePruned(silent, at(1)), false)
})
