// Certify (KMIP 1.4 §4.7): a certificate for a public key, by a CA of the same instance.

import { certificateRequest, certifiedAttributes } from './certificate-wanted.ts'
import type { Handler } from './handler.ts'

export const certify: Handler<'Certify'> = async (context, request) => {
  const { transaction, placeholder } = context
  const UniqueIdentifier = await transaction.certificates.certify({
    uniqueIdentifier: placeholder.resolve(request.UniqueIdentifier),
    request: certificateRequest(request),
    ...(await certifiedAttributes(request, context)),
  })
  placeholder.set(UniqueIdentifier)
  return { UniqueIdentifier }
}
