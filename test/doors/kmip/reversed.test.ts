// A connection on which the peer took the server role: the server asks when it likes, the peer answers in bounded time, and the
// connection takes the role with it when it ends.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Answer } from '../../../src/doors/kmip/contract.ts'
import type { Asking, NotifierTakeOver } from '../../../src/core/operations/notifier.ts'
import { faults } from '../../support/server/core.ts'
import { messageOf, numberOf, openListener } from '../../support/server/kmip-listener.ts'
import { until } from '../../support/time/until.ts'
import { connectClient } from '../../support/clients/tls-client.ts'

/** A peer that has the server role, and the side that asks it. */
async function reversed(limits: { readonly noticeAnswerMs?: number; readonly idleTimeoutMs?: number } = {}) {
  const taken = Promise.withResolvers<Asking>()
  const stopped = Promise.withResolvers<void>()
  const takeOver: NotifierTakeOver = (asking) => {
    taken.resolve(asking)
    return stopped.resolve
  }
  const answer = async (message: Buffer): Promise<Answer> => ({
    bytes: Buffer.from(message),
    close: false,
    takeOver,
  })
  const listener = await openListener({ limits, answer })
  const client = await connectClient({ port: listener.port })
  assert.equal(numberOf(await client.ask(messageOf(1))), 1)
  return { listener, client, asking: await taken.promise, stopped: stopped.promise }
}

test('the server asks again and again, and its bytes are overwritten', async () => {
  const { listener, client, asking } = await reversed()
  for (const number of [7, 8, 9]) {
    const request = messageOf(number)
    const answered = asking.ask(request)
    assert.equal(numberOf(await client.message()), number)
    client.send(messageOf(number + 100))
    assert.equal(numberOf(await answered), number + 100)
    await until(() => request.every((byte) => byte === 0), 'the request is overwritten')
  }
  client.close()
  await listener[Symbol.asyncDispose]()
})

test('long answers of a peer hold no memory once they are read', async () => {
  const { listener, client, asking } = await reversed()
  for (const number of [7, 8]) {
    const answered = asking.ask(messageOf(number))
    await client.message()
    client.send(messageOf(number, 100_000))
    assert.equal(numberOf(await answered), number)
    await until(() => listener.gauge('bytes_buffered') === 0, 'no bytes are held')
  }
  client.close()
  await listener[Symbol.asyncDispose]()
})

test('a peer that does not answer loses the connection', async () => {
  const { listener, client, asking, stopped } = await reversed({ noticeAnswerMs: 100 })
  await assert.rejects(asking.ask(messageOf(2)), faults('OperationCanceledByRequester'))
  await stopped
  await client.ended
  await until(() => listener.count('connections_closed', { reason: 'reply-timeout' }) === 1, 'it is counted')
  await assert.rejects(asking.ask(messageOf(3)), faults('OperationCanceledByRequester'))
  await listener[Symbol.asyncDispose]()
})

test('a peer that leaves ends the role, and what was asked fails', async () => {
  const { listener, client, asking, stopped } = await reversed()
  const asked = asking.ask(messageOf(2))
  await client.message()
  client.reset()
  await assert.rejects(asked, faults('OperationCanceledByRequester'))
  await stopped
  await listener[Symbol.asyncDispose]()
})

test('a connection with the role does not end because nothing changes', async () => {
  const { listener, client, asking } = await reversed({ idleTimeoutMs: 1_000 })
  const idle = await connectClient({ port: listener.port })
  await idle.ended
  const answered = asking.ask(messageOf(2))
  assert.equal(numberOf(await client.message()), 2)
  client.send(messageOf(3))
  assert.equal(numberOf(await answered), 3)
  client.close()
  idle.close()
  await listener[Symbol.asyncDispose]()
})

test('a server that stops ends the role too', async () => {
  const { listener, client, stopped } = await reversed()
  await listener[Symbol.asyncDispose]()
  await stopped
  await client.ended
})
