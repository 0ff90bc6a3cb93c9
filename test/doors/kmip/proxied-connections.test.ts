// Connections through a load balancer. Addresses of 127.0.0.0/8 play the load balancers and those who pretend to be one.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type { ListenerOptions } from '../../../src/doors/kmip/contract.ts'
import { messageOf, numberOf, openListener } from '../../support/server/kmip-listener.ts'
import { until } from '../../support/time/until.ts'
import { proxyHeader, tlv } from '../../support/clients/proxy-protocol.ts'
import { clientHello12, connectClient, connectRaw } from '../../support/clients/tls-client.ts'

const from = '127.0.0.5'

/** Behind the load balancer `from`; `peers` collects the addresses and ports that asked. */
async function openBehind(options: Partial<ListenerOptions> = {}) {
  const peers: string[] = []
  const listener = await openListener({
    proxyProtocolFrom: [from, '127.1.0.0/16'],
    answer: async (message, { address, port }) => {
      peers.push(`${address} ${port}`)
      return { bytes: Buffer.from(message), close: false }
    },
    ...options,
  })
  return {
    listener,
    port: listener.port,
    peers,
    [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose](),
  }
}

test("behind a listed load balancer a connection is its client's; others come as they are", async () => {
  await using opened = await openBehind()
  const { port, peers, listener } = opened
  const clients = [
    await connectClient({ port, from, before: proxyHeader({ from: '198.51.100.7', port: 61_234 }) }),
    await connectClient({
      port,
      from: '127.1.2.3',
      before: proxyHeader({ from: '2001:db8::7', tlvs: tlv(500) }),
    }),
    await connectClient({ port, from, before: proxyHeader({ from: '::ffff:c633:6408' }) }),
    await connectClient({ port, from: '127.0.0.6' }),
    // A health check of the load balancer that goes on to TLS.
    await connectClient({ port, from, before: proxyHeader() }),
  ]
  for (const client of clients) {
    assert.equal(numberOf(await client.ask(messageOf(1))), 1)
    client.close()
  }
  assert.deepEqual(
    peers.map((peer) => peer.replace(/^(127\S+) \d+$/, '$1')),
    ['198.51.100.7 61234', '2001:db8::7 40000', '198.51.100.8 40000', '127.0.0.6', from],
  )
  assert.deepEqual(listener.loud(), [])
})

test('a header counts in whatever pieces it and what follows arrive', async () => {
  await using opened = await openBehind()
  const raw = await connectRaw({ port: opened.port, from })
  for (const byte of proxyHeader({ from: '198.51.100.7' }).subarray(0, 27)) {
    raw.write(Buffer.from([byte]))
    await new Promise((resolve) => setImmediate(resolve))
  }
  // The last byte comes along with what does not begin like TLS.
  raw.write(Buffer.from([0, 0x47]))
  await once(raw.resume(), 'close')
  assert.equal(opened.listener.count('connections_refused', { reason: 'not-tls' }), 1)
  assert.equal(opened.listener.count('connections_refused', { reason: 'proxy-header' }), 0)
  const together = await connectRaw({
    port: opened.port,
    from,
    before: Buffer.concat([proxyHeader(), clientHello12]),
  })
  const [answer] = (await once(together, 'data')) as [Buffer]
  assert.equal(answer[0], 0x16, 'a ClientHello in the same packet was lost')
  together.destroy()
})

test('nobody else is believed: a header is bytes that are not TLS, and a second one too', async () => {
  await using opened = await openBehind()
  const header = proxyHeader({ from: '198.51.100.7' })
  const { port, listener, peers } = opened
  await assert.rejects(connectClient({ port, from: '127.0.0.6', before: header }))
  await assert.rejects(connectClient({ port, from: '127.2.0.1', before: header }))
  await assert.rejects(connectClient({ port, from, before: Buffer.concat([header, header]) }))
  assert.equal(listener.count('connections_refused', { reason: 'not-tls' }), 3)
  assert.deepEqual(peers, [])
})

