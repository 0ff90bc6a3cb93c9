// A key whose real length differs from its stated one. Pure.

import { Fault } from '../../../wire/kmip/fault.ts'
import type { Instance } from '../../trust/rows.ts'

/** A key whose length differs from its Cryptographic Length. */
export interface OtherLength {
  readonly statedBits: number
  readonly materialBits: number
}

/** Throws Fault InvalidField for a key of another length, unless the instance accepts that. */
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
