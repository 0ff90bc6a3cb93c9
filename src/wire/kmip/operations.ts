// One table, and long because of that: every operation of KMIP 1.0 to 2.1 and of the draft 3.0, the content of its request and its response
// (KMIP 1.4 §4 and §5, 2.1 §6), fields in the order of the specification. enums.ts has the operations' numbers and
// versions. core/operations/ says which of them this server handles.

import {
  any,
  bigInteger,
  boolean,
  bytes,
  dateTime,
  enumerationCode,
  integer,
  interval,
  longInteger,
  mask,
  oneOf,
  oneOrMore,
  optional,
  repeated,
  text,
} from '../ttlv/schema.ts'
import type { Infer, ItemSchema } from '../ttlv/schema.ts'
import * as attributeStructures from './attribute-structures.ts'
import { enums } from './enums.ts'
import type { EnumName } from './enums.ts'
import * as objects from './objects.ts'
import * as structures from './operation-structures.ts'
import { enumeration, since, struct, uniqueIdentifier, until } from './schema.ts'
import { isDefined } from './tags.ts'
import type { Version } from './version.ts'

export type OperationName = EnumName<'Operation'>
export type Request<N extends OperationName> = Infer<(typeof operations)[N]['request']>
export type Response<N extends OperationName> = Infer<(typeof operations)[N]['response']>

export function operationExistsIn(name: OperationName, version: Version): boolean {
  return isDefined(enums.Operation[name], version)
}

// ---------------------------------------------------------------- Fields that several operations share

const { identifier, managedObjects } = objects
const { cryptographicParameters } = attributeStructures
const { protectionStorageMasks } = structures

const objectType = enumeration('ObjectType')
const nothing = struct({})
/** If absent, the request refers to the ID Placeholder (KMIP 1.4 §4). */
const whichObject = { UniqueIdentifier: optional(identifier) }
const oneObject = struct(whichObject)
const theObject = { UniqueIdentifier: uniqueIdentifier }
const itsIdentifier = struct(theObject)

// The attributes of a new object: templates and attributes in 1.x, attributes in 2.x.
const newAttributes = {
  TemplateAttribute: until('1.4', objects.templateAttribute),
  Attributes: since('2.0', objects.attributesStructure),
}
const optionalAttributes = {
  TemplateAttribute: until('1.4', optional(objects.templateAttribute)),
  Attributes: since('2.0', optional(objects.attributesStructure)),
}
const attributesOfPair = {
  CommonTemplateAttribute: until('1.4', optional(objects.templateAttribute)),
  PrivateKeyTemplateAttribute: until('1.4', optional(objects.templateAttribute)),
  PublicKeyTemplateAttribute: until('1.4', optional(objects.templateAttribute)),
  CommonAttributes: since('2.0', optional(objects.attributesStructure)),
  PrivateKeyAttributes: since('2.0', optional(objects.attributesStructure)),
  PublicKeyAttributes: since('2.0', optional(objects.attributesStructure)),
  CommonProtectionStorageMasks: since('2.0', optional(protectionStorageMasks)),
  PrivateProtectionStorageMasks: since('2.0', optional(protectionStorageMasks)),
  PublicProtectionStorageMasks: since('2.0', optional(protectionStorageMasks)),
}
const storage = { ProtectionStorageMasks: since('2.0', optional(protectionStorageMasks)) }

// Attributes that the server chose. The 1.x answer lists them.
const implied = { TemplateAttribute: until('1.4', optional(objects.templateAttribute)) }
const made = struct({ ...theObject, ...implied })
const madePair = struct({
  PrivateKeyUniqueIdentifier: uniqueIdentifier,
  PublicKeyUniqueIdentifier: uniqueIdentifier,
  PrivateKeyTemplateAttribute: until('1.4', optional(objects.templateAttribute)),
  PublicKeyTemplateAttribute: until('1.4', optional(objects.templateAttribute)),
})

// Fields of Get and Export
const form = struct({
  ...whichObject,
  KeyFormatType: optional(enumeration('KeyFormatType')),
  KeyWrapType: since('1.4', optional(enumeration('KeyWrapType'))),
  KeyCompressionType: optional(enumeration('KeyCompressionType')),
  KeyWrappingSpecification: optional(objects.keyWrappingSpecification),
})

