// Decides what a client may do with attributes, by the rules of attribute-table.ts: set them in the request that creates an
// object, add, modify and delete them. Pure: each function returns, or throws the Fault that the request's version defines (KMIP
// 1.4 §11.2 to §11.17, 2.1 §6.1). core/keys/ checks the rules that depend on other objects (a taken Name) and on the whole object
// (archived, destroyed).

import { attributeInstancesMax } from '../../base/bounds.ts'
import { attributeFact, isAttributeName } from './attribute-table.ts'
import type { AttributeFact } from './attribute-table.ts'
import { existsIn, isCustom, searchKey, wireName } from './attributes.ts'
import type { AttributeInstance, AttributeSet, AttributeValue } from './attributes.ts'
import type { EnumName } from './enums.ts'
import { Fault } from './fault.ts'
import { atLeast } from './version.ts'
import type { Version } from './version.ts'

/** Attributes of one object. */
export const objectAttributesMax = 1_000

export interface AttributeTarget {
  readonly objectType: EnumName<'ObjectType'>
  readonly state: EnumName<'State'>
  readonly attributes: AttributeSet
  /** Seconds since 1970. */
  readonly now: bigint
}

/** Whether objects of this type may have the attribute. */
export function appliesTo(key: string, objectType: EnumName<'ObjectType'>, version: Version): boolean {
  if (!isAttributeName(key)) return isCustom(key)
  const fact = attributeFact(key)
  const types = fact.objectTypes ?? (is2x(version) ? undefined : fact.objectTypesIn1x)
  return types === undefined || types.includes(objectType)
}

/**
 * Checks one attribute, with all its instances, in a request that creates an object of `objectType`. Faults:
 * AttributeReadOnly (1.x: InvalidField) if only the server sets it, InvalidAttribute (1.x: InvalidField) if it does not
 * apply to the type, AttributeSingleValued (1.x: InvalidField), ServerLimitExceeded (1.x: IndexOutOfBounds).
 */
export function checkSet(
  key: string,
  instances: number,
  objectType: EnumName<'ObjectType'>,
  version: Version,
): void {
  const old = !is2x(version)
  if (!may(key, 'clientMaySet')) throw readOnly(key, 'set', old ? 'InvalidField' : 'AttributeReadOnly')
  if (!appliesTo(key, objectType, version)) {
    throw doesNotApply(key, objectType, old ? 'InvalidField' : 'InvalidAttribute')
  }
  if (instances > 1 && !isMultiple(key)) throw single(key, old ? 'InvalidField' : 'AttributeSingleValued')
  if (instances > attributeInstancesMax) throw tooMany(key, version)
}

/**
 * Add Attribute (KMIP 1.4 §4.14, §11.15). Faults: AttributeReadOnly, InvalidAttribute (1.x: PermissionDenied) if it
 * does not apply to the type, AttributeSingleValued if it exists already, ServerLimitExceeded (1.x: IndexOutOfBounds).
 */
export function checkAdd(key: string, target: AttributeTarget, version: Version): void {
  const { attributes, objectType } = target
  if (!may(key, 'clientMayAdd'))
    throw readOnly(key, 'added', is2x(version) ? 'ReadOnlyAttribute' : 'AttributeReadOnly')
  if (!appliesTo(key, objectType, version)) {
    throw doesNotApply(key, objectType, is2x(version) ? 'InvalidAttribute' : 'PermissionDenied')
  }
  const present = attributes.get(key) ?? []
  if (present.length > 0 && !isMultiple(key)) throw single(key, 'AttributeSingleValued')
  if (present.length >= attributeInstancesMax) throw tooMany(key, version)
  if (attributes.size >= objectAttributesMax && present.length === 0) {
    throw new Fault(
      is2x(version) ? 'ServerLimitExceeded' : 'IndexOutOfBounds',
      `an object has at most ${objectAttributesMax} attributes`,
    )
  }
}

/** In 2.x only the value distinguishes instances, so an object cannot have the same Name twice. `others`: the Names that stay. */
export function requireNewName(
  others: readonly AttributeInstance[],
  { key, value, version }: { readonly key: string; readonly value: unknown; readonly version: Version },
): void {
  if (key !== 'Name' || !is2x(version)) return
  const same = searchKey(key, value)
  if (others.some((other) => searchKey(key, other.value) === same))
    throw new Fault('NonUniqueNameAttribute', 'the object has that Name already')
}

