// Register (KMIP 1.4 §4.3): stores an object that the client brings, of any type.

import { first, searchKey, wireName, type AttributeInstance, type AttributeSet } from '../kmip/attributes.ts'
import { Fault } from '../kmip/fault.ts'
import type { Request } from '../kmip/operations.ts'
import { atLeast, type Version } from '../kmip/version.ts'
import { broughtObject, requireTrue, type BroughtObject } from '../keys/brought-object.ts'
import type { NewObject } from '../keys/initial-attributes.ts'
import { hasParity } from '../keys/key-generation.ts'
import type { OtherLength } from '../keys/other-length.ts'
import { single, type ObjectType } from '../keys/managed-object.ts'
import type { Context, Handler } from './handler.ts'
import { setOf } from './requested-attributes.ts'
import { overlaid, wantedAttributes } from './wanted-attributes.ts'

export const register: Handler<'Register'> = async (context, request) => {
  const { ObjectType } = request
  const asked = await askedAttributes(context, request)
  const brought = broughtObject(ObjectType, request)
  try {
    requireVersion(brought, context.version)
    const attributes = describedBy(asked, ObjectType, brought)
    const wanted = { objectType: ObjectType, attributes }
    const other = otherLength(wanted, brought)
    const UniqueIdentifier = await context.transaction.register(wanted, brought.material, other)
    if (other) context.warn('a key was registered that is not as long as it states', other)
    context.placeholder.set(UniqueIdentifier)
    return { UniqueIdentifier }
  } finally {
    brought.material.bytes.fill(0)
  }
}

/** Those of a new template stand in the template itself too (KMIP 1.4 §2.2.6). */
async function askedAttributes(context: Context, request: Request<'Register'>): Promise<AttributeSet> {
  const { ObjectType, Template } = request
  const wanted = await wantedAttributes(request, ObjectType, context)
  if (ObjectType !== 'Template') return wanted
  if (!Template) throw new Fault('InvalidField', 'Object Type is Template, but the request has no Template')
  const { version } = context
  const asked = overlaid(setOf(Template.Attribute, { version, objectType: ObjectType }), wanted)
  if (!asked.has('Name'))
    throw new Fault('InvalidField', 'a template needs a Name, by which requests refer to it')
  return asked
}

function requireVersion({ material }: BroughtObject, version: Version): void {
  if (material.head.isElsewhere && !atLeast(version, '1.2'))
    throw new Fault('InvalidField', 'the Key Block has no Key Value')
}

/**
 * KMIP 1.4 §3.4, §3.5: the Key Block's algorithm and length become the object's, and what the object says of itself becomes its
 * attributes. A requested attribute must not contradict either.
 */
function describedBy(asked: AttributeSet, objectType: ObjectType, brought: BroughtObject): AttributeSet {
  const { material, lengthBits, algorithms } = brought
  const set = new Map(asked)
  const [askedAlgorithm, askedBits] = [
    first(asked, 'CryptographicAlgorithm'),
    first(asked, 'CryptographicLength'),
  ]
  if (algorithms) requireTrue({ algorithm: askedAlgorithm, lengthBits: askedBits }, brought)
  // A key on a curve is for whichever algorithm the client says.
  const algorithm = (algorithms && askedAlgorithm) ?? brought.algorithm
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
  if (algorithms === undefined || askedBits === undefined) merge('CryptographicLength', lengthBits)
  for (const [key, instances] of brought.attributes ?? []) {
    requireSame(key, asked.get(key), instances)
    set.set(key, instances)
  }
  if (objectType !== 'SymmetricKey' || material.head.isElsewhere || material.head.wrapping) return set
  const bits = material.bytes.length * 8
  if (!set.has('CryptographicLength')) set.set('CryptographicLength', single(bits))
  return set
}

/** The stated length and that of the material, where a symmetric key is not as long as it states. */
function otherLength(
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
