// The other signature of a certificate that an EC key signed, on every curve, and that other keys make none.

import assert from 'node:assert/strict'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { basicConstraints, keyUsage } from '../../../src/core/pki/build.ts'
import { signedForClient } from '../../../src/core/pki/match.ts'
import { hasKnownTwins, twinOf } from '../../../src/core/pki/twin.ts'
import { makeCertificate, testVmca } from '../../support/certificates/certificates.ts'

const curves = [
  'P-224',
  'P-256',
  'P-384',
  'P-521',
  'secp256k1',
  'brainpoolP256r1',
  'brainpoolP384r1',
  'brainpoolP512r1',
]

function makeCa(namedCurve: string) {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve })
  return makeCertificate({
    keyPair: { privateKey },
    commonName: 'EC CA',
    extensions: [basicConstraints(true), keyUsage('ca')],
  })
}

for (const curve of curves)
  test(`a CA on the curve ${curve} vouches for the twin of its leaf too`, async () => {
    const ca = await makeCa(curve)
    for (let time = 0; time < 8; time += 1) {
      const leaf = await makeCertificate({ issuer: ca })
      const leafDer = Buffer.from(leaf.certificate.der)
      const twin = twinOf(leafDer, ca.certificate.der) ?? leafDer
      assert.notDeepEqual(twin, leafDer)
      assert.equal(signedForClient(twin, ca.certificate.der), true)
      assert.deepEqual(twinOf(twin, ca.certificate.der), leafDer)
    }
  })

test('what an RSA key signed has no twin, and a curve whose order is not known vouches for nobody', async () => {
  const vmca = (await testVmca()).certificate
  const leaf = (await makeCertificate({ byVmca: true })).certificate
  assert.equal(twinOf(leaf.der, vmca.der), undefined)
  assert.equal(hasKnownTwins(vmca.der), true)
  const odd = await makeCa('secp192k1')
  const below = await makeCertificate({ issuer: odd })
  assert.equal(
    new X509Certificate(below.certificate.der).verify(new X509Certificate(odd.certificate.der).publicKey),
    true,
  )
  assert.equal(signedForClient(below.certificate.der, odd.certificate.der), false)
})
