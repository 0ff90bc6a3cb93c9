// A CA's own certificate is told from a client's by its key usage.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { basicConstraints, keyUsage } from '../../../src/core/pki/build.ts'
import { signsCertificatesOnly } from '../../../src/core/pki/key-usage.ts'
import { clientCertificate, makeCertificate, testVmca } from '../../support/certificates/certificates.ts'

test('only a certificate that may sign certificates and nothing else', async () => {
  assert.equal(signsCertificatesOnly((await testVmca()).certificate.der), true)
  assert.equal(signsCertificatesOnly((await clientCertificate('self-signed')).certificate.der), false)
  assert.equal(signsCertificatesOnly((await clientCertificate('client-auth')).certificate.der), false)
  const extensions = [basicConstraints(true)]
  const openssl = await makeCertificate({ commonName: 'made with openssl req -x509', extensions })
  assert.equal(signsCertificatesOnly(openssl.certificate.der), false)
  const tls = await makeCertificate({ commonName: 'x', extensions: [keyUsage('tls')] })
  assert.equal(signsCertificatesOnly(tls.certificate.der), false)
  assert.equal(signsCertificatesOnly(Buffer.from('no certificate')), false)
})
