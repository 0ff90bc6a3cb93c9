// A managed object in memory, and its conversion from and to a record. Values only: a change makes a new object.

import { createHash } from 'node:crypto'
import {
  isCustom,
  first,
  packAttributes,
  searchKey,
  unpackAttributes,
  type AttributeInstance,
  type AttributeSet,
} from '../../../wire/kmip/attributes.ts'
import type { EnumName } from '../../../wire/kmip/enums.ts'
import { objectAttributesBytesMax, stateAttributesBytes } from '../../../base/bounds.ts'
import {
  clockSteps,
  furtherState,
  isState,
  stateAt,
  stepsTo,
  type LifecycleDates,
  type State,
} from './lifecycle.ts'
import type { IndexEntry, Recoverable, StoredObject } from '../../ports/objects.ts'
import type { Write } from '../../ports/store.ts'
import type { RecoveryClock } from './recovery-clock.ts'

export type ObjectType = EnumName<'ObjectType'>

/** The system objects of KMIP 3.0, a draft. */
export type SystemObjectType = (typeof systemObjectTypes)[number]

const systemObjectTypes = [
  'User',
  'Group',
  'PasswordCredential',
  'DeviceCredential',
  'OneTimePasswordCredential',
  'HashedPasswordCredential',
] as const satisfies readonly ObjectType[]

export function isSystemObject(type: ObjectType): type is SystemObjectType {
  return (systemObjectTypes as readonly ObjectType[]).includes(type)
}

export interface ManagedObject {
  readonly instanceId: string
  readonly uniqueIdentifier: string
  readonly objectType: ObjectType
  /** The stored state. `currentState` derives the state as of now. */
  readonly state: State
  readonly version: number
  readonly createdMs: number
  /** All except UniqueIdentifier, ObjectType and State, which `allAttributes` adds. */
  readonly attributes: AttributeSet
  readonly sealed: Uint8Array | null
  readonly dataKeyId: string | null
  /** Present only while a destroyed object can still be brought back. */
  readonly recoverable?: Recoverable | undefined
  /** See StoredObject. */
  readonly isPutBack?: boolean | undefined
}

/** An object as the admin API shows it: everything but the material. */
export interface KeyView {
  readonly uniqueIdentifier: string
  readonly objectType: string
  readonly state: State
  readonly createdMs: number
  readonly lastFetchedMs: number | null
  readonly attributes: AttributeSet
  /** The end of the time to bring the destroyed object back, by the wall clock; null: it cannot be brought back. */
  readonly recoverableUntilMs: number | null
}

export function viewOf(
  object: ManagedObject,
  { nowMs, recovery }: { readonly nowMs: number; readonly recovery: Pick<RecoveryClock, 'until'> },
  lastFetchedMs: number | null,
): KeyView {
  const { uniqueIdentifier, objectType, createdMs, recoverable } = object
  const untilMs = recoverable ? recovery.until(recoverable.dueMs) : null
  const recoverableUntilMs = untilMs === null || untilMs <= nowMs ? null : untilMs
  const state = currentState(object, nowMs)
  const attributes = allAttributes(object, nowMs)
  return { uniqueIdentifier, objectType, state, createdMs, lastFetchedMs, attributes, recoverableUntilMs }
}

/** The attributes that Locate finds by index. For others it compares object after object. */
const indexed: ReadonlySet<string> = new Set([
  'Name',
  'ObjectGroup',
  'AlternativeName',
  'ApplicationSpecificInformation',
])
/** Longer values are indexed by their SHA-256. */
const indexedCharactersMax = 200

/**
 * Attributes by the packed bytes that the store caches: at their creation, and since the object was fetched. Bytes that the store
 * returns only once must not be keys here: V8 clears a WeakMap only in a full collection.
 */
const unpacked = new WeakMap<Uint8Array, { readonly made: AttributeSet; fetched?: AttributeSet }>()

function attributesOf({ attributes: packed, isRemembered, lastFetchedMs }: StoredObject): AttributeSet {
  const isFetched = lastFetchedMs !== null
  if (isRemembered !== true) {
    const made = unpackAttributes(packed)
    return isFetched ? notFresh(made) : made
  }
  let known = unpacked.get(packed)
  if (!known) unpacked.set(packed, (known = { made: unpackAttributes(packed) }))
  return isFetched ? (known.fetched ??= notFresh(known.made)) : known.made
}

export function fromRecord(record: StoredObject): ManagedObject {
  if (!isState(record.state))
    throw new Error(`object ${record.uniqueIdentifier} has the unknown state ${record.state}`)
  return {
    instanceId: record.instanceId,
    uniqueIdentifier: record.uniqueIdentifier,
    objectType: record.objectType as ObjectType,
    state: record.state,
    version: record.version,
    createdMs: record.createdMs,
    attributes: attributesOf(record),
    sealed: record.sealed,
    dataKeyId: record.dataKeyId,
    recoverable: record.recoverable,
    isPutBack: record.isPutBack,
  }
}

/**
 * KMIP 1.4 §3.34: an object that was served once is no longer Fresh. The store keeps the time of the last fetch beside the
 * object. So a Get changes no object: it does not wait for the disk, and works on a full disk.
 */
