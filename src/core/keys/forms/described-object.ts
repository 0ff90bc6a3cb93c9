// An object from outside before it is stored: the facts in the object and the client's description, as one set of attributes.
// Pure.

import {
  first,
  searchKey,
  wireName,
  type AttributeInstance,
  type AttributeSet,
} from '../../../wire/kmip/attributes.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import { requireMatchesKey, type BroughtObject } from './brought-object.ts'
import type { NewObject } from '../object/initial-attributes.ts'
import { hasParity } from './key-generation.ts'
import { single, type ObjectType } from '../object/managed-object.ts'
import type { OtherLength } from '../object/other-length.ts'

/**
 * KMIP 1.4 §3.4, §3.5: the Key Block's algorithm and length become the object's, and the facts in the object become its
 * attributes. A requested attribute must not contradict either.
 */
export function describedBy(
  attributes: AttributeSet,
  objectType: ObjectType,
  brought: BroughtObject,
): AttributeSet {
  const { material, lengthBits, algorithms } = brought
  const set = new Map(attributes)
  const [askedAlgorithm, askedBits] = [
    first(attributes, 'CryptographicAlgorithm'),
    first(attributes, 'CryptographicLength'),
  ]
  if (algorithms) requireMatchesKey({ algorithm: askedAlgorithm, lengthBits: askedBits }, brought)
  // The client decides the algorithm of a key on a curve.
  const algorithm = (algorithms && askedAlgorithm) ?? brought.algorithm
  const merge = (
    key: 'CryptographicAlgorithm' | 'CryptographicLength',
    value: string | number | undefined,
  ) => {
    const stated = first(attributes, key)
    if (value === undefined) return
    if (stated !== undefined && stated !== value)
      throw new Fault(
        'InvalidField',
        `${key} is ${String(value)} in the Key Block and ${String(stated)} as attribute`,
      )
    set.set(key, single(value))
  }
  merge('CryptographicAlgorithm', algorithm)
  if (algorithms === undefined || askedBits === undefined) merge('CryptographicLength', lengthBits)
  for (const [key, instances] of brought.attributes ?? []) {
    requireSame(key, attributes.get(key), instances)
    set.set(key, instances)
  }
  if (objectType !== 'SymmetricKey' || material.head.isElsewhere || material.head.wrapping) return set
  const bits = material.bytes.length * 8
  if (!set.has('CryptographicLength')) set.set('CryptographicLength', single(bits))
  return set
}

/** The stated length and the real one, if a symmetric key does not have its stated length. */
export function otherLength(
  { objectType, attributes }: NewObject,
  { material }: BroughtObject,
): OtherLength | undefined {
  if (objectType !== 'SymmetricKey' || material.head.isElsewhere || material.head.wrapping) return undefined
  const materialBits = material.bytes.length * 8
  const statedBits = first(attributes, 'CryptographicLength') ?? materialBits
  const fits =
    Math.ceil(statedBits / 8) * 8 === materialBits || hasParity(first(attributes, 'CryptographicAlgorithm'))
  return fits && statedBits > 0 ? undefined : { statedBits, materialBits }
}

function requireSame(
  key: string,
  stated: readonly AttributeInstance[] | undefined,
  [own]: readonly AttributeInstance[],
): void {
  if (!stated || stated.some(({ value }) => searchKey(key, value) === searchKey(key, own?.value))) return
  throw new Fault('InvalidField', `the attribute "${wireName(key)}" contradicts the object`)
}
