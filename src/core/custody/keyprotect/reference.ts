// The database keeps this reference instead of sealed material: it names the standard key that holds the material.
//
//   version 02 | JSON: which standard key, beside which root key
//
// The first byte distinguishes it from data that a data key sealed (01, envelope.ts).

import { PayloadError } from './payload.ts'

export interface StandardKeyRef {
  readonly rootKeyUri: string
  readonly rootKeyId: string
  /** The service's id. */
  readonly standardKeyId: string
  readonly generation: number
}

const refVersion = 2

export function isStandardKeyRef(sealed: Uint8Array | null): sealed is Uint8Array {
  return sealed !== null && sealed[0] === refVersion
}

export function encodeStandardKeyRef(ref: StandardKeyRef): Buffer {
  const { rootKeyUri, rootKeyId, standardKeyId, generation } = ref
  const text = JSON.stringify({ rootKeyUri, rootKeyId, standardKeyId, generation })
  return Buffer.concat([Buffer.of(refVersion), Buffer.from(text)])
}

/** Throws PayloadError. */
export function decodeStandardKeyRef(sealed: Uint8Array | null): StandardKeyRef {
  if (!isStandardKeyRef(sealed)) throw new PayloadError('this is not a reference to a standard key')
  let ref: Partial<Record<keyof StandardKeyRef, unknown>>
  try {
    ref = JSON.parse(Buffer.from(sealed.subarray(1)).toString('utf8')) as typeof ref
  } catch (cause) {
    throw new PayloadError('the reference to a standard key was altered', { cause })
  }
  const { rootKeyUri, rootKeyId, standardKeyId, generation } = ref
  if (
    typeof rootKeyUri === 'string' &&
    typeof rootKeyId === 'string' &&
    typeof standardKeyId === 'string' &&
    typeof generation === 'number'
  )
    return { rootKeyUri, rootKeyId, standardKeyId, generation }
  throw new PayloadError('the reference to a standard key was altered')
}
