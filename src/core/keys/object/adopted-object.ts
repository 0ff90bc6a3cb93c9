// An object that comes from another server with its identifier, state and attributes: its stored form, and how a later read of
// the other server changes it. Pure functions: they decide, and store nothing. The rules: a state never moves backward, and
// changes made here stay.

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
  /** The other server's attributes, without UniqueIdentifier, ObjectType, State and Digest. */
  readonly attributes: AttributeSet
  /** The other server, for people: HOST:PORT. */
  readonly from: string
  /** The source with which the bytes were compared, for the audit; left out if the object's own server sent them. */
  readonly checked?: string
  /** State and attributes are made up: they do not change an existing object. */
  readonly bytesOnly?: true
  /** The other server does not show the state: it does not change an existing object. */
  readonly isStateGuessed?: true
}

type Stored = Pick<ManagedObject, 'uniqueIdentifier' | 'objectType' | 'state' | 'attributes' | 'createdMs'>

/** Records where an object came from and when it was last changed there, in the form that `marked` gives. */
const originKey = 'x-Mortise-Adopted'
/** A Name that another object of the instance already had. */
const keptNameKey = 'x-Mortise-Adopted-Name'

/** These belong only to the adopted object, and not to objects made from it. */
export const markedByAdoption: readonly string[] = [originKey, keptNameKey]

/** The attributes that a template gives to new objects, without the marks of the template's own adoption. */
export function templateContent(attributes: AttributeSet): AttributeSet {
  return new Map([...attributes].filter(([key]) => !markedByAdoption.includes(key)))
}

/** Attributes that keep the other server's values, although Mortise would set them itself. */
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

/** The stored form of the object. */
export function storedForm(
  { uniqueIdentifier, objectType, state, attributes: ownAttributes, from }: AdoptedObject,
  { nowMs, digest }: { readonly nowMs: number; readonly digest: AttributeValue<'Digest'> | undefined },
): Stored {
  const set = new Map(
    initialAttributes({ objectType, attributes: ownAttributes }, { nowMs, generated: false, digest }),
  )
  for (const key of kept) {
    const instances = ownAttributes.get(key)
    if (instances) set.set(key, instances)
  }
  set.set('LastChangeDate', single(changedBefore(set, nowMs)))
  // The other server served it once: to Mortise. A template describes future objects, which are fresh.
  if (objectType !== 'Template') set.set('Fresh', single(false))
  set.set(originKey, marked(from, set))
  return { uniqueIdentifier, objectType, state, attributes: set, createdMs: createdAt(set, nowMs) }
}

/** The creation time of an object with these attributes, in milliseconds: its Initial Date, if that is in the past. */
export function createdAt(attributes: AttributeSet, nowMs: number): number {
  const initial = Number(first(attributes, 'InitialDate') ?? 0n) * 1000
  return initial > 0 && initial < nowMs ? initial : nowMs
}

/** The object without Names that other objects have. They stay as custom attributes. */
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

/** The change after a later read of the other server; undefined: no change. */
export function broughtUpToDate(
  here: ManagedObject,
  there: Stored,
  nowMs: number,
): Pick<ManagedObject, 'state' | 'attributes'> | undefined {
  const was = currentState(here, nowMs)
  if (isDestroyed(was)) return undefined
  const further = furtherState(was, there.state)
  // The clock that derived `was` may be wrong, so this uses stored states; each read derives the state again.
  const state = furtherState(here.state, there.state)
  if (isUntouched(here)) {
    // Removes nothing: the other server may have answered in an older version of KMIP.
    const overlaid = new Map([...here.attributes, ...there.attributes])
    // The other server may not have reached a date yet: that does not undo the clock's change here.
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

/** Whether only adoption has changed the object since it came here. */
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

/** The set with the dates of the state, taken from `of`. */
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

/** A date before the second of the adoption, so that no change made here has the date that marks an untouched object. */
function changedBefore(attributes: AttributeSet, nowMs: number): bigint {
  const [stated = 0n, before] = [first(attributes, 'LastChangeDate'), BigInt(Math.floor(nowMs / 1000)) - 1n]
  return stated < before ? stated : before
}

function lastChange(attributes: AttributeSet): string {
  return `, last changed at ${first(attributes, 'LastChangeDate') ?? 0n}`
}

/** The mark may name another address of the same server, and the server may not show when it changed an object. */
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
