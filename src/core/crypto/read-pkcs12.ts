// Reads a PKCS#12 container (RFC 7292): one of its private keys and the certificates of that key. It verifies the MAC before it
// decrypts anything. It reads PBES2 with AES or Triple DES, and SHA-1 with Triple DES, as most files use. It does not read RC2.
// It is slow on purpose, and runs on a thread of the pool.

import { createDecipheriv, createHmac, pbkdf2Sync, timingSafeEqual, X509Certificate } from 'node:crypto'
import { certificateChainMax } from '../../base/bounds.ts'
import { DerError, DerFields, derTags } from './der.ts'
import { CryptoError } from './error.ts'
import { copyOf, wipeBytes } from './own-bytes.ts'
import { ids, pkcs12Key } from './pkcs12.ts'

/**
 * The iterations of all derivations in one PKCS#12 container. Those of its MAC compute hash by hash, a million in two seconds.
 */
export const pkcs12IterationsMax = 2_000_000
/** The most keys and certificates in one part of a PKCS#12 container. */
const pkcs12BagsMax = 100

export interface Pkcs12Opened {
  readonly container: Uint8Array
  /** UTF-8. */
  readonly password: Uint8Array
  /** The name of the key. Absent: the first key. */
  readonly friendlyName?: string | undefined
}

export interface ReadPkcs12 {
  /** PKCS#8. */
  readonly privateKey: Uint8Array
  /** In DER: the key's certificate, then its issuers. Empty: the container has no certificate of the key. */
  readonly certificates: readonly Uint8Array[]
  readonly friendlyName: string | undefined
}

/** The caller wipes the byte strings. Throws CryptoErrors. A wrong password and a damaged file cause the same one. */
export function readPkcs12({ container, password, friendlyName }: Pkcs12Opened): ReadPkcs12 {
  const bags: Bag[] = []
  try {
    for (const bag of new Container(password).bags(container)) bags.push(bag)
    return chosen(bags, friendlyName)
  } catch (error) {
    wipeBytes(bags)
    if (error instanceof CryptoError) throw error
    if (error instanceof DerError)
      throw new CryptoError('invalid', `this is not a PKCS#12 container: ${error.message}`, { cause: error })
    // OpenSSL could not decrypt it.
    throw wrong()
  }
}

function wrong(): CryptoError {
  return new CryptoError('failed', 'the PKCS#12 container does not open with this password')
}

interface Bag {
  readonly kind: 'key' | 'certificate'
  readonly content: Uint8Array
  readonly friendlyName: string | undefined
  readonly keyId: string | undefined
}

class Container {
  readonly #password: Uint8Array
  #steps = 0

  constructor(password: Uint8Array) {
    this.#password = password
  }

  /** Yields keys and certificates. Each is a copy, which the caller wipes. */
  *bags(container: Uint8Array): Generator<Bag> {
    const file = DerFields.of(container)
    if (file.small() !== 3) throw new DerError('its version is not 3')
    const safes = contentOf(file.sequence())
    this.#verify(safes, file)
    file.end()
    for (const parts = DerFields.of(safes); !parts.isAtEnd;) {
      const safe = this.#safe(parts.sequence())
      try {
        yield* this.#bags(DerFields.of(safe))
      } finally {
        safe.fill(0)
      }
    }
  }

