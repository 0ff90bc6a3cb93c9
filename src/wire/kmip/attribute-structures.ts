// The structures that are values of attributes (KMIP 1.4 §3, 2.1 §4). Some also occur in operations (Revocation Reason,
// Cryptographic Parameters, RNG Parameters). attribute-table.ts lists the attributes and who may set them.

import {
  any,
  boolean,
  bytes,
  integer,
  longInteger,
  oneOf,
  optional,
  reference,
  repeated,
  text,
} from '../ttlv/schema.ts'
import { enumeration, since, struct } from './schema.ts'

// KMIP 1.4 §3.2
export const name = struct({ NameValue: text, NameType: enumeration('NameType') })

// KMIP 1.4 §3.6
export const cryptographicParameters = struct({
  BlockCipherMode: optional(enumeration('BlockCipherMode')),
  PaddingMethod: optional(enumeration('PaddingMethod')),
  HashingAlgorithm: optional(enumeration('HashingAlgorithm')),
  KeyRoleType: optional(enumeration('KeyRoleType')),
  DigitalSignatureAlgorithm: since('1.2', optional(enumeration('DigitalSignatureAlgorithm'))),
  CryptographicAlgorithm: since('1.2', optional(enumeration('CryptographicAlgorithm'))),
  RandomIV: since('1.2', optional(boolean)),
  IVLength: since('1.2', optional(integer)),
  TagLength: since('1.2', optional(integer)),
  FixedFieldLength: since('1.2', optional(integer)),
  InvocationFieldLength: since('1.2', optional(integer)),
  CounterLength: since('1.2', optional(integer)),
  InitialCounterValue: since('1.2', optional(integer)),
  SaltLength: since('1.4', optional(integer)),
  MaskGenerator: since('1.4', optional(enumeration('MaskGenerator'))),
  MaskGeneratorHashingAlgorithm: since('1.4', optional(enumeration('HashingAlgorithm'))),
  PSource: since('1.4', optional(bytes)),
  TrailerField: since('1.4', optional(integer)),
  KEMAlgorithm: since('3.0', optional(enumeration('KEMAlgorithm'))),
})

// KMIP 1.4 §3.7
export const cryptographicDomainParameters = struct({
  Qlength: optional(integer),
  RecommendedCurve: optional(enumeration('RecommendedCurve')),
})

// KMIP 1.4 §3.10 to §3.12: distinguished names in DER
export const x509CertificateIdentifier = struct({
  IssuerDistinguishedName: bytes,
  CertificateSerialNumber: bytes,
})

export const x509CertificateSubject = struct({
  SubjectDistinguishedName: bytes,
  SubjectAlternativeName: repeated(bytes),
})

export const x509CertificateIssuer = struct({
  IssuerDistinguishedName: bytes,
  IssuerAlternativeName: repeated(bytes),
})

// KMIP 1.4 §3.13 to §3.15: distinguished names as text. The structures above replaced these.
export const certificateIdentifier = struct({ Issuer: text, SerialNumber: optional(text) })

export const certificateSubject = struct({
  CertificateSubjectDistinguishedName: text,
  CertificateSubjectAlternativeName: repeated(text),
})

export const certificateIssuer = struct({
  CertificateIssuerDistinguishedName: text,
  CertificateIssuerAlternativeName: repeated(text),
})

// KMIP 1.4 §3.17. Keys and secret data have a KeyFormatType.
export const digest = struct({
  HashingAlgorithm: enumeration('HashingAlgorithm'),
  DigestValue: optional(bytes),
  KeyFormatType: since('1.1', optional(enumeration('KeyFormatType'))),
})

// KMIP 1.4 §3.21. A client omits the count.
export const usageLimits = struct({
  UsageLimitsTotal: longInteger,
  UsageLimitsCount: optional(longInteger),
  UsageLimitsUnit: enumeration('UsageLimitsUnit'),
})

// KMIP 1.4 §3.31
export const revocationReason = struct({
  RevocationReasonCode: enumeration('RevocationReasonCode'),
  RevocationMessage: optional(text),
})

// KMIP 3.0, a draft
export const deactivationReason = struct({
  DeactivationReasonCode: enumeration('DeactivationReasonCode'),
  DeactivationMessage: optional(text),
})

// KMIP 1.4 §3.35. In 2.x an identifier may have other forms (ID Placeholder, the n-th item of the batch). They are
// resolved before a link is stored, so here it is text.
export const link = struct({ LinkType: enumeration('LinkType'), LinkedObjectIdentifier: text })

// KMIP 3.0, a draft: a link names its object by identifier (text here) or by name (an AnyValue here)
export const objectReference = oneOf(reference, any)

// KMIP 1.4 §3.36. A client omits the data to have the server generate it.
export const applicationSpecificInformation = struct({
  ApplicationNamespace: text,
  ApplicationData: optional(text),
})

// KMIP 1.4 §3.40
export const alternativeName = struct({
  AlternativeNameValue: text,
  AlternativeNameType: enumeration('AlternativeNameType'),
})

// KMIP 1.4 §3.42
export const keyValueLocation = struct({
  KeyValueLocationValue: text,
  KeyValueLocationType: enumeration('KeyValueLocationType'),
})

// KMIP 1.4 §2.1.18: the value of Random Number Generator (§3.44); Query also returns it.
export const rngParameters = struct({
  RNGAlgorithm: enumeration('RNGAlgorithm'),
  CryptographicAlgorithm: optional(enumeration('CryptographicAlgorithm')),
  CryptographicLength: optional(integer),
  HashingAlgorithm: optional(enumeration('HashingAlgorithm')),
  DRBGAlgorithm: optional(enumeration('DRBGAlgorithm')),
  RecommendedCurve: optional(enumeration('RecommendedCurve')),
  FIPS186Variation: optional(enumeration('FIPS186Variation')),
  PredictionResistance: optional(boolean),
})

// KMIP 2.1 §4.53
export const rotateName = struct({ RotateNameValue: text, RotateNameType: enumeration('RotateNameType') })
