// Keys that leave wrapped by another key, and keys that came wrapped (KMIP 1.4 §2.1.5, §2.1.6). A use of the wrapping key follows
// the rules of every use, and each use has its own audit entry.

import { randomBytes } from 'node:crypto'
import { cipherSetting } from '../../crypto/cipher-setting.ts'
import { decryptionFailed } from '../../crypto/error.ts'
import type { Opening } from '../../crypto/openings.ts'
import type { RsaEncryptionScheme } from '../../crypto/rsa.ts'
import { searchKey, type AttributeSet } from '../../../wire/kmip/attributes.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import {
  packKeyValue,
  unpackKeyValue,
  type KeyBlock,
  type KeyValue,
  type KeyWrappingData,
  type KeyWrappingSpecification,
} from '../../../wire/kmip/objects.ts'
import type { Version } from '../../../wire/kmip/version.ts'
import type { Material, MaterialHead } from '../../sealing/envelope.ts'
import { storedMaterial } from '../forms/asymmetric-key.ts'
import { faultOf } from '../transaction/crypto-fault.ts'
import {
  cipherParameters,
  dataMacAlgorithm,
  parametersFor,
  rsaEncryptionScheme,
  signatureScheme,
  type CryptoParameters,
} from './crypto-settings.ts'
import { usableKey, type UsableKey } from './key-bytes.ts'
import { linksOf } from '../object/links.ts'
import type { ManagedObject, ObjectType } from '../object/managed-object.ts'
import type { TransactionObjects } from '../transaction/transaction-objects.ts'
import { isProtecting } from '../object/use-rule.ts'
import { spendUsage } from '../object/usage-limits.ts'
import { encrypts, wrappingDataOf } from '../forms/wrapping-data.ts'
import {
  requireFitMode,
  requireFitPadding,
  requireFitUse,
  requireWrappingUse,
  wrappingObject,
  type WrappingUse,
} from './wrapping-object.ts'

// ---------------------------------------------------------------- Wrapping

export interface WrapRequest {
  /** The object that leaves. */
  readonly uniqueIdentifier: string
  readonly specification: KeyWrappingSpecification
  /** The attributes that the specification names, to wrap with the key. */
  readonly attributes: Pick<KeyValue, 'Attribute' | 'Attributes'>
  readonly version: Version
  /** Whether to put the wrapped bytes into a Key Value structure as Key Material, for clients that register them so. */
  readonly inKeyValue?: boolean
}

/** The Key Block with its value wrapped. Throws Faults. */
export async function wrapKeyBlock(
  objects: TransactionObjects,
  block: KeyBlock,
  request: WrapRequest,
): Promise<KeyBlock> {
  const { specification } = request
  requireKeys(specification)
  const { WrappingMethod, EncodingOption } = specification
  const { EncryptionKeyInformation: encryption, MACSignatureKeyInformation: mac } = specification
  const plain = encoded(block, request)
  objects.staged.opened(plain)
  const macLast = WrappingMethod === 'EncryptThenMACSign'
  const early = mac && !macLast ? await tagOf(objects, request, mac, plain) : undefined
  const wrapped = encryption && (await encrypted(objects, request, encryption, plain))
  const late = mac && macLast && wrapped ? await tagOf(objects, request, mac, wrapped.bytes) : undefined
  return {
    ...block,
    KeyValue: wrapped ? keyValueOf(wrapped.bytes, request) : { ...plainValue(block), ...request.attributes },
    KeyWrappingData: {
      WrappingMethod,
      EncodingOption,
      EncryptionKeyInformation: encryption,
      MACSignatureKeyInformation: mac,
      MACSignature: early ?? late,
      IVCounterNonce: wrapped?.iv,
    },
  }
}

function keyValueOf(bytes: Buffer, { inKeyValue }: WrapRequest): KeyBlock['KeyValue'] {
  return inKeyValue ? { KeyMaterial: bytes } : bytes
}

function requireKeys(specification: KeyWrappingSpecification): void {
  const { WrappingMethod, EncryptionKeyInformation, MACSignatureKeyInformation } = specification
  if (WrappingMethod === 'TR_31')
    throw new Fault('FeatureNotSupported', 'this server does not wrap keys by TR-31')
  const needsMac = WrappingMethod !== 'Encrypt'
  if (encrypts(specification) !== (EncryptionKeyInformation !== undefined))
    throw new Fault('InvalidField', `Encryption Key Information does not fit the method ${WrappingMethod}`)
  if (needsMac !== (MACSignatureKeyInformation !== undefined))
    throw new Fault('InvalidField', `MAC/Signature Key Information does not fit the method ${WrappingMethod}`)
}