// Fields of cryptographic operations. In 2.x the data of a request may be the result of an earlier item (KMIP 2.1 §7.9).
const data = oneOf(bytes, integer, enumeration('Data'))
const keyAndParameters = { ...whichObject, CryptographicParameters: optional(cryptographicParameters) }
const correlation = { CorrelationValue: since('1.3', optional(bytes)) }
const parts = {
  ...correlation,
  InitIndicator: since('1.3', optional(boolean)),
  FinalIndicator: since('1.3', optional(boolean)),
}

/** The request and the answer of Check have the same fields (KMIP 1.4 §4.10). */
const checked = {
  UsageLimitsCount: optional(longInteger),
  CryptographicUsageMask: optional(mask),
  LeaseTime: optional(interval),
}

const pkcs11 = {
  PKCS_11Interface: optional(text),
  PKCS_11Function: enumerationCode,
  CorrelationValue: optional(bytes),
}

// ---------------------------------------------------------------- The table

interface Payloads {
  readonly request: ItemSchema
  readonly response: ItemSchema
}

export const operations = {
  Create: {
    request: struct({ ObjectType: objectType, ...newAttributes, ...storage }),
    response: struct({ ObjectType: objectType, ...theObject, ...implied }),
  },
  CreateKeyPair: { request: struct(attributesOfPair), response: madePair },
  Register: {
    request: struct({ ObjectType: objectType, ...newAttributes, ...managedObjects, ...storage }),
    response: made,
  },
  ReKey: {
    request: struct({ ...whichObject, Offset: optional(interval), ...optionalAttributes, ...storage }),
    response: made,
  },
  DeriveKey: {
    request: struct({
      ObjectType: objectType,
      UniqueIdentifier: oneOrMore(identifier),
      DerivationMethod: enumeration('DerivationMethod'),
      DerivationParameters: structures.derivationParameters,
      ...newAttributes,
    }),
    response: made,
  },
  Certify: {
    request: struct({
      ...whichObject,
      CertificateRequestType: optional(enumeration('CertificateRequestType')),
      CertificateRequest: until('1.4', optional(bytes)),
      CertificateRequestValue: since('2.0', optional(bytes)),
      ...optionalAttributes,
      ...storage,
    }),
    response: made,
  },
  ReCertify: {
    request: struct({
      ...whichObject,
      CertificateRequestUniqueIdentifier: since('2.0', optional(uniqueIdentifier)),
      CertificateRequestType: optional(enumeration('CertificateRequestType')),
      CertificateRequest: until('1.4', optional(bytes)),
      CertificateRequestValue: since('2.0', optional(bytes)),
      Offset: optional(interval),
      ...optionalAttributes,
      ...storage,
    }),
    response: made,
  },
  Locate: {
    request: struct({
      MaximumItems: optional(integer),
      OffsetItems: since('1.3', optional(integer)),
      StorageStatusMask: optional(mask),
      ObjectGroupMember: since('1.1', until('2.1', optional(enumeration('ObjectGroupMember')))),
      TemplateAttribute: until('1.4', optional(objects.searchedTemplate)),
      Attribute: until('1.4', repeated(objects.searchedAttribute)),
      Attributes: since('2.0', objects.searchedAttributes),
    }),
    response: struct({
      LocatedItems: since('1.3', optional(integer)),
      UniqueIdentifier: repeated(uniqueIdentifier),
    }),
  },
  Check: {
    request: struct({ ...whichObject, ...checked }),
    response: struct({ UniqueIdentifier: optional(uniqueIdentifier), ...checked }),
  },
  Get: {
    request: form,
    response: struct({ ObjectType: objectType, ...theObject, ...managedObjects }),
  },
  GetAttributes: {
    request: struct({
      ...whichObject,
      AttributeName: until('1.4', repeated(text)),
      AttributeReference: since('2.0', repeated(objects.attributeReference)),
    }),
    response: struct({
      ...theObject,
      Attribute: until('1.4', repeated(objects.attribute)),
      Attributes: since('2.0', objects.attributesStructure),
    }),
  },
  GetAttributeList: {
    request: oneObject,
    response: struct({
      ...theObject,
      AttributeName: until('1.4', repeated(text)),
      AttributeReference: since('2.0', repeated(objects.attributeReference)),
    }),
  },
  AddAttribute: {
    request: struct({
      ...whichObject,
      Attribute: until('1.4', objects.attribute),
      NewAttribute: since('2.0', objects.attributesStructure),
    }),
    response: struct({ ...theObject, Attribute: until('1.4', objects.attribute) }),
  },
  ModifyAttribute: {
    request: struct({
      ...whichObject,
      Attribute: until('1.4', objects.attribute),
      CurrentAttribute: since('2.0', optional(objects.attributesStructure)),
      NewAttribute: since('2.0', objects.attributesStructure),
    }),
    response: struct({ ...theObject, Attribute: until('1.4', objects.attribute) }),
  },
  DeleteAttribute: {
    request: struct({
      ...whichObject,
      AttributeName: until('1.4', text),
      AttributeIndex: until('1.4', optional(integer)),
      CurrentAttribute: since('2.0', optional(objects.attributesStructure)),
      AttributeReference: since('2.0', optional(objects.attributeReference)),
    }),
    response: struct({ ...theObject, Attribute: until('1.4', objects.attribute) }),
  },
  ObtainLease: {
    request: oneObject,
    response: struct({ ...theObject, LeaseTime: interval, LastChangeDate: dateTime }),
  },
  GetUsageAllocation: {
    request: struct({ ...whichObject, UsageLimitsCount: longInteger }),
    response: itsIdentifier,
  },
  Activate: { request: oneObject, response: itsIdentifier },
  Revoke: {
    request: struct({
      ...whichObject,
      RevocationReason: attributeStructures.revocationReason,
      CompromiseOccurrenceDate: optional(dateTime),
    }),
    response: itsIdentifier,
  },
  Destroy: { request: oneObject, response: itsIdentifier },
  Archive: { request: oneObject, response: itsIdentifier },
  Recover: { request: oneObject, response: itsIdentifier },
  Validate: {
    request: struct({
      Certificate: repeated(objects.certificate),
      UniqueIdentifier: repeated(identifier),
      ValidityDate: optional(dateTime),
    }),
    response: struct({ ValidityIndicator: enumeration('ValidityIndicator') }),
  },
  Query: {
    request: struct({
      QueryFunction: oneOrMore(enumeration('QueryFunction')),
      ObjectGroups: since('2.1', optional(structures.objectGroups)),
    }),
    response: struct({
      Operation: repeated(enumeration('Operation')),
      ObjectType: repeated(objectType),
      VendorIdentification: optional(text),
      ServerInformation: optional(any),
      ApplicationNamespace: repeated(text),
      ExtensionInformation: since('1.1', repeated(structures.extensionInformation)),
      AttestationType: since('1.2', repeated(enumeration('AttestationType'))),
      RNGParameters: since('1.3', repeated(attributeStructures.rngParameters)),
      ProfileInformation: since('1.3', repeated(structures.profileInformation)),
      ValidationInformation: since('1.3', repeated(structures.validationInformation)),
      CapabilityInformation: since('1.3', repeated(structures.capabilityInformation)),
      ClientRegistrationMethod: since('1.3', repeated(enumeration('ClientRegistrationMethod'))),
      DefaultsInformation: since('2.0', optional(structures.defaultsInformation)),
      ProtectionStorageMasks: since('2.0', optional(protectionStorageMasks)),
    }),
  },
  Cancel: {
    request: struct({ AsynchronousCorrelationValue: bytes }),
    response: struct({
      AsynchronousCorrelationValue: bytes,
      CancellationResult: enumeration('CancellationResult'),
    }),
  },
  // The answer to Poll has the payload of the polled operation.
  Poll: { request: struct({ AsynchronousCorrelationValue: bytes }), response: nothing },
  Notify: {
    request: struct({
      ...theObject,
      Attribute: until('1.4', repeated(objects.attribute)),
      Attributes: since('2.0', optional(objects.attributesStructure)),
      AttributeReference: since('2.0', repeated(objects.attributeReference)),
    }),
    response: nothing,
  },
  Put: {
    request: struct({
      ...theObject,
      PutFunction: enumeration('PutFunction'),
      ReplacedUniqueIdentifier: optional(uniqueIdentifier),
      ...managedObjects,
      Attribute: until('1.4', repeated(objects.attribute)),
      Attributes: since('2.0', optional(objects.attributesStructure)),
    }),
    response: nothing,
  },
  ReKeyKeyPair: {
    request: struct({
      PrivateKeyUniqueIdentifier: optional(identifier),
      Offset: optional(interval),
      ...attributesOfPair,
    }),
    response: madePair,
  },
  DiscoverVersions: {
    request: struct({ ProtocolVersion: repeated(structures.protocolVersion) }),
    response: struct({ ProtocolVersion: repeated(structures.protocolVersion) }),
  },
  Encrypt: {
    request: struct({
      ...keyAndParameters,
      Data: optional(data),
      IVCounterNonce: optional(bytes),
      ...parts,
      AuthenticatedEncryptionAdditionalData: since('1.4', optional(bytes)),
    }),
    response: struct({
      ...theObject,
      Data: optional(bytes),
      IVCounterNonce: optional(bytes),
      ...correlation,
      AuthenticatedEncryptionTag: since('1.4', optional(bytes)),
    }),
  },
  Decrypt: {
    request: struct({
      ...keyAndParameters,
      Data: optional(data),
      IVCounterNonce: optional(bytes),
      ...parts,
      AuthenticatedEncryptionAdditionalData: since('1.4', optional(bytes)),
      AuthenticatedEncryptionTag: since('1.4', optional(bytes)),
    }),
    response: struct({ ...theObject, Data: optional(bytes), ...correlation }),
  },
  Sign: {
    request: struct({
      ...keyAndParameters,
      Data: optional(data),
      DigestedData: since('1.4', optional(bytes)),
      ...parts,
    }),
    response: struct({ ...theObject, SignatureData: optional(bytes), ...correlation }),
  },
  SignatureVerify: {
    request: struct({
      ...keyAndParameters,
      Data: optional(data),
      DigestedData: since('1.4', optional(bytes)),
      SignatureData: optional(bytes),
      ...parts,
    }),
    response: struct({
      ...theObject,
      ValidityIndicator: optional(enumeration('ValidityIndicator')),
      Data: optional(bytes),
      ...correlation,
    }),
  },
  MAC: {
    request: struct({ ...keyAndParameters, Data: optional(data), ...parts }),
    response: struct({ ...theObject, MACData: optional(bytes), ...correlation }),
  },
  MACVerify: {
    request: struct({
      ...keyAndParameters,
      Data: optional(data),
      MACData: optional(bytes),
      ...parts,
    }),
    response: struct({
      ...theObject,
      ValidityIndicator: optional(enumeration('ValidityIndicator')),
      ...correlation,
    }),
  },
  RNGRetrieve: { request: struct({ DataLength: integer }), response: struct({ Data: bytes }) },
  RNGSeed: { request: struct({ Data: data }), response: struct({ DataLength: integer }) },
  Hash: {
    request: struct({
      CryptographicParameters: cryptographicParameters,
      Data: optional(data),
      ...parts,
    }),
    response: struct({ Data: optional(bytes), ...correlation }),
  },
  CreateSplitKey: {
    request: struct({
      ObjectType: objectType,
      ...whichObject,
      SplitKeyParts: integer,
      SplitKeyThreshold: integer,
      SplitKeyMethod: enumeration('SplitKeyMethod'),
      PrimeFieldSize: optional(bigInteger),
      ...newAttributes,
      ...storage,
    }),
    response: struct({
      ObjectType: until('1.2', optional(objectType)),
      UniqueIdentifier: oneOrMore(uniqueIdentifier),
      ...implied,
    }),
  },
  JoinSplitKey: {
    request: struct({
      ObjectType: objectType,
      UniqueIdentifier: oneOrMore(identifier),
      SecretDataType: optional(enumeration('SecretDataType')),
      ...optionalAttributes,
      ...storage,
    }),
    response: struct({ ObjectType: until('1.2', optional(objectType)), ...theObject, ...implied }),
  },
  Import: {
    request: struct({
      UniqueIdentifier: uniqueIdentifier,
      ObjectType: since('2.0', objectType),
      ReplaceExisting: optional(boolean),
      KeyWrapType: optional(enumeration('KeyWrapType')),
      Attribute: until('1.4', repeated(objects.attribute)),
      Attributes: since('2.0', objects.attributesStructure),
      ...managedObjects,
    }),
    response: itsIdentifier,
  },
  Export: {
    request: form,
    response: struct({
      ObjectType: objectType,
      ...theObject,
      Attribute: until('1.4', repeated(objects.attribute)),
      Attributes: since('2.0', objects.attributesStructure),
      ...managedObjects,
    }),
  },
  Log: { request: struct({ LogMessage: text }), response: nothing },
  Login: {
    request: struct({
      LeaseTime: optional(structures.leaseTime),
      RequestCount: optional(integer),
      UsageLimits: optional(attributeStructures.usageLimits),
    }),
    response: struct({ Ticket: structures.ticket }),
  },
  Logout: { request: struct({ Ticket: structures.ticket }), response: nothing },
  DelegatedLogin: {
    request: struct({
      LeaseTime: optional(structures.leaseTime),
      RequestCount: optional(integer),
      UsageLimits: optional(attributeStructures.usageLimits),
      Rights: structures.rights,
    }),
    response: struct({ Ticket: structures.ticket }),
  },
  AdjustAttribute: {
    request: struct({
      ...whichObject,
      AttributeReference: objects.attributeReference,
      AdjustmentType: enumeration('AdjustmentType'),
      AdjustmentValue: optional(any),
    }),
    response: itsIdentifier,
  },
  SetAttribute: {
    request: struct({ ...whichObject, NewAttribute: objects.attributesStructure }),
    response: itsIdentifier,
  },
  SetEndpointRole: {
    request: struct({ EndpointRole: enumeration('EndpointRole') }),
    response: struct({ EndpointRole: enumeration('EndpointRole') }),
  },
  PKCS_11: {
    request: struct({ ...pkcs11, PKCS_11InputParameters: optional(bytes) }),
    response: struct({
      ...pkcs11,
      PKCS_11OutputParameters: optional(bytes),
      PKCS_11ReturnCode: enumerationCode,
    }),
  },
  Interop: {
    request: struct({
      InteropFunction: enumeration('InteropFunction'),
      InteropIdentifier: text,
    }),
    response: nothing,
  },
  ReProvision: {
    request: struct({
      CertificateRequest: optional(objects.certificateRequest),
      Certificate: optional(objects.certificate),
    }),
    response: struct({ UniqueIdentifier: optional(uniqueIdentifier) }),
  },
  SetDefaults: {
    request: struct({ DefaultsInformation: optional(structures.defaultsInformation) }),
    response: nothing,
  },
  SetConstraints: { request: struct({ Constraints: structures.constraints }), response: nothing },
  GetConstraints: { request: nothing, response: struct({ Constraints: structures.constraints }) },
  QueryAsynchronousRequests: {
    request: struct({
      AsynchronousCorrelationValues: optional(structures.asynchronousCorrelationValues),
      Operations: optional(structures.operationsStructure),
    }),
    response: struct({ AsynchronousRequest: repeated(structures.asynchronousRequest) }),
  },
  Process: { request: struct({ AsynchronousCorrelationValue: bytes }), response: nothing },
  Ping: { request: nothing, response: nothing },
  CreateGroup: { request: struct({ Attributes: objects.attributesStructure }), response: itsIdentifier },
  Obliterate: { request: oneObject, response: itsIdentifier },
  CreateUser: { request: struct({ Attributes: objects.attributesStructure }), response: itsIdentifier },
  CreateCredential: {
    request: struct({
      CredentialType: enumeration('CredentialType'),
      Attributes: optional(objects.attributesStructure),
      ...objects.credentialObjects,
    }),
    response: itsIdentifier,
  },
  Deactivate: {
    request: struct({
      ...whichObject,
      DeactivationReason: optional(attributeStructures.deactivationReason),
    }),
    response: itsIdentifier,
  },
  Encapsulate: {
    request: struct({ ...keyAndParameters, Attributes: optional(objects.attributesStructure) }),
    response: struct({ ...theObject, Data: bytes }),
  },
  Decapsulate: {
    request: struct({
      ...keyAndParameters,
      Data: data,
      Attributes: optional(objects.attributesStructure),
    }),
    response: itsIdentifier,
  },
} as const satisfies Record<OperationName, Payloads>
