// Traces: a receiver of OTLP gets the spans of a request together, without key bytes and identifiers; one that is down slows nothing.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { freePort } from '../support/server/free-port.ts'
import { openSession } from '../support/clients/kmip-session.ts'
import { startEmbedded } from '../support/server/server.ts'

interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly attributes: readonly { readonly key: string; readonly value: unknown }[]
}

interface Sent {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { readonly key: string }[] }
    readonly scopeSpans: readonly { readonly spans: readonly Span[] }[]
  }[]
}

const bodies: string[] = []

async function keep(request: IncomingMessage): Promise<void> {
  bodies.push(await text(request))
}

const receiver: Server = createServer((request, response) => {
  void keep(request).then(() => response.setHeader('content-type', 'application/json').end('{}'))
}).listen(0, '127.0.0.1')
await once(receiver, 'listening')
after(() => receiver.close())
const endpoint = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/v1/traces`

/** The spans of a server on which a client fetched a key; what waits is sent when it stops. */
async function spansOf(env: Readonly<Record<string, string>>) {
  bodies.length = 0
  let key: string
  let address: string
  let material: string
  {
    await using server = await startEmbedded({ env })
    const { tls } = await server.issue('traced')
    using session = await openSession(server.kmip.port, { tls })
    key = await session.key('1.4')
    const { SymmetricKey } = await session.ask('1.4', 'Get', { UniqueIdentifier: key })
    material = JSON.stringify(SymmetricKey)
    address = server.kmip.host
  }
  const spans = bodies
    .map((body) => JSON.parse(body) as Sent)
    .flatMap(({ resourceSpans }) => resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans)
    .flatMap(({ spans: some }) => some)
  return { spans, key, material, address, all: bodies.join('\n') }
}

test('the spans of a message belong together, and hold no key and no identifier', async () => {
  const { spans, key, material, address, all } = await spansOf({ MORTISE_TRACES_ENDPOINT: endpoint })
  const get = spans.find(({ name }) => name === 'KMIP Get')
  assert.ok(get)
  const message = spans.find(({ spanId }) => spanId === get.parentSpanId)
  assert.equal(message?.name, 'KMIP message')
  assert.equal(message.traceId, get.traceId)
  const result = { key: 'result', value: { stringValue: 'success' } }
  assert.deepEqual(get.attributes, [result])
  for (const name of ['KMIP Create', 'commit', 'root key: wrap'])
    assert.ok(
      spans.some((span) => span.name === name),
      name,
    )
  assert.ok(!all.includes(key))
  assert.ok(!all.includes(address))
  assert.ok(material.length > 20)
  assert.match(all, /service\.instance\.id/)
})

test('who asked is told where that is wished, and nothing where no request is traced', async () => {
  const told = await spansOf({ MORTISE_TRACES_ENDPOINT: endpoint, MORTISE_TRACES_IDENTITIES: 'true' })
  const message = told.spans.find(({ name }) => name === 'KMIP message')
  const keys = message?.attributes.map(({ key }) => key)
  assert.deepEqual(keys, ['client.address', 'tls.client.hash.sha256'])
  const none = await spansOf({ MORTISE_TRACES_ENDPOINT: endpoint, MORTISE_TRACES_PERCENT: '0' })
  assert.deepEqual(none.spans, [])
  const off = await spansOf({})
  assert.deepEqual(off.spans, [])
})

test('a receiver that is down is told in the log once, and no request waits for it', async () => {
  const closed = await freePort()
  const server = await startEmbedded({
    env: { MORTISE_TRACES_ENDPOINT: `http://127.0.0.1:${closed}/v1/traces` },
  })
  const { tls } = await server.issue('untraced')
  {
    using session = await openSession(server.kmip.port, { tls })
    await session.key('1.4')
  }
  assert.equal(await server.stop(), 0)
  assert.equal(server.stderr().match(/traces could not be sent, and are lost/g)?.length, 1)
})
