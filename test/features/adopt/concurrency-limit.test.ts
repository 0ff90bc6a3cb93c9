// Adoption from servers that do one thing at a time, stall, or only fail: how many questions run at once, and that all keys
// come over.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { AdoptionFailed } from '../../../src/features/adopt/failure.ts'
import { widthAfter } from '../../../src/features/adopt/concurrency-limit.ts'
import { Fault } from '../../../src/wire/kmip/fault.ts'
import { adoptAnswerTimeoutMs } from '../../../src/features/adopt/adoption.ts'
import { adoptLateMs } from '../../../src/features/adopt/bounds.ts'
import { adoptQuickMs } from '../../../src/features/adopt/concurrency-limit.ts'
import { adoptRefusedTriesMax } from '../../../src/features/adopt/retries.ts'
import { counts, many, open } from './adoption.ts'
import { holding, keyOf } from '../../support/old-kmip-server/keys.ts'
import { Reset, textOf } from '../../support/old-kmip-server/fake.ts'

const after = (width: number, ...answers: readonly (readonly [boolean, number])[]) =>
  answers.reduce((now, [ok, tookMs]) => widthAfter(now, { ok, tookMs }, 8), width)

test('the width grows by one a round while answers are quick, and halves with each that is late or does not come', () => {
  const quick = Array.from({ length: 200 }, () => [true, 10] as const)
  assert.equal(after(1, ...quick.slice(0, 1)), 2)
  assert.equal(Math.floor(after(1, ...quick.slice(0, 4))), 3)
  assert.equal(after(1, ...quick), 8)
  assert.equal(after(4, [true, adoptQuickMs]), 4)
  assert.equal(after(8, [true, adoptLateMs]), 4)
  assert.equal(after(8, [false, 10]), 4)
  assert.equal(after(8, [false, 10], [false, 10], [false, 10], [false, 10]), 1)
})

const stallMs = 30_000

for (const [what, takesMs, timeOutsMax] of [
  ['always', () => stallMs, 0],
  ['now and then', (turn: number) => (turn % 15 === 0 ? stallMs : 0), 0],
  ['for two minutes once', (turn: number) => (turn === 40 ? 120_000 : 0), 8],
] as const)
  test(`a server that does one thing at a time, and stalls ${what}, is not asked for more than it answers`, async (t) => {
    let before = Promise.resolve()
    let turns = 0
    let timeOuts = 0
    const { run, waitedMs, pass } = await open(t, {
      ...holding(many(60)),
      Get: async ({ UniqueIdentifier }) => {
        const arrivedMs = waitedMs()
        // What was sent at the same time arrives before the clock moves.
        const turn = before.then(() => sleep(5)).then(() => pass(takesMs(++turns)))
        before = turn
        await turn
        if (waitedMs() - arrivedMs <= adoptAnswerTimeoutMs) return keyOf(textOf(UniqueIdentifier))
        // The client waited for as long as it does, and has gone.
        timeOuts++
        throw new Reset()
      },
    })
    assert.deepEqual(counts(await run()), [60, 0, 0])
    assert.ok(timeOuts <= timeOutsMax, `${timeOuts} time-outs`)
  })

test('a General Failure that comes late says nothing of the key: it is asked for until it comes, or nothing does', async (t) => {
  let failures = 10
  const { run, pass } = await open(t, {
    ...holding(many(1)),
    Get: ({ UniqueIdentifier }) => {
      if (failures-- <= 0) return keyOf(textOf(UniqueIdentifier))
      pass(stallMs)
      throw new Fault('GeneralFailure', 'no database connection in time')
    },
  })
  assert.deepEqual(counts(await run()), [1, 0, 0])
  failures = Infinity
  await assert.rejects(run(), (error) => {
    assert.ok(error instanceof AdoptionFailed)
    assert.match(error.message, /answers late and only with failures: Get was refused: GeneralFailure/)
    assert.match(String(error.hint), /restart it/)
    return true
  })
})

test('a key that the server fails at is asked for again after all others', async (t) => {
  let failures = adoptRefusedTriesMax + 1
  const { run } = await open(t, {
    ...holding(many(40)),
    Get: ({ UniqueIdentifier }) => {
      if (UniqueIdentifier === 'key-7' && failures-- > 0) throw new Fault('GeneralFailure', 'busy')
      return keyOf(textOf(UniqueIdentifier))
    },
  })
  assert.deepEqual(counts(await run()), [40, 0, 0])
})

test('what is not here yet is asked for first', async (t) => {
  const asked: string[] = []
  const ids = many(60)
  const { run } = await open(t, {
    ...holding(ids),
    Get: ({ UniqueIdentifier }) => {
      asked.push(textOf(UniqueIdentifier))
      return keyOf(textOf(UniqueIdentifier))
    },
  })
  await run({ ids: ids.slice(0, 50) })
  asked.length = 0
  await run()
  const lastNew = Math.max(...ids.slice(50).map((id) => asked.indexOf(id)))
  assert.ok(lastNew < 30, `asked as number ${lastNew}`)
})
