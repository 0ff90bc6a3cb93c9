// Symmetric ciphers over data in one or more parts. Data with a tag is decrypted only when all of it is there and its tag is
// right. Every failure of a decryption has the same answer.

import { createCipheriv, createDecipheriv, type CipherGCM, type DecipherGCM } from 'node:crypto'
import { cryptoHeldBytesMax } from './bounds.ts'
import { checkedIv, cipherSetting, type CipherSetting, type CipherParameters } from './cipher-setting.ts'
import { CryptoError, decryptionFailed } from './error.ts'
import { copyOf } from './own-bytes.ts'
import { nothingYet, type Ending, type Finished, type CryptoMachine } from './machine.ts'
import { dataInLastBlock, padBytes } from './padding.ts'

export interface CipherOpening {
  readonly key: Uint8Array
  readonly cipher: CipherParameters
  readonly iv?: Uint8Array | undefined
  /** Additional data that the tag authenticates. */
  readonly aad?: Uint8Array | undefined
  /** For decryption. The tag may also come with the last part. */
  readonly tag?: Uint8Array | undefined
  /** Whether the data ends with the tag. */
  readonly tagAppended?: boolean | undefined
  /** The length of the whole data, which CCM must know. Undefined: the data comes in parts. */
  readonly totalBytes?: number | undefined
}

/** Node has one type for all ciphers with tags. */
type Cipher = CipherGCM
type Decipher = DecipherGCM

function options({ kind, tagBytes }: CipherSetting): object {
  return kind === 'aead' ? { authTagLength: tagBytes } : {}
}

/** Refuses parts for modes that must know the length, or that take the data as one unit. Throws CryptoError `unsupported`. */
function requireWhole(setting: CipherSetting, { totalBytes }: CipherOpening): void {
  const needsWhole = setting.kind === 'unit' || setting.kind === 'wrap' || setting.cipher.endsWith('-ccm')
  if (needsWhole && totalBytes === undefined)
    throw new CryptoError('unsupported', 'this mode takes the data in one request, not in parts')
}

function withAad(cipher: Cipher | Decipher, setting: CipherSetting, opening: CipherOpening): void {
  const { aad, totalBytes } = opening
  if (setting.kind !== 'aead') {
    if (aad && aad.length > 0) throw new CryptoError('invalid', 'this mode takes no additional data')
    return
  }
  if (setting.cipher.endsWith('-ccm')) {
    cipher.setAAD(aad ?? new Uint8Array(0), { plaintextLength: totalBytes ?? 0 })
  } else if (aad && aad.length > 0) cipher.setAAD(aad, { plaintextLength: totalBytes ?? 0 })
}

export class Encryption implements CryptoMachine {
  readonly #setting: CipherSetting
  readonly #cipher: Cipher
  #bytes = 0

