// Asynchronous operations (KMIP 1.4 §4.27, §4.28): pending, polled and canceled, by their client alone, bounded, and gone after a
// time.

import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { decodeResponse, encodeRequest } from '../../../src/wire/kmip/client-message.ts'
import { Fault } from '../../../src/wire/kmip/fault.ts'
import { decodeRequest, type ResponseItem } from '../../../src/wire/kmip/message.ts'
import { encodeRequestPayload } from '../../../src/wire/kmip/payload.ts'
import {
  asynchronousKeptMs,
  asynchronousMax,
  asynchronousPerPartyMax,
  asynchronousStartMs,
  pollWaitMs,
} from '../../../src/core/operations/asynchronous.ts'
import { unhurried } from '../../../src/core/keys/transaction/pace.ts'
import { Asynchronous } from '../../../src/core/operations/asynchronous.ts'
import { answerBatch } from '../../../src/core/operations/batch.ts'
import type { BatchOptions } from '../../../src/core/operations/batch-options.ts'
import type { Context } from '../../../src/core/operations/handler.ts'
import { queryAsynchronousRequests } from '../../../src/core/operations/query-asynchronous-requests.ts'
import { AnswerRoom } from '../../../src/core/operations/response-size.ts'
import { partyOf, type Caller } from '../../../src/core/trust/caller.ts'
import { faults } from '../../support/server/core.ts'
import {
  locate,
  nameAttribute,
  served,
  type Asked,
  type KmipSession,
} from '../../support/clients/kmip-session.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { useServer } from '../../support/server/running.ts'

const done: ResponseItem = { status: 'Success', payload: Buffer.from('answer') }
const version = '1.4'
const search = { operation: 'Locate', version } as const

function open() {
  const clock = new MovableClock()
  const asynchronous = new Asynchronous(clock)
  const runs: string[] = []
  const payloads: Buffer[] = []
  const begin = (party: string, answer: ResponseItem | Promise<ResponseItem> = done) => {
    const payload = Buffer.from('request')
    payloads.push(payload)
    return asynchronous.begin(party, { ...search, payload }, async () => {
      assert.equal(payload.toString(), 'request')
      runs.push(party)
      return answer
    })
  }
  return { clock, asynchronous, runs, payloads, begin }
}

test('an operation begins with the first Poll, or a moment later by itself, and only once', async () => {
  const { clock, asynchronous, runs, begin } = open()
  const [polled, left] = [begin('a'), begin('b')]
  assert.deepEqual((await asynchronous.poll('a', polled, version))?.payload, Buffer.from('answer'))
  assert.deepEqual(runs, ['a'])
  clock.pass(asynchronousStartMs)
  await turn()
  assert.deepEqual(runs, ['a', 'b'])
  for (const again of [1, 2]) {
    const answer = await asynchronous.poll('b', left, version)
    assert.deepEqual(answer?.payload, Buffer.from('answer'), `poll ${again}`)
    answer.payload?.fill(0)
  }
  assert.deepEqual(runs, ['a', 'b'])
})

test('a Poll of one that lasts says that it is pending; the answer is gone when its time is over', async () => {
  const { clock, asynchronous, begin } = open()
  const long = Promise.withResolvers<ResponseItem>()
  const id = begin('a', long.promise)
  const first = asynchronous.poll('a', id, version)
  clock.pass(pollWaitMs)
  assert.equal(await first, undefined)
  assert.equal(asynchronous.cancel('a', id), 'UnableToCancel')
  long.resolve({ status: 'OperationFailed', reason: 'GeneralFailure' })
  assert.equal((await asynchronous.poll('a', id, version))?.status, 'OperationFailed')
  assert.equal(asynchronous.cancel('a', id), 'Failed')
  clock.pass(asynchronousKeptMs)
  await assert.rejects(asynchronous.poll('a', id, version), faults('InvalidAsynchronousCorrelationValue'))
  assert.equal(asynchronous.cancel('a', id), 'Unavailable')
})

test('the payload of a request is wiped once it is answered, or canceled before', async () => {
  const { asynchronous, payloads, begin } = open()
  await asynchronous.poll('a', begin('a'), version)
  assert.equal(asynchronous.cancel('a', begin('a')), 'Canceled')
  assert.deepEqual(payloads, [Buffer.alloc(7), Buffer.alloc(7)])
})

