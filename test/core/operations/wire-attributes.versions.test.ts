// Objects across versions: what one version wrote, every version reads, attribute by attribute; what a version cannot
// express is not in its answers (kmip-session.ts holds that against each answer).

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { before, test } from 'node:test'
import { appliesTo, checkSet } from '../../../src/wire/kmip/attribute-rules.ts'
import {
  attributeFact,
  attributeNames,
  attributes,
  isAttributeName,
  type AttributeName,
} from '../../../src/wire/kmip/attribute-table.ts'
import {
  existsIn,
  fromWire1,
  searchKey,
  toWire1,
  type AttributeInstance,
  type AttributeSet,
} from '../../../src/wire/kmip/attributes.ts'
import { fromWire2, toWire2 } from '../../../src/wire/kmip/attributes2.ts'
import { fromForm3, toForm3 } from '../../../src/wire/kmip/attributes3.ts'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import { isDefined, tagCode, tags } from '../../../src/wire/kmip/tags.ts'
import { atLeast, ordinal, versions, type Version } from '../../../src/wire/kmip/version.ts'
import type { ObjectType } from '../../../src/core/keys/object/managed-object.ts'
import { decode } from '../../../src/wire/ttlv/decode.ts'
import { encode } from '../../../src/wire/ttlv/encode.ts'
import { makeCertificate } from '../../support/certificates/certificates.ts'
import type { KmipSession } from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_server, opened) => {
  session = opened
})

let certificate: Uint8Array
before(async () => {
  certificate = (await makeCertificate({ commonName: 'stored', ownKey: true })).certificate.der
})

const future = 4_000_000_000n
/** What a client gives, with every field: of each attribute that it may give. */
const given: { readonly [K in AttributeName]?: readonly unknown[] } = {
  Name: [
    { NameValue: '', NameType: 'UninterpretedTextString' },
    { NameValue: '-also', NameType: 'URI' },
  ],
  CryptographicParameters: [
    { BlockCipherMode: 'CBC', PaddingMethod: 'PKCS5' },
    { BlockCipherMode: 'GCM', RandomIV: true, TagLength: 16 },
    { PaddingMethod: 'OAEP', MaskGenerator: 'MGF1', PSource: Buffer.from('p') },
  ],
  OperationPolicyName: ['default'],
  UsageLimits: [{ UsageLimitsTotal: 9n, UsageLimitsCount: 9n, UsageLimitsUnit: 'Object' }],
  ActivationDate: [future],
  ProcessStartDate: [future + 1n],
  ProtectStopDate: [future + 2n],
  DeactivationDate: [future + 3n],
  ObjectGroup: ['one', 'two'],
  Fresh: [true],
  Link: [
    { LinkType: 'PreviousLink', LinkedObjectIdentifier: 'another' },
    { LinkType: 'DerivedKeyLink', LinkedObjectIdentifier: 'third' },
  ],
  ApplicationSpecificInformation: [{ ApplicationNamespace: 'ssl', ApplicationData: 'www' }],
  ContactInformation: ['me'],
  AlternativeName: [{ AlternativeNameValue: 'other', AlternativeNameType: 'URI' }],
  OriginalCreationDate: [1_000n],
  RandomNumberGenerator: [{ RNGAlgorithm: 'FIPS186_2', FIPS186Variation: 'GPXOriginal' }],
  PKCS_12FriendlyName: ['friend'],
  Description: ['what it is'],
  Comment: ['what one thinks of it'],
  Sensitive: [false],
  Extractable: [true],
  NISTKeyType: ['SymmetricDataEncryptionKey', 'SymmetricKeyWrappingKey'],
  ProtectionLevel: ['High'],
  ProtectionPeriod: [3600],
  QuantumSafe: [false],
  RotateAutomatic: [true],
  RotateInterval: [86_400],
  RotateName: [{ RotateNameValue: 'wheel', RotateNameType: 'UninterpretedTextString' }],
  RotateOffset: [5],
}

const custom = { type: 'TextString', value: 'mine' } as const
/** 1.x has no such type. */
const extended = { type: 'DateTimeExtended', value: 1_000_000_000_001n } as const

