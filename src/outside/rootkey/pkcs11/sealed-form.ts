// The stored form of a secret that a key on a token sealed: version, way, length of the head, head, sealed secret. The head is the
// IV, or the wrapped content key. Also the interface of each way of sealing (seal.ts has their order).

import type { TokenKey } from './key.ts'
import type { Pkcs11Token } from './token.ts'

export interface Sealing {
  readonly token: Pkcs11Token
  readonly key: TokenKey
}

export interface SealingWay {
  readonly number: number
  readonly kind: TokenKey['kind']
  readonly mechanism: number
  readonly may: (may: TokenKey['may']) => boolean
  readonly seal: (sealing: Sealing, secret: Uint8Array, associatedData: Uint8Array) => Promise<Buffer>
  readonly open: (sealing: Sealing, parts: SealedParts) => Promise<Buffer>
}

export interface SealedParts {
  readonly head: Uint8Array
  readonly sealed: Uint8Array
  readonly associatedData: Uint8Array
}

/** Splits any bytes into parts. `unsealByToken` in seal.ts checks them. */
export function sealedParts(wrapped: Uint8Array, associatedData: Uint8Array): SealedParts {
  const headEnd = prefixBytes + (((wrapped[2] ?? 0) << 8) | (wrapped[3] ?? 0))
  return { head: wrapped.subarray(prefixBytes, headEnd), sealed: wrapped.subarray(headEnd), associatedData }
}

export const formatVersion = 1
const prefixBytes = 4
/** The length of an initial vector. */
export const ivBytes = 12

/** The stored form up to the sealed secret. */
export function front(number: number, head: Uint8Array): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(head.length)
  return Buffer.concat([Buffer.of(formatVersion, number), length, head])
}

/** The additional data under which a secret is sealed. */
export function boundData(front: Uint8Array, associatedData: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from('mortise root key on a token\n'), front, associatedData])
}
