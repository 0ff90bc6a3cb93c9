// Certify (KMIP 1.4 §4.7): a certificate for a public key, by a CA of the same instance.

import { atLeast } from '../kmip/version.ts'
import { certificateRequest, certifiedAttributes } from './certificate-wanted.ts'
import type { Handler } from './handler.ts'

export const certify: Handler<'Certify'> = async (context, request) => {
  const { transaction, placeholder, version } = context
  const sent = certificateRequest(request)
  // KMIP 2.1 §6.1.6: a certificate request stands for the object that is not named; in 1.x the ID Placeholder does.
  const isUnnamed = request.UniqueIdentifier === undefined && sent && atLeast(version, '2.0')
  const UniqueIdentifier = await transaction.certificates.certify({
    uniqueIdentifier: isUnnamed ? undefined : placeholder.resolve(request.UniqueIdentifier),
    request: sent,
    ...(await certifiedAttributes(request, context)),
  })
  placeholder.set(UniqueIdentifier)
  return { UniqueIdentifier }
}
