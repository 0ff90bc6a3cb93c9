// Every attribute of KMIP 1.0 to 2.1 (KMIP 1.4 §3, 2.1 §4) and of the draft 3.0, with the specification's rules for it: versions,
// value, instances, who may set, change and delete it, and for which objects. The order is that of the 1.4 specification. Answers
// keep it. Custom (x-, y-) and vendor attributes have no rows, since any name is possible. attribute-rules.ts applies the rules.
// attributes.ts encodes the values.

import { boolean, bytes, dateTime, enumerationCode, integer, interval, mask, text } from '../ttlv/schema.ts'
import type { ItemSchema } from '../ttlv/schema.ts'
import * as structures from './attribute-structures.ts'
import type { EnumName } from './enums.ts'
import { enumeration } from './schema.ts'
import type { Defined, TagName } from './tags.ts'

type ObjectType = EnumName<'ObjectType'>

export interface AttributeFact extends Defined {
  /** The name in 1.x messages. 2.x messages use the tag whose name is the key. */
  readonly name: string
  readonly schema: ItemSchema
  /** More than one instance is permitted. */
  readonly multiple?: true
  /** "SHALL always have a value", for the object types it applies to, until the object is destroyed. */
  readonly required?: true
  /** In the request that creates the object: Create, Register, ... */
  readonly clientMaySet: boolean
  readonly clientMayAdd: boolean
  readonly clientMayModify: boolean
  readonly clientMayDelete: boolean
  /** The states in which a client may modify it. Absent: all. */
  readonly modifiableStates?: readonly EnumName<'State'>[]
  /**
   * `untilReached`: a client may change the date only while it is in the future. `untilUsed`: a client may change or delete the
   * limit only while no part of it was used.
   */
  readonly changeable?: 'untilReached' | 'untilUsed'
  /** The object types that it applies to. Absent: all. */
  readonly objectTypes?: readonly ObjectType[]
  /** The object types that it applied to before 2.0; since 2.0 it applies to all. */
  readonly objectTypesIn1x?: readonly ObjectType[]
}

// The rights of a client: to set when the object is created, to add, to modify, to delete.
const byServer = {
  clientMaySet: false,
  clientMayAdd: false,
  clientMayModify: false,
  clientMayDelete: false,
} as const
/** The server owns it, but the client states it in the request that creates the object. */
const stated = { ...byServer, clientMaySet: true } as const
const once = { ...stated, clientMayAdd: true } as const
const kept = { ...once, clientMayModify: true } as const
const free = { ...kept, clientMayDelete: true } as const

const beforeActive = ['PreActive'] as const
const whileUsable = ['PreActive', 'Active'] as const

// The object types (KMIP 1.4 §2.2). A template may have any attribute that a key created from it may have.
const certificates = ['Certificate'] as const
const opaque = ['OpaqueObject'] as const
const asymmetric = ['PublicKey', 'PrivateKey', 'Template'] as const
const withKeyValue = ['SymmetricKey', 'PrivateKey', 'SplitKey', 'SecretData'] as const
/**
 * These types also apply to Process Start and Protect Stop Date: the rules say symmetric keys, but the published cases set them
 * on key pairs.
 */
const keys = ['SymmetricKey', 'PublicKey', 'PrivateKey', 'SplitKey', 'PGPKey', 'Template'] as const
/** The rules say keys, certificates and templates, but Derive Key (§4.7) also gives secret data an algorithm and a length. */
const keysAndMore = [...keys, 'Certificate', 'SecretData'] as const
const cryptographic = keysAndMore
const cryptographicAndOpaque = [...cryptographic, 'OpaqueObject'] as const

