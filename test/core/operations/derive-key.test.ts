// Derive Key (KMIP 1.4 §4.6) through the mTLS listener: what is derived, the links both ways, and what is refused.

import assert from 'node:assert/strict'
import {
  createHash,
  createHmac,
  diffieHellman,
  generateKeyPairSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto'
import { test } from 'node:test'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import {
  attribute,
  materialOf,
  served,
  template,
  type KmipSession,
  type WireAttribute,
} from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_started, opened) => {
  session = opened
})

const usable = [attribute('Cryptographic Usage Mask', 0x200), attribute('Activation Date', 0n)]
const aes128 = [attribute('Cryptographic Algorithm', 'AES'), attribute('Cryptographic Length', 128)]

async function key(material: Uint8Array, more: readonly WireAttribute[] = usable): Promise<string> {
  const { UniqueIdentifier } = await session.ask('1.0', 'Register', {
    ObjectType: 'SymmetricKey',
    ...template(more),
    SymmetricKey: {
      KeyBlock: {
        KeyFormatType: 'Raw',
        KeyValue: { KeyMaterial: Buffer.from(material) },
        CryptographicAlgorithm: 'AES',
        CryptographicLength: material.length * 8,
      },
    },
  })
  return UniqueIdentifier
}

async function registered14(more: readonly WireAttribute[]): Promise<string> {
  const material = { KeyFormatType: 'Raw', KeyValue: { KeyMaterial: randomBytes(16) } } as const
  const KeyBlock = { ...material, CryptographicAlgorithm: 'AES', CryptographicLength: 128 } as const
  const request = { ObjectType: 'SymmetricKey', ...template(more), SymmetricKey: { KeyBlock } } as const
  return (await session.ask('1.4', 'Register', request)).UniqueIdentifier
}

async function secret(material: Uint8Array): Promise<string> {
  const { UniqueIdentifier } = await session.ask('1.0', 'Register', {
    ObjectType: 'SecretData',
    ...template(usable),
    SecretData: {
      SecretDataType: 'Seed',
      KeyBlock: { KeyFormatType: 'Opaque', KeyValue: { KeyMaterial: Buffer.from(material) } },
    },
  })
  return UniqueIdentifier
}

type Derive = Request<'DeriveKey'>

function derive(bases: readonly string[], more: Partial<Derive> = {}): Derive {
  return {
    ObjectType: 'SymmetricKey',
    UniqueIdentifier: bases,
    DerivationMethod: 'HMAC',
    DerivationParameters: {
      CryptographicParameters: { HashingAlgorithm: 'SHA_256' },
      DerivationData: Buffer.from('data'),
    },
    ...template(aes128),
    ...more,
  }
}

async function bytesOf(UniqueIdentifier: string): Promise<Buffer> {
  const { SymmetricKey, SecretData } = await session.ask('1.4', 'Get', { UniqueIdentifier })
  return materialOf((SymmetricKey ?? SecretData)?.KeyBlock)
}

for (const version of served)
  test(`${version}: a key is derived, and linked both ways`, async () => {
    const material = randomBytes(16)
    const base = await key(material)
    const { UniqueIdentifier } = await session.ask(version, 'DeriveKey', derive([base]))
    const expected = createHmac('sha256', material).update('data').digest().subarray(0, 16)
    assert.deepEqual(await bytesOf(UniqueIdentifier), expected)
    const links = (of: string) => session.values(version, of, 'Link')
    assert.deepEqual(await links(UniqueIdentifier), [
      { LinkType: 'DerivationBaseObjectLink', LinkedObjectIdentifier: base },
    ])
    const derivedLink = { LinkType: 'DerivedKeyLink', LinkedObjectIdentifier: UniqueIdentifier }
    assert.deepEqual(await links(base), [derivedLink])
    const again = await session.ask(version, 'DeriveKey', derive([base]))
    assert.deepEqual(await links(base), [
      derivedLink,
      { ...derivedLink, LinkedObjectIdentifier: again.UniqueIdentifier },
    ])
  })

