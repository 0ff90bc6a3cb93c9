// What people paste where a certificate is needed: all variants of the right thing are accepted; for a wrong thing the
// error says what it is and how to get the right one.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { parseCertificate } from '../../../src/core/pki/certificate.ts'
import { PkiError } from '../../../src/core/pki/error.ts'
import { fingerprint, formatFingerprint, parseFingerprint } from '../../../src/core/pki/fingerprint.ts'
import { issueServer } from '../../../src/core/pki/issue.ts'
import {
  clientCertificate,
  clientKinds,
  makeCertificate,
  testAuthority,
  testVmca,
} from '../../support/certificates/certificates.ts'
import { anyCharacter } from '../../support/values/characters.ts'

const client = await clientCertificate('self-signed')
const { pem, der, sha256 } = client.certificate
const privateKey = client.tls.key
const csr = pem.replaceAll('CERTIFICATE', 'CERTIFICATE REQUEST')
const base64 = Buffer.from(der).toString('base64')

const accepted: Readonly<Record<string, string | Uint8Array>> = {
  PEM: pem,
  DER: der,
  'PEM as bytes': Buffer.from(pem),
  'Windows line ends': pem.replaceAll('\n', '\r\n'),
  'old Macintosh line ends': pem.replaceAll('\n', '\r'),
  'a UTF-8 byte order mark': `\ufeff${pem}`,
  'UTF-16 from PowerShell': Buffer.from(`\ufeff${pem}`, 'utf16le'),
  'UTF-16, the other end first': Buffer.from(`\ufeff${pem}`, 'utf16le').swap16(),
  'no line end at the end': pem.trim(),
  'indented, with blank lines': pem.replaceAll('\n', '\n\n   '),
  'text around it': `Certificate:\n    Data: ...\n${pem}\nregards\n`,
  'quoted in a mail': pem.replaceAll(/^/gm, '> '),
  'line ends spelled out, from JSON': pem.replaceAll('\n', '\\n'),
  'bare base64': base64,
  'bare base64 in lines': base64.replaceAll(/.{76}/g, '$&\r\n'),
  'all in one line': pem.replaceAll('\n', ''),
  'the same certificate twice': pem + pem,
  'the label of old programs': pem.replaceAll('CERTIFICATE', 'X509 CERTIFICATE'),
}

for (const [name, paste] of Object.entries(accepted))
  test(`taken: ${name}`, () => assert.equal(parseCertificate(paste).sha256, sha256))

const pkcs12 = '3082010a020103' + '30820103'.padEnd(2 * 263, '0')
const pkcs7 = '3082000d06092a864886f70d010702a000'

