// Computes with public and private keys over data in one or more parts: RSA encryption, and signatures by RSA, ECDSA and EdDSA.

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  decapsulate,
  diffieHellman,
  encapsulate,
  sign,
  verify,
  X509Certificate,
  type Hash,
  type KeyObject,
} from 'node:crypto'
import { cryptoHeldBytesMax, rsaBitsMax } from './bounds.ts'
import { CryptoError } from './error.ts'
import { requireDigestCurve, signDigest, verifyDigest } from './curve-digests.ts'
import { copyOf } from './own-bytes.ts'
import { nothingYet, type Ending, type Finished, type CryptoMachine } from './machine.ts'
import {
  rsaDecrypt,
  rsaEncrypt,
  rsaSign,
  rsaVerify,
  type RsaEncryptionScheme,
  type RsaSignatureScheme,
} from './rsa.ts'

/** The most data of one RSA encryption: as long as the longest modulus. */
const rsaDataBytesMax = 2_048

/**
 * A key in DER: PKCS#8, SubjectPublicKeyInfo, or an X.509 certificate with its key. A private key also serves as its public half.
 */
export type AsymmetricKey =
  { readonly pkcs8: Uint8Array } | { readonly spki: Uint8Array } | { readonly certificate: Uint8Array }

function privateKey(key: AsymmetricKey): KeyObject {
  if (!('pkcs8' in key)) throw new CryptoError('invalid', 'this needs a private key')
  return readable(() => createPrivateKey({ key: Buffer.from(key.pkcs8), format: 'der', type: 'pkcs8' }))
}

function publicKey(key: AsymmetricKey): KeyObject {
  if ('pkcs8' in key) return createPublicKey(privateKey(key))
  if ('certificate' in key) return readable(() => new X509Certificate(key.certificate).publicKey)
  return readable(() => createPublicKey({ key: Buffer.from(key.spki), format: 'der', type: 'spki' }))
}

function readable(read: () => KeyObject): KeyObject {
  try {
    return read()
  } catch (error) {
    throw new CryptoError('unsupported', 'this server cannot compute with a key of this kind', {
      cause: error,
    })
  }
}

export interface AgreeInput {
  readonly privateKey: Uint8Array
  readonly publicKey: Uint8Array
  readonly bytes: number
}

/** The first bytes of the shared secret of a Diffie-Hellman agreement, on curves or in a prime field (SP 800-56A). */
export function agree({ privateKey: own, publicKey: other, bytes }: AgreeInput): {
  readonly data: Uint8Array
} {
  const keys = { privateKey: privateKey({ pkcs8: own }), publicKey: publicKey({ spki: other }) }
  const secret = fitting(() => diffieHellman(keys))
  try {
    if (secret.length < bytes)
      throw new CryptoError(
        'failed',
        `these keys agree on ${String(secret.length)} bytes, fewer than the key has`,
      )
    return { data: copyOf(secret.subarray(0, bytes)) }
  } finally {
    secret.fill(0)
  }
}

/** Key encapsulation mechanisms, by KMIP's names (3.0, a draft): SP 800-56B §7.2.1, RFC 9180 §4.1, FIPS 203. */
export type Kem = 'RSASVE' | 'DHKEM' | 'MLKEM'

export interface KemInput {
  readonly key: AsymmetricKey
  /** Absent: the mechanism that keys of this kind have. */
  readonly kem?: Kem | undefined
}

/** Makes a new secret, and the encapsulated form from which only the private key can derive it. */
export function encapsulateFor({ key, kem }: KemInput): {
  readonly data: Uint8Array
  readonly encapsulated: Uint8Array
} {
  const recipient = publicKey(key)
  requireKem(recipient, kem)
  const { sharedKey, ciphertext } = fitting(() => encapsulate(recipient))
  try {
    return { data: copyOf(sharedKey), encapsulated: copyOf(ciphertext) }
  } finally {
    sharedKey.fill(0)
  }
}

