// Splits a secret into parts: a threshold of them restores it, and fewer reveal nothing (KMIP 1.4 §2.2.5). It uses XOR, or
// Shamir's polynomials over GF(2^8), GF(2^16) or a prime field. Part n is the value of the polynomial at n. Pure functions.

import { checkPrimeSync, randomBytes } from 'node:crypto'
import { splitKeyPartsMax, splitKeyPrimeBytesMax } from '../../base/bounds.ts'
import { CryptoError } from './error.ts'
import { gf2to16, gf2to8, primeField, type FiniteField } from './finite-field.ts'

/** The longest key that can be split. */
export const splitKeyBytesMax = 8_192

export type SplitMethod =
  | { readonly name: 'xor' | 'gf2to8' | 'gf2to16' }
  /** `prime` must be greater than 2 to the power of the secret's length in bits. */
  | { readonly name: 'prime'; readonly prime: bigint }

export interface KeyPart {
  /** Key Part Identifier: 1 to the number of parts. */
  readonly number: number
  readonly bytes: Uint8Array
}

export interface Split {
  readonly secret: Uint8Array
  readonly method: SplitMethod
  readonly parts: number
  readonly threshold: number
}

/** The parts 1 to `parts`. The caller wipes them. Throws CryptoError 'invalid'. */
export function split({ secret, method, parts, threshold }: Split): readonly Uint8Array[] {
  requireCounts(method, parts, threshold)
  requireLength(secret.length)
  switch (method.name) {
    case 'xor':
      return splitByXor(secret, parts)
    case 'gf2to8':
      return splitInto(gf2to8, pieces(secret, gf2to8), parts, threshold)
    case 'gf2to16':
      requireWholePieces(secret.length)
      return splitInto(gf2to16, pieces(secret, gf2to16), parts, threshold)
    case 'prime': {
      requirePrime(method.prime, secret.length)
      const field = primeField(method.prime)
      return splitInto(field, [field.read(secret)], parts, threshold)
    }
    default:
      return method satisfies never
  }
}

export interface Join {
  /** At least as many parts as the threshold. With fewer, the result is a wrong secret, and no error. */
  readonly parts: readonly KeyPart[]
  readonly method: SplitMethod
  /** The length of the secret. */
  readonly secretBytes: number
}

/** The secret. The caller wipes it. Throws CryptoError 'invalid'. */
export function join({ parts, method, secretBytes }: Join): Uint8Array {
  requireParts(parts)
  requireLength(secretBytes)
  switch (method.name) {
    case 'xor':
      requireBytes(parts, secretBytes)
      return xored(parts.map(({ bytes }) => bytes))
    case 'gf2to8':
      return joined(gf2to8, parts, secretBytes)
    case 'gf2to16':
      requireWholePieces(secretBytes)
      return joined(gf2to16, parts, secretBytes)
    case 'prime': {
      requirePrime(method.prime, secretBytes)
      const secret = joined(primeField(method.prime), parts, byteLength(method.prime))
      const spare = secret.length - secretBytes
      if (secret.subarray(0, spare).some((byte) => byte !== 0))
        throw invalid('these parts form no such secret')
      return secret.subarray(spare)
    }
    default:
      return method satisfies never
  }
}

function splitByXor(secret: Uint8Array, parts: number): readonly Uint8Array[] {
  const random = Array.from({ length: parts - 1 }, () => randomBytes(secret.length))
  return [...random, xored([secret, ...random])]
}

function xored(all: readonly Uint8Array[]): Buffer {
  const sum = Buffer.alloc(all[0]?.length ?? 0)
  for (const bytes of all) for (const [at, byte] of bytes.entries()) sum[at] = (sum[at] ?? 0) ^ byte
  return sum
}

function pieces<E>(bytes: Uint8Array, field: FiniteField<E>): readonly E[] {
  const all: E[] = []
  for (let at = 0; at < bytes.length; at += field.bytes)
    all.push(field.read(bytes.subarray(at, at + field.bytes)))
  return all
}

