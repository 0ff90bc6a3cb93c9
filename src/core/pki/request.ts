// Certificate signing requests (PKCS#10, RFC 2986): reads them and checks, before a CA signs, what a client's certificate needs:
// a subject, a key of a suitable kind and size, and proof that the sender has the private key.

import { createPublicKey, type KeyObject } from 'node:crypto'
import { CertificationRequest } from '@peculiar/asn1-csr'
import { AsnConvert } from '@peculiar/asn1-schema'
import { Extensions, type Extension, type Name } from '@peculiar/asn1-x509'
import { publicKeyText } from './certificate.ts'
import { PkiError } from './error.ts'
import { readPaste } from './paste.ts'
import { verifyBytes } from './signatures.ts'

export interface SigningRequest {
  readonly subject: Name
  readonly publicKey: KeyObject
  /** The extensions in the request (RFC 2985 §5.4.2). The issuer decides which of them to grant. */
  readonly extensions: readonly Extension[]
}

/** PKCS#9 extensionRequest. */
export const extensionRequest = '1.2.840.113549.1.9.14'

/** Reads one request, PEM or DER. Throws PkiError with words for the person who entered it. */
export async function readRequest(pemOrDer: string | Uint8Array): Promise<SigningRequest> {
  const [der, ...others] = readPaste(pemOrDer, 'certificate request')
  if (!der || others.length > 0)
    throw new PkiError(`There are ${others.length + 1} certificate requests here. Give them one at a time.`)
  const { request, publicKey } = parse(der)
  checkKey(publicKey)
  const { subject } = request.certificationRequestInfo
  if (subject.length === 0)
    throw new PkiError(
      'The certificate request has no subject. Make it with a common name that identifies the client.',
    )
  const { algorithm } = request.signatureAlgorithm
  const signed = request.certificationRequestInfoRaw
  if (!signed) throw new PkiError(notARequest)
  const good = verifyBytes(algorithm, new Uint8Array(signed), publicKey, new Uint8Array(request.signature))
  if (!good)
    throw new PkiError(
      `The certificate request is signed by an algorithm that is not supported (${algorithm}). ` +
        'Use RSA or ECDSA with SHA-256, or Ed25519.',
    )
  if (!(await good))
    throw new PkiError(
      'The signature of the certificate request is not good: it was changed on the way, or its sender does not ' +
        'have the private key. Make a new one.',
    )
  return { subject, publicKey, extensions: requestedExtensions(request) }
}

function requestedExtensions({ certificationRequestInfo }: CertificationRequest): readonly Extension[] {
  try {
    return certificationRequestInfo.attributes
      .filter(({ type }) => type === extensionRequest)
      .flatMap(({ values }) => values.flatMap((value) => [...AsnConvert.parse(value, Extensions)]))
  } catch (error) {
    throw new PkiError(notARequest, { cause: error })
  }
}

const notARequest =
  'This has the outer form of a certificate request, but its content is not one. Copy it again, or make a new one.'

function parse(der: Buffer): { request: CertificationRequest; publicKey: KeyObject } {
  try {
    const request = AsnConvert.parse(der, CertificationRequest)
    const spki = AsnConvert.serialize(request.certificationRequestInfo.subjectPKInfo)
    return { request, publicKey: createPublicKey({ key: Buffer.from(spki), type: 'spki', format: 'der' }) }
  } catch (error) {
    throw new PkiError(notARequest, { cause: error })
  }
}

const curves: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1'])

/** An enormous RSA key would make each of its handshakes expensive for the server. */
const rsaBits = { min: 2048, max: 8192 }

/** Throws PkiError for a key that gets no certificate from this server. */
export function checkKey(key: KeyObject): void {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {}
  const type = key.asymmetricKeyType
  if (type === 'ed25519') return
  if (type === 'ec' && curves.has(namedCurve)) return
  if (type === 'rsa' && modulusLength >= rsaBits.min && modulusLength <= rsaBits.max) return
  throw new PkiError(
    `The certificate request is for a key of the kind ${publicKeyText(key)}. Use RSA of ${rsaBits.min} to ` +
      `${rsaBits.max} bits, EC on P-256, P-384 or P-521, or Ed25519.`,
  )
}
