// How an upstream is asked: one call for each identifier, few at a time, in turns between clients, in bounded time and memory,
// whatever the old server and the clients do.

import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { OldServerUpstream, type UpstreamAnswer } from '../../../src/features/adopt/upstream.ts'
import { Fault } from '../../../src/wire/kmip/fault.ts'
import { upstreamCallsMax, upstreamWaitMs } from '../../../src/features/adopt/bounds.ts'
import { upstreamTryEveryMs } from '../../../src/features/adopt/upstream-health.ts'
import {
  upstreamAsksPerClientMax,
  upstreamMissesMax,
  upstreamRememberedMs,
} from '../../../src/features/adopt/upstream.ts'
import { faults } from '../../support/server/core.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'

interface Call {
  readonly identifier: string
  readonly end: (found: UpstreamAnswer) => void
}

/** An upstream whose calls the test ends. */
function open() {
  const clock = new MovableClock()
  const calls: Call[] = []
  const results: string[] = []
  const upstream = new OldServerUpstream({
    clock,
    look: (identifier) => new Promise((end) => calls.push({ identifier, end })),
    onResult: (result) => results.push(result),
  })
  const bring = (id: string, client = 'vcenter') => upstream.bring(id, { client, requestId: 'request' })
  const asked = () => calls.map(({ identifier }) => identifier)
  const end = async (index: number, found: UpstreamAnswer) => {
    calls[index]?.end(found)
    await turn()
  }
  return { clock, upstream, bring, asked, end, calls, results }
}

const adopted: UpstreamAnswer = { is: 'adopted' }
const absent: UpstreamAnswer = { is: 'absent' }
const unanswered: UpstreamAnswer = { is: 'unanswered', message: 'nothing listens there' }

test('many requests for one identifier are one call, and each gets its answer', async () => {
  const { bring, asked, end, results } = open()
  const all = Array.from({ length: 20 }, (_, index) => bring('a', `client-${index}`))
  await turn()
  assert.deepEqual(asked(), ['a'])
  await end(0, adopted)
  assert.deepEqual(
    await Promise.all(all),
    Array.from({ length: 20 }, () => true),
  )
  assert.deepEqual(new Set(results), new Set(['adopted']))
})

test('an identifier that is not there either is remembered for five seconds, and no longer', async () => {
  const { bring, asked, end, clock } = open()
  const first = bring('a')
  await turn()
  await end(0, absent)
  assert.equal(await first, false)
  clock.pass(upstreamRememberedMs - 1)
  assert.equal(await bring('a'), false)
  assert.equal(asked().length, 1)
  clock.pass(2)
  const again = bring('a')
  await turn()
  assert.equal(asked().length, 2)
  await end(1, adopted)
  assert.equal(await again, true)
})

test('a silent server is General Failure in bounded time; the call goes on, and what it brings counts', async () => {
  const { bring, asked, end, clock, upstream } = open()
  const late = bring('a')
  await turn()
  clock.pass(upstreamWaitMs)
  await assert.rejects(late, faults('GeneralFailure', /does not answer at the moment/))
  assert.equal(upstream.health().failing, true)
  // The client asks again, and joins the call that is under way.
  const again = bring('a')
  await turn()
  assert.deepEqual(asked(), ['a'])
  await end(0, adopted)
  assert.equal(await again, true)
  assert.equal(upstream.health().failing, false)
})

test('while it does not answer, one request a second asks it and the others are refused at once', async () => {
  const { bring, asked, end, clock, upstream } = open()
  const first = assert.rejects(bring('a'), faults('GeneralFailure'))
  await turn()
  await end(0, unanswered)
  await first
  assert.match(upstream.health().lastFailure?.message ?? '', /nothing listens there/)
  for (const id of ['b', 'c', 'd']) await assert.rejects(bring(id), faults('GeneralFailure'))
  assert.deepEqual(asked(), ['a'])
  clock.pass(upstreamTryEveryMs)
  const trial = bring('b')
  await assert.rejects(bring('c'), faults('GeneralFailure'))
  await turn()
  await end(1, absent)
  assert.equal(await trial, false)
  const next = bring('d')
  await turn()
  await end(2, adopted)
  assert.equal(await next, true)
})

test('few calls run at a time, and clients take turns', async () => {
  const { bring, asked, end } = open()
  const greedy = Array.from({ length: upstreamAsksPerClientMax }, (_, index) => bring(`g-${index}`, 'greedy'))
  await turn()
  assert.equal(asked().length, upstreamCallsMax)
  await assert.rejects(bring('one-more', 'greedy'), faults('GeneralFailure', /too many objects/))
  const other = bring('wanted', 'other')
  await turn()
  await end(0, absent)
  await end(1, absent)
  assert.ok(asked().slice(upstreamCallsMax).includes('wanted'), 'its turn comes second at the latest')
  for (let index = 2; index < upstreamAsksPerClientMax + 1; index++)
    await end(index, asked()[index] === 'wanted' ? adopted : absent)
  assert.equal(await other, true)
  assert.deepEqual(new Set(await Promise.all(greedy)), new Set([false]))
})

test('a client that tries a million random identifiers asks the old server a bounded number of times', async () => {
  const { bring, asked, calls, clock, results } = open()
  let refused = 0
  for (let tried = 0; tried < 5_000; tried++) {
    bring(`random-${tried}`).catch((error: unknown) => {
      assert.ok(error instanceof Fault && error.reason === 'GeneralFailure')
      refused++
    })
    await turn()
    for (const call of calls.slice(-upstreamCallsMax)) call.end(absent)
  }
  assert.ok(asked().length <= upstreamMissesMax + 1, `${asked().length} calls`)
  assert.ok(refused > 4_000)
  assert.ok(results.filter((result) => result === 'busy').length > 4_000)
  // Another client is served meanwhile, and this one again after a while.
  const other = bring('wanted', 'other')
  await turn()
  calls.at(-1)?.end(adopted)
  assert.equal(await other, true)
  clock.pass(60_000)
  const later = bring('later')
  await turn()
  calls.at(-1)?.end(adopted)
  assert.equal(await later, true)
})

test('what nobody waits for any more is not asked', async () => {
  const { bring, asked, end, clock } = open()
  const all = Array.from({ length: upstreamCallsMax + 5 }, (_, index) => bring(`id-${index}`))
  await turn()
  clock.pass(upstreamWaitMs)
  await Promise.all(all.map((one) => assert.rejects(one, faults('GeneralFailure'))))
  for (let index = 0; index < upstreamCallsMax; index++) await end(index, absent)
  assert.equal(asked().length, upstreamCallsMax)
})

test('an object that it does not give is a Fault, and is listed until it is adopted', async () => {
  const { bring, end, clock, upstream } = open()
  const fault = new Fault('PermissionDenied', 'the old server does not hand it out (Sensitive)')
  const first = assert.rejects(bring('a'), faults('PermissionDenied'))
  await turn()
  await end(0, { is: 'refused', fault, why: 'Sensitive' })
  await first
  await assert.rejects(bring('a'), faults('PermissionDenied'))
  assert.deepEqual(upstream.health().notAdopted, [{ id: 'a', why: 'Sensitive' }])
  assert.equal(upstream.health().failing, false)
  clock.pass(upstreamRememberedMs)
  const again = bring('a')
  await turn()
  await end(1, adopted)
  assert.equal(await again, true)
  assert.deepEqual(upstream.health().notAdopted, [])
})
