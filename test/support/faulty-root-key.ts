// A root key in memory that can be told to fail: unreachable, a no about the key, a no about one wrapped form, an
// answer that keeps one waiting. It is held to the contract of every root key (test/keys-keyring.test.ts).

import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, type KeyObject } from 'node:crypto'
import { RootKeyError, type RootKey, type RootKeyReach } from '../../src/keys/ports.ts'
import { limits } from '../../src/limits.ts'

const nonceBytes = 12
const tagBytes = 16

export class FaultyRootKey implements RootKey {
  readonly uri: string
  #key: KeyObject
  #id: string
  /** What every call is answered with; null: as it should be. */
  fault: RootKeyReach | null = null
  /** Wrapped forms (hex) that are refused, as if somebody had deleted them at the service. */
  readonly refused = new Set<string>()
  /** Calls of unwrap that arrived, answered or not. */
  unwraps = 0
  /** The most calls of unwrap that were under way at once. */
  inFlightMax = 0
  #inFlight = 0
  #gate: Promise<void> = Promise.resolve()

  constructor(uri = `test:${randomBytes(4).toString('hex')}`) {
    this.uri = uri
    this.#key = createSecretKey(randomBytes(32))
    this.#id = randomBytes(16).toString('hex')
  }

  get id(): string {
    return this.#id
  }

  /** Keeps all calls waiting until the returned function is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#gate = promise
    return resolve
  }

  async wrap(plaintext: Uint8Array, associatedData: Uint8Array): Promise<Uint8Array> {
    await this.#answer()
    if (plaintext.length > limits.rootKeyPlaintextBytesMax)
      throw new RootKeyError('wrapped-form', 'that is too much to seal')
    const nonce = randomBytes(nonceBytes)
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce)
    cipher.setAAD(associatedData)
    return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
  }

  async unwrap(wrapped: Uint8Array, associatedData: Uint8Array): Promise<Uint8Array> {
    this.unwraps++
    this.inFlightMax = Math.max(this.inFlightMax, ++this.#inFlight)
    try {
      await this.#answer()
      if (this.refused.has(Buffer.from(wrapped).toString('hex')))
        throw new RootKeyError('wrapped-form', 'this wrapped form was deleted')
      return this.#open(wrapped, associatedData)
    } finally {
      this.#inFlight--
    }
  }

  #open(wrapped: Uint8Array, associatedData: Uint8Array): Buffer {
    if (wrapped.length < nonceBytes + tagBytes) throw new RootKeyError('wrapped-form', 'too short')
    const decipher = createDecipheriv('aes-256-gcm', this.#key, wrapped.subarray(0, nonceBytes))
    decipher.setAAD(associatedData)
    decipher.setAuthTag(wrapped.subarray(-tagBytes))
    const plaintext = decipher.update(wrapped.subarray(nonceBytes, -tagBytes))
    try {
      decipher.final()
    } catch (cause) {
      throw new RootKeyError('wrapped-form', 'not sealed by this key', { cause })
    }
    return plaintext
  }

  async #answer(): Promise<void> {
    const { fault } = this
    await this.#gate
    if (fault) throw new RootKeyError(fault, `told to answer ${fault}`)
  }
}
