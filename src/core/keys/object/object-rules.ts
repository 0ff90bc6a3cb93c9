// The rules that clients of an instance set for future objects (KMIP 2.1 §6.1.52, §6.1.53): the default values of a new object,
// and its required values. Pure: the instance's row stores the rules, and rule-acts.ts changes them.

import { appliesTo } from '../../../wire/kmip/attribute-rules.ts'
import {
  packAttributes,
  searchKey,
  unpackAttributes,
  wireName,
  type AttributeInstance,
  type AttributeSet,
} from '../../../wire/kmip/attributes.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import type { Version } from '../../../wire/kmip/version.ts'
import type { ClientObjectRule as StoredRule } from '../../trust/rows.ts'
import type { ObjectType } from './managed-object.ts'

/** The most rules in one instance, of each kind; and the most bytes of all of them. */
export const objectRulesMax = 100
export const objectRulesBytesMax = 16 * 1024

export interface ObjectRule {
  /** Empty: all types. */
  readonly objectTypes: readonly ObjectType[]
  /** Empty: all objects, with or without a group. */
  readonly objectGroups: readonly string[]
  readonly attributes: AttributeSet
}

/** Throws ServerLimitExceeded. */
export function storedRules(rules: readonly ObjectRule[]): readonly StoredRule[] {
  const stored = rules.map(({ attributes, ...rule }) => ({
    ...rule,
    attributes: Buffer.from(packAttributes(attributes)).toString('base64'),
  }))
  if (rules.length > objectRulesMax || JSON.stringify(stored).length > objectRulesBytesMax)
    throw new Fault(
      'ServerLimitExceeded',
      `an instance keeps at most ${objectRulesMax} rules, of ${objectRulesBytesMax} bytes in all`,
    )
  return stored
}

export function readRules(stored: readonly StoredRule[] = []): readonly ObjectRule[] {
  return stored.map(({ objectTypes, objectGroups, attributes }) => ({
    objectTypes: objectTypes as readonly ObjectType[],
    objectGroups,
    attributes: unpackAttributes(Buffer.from(attributes, 'base64')),
  }))
}

/** The rules for objects of these groups. Without groups: only the rules for all objects. */
export function rulesFor(rules: readonly ObjectRule[], groups: readonly string[]): readonly ObjectRule[] {
  return rules.filter(({ objectGroups }) => objectGroups.length === 0 || isAmong(groups, objectGroups))
}

/**
 * KMIP 2.1 §7.22: the attributes of a new object, with defaults for those missing in the request. A default for the object's
 * group overrides one for all objects, and an earlier one overrides a later one.
 */
export function withDefaults(
  requestAttributes: AttributeSet,
  rules: readonly ObjectRule[],
  { objectType, version }: { readonly objectType: ObjectType; readonly version: Version },
): AttributeSet {
  const mine = rulesFor(rules, groupsOf(requestAttributes)).filter((rule) => isFor(rule, objectType))
  const [ofGroup, ofAll] = [
    mine.filter(({ objectGroups }) => objectGroups.length > 0),
    mine.filter(({ objectGroups }) => objectGroups.length === 0),
  ]
  const set = new Map(requestAttributes)
  for (const { attributes } of [...ofGroup, ...ofAll])
    for (const [key, instances] of attributes)
      if (!set.has(key) && appliesTo(key, objectType, version)) set.set(key, instances)
  return set
}

/**
 * KMIP 2.1 §7.6: throws Fault ConstraintViolation if a new object breaks a rule. An attribute must have one of the rule's values,
 * and a mask must have no bit beyond the rule's.
 */
export function requireConstraints(
  { objectType, attributes }: { readonly objectType: ObjectType; readonly attributes: AttributeSet },
  rules: readonly ObjectRule[],
): void {
  if (objectType === 'Template') return
  for (const rule of rulesFor(rules, groupsOf(attributes)))
    for (const [key, permitted] of isFor(rule, objectType) ? rule.attributes : [])
      if (!fits(key, attributes.get(key) ?? [], permitted))
        throw new Fault(
          'ConstraintViolation',
          `the constraints of this instance permit no such object: "${wireName(key)}" has another value than they say; a manager sees and clears them by: mortise instance constraints`,
        )
}

function fits(
  key: string,
  instances: readonly AttributeInstance[],
  permitted: readonly AttributeInstance[],
): boolean {
  if (key === 'CryptographicUsageMask') {
    const [mask, most] = [instances[0]?.value, permitted[0]?.value]
    return typeof mask === 'number' && typeof most === 'number' && (mask & ~most) === 0
  }
  const values = new Set(permitted.map(({ value }) => searchKey(key, value)))
  return instances.some(({ value }) => values.has(searchKey(key, value)))
}

function isFor({ objectTypes }: ObjectRule, objectType: ObjectType): boolean {
  return objectTypes.length === 0 || objectTypes.includes(objectType)
}

export function groupsOf(attributes: AttributeSet): readonly string[] {
  return (attributes.get('ObjectGroup') ?? []).map(({ value }) => String(value))
}

function isAmong(some: readonly string[], others: readonly string[]): boolean {
  return some.some((one) => others.includes(one))
}