/** The bytes to wrap: the Key Material alone, or the Key Value as TTLV with its attributes. */
function encoded(block: KeyBlock, { specification, attributes, version }: WrapRequest): Buffer {
  const { KeyFormatType } = block
  const value = plainValue(block)
  if (specification.EncodingOption !== 'NoEncoding')
    return packKeyValue(KeyFormatType, { ...value, ...attributes }, version)
  if (specification.AttributeName.length > 0)
    throw new Fault('EncodingOptionError', 'without an encoding no attributes can be wrapped with the key')
  if (!(value.KeyMaterial instanceof Uint8Array))
    throw new Fault('EncodingOptionError', `a key in the format ${KeyFormatType} needs an encoding`)
  return Buffer.from(value.KeyMaterial)
}

function plainValue({ KeyValue: value }: KeyBlock): KeyValue {
  if (value && !(value instanceof Uint8Array)) return value
  throw new Fault('IllegalOperation', 'there is no key here that could be wrapped')
}

interface Wrapped {
  readonly bytes: Buffer
  readonly iv: Uint8Array | undefined
}

async function encrypted(
  objects: TransactionObjects,
  { uniqueIdentifier }: WrapRequest,
  information: Used['information'],
  plain: Buffer,
): Promise<Wrapped> {
  return withKey(
    objects,
    { information, use: 'WrapKey', action: 'key.wrap', of: uniqueIdentifier, bytes: plain.length },
    async (usable, object, parameters) => {
      if ('asymmetric' in usable) {
        const scheme = rsaEncryptionScheme(parameters)
        requireFitPadding(await objects.instance(), object, scheme)
        const opening: Opening = { kind: 'rsa-encrypt', key: usable.asymmetric, scheme }
        const made = await objects.compute('whole', { opening, data: plain, ending: {} })
        return { bytes: Buffer.from(made.data ?? Buffer.of()), iv: undefined }
      }
      const key = usable.symmetric
      const cipher = cipherParameters(object.attributes, parameters)
      const setting = cipherSetting(cipher, key.length)
      requireFitMode(await objects.instance(), object.uniqueIdentifier, setting)
      const iv = setting.iv && randomBytes(setting.iv.usual)
      if (setting.kind === 'aead') await objects.takeNonce(object.uniqueIdentifier)
      const opening: Opening = { kind: 'encrypt', key, cipher, iv, totalBytes: plain.length }
      const { data, tag } = await objects.compute('whole', { opening, data: plain, ending: {} })
      return { bytes: Buffer.concat([data ?? Buffer.of(), tag ?? Buffer.of()]), iv }
    },
  )
}

/** Makes the MAC with a symmetric key, or the signature with a private key, which its public key may name. */
async function tagOf(
  objects: TransactionObjects,
  { uniqueIdentifier }: WrapRequest,
  information: Used['information'],
  data: Uint8Array,
): Promise<Uint8Array> {
  const way = (await isSymmetric(objects, information))
    ? ({ use: 'MACGenerate', action: 'key.mac' } as const)
    : ({ use: 'Sign', action: 'key.sign' } as const)
  return withKey(
    objects,
    { information, ...way, of: uniqueIdentifier, bytes: data.length },
    async (usable, object, parameters) => {
      const opening = tagOpening(usable, object, parameters, false)
      const made = await objects.compute('whole', { opening, data, ending: {} })
      return made.data ?? Buffer.of()
    },
  )
}

/** A wrong MAC or signature has the same answer as wrong bytes or a wrong key. */
async function requireTag(
  objects: TransactionObjects,
  of: string,
  { MACSignatureKeyInformation: information, MACSignature: expected }: KeyWrappingData,
  data: Uint8Array,
): Promise<void> {
  if (!information || !expected)
    throw new Fault(
      'InvalidField',
      'the Key Wrapping Data has no MAC or signature, or does not say by which key',
    )
  const way = (await isSymmetric(objects, information))
    ? ({ use: 'MACVerify', action: 'key.mac-verify' } as const)
    : ({ use: 'Verify', action: 'key.signature-verify' } as const)
  await withKey(
    objects,
    { information, ...way, of, bytes: data.length },
    async (usable, object, parameters) => {
      const opening = tagOpening(usable, object, parameters, true)
      const { valid } = await objects.compute('whole', { opening, data, ending: { expected } })
      if (valid !== true) throw decryptionFailed()
    },
  )
}

