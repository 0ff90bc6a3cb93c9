// The fields that the operations on data have in common: a whole needs its data, and a part may have none.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  bytesOf,
  dataOf,
  dataRequest,
  digestedOrData,
  validityName,
} from '../../../src/core/operations/data.ts'
import { faults } from '../../support/server/core.ts'

const data = Buffer.from('data')
const CorrelationValue = Buffer.from('value')
const parts = [
  { CorrelationValue },
  { InitIndicator: true },
  { FinalIndicator: true },
  { InitIndicator: true, FinalIndicator: false },
  { CorrelationValue, InitIndicator: false, FinalIndicator: true },
] as const
const wholes = [
  {},
  { InitIndicator: true, FinalIndicator: true },
  { InitIndicator: false, FinalIndicator: false },
  { InitIndicator: false },
] as const

test('a whole has data, which may be empty, and a part may come without', () => {
  for (const whole of wholes) {
    assert.throws(() => dataRequest(whole), faults('InvalidMessage', /no Data/), JSON.stringify(whole))
    assert.deepEqual(dataRequest({ ...whole, Data: Buffer.of() }).data, Buffer.of())
  }
  for (const part of parts) assert.equal(dataRequest(part).data, undefined, JSON.stringify(part))
  const CryptographicParameters = { BlockCipherMode: 'CBC' } as const
  const all = {
    Data: data,
    CorrelationValue,
    InitIndicator: false,
    FinalIndicator: true,
    CryptographicParameters,
  }
  assert.deepEqual(dataRequest(all), {
    correlationValue: CorrelationValue,
    init: false,
    final: true,
    parameters: CryptographicParameters,
    data,
  })
})

test('a part without output says nothing, and a whole always has its data', () => {
  for (const whole of wholes) assert.deepEqual(dataOf(whole, Buffer.of()), Buffer.of())
  for (const part of parts) {
    assert.equal(dataOf(part, Buffer.of()), undefined)
    assert.equal(dataOf(part, undefined), undefined)
    assert.deepEqual(dataOf(part, data), data)
  }
})

test('a digest stands in the place of the data of one request, and not beside it', () => {
  assert.deepEqual(
    [digestedOrData({ Data: data }).digested, digestedOrData({ Data: data }).data],
    [false, data],
  )
  const digest = digestedOrData({ DigestedData: data })
  assert.deepEqual([digest.digested, digest.data], [true, data])
  for (const beside of [{ Data: data }, { CorrelationValue }])
    assert.throws(
      () => digestedOrData({ DigestedData: data, ...beside }),
      faults('InvalidField', /takes the place of Data/),
    )
})

test('data are bytes, and a verification says nothing while parts are to come', () => {
  assert.deepEqual([bytesOf(data), bytesOf(undefined)], [data, undefined])
  for (const reference of ['Encrypt', 3] as const)
    assert.throws(() => bytesOf(reference), faults('FeatureNotSupported', /byte string/))
  assert.deepEqual([true, false, undefined].map(validityName), ['Valid', 'Invalid', undefined])
})
