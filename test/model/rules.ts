// The specification's tables as the model reads them (KMIP 1.0 to 2.1): the rules of attributes, the ways between states, and the
// result reason of each refusal. Written from the documents, and with nothing of src/, so that a mistake there shows. Where
// a table leaves a server the choice, or OASIS's published cases contradict it, a comment says what is expected.

export const versions = ['1.0', '1.1', '1.2', '1.3', '1.4', '2.0', '2.1'] as const
export type Version = (typeof versions)[number]

export function since(version: Version, first: Version): boolean {
  return versions.indexOf(version) >= versions.indexOf(first)
}

export type ObjectType = 'SymmetricKey' | 'SecretData' | 'OpaqueObject'
export type Limits = Readonly<Record<'UsageLimitsTotal' | 'UsageLimitsCount', bigint>>

/** The rule of an attribute (KMIP 1.4 §3, 2.1 §4). */
export interface Rule {
  readonly since: Version
  /** Clients may: c give it on creation, a add it, m modify it, d delete it. */
  readonly rights: string
  readonly multiple?: true
  /** The object types it applies to in 1.x; in 2.x it applies to all. */
  readonly in1x?: readonly ObjectType[]
  /** The states in which it may be modified. */
  readonly states?: readonly State[]
  /** Whether a value cannot be changed any more. */
  readonly fixed?: (value: unknown, now: bigint) => boolean
}

const keys: readonly ObjectType[] = ['SymmetricKey']
const cryptographic: readonly ObjectType[] = ['SymmetricKey', 'SecretData']
const usable = ['PreActive', 'Active'] as const
const isReached = (date: unknown, now: bigint) => (date as bigint) <= now
const isUsed = (one: unknown) => (one as Limits).UsageLimitsTotal !== (one as Limits).UsageLimitsCount

/** Attributes of the same rule stand together. */
// prettier-ignore
const attributes: readonly (readonly [names: string, Rule])[] = [
  ['UniqueIdentifier ObjectType Digest InitialDate DestroyDate CompromiseOccurrenceDate CompromiseDate RevocationReason '
    + 'ArchiveDate LastChangeDate', { since: '1.0', rights: '' }],
  ['LeaseTime State', { since: '1.0', rights: '', in1x: cryptographic }],
  // Keys only in 1.x, by the table; but Create and Derive Key give secret data a length too (1.4 §4.7).
  ['CryptographicAlgorithm CryptographicLength', { since: '1.0', rights: 'c', in1x: cryptographic }],
  ['CryptographicUsageMask', { since: '1.0', rights: 'ca', in1x: cryptographic }],
  ['CryptographicParameters Link', { since: '1.0', rights: 'camd', multiple: true, in1x: cryptographic }],
  ['Name ObjectGroup ApplicationSpecificInformation', { since: '1.0', rights: 'camd', multiple: true }],
  ['ContactInformation', { since: '1.0', rights: 'camd' }],
  ['UsageLimits', { since: '1.0', rights: 'camd', in1x: keys, fixed: isUsed }],
  ['ActivationDate', { since: '1.0', rights: 'cam', in1x: cryptographic, states: ['PreActive'] }],
  ['ProcessStartDate ProtectStopDate', { since: '1.0', rights: 'cam', in1x: keys, states: usable, fixed: isReached }],
  ['DeactivationDate', { since: '1.0', rights: 'cam', in1x: cryptographic, states: usable }],
  ['Fresh', { since: '1.1', rights: 'ca', in1x: cryptographic }],
  ['AlternativeName', { since: '1.2', rights: 'camd', multiple: true }],
  ['OriginalCreationDate', { since: '1.2', rights: 'ca' }],
  ['RandomNumberGenerator', { since: '1.3', rights: 'ca', in1x: cryptographic }],
  ['Description Comment', { since: '1.4', rights: 'camd' }],
  ['Sensitive Extractable', { since: '1.4', rights: 'cam' }],
  ['AlwaysSensitive NeverExtractable', { since: '1.4', rights: '' }],
  ['KeyFormatType', { since: '2.0', rights: 'c' }],
  ['OpaqueDataType ProtectionStorageMask ShortUniqueIdentifier', { since: '2.0', rights: '' }],
  ['ProtectionLevel ProtectionPeriod', { since: '2.0', rights: 'camd' }],
  ['RotateInterval', { since: '2.1', rights: 'ca' }],
  ['RotateDate RotateGeneration RotateLatest', { since: '2.1', rights: '' }],
]
const table = new Map(attributes.flatMap(([names, rule]) => names.split(' ').map((name) => [name, rule])))

/** Custom attributes begin with x-; those of another vendor, which only 2.x has, with v:. */
export function ruleOf(key: string): Rule {
  return table.get(key) ?? { since: key.startsWith('v:') ? '2.0' : '1.0', rights: 'camd', multiple: true }
}

export function existsIn(key: string, version: Version): boolean {
  return since(version, ruleOf(key).since)
}

