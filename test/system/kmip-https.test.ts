// The whole server with KMIP over HTTPS: the three encodings, one trust and one set of bounds with the binary listener,
// load balancers, and a certificate that is renewed.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request as httpsRequest } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { encodeRequest, decodeResponse } from '../../src/wire/kmip/client-message.ts'
import { fromText, toText, type Encoding } from '../../src/wire/kmip/encodings.ts'
import { encodeRequestPayload, decodeResponsePayload } from '../../src/wire/kmip/payload.ts'
import type { OperationName, Request, Response } from '../../src/wire/kmip/operations.ts'
import { clientCertificate } from '../support/certificates/certificates.ts'
import { aes } from '../support/clients/kmip-session.ts'
import { openTalk } from '../support/clients/kmip-talk.ts'
import { proxyHeader } from '../support/clients/proxy-protocol.ts'
import { startEmbedded, type EmbeddedServer } from '../support/server/server.ts'
import { connectClient } from '../support/clients/tls-client.ts'

const types = { ttlv: 'application/octet-stream', xml: 'text/xml', json: 'application/json' } as const
const version = '1.4'

type Tls = { readonly cert: string; readonly key: string; readonly ca: string }

function start(env: Readonly<Record<string, string>> = {}): Promise<EmbeddedServer> {
  return startEmbedded({ args: ['--kmip-https', '127.0.0.1:0'], env })
}

async function post(
  server: EmbeddedServer,
  agent: Agent,
  body: Buffer,
  type: string,
  { target = '/kmip', hostHeader }: { readonly target?: string; readonly hostHeader?: string } = {},
): Promise<{ readonly status: number; readonly body: Buffer; readonly headers: IncomingMessage['headers'] }> {
  const { host, port } = server.kmipHttps ?? {}
  const headers = {
    'content-type': type,
    'content-length': body.length,
    ...(hostHeader !== undefined && { host: hostHeader }),
  }
  const request = httpsRequest({
    host,
    port,
    path: target,
    method: 'POST',
    agent,
    headers,
    servername: 'localhost',
  })
  request.end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return { status: response.statusCode ?? 0, body: await buffer(response), headers: response.headers }
}

/** One operation in an encoding, and its answer; the reason of a refusal is thrown. */
async function ask<N extends OperationName>(
  server: EmbeddedServer,
  agent: Agent,
  encoding: Encoding,
  operation: N,
  request: Request<N>,
): Promise<Response<N>> {
  const payload = encodeRequestPayload(operation, request, version)
  const bytes = encodeRequest({ version, items: [{ operation, payload }] })
  const sent = encoding === 'ttlv' ? bytes : toText(encoding, bytes)
  const { status, body, headers } = await post(server, agent, sent, types[encoding])
  assert.equal(status, 200)
  assert.equal(headers['content-type'], types[encoding])
  assert.match(String(headers['cache-control']), /no-cache/)
  const response = decodeResponse(encoding === 'ttlv' ? body : fromText(encoding, body))
  const [item] = response.items
  if (item?.payload === undefined) throw new Error(`${item?.reason}: ${item?.message}`)
  return decodeResponsePayload(operation, item.payload, response)
}

function agentOf(tls: Partial<Tls> & { readonly ca?: string }): Agent {
  return new Agent({ ...tls, keepAlive: true, maxSockets: 1, checkServerIdentity: () => undefined })
}

test('a key is the same in every encoding and over both ports, with one trust, audit and metrics behind them', async () => {
  await using server = await start()
  const { tls } = await server.issue('app')
  const agent = agentOf(tls)
  const made = await ask(server, agent, 'json', 'Create', aes())
  const keys = []
  for (const encoding of ['ttlv', 'xml', 'json'] as const) {
    const { SymmetricKey } = await ask(server, agent, encoding, 'Get', {
      UniqueIdentifier: made.UniqueIdentifier,
    })
    keys.push(JSON.stringify(SymmetricKey?.KeyBlock))
  }
  assert.match(keys[0] ?? '', /KeyMaterial/)
  assert.deepEqual(new Set(keys).size, 1)
  const talk = await openTalk({ ...server.kmip, tls })
  await talk.get(made.UniqueIdentifier)
  talk.close()

  const broken = await post(server, agent, Buffer.from('<!DOCTYPE x><RequestMessage/>'), 'text/xml')
  assert.equal(broken.status, 200)
  assert.match(
    broken.body.toString(),
    /InvalidMessage.*document types, entities and CDATA are not read \(byte 1 of the XML\)/,
  )
  assert.equal((await post(server, agent, Buffer.from('{}'), 'text/plain')).status, 415)

  const stranger = agentOf({ ...(await clientCertificate('self-signed')).tls, ca: tls.ca })
  const getIt = ask(server, stranger, 'xml', 'Get', { UniqueIdentifier: made.UniqueIdentifier })
  await assert.rejects(getIt, /AuthenticationNotSuccessful/)
  const big = await post(server, stranger, Buffer.alloc(8 * 1024, ' '), 'text/xml')
  assert.match(big.body.toString(), /a message of a client that is not trusted may have 8192 bytes at most/)
  assert.equal(big.headers.connection, 'close')
  assert.equal(((await server.json('client', 'pending')) as readonly unknown[]).length, 1)

  const entries = (await server.json('audit', 'list', '--object', made.UniqueIdentifier)) as readonly {
    action: string
  }[]
  assert.equal(entries.filter(({ action }) => action === 'key.get').length, 4)
  const status = (await server.json('status')) as { readonly kmipHttps: string }
  assert.equal(status.kmipHttps, `https://127.0.0.1:${server.kmipHttps?.port}`)
  agent.destroy()
  stranger.destroy()
})

