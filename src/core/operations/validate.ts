// Validate (KMIP 1.4 §4.24): whether certificates form a valid chain. Mortise has no roots of its own, so a valid chain does not
// mean that its last certificate is trusted.

import type { Handler } from './handler.ts'

export const validate: Handler<'Validate'> = async ({ transaction, placeholder }, request) => {
  const { Certificate, UniqueIdentifier, ValidityDate } = request
  const ValidityIndicator = await transaction.certificates.validate({
    certificates: Certificate.map(({ CertificateValue }) => CertificateValue),
    uniqueIdentifiers: UniqueIdentifier.map((id) => placeholder.resolve(id)),
    atMs: ValidityDate === undefined ? undefined : Number(ValidityDate) * 1000,
  })
  return { ValidityIndicator }
}
