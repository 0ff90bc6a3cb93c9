// What a new object's attributes are: those that the client gave, and those that the server sets (KMIP 1.4 §3, "When
// implicitly set"). Which of them a client of some version may see is decided when they are read, not here.

import { first, type AttributeSet, type AttributeValue } from '../kmip/attributes.ts'
import { single, type ObjectType } from './managed-object.ts'

export interface NewObject {
  readonly objectType: ObjectType
  /** As the client gave them, checked by the attribute rules. */
  readonly attributes: AttributeSet
}

export interface Birth {
  readonly nowMs: number
  /** Made here, not brought by the client. */
  readonly generated: boolean
  /** Of the material, where it may lie open beside it. */
  readonly digest: AttributeValue<'Digest'> | undefined
}

/** OpenSSL's generator, which Node's randomBytes draws from: CTR_DRBG with AES-256 (SP 800-90A). */
export const ownGenerator = {
  RNGAlgorithm: 'DRBG',
  CryptographicAlgorithm: 'AES',
  CryptographicLength: 256,
  DRBGAlgorithm: 'CTR',
  PredictionResistance: false,
} as const

/** KMIP 1.4 §3.20: how long a client may use the object before it asks again. Nothing here depends on it. */
const leaseSeconds = 3600

/** KMIP 1.4 §3.21: what is left of a limit is all of it at first. */
export function withCount(limits: AttributeValue<'UsageLimits'>): AttributeValue<'UsageLimits'> {
  return { ...limits, UsageLimitsCount: limits.UsageLimitsCount ?? limits.UsageLimitsTotal }
}

export function initialAttributes(wanted: NewObject, birth: Birth): AttributeSet {
  const attributes = new Map(wanted.attributes)
  const now = BigInt(Math.floor(birth.nowMs / 1000))
  attributes.set('InitialDate', single(now))
  attributes.set('LastChangeDate', single(now))
  if (!attributes.has('OriginalCreationDate') && birth.generated)
    attributes.set('OriginalCreationDate', single(now))
  if (!attributes.has('Fresh')) attributes.set('Fresh', single(true))
  attributes.set('LeaseTime', single(leaseSeconds))
  const limits = first(wanted.attributes, 'UsageLimits')
  if (limits) attributes.set('UsageLimits', single(withCount(limits)))
  if (birth.digest) attributes.set('Digest', single(birth.digest))
  if (wanted.objectType === 'OpaqueObject') return attributes
  if (!attributes.has('RandomNumberGenerator'))
    attributes.set(
      'RandomNumberGenerator',
      single(birth.generated ? ownGenerator : { RNGAlgorithm: 'Unspecified' }),
    )
  // KMIP 1.4 §3.48 to §3.51: once sensitive, or once extractable, is remembered.
  const sensitive = first(wanted.attributes, 'Sensitive') ?? false
  const extractable = first(wanted.attributes, 'Extractable') ?? true
  attributes.set('Sensitive', single(sensitive))
  attributes.set('AlwaysSensitive', single(sensitive))
  attributes.set('Extractable', single(extractable))
  attributes.set('NeverExtractable', single(!extractable))
  return attributes
}
