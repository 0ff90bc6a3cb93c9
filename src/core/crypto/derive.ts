// Derives keys from keys (KMIP 1.4 §4.6): PBKDF2 (RFC 8018), HKDF (RFC 5869), a hash, an HMAC or an encryption of the derivation
// data, and the three constructions of SP 800-108 with a 32-bit counter. Pure.

import { createHash, hkdfSync, pbkdf2Sync } from 'node:crypto'
import { Encryption } from './ciphers.ts'
import type { CipherParameters } from './cipher-setting.ts'
import { CryptoError } from './error.ts'
import { copyOf } from './own-bytes.ts'
import { Hashing, MacMachine, type MacAlgorithm } from './macs.ts'

/**
 * The most iterations of PBKDF2 for each 20 bytes of a derived key. A derivation with more than pbkdf2ShortSteps counts as long.
 */
export const pbkdf2StepsMax = 20_000_000
export const pbkdf2ShortSteps = 200_000
/** A derivation that processes more bytes of data or salt, for all pieces of the key together, counts as long. */
export const derivationShortBytes = 1024 * 1024

export type Derivation =
  /** `hash`: Node's name. */
  | {
      readonly method: 'pbkdf2'
      readonly hash: string
      readonly salt: Uint8Array
      readonly iterations: number
    }
  /** `hash`: Node's name. `data`: RFC 5869 calls it info. */
  | {
      readonly method: 'hkdf'
      readonly hash: string
      readonly salt?: Uint8Array | undefined
      readonly data?: Uint8Array | undefined
    }
  /** `hash`: KMIP's name. */
  | { readonly method: 'hash'; readonly hash: string | undefined }
  | { readonly method: 'mac'; readonly mac: MacAlgorithm; readonly data: Uint8Array }
  | {
      readonly method: 'encrypt'
      readonly cipher: CipherParameters
      readonly iv?: Uint8Array | undefined
      readonly data: Uint8Array
    }
  | Pieces

/** The methods of SP 800-108, which compute piece after piece. */
interface Pieces {
  readonly method: 'counter' | 'feedback' | 'double-pipeline'
  readonly mac: MacAlgorithm
  /** The initial value of the feedback. */
  readonly iv?: Uint8Array | undefined
  /** The fixed input of each step: label, zero byte and context, and the length if the request includes it. */
  readonly data: Uint8Array
}

export interface DeriveInput {
  readonly key: Uint8Array
  readonly derivation: Derivation
  readonly bytes: number
}

/** The first `bytes` bytes of the method's output. CryptoError `failed` if the output is shorter (KMIP 1.4 §11.7). */
export function derive({ key, derivation, bytes }: DeriveInput): { readonly data: Uint8Array } {
  const all = derived(key, derivation, bytes)
  if (all.length < bytes) {
    all.fill(0)
    throw new CryptoError(
      'failed',
      `this derivation gives ${String(all.length)} bytes, fewer than the key has`,
    )
  }
  const data = copyOf(all.subarray(0, bytes))
  all.fill(0)
  return { data }
}

function derived(key: Uint8Array, derivation: Derivation, bytes: number): Uint8Array {
  switch (derivation.method) {
    case 'pbkdf2': {
      const { hash, salt, iterations } = derivation
      requireIterations(iterations, bytes)
      return pbkdf2Sync(key, salt, iterations, bytes, hash)
    }
    case 'hkdf':
      return extractedAndExpanded(key, derivation, bytes)
    case 'hash': {
      const hashing = new Hashing({ hash: derivation.hash })
      hashing.update(key)
      return hashing.finish().data
    }
    case 'mac':
      return macOf(key, derivation.mac, derivation.data)
    case 'encrypt':
      return encrypted(key, derivation)
    case 'counter':
    case 'feedback':
    case 'double-pipeline':
      return pieces(key, derivation, bytes)
    default:
      return derivation satisfies never
  }
}

/** Whether the derivation may take seconds. */
export function takesLong({ derivation, bytes }: DeriveInput): boolean {
  switch (derivation.method) {
    case 'pbkdf2':
      // PBKDF2 hashes the salt again for each piece of the key, which has 16 bytes at least.
      return (
        pbkdf2Steps(derivation.iterations, bytes) > pbkdf2ShortSteps ||
        derivation.salt.length * Math.ceil(bytes / 16) > derivationShortBytes
      )
    case 'counter':
    case 'feedback':
    case 'double-pipeline':
      // Each piece processes all of the data. The shortest piece has 8 bytes: the CMAC of a cipher with such blocks.
      return derivation.data.length * Math.ceil(bytes / 8) > derivationShortBytes
    case 'hkdf':
    case 'hash':
    case 'mac':
    case 'encrypt':
      return false
    default:
      return derivation satisfies never
  }
}

/** Each 20 bytes of the result cost all iterations again, so the product of both is bounded. */
function pbkdf2Steps(iterations: number, bytes: number): number {
  return iterations * Math.ceil(bytes / 20)
}

function requireIterations(iterations: number, bytes: number): void {
  if (iterations < 1) throw new CryptoError('invalid', 'an Iteration Count is at least 1')
  if (pbkdf2Steps(iterations, bytes) > pbkdf2StepsMax)
    throw new CryptoError(
      'unsupported',
      'this Iteration Count is higher than this server computes for such a length',
    )
}

/** HKDF yields at most 255 pieces (RFC 5869 §2.3). */
function extractedAndExpanded(
  key: Uint8Array,
  { hash, salt = nothing, data = nothing }: Derivation & { readonly method: 'hkdf' },
  bytes: number,
): Uint8Array {
  if (data.length > hkdfInfoBytesMax)
    throw new CryptoError(
      'unsupported',
      `HKDF takes ${String(hkdfInfoBytesMax)} bytes of Derivation Data at most`,
    )
  const most = 255 * createHash(hash).digest().length
  return new Uint8Array(hkdfSync(hash, key, salt, data, Math.min(bytes, most)))
}

const nothing = new Uint8Array(0)
/** The limit of OpenSSL. */
const hkdfInfoBytesMax = 1024

function encrypted(
  key: Uint8Array,
  { cipher: parameters, iv, data }: Derivation & { readonly method: 'encrypt' },
): Uint8Array {
  const cipher = new Encryption({ key, cipher: parameters, iv, totalBytes: data.length })
  const now = cipher.update(data)
  const { data: rest = new Uint8Array(0), tag } = cipher.finish()
  if (tag) throw new CryptoError('unsupported', 'a derivation takes no mode with a tag')
  return Buffer.concat([now, rest])
}

/** SP 800-108r1 §4.1 to §4.3. */
function pieces(
  key: Uint8Array,
  { method, mac, iv = new Uint8Array(0), data }: Pieces,
  bytes: number,
): Uint8Array {
  const out: Uint8Array[] = []
  let length = 0
  let before = method === 'feedback' ? iv : new Uint8Array(0)
  let pipeline = data
  for (let step = 1; length < bytes; step++) {
    const counter = Buffer.alloc(4)
    counter.writeUInt32BE(step)
    if (method === 'double-pipeline') before = pipeline = macOf(key, mac, pipeline)
    const piece = macOf(key, mac, Buffer.concat([before, counter, data]))
    if (method === 'feedback') before = piece
    out.push(piece)
    length += piece.length
  }
  return Buffer.concat(out)
}

function macOf(key: Uint8Array, algorithm: MacAlgorithm, data: Uint8Array): Uint8Array {
  const machine = new MacMachine({ key, algorithm })
  machine.update(data)
  return machine.finish({}).data ?? new Uint8Array(0)
}