/** The type of an attribute's value, by the name that schemas use. Structure if the value has no type of its own. */
export function valueType(key: string): string {
  return isAttributeName(key) ? attributeFact(key).schema.shape.kind : 'Structure'
}

/**
 * For attributes that only the server changes, Set and Adjust Attribute have another Fault than Modify Attribute (KMIP 2.1
 * §6.1.51).
 */
export function requireModifiable(key: string): void {
  if (!may(key, 'clientMayModify')) throw readOnly(key, 'modified', 'ReadOnlyAttribute')
}

/** Selects an instance: by its index (1.x), by its value (2.x), or the only one. */
export interface WhichInstance {
  readonly index?: number | undefined
  readonly current?: unknown
  /** Selects only among the instances with these values. Absent: among all. */
  readonly only?: (value: unknown) => boolean
}

/**
 * Modify Attribute (KMIP 1.4 §4.15, §11.16). Returns the instance to modify. Faults: AttributeReadOnly,
 * AttributeNotFound (1.x: InvalidField), AttributeInstanceNotFound (1.x: ItemNotFound), WrongKeyLifecycleState,
 * PermissionDenied if a date was reached or a limit was used.
 */
export function checkModify(
  key: string,
  which: WhichInstance,
  target: AttributeTarget,
  version: Version,
): AttributeInstance {
  if (!may(key, 'clientMayModify')) throw readOnly(key, 'modified')
  const absent = is2x(version) ? 'AttributeNotFound' : 'InvalidField'
  const instance = findInstance(key, which, target.attributes, version, absent)
  const fact = isAttributeName(key) ? attributeFact(key) : undefined
  if (fact?.modifiableStates && !fact.modifiableStates.includes(target.state)) {
    const states = fact.modifiableStates.join(' or ')
    throw new Fault(
      'WrongKeyLifecycleState',
      `"${wireName(key)}" can be modified only while the object is ${states}; it is ${target.state}`,
    )
  }
  if (fact) checkChangeable(fact, instance, target.now)
  return instance
}

/**
 * Delete Attribute (KMIP 1.4 §4.16, §11.17). Returns the instance to delete. Faults: AttributeReadOnly,
 * AttributeNotFound and AttributeInstanceNotFound (1.x: ItemNotFound), PermissionDenied if a limit was used.
 */
export function checkDelete(
  key: string,
  which: WhichInstance,
  target: AttributeTarget,
  version: Version,
): AttributeInstance {
  if (!may(key, 'clientMayDelete')) throw readOnly(key, 'deleted')
  const absent = is2x(version) ? 'AttributeNotFound' : 'ItemNotFound'
  const instance = findInstance(key, which, target.attributes, version, absent)
  requireDeletable(key, instance, target.now)
  return instance
}

/** Checks Delete Attribute for an instance that the caller has already found. */
export function requireDeletable(key: string, instance: AttributeInstance, now: bigint): void {
  if (!may(key, 'clientMayDelete')) throw readOnly(key, 'deleted')
  if (isAttributeName(key)) checkChangeable(attributeFact(key), instance, now)
}

/**
 * Checks a value from a client. Fault InvalidField for an operation policy that the server does not have, since the server would
 * not follow it. Fault ApplicationNamespaceNotSupported if the client omits the Application Data: the server would have to
 * generate it, and supports no namespace for that (KMIP 1.4 §3.36; Query lists none).
 */
export function checkValue(key: string, value: unknown): void {
  if (key === 'OperationPolicyName' && value !== onlyPolicy)
    throw new Fault(
      'InvalidField',
      `this server has no operation policy of that name, only "${onlyPolicy}": leave the Operation Policy Name out`,
    )
  if (key !== 'ApplicationSpecificInformation') return
  if ((value as AttributeValue<'ApplicationSpecificInformation'>).ApplicationData !== undefined) return
  throw new Fault(
    'ApplicationNamespaceNotSupported',
    'Application Data is missing: this server generates none',
  )
}

/** KMIP 1.4 §3.18.2: every server has the policy with this name. An administrator sets the rights of each client elsewhere. */
export const onlyPolicy = 'default'

/** Whether an object may have several instances of the attribute. */
export function isMultiple(key: string): boolean {
  return isAttributeName(key) ? attributeFact(key).multiple === true : true
}

/** The index of the next instance. It is above all existing ones, since an index never changes (KMIP 1.4 §2.1.1). */
export function nextIndex(instances: readonly AttributeInstance[]): number {
  return instances.reduce((next, { index }) => Math.max(next, index + 1), 0)
}

