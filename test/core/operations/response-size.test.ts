// The bounds of a response: what fits is answered, what does not is refused before its commit, and memory is reserved.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeResponse, type ResponseItem } from '../../../src/wire/kmip/message.ts'
import { messageBytesMax, untrustedMessageBytesMax } from '../../../src/base/bounds.ts'
import { AnswerRoom } from '../../../src/core/operations/response-size.ts'
import { faults } from '../../support/server/core.ts'

const header = { version: '1.4', timeStamp: 0n } as ConstructorParameters<typeof AnswerRoom>[0]

/** Its payload has so many bytes: the header of a Response Payload (KMIP 1.4 §9.1), and sevens. */
const item = (payloadBytes: number, more: Partial<ResponseItem> = {}): ResponseItem => {
  const payload = Buffer.alloc(payloadBytes, 7)
  payload.writeUInt32BE(0x42_00_7c_01)
  payload.writeUInt32BE(payloadBytes - 8, 4)
  return { status: 'Success', payload, ...more }
}

/** Room for answers of this size; each reservation is recorded, and refused beyond `memory`. */
function open(maximumBytes?: number, memory = Infinity) {
  const reserved: number[] = []
  const reserve = (bytes: number) => {
    reserved.push(bytes)
    return reserved.reduce((sum, one) => sum + one, 0) <= memory
  }
  return { room: new AnswerRoom(header, { maximumBytes, reserve }), reserved }
}

const sizeOf = (items: readonly ResponseItem[]) => encodeResponse({ ...header, items }).length

test('an answer of exactly the maximum fits, and one more byte does not; a refused payload is wiped', () => {
  for (const before of [
    [],
    [item(80)],
    [item(80, { uniqueBatchItemId: Buffer.of(1, 2) }), item(16)],
    [item(80, { uniqueBatchItemId: Buffer.alloc(400, 1) })],
    [item(16, { message: '€'.repeat(300) })],
  ]) {
    const next = item(160, { uniqueBatchItemId: Buffer.of(3) })
    const exact = sizeOf([...before, next])
    const begin = (max: number) => {
      const { room } = open(max)
      for (const one of before) {
        room.require(one)
        room.add(one)
      }
      return room
    }
    begin(exact).require(next)
    assert.equal(next.payload?.at(-1), 7)
    const refused = item(160, { uniqueBatchItemId: Buffer.of(3) })
    assert.throws(
      () => begin(exact - 1).require(refused),
      faults('ResponseTooLarge', new RegExp(`${exact - 1}`)),
    )
    assert.ok(refused.payload?.every((byte) => byte === 0))
    const { payload: _, ...named } = next
    assert.equal(begin(exact).payloadBytesMax(named), 160)
  }
})

const failed = (length: number): ResponseItem => ({ status: 'OperationFailed', message: 'x'.repeat(length) })

test('an item without a payload may be too large as well', () => {
  const { room } = open(400)
  room.require(failed(16))
  assert.throws(() => room.require(failed(400)), faults('ResponseTooLarge'))
  assert.equal(room.exhausted, undefined)
})

test('no client can ask for more than the server sends', () => {
  for (const maximum of [undefined, messageBytesMax * 2]) {
    const { room } = open(maximum)
    room.require(item(messageBytesMax - 1_024))
    assert.throws(() => room.require(item(messageBytesMax)), faults('ResponseTooLarge'))
  }
})

test('after as many discarded bytes as a whole answer has, no further item begins', () => {
  const { room } = open(1_000)
  const half = messageBytesMax / 2
  for (const expected of [false, false, true]) {
    assert.throws(() => room.require(item(half)), faults('ResponseTooLarge'))
    assert.equal(room.exhausted !== undefined, expected)
  }
  assert.equal(room.exhausted?.reason, 'ResponseTooLarge')
})

test('memory is reserved for what is above a stranger’s message, once, and refused if there is none', () => {
  const { room, reserved } = open()
  room.require(item(untrustedMessageBytesMax / 2))
  assert.deepEqual(reserved, [])
  room.require(item(untrustedMessageBytesMax * 2))
  const [first = 0] = reserved
  assert.ok(first >= untrustedMessageBytesMax * 2)
  room.require(item(untrustedMessageBytesMax * 2))
  room.again().require(item(untrustedMessageBytesMax * 2))
  assert.deepEqual(reserved, [first], 'it is reserved already')
  room.require(item(untrustedMessageBytesMax * 3))
  assert.deepEqual(reserved, [first, untrustedMessageBytesMax], 'only what is more')
  const poor = open(undefined, untrustedMessageBytesMax).room
  const refused = item(untrustedMessageBytesMax * 2)
  assert.throws(() => poor.require(refused), faults('GeneralFailure', /too much to do/))
  assert.ok(refused.payload?.every((byte) => byte === 0))
})
