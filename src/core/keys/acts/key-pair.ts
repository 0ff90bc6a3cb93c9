// Create Key Pair (KMIP 1.4 §4.2): which pairs this server makes, and the act that makes and stores both halves with links
// between them. A thread of the pool generates the pair.

import type { JobInput } from '../../crypto/jobs.ts'
import { bitsOf } from '../../crypto/key-parts.ts'
import { isQuantumSafe, quantumSafe } from '../../crypto/post-quantum.ts'
import { first, searchKey, type AttributeSet } from '../../../wire/kmip/attributes.ts'
import { maskOf, type EnumName, type MaskName } from '../../../wire/kmip/enums.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import type { Material } from '../../sealing/envelope.ts'
import {
  curveAlgorithms,
  inFormat,
  keyFacts,
  partsOf,
  storedMaterial,
  type FormattedKey,
  type KeyFormat,
} from '../forms/asymmetric-key.ts'
import { newIdentifier } from '../object/identifier.ts'
import { linkTo, withSoleLink } from '../object/links.ts'
import { withAttribute } from '../object/managed-object.ts'
import type { TransactionObjects } from '../transaction/transaction-objects.ts'

/** The client's attributes for each half. */
export interface KeyPairRequest {
  readonly privateKey: AttributeSet
  readonly publicKey: AttributeSet
}

export interface KeyPairMade {
  readonly privateKey: string
  readonly publicKey: string
}

/** KMIP 1.4 §4.2: these and the Cryptographic Parameters have one value for both halves. */
const common = ['CryptographicAlgorithm', 'CryptographicLength', 'CryptographicDomainParameters'] as const

export async function createKeyPair(
  objects: TransactionObjects,
  request: KeyPairRequest,
): Promise<KeyPairMade> {
  objects.staged.begin('key.create-pair', null)
  requireOneUse(request)
  const made = newIdentifiers(objects.staged.nowMs)
  await keepNewPair(objects, request, made)
  objects.staged.done({ object: made.privateKey, detail: { publicKey: made.publicKey } })
  return made
}

/**
 * A new pair must have the same Cryptographic Parameters on both halves. Later a client may change those of one half, and re-key
 * the pair.
 */
function requireOneUse({ privateKey, publicKey }: KeyPairRequest): void {
  const key = 'CryptographicParameters'
  const [own, other] = [privateKey, publicKey].map((set) =>
    (set.get(key) ?? []).map(({ value }) => searchKey(key, value)).toSorted(),
  )
  if (String(own) !== String(other))
    throw new Fault('InvalidField', 'the Cryptographic Parameters must be those of both keys')
}

export function newIdentifiers(nowMs: number): KeyPairMade {
  return { privateKey: newIdentifier(nowMs), publicKey: newIdentifier(nowMs) }
}

/** Generates the pair and stages both halves, linked to each other and to the pair that they replace. */
export async function keepNewPair(
  objects: TransactionObjects,
  request: KeyPairRequest,
  ids: KeyPairMade,
  replaced?: KeyPairMade,
): Promise<void> {
  const kind = kindOf(request)
  const pair = await objects.compute('generate-key-pair', kind.job)
  const [privateKey, publicKey] = [Buffer.from(pair.privateKey), Buffer.from(pair.publicKey)]
  pair.privateKey.fill(0)
  objects.staged.opened(privateKey)
  const halves = [
    { isPrivate: true, bytes: privateKey, from: 'PKCS_8', format: kind.formats.privateKey },
    { isPrivate: false, bytes: publicKey, from: 'X_509', format: kind.formats.publicKey },
  ] as const
  for (const { isPrivate, bytes, from, format } of halves) {
    const [own, other] = isPrivate
      ? (['privateKey', 'publicKey'] as const)
      : (['publicKey', 'privateKey'] as const)
    const key: FormattedKey = { isPrivate, format: from, bytes }
    const link = linkTo(isPrivate ? 'PublicKeyLink' : 'PrivateKeyLink', ids[other])
    const linked = withSoleLink(described(request[own], key, kind.masks[own]), link)
    const attributes = replaced ? withSoleLink(linked, linkTo('ReplacedObjectLink', replaced[own])) : linked
    const objectType = isPrivate ? 'PrivateKey' : 'PublicKey'
    await objects.keep({ objectType, attributes, uniqueIdentifier: ids[own] }, materialOf(key, format), true)
  }
}

function materialOf(key: FormattedKey, format: KeyFormat): Material {
  const material = inFormat(key, format)
  if (!material) throw new Error(`a new key has no form ${format}`)
  return { bytes: storedMaterial(format, material), head: { keyFormatType: format } }
}

/** The attributes with the key's length and curve, and a mask for clients that give none. */
function described(requestAttributes: AttributeSet, key: FormattedKey, mask: number): AttributeSet {
  const parts = partsOf(key)
  const stated = parts?.kind === 'quantum-safe' ? first(requestAttributes, 'CryptographicLength') : undefined
  const length = stated ?? (parts && bitsOf(parts))
  const withLength = withAttribute(requestAttributes, 'CryptographicLength', length)
  const { attributes } = keyFacts(key)
  const all = new Map([...withLength, ...attributes])
  return all.has('CryptographicUsageMask') ? all : withAttribute(all, 'CryptographicUsageMask', mask)
}

