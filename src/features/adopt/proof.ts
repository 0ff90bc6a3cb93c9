// The proof that a probe leaves for later: by which ways the root key opens what the old service stored, and for each key
// that was compared a check, by which its bytes are recognized when the old service is gone. Pure.
//
// A check tells nothing of the key: it is an HMAC under the salt of this proof, over the identifier and the key's random
// bytes, cut to 128 bits. So it equals neither the Digest that KMIP shows nor a check in another proof.

import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Content, Way } from './wrapping-ways.ts'

/** Where the identifier is in the name of the standard key: behind the prefix, or the whole name is it. */
export const namings = ['behind prefix', 'whole name'] as const
export type Naming = (typeof namings)[number]

/** At least `proofKeysMin` keys opened so to the bytes that the old service gave, and none to others. */
export interface ProvedWay {
  readonly way: Way
  readonly content: Content
  readonly naming: Naming
}

export interface Proof {
  /** The root key with its id: `keyprotect://HOST/INSTANCE/ID`. */
  readonly rootKey: string
  /** Not empty. */
  readonly ways: readonly ProvedWay[]
  /** Hex. */
  readonly salt: string
  /** By identifier, in hex. */
  readonly checks: Readonly<Record<string, string>>
}

/** Fewer keys prove nothing: another way may fit the rest. */
export const proofKeysMin = 3

/** A shorter key could be guessed, and a check would confirm the guess. */
const checkedBytesMin = 16

/** The check of a key, in hex; undefined for a key that is too short to have one. */
export function checkOf(salt: string, identifier: string, key: Uint8Array): string | undefined {
  if (key.length < checkedBytesMin) return undefined
  return createHmac('sha256', Buffer.from(salt, 'hex'))
    .update(`${identifier}\0`)
    .update(key)
    .digest('hex')
    .slice(0, 32)
}

/** Undefined: the proof has no check of this key. */
export function agrees(proof: Proof, identifier: string, key: Uint8Array): boolean | undefined {
  const known = Object.hasOwn(proof.checks, identifier) ? proof.checks[identifier] : undefined
  if (known === undefined) return undefined
  const check = checkOf(proof.salt, identifier, key) ?? ''
  return check.length === known.length && timingSafeEqual(Buffer.from(check), Buffer.from(known))
}

/** Whether both URIs name one root key; the host may be the private or the public one. */
export function isSameRootKey(a: string, b: string): boolean {
  return keyOf(a) === keyOf(b)
}

/** `INSTANCE/ID`. */
function keyOf(uri: string): string {
  return uri.replace(/^[a-z]+:\/\/[^/]*\//i, '').replace(/\?.*$/, '')
}