/** With ML-KEM, a changed ciphertext yields another secret and no error (FIPS 203 §6.3). */
export function decapsulateBy({ key, kem, encapsulated }: KemInput & { readonly encapsulated: Uint8Array }): {
  readonly data: Uint8Array
} {
  const own = privateKey(key)
  requireKem(own, kem)
  const secret = fitting(() => decapsulate(own, encapsulated))
  try {
    return { data: copyOf(secret) }
  } finally {
    secret.fill(0)
  }
}

function requireKem({ asymmetricKeyType: type }: KeyObject, kem: Kem | undefined): void {
  const own = type?.startsWith('ml-kem') === true ? 'MLKEM' : kems[type ?? '']
  if (own === undefined) throw new CryptoError('invalid', 'no secret is encapsulated for a key of this kind')
  if (kem === undefined || kem === own) return
  throw new CryptoError('invalid', `the KEM Algorithm is ${kem}, and the key is one for ${own}`)
}

const kems: Readonly<Record<string, Kem>> = { rsa: 'RSASVE', ec: 'DHKEM', x25519: 'DHKEM', x448: 'DHKEM' }

/** Turns an error of OpenSSL about keys that do not belong together, or about a wrong number in a key, into a CryptoError. */
function fitting<T>(compute: () => T): T {
  try {
    return compute()
  } catch (error) {
    if (error instanceof CryptoError) throw error
    throw new CryptoError('invalid', 'the key does not fit this computation', { cause: error })
  }
}

export interface RsaOpening {
  readonly key: AsymmetricKey
  readonly scheme: RsaEncryptionScheme
}

/** RSA encrypts one block, so this holds all parts until the last one. */
export class RsaCipher implements CryptoMachine {
  readonly #held: Held = new Held(rsaDataBytesMax)
  readonly #compute: (data: Uint8Array) => Uint8Array

  constructor({ key, scheme }: RsaOpening, direction: 'encrypt' | 'decrypt') {
    const read = direction === 'encrypt' ? publicKey(key) : privateKey(key)
    requireRsa(read)
    this.#compute = (data) =>
      direction === 'encrypt' ? rsaEncrypt(read, scheme, data) : rsaDecrypt(read, scheme, data)
  }

  update(data: Uint8Array): Uint8Array {
    this.#held.add(data)
    return nothingYet
  }

