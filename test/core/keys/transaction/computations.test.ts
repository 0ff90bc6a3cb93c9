// A request's computations: when a stream ends, and what is not computed again if the request's work runs again.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CryptoError, type CryptoErrorKind } from '../../../../src/core/crypto/error.ts'
import {
  Computations,
  RequestComputations,
  type Pool,
} from '../../../../src/core/keys/transaction/computations.ts'
import { faults } from '../../../support/server/core.ts'
import { MovableClock } from '../../../support/time/movable-clock.ts'

const mine = { party: 'client a', operation: 'key.encrypt', uniqueIdentifier: 'k' }
const ending = {}
const open = async () => ({ opening: {} as never })

/** `answer` stands for the threads. */
function build(answer: () => Promise<unknown>) {
  const asked: string[] = []
  const run = async (name: string) => {
    asked.push(name)
    return answer()
  }
  const shared = new Computations({ run } as unknown as Pool, new MovableClock())
  return { asked, shared, request: () => new RequestComputations(shared, undefined) }
}

const begins = { begins: true, ends: false, ending }
const isGoingOn = ({ shared }: ReturnType<typeof build>, id: string) => {
  try {
    shared.streams.require(id, mine)
    return true
  } catch {
    return false
  }
}

for (const [kind, expected] of [
  ['busy', true],
  ['left', true],
  ['lost', false],
  ['failed', false],
  ['no-stream', false],
] as const satisfies readonly (readonly [CryptoErrorKind, boolean])[])
  test(`a later part that fails as ${kind} ${expected ? 'may be sent again' : 'ends its stream'}`, async () => {
    let error: Error | undefined
    const built = build(async () => {
      if (error) throw error
      return { data: Buffer.of(1) }
    })
    const { correlationValue } = await built.request().take(mine, begins, open)
    const id = Buffer.from(correlationValue ?? []).toString('hex')
    error = new CryptoError(kind, 'told to fail')
    const later = { id, begins: false, ends: false, ending }
    await assert.rejects(built.request().take(mine, later, assert.fail))
    assert.equal(isGoingOn(built, id), expected)
  })

test('a first part that fails leaves no stream, whatever the reason; the last part ends it', async () => {
  const ids: string[] = []
  let error: Error | undefined = new CryptoError('busy', 'told to fail')
  const built = build(async () => {
    if (error) throw error
    return {}
  })
  const { streams } = built.shared
  const begin = streams.begin.bind(streams)
  streams.begin = (of) => {
    const id = begin(of)
    ids.push(id)
    return id
  }
  await assert.rejects(built.request().take(mine, begins, open), faults('GeneralFailure'))
  error = undefined
  const { correlationValue } = await built.request().take(mine, begins, open)
  const id = Buffer.from(correlationValue ?? []).toString('hex')
  assert.deepEqual(
    ids.map((one) => isGoingOn(built, one)),
    [false, true],
  )
  const last = { id, begins: false, ends: true, ending }
  assert.equal((await built.request().take(mine, last, assert.fail)).correlationValue, undefined)
  assert.equal(isGoingOn(built, id), false)
})

test('if the work runs again, a later part is not computed again, nor what takes long; what begins or is whole is, under its key as it is now', async () => {
  let results = 0
  const built = build(async () => ({ data: Buffer.of(++results) }))
  const { correlationValue } = await built.request().take(mine, begins, open)
  const later = {
    id: Buffer.from(correlationValue ?? []).toString('hex'),
    begins: false,
    ends: false,
    ending,
  }
  const own = built.request()
  const whole = { begins: true, ends: true, ending }
  const attempt = async () => {
    own.attempt()
    const part = await own.take(mine, later, assert.fail)
    const key = (await own.runOnce('split-key' as never, {} as never, 'a')) as { data: Buffer }
    const { data } = await own.take(mine, whole, open)
    const begun = await own.take(mine, begins, open)
    const id = Buffer.from(begun.correlationValue ?? []).toString('hex')
    return { all: [part.data, key.data, data, begun.data].map((one) => one?.[0]), given: key.data, id }
  }
  const first = await attempt()
  first.given.fill(0)
  const second = await attempt()
  assert.deepEqual(first.all, [2, 3, 4, 5])
  assert.deepEqual(second.all, [2, 3, 6, 8])
  assert.deepEqual(
    [first.id, second.id, later.id].map((id) => isGoingOn(built, id)),
    [false, true, true],
  )
  own.wipe()
})

test('if the work that runs again computes of something else, nothing of before counts, and a stream that has gone on with it is gone', async () => {
  let results = 0
  const built = build(async () => ({ data: Buffer.of(++results) }))
  const { correlationValue } = await built.request().take(mine, begins, open)
  const id = Buffer.from(correlationValue ?? []).toString('hex')
  const own = built.request()
  const derive = async (key: number) => {
    own.attempt()
    const input = { key: Buffer.of(key), derivation: { method: 'hash' }, bytes: 1 }
    return (await own.runOnce('derive', input as never, 'a')).data[0]
  }
  assert.deepEqual([await derive(1), await derive(1), await derive(2)], [2, 2, 3])
  const part = async (data: Buffer) => {
    own.attempt()
    return own.take(mine, { id, begins: false, ends: false, ending, data }, assert.fail)
  }
  await part(Buffer.of(1))
  await assert.rejects(part(Buffer.of(2)), faults('InvalidCorrelationValue'))
  assert.equal(isGoingOn(built, id), false)
})

test('a request that is given up ends the streams that have gone on with it, and no other', async () => {
  const built = build(async () => ({ data: Buffer.of(1) }))
  const begun = async (request = built.request()) => {
    const { correlationValue } = await request.take(mine, begins, open)
    return Buffer.from(correlationValue ?? []).toString('hex')
  }
  const [earlier, other] = [await begun(), await begun()]
  const request = built.request()
  await request.runOnce('random', { bytes: 1 }, 'client a')
  const own = await begun(request)
  await request.take(mine, { id: earlier, begins: false, ends: false, ending }, assert.fail)
  request.giveUp()
  assert.deepEqual(
    [earlier, own, other].map((id) => isGoingOn(built, id)),
    [false, false, true],
  )
})
