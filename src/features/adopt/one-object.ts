// One object that was read at the old server, as Mortise stores it, and the transaction that stores it.

import type { AdoptedObject } from '../../core/keys/object/adopted-object.ts'
import { sha256 } from '../../core/keys/object/digest.ts'
import type { KeyTransaction } from '../../core/keys/key-transaction.ts'
import { isDestroyed, isState } from '../../core/keys/object/lifecycle.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import type { Response } from '../../wire/kmip/operations.ts'
import type { BroughtObject } from '../../core/keys/forms/brought-object.ts'
import { broughtBy } from './key-bytes.ts'
import type { Read } from './reader.ts'
import { adoptedObject } from './received.ts'

export type Perform = <T>(work: (work: KeyTransaction) => Promise<T>) => Promise<T>

/** The object as Mortise stores it; its bytes are wiped. `notStored`, `destroyed`: why it is not stored, in words. `from`: HOST:PORT. */
export function storable(
  { identifier, object, attributes, checked, bytesOnly }: Read,
  from: string,
): { readonly adopted: AdoptedObject } | { readonly notStored: string } | { readonly destroyed: string } {
  const brought = broughtBy(object)
  if (typeof brought === 'string') return { notStored: brought }
  brought.material.bytes.fill(0)
  const { ObjectType: objectType } = object
  const about = { uniqueIdentifier: identifier, objectType, brought, attributes, from }
  const adopted = adoptedObject({ ...about, checked, bytesOnly })
  if (isState(adopted.state) && isDestroyed(adopted.state))
    return { destroyed: 'it was destroyed at the old server' }
  return { adopted }
}

/**
 * A transaction may run again, and takes the material's bytes each time. Two objects with one Name that are adopted at
 * the same time meet at the commit: the second sees the first when it is tried again.
 */
export async function inOneAct<T>(
  perform: Perform,
  object: Response<'Get'>,
  act: (work: KeyTransaction, material: BroughtObject['material']) => Promise<T>,
): Promise<T> {
  const once = () =>
    perform(async (work) => {
      const brought = broughtBy(object)
      if (typeof brought === 'string') throw new TypeError(brought)
      return act(work, brought.material)
    })
  return once().catch((error: unknown) => {
    if (error instanceof Fault && error.reason === 'NonUniqueNameAttribute') return once()
    throw error
  })
}

export const otherDigest = 'the old server gave other bytes than the Digest that it states for them'

/** Whether the old server's own Digest contradicts the bytes that it gave. It may state none that can be compared. */
export function contradictsDigest({ object, attributes }: Pick<Read, 'object' | 'attributes'>): boolean {
  const stated = attributes.flatMap(({ AttributeName, AttributeValue }) => {
    if (AttributeName !== 'Digest') return []
    const { HashingAlgorithm, DigestValue, KeyFormatType = 'Raw' } = AttributeValue as Stated
    return HashingAlgorithm === 'SHA_256' && KeyFormatType === 'Raw' && DigestValue ? [DigestValue] : []
  })
  const brought = broughtBy(object)
  if (typeof brought === 'string') return false
  const { bytes, head } = brought.material
  const digest = sha256(bytes)
  bytes.fill(0)
  const comparable = head.keyFormatType === 'Raw' && stated.length > 0
  return comparable && !stated.some((value) => digest.equals(value))
}

interface Stated {
  readonly HashingAlgorithm?: unknown
  readonly DigestValue?: Uint8Array
  readonly KeyFormatType?: unknown
}
