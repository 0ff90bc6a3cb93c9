// A listener that closes lets handshakes end: those that have begun, and those that wait for their turn.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { messageOf, numberOf, openListener } from '../../support/server/kmip-listener.ts'
import { connectClient } from '../../support/clients/tls-client.ts'
import { until } from '../../support/time/until.ts'

test(
  'closing lets handshakes end that have begun or wait for their turn, and answers the requests that come with them',
  { timeout: 20_000 },
  async (t) => {
    await using listener = await openListener({
      limits: {
        closeGraceMs: 10_000,
        newHandshakesMax: 1,
        handshakesPerAddressMax: 1,
        handshakeStallMs: 10_000,
      },
    })
    const held: (() => void)[] = []
    const relay = createServer((inner) => {
      const outer = connect(listener.port, '127.0.0.1')
      inner.pipe(outer)
      // The server's side of the handshake waits here.
      outer.on('data', (chunk: Buffer) => void held.push(() => inner.write(chunk)))
      outer.on('end', () => held.push(() => inner.end()))
      outer.on('error', () => inner.destroy())
    }).listen(0, '127.0.0.1')
    t.after(() => relay.close())
    await once(relay, 'listening')
    const connecting = connectClient({ port: (relay.address() as AddressInfo).port })
    await until(() => held.length > 0, 'the server has answered the ClientHello')
    const waiting = connectClient({ port: listener.port })
    await until(() => listener.gauge('handshakes_waiting') === 1, 'another handshake waits for its turn')
    const closed = listener.opened.close()
    const release = setInterval(() => held.splice(0).forEach((go) => go()), 5)
    t.after(() => clearInterval(release))
    const asked = [connecting, waiting].map(async (one) => {
      const client = await one
      assert.equal(numberOf(await client.ask(messageOf(1))), 1)
      assert.equal(await client.ended, null)
      client.close()
    })
    await Promise.all(asked)
    await closed
  },
)
