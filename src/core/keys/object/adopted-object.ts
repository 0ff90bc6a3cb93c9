// An object that comes from another server with its identifier, state and attributes: the form in which Mortise stores it,
// and what a later look at the other server changes about the one that is here. Pure functions: they decide, and store
// nothing. The rules: a state never moves backward, and what was changed here stays.

import {
  first,
  packAttributes,
  type AttributeSet,
  type AttributeValue,
} from '../../../wire/kmip/attributes.ts'
import { initialAttributes } from './initial-attributes.ts'
import { furtherState, isDestroyed, type State } from './lifecycle.ts'
import {
  currentState,
  single,
  withAttribute,
  withDate,
  type ManagedObject,
  type ObjectType,
} from './managed-object.ts'
import { withFreeNames } from './object-names.ts'

export interface AdoptedObject {
  /** Any text of 1 to 1,024 bytes. */
  readonly uniqueIdentifier: string
  readonly objectType: ObjectType
  readonly state: State
  /** As the other server has them, without UniqueIdentifier, ObjectType, State and Digest. */
  readonly attributes: AttributeSet
  /** The other server, for people: HOST:PORT. */
  readonly from: string
  /** The bytes were compared with this, for the audit; left out where the object's own server gave them. */
  readonly checked?: string
  /** State and attributes are made up: they change nothing of an object that is here. */
  readonly bytesOnly?: true
  /** The other server does not tell the state: it changes nothing of an object that is here. */
  readonly isStateGuessed?: true
}

type Stored = Pick<ManagedObject, 'uniqueIdentifier' | 'objectType' | 'state' | 'attributes' | 'createdMs'>

/** Says where an object came from and when it was last changed there; of the form that `marked` gives. */
const originKey = 'x-Mortise-Adopted'
/** A Name that another object of the instance had already. */
const keptNameKey = 'x-Mortise-Adopted-Name'

/** They belong to the object that was adopted, and to no other that is made from it. */
export const markedByAdoption: readonly string[] = [originKey, keptNameKey]

/** The attributes that a template gives to new objects, without the marks of its adoption: they were not adopted with it. */
export function templateContent(attributes: AttributeSet): AttributeSet {
  return new Map([...attributes].filter(([key]) => !markedByAdoption.includes(key)))
}

/** Attributes whose values are the other server's, although Mortise would set them itself. */
const kept = [
  'InitialDate',
  'OriginalCreationDate',
  'LastChangeDate',
  'LeaseTime',
  'UsageLimits',
  'RandomNumberGenerator',
  'AlwaysSensitive',
  'NeverExtractable',
] as const

/** The object as it is stored here. */
export function storedForm(
  { uniqueIdentifier, objectType, state, attributes: given, from }: AdoptedObject,
  { nowMs, digest }: { readonly nowMs: number; readonly digest: AttributeValue<'Digest'> | undefined },
): Stored {
  const set = new Map(
    initialAttributes({ objectType, attributes: given }, { nowMs, generated: false, digest }),
  )
  for (const key of kept) {
    const instances = given.get(key)
    if (instances) set.set(key, instances)
  }
  set.set('LastChangeDate', single(changedBefore(set, nowMs)))
  // It was served once: to Mortise. A template describes objects to come, which are fresh.
  if (objectType !== 'Template') set.set('Fresh', single(false))
  set.set(originKey, marked(from, set))
  return { uniqueIdentifier, objectType, state, attributes: set, createdMs: createdAt(set, nowMs) }
}

/** When an object with these attributes was created, in milliseconds: by its Initial Date, if that is in the past. */
export function createdAt(attributes: AttributeSet, nowMs: number): number {
  const initial = Number(first(attributes, 'InitialDate') ?? 0n) * 1000
  return initial > 0 && initial < nowMs ? initial : nowMs
}

