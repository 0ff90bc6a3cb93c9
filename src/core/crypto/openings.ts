// Each kind of computation over data: its initial values, and the machine that does it.

import { blockCiphers } from './algorithms.ts'
import {
  RsaCipher,
  Signature,
  type AsymmetricKey,
  type RsaOpening,
  type SignatureOpening,
} from './asymmetric.ts'
import { Encryption, openDecryption, type CipherOpening } from './ciphers.ts'
import { Hashing, MacMachine, type MacOpening } from './macs.ts'
import type { CryptoMachine } from './machine.ts'
import { isSlow } from './post-quantum.ts'
import { quantumSafeIn } from './quantum-safe-keys.ts'
import { cryptoQuickBytes } from './bounds.ts'

/** With the slower algorithms, the calling thread computes on data up to this size itself. */
const cryptoQuickSlowBytes = 2 * 1024
/** A longer private key in PKCS#8 counts as long. An RSA key of 4096 bits is shorter, and takes some tens of milliseconds. */
const privateKeyShortBytes = 2_600

export type Opening =
  | ({ readonly kind: 'encrypt' | 'decrypt' } & CipherOpening)
  | ({ readonly kind: 'mac' } & MacOpening)
  | ({ readonly kind: 'rsa-encrypt' | 'rsa-decrypt' } & RsaOpening)
  | ({ readonly kind: 'signature' } & SignatureOpening)
  | { readonly kind: 'hash'; readonly hash: string | undefined }

/** Throws CryptoErrors. */
export function openMachine(opening: Opening): CryptoMachine {
  switch (opening.kind) {
    case 'encrypt':
      return new Encryption(opening)
    case 'decrypt':
      return openDecryption(opening)
    case 'mac':
      return new MacMachine(opening)
    case 'hash':
      return new Hashing(opening)
    case 'rsa-encrypt':
      return new RsaCipher(opening, 'encrypt')
    case 'rsa-decrypt':
      return new RsaCipher(opening, 'decrypt')
    case 'signature':
      return new Signature(opening)
    default:
      return opening satisfies never
  }
}

/**
 * Whether the key may make it take a good part of a second, since a client may register a key of any length that OpenSSL accepts.
 */
export function isLong(opening: Opening): boolean {
  if (opening.kind !== 'rsa-encrypt' && opening.kind !== 'rsa-decrypt' && opening.kind !== 'signature')
    return false
  return isLongKey(opening.key) || (opening.kind === 'signature' && isSlowSigner(opening))
}

/** Whether the key has long numbers. Keys of ML-KEM or ML-DSA have thousands of bytes but no numbers, and are fast. */
export function isLongKey(key: AsymmetricKey): boolean {
  return 'pkcs8' in key && key.pkcs8.length > privateKeyShortBytes && !quantumSafeIn(key.pkcs8)
}

/** A signature by SLH-DSA takes up to some seconds, with keys of any length. */
function isSlowSigner({ key, verify }: SignatureOpening): boolean {
  const algorithm = 'pkcs8' in key && verify !== true ? quantumSafeIn(key.pkcs8) : undefined
  return algorithm !== undefined && isSlow(algorithm)
}

/** Up to this many bytes take less than about a tenth of a millisecond. */
export function quickBytes(opening: Opening): number {
  const fast = cryptoQuickBytes
  const slow = cryptoQuickSlowBytes
  switch (opening.kind) {
    case 'encrypt':
    case 'decrypt':
      return isFast(opening.cipher.algorithm) ? fast : slow
    case 'mac':
      return 'cmac' in opening.algorithm && !isFast(opening.algorithm.cmac) ? slow : fast
    case 'hash':
      return fast
    // Clients may bring keys with numbers of thousands of bits.
    case 'rsa-encrypt':
    case 'rsa-decrypt':
    case 'signature':
      return -1
    default:
      return opening satisfies never
  }
}

/** Whether the algorithm is fast: processors have instructions for AES, and ChaCha20 needs none. */
function isFast(algorithm: string | undefined): boolean {
  return algorithm === 'AES' || algorithm === undefined || !Object.hasOwn(blockCiphers, algorithm)
}
