// The acts of a transaction that compute, with keys or without. Each names itself for the audit, as those of key-transaction.ts
// do.

import { Fault } from '../../wire/kmip/fault.ts'
import type { Computed } from './transaction/computations.ts'
import { deriveKey, type DeriveRequest } from './use/derive-key.ts'
import { decapsulate, encapsulate, type KemRequest } from './use/encapsulation.ts'
import type { TransactionObjects } from './transaction/transaction-objects.ts'
import { hash, useKey, type DataRequest, type KeyUseRequest } from './use/use-key.ts'

/** The most random bytes in one request. */
export const randomBytesMax = 512 * 1024

export class CryptoActs {
  readonly #objects: TransactionObjects

  constructor(objects: TransactionObjects) {
    this.#objects = objects
  }

  /** Encrypts, decrypts, signs, makes a MAC, or verifies. */
  async use(request: KeyUseRequest): Promise<Computed> {
    return useKey(this.#objects, request)
  }

  /** Derives a key or Secret Data from other objects. Returns its identifier. */
  async derive(request: DeriveRequest): Promise<string> {
    return deriveKey(this.#objects, request)
  }

  /** Makes a secret for the holder of a private key. Returns its identifier, and the data that the holder needs. */
  async encapsulate(request: KemRequest): ReturnType<typeof encapsulate> {
    return encapsulate(this.#objects, request)
  }

  /** Returns the identifier of the secret. */
  async decapsulate(request: Parameters<typeof decapsulate>[1]): Promise<string> {
    return decapsulate(this.#objects, request)
  }

  async hash(request: DataRequest): Promise<Computed> {
    return hash(this.#objects, request)
  }

  /** Returns random bytes. Throws Fault InvalidField for an invalid or too large length. */
  async random(bytes: number): Promise<Uint8Array> {
    const { staged } = this.#objects
    staged.begin('crypto.random', null)
    if (bytes < 1 || bytes > randomBytesMax)
      throw new Fault('InvalidField', `Data Length is 1 to ${String(randomBytesMax)} bytes`)
    const { data } = await this.#objects.compute('random', { bytes })
    staged.opened(data)
    staged.done({ detail: { bytes } })
    return data
  }

  /** Enters that a client sent a seed, which the server does not use. */
  seed(bytes: number): void {
    const { staged } = this.#objects
    staged.begin('crypto.seed', null)
    staged.done({ detail: { bytes } })
  }
}
