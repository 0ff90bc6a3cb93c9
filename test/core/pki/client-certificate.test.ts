// Certificates that are refused as a client's, and CAs that are refused as those of clients.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  requireForeignAuthority,
  requireNoAuthority,
  requireNotOwn,
  signsCertificatesOnly,
} from '../../../src/core/pki/client-certificate.ts'
import { basicConstraints, keyUsage } from '../../../src/core/pki/build.ts'
import { issueClient, issueServer, makeAuthority } from '../../../src/core/pki/issue.ts'
import { clientCertificate, makeCertificate, testVmca } from '../../support/certificates/certificates.ts'

const nowMs = Date.now()
const ca = await makeAuthority({ commonName: 'One', nowMs })
const other = await makeAuthority({ commonName: 'Other', nowMs })
const client = (await issueClient({ ca, commonName: 'vc', nowMs })).certificate
const server = (await issueServer({ ca, names: ['kms-1'], nowMs })).certificate

test("this server's own certificate is no client's, whichever of them it is", () => {
  assert.throws(() => requireNotOwn(server, [undefined, client, server]), /a certificate of this server/)
  requireNotOwn(client, [undefined, server])
})

test("a CA's certificate is no client's; one that a client signed itself is", async () => {
  assert.throws(() => requireNoAuthority(ca.certificate), /certificate of a CA \(.*One\).*not of a client/)
  requireNoAuthority(client)
  requireNoAuthority((await clientCertificate('self-signed')).certificate)
})

test('only a CA is trusted as one, and not that of this server', () => {
  assert.throws(() => requireForeignAuthority(client, ca.certificate), /may not sign others/)
  assert.throws(() => requireForeignAuthority(ca.certificate, ca.certificate), /the CA of this server/)
  requireForeignAuthority(other.certificate, ca.certificate)
})

test('by its key usage, a certificate signs others alone if it may sign certificates and nothing else', async () => {
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
