// The attributes from the certificate itself (KMIP 1.4 §3.8 to §3.16): names, serial number, key and signature. Pure.

import { decodeKey } from '../../crypto/key-formats.ts'
import { bitsOf, KeyFormatError, type KeyParts } from '../../crypto/key-parts.ts'
import type { AttributeInstance } from '../../../wire/kmip/attributes.ts'
import type { EnumName } from '../../../wire/kmip/enums.ts'
import {
  readCertificateFacts,
  type CertificateFacts,
  type DistinguishedName,
} from '../../pki/certificate-facts.ts'
import { algorithmsOf, type KeyFacts } from './asymmetric-key.ts'
import { single } from '../object/managed-object.ts'

export interface CertificateReading extends KeyFacts {
  readonly algorithm?: EnumName<'CryptographicAlgorithm'> | undefined
}

/** A certificate that is not X.509 only has its type and length. Throws PkiError. */
export function certificateAttributes(
  type: EnumName<'CertificateType'>,
  value: Uint8Array,
): CertificateReading {
  const common: readonly Entry[] = [
    ['CertificateType', single(type)],
    ['CertificateLength', single(value.length)],
  ]
  if (type !== 'X_509') return { attributes: new Map(common) }
  const facts = readCertificateFacts(value)
  const key = publicKeyOf(facts)
  const algorithms = key && algorithmsOf(key)
  return {
    algorithm: algorithms?.[0],
    algorithms,
    lengthBits: key && bitsOf(key),
    attributes: new Map([...common, ...namesOf(facts), ...signatureOf(facts)]),
  }
}

type Entry = readonly [string, readonly AttributeInstance[]]

/** Undefined for a key of an algorithm that Mortise does not know. */
function publicKeyOf({ publicKey }: CertificateFacts): KeyParts | undefined {
  try {
    return decodeKey('X_509', false, publicKey)
  } catch (error) {
    if (error instanceof KeyFormatError) return undefined
    throw error
  }
}

/** The structures with DER, the older texts of 1.1, and the single parts of 1.4. */
function namesOf({ subject, issuer, serialNumber, serialText }: CertificateFacts): readonly Entry[] {
  const CertificateSerialNumber = Buffer.from(serialNumber)
  const IssuerDistinguishedName = Buffer.from(issuer.der)
  return [
    ['X_509CertificateIdentifier', single({ IssuerDistinguishedName, CertificateSerialNumber })],
    [
      'X_509CertificateSubject',
      single({
        SubjectDistinguishedName: Buffer.from(subject.der),
        SubjectAlternativeName: copies(subject.alternatives),
      }),
    ],
    [
      'X_509CertificateIssuer',
      single({ IssuerDistinguishedName, IssuerAlternativeName: copies(issuer.alternatives) }),
    ],
    ['CertificateIdentifier', single({ Issuer: issuer.text, SerialNumber: serialText })],
    [
      'CertificateSubject',
      single({
        CertificateSubjectDistinguishedName: subject.text,
        CertificateSubjectAlternativeName: [],
      }),
    ],
    [
      'CertificateIssuer',
      single({ CertificateIssuerDistinguishedName: issuer.text, CertificateIssuerAlternativeName: [] }),
    ],
    ...partsOf('CertificateSubject', subject),
    ...partsOf('CertificateIssuer', issuer),
  ]
}

/** Copies, because the server wipes the certificate's bytes after it has sealed them. */
function copies(bytes: readonly Buffer[]): readonly Buffer[] {
  return bytes.map((one) => Buffer.from(one))
}

function partsOf(
  name: 'CertificateSubject' | 'CertificateIssuer',
  { parts }: DistinguishedName,
): readonly Entry[] {
  const all = parts.flat()
  return Object.entries(partNames).flatMap(([type, part]): readonly Entry[] => {
    const values = all.filter((attribute) => attribute.type === type).map(({ value }) => value)
    return values.length === 0 ? [] : [[`${name}${part}`, values.map((value, index) => ({ index, value }))]]
  })
}

const partNames: Readonly<Record<string, string>> = {
  CN: 'CN',
  O: 'O',
  OU: 'OU',
  emailAddress: 'Email',
  C: 'C',
  ST: 'ST',
  L: 'L',
  UID: 'UID',
  serialNumber: 'SerialNumber',
  title: 'Title',
  DC: 'DC',
  '2.5.4.46': 'DNQualifier',
}

/** The part of a subject in an attribute, by its short name; undefined for other attributes. */
export function subjectPart(key: string): string | undefined {
  const [partName] = Object.entries(partNames).find(([, part]) => key === `CertificateSubject${part}`) ?? []
  return partName
}

function signatureOf({ signatureAlgorithm }: CertificateFacts): readonly Entry[] {
  const algorithm = signatureAlgorithms[signatureAlgorithm]
  return algorithm ? [['DigitalSignatureAlgorithm', single(algorithm)]] : []
}

const signatureAlgorithms: Readonly<Record<string, EnumName<'DigitalSignatureAlgorithm'>>> = {
  '1.2.840.113549.1.1.2': 'MD2WithRSAEncryption',
  '1.2.840.113549.1.1.4': 'MD5WithRSAEncryption',
  '1.2.840.113549.1.1.5': 'SHA_1WithRSAEncryption',
  '1.2.840.113549.1.1.14': 'SHA_224WithRSAEncryption',
  '1.2.840.113549.1.1.11': 'SHA_256WithRSAEncryption',
  '1.2.840.113549.1.1.12': 'SHA_384WithRSAEncryption',
  '1.2.840.113549.1.1.13': 'SHA_512WithRSAEncryption',
  '1.2.840.113549.1.1.10': 'RSASSA_PSS',
  '1.2.840.10040.4.3': 'DSAWithSHA_1',
  '2.16.840.1.101.3.4.3.1': 'DSAWithSHA224',
  '2.16.840.1.101.3.4.3.2': 'DSAWithSHA256',
  '1.2.840.10045.4.1': 'ECDSAWithSHA_1',
  '1.2.840.10045.4.3.1': 'ECDSAWithSHA224',
  '1.2.840.10045.4.3.2': 'ECDSAWithSHA256',
  '1.2.840.10045.4.3.3': 'ECDSAWithSHA384',
  '1.2.840.10045.4.3.4': 'ECDSAWithSHA512',
  '2.16.840.1.101.3.4.3.14': 'SHA3_256WithRSAEncryption',
  '2.16.840.1.101.3.4.3.15': 'SHA3_384WithRSAEncryption',
  '2.16.840.1.101.3.4.3.16': 'SHA3_512WithRSAEncryption',
}