const refused: Readonly<Record<string, readonly [paste: string | Uint8Array, says: RegExp]>> = {
  nothing: ['', /nothing here/],
  'nothing but blanks': [' \r\n\t', /nothing here/],
  'a private key': [privateKey, /holds a private key.*Paste only the certificate/],
  'an encrypted private key': [
    privateKey.replaceAll('PRIVATE', 'ENCRYPTED PRIVATE'),
    /holds a private key.*Paste only the certificate/,
  ],
  'certificate and private key': [pem + privateKey, /also holds a private key/],
  'private key and certificate': [privateKey + pem, /also holds a private key/],
  'a request': [csr, /signing request \(CSR\), not a certificate.*mortise client sign/],
  'a request beside the certificate': [pem + csr, /signing request \(CSR\)/],
  'a PKCS#7 bundle': [pem.replaceAll('CERTIFICATE', 'PKCS7'), /PKCS#7.*openssl pkcs7/],
  'a PKCS#7 bundle in DER': [Buffer.from(pkcs7, 'hex'), /PKCS#7.*openssl pkcs7/],
  'a PKCS#12 file': [Buffer.from(pkcs12, 'hex'), /PKCS#12.*private key.*openssl pkcs12/],
  'a PKCS#12 file in base64': [Buffer.from(pkcs12, 'hex').toString('base64'), /PKCS#12/],
  "OpenSSL's own form": [pem.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE'), /openssl x509/],
  'a public key': [pem.replaceAll('CERTIFICATE', 'PUBLIC KEY'), /bare public key/],
  'a revocation list': [pem.replaceAll('CERTIFICATE', 'X509 CRL'), /revocation list/],
  'another PEM': [pem.replaceAll('CERTIFICATE', 'PGP MESSAGE'), /This is "PGP MESSAGE"/],
  'an SSH key': ['ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ== me@host', /SSH public key/],
  'a web page': ['<!DOCTYPE html><html><body>Sign in</body></html>', /web page/],
  'a fingerprint': [formatFingerprint(sha256), /fingerprint/],
  'a fingerprint from openssl': [`sha256 Fingerprint=${formatFingerprint(sha256)}`, /fingerprint/],
  'a file name': ['/root/certs/vcenter.pem', /name of a file/],
  'a Windows file name': ['C:\\Users\\me\\vcenter.cer', /name of a file/],
  prose: ['the certificate of vCenter', /not a certificate\. Paste/],
  'cut off at the end': [pem.slice(0, 600), /line "-----END CERTIFICATE-----" is missing.*cut off/],
  'cut off at the beginning': [pem.slice(200), /not a certificate/],
  'cut off in the first line': ['-----BEGIN CERTIF', /damaged/],
  'dashes changed by a word processor': [pem.replaceAll('-----', '\u2014\u2014-'), /dashes/],
  'dashes lost': [pem.replaceAll('-----', ''), /dashes/],
  'a character lost': [pem.replace(/^MII/m, 'MI'), /damaged: some characters are missing/],
  'characters changed': [pem.replace(/^MII/m, 'M*I'), /damaged: it holds characters that are not base64/],
  'an ellipsis for the middle': [pem.replace(/\n.{64}\n/, '\n[...]\n'), /not base64/],
  'a line lost': [pem.replace(/\n.{64}\n/, '\n'), /its content is not one/],
  'DER cut off': [der.subarray(0, -10), /binary form \(DER\) that is damaged/],
  'DER with something behind it': [Buffer.concat([der, Buffer.of(0)]), /binary form \(DER\) that is damaged/],
  'PEM of DER with something behind it': [
    `-----BEGIN CERTIFICATE-----\n${Buffer.concat([der, Buffer.alloc(3)]).toString('base64')}\n-----END CERTIFICATE-----`,
    /other data behind/,
  ],
  'some other binary file': [Buffer.from('7f454c4602010100', 'hex'), /binary data/],
  'an enormous file': [Buffer.alloc(65 * 1024, 'a'), /larger than 64 KiB/],
}

for (const [name, [paste, says]] of Object.entries(refused))
  test(`refused in words: ${name}`, () => {
    assert.throws(() => parseCertificate(paste), refusal(says))
  })

function refusal(says: RegExp): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof PkiError, String(error))
    assert.match(error.message, says)
    assert.ok(error.message.length < 2_000)
    assert.equal(error.message.includes(privateKey.slice(100, 120)), false, 'quotes the key')
    return true
  }
}

function listing(advice: string): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof PkiError)
    assert.match(error.message, /There are 2 certificates here, and one is needed/)
    assert.match(error.message, /CN=kmipClient20261125094708 - not a CA, issued by OU=VMware Engineering/)
    assert.match(error.message, /CN=CA - a CA, self-signed/)
    assert.ok(error.message.includes(advice), error.message)
    return true
  }
}

test('refused in words: a chain, listing what is in it and what to paste', async () => {
  const [leaf, ca] = [await clientCertificate('vmca-signed'), await testVmca()]
  const chain = leaf.certificate.pem + ca.certificate.pem
  assert.throws(() => parseCertificate(chain), listing('paste only its own certificate, here number 1.'))
  const turned = ca.certificate.pem + leaf.certificate.pem
  assert.throws(() => parseCertificate(turned), listing('paste only its own certificate, here number 2.'))
  assert.throws(() => parseCertificate(chain), listing('paste only that CA, here number 2.'))
})

test('a certificate of every kind is read, whatever it lacks', async () => {
  for (const kind of clientKinds) {
    const { certificate } = await clientCertificate(kind)
    assert.equal(certificate.sha256, createHash('sha256').update(certificate.der).digest('hex'), kind)
    assert.ok(certificate.commonName, kind)
  }
  assert.equal((await clientCertificate('ecdsa')).certificate.publicKey, 'EC P-256')
  assert.equal((await clientCertificate('rsa-1024')).certificate.publicKey, 'RSA 1024')
})

