// Many connections at once. The bounds on time are those that a client would notice, far above what is measured on
// a quiet machine (bench/), so that a busy one does not fail them.

import assert from 'node:assert/strict'
import { randomBytes, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { test } from 'node:test'
import type { Socket } from 'node:net'
import {
  makeServerCertificate,
  messageOf,
  numberOf,
  openListener,
} from '../../support/server/kmip-listener.ts'
import { until } from '../../support/time/until.ts'
import { clientHello12, connectClient, connectRaw, type TlsClient } from '../../support/clients/tls-client.ts'

test('when one address opens hundreds of connections at once, others are answered and let in meanwhile', async () => {
  await using listener = await openListener()
  const working = await connectClient({ port: listener.port, from: '127.0.0.2' })
  const flood = Array.from({ length: 400 }, () => connectClient({ port: listener.port, from: '127.0.0.9' }))
  let over = false
  const flooded = Promise.all(flood).then((clients) => {
    over = true
    return clients
  })
  let slowestRequestMs = 0
  let slowestHandshakeMs = 0
  let rounds = 0
  const began = performance.now()
  do {
    const before = performance.now()
    assert.equal(numberOf(await working.ask(messageOf(1))), 1)
    const between = performance.now()
    const newcomer = await connectClient({ port: listener.port, from: '127.0.0.3' })
    assert.equal(numberOf(await newcomer.ask(messageOf(2))), 2)
    newcomer.end()
    slowestRequestMs = Math.max(slowestRequestMs, between - before)
    slowestHandshakeMs = Math.max(slowestHandshakeMs, performance.now() - between)
    rounds += 1
  } while (!isOver())
  // However slow the machine is, both have to do with it.
  const floodMs = performance.now() - began
  // The flood itself is served too, in its turn.
  for (const client of await flooded) client.close()
  working.close()
  assert.ok(rounds > 2, `${rounds} rounds`)
  assert.ok(slowestRequestMs < floodMs / 2, `a request took ${slowestRequestMs} of ${floodMs} ms`)
  assert.ok(slowestHandshakeMs < floodMs / 2, `a handshake took ${slowestHandshakeMs} of ${floodMs} ms`)

  function isOver(): boolean {
    return over
  }
})

test('handshakes that are begun and never ended take no turns from others', { timeout: 30_000 }, async () => {
  await using listener = await openListener({
    limits: {
      handshakesPerAddressMax: 2,
      newHandshakesMax: 4,
      handshakeStallMs: 100,
      handshakeTimeoutMs: 60_000,
    },
  })
  const stalled: Socket[] = []
  for (const from of ['127.0.0.8', '127.0.0.9']) {
    for (let number = 0; number < 10; number += 1) {
      const raw = await connectRaw({ port: listener.port, from })
      raw.write(Buffer.from('160301000401000100', 'hex'))
      stalled.push(raw)
    }
  }
  await until(() => listener.gauge('handshakes_active') === 4, 'they hold all turns')
  const client = await connectClient({ port: listener.port, from: '127.0.0.2' })
  assert.equal(numberOf(await client.ask(messageOf(1))), 1)
  client.close()
  for (const raw of stalled) raw.destroy()
  await until(() => listener.gauge('handshakes_active') === 0, 'all turns are given back')
  assert.equal(listener.gauge('handshakes_waiting'), 0)
})

test('clients that leave while they wait for their turn, or in the middle of it, leave nothing behind', async () => {
  await using listener = await openListener()
  const leave = ['end', 'resetAndDestroy', 'destroy'] as const
  const all = Array.from({ length: 300 }, async (_, number) => {
    const raw = await connectRaw({ port: listener.port, from: '127.0.0.9' })
    raw.resume()
    raw.write(clientHello12)
    // Some at once, some a little later.
    for (let turn = 0; turn < number % 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    raw[leave[number % leave.length] ?? 'end']()
  })
  await Promise.all(all)
  await until(() => listener.gauge('connections') === 0, 'all have left')
  assert.equal(listener.gauge('handshakes_active'), 0)
  assert.equal(listener.gauge('handshakes_waiting'), 0)
  assert.deepEqual(listener.loud(), [])
  const client = await connectClient({ port: listener.port, from: '127.0.0.9' })
  assert.equal(numberOf(await client.ask(messageOf(1))), 1)
  client.close()
})

test('connections that say nothing take no turns at all', async () => {
  await using listener = await openListener({ limits: { newHandshakesMax: 2, handshakesPerAddressMax: 1 } })
  const silent = await Promise.all(
    Array.from({ length: 200 }, () => connectRaw({ port: listener.port, from: '127.0.0.9' })),
  )
  const client = await connectClient({ port: listener.port, from: '127.0.0.9' })
  assert.equal(numberOf(await client.ask(messageOf(1))), 1)
  client.close()
  for (const raw of silent) raw.destroy()
})

test('the handshakes of trusted clients take nothing from the share of unknown addresses', async () => {
  for (const trusted of [false, true]) {
    // Each look at the clock takes a millisecond of it, so a handshake costs the same on every machine.
    let nowMs = 0
    await using listener = await openListener({
      clock: { monotonic: () => nowMs++ },
      onHandshake: () => Promise.resolve(trusted),
      limits: { newTimeSavedMaxMs: 30, newTimePercent: 5, timeDebtMaxMs: 1 },
    })
    const isWaiting = () =>
      listener.loud().some(({ message }) => message.includes('more than their share of time, so they wait'))
    for (let host = 1; host <= 40 && !isWaiting(); host++) {
      const client = await connectClient({ port: listener.port, from: `127.0.1.${host}` })
      assert.equal(numberOf(await client.ask(messageOf(host))), host)
      client.close()
    }
    assert.equal(isWaiting(), !trusted)
  }
})

test('many hosts behind one address, as behind NAT, go first on although a stranger among them is suspected again and again', async () => {
  // Each look at the clock takes a millisecond of it, so a handshake costs the same on every machine.
  let [nowMs, isTrusted, greeted] = [0, true, 0]
  await using listener = await openListener({
    clock: { monotonic: () => nowMs++ },
    onHandshake: async () => {
      greeted += 1
      return isTrusted
    },
    limits: { newTimeSavedMaxMs: 12, subnetKnownSpentMs: Infinity },
  })
  for (let host = 1; host <= 40; host++) {
    isTrusted = host % 10 === 1
    const client = await connectClient({ port: listener.port })
    await until(() => greeted === host, 'it is known who that is')
    assert.equal(numberOf(await client.ask(messageOf(host))), host)
    client.close()
  }
  assert.deepEqual(listener.loud(), [], 'none had to wait for the share of unknown addresses')
})

test('a full listener refuses newcomers of the address that fills it, and has places for others', async () => {
  await using listener = await openListener({
    limits: { connectionsMax: 10, connectionsPerAddressMax: 10, knownConnectionsKept: 5 },
  })
  const flood: TlsClient[] = []
  for (let number = 0; number < 10; number += 1) {
    flood.push(await connectClient({ port: listener.port, from: '127.0.0.9' }))
  }
  await until(() => listener.handshakes.length === 10, 'all of them are known to be trusted')
  await assert.rejects(connectClient({ port: listener.port, from: '127.0.0.9' }))
  const other = await connectClient({ port: listener.port, from: '127.0.0.2' })
  assert.equal(numberOf(await other.ask(messageOf(1))), 1)
  assert.equal(listener.count('connections_displaced'), 1)
  assert.equal(listener.count('connections_refused', { reason: 'address' }), 1)
  await flood[0]?.ended
  assert.equal(numberOf((await flood[1]?.ask(messageOf(2))) ?? undefined), 2)
  assert.deepEqual(
    listener.loud().map(({ level }) => level),
    ['warn', 'warn'],
  )
  assert.equal(listener.gauge('connections'), 10)
  for (const client of [...flood, other]) client.close()
  await until(() => listener.gauge('connections') === 0, 'all have left')
})

test('strangers that hold all places of an address, as behind NAT, do not keep a trusted client of that address out', async () => {
  let [isTrusted, greeted] = [false, 0]
  await using listener = await openListener({
    limits: { connectionsMax: 10, connectionsPerAddressMax: 4, knownConnectionsKept: 2 },
    onHandshake: async () => {
      greeted += 1
      return isTrusted
    },
  })
  const strangers: TlsClient[] = []
  while (strangers.length < 4) strangers.push(await connectClient({ port: listener.port }))
  await until(() => greeted === 4, 'all of them are known to be strangers')
  isTrusted = true
  const trusted: TlsClient[] = []
  while (trusted.length < 4) trusted.push(await connectClient({ port: listener.port }))
  await until(() => greeted === 8, 'all of these are known to be trusted')
  for (const client of trusted) assert.equal(numberOf(await client.ask(messageOf(1))), 1)
  for (const client of strangers) await client.ended
  assert.equal(listener.count('connections_displaced'), 4)
  await assert.rejects(connectClient({ port: listener.port }))
  for (const client of trusted) client.close()
})

test('a peer that has not yet taken its answer is not sent away for a newcomer', async () => {
  let answered = 0
  await using listener = await openListener({
    limits: { connectionsMax: 2, connectionsPerAddressMax: 2, knownConnectionsKept: 1 },
    // More than the kernel takes.
    answer: async () => ({ bytes: messageOf(++answered, 16 * 1024 * 1024), close: false }),
  })
  const slow: TlsClient[] = []
  for (let number = 0; number < 2; number += 1) {
    const client = await connectClient({ port: listener.port, from: '127.0.0.9' })
    client.socket.pause()
    client.raw.pause()
    client.send(messageOf(0))
    slow.push(client)
  }
  await until(() => answered === 2, 'both answers are made')
  await assert.rejects(connectClient({ port: listener.port, from: '127.0.0.2' }))
  assert.equal(listener.count('connections_displaced'), 0)
  for (const client of slow) client.close()
})

test('a stranger that reads no refusal keeps no place, so that a handshake of its address is not ended in its stead', async () => {
  let answered = 0
  await using listener = await openListener({
    limits: { connectionsPerAddressMax: 2 },
    onHandshake: async () => false,
    // More than the kernel takes.
    answer: async () => ({ bytes: messageOf(++answered, 16 * 1024 * 1024), close: false }),
  })
  const stranger = await connectClient({ port: listener.port })
  stranger.socket.pause()
  stranger.raw.pause()
  stranger.send(messageOf(0))
  await until(() => answered === 1, 'the answer is made')
  const host = await connectRaw({ port: listener.port })
  host.write(clientHello12)
  await once(host, 'data')
  const newcomer = await connectClient({ port: listener.port })
  stranger.socket.resume()
  await stranger.ended
  assert.equal(host.destroyed, false)
  assert.equal(listener.count('connections_closed', { reason: 'displaced' }), 1)
  for (const socket of [host, newcomer.raw]) socket.destroy()
})

test('what waits on connections counts, and one for which there is no room is ended', async () => {
  let answered = 0
  await using listener = await openListener({
    limits: { bufferedBytesMax: 32 * 1024 * 1024, lingerMs: 80 },
    answer: async () => ({ bytes: messageOf(++answered, 12 * 1024 * 1024), close: false }),
  })
  const slow: TlsClient[] = []
  for (let number = 1; number <= 2; number += 1) {
    const client = await connectClient({ port: listener.port })
    client.socket.pause()
    client.raw.pause()
    client.send(messageOf(number))
    await until(() => answered === number, 'the answer is made')
    slow.push(client)
    await until(() => listener.gauge('bytes_buffered') > 0, 'it counts')
  }
  await until(() => listener.count('connections_closed', { reason: 'no-room' }) === 1, 'one is ended')
  assert.equal(listener.count('connections_closed'), 1)
  for (const client of slow) client.close()
  await until(() => listener.gauge('bytes_buffered') === 0, 'all is given back')
})

test('a new server certificate needs no room that others have taken: newcomers see it, and who is there goes on', async () => {
  const bytes = 256 * 1024
  await using listener = await openListener({ limits: { bufferedBytesMax: 8 * bytes } })
  const open = await connectClient({ port: listener.port, from: '127.0.0.2' })
  const others: TlsClient[] = []
  while (listener.count('messages_unreadable', { reason: 'busy' }) === 0) {
    const other = await connectClient({ port: listener.port, from: `127.0.1.${others.length + 1}` })
    const before = listener.gauge('bytes_buffered')
    // The listener holds the room for the rest of the message, which never comes.
    other.send(messageOf(1, bytes).subarray(0, 8))
    others.push(other)
    await until(
      () => listener.gauge('bytes_buffered') > before || listener.count('messages_unreadable') > 0,
      'it holds room, or there is none',
    )
  }
  const next = await makeServerCertificate()
  listener.opened.setServerCertificate(next, randomBytes(48))
  const fresh = await connectClient({ port: listener.port, from: '127.0.0.3' })
  assert.equal(
    fresh.socket.getPeerX509Certificate()?.fingerprint256,
    new X509Certificate(next.certificate).fingerprint256,
  )
  for (const client of [fresh, open]) assert.equal(numberOf(await client.ask(messageOf(2))), 2)
  for (const other of others) other.close()
  await until(() => listener.gauge('bytes_buffered') === 0, 'all is given back')
  for (const client of [fresh, open]) {
    assert.equal(numberOf(await client.ask(messageOf(3, bytes))), 3)
    client.close()
  }
})

test('three hundred idle connections do not disturb the one that works', async () => {
  await using listener = await openListener()
  const idle: TlsClient[] = []
  while (idle.length < 300) {
    idle.push(
      ...(await Promise.all(Array.from({ length: 50 }, () => connectClient({ port: listener.port })))),
    )
  }
  assert.equal(listener.gauge('connections'), 300)
  const working = await connectClient({ port: listener.port })
  const timesMs: number[] = []
  for (let time = 0; time < 500; time += 1) {
    const before = performance.now()
    assert.equal(numberOf(await working.ask(messageOf(time))), time)
    timesMs.push(performance.now() - before)
  }
  timesMs.sort((a, b) => a - b)
  assert.ok((timesMs[495] ?? 0) < 250, `p99 ${timesMs[495]} ms`)
  assert.equal(numberOf(await idle[0]?.ask(messageOf(7))), 7)
  working.close()
  for (const client of idle) client.close()
  await until(() => listener.gauge('connections') === 0, 'all have left')
  assert.deepEqual(listener.loud(), [])
})