test('the derivation data may be a Secret Data object, and the derived object Secret Data', async () => {
  const material = randomBytes(16)
  const bases = [await key(material), await secret(Buffer.from('data'))]
  const request = derive(bases, {
    ObjectType: 'SecretData',
    DerivationParameters: { CryptographicParameters: { HashingAlgorithm: 'SHA_256' } },
    ...template([attribute('Cryptographic Length', 256)]),
  })
  const { UniqueIdentifier } = await session.ask('1.4', 'DeriveKey', request)
  const expected = createHmac('sha256', material).update('data').digest()
  assert.deepEqual(await bytesOf(UniqueIdentifier), expected)
  const { SecretData } = await session.ask('1.4', 'Get', { UniqueIdentifier })
  assert.deepEqual([SecretData?.SecretDataType, SecretData?.KeyBlock.KeyFormatType], ['Seed', 'Opaque'])
  for (const KeyFormatType of ['Raw', 'Opaque'] as const) {
    const given = await session.ask('2.1', 'Get', { UniqueIdentifier, KeyFormatType })
    assert.equal(given.SecretData?.KeyBlock.KeyFormatType, KeyFormatType)
    assert.deepEqual(materialOf(given.SecretData.KeyBlock), materialOf(SecretData?.KeyBlock))
  }
  for (const base of bases) assert.equal((await session.values('1.4', base, 'Link')).length, 1)
  const both = { ...request, DerivationParameters: derive([]).DerivationParameters }
  assert.equal(await session.refused('1.4', 'DeriveKey', both), 'InvalidMessage')
})

test('Derive Key takes one key, and one other Secret Data object beside it at most', async () => {
  const [base, data, more] = [
    await key(randomBytes(16)),
    await secret(Buffer.from('data')),
    await secret(Buffer.from('more')),
  ]
  const DerivationParameters = { CryptographicParameters: { HashingAlgorithm: 'SHA_256' } } as const
  for (const bases of [
    [base, data, more],
    [base, base],
    [data, data],
    [base, await key(randomBytes(16))],
  ])
    assert.equal(
      await session.refused('1.4', 'DeriveKey', derive(bases, { DerivationParameters })),
      'InvalidField',
    )
})

test('more objects than a derivation takes are refused before one of them is looked up', async () => {
  const bases = ['no such object', 'nor this one', 'nor that one']
  for (const DerivationMethod of ['HMAC', 'AsymmetricKey'] as const)
    assert.equal(
      await session.refused('1.4', 'DeriveKey', derive(bases, { DerivationMethod })),
      'InvalidField',
    )
})

test('PBKDF2 and HASH derive from the object alone', async () => {
  const password = await secret(Buffer.from('password'))
  const { UniqueIdentifier } = await session.ask(
    '1.4',
    'DeriveKey',
    derive([password], {
      DerivationMethod: 'PBKDF2',
      DerivationParameters: { Salt: Buffer.from('salt'), IterationCount: 4096 },
    }),
  )
  // RFC 6070 §2
  assert.deepEqual((await bytesOf(UniqueIdentifier)).toString('hex'), '4b007901b765489abead49d926f721d0')
  const hashed = await session.ask(
    '1.4',
    'DeriveKey',
    derive([password], {
      DerivationMethod: 'HASH',
      DerivationParameters: { CryptographicParameters: { HashingAlgorithm: 'SHA_256' } },
    }),
  )
  const expected = createHash('sha256').update('password').digest().subarray(0, 16)
  assert.deepEqual(await bytesOf(hashed.UniqueIdentifier), expected)
})

test('2.x: HKDF extracts with the salt, and expands with the derivation data', async () => {
  // RFC 5869 §A.1; of A.4, which has another hash, the key's own parameters are no part.
  const [base, other] = [
    await key(Buffer.alloc(22, 0x0b)),
    await key(Buffer.alloc(11, 0x0b), [...usable, own]),
  ]
  const Salt = Buffer.from('000102030405060708090a0b0c', 'hex')
  const DerivationData = Buffer.from('f0f1f2f3f4f5f6f7f8f9', 'hex')
  const info = await secret(DerivationData)
  const sha1 = { HashingAlgorithm: 'SHA_1' } as const
  for (const version of ['2.0', '2.1'] as const)
    for (const [bases, parameters, derived] of [
      [[base], { Salt, DerivationData }, '3cb25f25faacd57a90434f64d0362f2a'],
      [[base, info], { Salt }, '3cb25f25faacd57a90434f64d0362f2a'],
      [[base], {}, '8da4e775a563c18f715f802a063c5a31'],
      [[other], { Salt, DerivationData, CryptographicParameters: sha1 }, '085a01ea1b10f36933068b56efa5ad81'],
    ] as const) {
      const { UniqueIdentifier } = await session.ask(version, 'DeriveKey', {
        ObjectType: 'SymmetricKey',
        UniqueIdentifier: bases,
        DerivationMethod: 'HKDF',
        DerivationParameters: parameters,
        Attributes: { Attribute: [], CryptographicAlgorithm: 'AES', CryptographicLength: 128 },
      })
      assert.equal((await bytesOf(UniqueIdentifier)).toString('hex'), derived)
    }
})

const own = attribute('Cryptographic Parameters', { HashingAlgorithm: 'SHA_512' })