/** The object without Names that others have. They stay as custom attributes. */
export function withKeptNames<O extends Stored>(
  object: O,
  taken: (name: string) => boolean,
): { readonly object: O; readonly names: readonly string[] } {
  const all = object.attributes.get('Name') ?? []
  const free = withFreeNames({ ...object, instanceId: '', version: 1, sealed: null, dataKeyId: null }, taken)
  const left = free.attributes.get('Name') ?? []
  const names = all
    .filter((instance) => !left.includes(instance))
    .map(({ value }) => (value as AttributeValue<'Name'>).NameValue)
  if (names.length === 0) return { object, names }
  const attributes = new Map(free.attributes)
  attributes.set(
    keptNameKey,
    names.map((value, index) => ({ index, value: { type: 'TextString', value } })),
  )
  return { object: { ...object, attributes }, names }
}

/** The change that a second look at the other server makes; undefined: none. */
export function broughtUpToDate(
  here: ManagedObject,
  there: Stored,
  nowMs: number,
): Pick<ManagedObject, 'state' | 'attributes'> | undefined {
  const was = currentState(here, nowMs)
  if (isDestroyed(was)) return undefined
  const further = furtherState(was, there.state)
  // The clock that derives `was` may be wrong: it is asked again whenever the object is read.
  const state = furtherState(here.state, there.state)
  if (isUntouched(here)) {
    // Nothing is removed: the other server may only have been asked in an older version of KMIP.
    const overlaid = new Map([...here.attributes, ...there.attributes])
    // The other server may not have noticed a date yet: that does not undo what the clock did here.
    const attributes = further === there.state ? overlaid : withDates(overlaid, here.attributes)
    const same = further === was && sameAttributes(here.attributes, attributes)
    return same ? undefined : { state, attributes }
  }
  if (further === was) return undefined
  const attributes = withDate(withDates(here.attributes, there.attributes), 'LastChangeDate', nowMs)
  return { state, attributes }
}

/** Whether the object came from another server. */
export function isAdopted({ attributes }: Pick<ManagedObject, 'attributes'>): boolean {
  return attributes.has(originKey)
}

/** Whether nothing but adoption has changed the object since it came here. */
function isUntouched({ attributes }: Pick<ManagedObject, 'attributes'>): boolean {
  const [mark] = attributes.get(originKey) ?? []
  const text = (mark?.value as { readonly value?: unknown } | undefined)?.value
  return typeof text === 'string' && text.endsWith(lastChange(attributes))
}

const stateDates = [
  'ActivationDate',
  'DeactivationDate',
  'CompromiseDate',
  'CompromiseOccurrenceDate',
  'RevocationReason',
] as const

/** The set with the dates of the state that `of` has. */
function withDates(set: AttributeSet, of: AttributeSet): AttributeSet {
  let changed = set
  for (const key of stateDates) {
    const value = first(of, key)
    if (value !== undefined) changed = withAttribute(changed, key, value)
  }
  return changed
}

function marked(from: string, attributes: AttributeSet) {
  return single({ type: 'TextString', value: `${from}${lastChange(attributes)}` } as const)
}

/** Before the second in which it is adopted, so that no change here has the date by which an untouched object is known. */
function changedBefore(attributes: AttributeSet, nowMs: number): bigint {
  const [stated = 0n, before] = [first(attributes, 'LastChangeDate'), BigInt(Math.floor(nowMs / 1000)) - 1n]
  return stated < before ? stated : before
}

function lastChange(attributes: AttributeSet): string {
  return `, last changed at ${first(attributes, 'LastChangeDate') ?? 0n}`
}

/** The mark may name another address of the same server, and the server may not tell when it changed what it has. */
const notCompared: ReadonlySet<string> = new Set([originKey, 'LastChangeDate', 'InitialDate'])

function sameAttributes(here: AttributeSet, there: AttributeSet): boolean {
  return comparable(here) === comparable(there)
}

function comparable(attributes: AttributeSet): string {
  const left = [...attributes]
    .filter(([key]) => !notCompared.has(key))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  return Buffer.from(packAttributes(new Map(left), Infinity)).toString('base64')
}
