// Converts KMIP's Transparent forms of public and private keys (KMIP 1.4 §2.1.7) to and from the key's numbers. A client may
// leave out numbers of an RSA key: the others determine them. Pure.

import { isCurve } from '../../crypto/curves.ts'
import { inverse } from '../../crypto/finite-field.ts'
import {
  fromBigInt,
  KeyFormatError,
  numberBitsMax,
  toBigInt,
  numberTooLong,
  type KeyParts,
  type RsaPrivate,
} from '../../crypto/key-parts.ts'
import type { TransparentFormat, TransparentMaterial } from '../../../wire/kmip/objects.ts'

/** Undefined if the numbers do not make a whole key, or if its curve is unknown. */
export function partsOfTransparent(
  format: TransparentFormat,
  material: TransparentMaterial,
): KeyParts | undefined {
  requireShort(material)
  if ('Modulus' in material) {
    const { Modulus, PublicExponent } = material
    if (format === 'TransparentRSAPrivateKey') return wholeRsa(material)
    if (PublicExponent === undefined) return undefined
    const [modulus, publicExponent] = [fromBigInt(Modulus), fromBigInt(PublicExponent)]
    return { kind: 'rsa', isPrivate: false, modulus, publicExponent }
  }
  if ('RecommendedCurve' in material) {
    const curve = material.RecommendedCurve
    if (!isCurve(curve)) return undefined
    if ('QString' in material) return { kind: 'ec', isPrivate: false, curve, point: material.QString }
    return { kind: 'ec', isPrivate: true, curve, scalar: fromBigInt(material.D) }
  }
  if (!('G' in material)) return undefined
  const isPrivate = 'X' in material
  const number = fromBigInt('X' in material ? material.X : material.Y)
  const J = 'J' in material ? material.J : undefined
  return {
    kind: format.startsWith('TransparentDSA') ? 'dsa' : 'dh',
    isPrivate,
    prime: fromBigInt(material.P),
    ...(material.Q !== undefined && { order: fromBigInt(material.Q) }),
    generator: fromBigInt(material.G),
    ...(J !== undefined && { cofactor: fromBigInt(J) }),
    number,
  }
}

type RsaMaterial = Extract<TransparentMaterial, { readonly Modulus: bigint }>

/** Both primes and one of the exponents make a whole key. */
function wholeRsa(material: RsaMaterial): RsaPrivate | undefined {
  const { PrivateExponent, P, Q, PrimeExponentP, PrimeExponentQ, CRTCoefficient } = {
    ...noPrivateNumbers,
    ...material,
  }
  if (P === undefined || Q === undefined || P < 2n || Q < 2n) return undefined
  // Checks this before any computation with primes that may be longer than those of any key.
  if (P * Q !== material.Modulus) throw new KeyFormatError('its modulus is not the product of its primes')
  const e = material.PublicExponent ?? (PrivateExponent && inverse(PrivateExponent, carmichael(P, Q)))
  const d = PrivateExponent ?? (e && inverse(e, carmichael(P, Q)))
  const coefficient = CRTCoefficient ?? inverse(Q, P)
  if (e === undefined || d === undefined || coefficient === undefined) return undefined
  return {
    kind: 'rsa',
    isPrivate: true,
    modulus: fromBigInt(material.Modulus),
    publicExponent: fromBigInt(e),
    privateExponent: fromBigInt(d),
    primeP: fromBigInt(P),
    primeQ: fromBigInt(Q),
    exponentP: fromBigInt(PrimeExponentP ?? d % (P - 1n)),
    exponentQ: fromBigInt(PrimeExponentQ ?? d % (Q - 1n)),
    coefficient: fromBigInt(coefficient),
  }
}

const noPrivateNumbers: {
  readonly [
    N in 'PrivateExponent' | 'P' | 'Q' | 'PrimeExponentP' | 'PrimeExponentQ' | 'CRTCoefficient'
  ]?: bigint
} = {}

/** Carmichael's function of P times Q: the least common multiple of P - 1 and Q - 1, by which exponents are inverted (RFC 8017 §3.2). */
function carmichael(P: bigint, Q: bigint): bigint {
  let [divisor, rest] = [P - 1n, Q - 1n]
  while (rest > 0n) [divisor, rest] = [rest, divisor % rest]
  return ((P - 1n) * (Q - 1n)) / divisor
}

/** Checks lengths before any computation, whose time grows with their square. */
function requireShort(material: TransparentMaterial): void {
  for (const value of Object.values<unknown>({ ...material }))
    if (typeof value === 'bigint' && value < 0n)
      throw new KeyFormatError('a number of the key is negative: put a zero byte before it')
    else if (typeof value === 'bigint' && value >> BigInt(numberBitsMax) > 0n) throw numberTooLong()
}

/** Undefined if the format is not for such keys. */
export function transparentOf(format: TransparentFormat, parts: KeyParts): TransparentMaterial | undefined {
  const kind = `${format.endsWith('PrivateKey') ? 'private' : 'public'} ${kindOf(format)}`
  if (kind !== `${parts.isPrivate ? 'private' : 'public'} ${parts.kind}`) return undefined
  if (parts.kind === 'rsa') return rsaMaterial(parts)
  if (parts.kind === 'bytes' || parts.kind === 'quantum-safe') return undefined
  if (parts.kind === 'ec')
    return parts.isPrivate
      ? { RecommendedCurve: parts.curve, D: toBigInt(parts.scalar) }
      : { RecommendedCurve: parts.curve, QString: parts.point }
  const { order, cofactor } = parts
  const group = {
    P: toBigInt(parts.prime),
    ...(order && { Q: toBigInt(order) }),
    G: toBigInt(parts.generator),
    ...(cofactor && { J: toBigInt(cofactor) }),
  }
  const number = toBigInt(parts.number)
  return parts.isPrivate ? { ...group, X: number } : { ...group, Y: number }
}

function kindOf(format: TransparentFormat): string {
  const [, name = ''] = /^Transparent(RSA|DSA|DH|EC)/.exec(format) ?? []
  return name.toLowerCase()
}

function rsaMaterial(parts: KeyParts & { readonly kind: 'rsa' }): TransparentMaterial {
  const [Modulus, PublicExponent] = [toBigInt(parts.modulus), toBigInt(parts.publicExponent)]
  if (!parts.isPrivate) return { Modulus, PublicExponent }
  return {
    Modulus,
    PrivateExponent: toBigInt(parts.privateExponent),
    PublicExponent,
    P: toBigInt(parts.primeP),
    Q: toBigInt(parts.primeQ),
    PrimeExponentP: toBigInt(parts.exponentP),
    PrimeExponentQ: toBigInt(parts.exponentQ),
    CRTCoefficient: toBigInt(parts.coefficient),
  }
}
