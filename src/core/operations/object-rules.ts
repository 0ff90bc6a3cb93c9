// Converts the rules for future objects between messages and values (KMIP 2.1 §7.6, §7.22): types, groups and attributes.

import { checkSet, checkValue } from '../../wire/kmip/attribute-rules.ts'
import type { AttributeInstance } from '../../wire/kmip/attributes.ts'
import { fromWire2, toWire2 } from '../../wire/kmip/attributes2.ts'
import { groupNames, groupsNamed } from '../../wire/kmip/attributes3.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import type { Request, Response } from '../../wire/kmip/operations.ts'
import { atLeast, type Version } from '../../wire/kmip/version.ts'
import type { ObjectType } from '../keys/object/managed-object.ts'
import type { ObjectRule } from '../keys/object/object-rules.ts'

type Constraint = Response<'GetConstraints'>['Constraints']['Constraint'][number]
type ObjectDefaults = NonNullable<Request<'SetDefaults'>['DefaultsInformation']>['ObjectDefaults'][number]

/** Throws the Faults of fromWire2 and checkSet, and InvalidField. */
export function ruleOf(wire: Constraint | ObjectDefaults, version: Version): ObjectRule {
  const named = [
    ...('ObjectType' in wire && wire.ObjectType !== undefined ? [wire.ObjectType] : []),
    ...(wire.ObjectTypes?.ObjectType ?? []),
  ]
  const objectTypes = [...new Set(named)]
  const set = new Map<string, AttributeInstance[]>()
  for (const { key, value } of wire.Attributes ? fromWire2(wire.Attributes, version) : []) {
    if (key === 'Name')
      throw new Fault('InvalidField', 'a Name is that of one object, and no rule for several')
    const instances = set.get(key) ?? []
    for (const type of objectTypes.length > 0 ? objectTypes : anyType)
      checkSet(key, instances.length + 1, type, version)
    checkValue(key, value)
    set.set(key, [...instances, { index: instances.length, value }])
  }
  return { objectTypes, objectGroups: groupNames(wire.ObjectGroups ?? {}), attributes: set }
}

/** A rule for every type is checked as one for keys, which have the most attributes. */
const anyType: readonly ObjectType[] = ['SymmetricKey']

export function constraintOf(
  { objectTypes, objectGroups, attributes }: ObjectRule,
  version: Version,
): Constraint {
  return {
    ...(objectTypes.length > 0 && { ObjectTypes: { ObjectType: objectTypes } }),
    ...(objectGroups.length > 0 && { ObjectGroups: groupsNamed(objectGroups) }),
    Attributes: toWire2(attributes, version),
  }
}

/** 2.0 has one Object Type in each of them, and no groups. */
export function defaultsOf(
  { objectTypes, objectGroups, attributes }: ObjectRule,
  version: Version,
): readonly ObjectDefaults[] {
  const Attributes = toWire2(attributes, version)
  if (atLeast(version, '2.1') && (objectTypes.length !== 1 || objectGroups.length > 0))
    return [
      {
        ObjectTypes: { ObjectType: objectTypes },
        Attributes,
        ...(objectGroups.length > 0 && { ObjectGroups: groupsNamed(objectGroups) }),
      },
    ]
  return objectGroups.length > 0 ? [] : objectTypes.map((ObjectType) => ({ ObjectType, Attributes }))
}
