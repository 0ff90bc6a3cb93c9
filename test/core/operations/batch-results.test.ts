// References of 2.x to the results of earlier items of the batch (KMIP 2.1 §4.58, §7.9).

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { enums, type EnumName } from '../../../src/wire/kmip/enums.ts'
import { BatchResults } from '../../../src/core/operations/batch-results.ts'
import { faults } from '../../support/server/core.ts'
import { batch, type Asked, type KmipSession, type Told } from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_server, opened) => {
  session = opened
})

const named = (name: EnumName<'UniqueIdentifier'>) =>
  ({ type: 'Enumeration', value: enums.UniqueIdentifier[name].code }) as const
const aes = {
  ObjectType: 'SymmetricKey',
  Attributes: {
    Attribute: [],
    CryptographicAlgorithm: 'AES',
    CryptographicLength: 128,
    CryptographicUsageMask: 12,
    ActivationDate: 0n,
  },
} as const
const create: Asked = { operation: 'Create', request: aes }
const get = (UniqueIdentifier: number | ReturnType<typeof named>): Asked => ({
  operation: 'Get',
  request: { UniqueIdentifier },
})
const idOf = (told: Told | undefined) =>
  (told?.payload as { UniqueIdentifier: string } | undefined)?.UniqueIdentifier

const dataIn = (told: Told | undefined) => (told?.payload as { readonly Data?: Uint8Array } | undefined)?.Data

test('an item names an object by the operation that returned it, or by its place in the answer', async () => {
  const asked = batch(
    create,
    create,
    get(named('Create')),
    get(0),
    get(-3),
    get(named('IDPlaceholder')),
    get(-99),
    get(named('Register')),
  )
  const told = await session.send('2.1', asked, { batchErrorContinuationOption: 'Continue' })
  const [first, second] = told.map(idOf)
  assert.ok(first !== undefined && first !== second)
  assert.deepEqual(told.slice(2, 6).map(idOf), [second, first, second, second])
  assert.deepEqual(
    told.slice(6).map(({ reason }) => reason),
    ['ObjectNotFound', 'ObjectNotFound'],
  )
})

test('an item takes the data that an earlier one returned', async () => {
  const parameters = { CryptographicParameters: { BlockCipherMode: 'ECB' } } as const
  const Data = Buffer.from('sixteen bytes...')
  const told = await session.send(
    '2.1',
    batch(
      create,
      { operation: 'Encrypt', request: { ...parameters, Data } },
      { operation: 'Decrypt', request: { ...parameters, Data: 'Encrypt' } },
      { operation: 'Decrypt', request: { ...parameters, Data: 0 } },
      { operation: 'Decrypt', request: { ...parameters, Data: 'Hash' } },
    ),
    { batchErrorContinuationOption: 'Continue' },
  )
  for (const { payload } of told.slice(2, 4))
    assert.equal(Buffer.from((payload as { Data: Uint8Array }).Data).toString(), 'sixteen bytes...')
  assert.equal(told[4]?.reason, 'ObjectNotFound')
})

test('the answer to an Ephemeral item is without its data, which a later item takes', async () => {
  const CryptographicParameters = { BlockCipherMode: 'ECB' } as const
  const Data = Buffer.from('sixteen bytes...')
  const hash = { CryptographicParameters: { HashingAlgorithm: 'SHA_256' } } as const
  for (const [version, yes, no] of [
    ['2.0', true, false],
    ['2.1', true, false],
    ['3.0', 'Data', 'UniqueIdentifier'],
    ['3.0', 'Empty', undefined],
  ] as const)
    for (const option of ['Stop', 'Undo'] as const) {
      const asked: readonly Asked[] = [
        create,
        { operation: 'Encrypt', request: { CryptographicParameters, Data }, ephemeral: yes },
        { operation: 'Decrypt', request: { CryptographicParameters, Data: 'Encrypt' }, ephemeral: yes },
        {
          operation: 'Hash',
          request: { ...hash, Data: 'Decrypt' },
          ...(no !== undefined && { ephemeral: no }),
        },
        { operation: 'RNGRetrieve', request: { DataLength: 32 }, ephemeral: yes },
        { operation: 'Hash', request: { ...hash, Data: 'RNGRetrieve' }, ephemeral: yes },
      ]
      const told = await session.send(version, asked, { batchErrorContinuationOption: option })
      assert.deepEqual(
        told.map(({ status }) => status),
        asked.map(() => 'Success'),
      )
      const [, encrypted, decrypted, hashed, random, randomHash] = told
      for (const one of [encrypted, decrypted, randomHash]) assert.equal(dataIn(one), undefined)
      assert.deepEqual(idOf(decrypted), idOf(told[0]), 'the rest of the answer is there')
      assert.deepEqual(dataIn(hashed), createHash('sha256').update(Data).digest())
      assert.deepEqual(dataIn(random), Buffer.alloc(0), 'an answer that must have data has none in it')
    }
})

test('a batch that is done as a whole or not at all has the same references', async () => {
  const told = await session.send('2.0', batch(create, get(named('Create')), get(-1)), {
    batchErrorContinuationOption: 'Undo',
  })
  assert.deepEqual(
    told.map(({ status }) => status),
    ['Success', 'Success', 'Success'],
  )
  assert.equal(idOf(told[1]), idOf(told[0]))
})

test('nothing refers to a result of another message, and 1.x has no references', async () => {
  await session.one('2.1', create)
  assert.equal((await session.one('2.1', get(named('Create')))).reason, 'ObjectNotFound')
  assert.equal((await session.one('2.1', get(0))).reason, 'ObjectNotFound')
  assert.equal((await session.one('1.4', get(0))).reason, 'InvalidMessage')
})

const returned = (...items: readonly object[]) => {
  const results = new BatchResults()
  for (const response of items) {
    results.stage('Locate', response)
    results.keep()
  }
  return results.hasSeveral
}

test('a later item may mean several objects only if one item returned several', () => {
  assert.equal(returned(), false)
  assert.equal(
    returned({ UniqueIdentifier: 'a' }, { UniqueIdentifier: ['b'] }, { Data: Buffer.of(1) }),
    false,
  )
  assert.equal(returned({ UniqueIdentifier: ['a', 'b'] }), true)
  assert.equal(returned({}, { PrivateKeyUniqueIdentifier: 'a', PublicKeyUniqueIdentifier: 'b' }), true)
  const again = new BatchResults()
  for (const [id, isAgain] of [
    ['a', false],
    ['b', true],
  ] as const) {
    again.stage('ReKey', { UniqueIdentifier: id }, isAgain)
    again.keep()
  }
  assert.equal(again.hasSeveral, true, 'one item for two objects')
})

test('what an item returned counts once it is kept, and data are wiped', () => {
  const results = new BatchResults()
  const Data = Buffer.from('data')
  results.stage('Encrypt', { UniqueIdentifier: 'a', Data })
  const resolve = () => results.resolved({ Data: 'Encrypt', UniqueIdentifier: 0 } as const, undefined)
  assert.throws(resolve, faults('ObjectNotFound'))
  results.keep()
  const resolved: { readonly Data: unknown; readonly UniqueIdentifier: unknown } = resolve()
  assert.deepEqual(resolved, { Data, UniqueIdentifier: 'a' })
  results.stage('Encrypt', { Data: Buffer.from('more') })
  results.drop()
  assert.deepEqual(resolve(), { Data, UniqueIdentifier: 'a' }, 'the one that failed is gone')
  results.wipe()
  assert.deepEqual(resolved.Data, Buffer.alloc(4))
  assert.equal(Data.toString(), 'data', 'it had a copy')
})