interface PairKind {
  readonly job: JobInput<'generate-key-pair'>
  readonly formats: { readonly privateKey: KeyFormat; readonly publicKey: KeyFormat }
  readonly masks: { readonly privateKey: number; readonly publicKey: number }
}

const usage = (names: readonly MaskName<'CryptographicUsageMask'>[]) =>
  maskOf('CryptographicUsageMask', names)
const signing = { privateKey: usage(['Sign']), publicKey: usage(['Verify']) }
const agreeing = { privateKey: usage(['KeyAgreement']), publicKey: usage(['KeyAgreement']) }
const rsaFormats = { privateKey: 'PKCS_1', publicKey: 'PKCS_1' } as const
const curveFormats = { privateKey: 'ECPrivateKey', publicKey: 'X_509' } as const
const otherFormats = { privateKey: 'PKCS_8', publicKey: 'X_509' } as const

/** Throws Fault InvalidField if the attributes do not name a pair that this server makes. */
function kindOf(request: KeyPairRequest): PairKind {
  for (const key of common)
    if (JSON.stringify(first(request.privateKey, key)) !== JSON.stringify(first(request.publicKey, key)))
      throw new Fault('InvalidField', 'algorithm, length and domain parameters must be those of both keys')
  const algorithm = first(request.privateKey, 'CryptographicAlgorithm')
  const bits = first(request.privateKey, 'CryptographicLength')
  const curve = first(request.privateKey, 'CryptographicDomainParameters')?.RecommendedCurve
  if (algorithm === undefined)
    throw new Fault('InvalidField', 'Create Key Pair needs the attribute Cryptographic Algorithm')
  if (algorithm === 'RSA') {
    if (bits === undefined)
      throw new Fault('InvalidField', 'an RSA key needs the attribute Cryptographic Length')
    return { job: { type: 'rsa', bits }, formats: rsaFormats, masks: signing }
  }
  if (isQuantumSafe(algorithm)) {
    const isKem = quantumSafe[algorithm].family === 'ml-kem'
    return {
      job: { type: 'quantum-safe', algorithm },
      formats: otherFormats,
      masks: isKem ? agreeing : signing,
    }
  }
  if (algorithm === 'Ed25519') return { job: { type: 'ed25519' }, formats: otherFormats, masks: signing }
  if (algorithm === 'Ed448') return { job: { type: 'ed448' }, formats: otherFormats, masks: signing }
  if (!curveAlgorithms.includes(algorithm))
    throw new Fault('InvalidField', `this server makes no key pairs of the algorithm ${algorithm}`)
  const masks = algorithm === 'ECDH' || algorithm === 'ECMQV' ? agreeing : signing
  if (curve === 'CURVE25519') return { job: { type: 'x25519' }, formats: otherFormats, masks: agreeing }
  if (curve === 'CURVE448') return { job: { type: 'x448' }, formats: otherFormats, masks: agreeing }
  return { job: { type: 'ec', curve: opensslCurve(curve, bits) }, formats: curveFormats, masks }
}

function opensslCurve(curve: EnumName<'RecommendedCurve'> | undefined, bits: number | undefined): string {
  const named = curve ?? curvesOfLength[bits ?? 0]
  if (named === undefined)
    throw new Fault(
      'InvalidField',
      'a key on a curve needs Cryptographic Domain Parameters with a Recommended Curve, or a length of 224, 256, 384 or 521',
    )
  const known = opensslNames[named]
  if (known === undefined) throw new Fault('InvalidField', `this server makes no keys on the curve ${named}`)
  // A length for P-521 may count whole bytes.
  if (bits !== undefined && known.bits !== bits && Math.ceil(known.bits / 8) * 8 !== bits)
    throw new Fault('InvalidField', `keys on the curve ${named} have ${known.bits} bits, not ${bits}`)
  return known.name
}

const curvesOfLength: Readonly<Record<number, EnumName<'RecommendedCurve'>>> = {
  224: 'P_224',
  256: 'P_256',
  384: 'P_384',
  521: 'P_521',
  528: 'P_521',
}

/** The curves on which OpenSSL makes keys here, by KMIP's names. */
const opensslNames: Readonly<Record<string, { readonly name: string; readonly bits: number }>> = {
  P_224: { name: 'secp224r1', bits: 224 },
  P_256: { name: 'prime256v1', bits: 256 },
  P_384: { name: 'secp384r1', bits: 384 },
  P_521: { name: 'secp521r1', bits: 521 },
  SECP256K1: { name: 'secp256k1', bits: 256 },
  BRAINPOOLP256R1: { name: 'brainpoolP256r1', bits: 256 },
  BRAINPOOLP384R1: { name: 'brainpoolP384r1', bits: 384 },
  BRAINPOOLP512R1: { name: 'brainpoolP512r1', bits: 512 },
}
