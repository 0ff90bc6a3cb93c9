// The forms of a point on a curve (X9.62 §4.3.6): both coordinates, one coordinate with a bit of the other, or both coordinates
// and that bit.

import { createPublicKey, ECDH } from 'node:crypto'
import type { CurveName } from './curves.ts'
import { encodeKey } from './key-formats.ts'
import { KeyFormatError, type EcPublic } from './key-parts.ts'

export type PointForm = 'uncompressed' | 'compressed' | 'hybrid'

/** Throws KeyFormatError. */
export function inPointForm(parts: EcPublic, form: PointForm): EcPublic {
  try {
    const key = encodeKey('X_509', parts) ?? Buffer.of()
    const { asymmetricKeyDetails: details } = createPublicKey({ key, format: 'der', type: 'spki' })
    const point = ECDH.convertKey(parts.point, details?.namedCurve ?? '', undefined, undefined, form)
    return { ...parts, point: Buffer.from(point as Buffer) }
  } catch (cause) {
    throw new KeyFormatError(`this is not a point on ${parts.curve}`, { cause })
  }
}

/** Whether the curve's field has characteristic 2. If not, it is a prime field. */
export function isBinaryCurve(curve: CurveName): boolean {
  return /^(?:[KB]_|SECT|ANSIX9C2)/.test(curve)
}
