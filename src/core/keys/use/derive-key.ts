// The act of deriving a key from others (KMIP 1.4 §4.6): follows the rules of use of each of them, computes on a thread, and
// links both ways. The first object is the key. A second one, Secret Data, is the derivation data, if the request has none. An
// agreement takes a private and a public key.

import type { Derivation } from '../../crypto/derive.ts'
import { hashName, type MacAlgorithm } from '../../crypto/macs.ts'
import { hashes, hmacs } from '../../crypto/algorithms.ts'
import { first, type AttributeSet } from '../../../wire/kmip/attributes.ts'
import { maskOf, type EnumName } from '../../../wire/kmip/enums.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import { faultOf } from '../transaction/crypto-fault.ts'
import { cipherParameters, macAlgorithm, parametersFor, type CryptoParameters } from './crypto-settings.ts'
import type { NewObject } from '../object/initial-attributes.ts'
import { unusable, usableKey } from './key-bytes.ts'
import { keyBytes } from '../forms/key-generation.ts'
import { linkTo, withLink } from '../object/links.ts'
import { single, withAttribute, withDate, type ManagedObject } from '../object/managed-object.ts'
import type { TransactionObjects } from '../transaction/transaction-objects.ts'
import { spendUsage } from '../object/usage-limits.ts'

/** The most bytes of a derived key. */
export const derivedBytesMax = 8_192

export interface DeriveRequest {
  readonly object: NewObject
  readonly bases: readonly string[]
  readonly method: EnumName<'DerivationMethod'>
  readonly parameters: DerivationParameters
}

export interface DerivationParameters {
  readonly cryptographic?: CryptoParameters | undefined
  readonly iv?: Uint8Array | undefined
  readonly data?: Uint8Array | undefined
  readonly salt?: Uint8Array | undefined
  readonly iterations?: number | undefined
}

/** Returns the identifier of the new object. Throws Faults. */
export async function deriveKey(objects: TransactionObjects, request: DeriveRequest): Promise<string> {
  const { object: newObject, method, bases } = request
  objects.staged.begin('key.derive', null)
  const bytes = derivedBytes(newObject)
  requireNoGenerator(newObject)
  if (bases.length > 2) throw new Fault('InvalidField', method === 'AsymmetricKey' ? onePair : oneKey)
  const usableBases = await usable(objects, bases, bytes)
  const derived =
    method === 'AsymmetricKey'
      ? await agreed(objects, usableBases, bytes)
      : await derivedOf(objects, usableBases, request, bytes)
  const from = usableBases.map(({ uniqueIdentifier }) => uniqueIdentifier)
  const attributes = derivedAttributes(restricted(newObject, usableBases), from, objects.staged.nowMs)
  const head =
    newObject.objectType === 'SecretData'
      ? ({ keyFormatType: 'Opaque', secretDataType: 'Seed' } as const)
      : ({ keyFormatType: 'Raw' } as const)
  const material = { bytes: Buffer.from(derived.data.buffer), head }
  const uniqueIdentifier = await objects.keep({ ...newObject, attributes }, material, false)
  for (const identifier of from) {
    const object = await objects.live(identifier)
    const link = linkTo('DerivedKeyLink', uniqueIdentifier)
    await objects.stage(object, { ...object, attributes: withLink(object.attributes, link) })
  }
  const detail = { objectType: newObject.objectType, method, bytes, base: from[0] ?? '' }
  objects.staged.done({ object: uniqueIdentifier, detail })
  return uniqueIdentifier
}

const oneKey = 'Derive Key takes one key, and beside it one Secret Data object at most'
const onePair = 'an agreement takes one Private Key and one Public Key'