export function appliesTo(key: string, type: ObjectType, version: Version): boolean {
  return since(version, '2.0') || (ruleOf(key).in1x?.includes(type) ?? true)
}

export type State =
  'PreActive' | 'Active' | 'Deactivated' | 'Compromised' | 'Destroyed' | 'DestroyedCompromised'

export type Change = 'activate' | 'deactivate' | 'compromise' | 'destroy'

/** KMIP 1.4 §3.22: transitions 1 to 10. What is not here is not permitted. */
export const ways: Readonly<Record<State, { readonly [C in Change]?: State }>> = {
  PreActive: { activate: 'Active', compromise: 'Compromised', destroy: 'Destroyed' },
  Active: { deactivate: 'Deactivated', compromise: 'Compromised' },
  Deactivated: { compromise: 'Compromised', destroy: 'Destroyed' },
  Compromised: { destroy: 'DestroyedCompromised' },
  Destroyed: { compromise: 'DestroyedCompromised' },
  DestroyedCompromised: {},
}

/** KMIP 1.4 §11, 2.1 §6.1.x.1. 2.0 has two columns, since its published cases expect the reasons of 1.x where its tables have new ones. */
type Reasons = readonly [in1x: string, in2: string, only1x?: 'also in 2.0']

// prettier-ignore
const refusals = {
  noObject: ['ItemNotFound', 'ObjectNotFound', 'also in 2.0'],
  destroyed: ['ItemNotFound', 'ObjectDestroyed', 'also in 2.0'],
  archived: ['ObjectArchived', 'ObjectArchived'],
  wrongState: ['PermissionDenied', 'WrongKeyLifecycleState', 'also in 2.0'],
  notRevocable: ['IllegalOperation', 'WrongKeyLifecycleState PermissionDenied'],
  destroyedBefore: ['PermissionDenied', 'ObjectDestroyed WrongKeyLifecycleState', 'also in 2.0'],
  notToActivate: ['IllegalOperation', ''],
  sensitive: ['Sensitive', 'Sensitive'],
  notExtractable: ['NotExtractable', 'NotExtractable'],
  notOnCreation: ['InvalidField', 'AttributeReadOnly ReadOnlyAttribute PermissionDenied'],
  readOnlyToAdd: ['PermissionDenied', 'ReadOnlyAttribute', 'also in 2.0'],
  readOnlyToChange: ['PermissionDenied', 'AttributeReadOnly', 'also in 2.0'],
  readOnlyToSet: ['PermissionDenied', 'ReadOnlyAttribute', 'also in 2.0'],
  otherTypeOnCreation: ['InvalidField', 'InvalidAttribute'],
  otherType: ['PermissionDenied', 'InvalidAttribute'],
  exists: ['IllegalOperation', 'AttributeSingleValued'],
  nameTakenOnCreation: ['InvalidField', 'NonUniqueNameAttribute', 'also in 2.0'],
  nameTaken: ['IllegalOperation', 'NonUniqueNameAttribute InvalidField'],
  absent: ['InvalidField', 'AttributeNotFound'],
  absentToDelete: ['ItemNotFound', 'AttributeNotFound'],
  noInstance: ['ItemNotFound', 'AttributeInstanceNotFound'],
  /** 1.0 §4.15: a server of 1.0 needs the index of an attribute with several instances. */
  indexNeeded: ['InvalidField', 'AttributeInstanceNotFound'],
  fixed: ['PermissionDenied', 'PermissionDenied WrongKeyLifecycleState'],
  several: ['InvalidField', 'MultiValuedAttribute'],
  numericRange: ['InvalidField', 'NumericRange'],
  wrongType: ['InvalidField', 'InvalidDataType'],
  cannotReKey: ['PermissionDenied', 'PermissionDenied InvalidObjectType'],
  offsetBesideDates: ['InvalidMessage', 'InvalidMessage'],
  offsetWithoutActivation: ['IllegalOperation', 'PermissionDenied InvalidField'],
  wrongMask: ['', 'IncompatibleCryptographicUsageMask'],
  noKey: ['InvalidField', 'InvalidObjectType'],
  nothingToAllocate: ['IllegalOperation', 'AttributeNotFound'],
  cannotProtect: ['IllegalOperation', 'PermissionDenied'],
  notGranted: ['PermissionDenied', 'PermissionDenied UsageLimitExceeded'],
  notToProtect: ['PermissionDenied', 'PermissionDenied WrongKeyLifecycleState'],
} as const satisfies Record<string, Reasons>

export type Refusal = keyof typeof refusals

/** The reasons that a server may give, between spaces. */
export function reasonsOf(refusal: Refusal, version: Version): string {
  const [in1x, in2, only1x]: Reasons = refusals[refusal]
  if (since(version, '2.0')) return version === '2.0' && only1x ? `${in2} ${in1x}` : in2
  // Sensitive and Not Extractable came with 1.4, as the attributes did.
  const isNew = refusal === 'sensitive' || refusal === 'notExtractable'
  return isNew && !since(version, '1.4') ? 'PermissionDenied' : in1x
}
