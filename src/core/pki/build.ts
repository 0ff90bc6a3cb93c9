// Builds a certificate: takes fields and extensions, returns signed DER. issue.ts decides what each kind of certificate contains.

import { createHash, randomBytes, type KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import {
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate as AsnCertificate,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  KeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_clientAuth,
  id_kp_serverAuth,
  type Name,
} from '@peculiar/asn1-x509'
import { algorithmIdentifier, signBytes, type SignatureAlgorithm } from './signatures.ts'

export interface ContentFields {
  readonly subject: Name
  readonly issuer: Name
  readonly publicKey: KeyObject
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly extensions: readonly Extension[]
  readonly algorithm: SignatureAlgorithm
}

export interface CertificateFields extends ContentFields {
  readonly signWith: KeyObject
}

/** The content of a certificate before it is signed. */
export interface UnsignedCertificate {
  /** The bytes to sign. */
  readonly content: Uint8Array
  /** The certificate's DER. */
  complete(signature: Uint8Array): Uint8Array
}

/** An X.509 v3 certificate with a random serial number. Dates are cut to whole seconds. */
export function unsignedCertificate(fields: ContentFields): UnsignedCertificate {
  const signatureAlgorithm = algorithmIdentifier(fields.algorithm)
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: ownBytes(randomSerial()),
    signature: signatureAlgorithm,
    issuer: fields.issuer,
    validity: new Validity({
      notBefore: new Date(fields.notBeforeMs),
      notAfter: new Date(fields.notAfterMs),
    }),
    subject: fields.subject,
    subjectPublicKeyInfo: publicKeyInfo(fields.publicKey),
    ...(fields.extensions.length > 0 && { extensions: new Extensions([...fields.extensions]) }),
  })
  return {
    content: new Uint8Array(AsnConvert.serialize(tbsCertificate)),
    complete: (signature) => {
      const signatureValue = ownBytes(signature)
      const certificate = new AsnCertificate({ tbsCertificate, signatureAlgorithm, signatureValue })
      return new Uint8Array(AsnConvert.serialize(certificate))
    },
  }
}

/** DER of a signed certificate. */
export async function signCertificate({ signWith, ...fields }: CertificateFields): Promise<Uint8Array> {
  const unsigned = unsignedCertificate(fields)
  return unsigned.complete(await signBytes(fields.algorithm, unsigned.content, signWith))
}

/** 127 random bits, positive, in the shortest form that DER allows (RFC 5280 §4.1.2.2). */
function randomSerial(): Buffer {
  const serial = randomBytes(16)
  serial[0] = (serial[0] ?? 0) & 0x7f
  return serial[0] === 0 ? randomSerial() : serial
}

export function publicKeyInfo(key: KeyObject): SubjectPublicKeyInfo {
  return AsnConvert.parse(key.export({ type: 'spki', format: 'der' }), SubjectPublicKeyInfo)
}

/** The bytes in an ArrayBuffer of their own, as the library needs them. */
function ownBytes(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}

// ---------------------------------------------------------------- Extensions (RFC 5280 §4.2.1)

function extension(extnID: string, value: unknown, critical = false): Extension {
  return new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) })
}

/** A CA with this constraint signs only leaves. */
export function basicConstraints(cA: boolean): Extension {
  return extension(
    id_ce_basicConstraints,
    new BasicConstraints({ cA, ...(cA && { pathLenConstraint: 0 }) }),
    true,
  )
}

export function keyUsage(usage: 'ca' | 'tls'): Extension {
  return keyUsageOf(
    usage === 'ca'
      ? KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign
      : // Old vCenters negotiate an RSA key exchange, which needs key encipherment.
        KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment,
  )
}

/** `flags`: bits of KeyUsageFlags. */
export function keyUsageOf(flags: number): Extension {
  return extension(id_ce_keyUsage, new KeyUsage(flags), true)
}

export function extendedKeyUsage(usage: 'serverAuth' | 'clientAuth'): Extension {
  const purpose = usage === 'serverAuth' ? id_kp_serverAuth : id_kp_clientAuth
  return extension(id_ce_extKeyUsage, new ExtendedKeyUsage([purpose]))
}

/** `names` must have the form that certificateNames (issue.ts) returns. */
export function subjectAltNames(names: readonly string[]): Extension {
  const general = names.map((name) => new GeneralName(isIP(name) ? { iPAddress: name } : { dNSName: name }))
  return extension(id_ce_subjectAltName, new SubjectAlternativeName(general))
}

export function subjectKeyIdentifier(publicKey: KeyObject): Extension {
  return extension(id_ce_subjectKeyIdentifier, new SubjectKeyIdentifier(keyIdentifier(publicKey)))
}

/** Only for a CA whose subject key identifier this file created. */
export function authorityKeyIdentifier(caPublicKey: KeyObject): Extension {
  return authorityNamed(keyIdentifier(caPublicKey))
}

/** For a CA with this subject key identifier, whether this server or another made it. */
export function authorityNamed(identifier: ArrayBuffer): Extension {
  const keyIdentifier = new KeyIdentifier(identifier)
  return extension(id_ce_authorityKeyIdentifier, new AuthorityKeyIdentifier({ keyIdentifier }))
}

/** The first 160 bits of the SHA-256 of the public key (RFC 7093 §2, method 1). */
function keyIdentifier(publicKey: KeyObject): ArrayBuffer {
  const { subjectPublicKey } = publicKeyInfo(publicKey)
  return ownBytes(createHash('sha256').update(new Uint8Array(subjectPublicKey)).digest().subarray(0, 20))
}
