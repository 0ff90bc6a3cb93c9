// Derive Key (KMIP 1.4 §4.6): which computation each method is, on which bytes, and what the derived object is and has.

import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { test } from 'node:test'
import type { ManagedObject, ObjectType } from '../../../../src/core/keys/object/managed-object.ts'
import { linkTo } from '../../../../src/core/keys/object/links.ts'
import type { TransactionObjects } from '../../../../src/core/keys/transaction/transaction-objects.ts'
import {
  deriveKey,
  type DerivationParameters,
  type DeriveRequest,
} from '../../../../src/core/keys/use/derive-key.ts'
import { first, type AttributeSet } from '../../../../src/wire/kmip/attributes.ts'
import { maskOf } from '../../../../src/wire/kmip/enums.ts'
import { requireUse, type KeyUse } from '../../../../src/core/keys/object/use-rule.ts'
import { derivedBytesMax } from '../../../../src/core/keys/use/derive-key.ts'
import type { Material } from '../../../../src/core/sealing/envelope.ts'
import { attributeSet, faults } from '../../../support/server/core.ts'

const use = maskOf('CryptographicUsageMask', ['DeriveKey'])
const encrypting = maskOf('CryptographicUsageMask', ['Encrypt', 'Decrypt'])
const data = Buffer.from('data')
const iv = Buffer.from('iv')

interface Base {
  readonly objectType?: ObjectType
  readonly bytes?: Buffer
  readonly head?: Material['head']
  readonly attributes?: Readonly<Record<string, unknown>>
}

const objectTypeOf = (base: Base) => base.objectType ?? 'SymmetricKey'

/** Derives with these objects at hand, and tells what was computed, kept and staged. */
async function derive(bases: Readonly<Record<string, Base>>, more: Partial<DeriveRequest> = {}) {
  const computed: unknown[] = []
  const kept: {
    readonly attributes: AttributeSet
    readonly material: Material
    readonly generated: boolean
  }[] = []
  const staged: ManagedObject[] = []
  const entered: unknown[] = []
  const objects = {
    staged: {
      begin: (...act: unknown[]) => entered.push(act),
      done: (known: unknown) => entered.push(known),
      opened: () => undefined,
      nowMs: 100_999,
    },
    requireUse: async (object: ManagedObject, one: KeyUse) => requireUse(object, one, 100_999),
    live: async (id: string) => {
      const base = bases[id] ?? assert.fail(id)
      const attributes = attributeSet({ CryptographicUsageMask: use, ...base.attributes })
      return { uniqueIdentifier: id, objectType: objectTypeOf(base), state: 'Active', attributes }
    },
    open: async ({ uniqueIdentifier }: ManagedObject) => {
      const { bytes = Buffer.from(uniqueIdentifier), head = {} } = bases[uniqueIdentifier] ?? {}
      return { bytes, head }
    },
    computeOnce: async (name: string, input: { readonly bytes: number }) => {
      computed.push([name, input])
      return { data: new Uint8Array(input.bytes).fill(7) }
    },
    keep: async (wanted: { readonly attributes: AttributeSet }, material: Material, generated: boolean) => {
      kept.push({ attributes: wanted.attributes, material, generated })
      return 'new'
    },
    stage: async (_before: unknown, after: ManagedObject) => void staged.push(after),
  } as unknown as TransactionObjects
  const aes128 = attributeSet({ CryptographicAlgorithm: 'AES', CryptographicLength: 128 })
  const id = await deriveKey(objects, {
    object: { objectType: 'SymmetricKey', attributes: aes128 },
    bases: Object.keys(bases),
    method: 'HMAC',
    parameters: { cryptographic: { HashingAlgorithm: 'SHA_256' }, data },
    ...more,
  })
  assert.equal(id, 'new')
  const [made] = kept
  assert.ok(made && kept.length === 1)
  return { computed, made, staged, entered }
}

const key = Buffer.from('key')