export function fetchedOnce(object: ManagedObject): ManagedObject {
  const attributes = notFresh(object.attributes)
  return attributes === object.attributes ? object : { ...object, attributes }
}

function notFresh(attributes: AttributeSet): AttributeSet {
  return first(attributes, 'Fresh') === true ? withAttribute(attributes, 'Fresh', false) : attributes
}

/**
 * Packs the attributes for the store. Each later state may take a little more space, since it adds its own attributes: so an
 * object at the limit can still be revoked and destroyed. Throws Fault ServerLimitExceeded.
 */
export function packedAttributes({
  state,
  attributes,
}: Pick<ManagedObject, 'state' | 'attributes'>): Uint8Array {
  return packAttributes(attributes, objectAttributesBytesMax + stepsTo(state) * stateAttributesBytes)
}

export function toWrite(object: ManagedObject): Write & { readonly type: 'object' } {
  const { attributes, isPutBack: _, ...rest } = object
  return {
    type: 'object',
    record: { ...rest, attributes: packedAttributes(object) },
    names: (attributes.get('Name') ?? []).map(({ value }) => searchKey('Name', value)),
    index: indexEntries(attributes),
    clockSteps: clockSteps(object.state, datesOf(object)),
  }
}

/** The state at `nowMs`, from the stored state and the dates. */
export function currentState(object: ManagedObject, nowMs: number): State {
  return stateAt(object.state, datesOf(object), nowMs)
}

/** Replaces the object's attributes, but keeps the dates that have already changed its state. */
export function withReachedDates(
  attributes: AttributeSet,
  object: ManagedObject,
  nowMs: number,
): AttributeSet {
  const after = currentState({ ...object, attributes }, nowMs)
  if (furtherState(after, currentState(object, nowMs)) === after) return attributes
  let kept = attributes
  for (const key of ['ActivationDate', 'DeactivationDate'] as const) {
    const date = first(object.attributes, key)
    if (date !== undefined && Number(date) * 1000 <= nowMs) kept = withAttribute(kept, key, date)
  }
  return kept
}

function datesOf({ objectType, attributes }: ManagedObject): LifecycleDates {
  // The dates in a template belong to future objects.
  if (!hasState(objectType)) return { activationDate: undefined, deactivationDate: undefined }
  return {
    activationDate: first(attributes, 'ActivationDate'),
    deactivationDate: first(attributes, 'DeactivationDate'),
  }
}

/**
 * KMIP 2.1 §4.57: every object has a State. 1.x shows it only for cryptographic objects (attribute-table.ts), but also revokes
 * opaque objects (1.4 §4.20). A template describes future objects.
 */
export function hasState(objectType: ObjectType): boolean {
  return objectType !== 'Template'
}

/** KMIP 1.4 §2.2. The others do not hold a key, and the server does nothing with their content. */
export function isCryptographic(objectType: ObjectType): boolean {
  return !notCryptographic.includes(objectType)
}

const notCryptographic: readonly ObjectType[] = [
  'OpaqueObject',
  'Template',
  'CertificateRequest',
  ...systemObjectTypes,
]

/** All attributes of the object as of `nowMs`. */
export function allAttributes(object: ManagedObject, nowMs: number): AttributeSet {
  return new Map<string, readonly AttributeInstance[]>([
    ['UniqueIdentifier', single(object.uniqueIdentifier)],
    ['ObjectType', single(object.objectType)],
    ...(hasState(object.objectType) ? ([['State', single(currentState(object, nowMs))]] as const) : []),
    ...object.attributes,
  ])
}

/** An attribute with one instance, at index 0. */
export function single<V>(value: V): readonly AttributeInstance<V>[] {
  return [{ index: 0, value }]
}

/** The set with one attribute replaced. `undefined` removes it. */
export function withAttribute(set: AttributeSet, key: string, value: unknown): AttributeSet {
  const changed = new Map(set)
  if (value === undefined) changed.delete(key)
  else changed.set(key, single(value))
  return changed
}

/** A date of KMIP counts seconds. */
export function withDate(set: AttributeSet, key: string, ms: number): AttributeSet {
  return withAttribute(set, key, BigInt(Math.floor(ms / 1000)))
}

/** The index entry of an attribute value. */
export function indexEntry(key: string, value: unknown): IndexEntry | undefined {
  if (!indexed.has(key) && !isCustom(key)) return undefined
  const text = searchKey(key, value)
  const short = text.length <= indexedCharactersMax
  return { key, value: short ? text : `sha256:${createHash('sha256').update(text).digest('hex')}` }
}

/** The index entry to search for; undefined if a field is missing, because the index holds whole values. */
export function searchEntry(key: string, value: unknown): IndexEntry | undefined {
  // Each indexed structure has two fields.
  const isStructure = !isCustom(key) && typeof value === 'object' && value !== null
  if (isStructure && Object.values(value).filter((field) => field !== undefined).length < 2) return undefined
  return indexEntry(key, value)
}

function indexEntries(attributes: AttributeSet): readonly IndexEntry[] {
  const entries: IndexEntry[] = []
  for (const [key, instances] of attributes)
    for (const { value } of instances) {
      const entry = indexEntry(key, value)
      if (entry) entries.push(entry)
    }
  return entries
}
