// An item of a batch of 2.x that refers to several objects is done for each of them (KMIP 2.1 §11.58), and a field that takes several
// objects takes all that a reference stands for.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeResponse, encodeRequest, type OutgoingRequest } from '../../../src/wire/kmip/client-message.ts'
import { codeOf, enums, type EnumName } from '../../../src/wire/kmip/enums.ts'
import { decodeResponsePayload, encodeRequestPayload } from '../../../src/wire/kmip/payload.ts'
import { Fault } from '../../../src/wire/kmip/fault.ts'
import type { RequestMessage } from '../../../src/wire/kmip/message.ts'
import { BatchResults } from '../../../src/core/operations/batch-results.ts'
import { repeatItem, type RepeatedItem } from '../../../src/core/operations/repeats.ts'
import type { Asked, KmipSession } from '../../support/clients/kmip-session.ts'
import { useServer, type RunningServer } from '../../support/server/running.ts'
import { auditRoutes } from '../../../src/features/audit/routes.ts'

let server: RunningServer
let session: KmipSession
useServer((started, opened) => {
  server = started
  session = opened
})

const named = (name: EnumName<'UniqueIdentifier'>) =>
  ({ type: 'Enumeration', value: enums.UniqueIdentifier[name].code }) as const
const of = (attributes: Record<string, unknown>) => ({ Attribute: [], ...attributes })
const create = (group: string): Asked => ({
  operation: 'Create',
  request: {
    ObjectType: 'SymmetricKey',
    Attributes: of({
      CryptographicAlgorithm: 'AES',
      CryptographicLength: 128,
      CryptographicUsageMask: 12,
      ObjectGroup: [group],
    }),
  },
})
const locate = (group: string): Asked => ({
  operation: 'Locate',
  request: { Attributes: of({ ObjectGroup: [group] }) },
})

/** The answers with their operations, identifiers and reasons; there may be more of them than requests. */
async function sent(asked: readonly Asked[], option?: OutgoingRequest['batchErrorContinuationOption']) {
  const items = asked.map(({ operation, request }, index) => ({
    operation,
    payload: encodeRequestPayload(operation, request as never, '2.1'),
    uniqueBatchItemId: Buffer.of(index),
  }))
  const response = decodeResponse(
    await session.exchange(
      encodeRequest({ version: '2.1', items, ...(option && { batchErrorContinuationOption: option }) }),
    ),
  )
  assert.equal(response.batchCount, response.items.length)
  return response.items.map((item) => {
    const place = Number(item.uniqueBatchItemId?.[0])
    const operation = asked[place]?.operation ?? assert.fail('no such item')
    assert.equal(item.operationCode, codeOf('Operation', operation))
    const payload = item.payload && decodeResponsePayload(operation, item.payload, response)
    const told = payload as { UniqueIdentifier?: string | string[] } | undefined
    return { place, told: item.reason ?? item.status, id: told?.UniqueIdentifier }
  })
}

async function three(group: string): Promise<readonly string[]> {
  const made = await sent([create(group), create(group), create(group)])
  return made.map(({ id }) => String(id)).toReversed()
}

test('an item that refers to all that Locate found is done for each, and answered for each', async () => {
  const ids = await three('all')
  const answers = await sent([
    locate('all'),
    { operation: 'Activate', request: { UniqueIdentifier: named('Locate') } },
    {
      operation: 'GetAttributes',
      request: { UniqueIdentifier: named('Locate'), AttributeReference: ['State'] },
    },
    { operation: 'Ping', request: {} },
  ])
  assert.deepEqual(
    answers.map(({ place }) => place),
    [0, 1, 1, 1, 2, 2, 2, 3],
  )
  assert.deepEqual(
    answers.slice(1, 7).map(({ id }) => id),
    [...ids, ...ids],
  )
  const { entries } = await server.admin.call(auditRoutes.listAudit, { query: { limit: 20 } })
  const activated = entries.filter(({ action }) => action === 'key.activate').map(({ object }) => object)
  assert.deepEqual(new Set(activated), new Set(ids))
})

test('later items refer to what all repetitions returned', async () => {
  await three('again')
  const answers = await sent([
    locate('again'),
    { operation: 'ReKey', request: { UniqueIdentifier: named('Locate') } },
    { operation: 'Get', request: { UniqueIdentifier: named('ReKey') } },
  ])
  const made = answers.filter(({ place }) => place === 1).map(({ id }) => id)
  assert.equal(new Set(made).size, 3)
  assert.deepEqual(
    answers.filter(({ place }) => place === 2).map(({ id }) => id),
    made,
  )
})

test('both halves of a key pair are meant by the operation that made them', async () => {
  const CommonAttributes = of({ CryptographicAlgorithm: 'ECDSA', CryptographicLength: 256 })
  const half = (mask: number) => of({ CryptographicUsageMask: mask })
  const answers = await sent([
    {
      operation: 'CreateKeyPair',
      request: { CommonAttributes, PrivateKeyAttributes: half(1), PublicKeyAttributes: half(2) },
    },
    { operation: 'Activate', request: { UniqueIdentifier: named('CreateKeyPair') } },
    { operation: 'Get', request: { UniqueIdentifier: named('CreateKeyPairPublicKey') } },
  ])
  assert.deepEqual(
    answers.map(({ place, told }) => [place, told]),
    [
      [0, 'Success'],
      [1, 'Success'],
      [1, 'Success'],
      [2, 'Success'],
    ],
  )
})

