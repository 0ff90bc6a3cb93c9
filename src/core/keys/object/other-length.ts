// A brought key that is not as long as it states. Pure.

import { Fault } from '../../../wire/kmip/fault.ts'
import type { Instance } from '../../trust/rows.ts'

/** A key that is not as long as its Cryptographic Length says. */
export interface OtherLength {
  readonly statedBits: number
  readonly materialBits: number
}

/** Throws Fault InvalidField for a key of another length, unless the instance takes keys as they are sent. */
export function requireLength(
  { statedBits, materialBits }: OtherLength,
  { lengths }: Pick<Instance, 'lengths'>,
): void {
  if (statedBits > 0 && lengths === 'as-sent') return
  throw new Fault(
    'InvalidField',
    `Cryptographic Length is ${statedBits}, but the Key Material has ${materialBits} bits`,
  )
}
