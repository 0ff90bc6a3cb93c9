// RSA (RFC 8017): encryption with OAEP and PKCS#1 v1.5, and signatures of a digest with PSS and PKCS#1 v1.5. OpenSSL does the
// arithmetic. This file computes the encodings with a mask, because Node has no separate hash for the mask and signs no digests.

import {
  constants,
  createHash,
  privateDecrypt,
  privateEncrypt,
  publicDecrypt,
  publicEncrypt,
  randomBytes,
  timingSafeEqual,
  type KeyObject,
} from 'node:crypto'
import { CryptoError, decryptionFailed } from './error.ts'
import { copyOf } from './own-bytes.ts'

/** By Node's names of the hashes. */
export interface MaskedPadding {
  readonly hash: string
  readonly maskHash: string
}

export type RsaEncryptionScheme =
  | ({ readonly padding: 'OAEP'; readonly label: Uint8Array } & MaskedPadding)
  | { readonly padding: 'PKCS1V1_5' }

export type RsaSignatureScheme =
  /** `saltBytes`: absent means the length of the hash, and any length in a verification. */
  | ({ readonly padding: 'PSS'; readonly saltBytes?: number | undefined } & MaskedPadding)
  /** Without a hash, the data is signed as it is. */
  | { readonly padding: 'PKCS1V1_5'; readonly hash?: string | undefined }

function bitsOf(key: KeyObject): number {
  const bits = key.asymmetricKeyDetails?.modulusLength
  if (bits === undefined) throw new CryptoError('invalid', 'this is not an RSA key')
  return bits
}

/** RFC 8017 §7.1.2, §8.1.2: whether the data has its full length. OpenSSL would accept data without its leading zero bytes. */
function isWhole(key: KeyObject, data: Uint8Array): boolean {
  return data.length === Math.ceil(bitsOf(key) / 8)
}

function digest(hash: string, ...parts: readonly Uint8Array[]): Buffer {
  const made = createHash(hash)
  for (const part of parts) made.update(part)
  return made.digest()
}

/** Masks `target` (RFC 8017 §B.2.1). */
function mask(hash: string, seed: Uint8Array, target: Uint8Array): void {
  let at = 0
  for (let counter = 0; at < target.length; counter++) {
    const number = Buffer.alloc(4)
    number.writeUInt32BE(counter)
    for (const byte of digest(hash, seed, number).subarray(0, target.length - at)) {
      target[at] = (target[at] ?? 0) ^ byte
      at += 1
    }
  }
}

// ---------------------------------------------------------------- Encryption

export function rsaEncrypt(key: KeyObject, scheme: RsaEncryptionScheme, data: Uint8Array): Buffer {
  const bytes = Math.ceil(bitsOf(key) / 8)
  if (scheme.padding === 'PKCS1V1_5') {
    requireRoom(data.length, bytes - 11)
    return publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, data)
  }
  const encoded = oaepEncode(scheme, data, bytes)
  try {
    return publicEncrypt({ key, padding: constants.RSA_NO_PADDING }, encoded)
  } finally {
    encoded.fill(0)
  }
}

/**
 * For wrong padding of PKCS#1 v1.5, OpenSSL returns other bytes and no error, so that an attacker learns nothing (implicit
 * rejection).
 */
export function rsaDecrypt(key: KeyObject, scheme: RsaEncryptionScheme, data: Uint8Array): Uint8Array {
  if (!isWhole(key, data)) throw decryptionFailed()
  let encoded: Buffer | undefined
  try {
    if (scheme.padding === 'PKCS1V1_5')
      return privateDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, data)
    encoded = privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, data)
    const plain = oaepDecode(scheme, encoded)
    if (plain) return plain
  } catch {
    // Every failure has the same answer, below.
  } finally {
    encoded?.fill(0)
  }
  throw decryptionFailed()
}

function requireRoom(length: number, max: number): void {
  if (length > max)
    throw new CryptoError('invalid', `this key and padding encrypt at most ${String(Math.max(0, max))} bytes`)
}