/** Each piece of the secret is the constant of a random polynomial. A part holds the polynomials' values at its number. */
function splitInto<E>(
  field: FiniteField<E>,
  secret: readonly E[],
  parts: number,
  threshold: number,
): readonly Uint8Array[] {
  const polynomials = secret.map((constant) => [
    constant,
    ...Array.from({ length: threshold - 1 }, () => field.random()),
  ])
  return Array.from({ length: parts }, (_, index) => {
    const at = field.point(index + 1)
    return Buffer.concat(polynomials.map((polynomial) => field.write(valueAt(field, polynomial, at))))
  })
}

/** The value of a polynomial by Horner's rule. The constant comes first. */
function valueAt<E>(field: FiniteField<E>, polynomial: readonly E[], at: E): E {
  return polynomial.reduceRight((sum, coefficient) => field.add(field.multiply(sum, at), coefficient))
}

/** The polynomials' values at 0, by Lagrange's formula. */
function joined<E>(field: FiniteField<E>, parts: readonly KeyPart[], bytes: number): Buffer {
  requireBytes(parts, bytes)
  const points = parts.map(({ number }) => field.point(number))
  const product = (factors: readonly E[]) => factors.reduce((a, b) => field.multiply(a, b), field.point(1))
  const weights = points.map((own, index) => {
    const others = points.filter((_, other) => other !== index)
    const differences = others.map((other) => field.subtract(other, own))
    return field.multiply(product(others), field.invert(product(differences)))
  })
  const values = parts.map((part) => pieces(part.bytes, field))
  const secret = (values[0] ?? []).map((_, piece) =>
    weights
      .map((weight, index) => field.multiply(weight, values[index]?.[piece] ?? field.point(0)))
      .reduce((sum, term) => field.add(sum, term)),
  )
  return Buffer.concat(secret.map((element) => field.write(element)))
}

function requireCounts(method: SplitMethod, parts: number, threshold: number): void {
  const max = splitKeyPartsMax
  if (parts < 2 || parts > max) throw invalid(`a key is split into 2 to ${max} parts, and not into ${parts}`)
  if (threshold < 2 || threshold > parts)
    throw invalid(`the threshold of ${parts} parts is 2 to ${parts}, and not ${threshold}`)
  if (method.name === 'xor' && threshold !== parts)
    throw invalid('parts that are split by XOR are all needed: the threshold must be their number')
}

function requireParts(parts: readonly KeyPart[]): void {
  if (parts.length < 2) throw invalid('a secret is joined from two parts or more')
  const numbers = new Set(parts.map(({ number }) => number))
  if (numbers.size < parts.length) throw invalid('the same part is there twice')
  if (parts.some(({ number }) => number < 1 || number > splitKeyPartsMax))
    throw invalid(`a part has a number from 1 to ${splitKeyPartsMax}`)
}

function requireBytes(parts: readonly KeyPart[], bytes: number): void {
  for (const part of parts)
    if (part.bytes.length !== bytes)
      throw invalid(`part ${part.number} has ${part.bytes.length} bytes, and not ${bytes}`)
}

function requireLength(secretBytes: number): void {
  const max = splitKeyBytesMax
  if (secretBytes < 1 || secretBytes > max)
    throw invalid(`a key of 1 to ${max} bytes can be split, and not of ${secretBytes}`)
}

function requireWholePieces(secretBytes: number): void {
  if (secretBytes % gf2to16.bytes !== 0)
    throw invalid(`${secretBytes} bytes are no whole pieces of 16 bits: use Polynomial Sharing GF(2^8)`)
}

function requirePrime(prime: bigint, secretBytes: number): void {
  if (prime >> BigInt(secretBytes * 8) <= 0n)
    throw invalid(`the Prime Field Size must be greater than any secret of ${secretBytes} bytes`)
  if (byteLength(prime) > splitKeyPrimeBytesMax)
    throw invalid(`the Prime Field Size may have ${splitKeyPrimeBytesMax} bytes at most`)
  if (!checkPrimeSync(prime)) throw invalid('the Prime Field Size is no prime')
}

function byteLength(value: bigint): number {
  return Math.ceil(value.toString(16).length / 2)
}

function invalid(message: string): CryptoError {
  return new CryptoError('invalid', message)
}