  /** Throws CryptoErrors. */
  constructor(opening: CipherOpening) {
    const { key, cipher: parameters, iv } = opening
    this.#setting = cipherSetting(parameters, key.length)
    requireWhole(this.#setting, opening)
    const checked = checkedIv(this.#setting, iv)
    this.#cipher = valid(
      () => createCipheriv(this.#setting.cipher, key, checked, options(this.#setting)) as Cipher,
    )
    if (this.#setting.kind === 'blocks') this.#cipher.setAutoPadding(false)
    withAad(this.#cipher, this.#setting, opening)
  }

  update(data: Uint8Array): Uint8Array {
    this.#bytes += data.length
    return valid(() => this.#cipher.update(data))
  }

  finish(): Finished {
    const { padding, blockBytes, kind, leastBytes } = this.#setting
    if (this.#bytes < leastBytes)
      throw new CryptoError('invalid', `this mode takes at least ${String(leastBytes)} bytes`)
    const used = this.#bytes % blockBytes
    if (padding === 'None' && used !== 0)
      throw new CryptoError(
        'invalid',
        `without padding the data is a multiple of ${String(blockBytes)} bytes`,
      )
    const pad =
      padding === 'None' ? new Uint8Array(0) : this.#cipher.update(padBytes(padding, used, blockBytes))
    const data = Buffer.concat([pad, valid(() => this.#cipher.final())])
    return kind === 'aead' ? { data, tag: this.#cipher.getAuthTag() } : { data }
  }
}

export function openDecryption(opening: CipherOpening): CryptoMachine {
  const setting = cipherSetting(opening.cipher, opening.key.length)
  return setting.kind === 'aead' ? new TaggedDecryption(setting, opening) : new Decryption(setting, opening)
}

class Decryption implements CryptoMachine {
  readonly #setting: CipherSetting
  readonly #decipher: Decipher
  /** The last block of padded data so far. */
  #held: Uint8Array = new Uint8Array(0)
  #bytes = 0

  constructor(setting: CipherSetting, opening: CipherOpening) {
    requireWhole(setting, opening)
    const iv = checkedIv(setting, opening.iv)
    this.#setting = setting
    this.#decipher = valid(() => createDecipheriv(setting.cipher, opening.key, iv) as Decipher)
    if (setting.kind === 'blocks') this.#decipher.setAutoPadding(false)
    withAad(this.#decipher, setting, opening)
  }

  update(data: Uint8Array): Uint8Array {
    const plain = decrypted(() => this.#decipher.update(data))
    this.#bytes += plain.length
    if (this.#setting.padding === 'None' || plain.length === 0) return plain
    const before = this.#held
    const last = plain.length - this.#setting.blockBytes
    this.#held = copyOf(plain.subarray(last))
    const now = Buffer.concat([before, plain.subarray(0, last)])
    before.fill(0)
    plain.fill(0)
    return now
  }

  finish(): Finished {
    const rest = decrypted(() => this.#decipher.final())
    const { padding, leastBytes } = this.#setting
    if (this.#bytes + rest.length < leastBytes) throw decryptionFailed()
    if (padding === 'None') return { data: rest }
    const count = this.#held.length === 0 ? undefined : dataInLastBlock(padding, this.#held)
    if (count === undefined) {
      this.#held.fill(0)
      throw decryptionFailed()
    }
    return { data: this.#held.subarray(0, count) }
  }
}

/** Holds the data back until all of it and its tag are there, and then decrypts it. */
class TaggedDecryption implements CryptoMachine {
  readonly #setting: CipherSetting
  readonly #opening: CipherOpening
  readonly #held: Uint8Array[] = []
  #heldBytes = 0

  constructor(setting: CipherSetting, opening: CipherOpening) {
    checkedIv(setting, opening.iv)
    this.#setting = setting
    // Copies, since the caller overwrites its own.
    const { key, iv, aad, tag } = opening
    this.#opening = { ...opening, key: copyOf(key), iv: own(iv), aad: own(aad), tag: own(tag) }
  }

  update(data: Uint8Array): Uint8Array {
    this.#heldBytes += data.length
    if (this.#heldBytes > cryptoHeldBytesMax)
      throw new CryptoError(
        'invalid',
        'data with a tag is decrypted up to a megabyte, since it leaves only when its tag is right',
      )
    this.#held.push(copyOf(data))
    return nothingYet
  }

  finish(ending: Ending): Finished {
    const { key, tagAppended, tag: early, iv, aad } = this.#opening
    const { cipher, tagBytes } = this.#setting
    const all = Buffer.concat(this.#held)
    const end = tagAppended ? all.length - tagBytes : all.length
    const tag = tagAppended && end >= 0 ? all.subarray(end) : (early ?? ending.tag)
    try {
      if (tag?.length !== tagBytes) throw decryptionFailed()
      const data = all.subarray(0, end)
      const decipher = createDecipheriv(cipher, key, iv ?? null, options(this.#setting)) as Decipher
      decipher.setAuthTag(tag)
      withAad(decipher, this.#setting, { ...this.#opening, aad, totalBytes: data.length })
      return { data: authentic(decipher, data) }
    } catch {
      throw decryptionFailed()
    } finally {
      key.fill(0)
    }
  }
}

function own(bytes: Uint8Array | undefined): Uint8Array | undefined {
  return bytes && copyOf(bytes)
}

/** Decrypts the data. Throws if its tag is wrong. */
function authentic(decipher: Decipher, data: Uint8Array): Uint8Array {
  const plain = decipher.update(data)
  try {
    decipher.final()
    return plain
  } catch (error) {
    plain.fill(0)
    throw error
  }
}

/** Turns an error of OpenSSL (an XTS key with equal halves, a wrap of the wrong length) into a CryptoError. */
function valid<T>(act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw new CryptoError('invalid', 'the key or the data does not fit the algorithm and its mode', {
      cause: error,
    })
  }
}

function decrypted<T>(act: () => T): T {
  try {
    return act()
  } catch {
    throw decryptionFailed()
  }
}