type Oaep = RsaEncryptionScheme & { readonly padding: 'OAEP' }

/** RFC 8017 §7.1.1 step 2. */
function oaepEncode({ hash, maskHash, label }: Oaep, data: Uint8Array, bytes: number): Buffer {
  const labelHash = digest(hash, label)
  const { length: hashBytes } = labelHash
  requireRoom(data.length, bytes - 2 * hashBytes - 2)
  const encoded = Buffer.alloc(bytes)
  const seed = encoded.subarray(1, 1 + hashBytes)
  const block = encoded.subarray(1 + hashBytes)
  block.set(labelHash)
  block[block.length - data.length - 1] = 1
  block.set(data, block.length - data.length)
  seed.set(randomBytes(hashBytes))
  mask(maskHash, seed, block)
  mask(maskHash, block, seed)
  return encoded
}

/** RFC 8017 §7.1.2 step 3. It looks at all bytes, so that the time does not reveal which one is wrong. */
function oaepDecode({ hash, maskHash, label }: Oaep, encoded: Buffer): Uint8Array | undefined {
  const labelHash = digest(hash, label)
  const { length: hashBytes } = labelHash
  if (encoded.length < 2 * hashBytes + 2) return undefined
  const seed = encoded.subarray(1, 1 + hashBytes)
  const block = encoded.subarray(1 + hashBytes)
  mask(maskHash, block, seed)
  mask(maskHash, seed, block)
  let wrong = encoded[0] ?? 1
  for (const [index, byte] of labelHash.entries()) wrong |= byte ^ (block[index] ?? 0)
  let searching = 1
  let start = 0
  for (let index = hashBytes; index < block.length; index++) {
    const byte = block[index] ?? 0
    const isOne = isZero(byte ^ 1)
    start |= -(searching & isOne) & (index + 1)
    wrong |= searching & ~isOne & ~isZero(byte) & 1
    searching &= ~isOne
  }
  wrong |= searching
  return wrong === 0 ? copyOf(block.subarray(start)) : undefined
}

/** 1 for 0, and 0 for any other byte. */
function isZero(byte: number): number {
  return (byte - 1) >>> 31
}

// ---------------------------------------------------------------- Signatures

/** `data`: the digest. Without a hash: the data to sign as it is. */
export function rsaSign(key: KeyObject, scheme: RsaSignatureScheme, data: Uint8Array): Buffer {
  const bits = bitsOf(key)
  requireDigest(scheme.hash, data)
  if (scheme.padding === 'PKCS1V1_5') {
    const info = digestInfo(scheme.hash, data)
    if (info.length > Math.ceil(bits / 8) - 11)
      throw new CryptoError('invalid', 'the key is too short for this hash or this data')
    return privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, info)
  }
  const encoded = pssEncode(scheme, data, bits - 1)
  return privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, padded(encoded, Math.ceil(bits / 8)))
}

export function rsaVerify(
  key: KeyObject,
  scheme: RsaSignatureScheme,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  const bits = bitsOf(key)
  requireDigest(scheme.hash, data)
  if (!isWhole(key, signature)) return false
  const padding = scheme.padding === 'PSS' ? constants.RSA_NO_PADDING : constants.RSA_PKCS1_PADDING
  let opened: Buffer
  try {
    opened = publicDecrypt({ key, padding }, signature)
  } catch {
    return false
  }
  if (scheme.padding === 'PSS') return isPss(scheme, data, opened, bits - 1)
  const expected = digestInfo(scheme.hash, data)
  return opened.length === expected.length && timingSafeEqual(opened, expected)
}

function requireDigest(hash: string | undefined, data: Uint8Array): void {
  if (hash === undefined) return
  const { length } = digest(hash)
  if (data.length !== length)
    throw new CryptoError(
      'invalid',
      `a digest of this hash has ${String(length)} bytes, not ${String(data.length)}`,
    )
}

/** Adds leading zeros up to the length of the modulus. */
function padded(encoded: Uint8Array, bytes: number): Buffer {
  return Buffer.concat([Buffer.alloc(bytes - encoded.length), encoded])
}