test('each method computes what its parameters say, on the bytes of the key', async () => {
  const salt = Buffer.from('salt')
  const hash = { HashingAlgorithm: 'SHA_256' } as const
  const ofHash = { cryptographic: hash, data, iv }
  const table: readonly (readonly [DeriveRequest['method'], DerivationParameters, object])[] = [
    ['HMAC', ofHash, { method: 'mac', mac: { hmac: 'sha256' }, data }],
    ['NIST800_108_C', ofHash, { method: 'counter', mac: { hmac: 'sha256' }, iv, data }],
    ['NIST800_108_F', ofHash, { method: 'feedback', mac: { hmac: 'sha256' }, iv, data }],
    ['NIST800_108_DPI', ofHash, { method: 'double-pipeline', mac: { hmac: 'sha256' }, iv, data }],
    [
      'ENCRYPT',
      { cryptographic: { BlockCipherMode: 'CBC', CryptographicAlgorithm: 'AES' }, data, iv },
      {
        method: 'encrypt',
        cipher: { algorithm: 'AES', mode: 'CBC', padding: undefined, tagBytes: undefined },
        iv,
        data,
      },
    ],
    ['HASH', { cryptographic: hash }, { method: 'hash', hash: 'SHA_256' }],
    ['HKDF', { salt, data }, { method: 'hkdf', hash: 'sha256', salt, data }],
    ['HKDF', {}, { method: 'hkdf', hash: 'sha256', salt: undefined, data: undefined }],
    ['PBKDF2', { salt, iterations: 9 }, { method: 'pbkdf2', hash: 'sha1', salt, iterations: 9 }],
    [
      'PBKDF2',
      { salt, iterations: 9, cryptographic: hash },
      { method: 'pbkdf2', hash: 'sha256', salt, iterations: 9 },
    ],
    [
      'PBKDF2',
      { salt, iterations: 9, cryptographic: { CryptographicAlgorithm: 'HMAC_SHA512' } },
      { method: 'pbkdf2', hash: 'sha512', salt, iterations: 9 },
    ],
  ]
  for (const [method, parameters, derivation] of table) {
    const { computed, entered } = await derive({ key: {} }, { method, parameters })
    assert.deepEqual(computed, [['derive', { key, derivation, bytes: 16 }]], method)
    const detail = { objectType: 'SymmetricKey', method, bytes: 16, base: 'key' }
    assert.deepEqual(entered, [['key.derive', null], { object: 'new', detail }])
  }
})

test('a key for an HMAC is used with its own hash, whatever the parameters say; its own parameters count where there are none', async () => {
  const own = { key: { attributes: { CryptographicAlgorithm: 'HMAC_SHA384' } } }
  const mac = (hmac: string) => [
    ['derive', { key, derivation: { method: 'mac', mac: { hmac }, data }, bytes: 16 }],
  ]
  assert.deepEqual((await derive(own)).computed, mac('sha384'))
  for (const other of [{ CryptographicAlgorithm: 'HMAC_SHA1' }, { BlockCipherMode: 'CMAC' }] as const)
    assert.deepEqual(
      (await derive(own, { parameters: { cryptographic: other, data } })).computed,
      mac('sha384'),
    )
  const stated = { key: { attributes: { CryptographicParameters: { HashingAlgorithm: 'SHA_512' } } } }
  assert.deepEqual((await derive(stated, { parameters: { data } })).computed, mac('sha512'))
  const hkdf = await derive(stated, { method: 'HKDF', parameters: { data } })
  const derivation = { method: 'hkdf', hash: 'sha256', salt: undefined, data }
  const own256 = [['derive', { key, derivation, bytes: 16 }]]
  assert.deepEqual(hkdf.computed, own256, 'but not for HKDF, which has a hash of its own')
})

const unsupported = (text: RegExp) => faults('UnsupportedCryptographicParameters', text)

test('a derivation without what it needs, with what it has no use for, or by a method that is not done, is refused', async () => {
  const salt = Buffer.from('salt')
  const hash = { HashingAlgorithm: 'SHA_256' } as const
  const table: readonly (readonly [DeriveRequest['method'], DerivationParameters, RegExp])[] = [
    ['PBKDF2', { salt, iterations: 9, data }, /PBKDF2 derives from the object alone/],
    ['PBKDF2', { iterations: 9 }, /needs Salt and Iteration Count/],
    ['PBKDF2', { salt }, /needs Salt and Iteration Count/],
    ['HASH', { cryptographic: hash, data }, /HASH derives from the object alone/],
    ['HMAC', { cryptographic: hash }, /needs Derivation Data/],
    ['ENCRYPT', {}, /needs Derivation Data/],
    ['NIST800_108_C', { cryptographic: hash }, /needs Derivation Data/],
    ['AWSSignatureVersion4', { cryptographic: hash, data }, /does not derive by AWS/],
  ]
  for (const [method, parameters, text] of table)
    await assert.rejects(
      derive({ key: {} }, { method, parameters }),
      faults('InvalidField', text),
      String(text),
    )
  const aes = { salt, iterations: 9, cryptographic: { CryptographicAlgorithm: 'AES' } } as const
  await assert.rejects(
    derive({ key: {} }, { method: 'PBKDF2', parameters: aes }),
    unsupported(/hash with AES/),
  )
  await assert.rejects(derive({ key: {} }, { parameters: { data } }), unsupported(/name an HMAC/))
})

