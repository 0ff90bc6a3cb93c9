// Requests whose peer has left: whoever answers them is told, however the peer left and whatever it sent before.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messageOf, numberOf, openListener } from '../../support/server/kmip-listener.ts'
import { until } from '../../support/time/until.ts'
import { connectClient } from '../../support/clients/tls-client.ts'

const limits = { answerAfterEndMs: 50, requestsQueuedPerConnectionMax: 2 }

/** The server reads so much ahead, with a record of 16 KB behind it, and Node's two sockets hold as much at most: they stop at 64 KB and a read. */
const heldBytesMax = (128 + 16 + 2 * 128) * 1024

/** A listener at which the first message is answered only once its peer has left. */
async function openSlowListener(more: Partial<typeof limits> & { lookAheadBytesMax?: number } = {}) {
  const begun: number[] = []
  const signals: AbortSignal[] = []
  const listener = await openListener({
    limits: { ...limits, ...more },
    answer: async (message, _peer, { abandoned }) => {
      begun.push(numberOf(message) ?? 0)
      signals.push(abandoned)
      await new Promise((resolve) => abandoned.addEventListener('abort', resolve))
      return { bytes: messageOf(99), close: false }
    },
  })
  return { listener, begun, abandoned: () => signals[0]?.aborted === true }
}

const few = [messageOf(1), messageOf(2)]
const many = Array.from({ length: 20 }, (_, index) => messageOf(index + 1))
const large = [messageOf(1), messageOf(2, 100_000), messageOf(3)]

for (const [what, messages] of Object.entries({ few, many, large }))
  for (const leave of ['reset', 'end', 'close'] as const)
    test(`a peer that sends ${what} messages and leaves by ${leave} is noticed, and nothing more is begun`, async () => {
      const { listener, begun, abandoned } = await openSlowListener()
      await using _listener = listener
      const client = await connectClient({ port: listener.port })
      client.send(Buffer.concat(messages))
      await until(() => begun.length === 1, 'the first is begun')
      client[leave]()
      await until(abandoned, 'it is abandoned')
      await until(() => listener.gauge('connections') === 0, 'it is gone')
      assert.deepEqual(begun, [1])
      assert.equal(listener.gauge('bytes_buffered'), 0)
      assert.deepEqual(listener.loud(), [])
    })

test('a peer that ends its side is answered meanwhile, before what it asked for is given up', async () => {
  const { listener, begun } = await openSlowListener()
  await using _listener = listener
  const client = await connectClient({ port: listener.port })
  client.send(Buffer.concat(few))
  client.end()
  assert.equal(numberOf(await client.message()), 99)
  assert.equal(await client.ended, null)
  assert.deepEqual(begun, [1])
})

test('a peer that stays is answered in order, and what is read behind its long requests counts until then', async () => {
  const longRequests = 20
  const release = Array.from({ length: longRequests }, () => Promise.withResolvers<void>())
  await using listener = await openListener({
    limits: { ...limits, lookAheadBytesMax: 128 * 1024 },
    answer: async (message, _peer, { abandoned }) => {
      await release[(numberOf(message) ?? 0) - 1]?.promise
      assert.equal(abandoned.aborted, false)
      return { bytes: Buffer.from(message), close: false }
    },
  })
  const client = await connectClient({ port: listener.port })
  const numbers = Array.from({ length: 400 }, (_, index) => index + 1)
  client.send(Buffer.concat(numbers.map((number) => messageOf(number, 8_000))))
  await until(() => listener.gauge('bytes_buffered') > 128 * 1024, 'it is read ahead')
  for (const number of numbers.slice(0, longRequests)) {
    // No longer request lets more in than the first did.
    if (number < longRequests / 2) assert.ok(listener.gauge('bytes_buffered') <= heldBytesMax)
    release[number - 1]?.resolve()
    assert.equal(numberOf(await client.message()), number)
  }
  for (const number of numbers.slice(longRequests)) assert.equal(numberOf(await client.message()), number)
  await until(() => listener.gauge('bytes_buffered') === 0, 'all of it is answered')
  client.close()
  assert.deepEqual(listener.loud(), [])
})

test('behind one long request the server reads no more than once, however long it takes', async () => {
  const begun: number[] = []
  const release = Promise.withResolvers<void>()
  await using listener = await openListener({
    limits: { ...limits, lookAheadBytesMax: 128 * 1024 },
    answer: async (message, _peer, { abandoned }) => {
      begun.push(numberOf(message) ?? 0)
      const left = new Promise((resolve) => abandoned.addEventListener('abort', resolve))
      await Promise.race([left, release.promise])
      return { bytes: messageOf(99), close: false }
    },
  })
  const client = await connectClient({ port: listener.port })
  client.send(Buffer.concat(Array.from({ length: 400 }, () => messageOf(1, 8_000))))
  await until(() => listener.gauge('bytes_buffered') > 128 * 1024, 'it is read ahead')
  // Each of these is noticed by another sweep over all connections.
  for (const number of [2, 3, 4, 5]) {
    const other = await connectClient({ port: listener.port })
    other.send(messageOf(number))
    await until(() => begun.includes(number), 'it is begun')
    other.end()
    await until(() => listener.gauge('connections') === 1, 'it is gone')
  }
  assert.ok(listener.gauge('bytes_buffered') <= heldBytesMax)
  release.resolve()
  await until(() => listener.gauge('bytes_buffered') === 0, 'all of it is answered')
  client.close()
})
