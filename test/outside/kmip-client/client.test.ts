// The KMIP client against the real server: values in and out at each version, how errors differ, and what is sent again
// and what never is.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { after, suite, test } from 'node:test'
import { createServer } from 'node:tls'
import { addressText, parseAddress } from '../../../src/base/kmip-address.ts'
import { createKey, getKey, locateAll, askState, versionsOf } from '../../../src/outside/kmip-client/calls.ts'
import { connectKmip, type ClientOptions, type KmipClient } from '../../../src/outside/kmip-client/client.ts'
import { KmipRefused, KmipTransportError, type Stage } from '../../../src/outside/kmip-client/errors.ts'
import { openConnection } from '../../../src/outside/kmip-client/connection.ts'
import { KmipSession, type ClientVersion } from '../../../src/outside/kmip-client/session.ts'
import { clientTls, TlsOptionsError } from '../../../src/outside/kmip-client/tls.ts'
import { clientCertificate, makeCertificate, testAuthority } from '../../support/certificates/certificates.ts'
import { openAlteringProxy, openMute, openWire } from '../../support/clients/proxy.ts'
import { startEmbedded } from '../../support/server/server.ts'
import { all, mapLeaves, read, struct, tags, write } from '../../support/clients/wire.ts'

const server = await startEmbedded()
const { tls } = await server.issue('kmip-client')
after(() => server[Symbol.asyncDispose]())

const loopback = (port: number) => ({ host: '127.0.0.1', port })

function client(options: Partial<ClientOptions> = {}): KmipClient {
  return connectKmip({
    addresses: [server.kmip],
    cert: tls.cert,
    key: tls.key,
    trust: { by: 'fingerprint', sha256: server.serverCertSha256 },
    ...options,
  })
}

async function transportError(doing: Promise<unknown>, stage: Stage): Promise<KmipTransportError> {
  const error = await doing.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof KmipTransportError, `a ${stage} error, not ${String(error)}`)
  assert.equal(error.stage, stage, error.message)
  return error
}

test('addresses as people write them', () => {
  const good: readonly (readonly [string, string])[] = [
    ['kms.example.com', 'kms.example.com:5696'],
    [' kms.example.com:5697 ', 'kms.example.com:5697'],
    ['192.0.2.7:1', '192.0.2.7:1'],
    ['[2001:db8::7]:5697', '[2001:db8::7]:5697'],
    ['2001:db8::7', '[2001:db8::7]:5696'],
    ['[::1]', '[::1]:5696'],
  ]
  for (const [text, meant] of good) {
    const address = parseAddress(text)
    assert.ok(address, text)
    assert.equal(addressText(address), meant)
  }
  for (const text of [
    '',
    ':5696',
    'host:0',
    'host:65536',
    'host:x',
    'a b',
    '[kms]:1',
    'https://kms:1',
    'a:1:2',
  ])
    assert.equal(parseAddress(text), undefined, text)
})

