// Result reasons as each version and each operation says them: a Fault has the reason of the newest version (fault.ts), and an answer
// the one that the request's version gives in that case.

import { enums } from './enums.ts'
import type { EnumTable } from './enums.ts'
import type { ResultReasonName } from './fault.ts'
import type { OperationName } from './operations.ts'
import { isDefined } from './tags.ts'
import { atLeast } from './version.ts'
import type { Version } from './version.ts'

/** The reason as a version expresses it: the same one if the version has it, else the nearest. */
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
 * If a version lacks the reason on the left, it uses the one on the right, or the next one from there. Reasons that are
 * missing here become General Failure.
 */
const nearest: Readonly<Partial<Record<ResultReasonName, ResultReasonName>>> = {
  // KMIP 1.4 §11: the 1.x answer in the same case
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

/** The reason that an operation gives, which in 1.x is not always the one of the others. */
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

/** KMIP 1.4 §11.22: an object that is destroyed already is refused as one that cannot be destroyed. */
const reasonsBefore2_1: Reasons = { Destroy: { ObjectDestroyed: 'PermissionDenied' } }

const otherType = { InvalidObjectType: 'PermissionDenied' } as const

/**
 * KMIP 1.4 §11.15, §11.16: a taken Name has another reason when adding it to an object than when creating one. §11.21: an
 * object that cannot be revoked, as one that is Pre-Active, has another one than an object that cannot be destroyed. §11.19: without
 * Usage Limits nothing can be allocated. §11.7: an object that cannot be used to derive a key is a wrong field. §11.5, §11.6, §11.8,
 * §11.9, §11.30 to §11.35: one of a type that cannot be used so is refused as a key that may not be.
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