/** RFC 8017 §9.1.1, from step 3 on. */
function pssEncode(
  { hash, maskHash, saltBytes }: RsaSignatureScheme & { readonly padding: 'PSS' },
  data: Uint8Array,
  bits: number,
): Buffer {
  const encoded = Buffer.alloc(Math.ceil(bits / 8))
  const blockBytes = encoded.length - data.length - 1
  const wantedBytes = saltBytes ?? data.length
  if (wantedBytes < 0) throw new CryptoError('invalid', 'a salt has no negative length')
  // Before the salt is made, since a client may ask for a salt of two gigabytes.
  if (blockBytes < wantedBytes + 1)
    throw new CryptoError('invalid', 'the key is too short for this hash and salt')
  const salt = randomBytes(wantedBytes)
  const block = encoded.subarray(0, blockBytes)
  const hashed = digest(hash, Buffer.alloc(8), data, salt)
  block[blockBytes - salt.length - 1] = 1
  block.set(salt, blockBytes - salt.length)
  mask(maskHash, hashed, block)
  block[0] = (block[0] ?? 0) & (0xff >> (8 * encoded.length - bits))
  encoded.set(hashed, blockBytes)
  encoded[encoded.length - 1] = 0xbc
  return encoded
}

/** RFC 8017 §9.1.2. All values here are public, so its time may vary. */
function isPss(
  { hash, maskHash, saltBytes }: RsaSignatureScheme & { readonly padding: 'PSS' },
  data: Uint8Array,
  opened: Buffer,
  bits: number,
): boolean {
  const bytes = Math.ceil(bits / 8)
  const before = opened.subarray(0, opened.length - bytes)
  const encoded = opened.subarray(opened.length - bytes)
  const blockBytes = bytes - data.length - 1
  if (before.some((byte) => byte !== 0) || blockBytes < 1 || encoded.at(-1) !== 0xbc) return false
  const block = encoded.subarray(0, blockBytes)
  const hashed = encoded.subarray(blockBytes, -1)
  const unusedBits = 8 * bytes - bits
  if ((block[0] ?? 0) >> (8 - unusedBits) !== 0) return false
  mask(maskHash, hashed, block)
  block[0] = (block[0] ?? 0) & (0xff >> unusedBits)
  const one = block.findIndex((byte) => byte !== 0)
  if (one < 0 || block[one] !== 1) return false
  const salt = block.subarray(one + 1)
  if (saltBytes !== undefined && salt.length !== saltBytes) return false
  return timingSafeEqual(digest(hash, Buffer.alloc(8), data, salt), hashed)
}

/** RFC 8017 §9.2: the prefixes of the hashes in DER, with their object identifiers. */
const identifiers: Readonly<Record<string, string>> = {
  md5: '2a864886f70d0205',
  sha1: '2b0e03021a',
  ripemd160: '2b24030201',
  sha224: '608648016503040204',
  sha256: '608648016503040201',
  sha384: '608648016503040202',
  sha512: '608648016503040203',
  'sha512-224': '608648016503040205',
  'sha512-256': '608648016503040206',
  'sha3-224': '608648016503040207',
  'sha3-256': '608648016503040208',
  'sha3-384': '608648016503040209',
  'sha3-512': '60864801650304020a',
}

function digestInfo(hash: string | undefined, data: Uint8Array): Uint8Array {
  if (hash === undefined) return data
  const identifier = Buffer.from(identifiers[hash] ?? '', 'hex')
  if (identifier.length === 0) throw new CryptoError('unsupported', 'there is no signature with this hash')
  const algorithm = Buffer.concat([Buffer.of(0x06, identifier.length), identifier, Buffer.of(0x05, 0)])
  const body = Buffer.concat([
    Buffer.of(0x30, algorithm.length),
    algorithm,
    Buffer.of(0x04, data.length),
    data,
  ])
  return Buffer.concat([Buffer.of(0x30, body.length), body])
}
