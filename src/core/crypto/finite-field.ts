// The finite fields in which keys are split (KMIP 1.4 §2.2.5). Elements are read from and written to bytes, highest first. The
// two binary fields use no tables and no branches on values, so that their timing reveals nothing about a secret.

import { randomBytes } from 'node:crypto'

export interface FiniteField<E> {
  /** The length of an encoded element in bytes. */
  readonly bytes: number
  /** The element of a whole number: 0 is the zero, 1 the one. */
  readonly point: (number: number) => E
  readonly read: (bytes: Uint8Array) => E
  readonly write: (element: E) => Uint8Array
  readonly random: () => E
  readonly add: (a: E, b: E) => E
  readonly subtract: (a: E, b: E) => E
  readonly multiply: (a: E, b: E) => E
  /** Defined for every element but zero. */
  readonly invert: (a: E) => E
}

/**
 * GF(2)[x] modulo x^8 + x^4 + x^3 + x^2 + 1. The specification does not name the polynomial for the method GF(2^8). The published
 * cases use this one, as most programs that split secrets do.
 */
const sharingModulus = 0x1d
/** x^8 + x^4 + x^3 + x + 1, the polynomial of AES (FIPS 197 §4). KMIP 1.4 §2.2.5 builds GF(2^16) on it. */
const aesModulus = 0x1b

export const gf2to8: FiniteField<number> = {
  bytes: 1,
  point: (number) => number,
  read: ([byte = 0]) => byte,
  write: (element) => Uint8Array.of(element),
  random: () => randomBytes(1).readUInt8(),
  add: (a, b) => a ^ b,
  subtract: (a, b) => a ^ b,
  multiply: (a, b) => multiplyBytes(a, b, sharingModulus),
  invert: (a) => invertByte(a, sharingModulus),
}

/** x^5 + x^4 + x^3 + x of GF(2^8). */
const m = 0x3a

/**
 * GF(2^8)[y] modulo y^2 + y + 0x3a. The pair (u, v) stands for uy + v. The product follows from the modulus. The specification's
 * formula for the product has m at the wrong term, and contradicts its formula for the inverse.
 */
export const gf2to16: FiniteField<number> = {
  bytes: 2,
  point: (number) => number,
  read: ([u = 0, v = 0]) => pair(u, v),
  write: (element) => Uint8Array.of(element >> 8, element & 0xff),
  random: () => randomBytes(2).readUInt16BE(),
  add: (a, b) => a ^ b,
  subtract: (a, b) => a ^ b,
  multiply: (a, b) => {
    const [r, s, u, v] = [a >> 8, a & 0xff, b >> 8, b & 0xff]
    const sv = multiply8(s, v)
    return pair(multiply8(r ^ s, u ^ v) ^ sv, multiply8(multiply8(r, u), m) ^ sv)
  },
  invert: (element) => {
    const [u, v] = [element >> 8, element & 0xff]
    const d = invert8(multiply8(u ^ v, v) ^ multiply8(m, multiply8(u, u)))
    return pair(multiply8(u, d), multiply8(u ^ v, d))
  },
}

/** The integers modulo a prime. */
export function primeField(prime: bigint): FiniteField<bigint> {
  const bytes = Math.ceil(prime.toString(16).length / 2)
  const modulo = (value: bigint) => ((value % prime) + prime) % prime
  return {
    bytes,
    point: (number) => modulo(BigInt(number)),
    read: (from) => modulo(from.length === 0 ? 0n : BigInt(`0x${Buffer.from(from).toString('hex')}`)),
    write: (element) => Buffer.from(element.toString(16).padStart(2 * bytes, '0'), 'hex'),
    // Eight bytes more than needed, so that the remainder has no measurable bias.
    random: () => modulo(BigInt(`0x${randomBytes(bytes + 8).toString('hex')}`)),
    add: (a, b) => modulo(a + b),
    subtract: (a, b) => modulo(a - b),
    multiply: (a, b) => modulo(a * b),
    // Only differences of part numbers are inverted. They are not secret, so the time may depend on them.
    invert: (a) => inverse(a, prime) ?? 0n,
  }
}

function pair(u: number, v: number): number {
  return (u << 8) | v
}

function multiply8(a: number, b: number): number {
  return multiplyBytes(a, b, aesModulus)
}

function multiplyBytes(a: number, b: number, modulus: number): number {
  let [product, shifted] = [0, a]
  for (let bit = 0; bit < 8; bit++) {
    product ^= shifted & -((b >> bit) & 1)
    shifted = ((shifted << 1) & 0xff) ^ (modulus & -(shifted >> 7))
  }
  return product
}

function invert8(a: number): number {
  return invertByte(a, aesModulus)
}

/** The inverse is the 254th power, since the multiplicative group has 255 elements. */
function invertByte(a: number, modulus: number): number {
  let [result, square] = [1, a]
  for (let bit = 1; bit < 8; bit++) {
    square = multiplyBytes(square, square, modulus)
    result = multiplyBytes(result, square, modulus)
  }
  return result
}

/** The inverse by Euclid's algorithm. Undefined: there is none. */
export function inverse(number: bigint, modulus: bigint): bigint | undefined {
  let [before, now] = [modulus, number % modulus]
  let [factorBefore, factor] = [0n, 1n]
  while (now > 0n) {
    const quotient = before / now
    ;[before, now] = [now, before - quotient * now]
    ;[factorBefore, factor] = [factor, factorBefore - quotient * factor]
  }
  return before === 1n ? (factorBefore + modulus) % modulus : undefined
}
