// Any bytes on the socket get an answer or a closed connection, in bounded time, and nothing but that. What is sent
// is made of whole messages, broken headers and noise, cut into pieces at random, over TLS and below it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Framer, type Framed } from '../../../src/wire/ttlv/framer.ts'
import { messageOf, openListener } from '../../support/server/kmip-listener.ts'
import { connectClient, connectRaw } from '../../support/clients/tls-client.ts'

const limits = { messageTimeoutMs: 200, idleTimeoutMs: 400, lingerMs: 200 }
const boundMs = 15_000

const piece = fc.oneof(
  fc.nat(40).map((units) => messageOf(1, units * 8)),
  fc.integer({ min: 1_000, max: 3_000 }).map((units) => messageOf(2, units * 8)),
  fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
  fc
    .record({ type: fc.nat(255), length: fc.oneof(fc.nat(0xffffffff), fc.nat(64)) })
    .map(({ type, length }) => {
      const header = Buffer.from('4200780000000000', 'hex')
      header[3] = type
      header.writeUInt32BE(length, 4)
      return header
    }),
)
const stream = fc.array(piece, { minLength: 1, maxLength: 6 }).map((pieces) => Buffer.concat(pieces))
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 })

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const places = at.map((share) => Math.floor(share * bytes.length)).toSorted((a, b) => a - b)
  return [...places, bytes.length].map((end, index) => bytes.subarray(places[index - 1] ?? 0, end))
}

test('any bytes over TLS: as many answers as there were whole messages, or fewer and the end', async () => {
  await using listener = await openListener({
    limits,
    whyUnread: async ({ port }) => (port % 2 === 0 ? null : 'untrusted'),
  })
  await fc.assert(
    fc.asyncProperty(stream, cuts, async (bytes, at) => {
      const client = await connectClient({ port: listener.port })
      for (const part of cut(bytes, at)) {
        if (part.length > 0) client.send(part)
        await new Promise((resolve) => setImmediate(resolve))
      }
      const whole = wholeMessages(bytes)
      const answers: Buffer[] = []
      const begun = performance.now()
      for (let answer = await client.message(); answer !== undefined; answer = await client.message()) {
        answers.push(answer)
      }
      await client.ended
      client.close()
      assert.ok(performance.now() - begun < boundMs)
      assert.deepEqual(answers, whole.slice(0, answers.length))
    }),
    { numRuns: 40, endOnFailure: true },
  )
  assert.deepEqual(listener.loud(), [])
})

test('any bytes below TLS: the end, in bounded time', async () => {
  await using listener = await openListener({ limits: { ...limits, handshakeTimeoutMs: 300 } })
  const record = fc.record({
    version: fc.constantFrom(0x0301, 0x0303),
    body: fc.uint8Array({ maxLength: 200 }),
  })
  const below = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.array(record, { minLength: 1, maxLength: 3 }).map((records) =>
      Buffer.concat(
        records.map(({ version, body }) => {
          const header = Buffer.from([0x16, version >> 8, version & 0xff, 0, body.length])
          return Buffer.concat([header, body])
        }),
      ),
    ),
  )
  await fc.assert(
    fc.asyncProperty(below, cuts, async (bytes, at) => {
      const raw = await connectRaw({ port: listener.port })
      const closed = new Promise((resolve) => raw.on('close', resolve))
      raw.resume()
      for (const part of cut(bytes, at)) raw.write(part)
      const begun = performance.now()
      await closed
      assert.ok(performance.now() - begun < boundMs)
    }),
    { numRuns: 30, endOnFailure: true },
  )
  const client = await connectClient({ port: listener.port })
  assert.deepEqual(await client.ask(messageOf(1)), messageOf(1))
  client.close()
  assert.deepEqual(listener.loud(), [])
})

test('however the bytes are cut, the framer asks before a long message, and finds the same messages', () => {
  fc.assert(
    fc.property(stream, cuts, (bytes, at) => {
      const framer = new Framer({ messageBytesMax: 1024 * 1024, askAboveBytes: 8 * 1024 })
      const messages: Buffer[] = []
      const take = ({ messages: some, halt }: Framed): void => {
        messages.push(...some.map((message) => Buffer.from(message)))
        if (halt?.kind !== 'ask') return
        assert.ok(halt.bytes > 8 * 1024)
        take(framer.permit())
      }
      for (const part of cut(bytes, at)) take(framer.push(part))
      assert.deepEqual(messages, wholeMessages(bytes))
    }),
  )
})

test('bytes that arrive before the permission are kept, and without it nothing is read', () => {
  const framer = new Framer({ messageBytesMax: 1024 * 1024, askAboveBytes: 100 })
  const large = messageOf(1, 200)
  assert.deepEqual(framer.push(large.subarray(0, 50)), { messages: [], halt: { kind: 'ask', bytes: 208 } })
  assert.deepEqual(framer.push(large.subarray(50)), { messages: [], halt: { kind: 'ask', bytes: 208 } })
  const { messages, halt } = framer.permit()
  assert.deepEqual(messages, [large])
  assert.equal(halt, undefined)
  assert.equal(framer.partial, false)
  assert.equal(framer.push(messageOf(2, 200)).halt?.kind, 'ask')
})

function wholeMessages(bytes: Buffer): readonly Buffer[] {
  return new Framer({ messageBytesMax: 1024 * 1024 }).push(bytes).messages
}
