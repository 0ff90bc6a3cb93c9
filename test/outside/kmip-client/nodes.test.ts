// Several addresses of one server: each in turn, the next one if one is down, and a pause for one that failed.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createKey, getKey, versionsOf } from '../../../src/outside/kmip-client/calls.ts'
import { connectKmip, type ClientOptions, type KmipClient } from '../../../src/outside/kmip-client/client.ts'
import { KmipTransportError } from '../../../src/outside/kmip-client/errors.ts'
import { openWire, type Wire } from '../../support/clients/proxy.ts'
import { startEmbedded } from '../../support/server/server.ts'

const server = await startEmbedded()
const { tls } = await server.issue('kmip-failover')
after(() => server[Symbol.asyncDispose]())

function client(wires: readonly Wire[], options: Partial<ClientOptions> = {}): KmipClient {
  return connectKmip({
    addresses: wires.map(({ port }) => ({ host: '127.0.0.1', port })),
    cert: tls.cert,
    key: tls.key,
    trust: { by: 'fingerprint', sha256: server.serverCertSha256 },
    connections: 'per-work',
    ...options,
  })
}

const counts = (wires: readonly Wire[]): number[] => wires.map((wire) => wire.connections())

test('each address in turn', async () => {
  await using one = await openWire(server.kmip)
  await using two = await openWire(server.kmip)
  await using kmip = client([one, two])
  for (let i = 0; i < 6; i++) await versionsOf(kmip)
  assert.deepEqual(counts([one, two]), [3, 3])
})

test('one is down: the other answers every request, and the one that is down is left alone', async () => {
  await using one = await openWire(server.kmip)
  await using two = await openWire(server.kmip)
  await using kmip = client([one, two])
  await one.cut()
  const id = await createKey(kmip)
  for (let i = 0; i < 5; i++) assert.equal((await getKey(kmip, id)).material.length, 32)
  assert.deepEqual(counts([one, two]), [0, 6])
  await one.mend()
  await versionsOf(kmip)
  assert.equal(one.connections(), 0, 'it has not rested yet')
})

test('one that was down is asked again after a pause', async () => {
  await using one = await openWire(server.kmip)
  await using two = await openWire(server.kmip)
  let nowMs = 0
  await using kmip = client([one, two], { restMs: 300, now: () => nowMs })
  await one.cut()
  await versionsOf(kmip)
  await one.mend()
  nowMs += 400
  for (let i = 0; i < 4; i++) await versionsOf(kmip)
  assert.equal(one.connections(), 2)
})

test('if all have failed recently, they are asked all the same', async () => {
  await using one = await openWire(server.kmip)
  await using two = await openWire(server.kmip)
  await using kmip = client([one, two])
  await one.cut()
  await two.cut()
  const error = await versionsOf(kmip).catch((reason: unknown) => reason)
  assert.ok(error instanceof KmipTransportError)
  assert.equal(error.stage, 'connect')
  assert.equal(error.attempts.length, 2)
  assert.ok([one, two].every(({ port }) => error.message.includes(`:${port}`)))
  await two.mend()
  await versionsOf(kmip)
})

test('cut in the middle of much work: reads never fail, and a change is done once or reported', async () => {
  await using one = await openWire(server.kmip)
  await using two = await openWire(server.kmip)
  let nowMs = 0
  const now = () => nowMs
  await using kmip = client([one, two], { connections: 'kept', connectionsMax: 4, restMs: 50, now })
  const id = await createKey(kmip)
  const stop = new AbortController()
  const read = [0, 0, 0, 0]
  const reading = read.map(async (_, reader) => {
    for (; !stop.signal.aborted; read[reader] = (read[reader] ?? 0) + 1) await getKey(kmip, id)
  })
  /** Each reader has begun and ended a request since, so none still holds to what was cut before. */
  const allRead = async () => {
    const before = [...read]
    while (!read.every((count, reader) => count > (before[reader] ?? 0) + 1))
      await new Promise((resolve) => setTimeout(resolve, 5))
  }
  for (let round = 0; round < 5; round++) {
    for (const wire of [one, two]) {
      await wire.cut()
      await new Promise((resolve) => setTimeout(resolve, 40))
      await wire.mend()
      {
        await using direct = client([wire])
        await versionsOf(direct)
      }
      nowMs += 80
      await allRead()
    }
  }
  stop.abort()
  await Promise.all(reading)
})