test('what is refused', async () => {
  const base = await key(randomBytes(16))
  const encrypting = await key(randomBytes(16), [
    attribute('Cryptographic Usage Mask', 12),
    usable[1] ?? assert.fail(),
  ])
  const longer = [attribute('Cryptographic Algorithm', 'HMAC_SHA512'), attribute('Cryptographic Length', 512)]
  const table: readonly (readonly [Derive, string])[] = [
    [derive([encrypting]), 'InvalidField'],
    [derive([await key(randomBytes(16), usable.slice(0, 1))]), 'InvalidField'],
    [derive([base], template(longer)), 'CryptographicFailure'],
    [derive(['none']), 'ItemNotFound'],
    [derive([base, base]), 'InvalidField'],
    [derive([base, await key(randomBytes(16))]), 'InvalidField'],
    [derive([base], { DerivationParameters: {} }), 'InvalidField'],
    [derive([base], { DerivationMethod: 'PBKDF2', DerivationParameters: {} }), 'InvalidField'],
    [derive([base], { ObjectType: 'OpaqueObject' }), 'InvalidField'],
    [derive([base], template(aes128.slice(0, 1))), 'InvalidField'],
    [derive([base], template(aes128.slice(1))), 'InvalidField'],
    [
      derive([base], template([...aes128.slice(0, 1), attribute('Cryptographic Length', 100)])),
      'InvalidField',
    ],
  ]
  for (const [request, reason] of table)
    assert.equal(await session.refused('1.4', 'DeriveKey', request), reason)
  assert.deepEqual(await session.values('1.4', base, 'Link'), [], 'nothing came of it')
})

test('what is derived is as sensitive as its base, unless the request says otherwise', async () => {
  const restricted = [attribute('Sensitive', true), attribute('Extractable', false)]
  const base = await registered14([...usable, ...restricted])
  const { UniqueIdentifier } = await session.ask('1.4', 'DeriveKey', derive([base]))
  assert.equal(await session.refused('1.4', 'Get', { UniqueIdentifier }), 'NotExtractable')
  assert.deepEqual(await session.values('1.4', UniqueIdentifier, 'Sensitive'), [true])
  const open = template([...aes128, attribute('Sensitive', false), attribute('Extractable', true)])
  const handed = await session.ask('1.4', 'DeriveKey', derive([base], open))
  assert.equal((await bytesOf(handed.UniqueIdentifier)).length, 16)
})

test('Usage Limits count derivations too', async () => {
  const limits = attribute('Usage Limits', { UsageLimitsTotal: 1n, UsageLimitsUnit: 'Object' })
  const base = await key(randomBytes(16), [...usable, limits])
  await session.ask('1.4', 'DeriveKey', derive([base]))
  assert.equal(await session.refused('1.4', 'DeriveKey', derive([base])), 'PermissionDenied')
})

test('two parties agree on a key by their private and public keys', async () => {
  for (const type of ['ec', 'x25519'] as const) {
    const pair = () =>
      type === 'ec' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('x25519')
    const [mine, yours] = [pair(), pair()]
    const register = async (key: KeyObject, bits = 256) => {
      const isPrivate = key.type === 'private'
      const KeyBlock = {
        KeyFormatType: isPrivate ? 'PKCS_8' : 'X_509',
        KeyValue: {
          KeyMaterial: isPrivate
            ? key.export({ format: 'der', type: 'pkcs8' })
            : key.export({ format: 'der', type: 'spki' }),
        },
        CryptographicAlgorithm: 'ECDH',
        CryptographicLength: bits,
      } as const
      const { UniqueIdentifier } = await session.ask('1.4', 'Register', {
        ObjectType: isPrivate ? 'PrivateKey' : 'PublicKey',
        ...template(usable),
        ...(isPrivate ? { PrivateKey: { KeyBlock } } : { PublicKey: { KeyBlock } }),
      })
      return UniqueIdentifier
    }
    const bases = [await register(mine.privateKey), await register(yours.publicKey)]
    const method = { DerivationMethod: 'AsymmetricKey', DerivationParameters: {} } as const
    const { UniqueIdentifier } = await session.ask('1.4', 'DeriveKey', derive(bases, method))
    const expected = diffieHellman({ privateKey: yours.privateKey, publicKey: mine.publicKey })
    assert.deepEqual(await bytesOf(UniqueIdentifier), expected.subarray(0, 16))
    assert.equal((await session.values('1.4', UniqueIdentifier, 'Link')).length, 2)
    const alone = derive(bases.slice(0, 1), method)
    assert.equal(await session.refused('1.4', 'DeriveKey', alone), 'InvalidField')
    const foreign = await register(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey, 384)
    const unlike = derive([bases[0] ?? '', foreign], method)
    assert.equal(await session.refused('1.4', 'DeriveKey', unlike), 'InvalidField')
  }
})
