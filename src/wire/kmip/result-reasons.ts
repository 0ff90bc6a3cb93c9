// Result reasons as each version and each operation names them. A Fault has the reason of the newest version (fault.ts). An
// answer has the reason that the request's version defines for that case.

import { enums } from './enums.ts'
import type { EnumTable } from './enums.ts'
import type { ResultReasonName } from './fault.ts'
import type { OperationName } from './operations.ts'
import { isDefined } from './tags.ts'
import { atLeast } from './version.ts'
import type { Version } from './version.ts'

/** The reason in a version: itself if the version has it, else the nearest one. */
export function reasonIn(version: Version, reason: ResultReasonName): ResultReasonName {
  const reasons: EnumTable = enums.ResultReason
  let said: ResultReasonName = reason
  while (said !== 'GeneralFailure') {
    const fact = reasons[said]
    const from = saidSince[said]
    if (fact !== undefined && isDefined(fact, version) && (from === undefined || atLeast(version, from))) {
      return said
    }
    said = nearest[said] ?? 'GeneralFailure'
  }
  return said
}

/** 2.0 defines these reasons, but its published cases still expect the older ones. */
const saidSince: Readonly<Partial<Record<ResultReasonName, Version>>> = {
  AttributeReadOnly: '2.1',
  NonUniqueNameAttribute: '2.1',
  ObjectDestroyed: '2.1',
  ObjectNotFound: '2.1',
  WrongKeyLifecycleState: '2.1',
}

/**
 * If a version lacks the reason on the left, it uses the one on the right, and so on from there. Reasons that this table lacks
 * become General Failure.
 */
const nearest: Readonly<Partial<Record<ResultReasonName, ResultReasonName>>> = {
  // KMIP 1.4 §11: the reason of 1.x for this case
  AttributeInstanceNotFound: 'ItemNotFound',
  AttributeNotFound: 'ItemNotFound',
  AttributeReadOnly: 'PermissionDenied',
  AttributeSingleValued: 'IllegalOperation',
  BadCryptographicParameters: 'InvalidField',
  BadPassword: 'PermissionDenied',
  CodecError: 'InvalidMessage',
  ConstraintViolation: 'PermissionDenied',
  DuplicateProcessRequest: 'InvalidMessage',
  EncodingOptionError: 'FeatureNotSupported',
  IllegalObjectType: 'InvalidField',
  IncompatibleCryptographicUsageMask: 'PermissionDenied',
  InternalServerError: 'GeneralFailure',
  InvalidAsynchronousCorrelationValue: 'ItemNotFound',
  InvalidAttribute: 'InvalidField',
  InvalidAttributeValue: 'InvalidField',
  InvalidCSR: 'InvalidField',
  InvalidCorrelationValue: 'ItemNotFound',
  InvalidDataType: 'InvalidField',
  InvalidObjectType: 'InvalidField',
  InvalidTicket: 'AuthenticationNotSuccessful',
  KeyValueNotPresent: 'PermissionDenied',
  KeyWrapTypeNotSupported: 'FeatureNotSupported',
  MissingInitializationVector: 'InvalidMessage',
  MultiValuedAttribute: 'InvalidField',
  NonUniqueNameAttribute: 'InvalidField',
  NotAuthorised: 'PermissionDenied',
  NotExtractable: 'PermissionDenied',
  NumericRange: 'InvalidField',
  ObjectAlreadyExists: 'IllegalOperation',
  ObjectDestroyed: 'ItemNotFound',
  ObjectNotFound: 'ItemNotFound',
  ReadOnlyAttribute: 'PermissionDenied',
  Sensitive: 'PermissionDenied',
  ServerLimitExceeded: 'IndexOutOfBounds',
  UnknownEnumeration: 'InvalidField',
  UnknownMessageExtension: 'FeatureNotSupported',
  UnknownObjectGroup: 'ItemNotFound',
  UnknownTag: 'InvalidField',
  UnsupportedAttribute: 'InvalidField',
  UnsupportedCryptographicParameters: 'InvalidField',
  UnsupportedProtocolVersion: 'InvalidMessage',
  UsageLimitExceeded: 'PermissionDenied',
  WrappingObjectArchived: 'ObjectArchived',
  WrappingObjectDestroyed: 'ItemNotFound',
  WrappingObjectNotFound: 'ItemNotFound',
  WrongKeyLifecycleState: 'PermissionDenied',
  AttestationFailed: 'AuthenticationNotSuccessful',
  AttestationRequired: 'PermissionDenied',
  // Removed in 2.0
  IllegalOperation: 'PermissionDenied',
  IndexOutOfBounds: 'InvalidField',
}

/** The reason for an operation. In 1.x some operations use other reasons than the rest. */
export function reasonFor(
  operation: OperationName | null,
  reason: ResultReasonName,
  version: Version,
): ResultReasonName {
  if (operation === null || atLeast(version, '2.1')) return reason
  const in1x = atLeast(version, '2.0') ? undefined : reasonsIn1x[operation]?.[reason]
  return in1x ?? reasonsBefore2_1[operation]?.[reason] ?? reason
}

type Reasons = {
  readonly [N in OperationName]?: Readonly<Partial<Record<ResultReasonName, ResultReasonName>>>
}

/** KMIP 1.4 §11.22: Destroy of a destroyed object has the reason of an object that cannot be destroyed. */
const reasonsBefore2_1: Reasons = { Destroy: { ObjectDestroyed: 'PermissionDenied' } }

const otherType = { InvalidObjectType: 'PermissionDenied' } as const

/**
 * KMIP 1.4 §11.15, §11.16: a taken Name has one reason when a client adds it to an object and another when a client creates an
 * object. §11.21: Revoke of an object that cannot be revoked (Pre-Active) has another reason than Destroy of one that cannot be
 * destroyed. §11.19: Get Usage Allocation fails for an object without Usage Limits. §11.7: Derive Key reports an unsuitable
 * object as an invalid field. §11.5, §11.6, §11.8, §11.9, §11.30 to §11.35: these operations refuse an object of a wrong type
 * like a key that may not be used.
 */
const reasonsIn1x: Reasons = {
  Certify: otherType,
  ReCertify: otherType,
  ReKey: otherType,
  ReKeyKeyPair: otherType,
  Encrypt: otherType,
  Decrypt: otherType,
  Sign: otherType,
  SignatureVerify: otherType,
  MAC: otherType,
  MACVerify: otherType,
  AddAttribute: { NonUniqueNameAttribute: 'IllegalOperation' },
  ModifyAttribute: { NonUniqueNameAttribute: 'IllegalOperation' },
  GetUsageAllocation: { AttributeNotFound: 'IllegalOperation' },
  Revoke: { WrongKeyLifecycleState: 'IllegalOperation' },
  DeriveKey: {
    IncompatibleCryptographicUsageMask: 'InvalidField',
    WrongKeyLifecycleState: 'InvalidField',
  },
}