async function isSymmetric(
  objects: TransactionObjects,
  { UniqueIdentifier }: Used['information'],
): Promise<boolean> {
  const { objectType } = await wrappingObject(objects, UniqueIdentifier)
  return objectType === 'SymmetricKey'
}

function tagOpening(
  key: UsableKey,
  { attributes }: ManagedObject,
  parameters: CryptoParameters,
  verify: boolean,
): Opening {
  if ('symmetric' in key)
    return { kind: 'mac', key: key.symmetric, algorithm: dataMacAlgorithm(attributes, parameters), verify }
  return {
    kind: 'signature',
    key: key.asymmetric,
    scheme: signatureScheme(attributes, parameters, false),
    verify,
  }
}

// ---------------------------------------------------------------- Unwrapping

/** Unwraps the material of a key that came wrapped. The caller wipes it. Throws Faults. */
export async function unwrapped(
  objects: TransactionObjects,
  uniqueIdentifier: string,
  { bytes, head }: Material,
): Promise<Material> {
  const { wrapping, ...rest } = head
  if (!wrapping) return { bytes, head }
  const data = wrappingDataOf(wrapping)
  const { WrappingMethod, EncryptionKeyInformation: information, IVCounterNonce: iv } = data
  if (!encrypts(data)) {
    await requireTag(objects, uniqueIdentifier, data, bytes)
    return { bytes: decoded(bytes, data, rest), head: rest }
  }
  if (!information || WrappingMethod === 'TR_31')
    throw new Fault('FeatureNotSupported', `this server does not unwrap keys by the method ${WrappingMethod}`)
  if (WrappingMethod === 'EncryptThenMACSign') await requireTag(objects, uniqueIdentifier, data, bytes)
  const plain = await withKey(
    objects,
    { information, use: 'UnwrapKey', action: 'key.unwrap', of: uniqueIdentifier, bytes: bytes.length },
    async (usable, object, parameters) => {
      const opening: Opening =
        'asymmetric' in usable
          ? { kind: 'rsa-decrypt', key: usable.asymmetric, scheme: unwrappingScheme(parameters) }
          : {
              kind: 'decrypt',
              key: usable.symmetric,
              cipher: cipherParameters(object.attributes, parameters),
              iv,
              tagAppended: true,
              totalBytes: bytes.length,
            }
      const made = await objects.compute('whole', { opening, data: bytes, ending: {} })
      return Buffer.from(made.data ?? Buffer.of())
    },
  )
  objects.staged.opened(plain)
  if (WrappingMethod === 'MACSignThenEncrypt') await requireTag(objects, uniqueIdentifier, data, plain)
  return { bytes: decoded(plain, data, rest), head: rest }
}

function decoded(
  plain: Uint8Array,
  { EncodingOption }: KeyWrappingData,
  { keyFormatType = 'Raw' }: MaterialHead,
): Buffer {
  if (EncodingOption === 'NoEncoding') return Buffer.from(plain)
  try {
    const value = unpackKeyValue(keyFormatType, plain)
    if (!(value instanceof Uint8Array)) return storedMaterial(keyFormatType, value.KeyMaterial)
  } catch (cause) {
    throw new Fault('CryptographicFailure', 'what was unwrapped is no Key Value', { cause })
  }
  throw new Fault('CryptographicFailure', 'what was unwrapped is no Key Value')
}

// ---------------------------------------------------------------- The wrapping key

interface Used {
  readonly information: NonNullable<KeyWrappingSpecification['EncryptionKeyInformation']>
  readonly use: WrappingUse
  readonly action:
    'key.wrap' | 'key.unwrap' | 'key.mac' | 'key.mac-verify' | 'key.sign' | 'key.signature-verify'
  /** The wrapped object, for the audit. */
  readonly of: string
  readonly bytes: number
}

