// Hashes and message authentication codes over data in one or more parts: HMAC (FIPS 198-1), and CMAC (SP 800-38B), which this
// file builds from the block cipher, because Node lacks it.

import { createCipheriv, createHash, createHmac, timingSafeEqual, type Hash, type Hmac } from 'node:crypto'
import { blockCiphers, hashes } from './algorithms.ts'
import { requireApprovedHash } from './approved.ts'
import { CryptoError } from './error.ts'
import { copyOf } from './own-bytes.ts'
import { nothingYet, type Ending, type Finished, type CryptoMachine } from './machine.ts'

/** Node's name of a hash. `name`: KMIP's. Throws CryptoError `unsupported`. */
export function hashName(name: string | undefined): string {
  if (name !== undefined) requireApprovedHash(name)
  const hash = name === undefined ? undefined : hashes[name]
  if (hash !== undefined) return hash
  if (name === undefined)
    throw new CryptoError('unsupported', 'the Cryptographic Parameters name no Hashing Algorithm')
  throw new CryptoError('unsupported', `this server does not hash with ${name}`)
}

export class Hashing implements CryptoMachine {
  readonly #hash: Hash

  constructor({ hash }: { readonly hash: string | undefined }) {
    this.#hash = createHash(hashName(hash))
  }

  update(data: Uint8Array): Uint8Array {
    this.#hash.update(data)
    return nothingYet
  }

  finish(): { readonly data: Uint8Array } {
    return { data: this.#hash.digest() }
  }
}

/** An HMAC with one of Node's hashes, or the CMAC of a block cipher with KMIP's name. */
export type MacAlgorithm = { readonly hmac: string } | { readonly cmac: string }

export interface MacOpening {
  readonly key: Uint8Array
  readonly algorithm: MacAlgorithm
  /** The MAC to verify. The end then returns whether it is right, and not the MAC itself. It may also come with the last part. */
  readonly verify?: boolean | undefined
  readonly expected?: Uint8Array | undefined
}

export class MacMachine implements CryptoMachine {
  readonly #mac: Hmac | Cmac
  readonly #verify: boolean
  readonly #expected: Uint8Array | undefined

  constructor({ key, algorithm, verify = false, expected }: MacOpening) {
    this.#mac = 'hmac' in algorithm ? createHmac(algorithm.hmac, key) : new Cmac(algorithm.cmac, key)
    this.#verify = verify
    // A copy, since the caller overwrites its own.
    this.#expected = expected && copyOf(expected)
  }

  update(data: Uint8Array): Uint8Array {
    this.#mac.update(data)
    return nothingYet
  }

  finish({ expected = this.#expected }: Ending): Finished {
    const mac = this.#mac.digest()
    if (!this.#verify) return { data: mac }
    if (!expected) throw new CryptoError('invalid', 'there is no MAC to verify')
    return { valid: mac.length === expected.length && timingSafeEqual(mac, expected) }
  }
}

class Cmac {
  readonly #blockBytes: number
  readonly #cipher: string
  readonly #key: Uint8Array
  readonly #chain
  /** The last block so far, since the end treats it differently. */
  #held: Uint8Array = new Uint8Array(0)

  constructor(algorithm: string, key: Uint8Array) {
    const block = blockCiphers[algorithm]
    const base = block?.byKeyBytes[key.length]
    if (!block || base === undefined)
      throw new CryptoError(
        'unsupported',
        `there is no CMAC of ${algorithm} with a key of ${String(key.length * 8)} bits`,
      )
    this.#blockBytes = block.blockBytes
    this.#cipher = base
    this.#key = copyOf(key)
    this.#chain = createCipheriv(`${base}-cbc`, key, new Uint8Array(block.blockBytes)).setAutoPadding(false)
  }

  update(data: Uint8Array): void {
    const all = Buffer.concat([this.#held, data])
    const whole = all.length === 0 ? 0 : Math.floor((all.length - 1) / this.#blockBytes) * this.#blockBytes
    if (whole > 0) this.#chain.update(all.subarray(0, whole))
    this.#held = copyOf(all.subarray(whole))
    all.fill(0)
  }

  digest(): Buffer {
    const first = double(this.#encryptedZeros())
    const last = new Uint8Array(this.#blockBytes)
    last.set(this.#held)
    const whole = this.#held.length === this.#blockBytes
    if (!whole) last[this.#held.length] = 0x80
    const subkey = whole ? first : double(first)
    for (const [index, byte] of subkey.entries()) last[index] = (last[index] ?? 0) ^ byte
    this.#key.fill(0)
    return this.#chain.update(last)
  }

  #encryptedZeros(): Uint8Array {
    const cipher = createCipheriv(`${this.#cipher}-ecb`, this.#key, null).setAutoPadding(false)
    return cipher.update(new Uint8Array(this.#blockBytes))
  }
}

/** SP 800-38B §6.1: multiplies by x in the field of the block's size. */
function double(block: Uint8Array): Uint8Array {
  const doubled = new Uint8Array(block.length)
  for (let index = 0; index < block.length; index++)
    doubled[index] = (((block[index] ?? 0) << 1) | ((block[index + 1] ?? 0) >>> 7)) & 0xff
  const carry = (block[0] ?? 0) >>> 7
  const reduction = block.length === 16 ? 0x87 : 0x1b
  const at = block.length - 1
  doubled[at] = (doubled[at] ?? 0) ^ (carry * reduction)
  return doubled
}
