// Splits a stream into messages: however it is cut, within the limit, and by the header alone.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Framer, type Framed } from '../../../src/wire/ttlv/framer.ts'
import { readVectors } from '../../support/values/vectors.ts'

const messageBytesMax = 4096
const requests = readVectors('kmip').map(({ bytes }) => bytes)

const brokenBy = ({ halt }: Framed) => (halt?.kind === 'broken' ? halt.error.code : undefined)

test('every vector, byte by byte', () => {
  const framer = new Framer({ messageBytesMax })
  const messages: Buffer[] = []
  for (const byte of Buffer.concat(requests)) messages.push(...framer.push(Buffer.of(byte)).messages)
  assert.deepEqual(messages, requests)
})

test('however the stream is cut', () => {
  const stream = Buffer.concat(requests)
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length), { maxLength: 40 }), (places) => {
      const framer = new Framer({ messageBytesMax })
      const ends = [...places.toSorted((a, b) => a - b), stream.length]
      const messages = ends.flatMap(
        (end, index) => framer.push(stream.subarray(ends[index - 1] ?? 0, end)).messages,
      )
      assert.deepEqual(messages, requests)
    }),
    { numRuns: 200 },
  )
})

test('no more messages are cut than are wanted, and the others follow in order', () => {
  const stream = Buffer.concat(requests)
  const pieces = fc.array(fc.tuple(fc.nat(200), fc.nat(3)), { maxLength: 200 })
  fc.assert(
    fc.property(pieces, (wanted) => {
      const framer = new Framer({ messageBytesMax })
      const messages: Buffer[] = []
      let from = 0
      for (const [bytes, most] of wanted) {
        const framed = framer.push(stream.subarray(from, from + bytes), most)
        assert.ok(framed.messages.length <= most)
        messages.push(...framed.messages.map((message) => Buffer.from(message)))
        from = Math.min(from + bytes, stream.length)
      }
      messages.push(...framer.push(stream.subarray(from)).messages)
      assert.deepEqual(messages, requests)
      assert.equal(framer.partial, false)
    }),
  )
})

test('a header that cannot begin a message is refused at its eighth byte', () => {
  for (const header of ['4200780200000008', '4200780100000004', '474554202f206874', '0000000000000000']) {
    const framer = new Framer({ messageBytesMax })
    const bytes = Buffer.from(header, 'hex')
    assert.deepEqual(framer.push(bytes.subarray(0, 7)), { messages: [], halt: undefined })
    assert.equal(brokenBy(framer.push(bytes.subarray(7))), 'malformed', header)
  }
})

test('a message over the limit is refused before any of it is kept', () => {
  const framer = new Framer({ messageBytesMax: 64 })
  assert.equal(framer.push(Buffer.from('42007801000000', 'hex')).halt, undefined)
  assert.equal(brokenBy(framer.push(Buffer.from('40', 'hex'))), 'too-large')
  const exact = new Framer({ messageBytesMax: 64 })
  exact.push(Buffer.from('4200780100000038', 'hex'))
  assert.equal(exact.push(Buffer.alloc(56)).messages.length, 1)
  const huge = new Framer({ messageBytesMax })
  assert.equal(brokenBy(huge.push(Buffer.from('42007801fffffff8', 'hex'))), 'too-large')
})

test('messages before a bad header are delivered, and nothing after it', () => {
  const framer = new Framer({ messageBytesMax })
  const [message = Buffer.alloc(0)] = requests
  const framed = framer.push(Buffer.concat([message, Buffer.from('ffffffffffffffff', 'hex')]))
  assert.deepEqual(framed.messages, [message])
  assert.equal(brokenBy(framed), 'malformed')
  assert.ok(framed.halt?.kind === 'broken')
  assert.equal(framed.halt.error.offset, message.length)
  for (let again = 0; again < 2; again++) {
    const { messages, halt } = framer.push(message)
    assert.deepEqual([messages, halt?.kind], [[], 'broken'])
  }
})

test('a message above the size that needs permission waits for it, with everything behind it', () => {
  const message = Buffer.concat([Buffer.from('4200780100000038', 'hex'), Buffer.alloc(56)])
  const small = Buffer.from('4200780100000000', 'hex')
  const framer = new Framer({ messageBytesMax: 128, askAboveBytes: 63 })
  assert.throws(() => framer.permit(), /did not ask/)
  const ask = { kind: 'ask', bytes: 64 }
  assert.deepEqual(framer.push(Buffer.concat([small, message])), { messages: [small], halt: ask })
  assert.deepEqual(framer.push(small), { messages: [], halt: ask })
  assert.deepEqual(framer.permit(), { messages: [message, small], halt: undefined })
  assert.deepEqual(framer.push(message).halt, ask, 'a permission is for one message')
  const exact = new Framer({ messageBytesMax: 128, askAboveBytes: 64 })
  assert.deepEqual(exact.push(message), { messages: [message], halt: undefined })
})

test('a message is partial from its first byte to its last', () => {
  const framer = new Framer({ messageBytesMax })
  const [message = Buffer.alloc(0)] = requests
  assert.equal(framer.partial, false)
  framer.push(message.subarray(0, 1))
  assert.equal(framer.partial, true)
  framer.push(message.subarray(1))
  assert.equal(framer.partial, false)
})

test('memory grows with the bytes that arrive, not with the announced length', () => {
  const before = process.memoryUsage().arrayBuffers
  const framers = Array.from({ length: 1_000 }, () => new Framer({ messageBytesMax: 1024 * 1024 }))
  for (const framer of framers) framer.push(Buffer.from('42007801000ffff8000000', 'hex'))
  assert.ok(process.memoryUsage().arrayBuffers - before < 8 * 1024 * 1024)
})