suite('operations', () => {
  for (const version of ['1.0', '1.1', '1.2', '1.3', '1.4'] satisfies ClientVersion[])
    test(`the life of a key in KMIP ${version}`, async () => {
      await using kmip = client({ version })
      const id = await createKey(kmip, { name: `life-${version}`, usage: ['Encrypt', 'Decrypt', 'WrapKey'] })
      assert.equal(await askState(kmip, id), 'PreActive')
      const { material, ...about } = await getKey(kmip, id)
      assert.deepEqual({ ...about, bytes: material.length }, { algorithm: 'AES', length: 256, bytes: 32 })
      await kmip.request('Activate', { UniqueIdentifier: id })
      assert.equal(await askState(kmip, id), 'Active')
      const name = { NameValue: `life-${version}`, NameType: 'UninterpretedTextString' }
      assert.deepEqual(await locateAll(kmip, [{ AttributeName: 'Name', AttributeValue: name }]), [id])
      await kmip.request('Revoke', {
        UniqueIdentifier: id,
        RevocationReason: { RevocationReasonCode: 'CessationOfOperation' },
      })
      await kmip.request('Destroy', { UniqueIdentifier: id })
      await assert.rejects(getKey(kmip, id), (error) => {
        assert.ok(error instanceof KmipRefused)
        assert.equal(error.operation, 'Get')
        assert.equal(error.status, 'OperationFailed')
        assert.equal(error.reason, 'ItemNotFound')
        assert.equal(typeof error.resultMessage, 'string')
        return true
      })
    })

  test('Discover Versions', async () => {
    await using kmip = client({ version: '1.1' })
    assert.deepEqual((await versionsOf(kmip)).slice(-5), ['1.4', '1.3', '1.2', '1.1', '1.0'])
  })

  test('Locate page by page finds all, also where pages are not known', async () => {
    await using newer = client({ version: '1.3' })
    await using older = client({ version: '1.2' })
    const made = await Promise.all(Array.from({ length: 7 }, () => createKey(newer)))
    const found = await locateAll(newer, [], 3)
    assert.equal(new Set(found).size, found.length)
    for (const id of made) assert.ok(found.includes(id))
    assert.deepEqual([...(await locateAll(older))].toSorted(), [...found].toSorted())
  })

  test('a batch: each item has its outcome, one that was not come to as well', async () => {
    await using kmip = client()
    const id = await createKey(kmip)
    const items = [
      { operation: 'Get', request: { UniqueIdentifier: id } },
      { operation: 'Get', request: { UniqueIdentifier: 'not there' } },
      { operation: 'Activate', request: { UniqueIdentifier: id } },
    ] as const
    const [first, second, third] = await kmip.batch(items)
    assert.ok(first.ok && first.response.UniqueIdentifier === id)
    assert.ok(!second.ok && second.refused.reason === 'ItemNotFound')
    assert.ok(!third.ok)
    assert.match(third.refused.message, /not done/)
    const [, , continued] = await kmip.batch(items, { onError: 'Continue', inOrder: true })
    assert.ok(continued.ok)
    assert.equal(await askState(kmip, id), 'Active')
  })

  test('a client that is not trusted is refused, not cut off', async () => {
    const { tls: unknown } = await clientCertificate('self-signed')
    await using kmip = client({ cert: unknown.cert, key: unknown.key })
    await assert.rejects(versionsOf(kmip), { name: 'KmipRefused', reason: 'AuthenticationNotSuccessful' })
  })
})

suite('connections', () => {
  test('kept: one for everything, one request at a time', async () => {
    await using wire = await openWire(server.kmip)
    await using kmip = client({ addresses: [loopback(wire.port)] })
    await Promise.all(Array.from({ length: 5 }, () => versionsOf(kmip)))
    assert.equal(wire.connections(), 1)
  })

  test('kept: as many as are wanted at the same time, and no more', async () => {
    await using wire = await openWire(server.kmip)
    await using kmip = client({ addresses: [loopback(wire.port)], connectionsMax: 3 })
    await Promise.all(Array.from({ length: 20 }, () => versionsOf(kmip)))
    assert.equal(wire.connections(), 3)
  })

  test('per work: a new one for each piece, which may hold several requests', async () => {
    await using wire = await openWire(server.kmip)
    await using kmip = client({ addresses: [loopback(wire.port)], connections: 'per-work' })
    await kmip.work(async (session) => {
      const id = await createKey(session)
      await getKey(session, id)
    })
    await versionsOf(kmip)
    assert.equal(wire.connections(), 2)
  })

  test('a kept one that has died is replaced without a word', async () => {
    await using wire = await openWire(server.kmip)
    await using kmip = client({ addresses: [loopback(wire.port)] })
    await versionsOf(kmip)
    wire.drop()
    // So that the end has arrived: what is sent into a connection that looks alive may have been done.
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    await createKey(kmip)
    assert.equal(wire.connections(), 2)
  })

  test('a source address is used', async () => {
    await using wire = await openWire(server.kmip)
    await using kmip = client({ addresses: [loopback(wire.port)], localAddress: '127.0.0.9' })
    await versionsOf(kmip)
    assert.deepEqual(wire.sources(), ['127.0.0.9'])
  })

  for (const [maxVersion, ciphers] of [
    ['TLSv1.2', 'ECDHE-RSA-AES128-GCM-SHA256'],
    ['TLSv1.3', undefined],
  ] as const)
    test(`${maxVersion}: suites, the server's certificate and resumption`, async () => {
      const trust = { by: 'fingerprint', sha256: server.serverCertSha256 } as const
      const made = clientTls({ cert: tls.cert, key: tls.key, trust, maxVersion, ciphers })
      const first = await openConnection(server.kmip, { tls: made })
      await versionsOf(new KmipSession(first, '1.4'))
      assert.equal(first.tlsVersion, maxVersion)
      if (ciphers !== undefined) assert.equal(first.cipher, ciphers)
      assert.equal(first.isResumed, false)
      assert.equal(first.serverCertificateSha256, server.serverCertSha256)
      assert.ok(first.connectMs > 0 && first.handshakeMs > 0)
      const { session } = first
      assert.ok(session)
      await first.close()
      assert.equal(first.isOpen, false)
      const second = await openConnection(server.kmip, { tls: made, session })
      await versionsOf(new KmipSession(second, '1.4'))
      assert.equal(second.isResumed, true)
      assert.equal(second.serverCertificateSha256, server.serverCertSha256)
      await second.close()
    })
})

