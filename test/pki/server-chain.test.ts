// The chain behind a server's own certificate: what has no place in it, and why.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { basicConstraints, keyUsage, subjectAltNames } from '../../src/pki/build.ts'
import { checkServerChain } from '../../src/pki/server-chain.ts'
import { makeCertificate } from '../support/certificates.ts'

test('a CA that is here by two certificates, of two issuers, is named so: it signed one of the others', async () => {
  const extensions = [basicConstraints(true), keyUsage('ca')]
  const ca = (commonName: string, more: Partial<Parameters<typeof makeCertificate>[0]> = {}) =>
    makeCertificate({ key: 'ec', ownKey: true, commonName, extensions, ...more })
  const [older, newer, foreign] = [await ca('older'), await ca('newer'), await ca('foreign')]
  const cross = await ca('newer', { keyPair: newer, issuer: older })
  const { certificate, privateKey } = await makeCertificate({
    key: 'ec',
    issuer: newer,
    extensions: [subjectAltNames(['kms.example.test'])],
  })
  const check = (...behind: (typeof older)[]) => {
    const paste = [certificate, ...behind.map((one) => one.certificate)].map(({ pem }) => pem).join('')
    return checkServerChain(paste, { owners: [{ privateKey, names: [] }], fromMs: Date.now() })
  }
  check(cross, older)
  check(newer)
  assert.throws(
    () => check(cross, older, newer),
    /two certificates of the CA CN=newer: one is issued by CN=newer, one by CN=older\./,
  )
  assert.throws(
    () => check(newer, foreign),
    /CN=foreign has no place in the chain: it signed none of the others/,
  )
})