test('a listed load balancer must send a valid header: each fault closes, is counted, and logged once a minute', async () => {
  await using opened = await openBehind()
  const { port, listener } = opened
  const noAddress = proxyHeader({ from: '198.51.100.7' })
  noAddress[13] = 0x00
  const faults: [Buffer | undefined, RegExp][] = [
    [undefined, /sent no PROXY protocol header: .*send-proxy-v2/],
    [Buffer.from('PROXY TCP4 198.51.100.7 192.0.2.1 1 2\r\n'), /version 1: .*send-proxy-v2/],
    [proxyHeader({ from: '198.51.100.7', tlvs: tlv(5_000) }), /too long/],
    [noAddress, /without the address/],
  ]
  for (const [before] of [...faults, ...faults])
    await assert.rejects(connectClient({ port, from, ...(before && { before }) }))
  assert.equal(listener.count('connections_refused', { reason: 'proxy-header' }), 8)
  const said = listener.loud()
  assert.equal(said.length, faults.length)
  for (const [index, [, words]] of faults.entries()) assert.match(said[index]?.message ?? '', words)
  assert.equal(said[0]?.fields['address'], from)
})

test('a health check that only connects is quiet; a header that comes a byte at a time has an end', async () => {
  await using opened = await openBehind()
  const { port, listener } = opened
  const check = await connectRaw({ port, from })
  check.end()
  await until(() => listener.count('connections_without_hello', { reason: 'gone' }) === 1, 'it is gone')
  const localCheck = await connectRaw({ port, from, before: proxyHeader() })
  localCheck.end()
  await until(() => listener.count('connections_without_hello', { reason: 'gone' }) === 2, 'it is gone too')
  assert.deepEqual(listener.loud(), [])
  await using strict = await openBehind({ limits: { proxyHeaderTimeoutMs: 200 } })
  const slow = await connectRaw({ port: strict.port, from })
  const dripping = setInterval(() => slow.write(proxyHeader().subarray(0, 1)), 30)
  slow.write(proxyHeader().subarray(0, 1))
  await once(slow.resume(), 'close')
  clearInterval(dripping)
  assert.equal(strict.listener.count('connections_refused', { reason: 'proxy-header' }), 1)
  await until(() => strict.listener.gauge('connections') === 0, 'nothing is left')
})

test('places are shared out by the address of the client; those without a header yet take none', async () => {
  await using opened = await openBehind({
    limits: { connectionsMax: 3, connectionsPerAddressMax: 2, proxyHeadersWaitingMax: 2 },
  })
  const { port, listener } = opened
  const silent = await Promise.all([1, 2, 3].map(() => connectRaw({ port, from })))
  await until(
    () => listener.count('connections_refused', { reason: 'proxy-header' }) === 1,
    'the oldest made room',
  )
  assert.equal(listener.gauge('connections'), 2)
  const behind = (address: string) => connectClient({ port, from, before: proxyHeader({ from: address }) })
  const one = [await behind('198.51.100.7'), await behind('198.51.100.7')]
  await until(() => listener.handshakes.length === 2, 'both are known to be trusted')
  await assert.rejects(behind('198.51.100.7'))
  assert.equal(listener.count('connections_refused', { reason: 'address' }), 1)
  const other = await behind('198.51.100.8')
  assert.equal(numberOf(await other.ask(messageOf(2))), 2)
  for (const client of [...one, other]) client.close()
  for (const raw of silent) raw.destroy()
})

test('closing ends connections that wait for their header', async () => {
  await using opened = await openBehind()
  const raw = await connectRaw({ port: opened.port, from })
  await until(() => opened.listener.gauge('connections') === 1, 'it waits')
  const gone = once(raw.resume(), 'close')
  await opened.listener.opened.close()
  await gone
})
