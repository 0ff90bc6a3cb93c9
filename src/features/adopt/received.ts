// An object of the old server, from its answers to what Mortise stores: state, standard attributes as they are, and what
// has no place here as custom attributes. Pure.

import { findKey, first, type AttributeInstance, type AttributeSet } from '../../wire/kmip/attributes.ts'
import { attributeFact, isAttributeName, type AttributeName } from '../../wire/kmip/attribute-table.ts'
import { isMultiple, nextIndex } from '../../wire/kmip/attribute-rules.ts'
import { enums } from '../../wire/kmip/enums.ts'
import { tagCode } from '../../wire/kmip/tags.ts'
import { ordinal } from '../../wire/kmip/version.ts'
import type { AdoptedObject } from '../../core/keys/object/adopted-object.ts'
import type { BroughtObject } from '../../core/keys/forms/brought-object.ts'
import { isState, type State } from '../../core/keys/object/lifecycle.ts'
import { isCryptographic, single, type ObjectType } from '../../core/keys/object/managed-object.ts'
import { attributeIndexMax, attributeNameBytesMax } from '../../base/bounds.ts'
import { decode } from '../../wire/ttlv/decode.ts'
import { encode } from '../../wire/ttlv/encode.ts'
import { any, type AnyValue } from '../../wire/ttlv/schema.ts'
import type { WireAttributes } from './old-server.ts'

export interface Received {
  readonly uniqueIdentifier: string
  readonly objectType: ObjectType
  readonly brought: BroughtObject
  readonly attributes: WireAttributes
  /** HOST:PORT. */
  readonly from: string
  readonly checked?: AdoptedObject['checked'] | undefined
  readonly bytesOnly?: true | undefined
}

/** Mortise itself sets these attributes of an object. The state is read apart. */
const own: ReadonlySet<string> = new Set(['UniqueIdentifier', 'ObjectType', 'State', 'Digest', 'Fresh'])

export function adoptedObject(received: Received): AdoptedObject {
  const { uniqueIdentifier, objectType, brought, from, checked, bytesOnly } = received
  const set = new Map<string, AttributeInstance[]>()
  for (const { AttributeName: name, AttributeIndex: index, AttributeValue: value } of received.attributes) {
    const key = findKey(name)
    if (value === undefined || (key !== undefined && own.has(key))) continue
    const { at, stored } = placed(key, name, value, objectType, set)
    const instances = set.get(at) ?? []
    set.set(at, instances)
    addInstance(instances, isMultiple(at) ? index : undefined, stored)
  }
  const { algorithm, lengthBits, material } = brought
  for (const [key, instances] of brought.attributes ?? []) if (!set.has(key)) set.set(key, [...instances])
  if (algorithm !== undefined && !set.has('CryptographicAlgorithm'))
    set.set('CryptographicAlgorithm', [...single(algorithm)])
  const bits = lengthBits ?? (objectType === 'SymmetricKey' ? material.bytes.length * 8 : undefined)
  if (bits !== undefined && !set.has('CryptographicLength')) set.set('CryptographicLength', [...single(bits)])
  const known = { uniqueIdentifier, objectType, ...stateOf(received, set), attributes: set, from }
  return { ...known, ...(checked !== undefined && { checked }), ...(bytesOnly && { bytesOnly }) }
}

/** The key under which the value is stored, and its form there. */
function placed(
  key: string | undefined,
  name: string,
  value: unknown,
  objectType: ObjectType,
  set: AttributeSet,
): { readonly at: string; readonly stored: unknown } {
  if (key === undefined) return { at: customName(`x-${name}`), stored: value }
  if (!isAttributeName(key)) return { at: customName(key), stored: value }
  const { objectTypes } = attributeFact(key)
  const applies = objectTypes === undefined || objectTypes.includes(objectType)
  if (applies && (isMultiple(key) || !set.has(key))) return { at: key, stored: value }
  return { at: customName(`x-${name}`), stored: asAny(key, value) }
}

/** Clients can name it: a longer one is refused in requests, so no client could change or remove the attribute. */
function customName(name: string): string {
  return Buffer.byteLength(name) <= attributeNameBytesMax ? name : name.slice(0, 252)
}

/** The index of the old server, unless another instance has it already, it is none, or it leaves no room for others to come. */
function addInstance(instances: AttributeInstance[], position: number | undefined, value: unknown): void {
  const index = position ?? -1
  const isFitting = index >= 0 && index <= attributeIndexMax
  const isFree = isFitting && instances.every((other) => other.index !== index)
  instances.push({ index: isFree ? index : nextIndex(instances), value })
  instances.sort((a, b) => a.index - b.index)
}

/** The value of a standard attribute in the form of a custom one. */
function asAny(key: AttributeName, value: unknown): AnyValue {
  const options = { tag: tagCode('AttributeValue'), version: ordinal('1.4') }
  return decode(any, encode(attributeFact(key).schema, value, options), options)
}

/** As the server says; otherwise as the dates do, or Active, so that no client destroys by mistake what is in use. */
function stateOf(
  { objectType, attributes }: Received,
  set: AttributeSet,
): Pick<AdoptedObject, 'state' | 'isStateGuessed'> {
  if (!isCryptographic(objectType)) return { state: 'PreActive' }
  const said = attributes.find(({ AttributeName }) => AttributeName === 'State')?.AttributeValue
  if (typeof said === 'string' && Object.hasOwn(enums.State, said) && isState(said)) return { state: said }
  if (first(set, 'CompromiseDate') !== undefined) return { state: 'Compromised' }
  const state: State = first(set, 'ActivationDate') === undefined ? 'Active' : 'PreActive'
  return { state, isStateGuessed: true }
}
