// The encoded forms of public and private keys: PKCS#1 (RFC 8017), PKCS#8 (RFC 5958), SubjectPublicKeyInfo (RFC 5280, KMIP calls
// it X.509) and SEC 1 (RFC 5915). Each is read into the key's numbers and written from them. Pure. key-check.ts checks the
// numbers.

import {
  bitString,
  DerError,
  DerFields,
  derTags,
  identifier,
  nothing,
  octetString,
  sequence,
  tagged,
  unsigned,
  writeDer,
  type DerNode,
} from './der.ts'
import { byteCurveOf, byteCurves, curveOf, curves, type CurveName } from './curves.ts'
import { KeyFormatError, type EcPrivate, type KeyParts, type RsaPrivate } from './key-parts.ts'
import { quantumSafe, quantumSafeOf } from './post-quantum.ts'

/** KMIP's names of the formats that are DER. */
export const derFormats = ['PKCS_1', 'PKCS_8', 'X_509', 'ECPrivateKey'] as const
export type DerFormat = (typeof derFormats)[number]

export function isDerFormat(format: string): format is DerFormat {
  return (derFormats as readonly string[]).includes(format)
}

const algorithms = {
  rsa: '1.2.840.113549.1.1.1',
  rsaPss: '1.2.840.113549.1.1.10',
  ec: '1.2.840.10045.2.1',
  dsa: '1.2.840.10040.4.1',
  /** PKCS#3, as OpenSSL writes it. */
  dh: '1.2.840.113549.1.3.1',
  /** X9.42, with the order of the group. */
  dhx: '1.2.840.10046.2.1',
} as const

/** The result holds views into `der` where possible. Throws KeyFormatError. */
export function decodeKey(format: DerFormat, isPrivate: boolean, der: Uint8Array): KeyParts {
  const parts = reading(format, () => decoders[format](der, isPrivate))
  if (parts.isPrivate === isPrivate) return parts
  throw new KeyFormatError(`this is a ${parts.isPrivate ? 'private' : 'public'} key`)
}

function reading<T>(format: DerFormat, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof DerError)) throw error
    throw new KeyFormatError(`the Key Material is not a ${names[format]}: ${error.message}`, { cause: error })
  }
}

const names: Readonly<Record<DerFormat, string>> = {
  PKCS_1: 'PKCS#1 key',
  PKCS_8: 'PKCS#8 key',
  X_509: 'SubjectPublicKeyInfo',
  ECPrivateKey: 'SEC 1 private key',
}

const decoders: Readonly<Record<DerFormat, (der: Uint8Array, isPrivate: boolean) => KeyParts>> = {
  PKCS_1: (der, isPrivate) => (isPrivate ? rsaPrivate(DerFields.of(der)) : rsaPublic(DerFields.of(der))),
  PKCS_8: privateKeyInfo,
  X_509: publicKeyInfo,
  ECPrivateKey: (der) => ecPrivate(DerFields.of(der)),
}

/**
 * Whether these bytes are an EncryptedPrivateKeyInfo: PKCS#8 under a password. The server stores such a key unchanged, since only
 * the client has the password.
 */
export function isEncryptedPkcs8(der: Uint8Array): boolean {
  try {
    const fields = DerFields.of(der)
    fields.sequence().identifier()
    fields.next(derTags.octetString)
    return fields.isAtEnd
  } catch (error) {
    if (error instanceof DerError) return false
    throw error
  }
}

/**
 * Whether these bytes are an RSA key in PKCS#1: it alone begins with two numbers. Examples of PyKMIP call such a private key PKCS#8, and
 * Barbican's plugin with `pkcs1_only` calls such a public key X.509.
 */
export function isPkcs1(der: Uint8Array): boolean {
  try {
    const fields = DerFields.of(der)
    return fields.optional(derTags.integer) !== undefined && fields.optional(derTags.integer) !== undefined
  } catch (error) {
    if (error instanceof DerError) return false
    throw error
  }
}

/** Undefined if the format has no such keys. The caller wipes the bytes. */
export function encodeKey(format: DerFormat, parts: KeyParts): Buffer | undefined {
  const root = encoders[format](parts)
  return root && writeDer(root)
}

