// Structures in the payloads of single operations, and in Query's answer (KMIP 1.4 §2.1.9 to §2.1.21, 2.1 §7).
// attribute-structures.ts has those that are also attributes.

import {
  boolean,
  bytes,
  dateTime,
  dateTimeExtended,
  enumerationCode,
  integer,
  interval,
  mask,
  oneOf,
  optional,
  repeated,
  text,
} from '../ttlv/schema.ts'
import * as structures from './attribute-structures.ts'
import { attributesStructure, identifier } from './objects.ts'
import { dependent, enumeration, since, struct, until } from './schema.ts'
import { atLeast } from './version.ts'

// KMIP 1.4 §6.1
export const protocolVersion = struct({ ProtocolVersionMajor: integer, ProtocolVersionMinor: integer })

// ---------------------------------------------------------------- Query

// KMIP 1.4 §2.1.9; the type is an enumeration since 2.0
export const extensionInformation = struct({
  ExtensionName: text,
  ExtensionTag: optional(integer),
  ExtensionType: optional(dependent((_, version) => (atLeast(version, '2.0') ? enumerationCode : integer))),
  ExtensionEnumeration: since('2.0', optional(integer)),
  ExtensionAttribute: since('2.0', optional(boolean)),
  ExtensionParentStructureTag: since('2.0', optional(integer)),
  ExtensionDescription: since('2.0', optional(text)),
})

// KMIP 1.4 §2.1.19
export const profileInformation = struct({
  ProfileName: enumeration('ProfileName'),
  ProfileVersion: since(
    '2.0',
    optional(struct({ ProfileVersionMajor: integer, ProfileVersionMinor: integer })),
  ),
  ServerURI: optional(text),
  ServerPort: optional(integer),
})

// KMIP 1.4 §2.1.20
export const validationInformation = struct({
  ValidationAuthorityType: enumeration('ValidationAuthorityType'),
  ValidationAuthorityCountry: optional(text),
  ValidationAuthorityURI: optional(text),
  ValidationVersionMajor: integer,
  ValidationVersionMinor: optional(integer),
  ValidationType: enumeration('ValidationType'),
  ValidationLevel: integer,
  ValidationCertificateIdentifier: optional(text),
  ValidationCertificateURI: optional(text),
  ValidationVendorURI: optional(text),
  ValidationProfile: repeated(text),
})

// KMIP 1.4 §2.1.21
export const capabilityInformation = struct({
  StreamingCapability: optional(boolean),
  AsynchronousCapability: optional(boolean),
  AttestationCapability: optional(boolean),
  BatchUndoCapability: since('1.4', optional(boolean)),
  BatchContinueCapability: since('1.4', optional(boolean)),
  UnwrapMode: optional(enumeration('UnwrapMode')),
  DestroyAction: optional(enumeration('DestroyAction')),
  ShreddingAlgorithm: optional(enumeration('ShreddingAlgorithm')),
  RNGMode: optional(enumeration('RNGMode')),
  QuantumSafeCapability: since('2.1', optional(boolean)),
})

// KMIP 2.1 §7.33
export const protectionStorageMasks = struct({ ProtectionStorageMask: repeated(mask) })

// ---------------------------------------------------------------- Lists in structures, 2.x

// KMIP 2.1 §7.21, §7.23 to §7.25
const objects = struct({ UniqueIdentifier: repeated(identifier) })
export const objectGroups = struct({
  ObjectGroup: until('2.1', repeated(text)),
  GroupLink: since('3.0', repeated(structures.objectReference)),
})
const objectTypes = struct({ ObjectType: repeated(enumeration('ObjectType')) })
export const operationsStructure = struct({ Operation: repeated(enumeration('Operation')) })

// KMIP 2.1 §7.11 and §7.22: one object type in 2.0, several since 2.1
export const defaultsInformation = struct({
  ObjectDefaults: repeated(
    struct({
      ObjectType: optional(enumeration('ObjectType')),
      ObjectTypes: since('2.1', optional(objectTypes)),
      Attributes: attributesStructure,
      ObjectGroups: since('2.1', optional(objectGroups)),
    }),
  ),
})

// KMIP 2.1 §7.6 and §7.7
export const constraints = struct({
  Constraint: repeated(
    struct({
      ObjectTypes: optional(objectTypes),
      ObjectGroups: optional(objectGroups),
      Attributes: optional(attributesStructure),
    }),
  ),
})

// ---------------------------------------------------------------- Single operations

// KMIP 1.4 §4.6
export const derivationParameters = struct({
  CryptographicParameters: optional(structures.cryptographicParameters),
  InitializationVector: optional(bytes),
  DerivationData: optional(bytes),
  Salt: optional(bytes),
  IterationCount: optional(integer),
})

// KMIP 2.1 §7.34 and §7.35
export const rights = struct({
  Right: repeated(
    struct({
      UsageLimits: optional(structures.usageLimits),
      Operations: optional(operationsStructure),
      Objects: optional(objects),
      ObjectGroups: since('2.1', optional(objectGroups)),
    }),
  ),
})

// KMIP 2.1 §7.39
export const ticket = struct({ TicketType: enumeration('TicketType'), TicketValue: bytes })

// KMIP 2.1 §6.1.12 and §6.1.30: a duration, or a date
export const leaseTime = oneOf(interval, dateTime)

// KMIP 2.1 §7.1
export const asynchronousCorrelationValues = struct({ AsynchronousCorrelationValue: repeated(bytes) })

// KMIP 2.1 §7.2
export const asynchronousRequest = struct({
  AsynchronousCorrelationValue: bytes,
  Operation: enumeration('Operation'),
  SubmissionDate: dateTimeExtended,
  ProcessingStage: enumeration('ProcessingStage'),
})