test('a connection from a load balancer is its client’s, over HTTPS too', async () => {
  await using server = await start({ MORTISE_KMIP_PROXY_PROTOCOL_FROM: '127.0.0.5' })
  const { tls } = await server.issue('app')
  const before = proxyHeader({ from: '198.51.100.7' })
  const client = await connectClient({ port: server.kmipHttps?.port ?? 0, from: '127.0.0.5', before, ...tls })
  client.send(
    Buffer.from(
      'POST /kmip HTTP/1.1\r\nContent-Type: text/xml\r\nContent-Length: 4\r\nConnection: close\r\n\r\n<a/>',
    ),
  )
  assert.equal(await client.ended, null)
  const shown = (await server.json('client', 'show', 'app')) as {
    readonly lastSeen: { address: string } | null
  }
  assert.equal(shown.lastSeen?.address, '198.51.100.7')
})

test('a renewed certificate is shown over HTTPS, too, and connections are kept', async () => {
  await using server = await start()
  const { tls } = await server.issue('app')
  const agent = agentOf(tls)
  const shownBy = async () => {
    const client = await connectClient({ port: server.kmipHttps?.port ?? 0 })
    const { fingerprint256 } = client.socket.getPeerCertificate()
    client.end()
    return fingerprint256
  }
  const [old] = [
    await shownBy(),
    await ask(server, agent, 'xml', 'DiscoverVersions', { ProtocolVersion: [] }),
  ]
  await server.json('server-cert', 'renew')
  assert.equal(await shownBy(), old)
  await server.json('server-cert', 'activate')
  assert.notEqual(await shownBy(), old)
  const { ProtocolVersion } = await ask(server, agent, 'xml', 'DiscoverVersions', { ProtocolVersion: [] })
  assert.ok(ProtocolVersion.length > 0)
  agent.destroy()
})

test('a name that is neither in the certificate nor in kmip.hosts is answered, and the log says so once a minute', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-hosts-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = path.join(folder, 'mortise.toml')
  const configure = (name: string, listed: string) =>
    writeFileSync(file, `[server]\nnames = ["${name}"]\n[kmip]\nhosts = ["${listed}"]\n`)
  configure('first.test', 'Listed.test')
  await using server = await startEmbedded({ args: ['--kmip-https', '127.0.0.1:0', '--config', file] })
  const { tls } = await server.issue('app')
  const agent = agentOf(tls)
  const stranger = agentOf({ ...(await clientCertificate('self-signed')).tls, ca: tls.ca })
  const payload = encodeRequestPayload('DiscoverVersions', { ProtocolVersion: [] }, version)
  const bytes = toText('xml', encodeRequest({ version, items: [{ operation: 'DiscoverVersions', payload }] }))
  const asked = async (by: Agent, hostHeader: string, target = '/kmip') => {
    const answer = await post(server, by, bytes, types.xml, { target, hostHeader })
    assert.equal(answer.status, 200)
    return decodeResponse(fromText('xml', answer.body)).items[0]?.status
  }
  const warnings = () =>
    server
      .stderr()
      .split('\n')
      .filter((line) => line.includes('kmip.hosts'))

  for (const host of ['localhost', '127.0.0.1:1', '[::1]:5698', '10.1.2.3', 'FIRST.test:1', 'listed.test.'])
    assert.equal(await asked(agent, host), 'Success', host)
  assert.equal(await asked(agent, 'evil.test', 'https://localhost/kmip'), 'Success')
  assert.equal(await asked(stranger, 'evil.test'), 'OperationFailed')
  configure('second.test', 'new.test')
  await server.json('reload')
  await server.json('server-cert', 'renew')
  await server.json('server-cert', 'activate')
  for (const host of ['second.test', 'new.test']) assert.equal(await asked(agent, host), 'Success', host)
  assert.deepEqual(warnings(), [])

  for (const host of ['listed.test', 'evil.test', '.test', 'x'.repeat(3_000)])
    for (let count = 0; count < 3; count++) assert.equal(await asked(agent, host), 'Success', host)
  const [warning = '', ...others] = warnings()
  assert.deepEqual(others, [])
  const { level, host, client, instance, address, keptBackSinceLast } = JSON.parse(warning) as Record<
    string,
    unknown
  >
  assert.deepEqual(
    { level, host, client, instance, address, keptBackSinceLast },
    {
      level: 'warn',
      host: 'listed.test',
      client: 'app',
      instance: 'default',
      address: '127.0.0.1',
      keptBackSinceLast: 0,
    },
  )
  agent.destroy()
  stranger.destroy()
})
