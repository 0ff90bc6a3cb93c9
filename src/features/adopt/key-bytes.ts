// The object in the answer to a Get, as Mortise stores it, or the reason in words why it cannot. Pure.

import { broughtObject, type BroughtObject } from '../../core/keys/forms/brought-object.ts'
import { sha256 } from '../../core/keys/object/digest.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import type { KeyBlock } from '../../wire/kmip/objects.ts'
import type { Response } from '../../wire/kmip/operations.ts'

/** Holds a copy of the bytes, the caller's to wipe. */
export function broughtBy(answer: Response<'Get'>): BroughtObject | string {
  if (keyBlockOf(answer)?.KeyWrappingData) return 'the old server gives it only wrapped by another key'
  try {
    const brought = broughtObject(answer.ObjectType, answer, { takesDamaged: true })
    return brought.material.head.isElsewhere ? 'the old server does not have the key itself' : brought
  } catch (error) {
    if (error instanceof Fault) return error.message
    throw error
  }
}

/** The SHA-256 of the bytes that Mortise would store. Wipes its copy. */
export function digestBy(answer: Response<'Get'>): Buffer | string {
  const brought = broughtBy(answer)
  if (typeof brought === 'string') return brought
  const { bytes } = brought.material
  const digest = sha256(bytes)
  bytes.fill(0)
  return digest
}

/** Overwrites the material in the answer itself, once it was copied. */
export function wipeAnswer(answer: Response<'Get'>): void {
  answer.OpaqueObject?.OpaqueDataValue.fill(0)
  const value = keyBlockOf(answer)?.KeyValue
  const material = value instanceof Uint8Array ? value : value?.KeyMaterial
  if (material instanceof Uint8Array) material.fill(0)
  else if (material && 'Key' in material) material.Key.fill(0)
}

function keyBlockOf(answer: Response<'Get'>): KeyBlock | undefined {
  const { SymmetricKey, SecretData, PrivateKey, PublicKey, SplitKey, PGPKey } = answer
  return (SymmetricKey ?? SecretData ?? PrivateKey ?? PublicKey ?? SplitKey ?? PGPKey)?.KeyBlock
}
