// A root key in memory that can be told to fail: unreachable, a no about the key, a no about one wrapped form, an
// answer that keeps one waiting. It can be rotated, and keeps standard keys (faulty-standard-keys.ts). It is held to
// the contract of every root key (test/core/sealing/keyring.test.ts).

import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, type KeyObject } from 'node:crypto'
import {
  RootKeyError,
  type RootKey,
  type RootKeyReach,
  type RootKeyVersions,
  type CorrelationIds,
} from '../../../src/core/ports/root-key.ts'
import { requirePlaintext } from '../../../src/outside/rootkey/plaintext.ts'
import { FaultyStandardKeys } from './faulty-standard-keys.ts'

const nonceBytes = 12
const tagBytes = 16

export class FaultyRootKey implements RootKey {
  readonly uri: string
  readonly standardKeys: FaultyStandardKeys
  readonly versions: RootKeyVersions
  /** Newest last. */
  readonly #keys: KeyObject[] = []
  readonly #id = randomBytes(16).toString('hex')
  /** What every call is answered with; null: as it should be. */
  fault: RootKeyReach | null = null
  /** What wrap alone is answered with, as of a root key that has expired. */
  wrapFault: RootKeyReach | null = null
  /** Wrapped forms (hex) that are refused, as if somebody had deleted them at the service. */
  readonly refused = new Set<string>()
  /** Versions, from 1, that open nothing any more, as some services may disable each. */
  readonly disabled = new Set<number>()
  /** Calls of unwrap that arrived, answered or not. */
  unwraps = 0
  /** What the calls of unwrap gave, in their order: whoever asked should have wiped it. */
  readonly opened: Uint8Array[] = []
  rewraps = 0
  /** Calls of any kind; each adds `call-NUMBER` to its correlationIds, from 1. */
  calls = 0
  /** The most calls of unwrap that were under way at once. */
  inFlightMax = 0
  #inFlight = 0
  #gate: Promise<void> = Promise.resolve()

  constructor(uri = `test:${randomBytes(4).toString('hex')}`) {
    this.uri = uri
    this.rotate()
    this.standardKeys = new FaultyStandardKeys((correlationIds) => this.#answer(correlationIds))
    this.versions = {
      of: ([version = 0]) => (this.#keys[version - 1] ? versionName(version) : ''),
      newest: async () => {
        await this.#answer()
        return versionName(this.#keys.length)
      },
      rewrap: async (wrapped, associatedData, correlationIds) => {
        this.rewraps++
        await this.#answer(correlationIds)
        const plaintext = this.#open(wrapped, associatedData)
        return this.#seal(plaintext, associatedData)
      },
    }
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

  /** From now on another version seals; what the older ones sealed still opens. */
  rotate(): void {
    this.#keys.push(createSecretKey(randomBytes(32)))
  }

  async wrap(
    plaintext: Uint8Array,
    associatedData: Uint8Array,
    correlationIds?: CorrelationIds,
  ): Promise<Uint8Array> {
    await this.#answer(correlationIds)
    if (this.wrapFault) throw new RootKeyError(this.wrapFault, `told to answer wrap ${this.wrapFault}`)
    requirePlaintext(plaintext)
    return this.#seal(plaintext, associatedData)
  }

  async unwrap(
    wrapped: Uint8Array,
    associatedData: Uint8Array,
    correlationIds?: CorrelationIds,
  ): Promise<Uint8Array> {
    this.unwraps++
    this.inFlightMax = Math.max(this.inFlightMax, ++this.#inFlight)
    try {
      await this.#answer(correlationIds)
      if (this.refused.has(Buffer.from(wrapped).toString('hex')))
        throw new RootKeyError('wrapped-form', 'this wrapped form was deleted')
      if (this.disabled.has(wrapped[0] ?? 0)) throw new RootKeyError('root-key', 'this version is disabled')
      const opened = this.#open(wrapped, associatedData)
      this.opened.push(opened)
      return opened
    } finally {
      this.#inFlight--
    }
  }

  /** Number of the version (1 byte), nonce, encrypted secret, tag. */
  #seal(plaintext: Uint8Array, associatedData: Uint8Array): Buffer {
    const version = Buffer.of(this.#keys.length)
    const nonce = randomBytes(nonceBytes)
    const cipher = createCipheriv('aes-256-gcm', this.#keyOf(version), nonce)
    cipher.setAAD(associatedData)
    return Buffer.concat([version, nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
  }

  #open(wrapped: Uint8Array, associatedData: Uint8Array): Buffer {
    if (wrapped.length < 1 + nonceBytes + tagBytes)
      throw new RootKeyError('wrapped-form', 'too short', { altered: true })
    const nonce = wrapped.subarray(1, 1 + nonceBytes)
    const decipher = createDecipheriv('aes-256-gcm', this.#keyOf(wrapped), nonce)
    decipher.setAAD(associatedData)
    decipher.setAuthTag(wrapped.subarray(-tagBytes))
    const plaintext = decipher.update(wrapped.subarray(1 + nonceBytes, -tagBytes))
    try {
      decipher.final()
    } catch (cause) {
      throw new RootKeyError('wrapped-form', 'not sealed by this key', { cause, altered: true })
    }
    return plaintext
  }

  #keyOf([version = 0]: Uint8Array): KeyObject {
    const key = this.#keys[version - 1]
    if (!key)
      throw new RootKeyError('wrapped-form', `there is no version ${version} of this key`, { altered: true })
    return key
  }

  async #answer(correlationIds?: CorrelationIds): Promise<void> {
    this.calls++
    correlationIds?.add(`call-${this.calls}`)
    const { fault } = this
    await this.#gate
    if (fault) throw new RootKeyError(fault, `told to answer ${fault}`)
  }
}

function versionName(number: number): string {
  return `version-${number}`
}