const links = ({ attributes }: Pick<ManagedObject, 'attributes'>) =>
  attributes.get('Link')?.map(({ value }) => value)

test('beside the key there may be one Secret Data object with the data, and nothing else', async () => {
  const secret = { objectType: 'SecretData' } as const
  const parameters = { cryptographic: { HashingAlgorithm: 'SHA_256' } } as const
  const { computed, staged, made } = await derive({ key: {}, secret }, { parameters })
  const derivation = { method: 'mac', mac: { hmac: 'sha256' }, data: Buffer.from('secret') }
  assert.deepEqual(computed, [['derive', { key, derivation, bytes: 16 }]])
  assert.deepEqual(
    staged.map((one) => [one.uniqueIdentifier, links(one)]),
    [
      ['key', [linkTo('DerivedKeyLink', 'new')]],
      ['secret', [linkTo('DerivedKeyLink', 'new')]],
    ],
  )
  assert.deepEqual(links(made), [
    linkTo('DerivationBaseObjectLink', 'key'),
    linkTo('DerivationBaseObjectLink', 'secret'),
  ])
  const one = /one key, and beside it one Secret Data/
  for (const [bases, text] of [
    [{}, one],
    [{ key: {}, other: {} }, one],
    [{ key: {}, secret, third: secret }, one],
  ] as const)
    await assert.rejects(derive(bases, { parameters }), faults('InvalidField', text))
  await assert.rejects(
    derive({ secret }, { parameters, bases: ['secret', 'secret'] }),
    faults('InvalidField', one),
  )
  await assert.rejects(
    derive({ key: {}, secret }),
    faults('InvalidMessage', /Derivation Data in the request/),
  )
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  await assert.rejects(derive({ pub: half(pair.publicKey) }), faults('InvalidField', /of type PublicKey/))
})

const half = (one: KeyObject): Base =>
  one.type === 'private'
    ? {
        objectType: 'PrivateKey',
        bytes: one.export({ format: 'der', type: 'pkcs8' }),
        head: { keyFormatType: 'PKCS_8' },
      }
    : {
        objectType: 'PublicKey',
        bytes: one.export({ format: 'der', type: 'spki' }),
        head: { keyFormatType: 'X_509' },
      }

test('an agreement takes one private and one public key, in any order', async () => {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const [own, other] = [half(pair.privateKey), half(pair.publicKey)]
  const method = 'AsymmetricKey'
  for (const bases of [
    { own, other },
    { other, own },
  ]) {
    const { computed } = await derive(bases, { method })
    assert.deepEqual(computed, [['agree', { privateKey: own.bytes, publicKey: other.bytes, bytes: 16 }]])
  }
  for (const bases of [
    { own },
    { other },
    { own, second: own },
    { other, second: other },
    { own, key: {} },
    { own, other, key: {} },
  ])
    await assert.rejects(
      derive(bases, { method }),
      faults('InvalidField', /one Private Key and one Public Key/),
    )
})

const derivedObject = (objectType: ObjectType, attributes: Readonly<Record<string, unknown>>) => ({
  object: { objectType, attributes: attributeSet(attributes) },
})

test('a key is as long as its algorithm allows, and Secret Data has whole bytes, as many as the bound says', async () => {
  const secret = (CryptographicLength: number) => derivedObject('SecretData', { CryptographicLength })
  for (const bits of [8, 256, derivedBytesMax * 8]) {
    const { made } = await derive({ key: {} }, secret(bits))
    assert.equal(made.material.bytes.length, bits / 8)
    assert.deepEqual(made.material.head, { keyFormatType: 'Opaque', secretDataType: 'Seed' })
  }
  for (const bits of [0, -8, 12, derivedBytesMax * 8 + 8])
    await assert.rejects(
      derive({ key: {} }, secret(bits)),
      faults('InvalidField', /a multiple of 8/),
      String(bits),
    )
  const length = { CryptographicLength: 128 }
  await assert.rejects(
    derive({ key: {} }, derivedObject('SymmetricKey', length)),
    faults('InvalidField', /Algorithm/),
  )
  const algorithm = { CryptographicAlgorithm: 'AES' }
  await assert.rejects(
    derive({ key: {} }, derivedObject('SymmetricKey', algorithm)),
    faults('InvalidField', /Length/),
  )
  await assert.rejects(
    derive({ key: {} }, derivedObject('SymmetricKey', { ...algorithm, CryptographicLength: 100 })),
    faults('InvalidField', /AES keys have/),
  )
})