test('one that has not begun is canceled and never runs; nobody else can poll or cancel it', async () => {
  const { clock, asynchronous, runs, begin } = open()
  const id = begin('a')
  await assert.rejects(asynchronous.poll('b', id, version), faults('InvalidAsynchronousCorrelationValue'))
  assert.equal(asynchronous.cancel('b', id), 'Unavailable')
  assert.equal(asynchronous.cancel('a', id), 'Canceled')
  clock.pass(asynchronousStartMs)
  await turn()
  assert.deepEqual(runs, [])
  assert.equal(asynchronous.cancel('a', id), 'Unavailable')
})

test('a Poll in another version than that of the answer is refused, and the answer is kept', async () => {
  const { asynchronous, begin } = open()
  const id = begin('a')
  for (const other of ['1.2', '2.1'] as const)
    await assert.rejects(asynchronous.poll('a', id, other), faults('InvalidField', /asked in KMIP 1.4/))
  assert.equal((await asynchronous.poll('a', id, version))?.status, 'Success')
})

test('a client has a bounded number pending; answers that are there make room', async () => {
  const { asynchronous, begin } = open()
  const ids = Array.from({ length: asynchronousPerPartyMax }, () => begin('a'))
  assert.throws(
    () => begin('a'),
    (error) => error instanceof Fault && error.reason === 'GeneralFailure',
  )
  begin('b')
  const [first, second] = ids
  assert.ok(first && second)
  await asynchronous.poll('a', first, version)
  await asynchronous.poll('a', second, version)
  begin('a')
  await assert.rejects(asynchronous.poll('a', first, version), faults('InvalidAsynchronousCorrelationValue'))
  assert.ok(await asynchronous.poll('a', second, version))
})

test('the clients of one instance leave room to others', () => {
  const { begin } = open()
  const client = (instance: string, id: number) => begin(JSON.stringify([instance, 'client', id]))
  const most = asynchronousMax * 0.75
  for (let id = 0; id < most; id++) client('a', id)
  assert.throws(() => client('a', most), faults('GeneralFailure'))
  client('b', 0)
})

let session: KmipSession
useServer((_server, opened) => {
  session = opened
})

for (const version of served)
  test(`${version}: Locate and Archive are pending for a client that allows it, and Poll answers as they would`, async () => {
    const name = nameAttribute(`later ${version}`)
    const about = { UniqueIdentifier: await session.key(version, [name]) }
    const later = async (asked: Asked) => {
      const bytes = await session.pending(version, asked)
      return { AsynchronousCorrelationValue: bytes }
    }
    const search = { operation: 'Locate', request: locate([name]) } as const
    assert.deepEqual(await session.polled(version, 'Locate', await later(search)), {
      UniqueIdentifier: [about.UniqueIdentifier],
    })
    const canceled = await later({ operation: 'Archive', request: about })
    const told = await session.ask(version, 'Cancel', canceled)
    assert.equal(told.CancellationResult, 'Canceled')
    assert.equal(await session.refused(version, 'Poll', canceled), 'ItemNotFound')
    await session.ask(version, 'Get', about)
    const archived = await session.polled(
      version,
      'Archive',
      await later({ operation: 'Archive', request: about }),
    )
    assert.deepEqual(archived, about)
    assert.equal(await session.refused(version, 'Get', about), 'ObjectArchived')
    const got = await session.one(version, { operation: 'Recover', request: about })
    assert.equal(got.status, 'Success', 'at once where the client does not allow more')
  })

test('an older version is not told what only the version has in which it was asked', async () => {
  const request = { ...locate([nameAttribute('none')]), OffsetItems: 0 }
  const about = {
    AsynchronousCorrelationValue: await session.pending('1.4', { operation: 'Locate', request }),
  }
  assert.equal(await session.refused('1.2', 'Poll', about), 'InvalidField')
  assert.deepEqual(await session.polled('1.4', 'Locate', about), { LocatedItems: 0, UniqueIdentifier: [] })
})

test('after Process the next Poll waits for the end; it can be asked for once', async () => {
  const { clock, asynchronous, runs, begin } = open()
  const long = Promise.withResolvers<ResponseItem>()
  const id = begin('a', long.promise)
  assert.throws(() => asynchronous.hurry('b', id), faults('InvalidAsynchronousCorrelationValue'))
  asynchronous.hurry('a', id)
  await turn()
  assert.deepEqual(runs, ['a'])
  assert.throws(() => asynchronous.hurry('a', id), faults('DuplicateProcessRequest'))
  const polled = asynchronous.poll('a', id, version)
  clock.pass(pollWaitMs)
  await turn()
  long.resolve(done)
  assert.equal((await polled)?.status, 'Success')
})

