// A client certificate like the one that vCenter generates for itself: a common name and a key, self-signed, without extensions.
// It is for simulated clients. Mortise does not issue such a certificate.

import { signCertificate } from './build.ts'
import { parseCertificate } from './certificate.ts'
import { checkCommonName, type SigningIdentity } from './issue.ts'
import { generateRsaKeys } from './rsa-keys.ts'
import { nameWithCommonName } from './build-name.ts'

/** RSA-2048. Throws PkiError for a name that cannot be a common name. */
export async function makeSelfSigned(options: {
  readonly commonName: string
  /** Wall clock, milliseconds since 1970. */
  readonly notBeforeMs: number
  readonly notAfterMs: number
}): Promise<SigningIdentity> {
  const { commonName, notBeforeMs, notAfterMs } = options
  const subject = nameWithCommonName(checkCommonName(commonName))
  const { publicKey, privateKey } = await generateRsaKeys(2048)
  const der = await signCertificate({
    subject,
    issuer: subject,
    publicKey,
    notBeforeMs,
    notAfterMs,
    extensions: [],
    signWith: privateKey,
    algorithm: 'sha256WithRSAEncryption',
  })
  return { certificate: parseCertificate(der), privateKey }
}
