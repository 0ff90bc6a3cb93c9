// Fingerprints in the console: read as any tool prints them, shown in groups of four.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientCertificate } from '../../support/certificates/certificates.ts'
import { certificateIn, groups, readFingerprint, sha256Of } from '../../../console/src/parts/sha256.ts'

const sha256 = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'

test('a fingerprint is read with colons, spaces, capitals, and what openssl writes before it', () => {
  const colons = sha256.toUpperCase().match(/../g)?.join(':') ?? ''
  for (const text of [sha256, colons, `SHA256 Fingerprint=${colons}`, ` ${groups(sha256).join(' ')}\n`])
    assert.equal(readFingerprint(text), sha256)
  // Windows shows a certificate's thumbprint so, and copies it with what nobody sees.
  assert.equal(readFingerprint(`\u200e${sha256.match(/../g)?.join(' ')}\u200b`), sha256)
})

test('what is shorter, longer or no hexadecimal is no fingerprint', () => {
  for (const text of ['', sha256.slice(1), `${sha256}0`, sha256.replace('9', 'g'), sha256.slice(0, 40)])
    assert.equal(readFingerprint(text), undefined)
})

test('it is shown in sixteen groups of four', () => {
  assert.equal(groups(sha256).length, 16)
  assert.equal(groups(sha256).join('').toLowerCase(), sha256)
})

test('a certificate is found in what is pasted, also when a field joined its lines', async () => {
  const { certificate } = await clientCertificate('self-signed')
  for (const text of [
    certificate.pem,
    certificate.pem.replaceAll('\n', ''),
    `subject=CN = vc\n${certificate.pem}`,
  ]) {
    const der = certificateIn(text)
    assert.equal(der && (await sha256Of(der)), certificate.sha256)
  }
  for (const text of [
    '',
    sha256,
    '-----BEGIN CERTIFICATE-----',
    certificate.pem.replaceAll('CERTIFICATE', 'PRIVATE KEY'),
  ])
    assert.equal(certificateIn(text), undefined)
})
