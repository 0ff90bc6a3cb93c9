// Batches whose work was done and could not be committed, or could not begin: no item says that it was done.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeResponse, encodeRequest } from '../../../src/wire/kmip/client-message.ts'
import { Fault } from '../../../src/wire/kmip/fault.ts'
import { decodeRequest } from '../../../src/wire/kmip/message.ts'
import { encodeRequestPayload } from '../../../src/wire/kmip/payload.ts'
import { unhurried } from '../../../src/core/keys/transaction/pace.ts'
import { Asynchronous } from '../../../src/core/operations/asynchronous.ts'
import { answerBatch } from '../../../src/core/operations/batch.ts'
import type { BatchOptions } from '../../../src/core/operations/batch-options.ts'
import { AnswerRoom } from '../../../src/core/operations/response-size.ts'
import { StoreUnavailable } from '../../../src/core/ports/store.ts'
import type { Caller } from '../../../src/core/trust/caller.ts'
import { answeringOn, peerOf } from '../../support/server/answering.ts'
import { look, openCoreWithClient } from '../../support/server/core.ts'
import { aes, locate } from '../../support/clients/kmip-session.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { StoreAround } from '../../support/store/store-around.ts'

const create = { operation: 'Create', payload: encodeRequestPayload('Create', aes(), '1.4') } as const
const numbered = <T extends object>(items: readonly T[]) =>
  items.map((item, index) => ({ ...item, uniqueBatchItemId: Buffer.of(index) }))

test('with Undo a commit that fails is the failure of each item', async (t) => {
  const held: { around?: StoreAround } = {}
  const { core, identity } = await openCoreWithClient(t, {
    wrap: (store) => (held.around = new StoreAround(store)),
  })
  const { answer, close } = answeringOn(core)
  t.after(close)
  assert.ok(held.around)
  held.around.before = (change) => {
    if (change.durability === 'disk') throw new StoreUnavailable('full', 'no room')
  }
  const options = { version: '1.4', batchErrorContinuationOption: 'Undo' } as const
  const message = encodeRequest({ ...options, items: numbered([create, create]) })
  const { items } = decodeResponse(await answer(message, peerOf(identity)))
  assert.deepEqual(
    items.map(({ status, reason, uniqueBatchItemId }) => [status, reason, uniqueBatchItemId?.[0]]),
    [
      ['OperationFailed', 'GeneralFailure', 0],
      ['OperationFailed', 'GeneralFailure', 1],
    ],
  )
  assert.match(items[0]?.message ?? '', /disk is full/)
  assert.deepEqual(look(core.file, 'SELECT * FROM objects'), [])
})

const caller = { instanceId: 'i', actor: { kind: 'client', id: 'c' } } as unknown as Caller

/** Answers one item without keys. */
async function answered(
  item: Parameters<typeof encodeRequest>[0]['items'][number],
  more: object,
  header: object = {},
) {
  const clock = new MovableClock()
  const request = decodeRequest(encodeRequest({ version: '1.4', items: [item], ...header }))
  const options = {
    clock,
    asynchronous: new Asynchronous(clock),
    identify: () => caller,
    pace: unhurried,
    room: new AnswerRoom({ version: '1.4', timeStamp: 0n }, { maximumBytes: undefined, reserve: () => true }),
    unexpected: () => undefined,
    onOperation: () => undefined,
    ...more,
  }
  const [told] = await answerBatch(request, options as unknown as BatchOptions)
  return told
}

test('an operation that is to be answered later fails at once for a client that is trusted no more, and where the server fails', async () => {
  const item = { operation: 'Locate', payload: encodeRequestPayload('Locate', locate([]), '1.4') } as const
  const later = { asynchronousIndicator: 'Mandatory' } as const
  assert.equal((await answered(item, {}, later))?.status, 'OperationPending')
  for (const [error, reason] of [
    [new Fault('AuthenticationNotSuccessful', 'not trusted'), 'AuthenticationNotSuccessful'],
    [new TypeError('a bug'), 'GeneralFailure'],
  ] as const) {
    const identify = () => {
      throw error
    }
    const told = await answered(item, { identify }, later)
    assert.deepEqual([told?.status, told?.reason], ['OperationFailed', reason])
  }
})

test('a Poll is within the rights of a ticket, about no object, and is given back where it fails', async () => {
  const asked: unknown[] = []
  let count = 0
  const rights = {
    require: (operation: string, object: unknown, groups: () => unknown) => {
      asked.push([operation, object, groups()])
      count += 1
      return () => void (count -= 1)
    },
  }
  const payload = encodeRequestPayload('Poll', { AsynchronousCorrelationValue: Buffer.from('none') }, '1.4')
  const told = await answered({ operation: 'Poll', payload }, { session: { rights } })
  assert.deepEqual(
    [told?.reason, asked, count],
    ['InvalidAsynchronousCorrelationValue', [['Poll', null, []]], 0],
  )
})
