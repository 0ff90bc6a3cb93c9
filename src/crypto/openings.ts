// Each kind of work over data: the values with which it begins, and the machine that does it.

import { blockCiphers } from './algorithms.ts'
import { RsaCipher, Signature, type RsaOpening, type SignatureOpening } from './asymmetric.ts'
import { Encryption, openDecryption, type CipherOpening } from './ciphers.ts'
import { Hashing, MacMachine, type MacOpening } from './macs.ts'
import type { Machine } from './machine.ts'
import { limits } from '../limits.ts'

export type Opening =
  | ({ readonly kind: 'encrypt' | 'decrypt' } & CipherOpening)
  | ({ readonly kind: 'mac' } & MacOpening)
  | ({ readonly kind: 'rsa-encrypt' | 'rsa-decrypt' } & RsaOpening)
  | ({ readonly kind: 'signature' } & SignatureOpening)
  | { readonly kind: 'hash'; readonly hash: string | undefined }

/** Throws CryptoErrors. */
export function openMachine(opening: Opening): Machine {
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

/** Whether it may take a good part of a second, because of the key: a client may register one of any length that OpenSSL takes. */
export function isLong(opening: Opening): boolean {
  if (opening.kind !== 'rsa-encrypt' && opening.kind !== 'rsa-decrypt' && opening.kind !== 'signature')
    return false
  const { key } = opening
  return 'pkcs8' in key && key.pkcs8.length > limits.privateKeyShortBytes
}

/** Up to so many bytes take less than about a tenth of a millisecond. */
export function quickBytes(opening: Opening): number {
  const { cryptoQuickBytes: fast, cryptoQuickSlowBytes: slow } = limits
  switch (opening.kind) {
    case 'encrypt':
    case 'decrypt':
      return isFast(opening.wanted.algorithm) ? fast : slow
    case 'mac':
      return 'cmac' in opening.wanted && !isFast(opening.wanted.cmac) ? slow : fast
    case 'hash':
      return fast
    // Numbers of thousands of bits, of keys that clients brought.
    case 'rsa-encrypt':
    case 'rsa-decrypt':
    case 'signature':
      return -1
    default:
      return opening satisfies never
  }
}

/** Processors have instructions for AES; ChaCha20 needs none. Everything else here is done step by step. */
function isFast(algorithm: string | undefined): boolean {
  return algorithm === 'AES' || algorithm === undefined || !Object.hasOwn(blockCiphers, algorithm)
}