const encoders: Readonly<Record<DerFormat, (parts: KeyParts) => DerNode | undefined>> = {
  PKCS_1: (parts) => (parts.kind === 'rsa' ? rsaKey(parts) : undefined),
  PKCS_8: (parts) => (parts.isPrivate ? sequence(version(0), ...privateInfo(parts)) : undefined),
  X_509: (parts) => (parts.isPrivate ? undefined : sequence(...publicInfo(parts))),
  ECPrivateKey: (parts) => (parts.kind === 'ec' && parts.isPrivate ? ecKey(parts, parts.curve) : undefined),
}

function version(number: number): DerNode {
  return unsigned(Buffer.of(number))
}

// ---------------------------------------------------------------- RSA

function rsaPublic(fields: DerFields): KeyParts {
  const [modulus, publicExponent] = [fields.unsigned(), fields.unsigned()]
  fields.end()
  return { kind: 'rsa', isPrivate: false, modulus, publicExponent }
}

function rsaPrivate(fields: DerFields): RsaPrivate {
  if (fields.small() !== 0) throw new KeyFormatError('an RSA key of more than two primes is not supported')
  const [modulus, publicExponent, privateExponent] = [fields.unsigned(), fields.unsigned(), fields.unsigned()]
  const [primeP, primeQ] = [fields.unsigned(), fields.unsigned()]
  const [exponentP, exponentQ, coefficient] = [fields.unsigned(), fields.unsigned(), fields.unsigned()]
  fields.end()
  const rest = { primeP, primeQ, exponentP, exponentQ, coefficient }
  return { kind: 'rsa', isPrivate: true, modulus, publicExponent, privateExponent, ...rest }
}

function rsaKey(parts: KeyParts & { readonly kind: 'rsa' }): DerNode {
  const { modulus, publicExponent } = parts
  if (!parts.isPrivate) return sequence(unsigned(modulus), unsigned(publicExponent))
  const { privateExponent, primeP, primeQ, exponentP, exponentQ, coefficient } = parts
  const numbers = [
    modulus,
    publicExponent,
    privateExponent,
    primeP,
    primeQ,
    exponentP,
    exponentQ,
    coefficient,
  ]
  return sequence(version(0), ...numbers.map(unsigned))
}

// ---------------------------------------------------------------- Elliptic curves

/** `named`: the curve that PKCS#8 states outside. The key may repeat it. */
function ecPrivate(fields: DerFields, named?: CurveName): EcPrivate {
  if (fields.small() !== 1) throw new DerError('its version is not 1')
  const scalar = fields.next(derTags.octetString)
  const inside = fields.optional(0xa0)
  const own = inside && curveIn(new DerFields(inside))
  const curve = named ?? own
  if (!curve) throw new KeyFormatError('the key does not name its curve')
  if (own && own !== curve) throw new KeyFormatError('the key names two curves')
  const point = fields.optional(0xa1)
  fields.end()
  return {
    kind: 'ec',
    isPrivate: true,
    curve,
    scalar,
    ...(point && { point: new DerFields(point).bits() }),
  }
}

function curveIn(fields: DerFields): CurveName {
  const curve = curveOf(fields.identifier())
  if (!curve) throw new KeyFormatError('its curve has no name in KMIP')
  fields.end()
  return curve
}

function ecKey({ scalar, point }: EcPrivate, curve: CurveName | undefined): DerNode {
  return sequence(
    version(1),
    octetString(scalar),
    ...(curve ? [tagged(0, identifier(curves[curve].identifier))] : []),
    ...(point ? [tagged(1, bitString(point))] : []),
  )
}

// ---------------------------------------------------------------- PKCS#8 and SubjectPublicKeyInfo

function privateKeyInfo(der: Uint8Array): KeyParts {
  const fields = DerFields.of(der)
  if (fields.small() > 1) throw new DerError('its version is neither 0 nor 1')
  const algorithm = fields.sequence()
  const key = fields.next(derTags.octetString)
  // Attributes and, in version 1, the public key. Mortise needs neither.
  fields.optional(0xa0)
  fields.optional(0x81)
  fields.end()
  return decodeBy(algorithm, true, key)
}

function publicKeyInfo(der: Uint8Array): KeyParts {
  const fields = DerFields.of(der)
  const algorithm = fields.sequence()
  const key = fields.bits()
  fields.end()
  return decodeBy(algorithm, false, key)
}

