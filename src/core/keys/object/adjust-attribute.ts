// Adjusts the only instance of an attribute relative to its old value (KMIP 2.1 §6.1.3): increments or decrements numbers and
// intervals, negates a Boolean. A missing attribute counts as 0 or false. Pure.

import { valueType } from '../../../wire/kmip/attribute-rules.ts'
import { isCustom, wireName, type CustomValue } from '../../../wire/kmip/attributes.ts'
import type { EnumName } from '../../../wire/kmip/enums.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import { setAttribute, type AttributeNamed, type Changed, type ChangedObject } from './attribute-changes.ts'

export interface Adjustment extends AttributeNamed {
  readonly adjustment: EnumName<'AdjustmentType'>
  /** Left out: 1. */
  readonly by: CustomValue | undefined
}

/** Throws the Faults InvalidDataType and NumericRange, and those of setAttribute. */
export function adjustAttribute(target: ChangedObject, { adjustment, by, ...named }: Adjustment): Changed {
  const { key } = named
  const old = target.attributes.get(key)?.[0]?.value
  if (!isCustom(key))
    return setAttribute(target, { ...named, value: adjusted(valueType(key), old, adjustment, by, key) })
  if (old === undefined) throw wrongType(key, adjustment)
  const { type, value } = old as CustomValue
  const next = { type, value: adjusted(type, value, adjustment, by, key) }
  return setAttribute(target, { ...named, value: next })
}

/** The range of numbers in an item of each type. */
const ranges: Readonly<Record<string, { readonly least: bigint; readonly most: bigint }>> = {
  Integer: { least: -(2n ** 31n), most: 2n ** 31n - 1n },
  Interval: { least: 0n, most: 2n ** 32n - 1n },
  LongInteger: { least: -(2n ** 63n), most: 2n ** 63n - 1n },
}

function adjusted(
  type: string,
  old: unknown,
  adjustment: EnumName<'AdjustmentType'>,
  by: CustomValue | undefined,
  key: string,
): unknown {
  if (adjustment === 'Negate') {
    if (type !== 'Boolean' || by !== undefined) throw wrongType(key, adjustment)
    return old !== true
  }
  const range = Object.hasOwn(ranges, type) ? ranges[type] : undefined
  const step =
    by === undefined
      ? 1n
      : ['Integer', 'LongInteger', 'Interval'].includes(by.type)
        ? BigInt(by.value as number | bigint)
        : undefined
  if (!range || step === undefined) throw wrongType(key, adjustment)
  const before = BigInt((old as number | bigint | undefined) ?? 0)
  const after = adjustment === 'Increment' ? before + step : before - step
  if (after < range.least || after > range.most)
    throw new Fault('NumericRange', `"${wireName(key)}" cannot become ${String(after)}`)
  return type === 'LongInteger' ? after : Number(after)
}

function wrongType(key: string, adjustment: string): Fault {
  return new Fault('InvalidDataType', `"${wireName(key)}" has no value for ${adjustment}`)
}