// prettier-ignore
export const attributes = {
  UniqueIdentifier: { name: 'Unique Identifier', schema: text, since: '1.0', required: true, ...byServer },
  Name: { name: 'Name', schema: structures.name, since: '1.0', multiple: true, ...free },
  ObjectType: { name: 'Object Type', schema: enumeration('ObjectType'), since: '1.0', required: true, ...byServer },
  CryptographicAlgorithm: { name: 'Cryptographic Algorithm', schema: enumeration('CryptographicAlgorithm'), since: '1.0', required: true, ...stated, objectTypesIn1x: keysAndMore },
  CryptographicLength: { name: 'Cryptographic Length', schema: integer, since: '1.0', required: true, ...stated, objectTypesIn1x: keysAndMore },
  CryptographicParameters: { name: 'Cryptographic Parameters', schema: structures.cryptographicParameters, since: '1.0', multiple: true, ...free, objectTypesIn1x: keysAndMore },
  CryptographicDomainParameters: { name: 'Cryptographic Domain Parameters', schema: structures.cryptographicDomainParameters, since: '1.0', ...once, objectTypes: asymmetric },
  CertificateType: { name: 'Certificate Type', schema: enumeration('CertificateType'), since: '1.0', required: true, ...stated, objectTypes: certificates },
  CertificateLength: { name: 'Certificate Length', schema: integer, since: '1.1', required: true, ...stated, objectTypes: certificates },
  X_509CertificateIdentifier: { name: 'X.509 Certificate Identifier', schema: structures.x509CertificateIdentifier, since: '1.1', required: true, ...byServer, objectTypes: certificates },
  X_509CertificateSubject: { name: 'X.509 Certificate Subject', schema: structures.x509CertificateSubject, since: '1.1', required: true, ...byServer, objectTypes: certificates },
  X_509CertificateIssuer: { name: 'X.509 Certificate Issuer', schema: structures.x509CertificateIssuer, since: '1.1', required: true, ...byServer, objectTypes: certificates },
  CertificateIdentifier: { name: 'Certificate Identifier', schema: structures.certificateIdentifier, since: '1.0', deprecated: '1.1', until: '1.4', required: true, ...byServer, objectTypes: certificates },
  CertificateSubject: { name: 'Certificate Subject', schema: structures.certificateSubject, since: '1.0', deprecated: '1.1', until: '1.4', required: true, ...byServer, objectTypes: certificates },
  CertificateIssuer: { name: 'Certificate Issuer', schema: structures.certificateIssuer, since: '1.0', deprecated: '1.1', until: '1.4', required: true, ...byServer, objectTypes: certificates },
  DigitalSignatureAlgorithm: { name: 'Digital Signature Algorithm', schema: enumeration('DigitalSignatureAlgorithm'), since: '1.1', multiple: true, required: true, ...stated, objectTypes: ['Certificate', 'PGPKey'] },
  Digest: { name: 'Digest', schema: structures.digest, since: '1.0', multiple: true, required: true, ...byServer, objectTypesIn1x: cryptographicAndOpaque },
  OperationPolicyName: { name: 'Operation Policy Name', schema: text, since: '1.0', deprecated: '1.3', until: '1.4', ...once },
  CryptographicUsageMask: { name: 'Cryptographic Usage Mask', schema: mask, since: '1.0', required: true, ...once, objectTypesIn1x: cryptographic },
  LeaseTime: { name: 'Lease Time', schema: interval, since: '1.0', ...byServer, objectTypesIn1x: cryptographic },
  UsageLimits: { name: 'Usage Limits', schema: structures.usageLimits, since: '1.0', ...free, changeable: 'untilUsed', objectTypesIn1x: keys },
  State: { name: 'State', schema: enumeration('State'), since: '1.0', required: true, ...byServer, objectTypesIn1x: cryptographic },
  InitialDate: { name: 'Initial Date', schema: dateTime, since: '1.0', required: true, ...byServer },
  ActivationDate: { name: 'Activation Date', schema: dateTime, since: '1.0', ...kept, modifiableStates: beforeActive, objectTypesIn1x: cryptographic },
  ProcessStartDate: { name: 'Process Start Date', schema: dateTime, since: '1.0', ...kept, modifiableStates: whileUsable, changeable: 'untilReached', objectTypesIn1x: keys },
  ProtectStopDate: { name: 'Protect Stop Date', schema: dateTime, since: '1.0', ...kept, modifiableStates: whileUsable, changeable: 'untilReached', objectTypesIn1x: keys },
  DeactivationDate: { name: 'Deactivation Date', schema: dateTime, since: '1.0', ...kept, modifiableStates: whileUsable, objectTypesIn1x: cryptographic },
  DestroyDate: { name: 'Destroy Date', schema: dateTime, since: '1.0', ...byServer, objectTypesIn1x: cryptographicAndOpaque },
  CompromiseOccurrenceDate: { name: 'Compromise Occurrence Date', schema: dateTime, since: '1.0', ...byServer, objectTypesIn1x: cryptographicAndOpaque },
  CompromiseDate: { name: 'Compromise Date', schema: dateTime, since: '1.0', ...byServer, objectTypesIn1x: cryptographicAndOpaque },
  RevocationReason: { name: 'Revocation Reason', schema: structures.revocationReason, since: '1.0', ...byServer, objectTypesIn1x: cryptographicAndOpaque },
  ArchiveDate: { name: 'Archive Date', schema: dateTime, since: '1.0', ...byServer },
  ObjectGroup: { name: 'Object Group', schema: text, since: '1.0', until: '2.1', multiple: true, ...free },
  Fresh: { name: 'Fresh', schema: boolean, since: '1.1', ...once, objectTypesIn1x: cryptographic },
  Link: { name: 'Link', schema: structures.link, since: '1.0', until: '2.1', multiple: true, ...free, objectTypesIn1x: cryptographic },
  ApplicationSpecificInformation: { name: 'Application Specific Information', schema: structures.applicationSpecificInformation, since: '1.0', multiple: true, ...free },
  ContactInformation: { name: 'Contact Information', schema: text, since: '1.0', ...free },
  LastChangeDate: { name: 'Last Change Date', schema: dateTime, since: '1.0', required: true, ...byServer },
  AlternativeName: { name: 'Alternative Name', schema: structures.alternativeName, since: '1.2', multiple: true, ...free },
  KeyValuePresent: { name: 'Key Value Present', schema: boolean, since: '1.2', ...byServer, objectTypesIn1x: withKeyValue },
  KeyValueLocation: { name: 'Key Value Location', schema: structures.keyValueLocation, since: '1.2', multiple: true, ...free, objectTypesIn1x: withKeyValue },
  OriginalCreationDate: { name: 'Original Creation Date', schema: dateTime, since: '1.2', ...once },
  RandomNumberGenerator: { name: 'Random Number Generator', schema: structures.rngParameters, since: '1.3', ...once, objectTypesIn1x: cryptographic },
  PKCS_12FriendlyName: { name: 'PKCS#12 Friendly Name', schema: text, since: '1.4', ...free, objectTypesIn1x: cryptographic },
  Description: { name: 'Description', schema: text, since: '1.4', ...free },
  Comment: { name: 'Comment', schema: text, since: '1.4', ...free },
  Sensitive: { name: 'Sensitive', schema: boolean, since: '1.4', required: true, ...kept },
  AlwaysSensitive: { name: 'Always Sensitive', schema: boolean, since: '1.4', required: true, ...byServer },
  Extractable: { name: 'Extractable', schema: boolean, since: '1.4', required: true, ...kept },
  NeverExtractable: { name: 'Never Extractable', schema: boolean, since: '1.4', required: true, ...byServer },
  CertificateSubjectCN: { name: 'Certificate Subject CN', schema: text, since: '1.4', multiple: true, ...byServer, objectTypes: certificates },
  CertificateSubjectO: { name: 'Certificate Subject O', schema: text, since: '1.4', multiple: true, ...byServer, objectTypes: certificates },
  CertificateSubjectOU: { name: 'Certificate Subject OU', schema: text, since: '1.4', multiple: true, ...byServer, objectTypes: certificates },
  CertificateSubjectEmail: { name: 'Certificate Subject Email', schema: text, since: '1.4', multiple: true, ...byServer, objectTypes: certificates },
  CertificateSubjectC: { name: 'Certificate Subject C', schema: text, since: '1.4', multiple: true, ...byServer, objectTypes: certificates },
  CertificateSubjectST: { name: 'Certificate Subject ST', schema: text, since: '1.4', multiple: true, ...byServer, objectTypes: certificates },
  CertificateSubjectL: { name: 'Certificate Subject L', schema: text, since: '1.4', multiple: true, ...byServer, objectTypes: certificates },
  CertificateSubjectUID: { name: 'Certificate Subject UID', schema: text, since: '1.4', multiple: true, ...byServer, objectTypes: certificates },
  CertificateSubjectSerialNumber: { name: 'Certificate Subject Serial Number', schema: text, since: '1.4', multiple: true, ...byServer, objectTypes: certificates },
  CertificateSubjectTitle: { name: 'Certificate Subject Title', schema: text, since: '1.4', multiple: true, ...byServer, objectTypes: certificates },
  CertificateSubjectDC: { name: 'Certificate Subject DC', schema: text, since: '1.4', multiple: true, ...byServer, objectTypes: certificates },
  CertificateSubjectDNQualifier: { name: 'Certificate Subject DN Qualifier', schema: text, since: '1.4', multiple: true, ...byServer, objectTypes: certificates },
  CertificateIssuerCN: { name: 'Certificate Issuer CN', schema: text, since: '1.4', multiple: true, ...byServer, objectTypes: certificates },
  CertificateIssuerO: { name: 'Certificate Issuer O', schema: text, since: '1.4', multiple: true, ...byServer, objectTypes: certificates },
  CertificateIssuerOU: { name: 'Certificate Issuer OU', schema: text, since: '1.4', multiple: true, ...byServer, objectTypes: certificates },
  CertificateIssuerEmail: { name: 'Certificate Issuer Email', schema: text, since: '1.4', multiple: true, ...byServer, objectTypes: certificates },
  CertificateIssuerC: { name: 'Certificate Issuer C', schema: text, since: '1.4', multiple: true, ...byServer, objectTypes: certificates },
  CertificateIssuerST: { name: 'Certificate Issuer ST', schema: text, since: '1.4', multiple: true, ...byServer, objectTypes: certificates },
  CertificateIssuerL: { name: 'Certificate Issuer L', schema: text, since: '1.4', multiple: true, ...byServer, objectTypes: certificates },
  CertificateIssuerUID: { name: 'Certificate Issuer UID', schema: text, since: '1.4', multiple: true, ...byServer, objectTypes: certificates },
  CertificateIssuerSerialNumber: { name: 'Certificate Issuer Serial Number', schema: text, since: '1.4', multiple: true, ...byServer, objectTypes: certificates },
  CertificateIssuerTitle: { name: 'Certificate Issuer Title', schema: text, since: '1.4', multiple: true, ...byServer, objectTypes: certificates },
  CertificateIssuerDC: { name: 'Certificate Issuer DC', schema: text, since: '1.4', multiple: true, ...byServer, objectTypes: certificates },
  CertificateIssuerDNQualifier: { name: 'Certificate Issuer DN Qualifier', schema: text, since: '1.4', multiple: true, ...byServer, objectTypes: certificates },
  KeyFormatType: { name: 'Key Format Type', schema: enumeration('KeyFormatType'), since: '2.0', required: true, ...stated },
  NISTKeyType: { name: 'NIST Key Type', schema: enumeration('NISTKeyType'), since: '2.0', multiple: true, ...once },
  OpaqueDataType: { name: 'Opaque Data Type', schema: enumerationCode, since: '2.0', required: true, ...byServer, objectTypes: opaque },
  ProtectionLevel: { name: 'Protection Level', schema: enumeration('ProtectionLevel'), since: '2.0', ...free },
  ProtectionPeriod: { name: 'Protection Period', schema: interval, since: '2.0', ...free },
  ProtectionStorageMask: { name: 'Protection Storage Mask', schema: mask, since: '2.0', required: true, ...byServer },
  QuantumSafe: { name: 'Quantum Safe', schema: boolean, since: '2.0', ...free },
  ShortUniqueIdentifier: { name: 'Short Unique Identifier', schema: bytes, since: '2.0', required: true, ...byServer },
  RotateAutomatic: { name: 'Rotate Automatic', schema: boolean, since: '2.1', ...once },
  RotateDate: { name: 'Rotate Date', schema: dateTime, since: '2.1', ...byServer },
  RotateGeneration: { name: 'Rotate Generation', schema: integer, since: '2.1', ...byServer },
  RotateInterval: { name: 'Rotate Interval', schema: interval, since: '2.1', ...once },
  RotateLatest: { name: 'Rotate Latest', schema: boolean, since: '2.1', ...byServer },
  RotateName: { name: 'Rotate Name', schema: structures.rotateName, since: '2.1', ...free },
  RotateOffset: { name: 'Rotate Offset', schema: interval, since: '2.1', ...once },
  DeactivationReason: { name: 'Deactivation Reason', schema: structures.deactivationReason, since: '3.0', ...byServer },
  ObjectClass: { name: 'Object Class', schema: enumeration('ObjectClass'), since: '3.0', required: true, ...byServer },
  CertificateLink: { name: 'CertificateLink', schema: structures.objectReference, since: '3.0', multiple: true, ...free },
  ChildLink: { name: 'ChildLink', schema: structures.objectReference, since: '3.0', multiple: true, ...free },
  DerivationObjectLink: { name: 'DerivationObjectLink', schema: structures.objectReference, since: '3.0', multiple: true, ...free },
  DerivedObjectLink: { name: 'DerivedObjectLink', schema: structures.objectReference, since: '3.0', multiple: true, ...free },
  NextLink: { name: 'NextLink', schema: structures.objectReference, since: '3.0', multiple: true, ...free },
  ParentLink: { name: 'ParentLink', schema: structures.objectReference, since: '3.0', multiple: true, ...free },
  PKCS_12CertificateLink: { name: 'PKCS_12CertificateLink', schema: structures.objectReference, since: '3.0', multiple: true, ...free },
  PKCS_12PasswordLink: { name: 'PKCS_12PasswordLink', schema: structures.objectReference, since: '3.0', multiple: true, ...free },
  PreviousLink: { name: 'PreviousLink', schema: structures.objectReference, since: '3.0', multiple: true, ...free },
  PrivateKeyLink: { name: 'PrivateKeyLink', schema: structures.objectReference, since: '3.0', multiple: true, ...free },
  PublicKeyLink: { name: 'PublicKeyLink', schema: structures.objectReference, since: '3.0', multiple: true, ...free },
  ReplacedObjectLink: { name: 'ReplacedObjectLink', schema: structures.objectReference, since: '3.0', multiple: true, ...free },
  ReplacementObjectLink: { name: 'ReplacementObjectLink', schema: structures.objectReference, since: '3.0', multiple: true, ...free },
  WrappingKeyLink: { name: 'WrappingKeyLink', schema: structures.objectReference, since: '3.0', multiple: true, ...free },
  CredentialLink: { name: 'CredentialLink', schema: structures.objectReference, since: '3.0', multiple: true, ...free },
  GroupLink: { name: 'GroupLink', schema: structures.objectReference, since: '3.0', multiple: true, ...free },
} as const satisfies { readonly [K in TagName]?: AttributeFact }

/** The canonical key of a standard attribute: its tag's name. */
export type AttributeName = keyof typeof attributes

/** In the order of the table. */
export const attributeNames: readonly AttributeName[] = Object.keys(attributes) as AttributeName[]

export function isAttributeName(key: string): key is AttributeName {
  return Object.hasOwn(attributes, key)
}

export function attributeFact(key: AttributeName): AttributeFact {
  return attributes[key]
}
