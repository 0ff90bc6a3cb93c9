// Managed objects on the wire (KMIP 1.4 §2, 2.1 §2 and §3): the key block and its content, the objects themselves, and
// the structures that carry attributes: Attribute and Template-Attribute (1.x), Attributes (2.x). attribute-table.ts
// lists the attributes; core/keys/ has the rules for objects.

import { decode } from '../ttlv/decode.ts'
import { encode } from '../ttlv/encode.ts'
import {
  any,
  bigInteger,
  bytes,
  enumerationCode,
  identifierText,
  integer,
  oneOf,
  optional,
  reference,
  repeated,
  text,
} from '../ttlv/schema.ts'
import type { Infer, ItemSchema, Schema } from '../ttlv/schema.ts'
import { attributes } from './attribute-table.ts'
import type { AttributeFact } from './attribute-table.ts'
import * as structures from './attribute-structures.ts'
import { searchedSchema, valueSchema } from './attributes.ts'
import type { EnumName } from './enums.ts'
import { partial } from './partial.ts'
import {
  changedIn3,
  dependent,
  enumeration,
  since,
  struct,
  tagEnumeration,
  uniqueIdentifier,
  unordered,
  until,
} from './schema.ts'
import { tagCode } from './tags.ts'
import type { TagName } from './tags.ts'
import { ordinal, type Version } from './version.ts'

// ---------------------------------------------------------------- Identifiers and attributes

/**
 * A Unique Identifier in a request. 1.x has only text. In 2.x it may also be an enumeration (ID Placeholder, the last Create of
 * the batch, ...), here an AnyValue, or the number of a batch item (KMIP 2.1 §4.58). In 3.0 it may also be a Reference or the
 * name of the object.
 */
export const identifier = changedIn3(
  oneOf(text, integer, any),
  oneOf(identifierText, reference, integer, any),
)

// KMIP 1.4 §2.1.1. Only Notify omits the value.
export const attribute = struct({
  AttributeName: text,
  AttributeIndex: optional(integer),
  AttributeValue: optional(dependent(({ AttributeName }) => valueSchema(AttributeName))),
})

// KMIP 1.4 §4.9: the attributes that Locate searches for
export const searchedAttribute = struct({
  AttributeName: text,
  AttributeIndex: optional(integer),
  AttributeValue: optional(dependent(({ AttributeName }) => searchedSchema(AttributeName))),
})

// Not in the specification: FortiOS 7.6 wraps the attributes of a search in a template, as if it created an object.
export const searchedTemplate = struct({ Attribute: repeated(searchedAttribute) })

// KMIP 1.4 §2.1.8: also Common, Private Key and Public Key Template-Attribute
export const templateAttribute = struct({ Name: repeated(structures.name), Attribute: repeated(attribute) })

// KMIP 2.1 §4.57: an `Attribute` in an Attributes structure is a vendor attribute
const vendorAttribute = struct({ VendorIdentification: text, AttributeName: text, AttributeValue: any })

/** By tag name: one value, or an array where the attribute may have several instances. */
export interface Attributes {
  readonly Attribute: readonly Infer<typeof vendorAttribute>[]
  readonly [attribute: string]: unknown
}

// KMIP 2.1 §5.1; also the schema of Common, Private Key and Public Key Attributes, and of New and Current Attribute
export const attributesStructure = attributesWith((fact) =>
  fact.multiple === true ? repeated(fact.schema) : optional(fact.schema),
)

// KMIP 2.1 §6.1.28: two dates of one kind in a Locate are a range
export const searchedAttributes = attributesWith((fact) => repeated(partial(fact.schema)))

function attributesWith(often: (fact: AttributeFact) => Schema): ItemSchema<Attributes> {
  const fields = Object.entries<AttributeFact>(attributes)
    .filter(([, fact]) => fact.until === undefined || fact.until === '2.1')
    .map(([name, fact]) => {
      const schema = { ...fact, schema: formIn3(name, fact.schema) }
      const field = since(fact.since, often(schema))
      return [name, fact.until === undefined ? field : until(fact.until, field)]
    })
  const standard = Object.fromEntries(fields) as { readonly [K in TagName]?: Schema }
  return unordered({ ...standard, Attribute: repeated(vendorAttribute) }) as ItemSchema<Attributes>
}

/** In 3.0, structures with a single text became text, and identifiers got a type of their own. */
function formIn3(name: string, schema: ItemSchema): ItemSchema {
  if (name === 'Name' || name === 'RotateName') return changedIn3(schema, text)
  return name === 'UniqueIdentifier' ? uniqueIdentifier : schema
}

// KMIP 2.1 §7.2: by tag, or the name of a vendor attribute
export const attributeReference = oneOf(
  tagEnumeration(),
  struct({ VendorIdentification: text, AttributeName: text }),
)

// ---------------------------------------------------------------- Key block