async function withKey<T>(
  objects: TransactionObjects,
  { information, use, action, of, bytes }: Used,
  work: (key: UsableKey, object: ManagedObject, parameters: CryptoParameters) => Promise<T>,
): Promise<T> {
  const { staged } = objects
  staged.beginWithin(action, information.UniqueIdentifier)
  const named = await wrappingObject(objects, information.UniqueIdentifier)
  requireFitUse(await objects.instance(), named.uniqueIdentifier, use)
  const object = await halfFor(use, objects, named)
  if (!wrappers[use].includes(object.objectType))
    throw new Fault(
      'IllegalOperation',
      `this server does not do that by an object of type ${object.objectType}`,
    )
  requireWrappingUse(object, use, staged.nowMs)
  const isVerifying = use === 'MACVerify' || use === 'Verify'
  const parameters = (isVerifying ? parametersFor : matching)(
    object.attributes,
    information.CryptographicParameters,
  )
  const attributes = isProtecting(use) ? spendUsage(object.attributes, { bytes, objects: 1 }) : undefined
  if (attributes) await objects.stage(object, { ...object, attributes })
  const key = await usableKey(objects, object)
  try {
    const done = await work(key, object, parameters)
    const padding = use === 'WrapKey' && parameters.PaddingMethod === 'PKCS1V1_5' && parameters.PaddingMethod
    staged.done({ detail: { of, bytes, ...(padding && { padding }) } })
    return done
  } catch (error) {
    throw faultOf(error)
  }
}

/** The types of objects that wrap keys. */
const wrappers: Readonly<Record<Used['use'], readonly ObjectType[]>> = {
  WrapKey: ['SymmetricKey', 'PublicKey', 'Certificate'],
  UnwrapKey: ['SymmetricKey', 'PrivateKey'],
  MACGenerate: ['SymmetricKey'],
  MACVerify: ['SymmetricKey'],
  Sign: ['PrivateKey'],
  Verify: ['PrivateKey', 'PublicKey'],
}

/**
 * If a request names a public key, its linked private key unwraps and signs (KMIP 1.4 §2.1.5, table 11). If a request names a
 * private key, its linked public key verifies.
 */
async function halfFor(
  use: Used['use'],
  objects: TransactionObjects,
  named: ManagedObject,
): Promise<ManagedObject> {
  const isPrivateUse = use === 'UnwrapKey' || use === 'Sign'
  if (named.objectType === 'PublicKey' && isPrivateUse) {
    const [privateKey] = linksOf(named.attributes, 'PrivateKeyLink')
    if (privateKey !== undefined) return wrappingObject(objects, privateKey)
    throw new Fault('ItemNotFound', 'the public key that is named has no Private Key Link')
  }
  if (named.objectType !== 'PrivateKey' || use !== 'Verify') return named
  const [publicKey] = linksOf(named.attributes, 'PublicKeyLink')
  return publicKey === undefined ? named : wrappingObject(objects, publicKey)
}

/** RSA unwraps only with OAEP: the padding of PKCS#1 v1.5 reveals too much to an attacker who tries forged keys. Throws CryptoError. */
function unwrappingScheme(parameters: CryptoParameters): RsaEncryptionScheme {
  const scheme = rsaEncryptionScheme(parameters)
  if (scheme.padding === 'OAEP') return scheme
  throw new Fault('FeatureNotSupported', 'RSA unwraps keys with the Padding Method OAEP alone')
}

/**
 * KMIP 1.4 §2.1.6: stated parameters must be among the key's own; without any, the key's first ones count. The Fault is that of
 * table 338.
 */
function matching(attributes: AttributeSet, filter: CryptoParameters | undefined): CryptoParameters {
  const own = (attributes.get('CryptographicParameters') ?? []).map(({ value }) => value as CryptoParameters)
  const match = filter ? own.find((parameters) => contains(parameters, filter)) : own[0]
  if (match) return match
  throw new Fault(
    'ItemNotFound',
    filter
      ? 'the wrapping key has no such Cryptographic Parameters'
      : 'the wrapping key has no Cryptographic Parameters: add them to it',
  )
}

function contains(parameters: CryptoParameters, filter: CryptoParameters): boolean {
  const own: Readonly<Record<string, unknown>> = { ...parameters }
  return Object.entries(filter).every(
    ([field, value]) =>
      value === undefined ||
      searchKey('CryptographicParameters', own[field]) === searchKey('CryptographicParameters', value),
  )
}
