// Adds, modifies or deletes one attribute instance of an object, within the rules. Pure.

import {
  checkAdd,
  checkDelete,
  checkModify,
  checkValue,
  nextIndex,
  requireDeletable,
  requireModifiable,
  requireNewName,
  type WhichInstance,
} from '../../../wire/kmip/attribute-rules.ts'
import {
  existsIn,
  wireName,
  type AttributeInstance,
  type AttributeSet,
  type AttributeValue,
} from '../../../wire/kmip/attributes.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import type { Version } from '../../../wire/kmip/version.ts'
import { withCount } from './initial-attributes.ts'
import type { State } from './lifecycle.ts'
import type { ObjectType } from './managed-object.ts'

export interface AttributeNamed extends WhichInstance {
  readonly key: string
  readonly version: Version
}

export interface AttributeValued extends AttributeNamed {
  readonly value: unknown
}

export interface ChangedObject {
  readonly objectType: ObjectType
  readonly state: State
  readonly attributes: AttributeSet
  /** Seconds since 1970. */
  readonly now: bigint
}

export interface Changed {
  readonly attributes: AttributeSet
  /** The instance that was added, changed or deleted. */
  readonly instance: AttributeInstance
}

/**
 * The only attribute that Add Attribute takes again with the value that the object has: VAST Data adds it to keys that it made with
 * it. A Digest must never be taken so, since the answer would tell whether a guess is right.
 */
const addedAgain = 'OperationPolicyName'

/** Throws Fault InvalidField for a request with an index (KMIP 1.4 §11.15): the server assigns it. */
export function addAttribute(
  target: ChangedObject,
  { key, index, value, version }: AttributeValued,
): Changed {
  if (index !== undefined)
    throw new Fault('InvalidField', 'a new attribute gets its Attribute Index from the server: leave it out')
  const present = target.attributes.get(key) ?? []
  const [same] = key === addedAgain ? present : []
  if (same && same.value === value) return { attributes: target.attributes, instance: same }
  checkAdd(key, target, version)
  checkValue(key, value)
  requireNewName(present, { key, value, version })
  const instance = { index: nextIndex(present), value: kept(key, value) }
  return { attributes: replaced(target.attributes, key, [...present, instance]), instance }
}

export function modifyAttribute(target: ChangedObject, change: AttributeValued): Changed {
  const { key, value, version } = change
  const before = checkModify(key, change, target, version)
  checkValue(key, value)
  const present = target.attributes.get(key) ?? []
  requireNewName(
    present.filter((other) => other !== before),
    change,
  )
  const instance = { index: before.index, value: kept(key, value) }
  const instances = present.map((other) => (other === before ? instance : other))
  const attributes = new Map(replaced(target.attributes, key, instances))
  // KMIP 1.4 §3.49, §3.51: the object remembers that it was once not sensitive, or once extractable.
  if (key === 'Sensitive' && value === false) attributes.set('AlwaysSensitive', [{ index: 0, value: false }])
  if (key === 'Extractable' && value === true)
    attributes.set('NeverExtractable', [{ index: 0, value: false }])
  return { attributes, instance }
}

/** Set Attribute (KMIP 2.1 §6.1.51): adds the only instance, or modifies it. */
export function setAttribute(target: ChangedObject, change: AttributeValued): Changed {
  const { key, only = () => true } = change
  const present = (target.attributes.get(key) ?? []).filter(({ value }) => only(value))
  if (present.length > 1)
    throw new Fault('MultiValuedAttribute', `the object has several of "${wireName(key)}"`)
  if (present.length === 0) return addAttribute(target, change)
  requireModifiable(key)
  return modifyAttribute(target, change)
}

export function deleteAttribute(target: ChangedObject, which: AttributeNamed): Changed {
  const { key, version } = which
  const instance = checkDelete(key, which, target, version)
  const left = (target.attributes.get(key) ?? []).filter((other) => other !== instance)
  return { attributes: replaced(target.attributes, key, left), instance }
}

/** KMIP 2.1 §6.1.13: an Attribute Reference means all instances. Returns the first one. */
export function deleteAllInstances(target: ChangedObject, { key, only, version }: AttributeNamed): Changed {
  const present = target.attributes.get(key) ?? []
  const isMeant = ({ value }: AttributeInstance) => existsIn(key, version, value) && (only?.(value) ?? true)
  const gone = present.filter(isMeant)
  for (const one of gone) requireDeletable(key, one, target.now)
  if (only && gone.length === 0) throw new Fault('AttributeNotFound', 'the object has no such attribute')
  const instance = gone[0] ?? checkDelete(key, {}, target, version)
  const left = present.filter((one) => !isMeant(one))
  return { attributes: replaced(target.attributes, key, left), instance }
}

function kept(key: string, value: unknown): unknown {
  return key === 'UsageLimits' ? withCount(value as AttributeValue<'UsageLimits'>) : value
}

function replaced(
  attributes: AttributeSet,
  key: string,
  instances: readonly AttributeInstance[],
): Map<string, readonly AttributeInstance[]> {
  const changed = new Map(attributes)
  if (instances.length === 0) changed.delete(key)
  else changed.set(key, instances)
  return changed
}
