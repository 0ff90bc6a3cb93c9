// The handshake lets everyone through and tells who they are: what vCenter and other clients show in the field,
// what they can negotiate, what they resume. One test for each symptom known from other key servers.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { randomBytes, X509Certificate } from 'node:crypto'
import { listenerLimits } from '../../../src/doors/kmip/listener-limits.ts'
import { clientCertificate, clientKinds } from '../../support/certificates/certificates.ts'
import {
  makeServerCertificate,
  messageOf,
  numberOf,
  openListener,
} from '../../support/server/kmip-listener.ts'
import { until } from '../../support/time/until.ts'
import { clientHello12, connectClient, connectRaw } from '../../support/clients/tls-client.ts'

for (const kind of clientKinds) {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`a client certificate that is ${kind} gets through the handshake of ${version} and is seen`, async () => {
      await using listener = await openListener()
      const identity = await clientCertificate(kind)
      const client = await connectClient({
        port: listener.port,
        ...identity.tls,
        minVersion: version,
        maxVersion: version,
      })
      assert.equal(numberOf(await client.ask(messageOf(7))), 7)
      const [outcome] = listener.handshakes
      assert.ok(outcome?.ok)
      assert.equal(outcome.peer.certificate?.sha256, identity.certificate.sha256)
      assert.deepEqual(outcome.peer.certificate?.der, Buffer.from(identity.certificate.der))
      assert.equal(outcome.peer.tlsVersion, version)
      assert.equal(outcome.peer.resumed, false)
      client.close()
    })
  }
}

test('a client without a certificate gets through the handshake, as nobody', async () => {
  await using listener = await openListener()
  const client = await connectClient({ port: listener.port })
  assert.equal(numberOf(await client.ask(messageOf(1))), 1)
  const [outcome] = listener.handshakes
  assert.ok(outcome?.ok)
  assert.equal(outcome.peer.certificate, null)
  client.close()
})

test('suites of old and new vCenters are accepted with an RSA server certificate, forward secrecy first', async () => {
  await using listener = await openListener()
  const suites = [
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-SHA256',
    'AES256-GCM-SHA384',
    'AES128-GCM-SHA256',
    'AES256-SHA256',
    'AES128-SHA256',
    'AES256-SHA',
    'AES128-SHA',
  ]
  for (const suite of suites) {
    const client = await connectClient({ port: listener.port, ciphers: suite, maxVersion: 'TLSv1.2' })
    assert.equal(client.socket.getCipher().name, suite)
    client.close()
  }
  const all = await connectClient({
    port: listener.port,
    ciphers: suites.toReversed().join(':'),
    maxVersion: 'TLSv1.2',
  })
  assert.match(all.socket.getCipher().name, /^ECDHE-RSA-AES\d+-GCM/)
  all.close()
})

test('TLS 1.0 and 1.1 are refused', async () => {
  await using listener = await openListener()
  for (const version of ['TLSv1', 'TLSv1.1'] as const) {
    const old = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT:@SECLEVEL=0' } as const
    await assert.rejects(connectClient({ port: listener.port, ...old }))
  }
  await until(() => listener.handshakes.filter(({ ok }) => !ok).length === 2, 'both failures are told')
})

test('no shared cipher or curve fails the handshake and is told with its reason, in the log too', async () => {
  await using listener = await openListener()
  await assert.rejects(
    connectClient({ port: listener.port, maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }),
  )
  await until(() => listener.handshakes.length === 1, 'the failure is told')
  const [outcome] = listener.handshakes
  assert.ok(outcome !== undefined && !outcome.ok)
  assert.match(outcome.code, /NO_SHARED_CIPHER/)
  assert.equal(outcome.address, '127.0.0.1')
  assert.ok(outcome.port > 0)
  await assert.rejects(
    connectClient({ port: listener.port, minVersion: 'TLSv1.3', ecdhCurve: 'brainpoolP256r1tls13' }),
  )
  await assert.rejects(connectClient({ port: listener.port, sigalgs: 'ed25519' }))
  await until(() => listener.handshakes.length === 3, 'both failures are told')
  assert.deepEqual(
    listener.loud().map(({ level, message }) => [level, /no (.*) in common/.exec(message)?.[1]]),
    [
      ['warn', 'TLS cipher suite (or elliptic curve for one)'],
      ['warn', 'elliptic curve for TLS'],
      ['warn', 'signature algorithm for TLS'],
    ],
  )
})