  #verify(content: Uint8Array, file: DerFields): void {
    if (file.isAtEnd) throw new CryptoError('unsupported', 'the PKCS#12 container has no MAC')
    const mac = file.sequence()
    const info = mac.sequence()
    const algorithm = info.sequence()
    const hash = ids.hashes[algorithm.identifier()]
    if (hash === undefined)
      throw new CryptoError(
        'unsupported',
        'the MAC of the PKCS#12 container is of a kind that this server does not know',
      )
    const digest = info.next(derTags.octetString)
    const salt = mac.next(derTags.octetString)
    const iterations = this.#count(mac.isAtEnd ? 1 : mac.small())
    const bytes = macBytes[hash] ?? 0
    const key = pkcs12Key({ hash, purpose: 'mac', password: this.#password, salt, iterations, bytes })
    const own = createHmac(hash, key).update(content).digest()
    key.fill(0)
    if (own.length !== digest.length || !timingSafeEqual(own, digest)) throw wrong()
  }

  /** A copy of the bags of one part, decrypted if necessary. */
  #safe(part: DerFields): Uint8Array {
    const type = part.identifier()
    if (type === ids.data) return copyOf(dataIn(part))
    if (type !== ids.encryptedData)
      throw new CryptoError(
        'unsupported',
        'a part of the PKCS#12 container is encrypted by a key, not by a password',
      )
    const encrypted = new DerFields(part.next(0xa0)).sequence()
    encrypted.small()
    const info = encrypted.sequence()
    info.identifier()
    return this.#decrypted(info.sequence(), info.next(0x80))
  }

  *#bags(list: DerFields): Generator<Bag> {
    for (let count = 0; !list.isAtEnd; count++) {
      if (count === pkcs12BagsMax) throw new DerError('it holds too much')
      const bag = list.sequence()
      const type = bag.identifier()
      const value = new DerFields(bag.next(0xa0))
      const read = this.#contentOf(type, value)
      if (read) yield { ...read, ...namesIn(bag) }
    }
  }

  #contentOf(type: string, value: DerFields): Pick<Bag, 'kind' | 'content'> | undefined {
    if (type === ids.keyBag) return { kind: 'key', content: copyOf(value.whole()) }
    if (type === ids.shroudedKeyBag) {
      const encrypted = value.sequence()
      return {
        kind: 'key',
        content: this.#decrypted(encrypted.sequence(), encrypted.next(derTags.octetString)),
      }
    }
    if (type !== ids.certificateBag) return undefined
    const certificate = value.sequence()
    if (certificate.identifier() !== ids.x509) return undefined
    const content = new DerFields(certificate.next(0xa0)).next(derTags.octetString)
    return { kind: 'certificate', content: copyOf(content) }
  }

  #decrypted(algorithm: DerFields, ciphertext: Uint8Array): Uint8Array {
    const { cipher, key, iv } = this.#cipherOf(algorithm)
    const decipher = createDecipheriv(cipher, key, iv)
    key.fill(0)
    const plain = new Uint8Array(ciphertext.length)
    let bytes = 0
    const take = (part: Buffer) => {
      plain.set(part, bytes)
      bytes += part.length
      part.fill(0)
    }
    take(decipher.update(ciphertext))
    try {
      take(decipher.final())
    } catch (error) {
      plain.fill(0)
      throw error
    }
    return plain.subarray(0, bytes)
  }

  #cipherOf(algorithm: DerFields): {
    readonly cipher: string
    readonly key: Buffer
    readonly iv: Uint8Array
  } {
    const type = algorithm.identifier()
    if (type === ids.pbes2) return this.#pbes2(algorithm.sequence())
    if (type !== ids.sha1TripleDes)
      throw new CryptoError(
        'unsupported',
        'the PKCS#12 container is encrypted by a cipher that this server does not read: write it with AES',
      )
    const parameters = algorithm.sequence()
    const salt = parameters.next(derTags.octetString)
    const iterations = this.#count(parameters.small())
    const common = { hash: 'sha1', password: this.#password, salt, iterations } as const
    const key = pkcs12Key({ ...common, purpose: 'key', bytes: 24 })
    return { cipher: 'des-ede3-cbc', key, iv: pkcs12Key({ ...common, purpose: 'iv', bytes: 8 }) }
  }

  #pbes2(parameters: DerFields) {
    const derivation = parameters.sequence()
    if (derivation.identifier() !== ids.pbkdf2)
      throw new CryptoError('unsupported', 'the key of the PKCS#12 container is not derived by PBKDF2')
    const fields = derivation.sequence()
    const salt = fields.next(derTags.octetString)
    const iterations = this.#count(fields.small())
    fields.optional(derTags.integer)
    const prf = fields.isAtEnd ? 'sha1' : ids.prfs[fields.sequence().identifier()]
    const scheme = parameters.sequence()
    const cipher = ids.ciphers[scheme.identifier()]
    if (prf === undefined || cipher === undefined)
      throw new CryptoError(
        'unsupported',
        'the PKCS#12 container is encrypted in a way that this server does not read',
      )
    const key = pbkdf2Sync(this.#password, salt, iterations, cipher.keyBytes, prf)
    return { cipher: cipher.name, key, iv: scheme.next(derTags.octetString) }
  }

  /** Bounds all derivations together, since the file decides how long each takes. */
  #count(iterations: number): number {
    this.#steps += iterations
    if (iterations < 1 || this.#steps > pkcs12IterationsMax)
      throw new CryptoError(
        'invalid',
        `the iterations of a PKCS#12 container are ${String(pkcs12IterationsMax)} at most, all together`,
      )
    return iterations
  }
}