function maySet(key: string, objectType: ObjectType, version: Version): boolean {
  try {
    checkSet(key, 1, objectType, version)
    return true
  } catch {
    return false
  }
}

/** All that a client of this version may give such an object. */
function allOf(version: Version, objectType: ObjectType, about: AttributeSet, name: string): AttributeSet {
  const set = new Map<string, readonly AttributeInstance[]>()
  for (const key of attributeNames) {
    const values = (given[key] ?? about.get(key)?.map(({ value }) => value) ?? [])
      .map((value) =>
        key === 'Name'
          ? { ...(value as object), NameValue: `${name}${(value as { NameValue: string }).NameValue}` }
          : value,
      )
      .filter((value) => existsIn(key, version, value) && maySet(key, objectType, version))
    if (values.length > 0)
      set.set(
        key,
        values.map((value, index) => ({ index, value })),
      )
  }
  set.set(
    'x-Mine',
    [custom, ...(atLeast(version, '2.0') ? [extended] : [])].map((value, index) => ({ index, value })),
  )
  return set
}

const single = (value: unknown) => [{ index: 0, value }]
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
type Registered = Omit<Request<'Register'>, 'TemplateAttribute' | 'Attributes'>
const objects: readonly { readonly request: () => Registered; readonly about: AttributeSet }[] = [
  {
    request: () => ({
      ObjectType: 'SymmetricKey',
      SymmetricKey: {
        KeyBlock: {
          KeyFormatType: 'Raw',
          KeyValue: { KeyMaterial: Buffer.alloc(32, 7) },
          CryptographicAlgorithm: 'AES',
          CryptographicLength: 256,
        },
      },
    }),
    about: new Map([['CryptographicUsageMask', single(12)]]),
  },
  {
    request: () => ({
      ObjectType: 'PrivateKey',
      PrivateKey: {
        KeyBlock: {
          KeyFormatType: 'PKCS_8',
          KeyValue: { KeyMaterial: privateKey.export({ format: 'der', type: 'pkcs8' }) },
          CryptographicAlgorithm: 'ECDSA',
          CryptographicLength: 256,
        },
      },
    }),
    about: new Map([
      ['CryptographicUsageMask', single(1)],
      ['CryptographicDomainParameters', single({ RecommendedCurve: 'P_256' })],
    ]),
  },
  {
    request: () => ({
      ObjectType: 'Certificate',
      Certificate: { CertificateType: 'X_509', CertificateValue: certificate },
    }),
    about: new Map([['CryptographicUsageMask', single(2)]]),
  },
  {
    request: () => ({
      ObjectType: 'OpaqueObject',
      OpaqueObject: { OpaqueDataType: 0x8000_0001, OpaqueDataValue: Buffer.from('?') },
    }),
    about: new Map(),
  },
]

async function register(version: Version, request: Registered, set: AttributeSet): Promise<string> {
  const wanted = atLeast(version, '2.0')
    ? { Attributes: toWire2(set, version) }
    : {
        TemplateAttribute: {
          Name: [],
          Attribute: [...set].flatMap(([key, all]) =>
            all.map(({ value }) => toWire1(key, { index: 0, value }, version)),
          ),
        },
      }
  return (await session.ask(version, 'Register', { ...request, ...wanted })).UniqueIdentifier
}

/** The value as this version says it: without fields that it lacks. Undefined if it has no words for it. */
function saidIn(version: Version, key: string, value: unknown): string | undefined {
  if (!existsIn(key, version, value)) return undefined
  if (!isAttributeName(key)) return searchKey(key, value)
  if (atLeast(version, '3.0')) return searchKey(key, asIn3(key, value))
  const { schema } = attributeFact(key)
  const options = { tag: tagCode(key), version: ordinal(version) }
  return searchKey(key, decode(schema, encode(schema, value, options), options))
}

/** 3.0 has no kinds of names, but the one. */
function asIn3(key: string, value: unknown): unknown {
  const [[seen, instances] = [], ...others] = [...toForm3(new Map([[key, single(value)]]))]
  assert.ok(seen !== undefined && instances?.length === 1 && others.length === 0)
  return fromForm3({ key: seen, value: instances[0]?.value }).value
}

