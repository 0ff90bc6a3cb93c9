// The attributes of an imported object: all of them, including those that only a server sets (KMIP 1.4 §4.41). Each must apply to
// the object's type, and must not contradict the request.

import { appliesTo, checkValue, isMultiple, nextIndex } from '../../wire/kmip/attribute-rules.ts'
import { wireName, type AttributeInstance, type AttributeSet } from '../../wire/kmip/attributes.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import type { Version } from '../../wire/kmip/version.ts'
import { attributeIndexMax, attributeInstancesMax } from '../../base/bounds.ts'
import { isDestroyed, type State } from '../keys/object/lifecycle.ts'
import type { ObjectType } from '../keys/object/managed-object.ts'
import type { GivenAttribute } from './wire-attributes.ts'

interface About {
  readonly version: Version
  readonly objectType: ObjectType
  readonly uniqueIdentifier: string
}

export interface ImportedAttributes {
  /** Without Unique Identifier, Object Type and State. */
  readonly attributes: AttributeSet
  readonly state: State | undefined
}

/** Faults name the attribute. */
export function importedAttributes(attributes: readonly GivenAttribute[], about: About): ImportedAttributes {
  const set = new Map<string, readonly AttributeInstance[]>()
  for (const one of attributes) {
    const { key } = one
    if (!foundOut.has(key)) set.set(key, withInstance(set.get(key) ?? [], one, about))
  }
  for (const [key, value] of [
    ['UniqueIdentifier', about.uniqueIdentifier],
    ['ObjectType', about.objectType],
  ] as const) {
    const stated = set.get(key)
    if (stated && stated[0]?.value !== value)
      throw new Fault('InvalidField', `the attribute "${wireName(key)}" contradicts the request`)
    set.delete(key)
  }
  const state = set.get('State')?.[0]?.value as State | undefined
  if (state !== undefined && isDestroyed(state))
    throw new Fault('InvalidField', 'an object that was destroyed cannot be imported')
  set.delete('State')
  return { attributes: set, state }
}

/** The server computes these from the object. An Export of another server or format may contain other values. */
const foundOut: ReadonlySet<string> = new Set([
  'KeyFormatType',
  'ObjectClass',
  'OpaqueDataType',
  'ProtectionStorageMask',
  'ShortUniqueIdentifier',
])

function withInstance(
  instances: readonly AttributeInstance[],
  { key, index, value }: GivenAttribute,
  { version, objectType }: About,
): readonly AttributeInstance[] {
  if (!appliesTo(key, objectType, version))
    throw new Fault('InvalidField', `"${wireName(key)}" does not apply to objects of type ${objectType}`)
  if (!isMultiple(key)) {
    if (instances.length > 0) throw new Fault('InvalidField', `an object has at most one "${wireName(key)}"`)
    if ((index ?? 0) > 0) throw new Fault('InvalidField', `"${wireName(key)}" has no Attribute Index but 0`)
  }
  if (instances.length >= attributeInstancesMax)
    throw new Fault(
      'IndexOutOfBounds',
      `an object has at most ${attributeInstancesMax} instances of "${wireName(key)}"`,
    )
  if ((index ?? 0) > attributeIndexMax)
    throw new Fault('InvalidField', `an Attribute Index is ${attributeIndexMax} at most`)
  checkValue(key, value)
  const next = index ?? nextIndex(instances)
  if (instances.some((other) => other.index === next))
    throw new Fault('InvalidField', `"${wireName(key)}" has two instances of the same Attribute Index`)
  return [...instances, { index: next, value }].toSorted((a, b) => a.index - b.index)
}
