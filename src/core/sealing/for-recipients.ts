// Seals for recipients outside the server: in an age file, or, for certificates, in a CMS file, which is the only form of FIPS
// mode.

import { fipsMode, notApproved } from '../../base/fips.ts'
import { NoRecipient, pemBegin, type SealedFile } from './sealed-file.ts'

/**
 * `recipients`: at least one. They are age recipients (`age1...`) or certificates in PEM (RSA or P-256). Throws NoRecipient.
 * Loads the library of the form, which takes a tenth of a second.
 */
export async function createSealedFile(recipients: readonly string[]): Promise<SealedFile> {
  const certificates = recipients.filter(isCertificate)
  if (certificates.length > 0 && certificates.length < recipients.length)
    throw new NoRecipient(
      'the recipients are certificates or age recipients, not both: they make files of two forms',
    )
  if (certificates.length > 0) {
    const { createCmsFile } = await import('./cms-file.ts')
    return createCmsFile(certificates)
  }
  if (fipsMode)
    throw new NoRecipient(`${notApproved('age')}: give a certificate in PEM, with an RSA key or one on P-256`)
  const { createAgeFile } = await import('./age-file.ts')
  return createAgeFile(recipients)
}

/** Makes the whole file for a small plaintext. Throws NoRecipient. */
export async function sealFor(recipients: readonly string[], plaintext: Uint8Array): Promise<Buffer> {
  const file = await createSealedFile(recipients)
  return Buffer.concat([file.head, ...file.write(plaintext), file.end()])
}

/** The recipients as people and the audit log see them. Throws NoRecipient for an invalid one. */
export async function shownRecipients(recipients: readonly string[]): Promise<readonly string[]> {
  if (recipients.length === 0) return []
  const file = await createSealedFile(recipients)
  file.wipe()
  return Promise.all(recipients.map(shownRecipient))
}

/** The recipient as people and the audit log see it. A certificate appears as its fingerprint. */
export async function shownRecipient(recipient: string): Promise<string> {
  if (!isCertificate(recipient)) return recipient
  const { fingerprintOf } = await import('./cms-file.ts')
  return fingerprintOf(recipient)
}

function isCertificate(recipient: string): boolean {
  return recipient.includes(pemBegin)
}
