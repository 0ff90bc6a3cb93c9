// Register (KMIP 1.4 §4.3): stores an object that the client brings: a Symmetric Key, Secret Data or an Opaque Object.

import { first, type AttributeSet } from '../kmip/attributes.ts'
import { Fault } from '../kmip/fault.ts'
import { broughtObject, type BroughtObject } from '../keys/brought-object.ts'
import { single, type ObjectType } from '../keys/managed-object.ts'
import type { Handler } from './handler.ts'
import { requestedAttributes } from './requested-attributes.ts'

export const register: Handler<'Register'> = async ({ transaction, version, placeholder }, request) => {
  const { ObjectType } = request
  const brought = broughtObject(ObjectType, request)
  const asked = requestedAttributes(request, { version, objectType: ObjectType })
  const attributes = withKeyBlock(asked, ObjectType, brought)
  const UniqueIdentifier = await transaction.register(
    { objectType: ObjectType, attributes },
    brought.material,
  )
  placeholder.set(UniqueIdentifier)
  return { UniqueIdentifier }
}

/**
 * KMIP 1.4 §3.4, §3.5: the Key Block's algorithm and length become the object's. An attribute must not contradict them.
 */
function withKeyBlock(
  asked: AttributeSet,
  objectType: ObjectType,
  { algorithm, lengthBits, material }: BroughtObject,
): AttributeSet {
  const set = new Map(asked)
  const merge = (
    key: 'CryptographicAlgorithm' | 'CryptographicLength',
    value: string | number | undefined,
  ) => {
    const given = first(asked, key)
    if (value === undefined) return
    if (given !== undefined && given !== value)
      throw new Fault(
        'InvalidField',
        `${key} is ${String(value)} in the Key Block and ${String(given)} as attribute`,
      )
    set.set(key, single(value))
  }
  merge('CryptographicAlgorithm', algorithm)
  merge('CryptographicLength', lengthBits)
  if (objectType !== 'SymmetricKey') return set
  const bits = material.bytes.length * 8
  const stated = first(set, 'CryptographicLength')
  if (stated === undefined) set.set('CryptographicLength', single(bits))
  else if (
    stated <= 0 ||
    (Math.ceil(stated / 8) * 8 !== bits && !hasParity(first(set, 'CryptographicAlgorithm')))
  )
    throw new Fault(
      'InvalidField',
      `Cryptographic Length is ${String(stated)}, but the Key Material has ${String(bits)} bits`,
    )
  return set
}

/** DES keys have a parity bit in each byte. A stated length may or may not count these bits. */
function hasParity(algorithm: string | undefined): boolean {
  return algorithm === 'DES' || algorithm === 'DES3'
}