// KMIP 1.4 §2.1.7
const transparentDsaPrivate = struct({ P: bigInteger, Q: bigInteger, G: bigInteger, X: bigInteger })
const transparentDsaPublic = struct({ P: bigInteger, Q: bigInteger, G: bigInteger, Y: bigInteger })
const transparentDhPrivate = struct({
  P: bigInteger,
  Q: optional(bigInteger),
  G: bigInteger,
  J: optional(bigInteger),
  X: bigInteger,
})
const transparentDhPublic = struct({
  P: bigInteger,
  Q: optional(bigInteger),
  G: bigInteger,
  J: optional(bigInteger),
  Y: bigInteger,
})
const transparentRsaPrivate = struct({
  Modulus: bigInteger,
  PrivateExponent: optional(bigInteger),
  PublicExponent: optional(bigInteger),
  P: optional(bigInteger),
  Q: optional(bigInteger),
  PrimeExponentP: optional(bigInteger),
  PrimeExponentQ: optional(bigInteger),
  CRTCoefficient: optional(bigInteger),
})
const transparentRsaPublic = struct({ Modulus: bigInteger, PublicExponent: bigInteger })
const transparentSymmetric = struct({ Key: bytes })
const transparentEcPrivate = struct({ RecommendedCurve: enumeration('RecommendedCurve'), D: bigInteger })
const transparentEcPublic = struct({ RecommendedCurve: enumeration('RecommendedCurve'), QString: bytes })

const transparent = {
  TransparentSymmetricKey: transparentSymmetric,
  TransparentDSAPrivateKey: transparentDsaPrivate,
  TransparentDSAPublicKey: transparentDsaPublic,
  TransparentRSAPrivateKey: transparentRsaPrivate,
  TransparentRSAPublicKey: transparentRsaPublic,
  TransparentDHPrivateKey: transparentDhPrivate,
  TransparentDHPublicKey: transparentDhPublic,
  TransparentECDSAPrivateKey: transparentEcPrivate,
  TransparentECDSAPublicKey: transparentEcPublic,
  TransparentECDHPrivateKey: transparentEcPrivate,
  TransparentECDHPublicKey: transparentEcPublic,
  TransparentECMQVPrivateKey: transparentEcPrivate,
  TransparentECMQVPublicKey: transparentEcPublic,
  TransparentECPrivateKey: transparentEcPrivate,
  TransparentECPublicKey: transparentEcPublic,
} as const satisfies Partial<Record<EnumName<'KeyFormatType'>, ItemSchema>>

type Transparent = typeof transparent
export type TransparentFormat = keyof Transparent
export type TransparentMaterial = Infer<Transparent[TransparentFormat]>

export function isTransparent(format: string): format is TransparentFormat {
  return Object.hasOwn(transparent, format)
}

/** The TTLV of a Key Material structure. Its Digest is computed from this (KMIP 1.4 §3.17), and Mortise stores it. */
export function packTransparent(format: TransparentFormat, material: TransparentMaterial): Buffer {
  return encode<unknown>(transparent[format], material, keyMaterialItem)
}

/** Byte strings in the result are views into `packed`. */
export function unpackTransparent(format: TransparentFormat, packed: Uint8Array): TransparentMaterial {
  return decode<TransparentMaterial>(transparent[format], packed, keyMaterialItem)
}

const keyMaterialItem = { tag: tagCode('KeyMaterial'), version: ordinal('2.1') }

/** A byte string, except in the transparent formats. */
export type KeyMaterial = Uint8Array | Infer<Transparent[keyof Transparent]>

export interface KeyValue {
  readonly KeyMaterial: KeyMaterial
  readonly Attribute?: readonly Infer<typeof attribute>[] | undefined
  readonly Attributes?: Attributes | undefined
}

function keyValueWith(material: ItemSchema<KeyMaterial>): ItemSchema<KeyValue | Uint8Array> {
  const plain = struct({
    KeyMaterial: material,
    Attribute: until('1.4', repeated(attribute)),
    Attributes: since('2.0', optional(attributesStructure)),
  })
  return oneOf(bytes, plain)
}

const opaqueKeyValue = keyValueWith(bytes)
const keyValues: ReadonlyMap<unknown, ItemSchema<KeyValue | Uint8Array>> = new Map(
  Object.entries<ItemSchema<Exclude<KeyMaterial, Uint8Array>>>(transparent).map(([format, material]) => [
    format,
    keyValueWith(material),
  ]),
)

// KMIP 1.4 §2.1.5
const keyInformation = struct({
  UniqueIdentifier: uniqueIdentifier,
  CryptographicParameters: optional(structures.cryptographicParameters),
})

const keyWrappingData = struct({
  WrappingMethod: enumeration('WrappingMethod'),
  EncryptionKeyInformation: optional(keyInformation),
  MACSignatureKeyInformation: optional(keyInformation),
  MACSignature: optional(bytes),
  IVCounterNonce: optional(bytes),
  EncodingOption: since('1.1', optional(enumeration('EncodingOption'))),
})