test('a repetition that fails ends the batch, unless it is to go on', async () => {
  const [, second] = await three('stop')
  assert.ok(second !== undefined)
  await session.ask('2.1', 'Activate', { UniqueIdentifier: second })
  const activate: Asked = { operation: 'Activate', request: { UniqueIdentifier: named('Locate') } }
  const stopped = await sent([locate('stop'), activate])
  assert.deepEqual(
    stopped.map(({ told }) => told),
    ['Success', 'Success', 'WrongKeyLifecycleState'],
  )
  const wentOn = await sent([locate('stop'), activate, { operation: 'Ping', request: {} }], 'Continue')
  assert.deepEqual(
    wentOn.map(({ told }) => told),
    ['Success', 'WrongKeyLifecycleState', 'WrongKeyLifecycleState', 'Success', 'Success'],
  )
})

test('repetitions in a batch that is done as a whole are undone as one', async () => {
  const ids = await three('undo')
  const destroy: Asked = { operation: 'Destroy', request: { UniqueIdentifier: named('Locate') } }
  const get: Asked = { operation: 'Get', request: { UniqueIdentifier: 'none' } }
  const answers = await sent([locate('undo'), destroy, get], 'Undo')
  assert.deepEqual(
    answers.map(({ told }) => told),
    [...Array.from({ length: 4 }, () => 'OperationUndone'), 'ObjectNotFound'],
  )
  const done = await sent([locate('undo'), destroy], 'Undo')
  assert.deepEqual(
    done.slice(1).map(({ told, id }) => [told, id]),
    ids.map((id) => ['Success', id]),
  )
})

test('a field for several objects takes all of them', async () => {
  const split = {
    ObjectType: 'SplitKey',
    SplitKeyParts: 3,
    SplitKeyThreshold: 2,
    SplitKeyMethod: 'PolynomialSharingGF28',
  } as const
  const attributes = of({
    CryptographicAlgorithm: 'AES',
    CryptographicLength: 128,
    CryptographicUsageMask: 12,
  })
  const answers = await sent([
    { operation: 'CreateSplitKey', request: { ...split, Attributes: attributes } },
    {
      operation: 'JoinSplitKey',
      request: { ObjectType: 'SymmetricKey', UniqueIdentifier: [named('CreateSplitKey')] },
    },
  ])
  assert.deepEqual(
    answers.map(({ place, told }) => [place, told]),
    [
      [0, 'Success'],
      [1, 'Success'],
    ],
  )
  const [none] = await sent([
    {
      operation: 'JoinSplitKey',
      request: { ObjectType: 'SymmetricKey', UniqueIdentifier: [named('CreateSplitKey')] },
    },
  ])
  assert.equal(none?.told, 'ObjectNotFound')
})

test('a batch grows to no more items than a batch may have', async () => {
  const group = 'many'
  for (let count = 0; count < 4; count++) await sent(Array.from({ length: 251 }, () => create(group)))
  const ping: Asked = { operation: 'Ping', request: {} }
  const answers = await sent(
    [locate(group), { operation: 'Check', request: { UniqueIdentifier: named('Locate') } }, ping],
    'Continue',
  )
  assert.deepEqual(
    answers.map(({ told }) => told),
    ['Success', 'ServerLimitExceeded', 'Success'],
  )
})

test('an operation that is answered later has no results to refer to', async () => {
  const request = {
    DerivationMethod: 'HASH',
    ObjectType: 'SecretData',
    DerivationParameters: {},
    Attributes: of({}),
    UniqueIdentifier: [named('Create')],
  } as const
  const value = await session.pending('2.1', { operation: 'DeriveKey', request })
  const payload = encodeRequestPayload('Poll', { AsynchronousCorrelationValue: value }, '2.1')
  const { items } = decodeResponse(
    await session.exchange(encodeRequest({ version: '2.1', items: [{ operation: 'Poll', payload }] })),
  )
  assert.equal(items[0]?.reason, 'ObjectNotFound')
})

test('an item that cannot be read is repeated for nobody, and fails when its turn comes', () => {
  const results = new BatchResults()
  results.stage('Locate', { UniqueIdentifier: ['a', 'b'] })
  results.keep()
  const request = { version: '2.1', unknownFields: 'refuse' } as unknown as RequestMessage
  const reference = { UniqueIdentifier: named('Locate') }
  const repeated = (more: object) => {
    const payload = encodeRequestPayload('Activate', reference, '2.1')
    const items = [{ operation: 'Activate', payload, ...more }] as unknown as RepeatedItem[]
    return [repeatItem(items, 0, request, results)?.meant, items.length]
  }
  assert.deepEqual(repeated({}), ['a', 2])
  for (const alone of [
    { payload: Buffer.from('damaged') },
    { operation: null },
    { fault: new Fault('InvalidMessage', 'damaged') },
    { operation: 'Deactivate' },
    { meant: 'b' },
  ])
    assert.deepEqual(repeated(alone), ['meant' in alone ? 'b' : undefined, 1], Object.keys(alone)[0])
})