function derivedBytes({ objectType, attributes }: NewObject): number {
  const length = first(attributes, 'CryptographicLength')
  const algorithm = first(attributes, 'CryptographicAlgorithm')
  if (length === undefined)
    throw new Fault('InvalidField', 'Derive Key needs the attribute Cryptographic Length')
  if (objectType === 'SymmetricKey') {
    if (algorithm === undefined)
      throw new Fault('InvalidField', 'Derive Key needs the attribute Cryptographic Algorithm')
    return keyBytes(algorithm, length)
  }
  if (length < 8 || length % 8 !== 0 || length / 8 > derivedBytesMax)
    throw new Fault(
      'InvalidField',
      `derived Secret Data has 8 to ${String(derivedBytesMax * 8)} bits, a multiple of 8`,
    )
  return length / 8
}

/** KMIP 1.4 §3.44: a derivation uses no generator, so a request must not name one. */
function requireNoGenerator({ attributes }: NewObject): void {
  const generator = first(attributes, 'RandomNumberGenerator')
  if (generator && generator.RNGAlgorithm !== 'Unspecified')
    throw new Fault('InvalidField', 'a derivation uses no random number generator')
}

/** Derives from the first object, which is the key. A second one is the derivation data. */
async function derivedOf(
  objects: TransactionObjects,
  [base, dataObject]: readonly ManagedObject[],
  request: DeriveRequest,
  bytes: number,
): Promise<{ readonly data: Uint8Array }> {
  const isOther =
    !dataObject || (dataObject.objectType === 'SecretData' && request.bases[0] !== request.bases[1])
  if (!base || !isOther) throw new Fault('InvalidField', oneKey)
  const key = await opened(objects, base)
  const data = dataObject ? await opened(objects, dataObject) : undefined
  const derivation = derivationFor(base.attributes, request, data)
  return objects.computeOnce('derive', { key, derivation, bytes })
}

/** Agrees on a secret from a private key of one party and a public key of the other. */
async function agreed(
  objects: TransactionObjects,
  bases: readonly ManagedObject[],
  bytes: number,
): Promise<{ readonly data: Uint8Array }> {
  const own = bases.find(({ objectType }) => objectType === 'PrivateKey')
  const other = bases.find(({ objectType }) => objectType === 'PublicKey')
  if (!own || !other || bases.length !== 2) throw new Fault('InvalidField', onePair)
  const keys = [await usableKey(objects, own), await usableKey(objects, other)] as const
  const [ownKey, otherKey] = keys.map((key) => ('asymmetric' in key ? key.asymmetric : undefined))
  if (!ownKey || !('pkcs8' in ownKey) || !otherKey || !('spki' in otherKey)) throw unusable(own.objectType)
  return objects.computeOnce('agree', { privateKey: ownKey.pkcs8, publicKey: otherKey.spki, bytes })
}

/** Loads the objects, and counts one use of each. */
async function usable(
  objects: TransactionObjects,
  identifiers: readonly string[],
  bytes: number,
): Promise<readonly ManagedObject[]> {
  const loaded: ManagedObject[] = []
  for (const identifier of identifiers) {
    const object = await objects.live(identifier)
    await objects.requireUse(object, 'DeriveKey')
    const attributes = spendUsage(object.attributes, { bytes, objects: 1 })
    if (attributes) await objects.stage(object, { ...object, attributes })
    loaded.push(object)
  }
  return loaded
}

async function opened(objects: TransactionObjects, object: ManagedObject): Promise<Uint8Array> {
  const key = await usableKey(objects, object)
  if ('symmetric' in key) return key.symmetric
  throw unusable(object.objectType)
}

/**
 * By default, the derived object is as Sensitive and as little Extractable as its bases. The request may loosen that: the derived
 * bytes do not reveal those of a base, and clients derive keys to fetch them.
 */
function restricted(object: NewObject, bases: readonly ManagedObject[]): NewObject {
  const set = new Map(object.attributes)
  const restrictions = [
    ['Sensitive', true],
    ['Extractable', false],
  ] as const
  for (const [key, value] of restrictions)
    if (!set.has(key) && bases.some(({ attributes }) => first(attributes, key) === value))
      set.set(key, single(value))
  return { ...object, attributes: set }
}