test('a client that refuses the certificate of the server is told in the log, with what to do', async () => {
  await using listener = await openListener()
  // RFC 5246 §7.2: fatal, and unknown_ca twice, certificate_expired.
  for (const alert of [48, 48, 45]) {
    const raw = await connectRaw({ port: listener.port, before: clientHello12 })
    await once(raw, 'data')
    raw.write(Buffer.from([21, 3, 3, 0, 2, 2, alert]))
    await once(raw.resume(), 'close')
  }
  await until(() => listener.handshakes.length === 3, 'the failures are told')
  const [refused, expired, ...more] = listener.loud().map(({ message }) => message)
  assert.match(refused ?? '', /refuses this server's certificate: .*Make vCenter Trust KMS/)
  assert.match(expired ?? '', /finds this server's certificate expired/)
  assert.deepEqual(more, [], 'the same at most once a minute')
})

test('a name that the client calls us by chooses nothing', async () => {
  await using listener = await openListener()
  const shown = new Set<string>()
  for (const servername of [undefined, 'localhost', 'somebody.else.example']) {
    const client = await connectClient({
      port: listener.port,
      ...(servername === undefined ? {} : { servername }),
    })
    shown.add(client.socket.getPeerX509Certificate()?.fingerprint256 ?? 'none')
    client.close()
  }
  assert.equal(shown.size, 1)
})

test('the request for a certificate names no issuers, so that a client sends what it has', async () => {
  await using listener = await openListener()
  // The CertificateRequest of TLS 1.2 is in clear: read it from the wire.
  const raw = await connectRaw({ port: listener.port })
  const seen: Buffer[] = []
  raw.on('data', (chunk: Buffer) => seen.push(chunk))
  raw.write(clientHello12)
  await until(() => certificateRequest(Buffer.concat(seen)) !== undefined, 'ServerHelloDone')
  const request = certificateRequest(Buffer.concat(seen)) ?? Buffer.alloc(0)
  // RFC 5246 §7.4.4: types, signature algorithms, then the names, which must be empty.
  const types = request.readUInt8(0)
  const algorithms = request.readUInt16BE(1 + types)
  assert.equal(request.readUInt16BE(1 + types + 2 + algorithms), 0)
  raw.destroy()
})

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`a session is resumed with its client certificate, on another socket that shares the ticket keys (${version})`, async () => {
    const ticketKeys = randomBytes(48)
    await using one = await openListener({ ticketKeys })
    // By default Node ties sessions to the command line of the process.
    process.argv.push('another process')
    await using two = await openListener({ ticketKeys })
    process.argv.pop()
    const identity = await clientCertificate('self-signed')
    const options = { ...identity.tls, minVersion: version, maxVersion: version }
    const first = await connectClient({ port: one.port, ...options })
    await first.ask(messageOf(1))
    await until(() => first.session !== undefined, 'a ticket came')
    first.close()
    for (const listener of [one, two]) {
      const again = await connectClient({
        port: listener.port,
        ...options,
        ...(first.session === undefined ? {} : { session: first.session }),
      })
      assert.equal(numberOf(await again.ask(messageOf(2))), 2)
      assert.ok(again.socket.isSessionReused())
      const outcome = listener.handshakes.at(-1)
      assert.ok(outcome?.ok)
      assert.equal(outcome.peer.resumed, true)
      assert.equal(outcome.peer.certificate?.sha256, identity.certificate.sha256)
      again.close()
    }
  })
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
  test(`${version}: a new server certificate is shown without a restart, and open connections go on`, async () => {
    const ticketKeys = randomBytes(48)
    await using listener = await openListener({ ticketKeys })
    const client = { port: listener.port, minVersion: version, maxVersion: version }
    const open = await connectClient(client)
    await open.ask(messageOf(1))
    await until(() => open.session !== undefined, 'a ticket came')
    const session = open.session === undefined ? {} : { session: open.session }
    const next = await makeServerCertificate()
    const wanted = new X509Certificate(next.certificate).fingerprint256

    listener.opened.setServerCertificate(next, ticketKeys)
    const fresh = await connectClient(client)
    assert.equal(fresh.socket.getPeerX509Certificate()?.fingerprint256, wanted)
    const resumed = await connectClient({ ...client, ...session })
    assert.ok(resumed.socket.isSessionReused(), 'with the same ticket keys, sessions go on')

    listener.opened.setServerCertificate(next, randomBytes(48))
    const anew = await connectClient({ ...client, ...session })
    assert.ok(!anew.socket.isSessionReused(), 'with others, they end')
    assert.equal(anew.socket.getPeerX509Certificate()?.fingerprint256, wanted)
    assert.equal(numberOf(await open.ask(messageOf(2))), 2)
    for (const client of [open, fresh, resumed, anew]) client.close()
  })

test('a key that does not fit the certificate is refused, and the old pair stays', async () => {
  await using listener = await openListener()
  const next = await makeServerCertificate()
  const other = await makeServerCertificate()
  assert.throws(() =>
    listener.opened.setServerCertificate({ certificate: next.certificate, key: other.key }, randomBytes(48)),
  )
  const client = await connectClient({ port: listener.port })
  assert.equal(numberOf(await client.ask(messageOf(1))), 1)
  client.close()
})

test('bytes that are not TLS are closed at once and begin no handshake', async () => {
  await using listener = await openListener()
  const raw = await connectRaw({ port: listener.port })
  raw.write('GET / HTTP/1.1\r\n\r\n')
  await new Promise((resolve) =>
    raw
      .on('close', resolve)
      .resume()
      .on('end', () => raw.end()),
  )
  assert.equal(listener.count('connections_refused', { reason: 'not-tls' }), 1)
  assert.deepEqual(listener.handshakes, [])
  assert.deepEqual(listener.loud(), [])
})

test('a ClientHello that comes byte by byte is a ClientHello', async () => {
  await using listener = await openListener()
  const raw = await connectRaw({ port: listener.port })
  const answered = new Promise((resolve) => raw.once('data', resolve))
  for (const byte of clientHello12) {
    raw.write(Buffer.from([byte]))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await answered
  raw.destroy()
})

test('what a client sends behind its ClientHello waits with it up to a bound', async () => {
  // A stalled handshake keeps the next one of its address waiting.
  await using listener = await openListener({ limits: { handshakesPerAddressMax: 1 } })
  const stalled = await connectRaw({ port: listener.port })
  stalled.write(clientHello12)
  await once(stalled, 'data')
  const raw = await connectRaw({ port: listener.port })
  raw.resume().write(Buffer.concat([clientHello12, Buffer.alloc(listenerLimits.helloBytesMax)]))
  await once(raw, 'close')
  assert.equal(listener.count('connections_refused', { reason: 'not-tls' }), 1)
  stalled.destroy()
})

test('a certificate beyond its bound counts as none', async () => {
  await using listener = await openListener({ limits: { certificateBytesMax: 100 } })
  const identity = await clientCertificate('self-signed')
  const client = await connectClient({ port: listener.port, ...identity.tls })
  assert.equal(numberOf(await client.ask(messageOf(1))), 1)
  const [outcome] = listener.handshakes
  assert.ok(outcome?.ok)
  assert.equal(outcome.peer.certificate, null)
  client.close()
})

/** The body of the CertificateRequest in what the server sent, once all of its first flight is there. */
function certificateRequest(seen: Buffer): Buffer | undefined {
  const handshake: Buffer[] = []
  for (let at = 0; at + 5 <= seen.length; at += 5 + seen.readUInt16BE(at + 3)) {
    if (seen[at] === 0x16) handshake.push(seen.subarray(at + 5, at + 5 + seen.readUInt16BE(at + 3)))
  }
  const messages = Buffer.concat(handshake)
  let request: Buffer | undefined
  for (let at = 0; at + 4 <= messages.length; at += 4 + messages.readUIntBE(at + 1, 3)) {
    if (messages[at] === 13) request = messages.subarray(at + 4, at + 4 + messages.readUIntBE(at + 1, 3))
    if (messages[at] === 14) return request
  }
  return undefined
}
