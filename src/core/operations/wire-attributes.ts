// Converts attributes between messages and keys with values: Attribute structures with a name (1.x), an Attributes structure with
// an item for each (2.x).

import {
  fromWire1,
  toWire1,
  existsIn,
  type AttributeInstance,
  type AttributeSet,
  type WireAttribute,
} from '../../wire/kmip/attributes.ts'
import { fromWire2, seenIn, toStructure } from '../../wire/kmip/attributes2.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import type { Attributes } from '../../wire/kmip/objects.ts'
import { atLeast, type Version } from '../../wire/kmip/version.ts'
import { required } from './required.ts'

export interface GivenAttribute {
  readonly key: string
  /** Absent in 2.x, which has no indices. */
  readonly index?: number | undefined
  readonly value: unknown
  /** In 3.0 some attributes mean one kind of link, which the server stores with the other links. */
  readonly only?: (value: unknown) => boolean
}

/** Attribute structures or an Attributes structure, by version. */
interface WireAttributes {
  readonly Attribute?: readonly WireAttribute[] | undefined
  readonly Attributes?: Attributes | undefined
}

/** Throws the Faults of fromWire1 and fromWire2. */
export function givenAttributes(wire: WireAttributes, version: Version): readonly GivenAttribute[] {
  if (atLeast(version, '2.0')) return wire.Attributes ? fromWire2(wire.Attributes, version) : []
  return (wire.Attribute ?? []).map((one) => fromWire1(one, version))
}

/** For an answer: the object's attributes among these keys, as far as the version can express them. */
export function answeredAttributes(
  attributes: AttributeSet,
  keys: readonly string[],
  version: Version,
): WireAttributes {
  const seen = seenIn(version, attributes)
  const shown = new Map(keys.map((key) => [key, seen.get(key) ?? []]))
  if (atLeast(version, '2.0')) return { Attributes: toStructure(shown, version) }
  return {
    Attribute: [...shown].flatMap(([key, instances]) =>
      instances
        .filter(({ value }) => existsIn(key, version, value))
        .map((instance) => toWire1(key, instance, version)),
    ),
  }
}

/** The attribute that a request adds or changes. */
export function changedAttribute(
  request: { readonly Attribute?: WireAttribute | undefined; readonly NewAttribute?: Attributes | undefined },
  version: Version,
): GivenAttribute {
  if (atLeast(version, '2.0'))
    return oneAttribute(required(request.NewAttribute, 'New Attribute'), version, 'New Attribute')
  return fromWire1(required(request.Attribute, 'Attribute'), version)
}

/** For the answer to a change: 1.x repeats the instance, and its index unless that is 0 and the request omitted it. */
export function repeatedInstance(
  { key, index }: Pick<GivenAttribute, 'key' | 'index'>,
  instance: AttributeInstance,
  version: Version,
): { readonly Attribute?: WireAttribute } {
  return atLeast(version, '2.0') ? {} : { Attribute: toWire1(key, instance, version, index !== undefined) }
}

/** The attribute in a New or Current Attribute of 2.x, which holds exactly one value. */
export function oneAttribute(structure: Attributes, version: Version, what: string): GivenAttribute {
  const [only, ...others] = fromWire2(structure, version)
  if (only && others.length === 0) return only
  throw new Fault('InvalidField', `${what} must hold one attribute, with one value`)
}
