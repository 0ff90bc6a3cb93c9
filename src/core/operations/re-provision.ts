// Re-Provision (KMIP 2.1 §6.1.48): a new certificate replaces the one that the client used, which the server then refuses.
// Mortise signs a certificate request, which proves that the client has the private key. It refuses the two other forms: a
// certificate alone proves nothing, and every client of the instance could fetch a private key that Mortise made.

import { Fault } from '../../wire/kmip/fault.ts'
import type { Handler } from './handler.ts'

export const reProvision: Handler<'ReProvision'> = async (
  { transaction, placeholder, provisioner },
  request,
) => {
  const { Certificate, CertificateRequest } = request
  if (Certificate)
    throw new Fault(
      'FeatureNotSupported',
      'send a certificate request: it proves that you have the private key',
    )
  if (!CertificateRequest)
    throw new Fault(
      'FeatureNotSupported',
      'send a certificate request: every client of the instance could fetch a private key that this server made',
    )
  const { CertificateRequestType: type, CertificateRequestValue } = CertificateRequest
  if (type !== 'PKCS_10' && type !== 'PEM')
    throw new Fault('FeatureNotSupported', `this server reads PKCS#10, not ${type}`)
  if (provisioner.isExpired)
    throw new Fault(
      'PermissionDenied',
      'the certificate of this client has expired: an administrator renews it',
    )
  const signed = await provisioner.sign(CertificateRequestValue)
  const UniqueIdentifier = await transaction.certificates.reProvision(signed)
  provisioner.replaced(signed)
  placeholder.set(UniqueIdentifier)
  return { UniqueIdentifier }
}