suite('what is sent again, and what never', () => {
  test('a change whose answer was lost is not sent twice', async () => {
    let creates = 0
    const alter = (answer: Buffer): Buffer | undefined => {
      creates++
      return creates > 0 ? undefined : answer
    }
    await using proxy = await openAlteringProxy({ target: server.kmip, tls, alter })
    const addresses = [loopback(proxy.port), server.kmip]
    await using kmip = client({ addresses, trust: { by: 'nothing' } })
    await transportError(createKey(kmip), 'answer')
    assert.equal(creates, 1)
  })

  test('what only reads goes on at the next address', async () => {
    await using proxy = await openAlteringProxy({ target: server.kmip, tls, alter: () => undefined })
    const addresses = [loopback(proxy.port), server.kmip]
    await using kmip = client({ addresses, trust: { by: 'nothing' } })
    assert.ok((await versionsOf(kmip)).includes('1.4'))
  })

  test('a piece of work is begun again only where that was allowed', async () => {
    await using proxy = await openAlteringProxy({ target: server.kmip, tls, alter: () => undefined })
    const addresses = [loopback(proxy.port), server.kmip]
    const runs = { unsafe: 0, safe: 0 }
    await using unsafe = client({ addresses, trust: { by: 'nothing' } })
    await transportError(
      unsafe.work(async (session) => {
        runs.unsafe++
        await versionsOf(session)
      }),
      'answer',
    )
    await using safe = client({ addresses, trust: { by: 'nothing' } })
    await safe.work(
      async (session) => {
        runs.safe++
        await versionsOf(session)
      },
      { repeatable: true },
    )
    assert.deepEqual(runs, { unsafe: 1, safe: 2 })
  })
})

