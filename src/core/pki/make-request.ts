// Generates a private key and a certificate signing request for it (PKCS#10, RFC 2986). request.ts reads requests.

import { Attributes, CertificationRequest, CertificationRequestInfo } from '@peculiar/asn1-csr'
import { AsnConvert } from '@peculiar/asn1-schema'
import { Attribute, Extensions } from '@peculiar/asn1-x509'
import { extendedKeyUsage, keyUsage, publicKeyInfo, subjectAltNames } from './build.ts'
import { checkCommonName, privateKeyPem } from './issue.ts'
import { pemText } from './paste.ts'
import { extensionRequest } from './request.ts'
import { generateRsaKeys } from './rsa-keys.ts'
import { algorithmIdentifier, signBytes } from './signatures.ts'
import { nameWithCommonName } from './build-name.ts'

/**
 * RSA-2048, which every known vCenter accepts. With `names` (in the form of certificateNames) it requests a server certificate.
 * `request` is PEM. `privateKey` is PKCS#8 PEM. The caller must wipe it. Throws PkiError for a name that cannot be a common name.
 */
export async function makeRequest(options: {
  readonly commonName: string
  readonly names?: readonly string[]
}): Promise<{ readonly request: string; readonly privateKey: Buffer }> {
  const subject = nameWithCommonName(checkCommonName(options.commonName))
  const { publicKey, privateKey } = await generateRsaKeys(2048)
  const certificationRequestInfo = new CertificationRequestInfo({
    subject,
    subjectPKInfo: publicKeyInfo(publicKey),
    attributes: new Attributes(options.names ? [serverExtensions(options.names)] : []),
  })
  const signed = new Uint8Array(AsnConvert.serialize(certificationRequestInfo))
  const signature = await signBytes('sha256WithRSAEncryption', signed, privateKey)
  const der = AsnConvert.serialize(
    new CertificationRequest({
      certificationRequestInfo,
      signatureAlgorithm: algorithmIdentifier('sha256WithRSAEncryption'),
      signature: new Uint8Array(signature).buffer,
    }),
  )
  const request = pemText('CERTIFICATE REQUEST', new Uint8Array(der))
  return { request, privateKey: privateKeyPem(privateKey) }
}

function serverExtensions(names: readonly string[]): Attribute {
  const extensions = new Extensions([keyUsage('tls'), extendedKeyUsage('serverAuth'), subjectAltNames(names)])
  return new Attribute({ type: extensionRequest, values: [AsnConvert.serialize(extensions)] })
}