  finish(): Finished {
    const data = this.#held.take()
    try {
      return { data: fitting(() => this.#compute(data)) }
    } finally {
      data.fill(0)
    }
  }
}

export type SignatureScheme =
  | ({ readonly scheme: 'rsa' } & RsaSignatureScheme)
  /** `hash`: absent means the hash that suits the curve. */
  | { readonly scheme: 'ec'; readonly hash?: string | undefined }

export interface SignatureOpening {
  readonly key: AsymmetricKey
  readonly scheme: SignatureScheme
  /** Whether the data is already the digest. */
  readonly digested?: boolean | undefined
  readonly verify?: boolean | undefined
  /** The signature to verify. It may also come with the last part. */
  readonly expected?: Uint8Array | undefined
}

export class Signature implements CryptoMachine {
  readonly #opening: SignatureOpening
  readonly #key: KeyObject
  /** The hash of the data so far, or the data itself if the algorithm signs it as a whole. */
  readonly #data: Hash | Held
  readonly #expected: Uint8Array | undefined

  constructor(opening: SignatureOpening) {
    const { key, scheme, digested = false, verify: verifies = false, expected } = opening
    this.#opening = opening
    this.#key = verifies ? publicKey(key) : privateKey(key)
    // A copy, since the caller overwrites its own.
    this.#expected = expected && copyOf(expected)
    if (scheme.scheme === 'rsa') requireRsa(this.#key)
    else if (this.#key.asymmetricKeyType === 'ec' && digested) requireDigestCurve(this.#key)
    else if (digested && isQuantumSafeSigner(this.#key)) throw noDigests()
    const hashes = scheme.scheme === 'rsa' && scheme.hash !== undefined && !digested
    this.#data = hashes && scheme.hash !== undefined ? createHash(scheme.hash) : new Held(cryptoHeldBytesMax)
  }

  update(data: Uint8Array): Uint8Array {
    if (this.#data instanceof Held) this.#data.add(data)
    else this.#data.update(data)
    return nothingYet
  }

  finish({ expected = this.#expected }: Ending): Finished {
    const data = this.#data instanceof Held ? this.#data.take() : this.#data.digest()
    if (this.#opening.verify !== true) return { data: fitting(() => this.#sign(data)) }
    if (!expected) throw new CryptoError('invalid', 'there is no signature to verify')
    return { valid: fitting(() => this.#verify(data, expected)) }
  }

  /** Whether the key signs a digest. EdDSA would hash the digest again. */
  get #takesDigest(): boolean {
    return this.#opening.digested === true && this.#key.asymmetricKeyType === 'ec'
  }

  #sign(data: Uint8Array): Uint8Array {
    const { scheme, key } = this.#opening
    if (scheme.scheme === 'rsa') return rsaSign(this.#key, scheme, data)
    if (this.#takesDigest && 'pkcs8' in key) {
      requireLength(data, scheme.hash)
      return signDigest(this.#key, key.pkcs8, data)
    }
    return sign(curveHash(this.#key, scheme.hash), data, this.#key)
  }

  #verify(data: Uint8Array, signature: Uint8Array): boolean {
    const { scheme } = this.#opening
    if (scheme.scheme === 'rsa') return rsaVerify(this.#key, scheme, data, signature)
    if (this.#takesDigest) {
      requireLength(data, scheme.hash)
      return verifyDigest(this.#key, data, signature)
    }
    return verify(curveHash(this.#key, scheme.hash), data, this.#key, signature)
  }
}

/** Checks the length of the digest against the hash that the request names, if it names one. */
function requireLength(digest: Uint8Array, hash: string | undefined): void {
  if (hash === undefined || createHash(hash).digest().length === digest.length) return
  throw new CryptoError('invalid', `this is not a digest by ${hash}: it has ${String(digest.length)} bytes`)
}

const curvesWithHash: Readonly<Record<string, string>> = {
  secp384r1: 'sha384',
  brainpoolP384r1: 'sha384',
  secp521r1: 'sha512',
  brainpoolP512r1: 'sha512',
}

/** ML-DSA and SLH-DSA hash the data themselves. Their signatures of digests are other algorithms, which Node lacks. */
function isQuantumSafeSigner({ asymmetricKeyType: type }: KeyObject): boolean {
  return type !== undefined && /^(?:ml|slh)-dsa-/.test(type)
}

function noDigests(): CryptoError {
  return new CryptoError(
    'unsupported',
    'ML-DSA and SLH-DSA sign the data itself here: leave the Hashing Algorithm out, and send Data',
  )
}

/** The hash for a key on a curve. Null: Ed25519 and Ed448 hash the data themselves. */
function curveHash(key: KeyObject, hash: string | undefined): string | null {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  if (type === 'ed25519' || type === 'ed448') return null
  if (isQuantumSafeSigner(key)) {
    if (hash === undefined) return null
    throw noDigests()
  }
  if (type !== 'ec') throw new CryptoError('invalid', 'this key does not sign')
  return hash ?? curvesWithHash[details?.namedCurve ?? ''] ?? 'sha256'
}

function requireRsa(key: KeyObject): void {
  if (key.asymmetricKeyType !== 'rsa')
    throw new CryptoError('invalid', 'the Cryptographic Parameters are for RSA, and the key is not')
  // The server stores and returns longer keys, but one signature with them takes seconds.
  if ((key.asymmetricKeyDetails?.modulusLength ?? 0) > rsaBitsMax)
    throw new CryptoError(
      'unsupported',
      `this server computes with RSA keys of up to ${String(rsaBitsMax)} bits`,
    )
}

/** Holds data whose parts are needed together. */
class Held {
  readonly #bytesMax: number
  #parts: Uint8Array[] = []
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  add(data: Uint8Array): void {
    this.#bytes += data.length
    if (this.#bytes > this.#bytesMax)
      throw new CryptoError('invalid', `this takes at most ${String(this.#bytesMax)} bytes`)
    this.#parts.push(copyOf(data))
  }

  take(): Buffer {
    const all = Buffer.concat(this.#parts)
    for (const part of this.#parts) part.fill(0)
    this.#parts = []
    return all
  }
}