// KMIP 1.4 §2.1.6
export const keyWrappingSpecification = struct({
  WrappingMethod: enumeration('WrappingMethod'),
  EncryptionKeyInformation: optional(keyInformation),
  MACSignatureKeyInformation: optional(keyInformation),
  AttributeName: repeated(text),
  EncodingOption: since('1.1', optional(enumeration('EncodingOption'))),
})

// KMIP 1.4 §2.1.3. A wrapped value is a byte string.
export const keyBlock = struct({
  KeyFormatType: enumeration('KeyFormatType'),
  KeyCompressionType: optional(enumeration('KeyCompressionType')),
  KeyValue: optional(dependent(({ KeyFormatType }) => keyValues.get(KeyFormatType) ?? opaqueKeyValue)),
  CryptographicAlgorithm: optional(enumeration('CryptographicAlgorithm')),
  CryptographicLength: optional(integer),
  KeyWrappingData: optional(keyWrappingData),
})
export type KeyBlock = Infer<typeof keyBlock>
export type KeyWrappingData = Infer<typeof keyWrappingData>
export type KeyWrappingSpecification = Infer<typeof keyWrappingSpecification>

/** A Key Value as TTLV: the plaintext of a wrapped key, unless the wrapping uses no encoding (KMIP 1.4 §2.1.4). */
export function packKeyValue(
  format: KeyBlock['KeyFormatType'],
  value: KeyValue,
  version: Version = value.Attributes ? '2.1' : '1.4',
): Buffer {
  const schema = keyValues.get(format) ?? opaqueKeyValue
  return encode<unknown>(schema, value, { tag: tagCode('KeyValue'), version: ordinal(version) })
}

/** Throws TtlvError. Byte strings in the result are views into `packed`. */
export function unpackKeyValue(format: KeyBlock['KeyFormatType'], packed: Uint8Array): KeyValue | Uint8Array {
  const schema = keyValues.get(format) ?? opaqueKeyValue
  const unpack = (version: Version) =>
    decode(schema, packed, { tag: tagCode('KeyValue'), version: ordinal(version) })
  try {
    return unpack('1.4')
  } catch {
    // The Key Value may hold attributes in the form of 2.x.
    return unpack('2.1')
  }
}

/** The stored form of Key Wrapping Data. */
export function packWrappingData(data: KeyWrappingData): Buffer {
  return encode(keyWrappingData, data, wrappingDataItem)
}

export function unpackWrappingData(packed: Uint8Array): KeyWrappingData {
  return decode(keyWrappingData, packed, wrappingDataItem)
}

const wrappingDataItem = { tag: tagCode('KeyWrappingData'), version: ordinal('2.1') }

// ---------------------------------------------------------------- Managed objects

// KMIP 1.4 §2.2.1
export const certificate = struct({
  CertificateType: enumeration('CertificateType'),
  CertificateValue: bytes,
})

// KMIP 2.1 §2.2
export const certificateRequest = struct({
  CertificateRequestType: enumeration('CertificateRequestType'),
  CertificateRequestValue: bytes,
})

// KMIP 1.4 §2.2.2 to §2.2.4
const key = struct({ KeyBlock: keyBlock })

// KMIP 1.4 §2.2.5
const splitKey = struct({
  SplitKeyParts: integer,
  KeyPartIdentifier: integer,
  SplitKeyThreshold: integer,
  SplitKeyMethod: enumeration('SplitKeyMethod'),
  PrimeFieldSize: optional(bigInteger),
  KeyBlock: keyBlock,
})

// KMIP 3.0, a draft: objects that prove the identity of a user
export const credentialObjects = {
  PasswordCredential: optional(struct({ Password: text })),
  Certificate: optional(certificate),
} as const

/**
 * In a payload the tag of an object is the name of its Object Type. A payload spreads these fields
 * (`...managedObjects`), and exactly one of them is present.
 */
export const managedObjects = {
  Certificate: optional(certificate),
  SymmetricKey: optional(key),
  PublicKey: optional(key),
  PrivateKey: optional(key),
  SplitKey: optional(splitKey),
  Template: until('1.4', optional(struct({ Attribute: repeated(attribute) }))),
  SecretData: optional(struct({ SecretDataType: enumeration('SecretDataType'), KeyBlock: keyBlock })),
  OpaqueObject: optional(struct({ OpaqueDataType: enumerationCode, OpaqueDataValue: bytes })),
  PGPKey: since('1.2', optional(struct({ PGPKeyVersion: integer, KeyBlock: keyBlock }))),
  CertificateRequest: since('2.0', optional(certificateRequest)),
} as const satisfies Partial<Record<EnumName<'ObjectType'>, Schema>>