test('the fields of a certificate are read unchanged', async () => {
  const { certificate } = await makeCertificate({
    subject: [
      ['C', 'US'],
      ['O', 'Fish, Chips & Co'],
      ['OU', '#1'],
      ['CN', 'kmipClient1'],
    ],
  })
  assert.equal(certificate.subject, 'CN=kmipClient1,OU=\\#1,O=Fish\\, Chips & Co,C=US')
  assert.equal(certificate.issuer, certificate.subject)
  assert.equal(certificate.commonName, 'kmipClient1')
  assert.equal(certificate.isCa, false)
  assert.match(certificate.serial, /^[0-9a-f]{16,32}$/)
  assert.ok(Math.abs(certificate.notAfterMs - Date.now() - 365 * 24 * 3600_000) < 60_000)
  assert.equal(parseCertificate(certificate.pem).sha256, certificate.sha256)
  const server = await issueServer({ ca: await testAuthority(), names: ['localhost'], nowMs: Date.now() })
  assert.equal(server.certificate.issuer, 'CN=Mortise test CA')
})

test("a stranger's subject is shown without what could deceive the eye or the terminal", async () => {
  const { certificate } = await makeCertificate({
    subject: [
      ['O', 'a\nCN=kmipClient1'],
      ['CN', '\u001b[2J\u202eevil'],
    ],
  })
  assert.equal(certificate.subject, 'CN=\\1b[2J\\e2\\80\\aeevil,O=a\\0aCN\\=kmipClient1')
  assert.equal(certificate.commonName, null)
  const nameless = await makeCertificate({ subject: [] })
  assert.equal(nameless.certificate.subject, '')
  assert.equal(nameless.certificate.commonName, null)
  const twoNames = await makeCertificate({
    subject: [
      ['CN', 'a'],
      ['CN', 'b'],
    ],
  })
  assert.equal(twoNames.certificate.commonName, null)
})

function onlyPkiErrors(paste: string | Uint8Array): void {
  try {
    parseCertificate(paste)
  } catch (error) {
    assert.ok(error instanceof PkiError, String(error))
  }
}

test('any bytes or text cause only a PkiError', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), onlyPkiErrors))
  fc.assert(fc.property(fc.string({ unit: anyCharacter }), onlyPkiErrors))
  const changes = fc.array(fc.tuple(fc.nat(der.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
  const changed = changes.map((list) => {
    const bytes = Buffer.from(der)
    for (const [at, value] of list) bytes[at] = value
    return bytes
  })
  fc.assert(fc.property(changed, onlyPkiErrors), { numRuns: 500 })
  const wrapped = changed.map(
    (bytes) => `-----BEGIN CERTIFICATE-----\n${bytes.toString('base64')}\n-----END CERTIFICATE-----\n`,
  )
  fc.assert(fc.property(wrapped, onlyPkiErrors), { numRuns: 500 })
})

test('a text full of BEGIN lines takes little time', () => {
  const paste = '-----BEGIN CERTIFICATE-----\n'.repeat(2_300)
  const start = performance.now()
  assert.throws(() => parseCertificate(paste), PkiError)
  assert.ok(performance.now() - start < 2_000)
})

test('a text in which a certificate seems to begin again and again is refused without long work', () => {
  const before = process.cpuUsage()
  for (let time = 0; time < 5; time += 1)
    assert.throws(() => parseCertificate('BEGIN '.repeat(10_900)), /This is not a certificate/)
  const { user } = process.cpuUsage(before)
  assert.ok(user < 1_000_000, `${user / 1_000} ms`)
})

test('fingerprints are read in every form and shown in one', () => {
  const shown = formatFingerprint(sha256)
  assert.match(shown, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/)
  for (const form of [
    sha256,
    sha256.toUpperCase(),
    shown,
    ` ${shown}\n`,
    `sha256:${sha256}`,
    shown.replaceAll(':', ' '),
  ])
    assert.equal(parseFingerprint(form), sha256, form)
  assert.equal(parseFingerprint(`SHA256 Fingerprint=${shown}`), sha256)
  assert.equal(parseFingerprint(`sha256 Fingerprint=${shown}`), sha256)
  assert.equal(fingerprint(der), sha256)
  assert.throws(() => parseFingerprint(shown.slice(0, 59)), /SHA-1 fingerprint/)
  for (const bad of ['', sha256.slice(0, 16), `${sha256}0`, pem, 'x'.repeat(64)])
    assert.throws(() => parseFingerprint(bad), PkiError)
})