test('what is derived is a key that encrypts, or Secret Data without a use, unless the request says for what; made now, and not here', async () => {
  const length = { CryptographicLength: 128 }
  const aes = { CryptographicAlgorithm: 'AES', ...length }
  for (const [objectType, attributes, mask] of [
    ['SymmetricKey', aes, encrypting],
    ['SecretData', length, 0],
    ['SymmetricKey', { ...aes, CryptographicUsageMask: use }, use],
  ] as const) {
    const wanted = { objectType, attributes: attributeSet(attributes) }
    const { made } = await derive({ key: {} }, { object: wanted })
    assert.equal(made.attributes.get('CryptographicUsageMask')?.[0]?.value, mask)
    assert.equal(made.attributes.get('OriginalCreationDate')?.[0]?.value, 100n)
    assert.equal(made.generated, false)
    if (objectType === 'SymmetricKey') assert.deepEqual(made.material.head, { keyFormatType: 'Raw' })
    assert.deepEqual(made.material.bytes, Buffer.alloc(16, 7))
  }
})

test('no generator made what is derived, whatever the request says', async () => {
  const aes = { CryptographicAlgorithm: 'AES', CryptographicLength: 128 }
  const derivedObject = (RandomNumberGenerator: object) =>
    ({ objectType: 'SymmetricKey', attributes: attributeSet({ ...aes, RandomNumberGenerator }) }) as const
  const unspecified = { RNGAlgorithm: 'Unspecified', CryptographicAlgorithm: 'AES' }
  const { made } = await derive({ key: {} }, { object: derivedObject(unspecified) })
  assert.equal(made.attributes.get('RandomNumberGenerator'), undefined)
  await assert.rejects(
    derive({ key: {} }, { object: derivedObject({ RNGAlgorithm: 'FIPS186_2' }) }),
    faults('InvalidField', /no random number generator/),
  )
})

test('what is derived is as guarded as any of its bases, unless the request says otherwise', async () => {
  const aes = { CryptographicAlgorithm: 'AES', CryptographicLength: 128 }
  const parameters = { cryptographic: { HashingAlgorithm: 'SHA_256' } } as const
  const guarded = { Sensitive: true, Extractable: false }
  const told = async (base: object, secret: object, asked: object) => {
    const bases = {
      key: { attributes: { ...base } },
      secret: { objectType: 'SecretData', attributes: { ...secret } },
    } as const
    const wanted = {
      objectType: 'SymmetricKey',
      attributes: attributeSet({ ...aes, ...asked }),
    } as const
    const { made } = await derive(bases, { parameters, object: wanted })
    return ['Sensitive', 'Extractable'].map((name) => made.attributes.get(name)?.[0]?.value)
  }
  assert.deepEqual(await told({}, {}, {}), [undefined, undefined])
  assert.deepEqual(await told(guarded, {}, {}), [true, false])
  assert.deepEqual(await told({}, guarded, {}), [true, false])
  assert.deepEqual(await told({ Sensitive: false, Extractable: true }, {}, {}), [undefined, undefined])
  assert.deepEqual(await told(guarded, guarded, { Sensitive: false, Extractable: true }), [false, true])
})

const limited = (UsageLimitsUnit: string) => ({
  attributes: { UsageLimits: { UsageLimitsTotal: 100n, UsageLimitsCount: 50n, UsageLimitsUnit } },
})

test('each base counts a use, by the bytes that are derived', async () => {
  for (const [unit, left] of [
    ['Byte', 34n],
    ['Object', 49n],
  ] as const) {
    const { staged } = await derive({ key: limited(unit) })
    const [spent] = staged
    assert.ok(spent)
    assert.equal(first(spent.attributes, 'UsageLimits')?.UsageLimitsCount, left)
    assert.equal(spent.uniqueIdentifier, 'key')
  }
})