function derivedAttributes(
  { objectType, attributes }: NewObject,
  from: readonly string[],
  nowMs: number,
): AttributeSet {
  const mask =
    first(attributes, 'CryptographicUsageMask') ??
    (objectType === 'SymmetricKey' ? maskOf('CryptographicUsageMask', ['Encrypt', 'Decrypt']) : 0)
  const made = withDate(attributes, 'OriginalCreationDate', nowMs)
  const known = withAttribute(made, 'CryptographicUsageMask', mask)
  return from.reduce<AttributeSet>(
    (set, base) => withLink(set, linkTo('DerivationBaseObjectLink', base)),
    // The server sets this attribute itself.
    withAttribute(known, 'RandomNumberGenerator', undefined),
  )
}

/** Pure. `secret`: the bytes of the Secret Data object. Throws Faults. */
function derivationFor(
  attributes: AttributeSet,
  { method, parameters }: Pick<DeriveRequest, 'method' | 'parameters'>,
  secret: Uint8Array | undefined,
): Derivation {
  const { data: requestData, iv, salt, iterations } = parameters
  if (requestData && secret)
    throw new Fault('InvalidMessage', 'there is Derivation Data in the request and a Secret Data object too')
  const data = requestData ?? secret
  const cryptographic = parametersFor(attributes, parameters.cryptographic)
  try {
    switch (method) {
      case 'PBKDF2':
        if (data)
          throw new Fault('InvalidField', 'PBKDF2 derives from the object alone: leave out Derivation Data')
        if (!salt || iterations === undefined)
          throw new Fault('InvalidField', 'PBKDF2 needs Salt and Iteration Count')
        return { method: 'pbkdf2', hash: pseudorandomHash(cryptographic), salt, iterations }
      case 'HASH':
        if (data)
          throw new Fault('InvalidField', 'HASH derives from the object alone: leave out Derivation Data')
        return { method: 'hash', hash: cryptographic.HashingAlgorithm }
      case 'HMAC':
        return { method: 'mac', mac: hmacOf(attributes, cryptographic), data: needed(data) }
      case 'ENCRYPT':
        return {
          method: 'encrypt',
          cipher: cipherParameters(attributes, cryptographic),
          iv,
          data: needed(data),
        }
      case 'NIST800_108_C':
      case 'NIST800_108_F':
      case 'NIST800_108_DPI': {
        const construction = constructions[method]
        return { method: construction, mac: macAlgorithm(attributes, cryptographic), iv, data: needed(data) }
      }
      case 'HKDF': {
        // KMIP 2.1 §7.12: only the request's parameters count, not the key's own.
        const hash = hashName(parameters.cryptographic?.HashingAlgorithm ?? 'SHA_256')
        return { method: 'hkdf', hash, salt, data }
      }
      case 'AsymmetricKey':
      case 'AWSSignatureVersion4':
        throw new Fault('InvalidField', `this server does not derive by ${method}`)
      default:
        return method satisfies never
    }
  } catch (error) {
    throw faultOf(error)
  }
}

/** KMIP 1.4 §4.6: an HMAC key determines the MAC, whatever the parameters say. */
function hmacOf(attributes: AttributeSet, parameters: CryptoParameters): MacAlgorithm {
  const own = hmacs[first(attributes, 'CryptographicAlgorithm') ?? '']
  return own === undefined ? macAlgorithm(attributes, parameters) : { hmac: own }
}

const constructions = {
  NIST800_108_C: 'counter',
  NIST800_108_F: 'feedback',
  NIST800_108_DPI: 'double-pipeline',
} as const

function needed(data: Uint8Array | undefined): Uint8Array {
  if (data) return data
  throw new Fault('InvalidField', 'this derivation needs Derivation Data, or a Secret Data object with it')
}

/** RFC 8018 §B.1.1: HMAC-SHA-1 by default. */
function pseudorandomHash({ HashingAlgorithm: hash, CryptographicAlgorithm: mac }: CryptoParameters): string {
  if (hash !== undefined) return hashName(hash)
  if (mac === undefined) return hashes['SHA_1'] ?? 'sha1'
  return hmacs[mac] ?? hashName(mac)
}
