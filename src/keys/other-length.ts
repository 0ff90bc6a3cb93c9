// A registered key that is not as long as it states. Pure.

import { Fault } from '../kmip/fault.ts'

/** A key that is not as long as its Cryptographic Length says. */
export interface OtherLength {
  readonly statedBits: number
  readonly materialBits: number
}

export function wrongLength({ statedBits, materialBits }: OtherLength): Fault {
  return new Fault(
    'InvalidField',
    `Cryptographic Length is ${statedBits}, but the Key Material has ${materialBits} bits`,
  )
}
