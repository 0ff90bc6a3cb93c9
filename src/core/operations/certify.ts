// Certify (KMIP 1.4 §4.7): a certificate for a public key, by a CA of the same instance.

import type { Request } from '../../wire/kmip/operations.ts'
import { atLeast, type Version } from '../../wire/kmip/version.ts'
import { certificateRequest, certifiedAttributes } from './certificate-wanted.ts'
import type { Handler } from './handler.ts'

/** KMIP 2.1 §6.1.6: a certificate request replaces a missing identifier; in 1.x the ID Placeholder does. */
export function isForSentRequest(request: Request<'Certify'>, version: Version): boolean {
  const { UniqueIdentifier, CertificateRequest, CertificateRequestValue } = request
  const isSent = (CertificateRequest ?? CertificateRequestValue) !== undefined
  return UniqueIdentifier === undefined && isSent && atLeast(version, '2.0')
}

export const certify: Handler<'Certify'> = async (context, request) => {
  const { transaction, placeholder, version } = context
  const sent = certificateRequest(request)
  const UniqueIdentifier = await transaction.certificates.certify({
    uniqueIdentifier: isForSentRequest(request, version)
      ? undefined
      : placeholder.resolve(request.UniqueIdentifier),
    request: sent,
    ...(await certifiedAttributes(request, context)),
  })
  placeholder.set(UniqueIdentifier)
  return { UniqueIdentifier }
}
