// Counts the server's encryptions with each key and a random nonce of 96 bits. SP 800-38D §8.3 allows 2^32: beyond that two equal
// nonces become likely, and they reveal the key. The object stores the number of reserved nonces; each process reserves a block
// of them at a time, so that few encryptions wait for the disk. A process that ends loses the rest of its block.

import type { Following } from '../../custody/custody.ts'
import type { AttributeSet } from '../../../wire/kmip/attributes.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import { single, type ManagedObject } from './managed-object.ts'

/** The most random nonces of one key (SP 800-38D §8.3), how many a process reserves at once, and for how many keys it remembers its block. */
export const randomNoncesMax = 2 ** 32
export const nonceBlock = 4_096
export const nonceBlocksMax = 10_000

/** This is not an attribute of KMIP: no version shows it, and no client can name it. */
export const nonceCountKey = 'RandomNonces'

export function reservedNonces(attributes: AttributeSet): number {
  const value = attributes.get(nonceCountKey)?.[0]?.value as { readonly value: bigint } | undefined
  return value === undefined ? 0 : Number(value.value)
}

export class NonceBlocks {
  /** The nonces left in each block of this process. The most recently used blocks are last. */
  readonly #left = new Map<string, number>()

  /** Takes one nonce of the block. Returns false if a block must be reserved first. */
  take(object: ManagedObject): boolean {
    const place = placeOf(object)
    const left = this.#left.get(place) ?? 0
    if (left === 0) return false
    this.#keep(place, left - 1)
    return true
  }

  /**
   * Reserves one more block of the object and takes its first nonce. Returns the object to stage, and the step after its commit,
   * which remembers the rest of the block. Throws Fault PermissionDenied at the limit.
   */
  reserve(object: ManagedObject): { readonly object: ManagedObject; readonly following: Following } {
    const reserved = reservedNonces(object.attributes) + nonceBlock
    if (reserved > randomNoncesMax)
      throw new Fault(
        'PermissionDenied',
        'this key has encrypted with random nonces as often as is safe: take a new key (Re-key)',
      )
    const attributes = new Map(object.attributes)
    attributes.set(nonceCountKey, single({ type: 'LongInteger', value: BigInt(reserved) }))
    const after = async (): Promise<void> => this.#keep(placeOf(object), nonceBlock - 1)
    return { object: { ...object, attributes }, following: { writes: [], after } }
  }

  #keep(place: string, left: number): void {
    this.#left.delete(place)
    this.#left.set(place, left)
    const [oldest] = this.#left.keys()
    if (this.#left.size > nonceBlocksMax && oldest !== undefined) this.#left.delete(oldest)
  }
}

function placeOf({ instanceId, uniqueIdentifier }: ManagedObject): string {
  return JSON.stringify([instanceId, uniqueIdentifier])
}