/** Every attribute of the object that this version shows, asked for one by one. */
async function read(version: Version, UniqueIdentifier: string): Promise<Map<string, readonly unknown[]>> {
  const known = attributeNames.filter((key) => existsIn(key, version) && isDefined(tags[key], version))
  const found = new Map<string, unknown[]>()
  const note = ({ key, value }: { key: string; value: unknown }) =>
    found.set(key, [...(found.get(key) ?? []), value])
  if (atLeast(version, '2.0')) {
    const mine = { VendorIdentification: 'x', AttributeName: 'Mine' }
    const AttributeReference = [...known, mine]
    const { Attributes } = await session.ask(version, 'GetAttributes', {
      UniqueIdentifier,
      AttributeReference,
    })
    assert.ok(Attributes)
    for (const one of fromWire2(Attributes, version)) note(one)
    return found
  }
  const AttributeName = [...known.map((key) => attributes[key].name), 'x-Mine']
  const { Attribute } = await session.ask(version, 'GetAttributes', { UniqueIdentifier, AttributeName })
  for (const wire of Attribute ?? []) note(fromWire1(wire, version))
  return found
}

/** 3.0 says links by their kinds, and so in another order. */
const sorted = (values: readonly string[]) => values.toSorted()

for (const written of versions)
  test(`every version reads what ${written} wrote, attribute by attribute`, async () => {
    for (const { request, about } of objects) {
      const { ObjectType } = request()
      const set = allOf(written, ObjectType, about, `${written} ${ObjectType}`)
      const id = await register(written, request(), set)
      const whole = new Map([
        ...(await read('1.4', id)),
        ...(await read('3.0', id)),
        ...(await read('2.1', id)),
      ])
      for (const [key, instances] of set)
        assert.deepEqual(
          sorted(whole.get(key)?.flatMap((value) => saidIn(written, key, value) ?? []) ?? []),
          sorted(instances.flatMap(({ value }) => saidIn(written, key, value) ?? [])),
          `${ObjectType}: ${key}, given in ${written}`,
        )
      for (const version of versions) {
        const seen = await read(version, id)
        for (const [key, values] of whole) {
          // KMIP 1.4 §3.22: in 1.x only cryptographic objects have a State.
          if (key === 'State' && !appliesTo(key, ObjectType, version)) continue
          assert.deepEqual(
            sorted(seen.get(key)?.map((value) => searchKey(key, value)) ?? []),
            sorted(values.flatMap((value) => saidIn(version, key, value) ?? [])),
            `${ObjectType}: ${key} of ${written} in ${version}`,
          )
        }
        for (const key of seen.keys()) assert.ok(whole.has(key), `${key} is seen in ${version} alone`)
      }
    }
  })

test('every version gets the material of what every version created', async () => {
  for (const written of versions) {
    const set = new Map<string, readonly AttributeInstance[]>([
      ['CryptographicAlgorithm', single('AES')],
      ['CryptographicLength', single(256)],
      ['CryptographicUsageMask', single(12)],
    ])
    const wanted = atLeast(written, '2.0')
      ? { Attributes: toWire2(set, written) }
      : {
          TemplateAttribute: {
            Name: [],
            Attribute: [...set].flatMap(([key, all]) => all.map((one) => toWire1(key, one, written))),
          },
        }
    const { UniqueIdentifier } = await session.ask(written, 'Create', {
      ObjectType: 'SymmetricKey',
      ...wanted,
    })
    const keys = new Set<string>()
    for (const version of versions) {
      const { SymmetricKey } = await session.ask(version, 'Get', { UniqueIdentifier })
      const value = SymmetricKey?.KeyBlock.KeyValue
      assert.ok(value && 'KeyMaterial' in value && value.KeyMaterial instanceof Uint8Array)
      assert.equal(value.KeyMaterial.length, 32)
      keys.add(Buffer.from(value.KeyMaterial).toString('hex'))
    }
    assert.equal(keys.size, 1)
  }
})