test('of several Polls in one message each is answered, one that is still pending, too', async () => {
  const { clock, asynchronous } = open()
  const caller = { instanceId: 'i', actor: { kind: 'client', id: 'c' } } as unknown as Caller
  const long = asynchronous.begin(partyOf(caller), { ...search, payload: Buffer.alloc(0) }, () => {
    queueMicrotask(() => clock.pass(pollWaitMs))
    return new Promise(() => {})
  })
  const short = asynchronous.begin(partyOf(caller), { ...search, payload: Buffer.alloc(0) }, async () => done)
  const items = [long, short].map((AsynchronousCorrelationValue, index) => ({
    operation: 'Poll' as const,
    uniqueBatchItemId: Buffer.of(index),
    payload: encodeRequestPayload('Poll', { AsynchronousCorrelationValue }, '1.4'),
  }))
  const answers = await answerBatch(decodeRequest(encodeRequest({ version: '1.4', items })), {
    clock,
    asynchronous,
    identify: () => caller,
    pace: unhurried,
    room: new AnswerRoom({ version: '1.4', timeStamp: 0n }, { maximumBytes: undefined, reserve: () => true }),
    onOperation: () => {},
  } as unknown as BatchOptions)
  assert.deepEqual(
    answers.map(({ status }) => status),
    ['OperationPending', 'Success'],
  )
})

test('what is pending is listed until it was polled, for its client alone', async () => {
  const { asynchronous, begin } = open()
  const [id] = [begin('a'), begin('a'), begin('b')]
  const stages = () => asynchronous.pending('a').map(({ operation, stage }) => `${operation} ${stage}`)
  assert.deepEqual(stages(), ['Locate Submitted', 'Locate Submitted'])
  asynchronous.hurry('a', id)
  await turn()
  assert.deepEqual(stages(), ['Locate Completed', 'Locate Submitted'])
  await asynchronous.poll('a', id, version)
  assert.deepEqual(stages(), ['Locate Submitted'])
})

test('2.x: one insists on a later answer, hurries it, lists it and polls it', async () => {
  const asked = { operation: 'Locate', request: { Attributes: { Attribute: [] } } } as const
  const payload = encodeRequestPayload('Locate', asked.request, '2.1')
  const bytes = encodeRequest({
    version: '2.1',
    asynchronousIndicator: 'Mandatory',
    items: [{ operation: 'Locate', payload }],
  })
  const [item] = decodeResponse(await session.exchange(bytes)).items
  assert.equal(item?.status, 'OperationPending')
  const AsynchronousCorrelationValue = item.asynchronousCorrelationValue ?? Buffer.of()
  const { AsynchronousRequest } = await session.ask('2.1', 'QueryAsynchronousRequests', {})
  const [listed] = AsynchronousRequest
  assert.equal(listed?.Operation, 'Locate')
  assert.deepEqual(listed.AsynchronousCorrelationValue, AsynchronousCorrelationValue)
  assert.ok(Math.abs(Number(listed.SubmissionDate / 1000n) - Date.now()) < 60_000, 'microseconds')
  const others = { Operations: { Operation: ['Create'] } } as const
  assert.deepEqual((await session.ask('2.1', 'QueryAsynchronousRequests', others)).AsynchronousRequest, [])
  await session.ask('2.1', 'Process', { AsynchronousCorrelationValue })
  assert.equal(
    await session.refused('2.1', 'Process', { AsynchronousCorrelationValue }),
    'DuplicateProcessRequest',
  )
  const answer = await session.polled('2.1', 'Locate', { AsynchronousCorrelationValue })
  assert.ok(Array.isArray(answer.UniqueIdentifier))
  const told = await session.one(
    '2.1',
    { operation: 'Query', request: { QueryFunction: ['QueryObjects'] } },
    { asynchronousIndicator: 'Mandatory' },
  )
  assert.equal(told.reason, 'FeatureNotSupported')
})

test('a clock that gives fractions of a millisecond makes no Submission Date impossible', async () => {
  const { clock, asynchronous, begin } = open()
  clock.pass(0.25)
  begin('a')
  const context = { transaction: { party: 'a' }, asynchronous } as unknown as Context
  const { AsynchronousRequest } = await queryAsynchronousRequests(context, {})
  assert.deepEqual(
    AsynchronousRequest.map(({ SubmissionDate }) => SubmissionDate),
    [BigInt(Math.floor(clock.now())) * 1000n],
  )
})