suite('what went wrong, and how far it came', () => {
  test('connect: nothing listens', async () => {
    const wire = await openWire(server.kmip)
    await wire.cut()
    await using kmip = client({ addresses: [loopback(wire.port)] })
    const error = await transportError(versionsOf(kmip), 'connect')
    assert.equal(error.code, 'ECONNREFUSED')
    assert.match(error.message, /nothing listens there/)
  })

  test('handshake: it never comes to an end', async () => {
    await using mute = await openMute()
    await using kmip = client({ addresses: [loopback(mute.port)], timeouts: { handshakeMs: 200 } })
    assert.equal((await transportError(versionsOf(kmip), 'handshake')).code, 'TIMEOUT')
  })

  test('handshake: what listens speaks something else', async () => {
    await using http = await openMute('HTTP/1.1 400 Bad Request\r\n\r\n')
    await using kmip = client({ addresses: [loopback(http.port)] })
    assert.match((await transportError(versionsOf(kmip), 'handshake')).message, /does not speak TLS/)
  })

  test('handshake: another certificate than the one that is trusted', async () => {
    await using kmip = client({ trust: { by: 'fingerprint', sha256: '0'.repeat(64) } })
    const error = await transportError(versionsOf(kmip), 'handshake')
    assert.equal(error.code, 'WRONG_CERTIFICATE')
    assert.ok(error.message.includes(server.serverCertSha256))
  })

  test('handshake: a certificate by another CA, and one by the right CA', async () => {
    const other = await testAuthority()
    await using wrong = client({ trust: { by: 'authority', pem: other.certificate.pem } })
    assert.match((await transportError(versionsOf(wrong), 'handshake')).message, /not signed by the given CA/)
    await using right = client({ trust: { by: 'authority', pem: tls.ca } })
    await versionsOf(right)
  })

  test('handshake: a certificate that is too weak for a CA to vouch for', async (t) => {
    const { tls: old, certificate } = await clientCertificate('rsa-1024')
    const oldServer = createServer(old)
    t.after(() => oldServer.close())
    await once(oldServer.listen(0, '127.0.0.1'), 'listening')
    const { port } = oldServer.address() as AddressInfo
    await using kmip = client({
      addresses: [loopback(port)],
      trust: { by: 'authority', pem: certificate.pem },
    })
    const error = await transportError(versionsOf(kmip), 'handshake')
    assert.equal(error.code, 'WEAK_CERTIFICATE')
    assert.match(error.what, /its key is short, or it is signed with SHA-1 or MD5/)
  })

  test('handshake: no suite in common', async () => {
    const ciphers = 'DHE-RSA-AES256-GCM-SHA384'
    await using kmip = client({ maxVersion: 'TLSv1.2', ciphers })
    assert.match(
      (await transportError(versionsOf(kmip), 'handshake')).message,
      /no TLS cipher suite in common/,
    )
  })

  test('answer: none comes in time', async () => {
    await using wire = await openWire(server.kmip)
    await using kmip = client({ addresses: [loopback(wire.port)], timeouts: { answerMs: 1_000 } })
    await versionsOf(kmip)
    wire.mute()
    const error = await transportError(createKey(kmip), 'answer')
    assert.equal(error.code, 'TIMEOUT')
  })

  const wrongAnswers: readonly (readonly [string, (answer: Buffer) => Buffer])[] = [
    ['no KMIP at all', () => Buffer.from('HTTP/1.1 200 OK\r\n\r\n')],
    ['an item cut off', (answer) => Buffer.concat([answer.subarray(0, -8), Buffer.alloc(8, 0xff)])],
    ['Batch Count that is not true', (answer) => changed(answer, 'BatchCount', 2)],
    ['an answer to another operation', (answer) => changed(answer, 'Operation', 24)],
    ['two items for one', (answer) => write(withItemTwice(answer))],
  ]
  for (const [what, alter] of wrongAnswers)
    test(`protocol: ${what}`, async () => {
      await using proxy = await openAlteringProxy({ target: server.kmip, tls, alter })
      await using kmip = client({ addresses: [loopback(proxy.port)], trust: { by: 'nothing' } })
      await transportError(versionsOf(kmip), 'protocol')
    })

  test('options: a key that belongs to another certificate, and what is no key', async () => {
    const other = await makeCertificate({ ownKey: true })
    refusesKey(other.tls.key, /does not belong to the certificate/)
    refusesKey('not a key', /is not PEM/)
    const { cert, key } = (await clientCertificate('rsa-1024')).tls
    assert.throws(() => client({ cert, key }), /key is too short for TLS today/)
  })
})

function refusesKey(key: string, pattern: RegExp): void {
  assert.throws(
    () => client({ key }),
    (error) => error instanceof TlsOptionsError && pattern.test(error.message),
  )
}

function changed(answer: Buffer, tag: keyof typeof tags, value: number): Buffer {
  return write(mapLeaves(read(answer), (leaf) => (leaf.tag === tags[tag] ? { ...leaf, value } : leaf)))
}

function withItemTwice(answer: Buffer) {
  const [header] = all(read(answer), 'ResponseHeader')
  const [item] = all(read(answer), 'BatchItem')
  return struct('ResponseMessage', header, item, item)
}
