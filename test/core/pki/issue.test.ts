// A TLS stack that checks everything accepts what Mortise issues, and Mortise signs only proper requests.

import assert from 'node:assert/strict'
import { generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import tls from 'node:tls'
import { Attributes, CertificationRequest, CertificationRequestInfo } from '@peculiar/asn1-csr'
import { AsnConvert } from '@peculiar/asn1-schema'
import { publicKeyInfo } from '../../../src/core/pki/build.ts'
import { PkiError } from '../../../src/core/pki/error.ts'
import {
  issueClient,
  issueServer,
  makeAuthority,
  privateKeyPem,
  readIdentity,
  signRequest,
} from '../../../src/core/pki/issue.ts'
import { signedBy } from '../../../src/core/pki/match.ts'
import { algorithmIdentifier, signBytes, type SignatureAlgorithm } from '../../../src/core/pki/signatures.ts'
import {
  clientCertificate,
  clientKinds,
  makeName,
  testAuthority,
} from '../../support/certificates/certificates.ts'

const dayMs = 24 * 3600_000
const nowMs = Date.now()
const ca = await testAuthority()
const names = [
  'localhost',
  'Mortise.Example.TEST.',
  '127.0.0.1',
  '::1',
  '[0:0::1]',
  'fe80::1%eth0',
  'localhost',
]
const server = await issueServer({ ca, names, nowMs })

test('the CA: RSA-3072, 20 years, for leaves only', () => {
  const { certificate } = ca
  assert.equal(certificate.isCa, true)
  assert.equal(certificate.publicKey, 'RSA 3072')
  assert.equal(certificate.subject, 'CN=Mortise test CA')
  assert.ok(certificate.notAfterMs > Date.now() + 7_290 * dayMs)
  const parsed = new X509Certificate(certificate.der)
  assert.equal(parsed.verify(parsed.publicKey), true)
  assert.equal(parsed.checkIssued(parsed), true)
})

test('the server: RSA-2048 with SHA-256, all names once, serverAuth, 10 years from now', () => {
  const { certificate } = server
  const parsed = new X509Certificate(certificate.der)
  assert.equal(certificate.publicKey, 'RSA 2048')
  assert.equal(parsed.signatureAlgorithm, 'sha256WithRSAEncryption')
  const alternative = [
    'DNS:localhost',
    'DNS:mortise.example.test',
    'IP Address:127.0.0.1',
    'IP Address:0:0:0:0:0:0:0:1',
    'IP Address:FE80:0:0:0:0:0:0:1',
  ]
  assert.equal(parsed.subjectAltName, alternative.join(', '))
  assert.deepEqual(parsed.keyUsage, ['1.3.6.1.5.5.7.3.1'])
  assert.equal(certificate.isCa, false)
  assert.equal(certificate.commonName, 'localhost')
  const second = 1_000
  assert.ok(Math.abs(certificate.notAfterMs - (nowMs + 3650 * dayMs)) <= second)
  assert.equal(signedBy(certificate.der, ca.certificate.der), true)
  assert.match(certificate.serial, /^[0-7][0-9a-f]{31}$/)
})

test("a clock that is years ahead or behind when the server's certificates are made leaves them valid once it is right", async () => {
  const rightMs = Date.UTC(2026, 10, 28)
  for (const nowMs of [
    0,
    Date.UTC(2015, 0, 1),
    rightMs - 3 * dayMs,
    rightMs + 40 * dayMs,
    Date.UTC(2048, 0, 1),
  ]) {
    const authority = await makeAuthority({ commonName: 'Mortise CA', nowMs })
    const made = await issueServer({ ca: authority, names: ['localhost'], nowMs })
    for (const { notBeforeMs, notAfterMs } of [authority.certificate, made.certificate])
      assert.ok(
        notBeforeMs < rightMs && notAfterMs > rightMs + 9 * 365 * dayMs,
        new Date(nowMs).toISOString(),
      )
  }
})

test('a client that checks everything accepts the server by name and by address', async () => {
  const listener = tls.createServer({ key: privateKeyPem(server.privateKey), cert: server.certificate.pem })
  listener.on('secureConnection', (socket) => socket.end())
  await once(listener.listen(0, '127.0.0.1'), 'listening')
  const { port } = listener.address() as AddressInfo
  for (const servername of ['localhost', 'mortise.example.test', undefined]) {
    const socket = tls.connect({
      port,
      host: '127.0.0.1',
      ca: ca.certificate.pem,
      ...(servername && { servername }),
    })
    await once(socket, 'secureConnect')
    assert.equal(socket.authorized, true)
    socket.destroy()
  }
  listener.close()
})

test('every kind of test certificate passes the handshake of a server that requests one and does not insist', async () => {
  const listener = tls.createServer({
    key: privateKeyPem(server.privateKey),
    cert: server.certificate.pem,
    requestCert: true,
    rejectUnauthorized: false,
  })
  const arrived: (string | undefined)[] = []
  listener.on('secureConnection', (socket) => {
    arrived.push(socket.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase())
    socket.end()
  })
  await once(listener.listen(0, '127.0.0.1'), 'listening')
  const { port } = listener.address() as AddressInfo
  const expected: string[] = []
  for (const kind of clientKinds) {
    const client = await clientCertificate(kind)
    const socket = tls.connect({ port, host: '127.0.0.1', ca: ca.certificate.pem, ...client.tls })
    await once(socket.resume(), 'end')
    socket.destroy()
    expected.push(client.certificate.sha256)
  }
  listener.close()
  assert.deepEqual(arrived, expected)
})

test('a client: RSA-2048, clientAuth, and a key that belongs to it', async () => {
  const client = await issueClient({ ca, commonName: 'vcenter-a', days: 30, nowMs })
  const parsed = new X509Certificate(client.certificate.der)
  assert.deepEqual(parsed.keyUsage, ['1.3.6.1.5.5.7.3.2'])
  assert.equal(client.certificate.subject, 'CN=vcenter-a')
  assert.ok(Math.abs(client.certificate.notAfterMs - (nowMs + 30 * dayMs)) <= 1_000)
  const pem = privateKeyPem(client.privateKey)
  assert.match(pem.toString(), /^-----BEGIN PRIVATE KEY-----/)
  assert.equal(readIdentity(client.certificate.pem, pem).certificate.sha256, client.certificate.sha256)
  assert.throws(() => readIdentity(server.certificate.pem, pem), /does not belong/)
})

test('no leaf outlives its CA', async () => {
  const shortLived = await makeAuthority({ commonName: 'short', nowMs, days: 10 })
  const { certificate } = await issueClient({ ca: shortLived, commonName: 'c', nowMs })
  assert.equal(certificate.notAfterMs, shortLived.certificate.notAfterMs)
  const late = issueClient({ ca: shortLived, commonName: 'c', nowMs: nowMs + 11 * dayMs })
  await assert.rejects(late, /CA has expired/)
})

test('dates beyond 2049 have the right encoding', async () => {
  const { certificate } = await makeAuthority({ commonName: 'far', nowMs: Date.UTC(2045, 0, 1) })
  assert.equal(new Date(certificate.notAfterMs).getUTCFullYear(), 2064)
})

test('nonsense is refused in words', async () => {
  for (const commonName of ['', ' ', 'a'.repeat(65), 'a\nb'])
    await assert.rejects(issueClient({ ca, commonName, nowMs }), PkiError, JSON.stringify(commonName))
  for (const days of [0, -1, 1.5, 1e9, Number.NaN])
    await assert.rejects(issueClient({ ca, commonName: 'c', days, nowMs }), PkiError, String(days))
  for (const bad of [[], ['no spaces'], [''], ['-a'], ['a..b'], ['a'.repeat(64)], ['1.2.3.4:5696']])
    await assert.rejects(issueServer({ ca, names: bad, nowMs }), PkiError, JSON.stringify(bad))
})

// ---------------------------------------------------------------- Requests

interface RequestOptions {
  readonly subject?: readonly (readonly [string, string])[]
  readonly publicKey: KeyObject
  readonly signWith: KeyObject
  readonly algorithm?: SignatureAlgorithm
  readonly damage?: boolean
}

async function makeRequest(options: RequestOptions): Promise<Uint8Array> {
  const algorithm = options.algorithm ?? 'sha256WithRSAEncryption'
  const certificationRequestInfo = new CertificationRequestInfo({
    subject: makeName(
      options.subject ?? [
        ['O', 'VMware'],
        ['CN', 'kmipClient1'],
      ],
    ),
    subjectPKInfo: publicKeyInfo(options.publicKey),
    attributes: new Attributes(),
  })
  const signed = new Uint8Array(AsnConvert.serialize(certificationRequestInfo))
  const signature = new Uint8Array(await signBytes(algorithm, signed, options.signWith))
  if (options.damage) signature[20] = (signature[20] ?? 0) ^ 1
  return new Uint8Array(
    AsnConvert.serialize(
      new CertificationRequest({
        certificationRequestInfo,
        signatureAlgorithm: algorithmIdentifier(algorithm),
        signature: signature.buffer,
      }),
    ),
  )
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ed25519 = generateKeyPairSync('ed25519')

test('a request is signed with its own subject and key, and becomes no CA', async () => {
  const csr = await makeRequest({ publicKey: rsa.publicKey, signWith: rsa.privateKey })
  const base64 = Buffer.from(csr).toString('base64')
  const pem = `-----BEGIN NEW CERTIFICATE REQUEST-----\r\n${base64}\r\n-----END NEW CERTIFICATE REQUEST-----\r\n`
  for (const form of [csr, pem, Buffer.from(pem)]) {
    const certificate = await signRequest({ ca, csr: form, nowMs })
    assert.equal(certificate.subject, 'CN=kmipClient1,O=VMware')
    assert.equal(certificate.isCa, false)
    assert.equal(signedBy(certificate.der, ca.certificate.der), true)
    assert.ok(new X509Certificate(certificate.der).publicKey.equals(rsa.publicKey))
  }
})

test('requests with other keys and hashes are signed too', async () => {
  const cases = [
    [ec, 'ecdsa-with-SHA256', 'EC P-256'],
    [ec, 'ecdsa-with-SHA384', 'EC P-256'],
    [ed25519, 'Ed25519', 'Ed25519'],
    [rsa, 'sha512WithRSAEncryption', 'RSA 2048'],
    [rsa, 'sha1WithRSAEncryption', 'RSA 2048'],
  ] as const
  for (const [{ publicKey, privateKey }, algorithm, description] of cases) {
    const csr = await makeRequest({ publicKey, signWith: privateKey, algorithm })
    assert.equal((await signRequest({ ca, csr, nowMs })).publicKey, description, algorithm)
  }
})

test('a sender without the private key gets nothing signed', async () => {
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const stolen = await makeRequest({ publicKey: rsa.publicKey, signWith: other.privateKey })
  await assert.rejects(
    signRequest({ ca, csr: stolen, nowMs }),
    /signature of the certificate request is not good/,
  )
  const wrongKind = await makeRequest({
    publicKey: rsa.publicKey,
    signWith: ec.privateKey,
    algorithm: 'ecdsa-with-SHA256',
  })
  await assert.rejects(
    signRequest({ ca, csr: wrongKind, nowMs }),
    /signature of the certificate request is not good/,
  )
  const damaged = await makeRequest({ publicKey: rsa.publicKey, signWith: rsa.privateKey, damage: true })
  await assert.rejects(
    signRequest({ ca, csr: damaged, nowMs }),
    /signature of the certificate request is not good/,
  )
})

test('a weak or unusual key, a missing subject and wrong pastes are refused in words', async () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const short = await makeRequest({ publicKey: weak.publicKey, signWith: weak.privateKey })
  await assert.rejects(signRequest({ ca, csr: short, nowMs }), /kind RSA 1024\. Use RSA of 2048/)
  const odd = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  const curve = await makeRequest({
    publicKey: odd.publicKey,
    signWith: odd.privateKey,
    algorithm: 'ecdsa-with-SHA256',
  })
  await assert.rejects(signRequest({ ca, csr: curve, nowMs }), /kind EC secp256k1/)
  const nameless = await makeRequest({ subject: [], publicKey: rsa.publicKey, signWith: rsa.privateKey })
  await assert.rejects(signRequest({ ca, csr: nameless, nowMs }), /has no subject/)
  await assert.rejects(
    signRequest({ ca, csr: server.certificate.pem, nowMs }),
    /a certificate, not a certificate signing/,
  )
  await assert.rejects(
    signRequest({ ca, csr: privateKeyPem(rsa.privateKey), nowMs }),
    /private key.*only the certificate request/,
  )
  await assert.rejects(signRequest({ ca, csr: server.certificate.der, nowMs }), /content is not one/)
})

test('a request changed anywhere causes only a PkiError, and no certificate', async () => {
  const csr = await makeRequest({
    publicKey: ec.publicKey,
    signWith: ec.privateKey,
    algorithm: 'ecdsa-with-SHA256',
  })
  for (let at = 0; at < csr.length; at++) {
    const changed = Uint8Array.from(csr)
    changed[at] = (changed[at] ?? 0) ^ 0x41
    await assert.rejects(signRequest({ ca, csr: changed, nowMs }), PkiError, `byte ${at}`)
  }
})