function decodeBy(algorithm: DerFields, isPrivate: boolean, key: Buffer): KeyParts {
  const id = algorithm.identifier()
  const bytes = byteCurveOf(id)
  if (bytes) return bytesKey(bytes, isPrivate, key)
  const safe = quantumSafeOf(id)
  if (safe) return { kind: 'quantum-safe', isPrivate, algorithm: safe, content: key }
  if (id === algorithms.rsa || id === algorithms.rsaPss)
    return isPrivate ? rsaPrivate(DerFields.of(key)) : rsaPublic(DerFields.of(key))
  if (id === algorithms.ec) {
    const curve = curveIn(algorithm)
    return isPrivate
      ? ecPrivate(DerFields.of(key), curve)
      : { kind: 'ec', isPrivate: false, curve, point: key }
  }
  if (id === algorithms.dsa || id === algorithms.dh || id === algorithms.dhx)
    return discreteKey(id, algorithm.sequence(), isPrivate, soleNumber(key))
  throw new KeyFormatError(`keys of the algorithm ${id} are not supported`)
}

function bytesKey(curve: keyof typeof byteCurves, isPrivate: boolean, content: Buffer): KeyParts {
  const fields = new DerFields(content)
  const key = isPrivate ? fields.next(derTags.octetString) : content
  if (isPrivate) fields.end()
  if (key.length !== byteCurves[curve].keyBytes)
    throw new KeyFormatError(`a key of ${curve} has ${byteCurves[curve].keyBytes} bytes, not ${key.length}`)
  return { kind: 'bytes', isPrivate, curve, key }
}

function soleNumber(der: Buffer): Buffer {
  const fields = new DerFields(der)
  const number = fields.unsigned()
  fields.end()
  return number
}

function discreteKey(id: string, parameters: DerFields, isPrivate: boolean, number: Buffer): KeyParts {
  const prime = parameters.unsigned()
  if (id === algorithms.dsa) {
    const [order, generator] = [parameters.unsigned(), parameters.unsigned()]
    parameters.end()
    return { kind: 'dsa', isPrivate, prime, order, generator, number }
  }
  const generator = parameters.unsigned()
  if (id === algorithms.dh) return { kind: 'dh', isPrivate, prime, generator, number }
  const order = parameters.unsigned()
  const cofactor = parameters.isAtEnd ? undefined : parameters.unsigned()
  return { kind: 'dh', isPrivate, prime, order, generator, cofactor, number }
}

/** The fields of a PrivateKeyInfo after its version. */
function privateInfo(parts: KeyParts): readonly DerNode[] {
  if (parts.kind === 'quantum-safe') return [algorithmOf(parts), octetString(parts.content)]
  const key = parts.kind === 'ec' && parts.isPrivate ? ecKey(parts, undefined) : keyItself(parts)
  return [algorithmOf(parts), octetString(key)]
}

function publicInfo(parts: KeyParts): readonly DerNode[] {
  if (parts.kind === 'ec' && !parts.isPrivate) return [algorithmOf(parts), bitString(parts.point)]
  if (parts.kind === 'bytes') return [algorithmOf(parts), bitString(parts.key)]
  if (parts.kind === 'quantum-safe') return [algorithmOf(parts), bitString(parts.content)]
  return [algorithmOf(parts), bitString(keyItself(parts))]
}

function keyItself(parts: KeyParts): DerNode {
  if (parts.kind === 'rsa') return rsaKey(parts)
  if (parts.kind === 'bytes') return octetString(parts.key)
  if (parts.kind === 'ec' || parts.kind === 'quantum-safe') throw new TypeError('this is not a key by itself')
  return unsigned(parts.number)
}

function algorithmOf(parts: KeyParts): DerNode {
  if (parts.kind === 'rsa') return sequence(identifier(algorithms.rsa), nothing)
  if (parts.kind === 'ec')
    return sequence(identifier(algorithms.ec), identifier(curves[parts.curve].identifier))
  if (parts.kind === 'bytes') return sequence(identifier(byteCurves[parts.curve].identifier))
  if (parts.kind === 'quantum-safe') return sequence(identifier(quantumSafe[parts.algorithm].identifier))
  const { kind, prime, order, generator } = parts
  if (kind === 'dsa')
    return sequence(identifier(algorithms.dsa), parameters([prime, order ?? Buffer.of(), generator]))
  if (!order) return sequence(identifier(algorithms.dh), parameters([prime, generator]))
  const numbers = [prime, generator, order, ...(parts.cofactor ? [parts.cofactor] : [])]
  return sequence(identifier(algorithms.dhx), parameters(numbers))
}

function parameters(numbers: readonly Uint8Array[]): DerNode {
  return sequence(...numbers.map(unsigned))
}