/** Whether a client may state it in the request that creates an object. */
export function mayBeSet(key: string): boolean {
  return may(key, 'clientMaySet')
}

type Right = 'clientMaySet' | 'clientMayAdd' | 'clientMayModify' | 'clientMayDelete'

/** KMIP 1.4 §3.39 reserves y- for the server's own attributes. This server has no such attributes, and clients do use y-. */
function may(key: string, right: Right): boolean {
  return isAttributeName(key) ? attributeFact(key)[right] : isCustom(key)
}

/** No index means 0 (KMIP 1.4 §4.15). 1.0 requires an index if there are several (KMIP 1.0 §4.15, §11.16). */
function findInstance(
  key: string,
  { index, current, only: isMeant = () => true }: WhichInstance,
  attributes: AttributeSet,
  version: Version,
  absent: 'AttributeNotFound' | 'InvalidField' | 'ItemNotFound',
): AttributeInstance {
  // An attribute that the version cannot express does not exist for that version, since the answer could not hold it.
  const instances = (attributes.get(key) ?? []).filter(
    ({ value }) => existsIn(key, version, value) && isMeant(value),
  )
  const [only, ...others] = instances
  if (only === undefined) throw new Fault(absent, `the object has no attribute "${wireName(key)}"`)
  if (is2x(version)) return findByValue(key, current, instances)
  if (version === '1.0' && index === undefined) {
    if (others.length === 0) return only
    throw new Fault(
      'InvalidField',
      `the object has several of "${wireName(key)}": an Attribute Index is needed`,
    )
  }
  const instance = instances.find((candidate) => candidate.index === (index ?? 0))
  if (instance) return instance
  throw new Fault('ItemNotFound', `the object has no instance ${index ?? 0} of "${wireName(key)}"`)
}

/** KMIP 2.1 §6.1.34: finds the instance with the Current Attribute, or the only instance if the request has none. */
function findByValue(
  key: string,
  current: unknown,
  instances: readonly AttributeInstance[],
): AttributeInstance {
  const [only, ...others] = instances
  if (current === undefined) {
    if (only && others.length === 0) return only
    throw new Fault(
      'AttributeInstanceNotFound',
      `the object has several of "${wireName(key)}": the Current Attribute must say which`,
    )
  }
  const meant = searchKey(key, current)
  const instance = instances.find(({ value }) => searchKey(key, value) === meant)
  if (instance) return instance
  throw new Fault('AttributeInstanceNotFound', `the object has no such value of "${wireName(key)}"`)
}

/** KMIP 1.4 §3.25, §3.26: a date in the past stays as it is. §3.21: so does a limit that was used in part. */
function checkChangeable(fact: AttributeFact, { value }: AttributeInstance, now: bigint): void {
  if (fact.changeable === 'untilReached' && typeof value === 'bigint' && value <= now) {
    throw new Fault('PermissionDenied', `"${fact.name}" was reached and can no longer be modified`)
  }
  if (fact.changeable === 'untilUsed') {
    const { UsageLimitsTotal: total, UsageLimitsCount: count } = value as AttributeValue<'UsageLimits'>
    if (count !== undefined && count !== total) {
      throw new Fault('PermissionDenied', `"${fact.name}" was used and can no longer be changed`)
    }
  }
}

function is2x(version: Version): boolean {
  return atLeast(version, '2.0')
}

function readOnly(
  key: string,
  done: 'set' | 'added' | 'modified' | 'deleted',
  reason: 'AttributeReadOnly' | 'ReadOnlyAttribute' | 'InvalidField' = 'AttributeReadOnly',
): Fault {
  return new Fault(reason, `"${wireName(key)}" cannot be ${done} by a client`)
}

function doesNotApply(
  key: string,
  objectType: string,
  reason: 'InvalidField' | 'InvalidAttribute' | 'PermissionDenied',
): Fault {
  return new Fault(reason, `"${wireName(key)}" does not apply to objects of type ${objectType}`)
}

function single(key: string, reason: 'InvalidField' | 'AttributeSingleValued'): Fault {
  return new Fault(reason, `an object has at most one "${wireName(key)}"`)
}

function tooMany(key: string, version: Version): Fault {
  return new Fault(
    is2x(version) ? 'ServerLimitExceeded' : 'IndexOutOfBounds',
    `an object has at most ${attributeInstancesMax} instances of "${wireName(key)}"`,
  )
}
