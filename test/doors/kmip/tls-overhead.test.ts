// Peers whose records bring no data, as endless key updates do: each takes the thread's time, and its answer memory.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listenerLimits } from '../../../src/doors/kmip/listener-limits.ts'
import { TlsOverhead } from '../../../src/doors/kmip/tls-overhead.ts'
import { connectUpdating, type UpdatingClient } from './key-updates.ts'
import { messageOf, numberOf, openListener, type TestListener } from '../../support/server/kmip-listener.ts'
import { connectClient } from '../../support/clients/tls-client.ts'
import { until } from '../../support/time/until.ts'

async function isCut(listener: TestListener, { client }: UpdatingClient): Promise<void> {
  await client.ended
  await until(() => listener.count('connections_closed', { reason: 'no-data' }) === 1, 'it is counted')
}

test('a peer that asks for new keys without end is cut', async () => {
  await using listener = await openListener({ onHandshake: async () => false })
  const peer = await connectUpdating({ port: listener.port })
  peer.raw.write(peer.updates(1_000))
  await isCut(listener, peer)
})

test('so is one at the address of a trusted client', async () => {
  await using listener = await openListener({ limits: { lingerMs: 80 } })
  const trusted = await connectClient({ port: listener.port })
  await until(() => listener.handshakes.length === 1, 'its address is known')
  const peer = await connectUpdating({ port: listener.port })
  peer.raw.write(peer.updates(1_000))
  await isCut(listener, peer)
  assert.equal(numberOf(await trusted.ask(messageOf(1))), 1)
  trusted.close()
})

test('a few key updates are answered, and the message behind them too', async () => {
  await using listener = await openListener({ onHandshake: async () => false })
  const peer = await connectUpdating({ port: listener.port })
  peer.raw.write(Buffer.concat([peer.updates(20), peer.last(messageOf(7))]))
  assert.equal(numberOf(await peer.client.message()), 7)
  peer.client.close()
})

for (const [maxVersion, ciphers] of [
  ['TLSv1.3', 'TLS_AES_128_GCM_SHA256'],
  ['TLSv1.2', 'AES256-SHA256'],
] as const)
  test(`a message that comes in records of one byte is answered (${maxVersion})`, async () => {
    await using listener = await openListener({ onHandshake: async () => false })
    const client = await connectClient({ port: listener.port, maxVersion, ciphers })
    for (let number = 0; number < 5; number += 1) {
      for (const byte of messageOf(number, 64)) client.send(Buffer.from([byte]))
      assert.equal(numberOf(await client.message()), number)
    }
    client.close()
  })

test('data pays for its records, and not for others that come much later', () => {
  const bounds = { ...listenerLimits, tlsOverheadBytesMax: 100, tlsBytesPerDataByte: 10 }
  const overhead = new TlsOverhead(bounds, 3_000, true)
  assert.ok(overhead.bears(3_100, 0))
  assert.ok(overhead.bears(3_110, 1))
  assert.ok(overhead.bears(1_003_110, 1_000_001), 'a megabyte of data')
  assert.ok(overhead.bears(1_003_210, 1_000_001))
  assert.ok(!overhead.bears(1_003_211, 1_000_001))
  const native = new TlsOverhead(bounds, 3_000, false)
  assert.ok(native.bears(3_100 + listenerLimits.helloBytesMax, 0), 'a record that is not whole yet')
  assert.ok(!native.bears(3_101 + listenerLimits.helloBytesMax, 0))
})