const macBytes: Readonly<Record<string, number>> = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 }

/** The content of a ContentInfo of plain data. */
function contentOf(info: DerFields): Uint8Array {
  if (info.identifier() !== ids.data)
    throw new CryptoError('unsupported', 'the PKCS#12 container is signed, not protected by a password')
  return dataIn(info)
}

function dataIn(info: DerFields): Uint8Array {
  return new DerFields(info.next(0xa0)).next(derTags.octetString)
}

function namesIn(bag: DerFields): Pick<Bag, 'friendlyName' | 'keyId'> {
  const labels: { friendlyName: string | undefined; keyId: string | undefined } = {
    friendlyName: undefined,
    keyId: undefined,
  }
  const set = bag.optional(derTags.set)
  const attributes = new DerFields(set ?? Buffer.of())
  while (!attributes.isAtEnd) {
    const attribute = attributes.sequence()
    const type = attribute.identifier()
    const values = new DerFields(attribute.next(derTags.set))
    if (type === ids.friendlyName)
      labels.friendlyName = Buffer.from(values.next(derTags.text16)).swap16().toString('utf16le')
    if (type === ids.localKeyId) labels.keyId = values.next(derTags.octetString).toString('hex')
  }
  return labels
}

/** KMIP 1.4 §3.45: chooses the key with this name, without regard to case, or the first one. */
function chosen(bags: readonly Bag[], friendlyName: string | undefined): ReadPkcs12 {
  const named = (bag: Bag) =>
    friendlyName === undefined || bag.friendlyName?.toLowerCase() === friendlyName.toLowerCase()
  const key = bags.find((bag) => bag.kind === 'key' && named(bag))
  for (const bag of bags) if (bag.kind === 'key' && bag !== key) bag.content.fill(0)
  if (!key)
    throw new CryptoError(
      'invalid',
      friendlyName === undefined
        ? 'there is no private key in the PKCS#12 container'
        : 'there is no private key of that PKCS#12 Friendly Name in the container',
    )
  const certificates = bags.filter(({ kind }) => kind === 'certificate')
  const own =
    key.keyId === undefined ? certificates.find(named) : certificates.find(({ keyId }) => keyId === key.keyId)
  const chain = own ? chainFrom(own, certificates) : []
  return {
    privateKey: key.content,
    certificates: chain.map(({ content }) => content),
    friendlyName: key.friendlyName,
  }
}

/** The certificate and its issuers, as far as the container has them. */
function chainFrom(own: Bag, all: readonly Bag[]): readonly Bag[] {
  const parsed = new Map(all.map((bag) => [bag, parse(bag)]))
  const chain = [own]
  for (let bag = own; chain.length < certificateChainMax;) {
    const current = parsed.get(bag)
    const next = all.find((other) => {
      const issuer = parsed.get(other)
      return !chain.includes(other) && current && issuer && current.checkIssued(issuer)
    })
    if (!next) break
    chain.push(next)
    bag = next
  }
  return chain
}

function parse({ content }: Bag): X509Certificate {
  try {
    return new X509Certificate(content)
  } catch (cause) {
    throw new CryptoError('invalid', 'a certificate in the PKCS#12 container cannot be read', { cause })
  }
}
