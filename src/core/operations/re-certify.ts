// Re-certify (KMIP 1.4 §4.8): a new certificate for the same key pair replaces a stored one.

import { certificateRequest, certifiedAttributes } from './certificate-wanted.ts'
import type { Handler } from './handler.ts'

export const reCertify: Handler<'ReCertify'> = async (context, request) => {
  const { transaction, placeholder } = context
  const UniqueIdentifier = await transaction.certificates.reCertify({
    uniqueIdentifier: placeholder.resolve(request.UniqueIdentifier),
    request: certificateRequest(request),
    storedRequest: request.CertificateRequestUniqueIdentifier,
    offset: request.Offset,
    ...(await certifiedAttributes(request, context)),
  })
  placeholder.set(UniqueIdentifier)
  return { UniqueIdentifier }
}
