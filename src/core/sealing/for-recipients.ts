// Seals for recipients outside: makes an age file, or with certificates a CMS file, the one form that FIPS mode has.

import { fipsMode, notApproved } from '../../base/fips.ts'
import { NoRecipient, pemBegin, type SealedFile } from './sealed-file.ts'

/**
 * `recipients`: at least one; age recipients (`age1...`), or certificates in PEM (RSA or P-256). Throws NoRecipient. Loads the
 * library of its form here, which takes a tenth of a second.
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

/** The whole file, for a plaintext that is small. Throws NoRecipient. */
export async function sealFor(recipients: readonly string[], plaintext: Uint8Array): Promise<Buffer> {
  const file = await createSealedFile(recipients)
  return Buffer.concat([file.head, ...file.write(plaintext), file.end()])
}

/** The recipients as people and the audit log see them. Throws NoRecipient for one that is not right. */
export async function shownRecipients(recipients: readonly string[]): Promise<readonly string[]> {
  if (recipients.length === 0) return []
  const file = await createSealedFile(recipients)
  file.wipe()
  return Promise.all(recipients.map(shownRecipient))
}

/** The recipient as people and the audit log see it: a certificate by its fingerprint. */
export async function shownRecipient(recipient: string): Promise<string> {
  if (!isCertificate(recipient)) return recipient
  const { fingerprintOf } = await import('./cms-file.ts')
  return fingerprintOf(recipient)
}

function isCertificate(recipient: string): boolean {
  return recipient.includes(pemBegin)
}
