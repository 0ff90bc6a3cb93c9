// The attributes of a new object: those from the client, and those that the server sets (KMIP 1.4 §3, "When implicitly set"). The
// version of a client decides which of them it sees, when it reads them.

import { first, searchKey, type AttributeSet, type AttributeValue } from '../../../wire/kmip/attributes.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import { isCryptographic, single, type ObjectType } from './managed-object.ts'

export interface NewObject {
  readonly objectType: ObjectType
  /** The client's attributes, checked by the attribute rules. */
  readonly attributes: AttributeSet
  /** Left out: the server makes one. */
  readonly uniqueIdentifier?: string
}

/** The origin of the object. */
export interface CreationFacts {
  readonly nowMs: number
  /** The server generated the material; the client did not send it. */
  readonly generated: boolean
  /** The digest of the material, if it may be stored in clear. */
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

/** KMIP 1.4 §3.20: how long a client may use the object before it renews its lease. The server does not enforce it. */
export const maximumLeaseSeconds = 3600

/** KMIP 1.4 §3.21: the count starts at the total, even if the client states another count. */
export function withCount(limits: AttributeValue<'UsageLimits'>): AttributeValue<'UsageLimits'> {
  return { ...limits, UsageLimitsCount: limits.UsageLimitsTotal }
}

const unspecifiedGenerator = { RNGAlgorithm: 'Unspecified' } as const

/**
 * Whether the server set this attribute by itself, and known clients crash on it: PyKMIP 0.10 cannot read these two. The
 * specification allows both to be without a value (KMIP 1.4 §3.43, §3.44).
 */
export function isUnasked(key: string, attributes: AttributeSet): boolean {
  if (key === 'OriginalCreationDate') return first(attributes, key) === first(attributes, 'InitialDate')
  if (key !== 'RandomNumberGenerator') return false
  const value = searchKey(key, first(attributes, key))
  return [ownGenerator, unspecifiedGenerator].some((own) => searchKey(key, own) === value)
}

/** KMIP 1.4 §3.44: throws Fault InvalidField if the client requests a generator other than the server's. */
function generatorFor(generator: AttributeValue<'RandomNumberGenerator'> | undefined): typeof ownGenerator {
  const { RNGAlgorithm, ...details } = generator ?? unspecifiedGenerator
  const own: Readonly<Record<string, unknown>> = ownGenerator
  const fits =
    (RNGAlgorithm === ownGenerator.RNGAlgorithm || RNGAlgorithm === 'Unspecified') &&
    Object.entries(details).every(([field, value]) => value === undefined || value === own[field])
  if (fits) return ownGenerator
  throw new Fault(
    'InvalidField',
    'this server makes keys with a DRBG alone: CTR with AES-256, without prediction resistance',
  )
}

/** Throws Fault InvalidField for a Random Number Generator that this server does not have. */
export function initialAttributes(
  object: NewObject,
  { nowMs, generated, digest }: CreationFacts,
): AttributeSet {
  const attributes = new Map(object.attributes)
  const now = BigInt(Math.floor(nowMs / 1000))
  attributes.set('InitialDate', single(now))
  attributes.set('LastChangeDate', single(now))
  // A template describes future objects: attributes set here would become theirs.
  if (object.objectType === 'Template') return attributes
  // KMIP 1.4 §3.43: only the client knows this date of an object that was made elsewhere.
  if (generated) attributes.set('OriginalCreationDate', single(now))
  if (!attributes.has('Fresh')) attributes.set('Fresh', single(true))
  attributes.set('LeaseTime', single(maximumLeaseSeconds))
  const limits = first(object.attributes, 'UsageLimits')
  if (limits) attributes.set('UsageLimits', single(withCount(limits)))
  if (digest) attributes.set('Digest', single(digest))
  if (isCryptographic(object.objectType)) {
    const generator = first(attributes, 'RandomNumberGenerator')
    if (generated) attributes.set('RandomNumberGenerator', single(generatorFor(generator)))
    else if (!generator) attributes.set('RandomNumberGenerator', single(unspecifiedGenerator))
  }
  // KMIP 1.4 §3.48 to §3.51: the object remembers whether it was ever not sensitive, or ever extractable.
  const sensitive = first(object.attributes, 'Sensitive') ?? false
  const extractable = first(object.attributes, 'Extractable') ?? true
  attributes.set('Sensitive', single(sensitive))
  attributes.set('AlwaysSensitive', single(sensitive))
  attributes.set('Extractable', single(extractable))
  attributes.set('NeverExtractable', single(!extractable))
  return attributes
}
