// Create Key Pair and Re-key Key Pair (KMIP 1.4 §4.2, §4.5) through the mTLS listener.

import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { test } from 'node:test'
import type { KeyBlock } from '../../../src/wire/kmip/objects.ts'
import { maskOf } from '../../../src/wire/kmip/enums.ts'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import type { Version } from '../../../src/wire/kmip/version.ts'
import {
  attribute,
  locate,
  nameAttribute,
  served,
  type KmipSession,
  type WireAttribute,
} from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_server, opened) => {
  session = opened
})

const withAttributes = (Attribute: readonly WireAttribute[]) => ({ Name: [], Attribute })

function pair(
  algorithm: string,
  length: number | undefined,
  {
    common = [],
    own = [],
    open = [],
  }: { common?: WireAttribute[]; own?: WireAttribute[]; open?: WireAttribute[] } = {},
): Request<'CreateKeyPair'> {
  const lengths = length === undefined ? [] : [attribute('Cryptographic Length', length)]
  return {
    CommonTemplateAttribute: withAttributes([
      attribute('Cryptographic Algorithm', algorithm),
      ...lengths,
      ...common,
    ]),
    PrivateKeyTemplateAttribute: withAttributes(own),
    PublicKeyTemplateAttribute: withAttributes(open),
  }
}

async function keyObject(version: Version, UniqueIdentifier: string): Promise<KeyObject> {
  const { PrivateKey, PublicKey } = await session.ask(version, 'Get', { UniqueIdentifier })
  const block: KeyBlock | undefined = (PrivateKey ?? PublicKey)?.KeyBlock
  const value = block?.KeyValue
  assert.ok(block && value && !(value instanceof Uint8Array) && value.KeyMaterial instanceof Uint8Array)
  const key = Buffer.from(value.KeyMaterial)
  const types = { PKCS_1: 'pkcs1', PKCS_8: 'pkcs8', X_509: 'spki', ECPrivateKey: 'sec1' } as const
  const type = types[block.KeyFormatType as keyof typeof types]
  return PrivateKey
    ? createPrivateKey({ key, format: 'der', type: type as 'pkcs8' })
    : createPublicKey({ key, format: 'der', type: type as 'spki' })
}

for (const version of served)
  test(`${version}: both halves of an RSA pair are there, belong together and are linked`, async () => {
    const names = [`own ${version}`, `open ${version}`] as const
    const asked = pair('RSA', 2048, {
      own: [nameAttribute(names[0]), attribute('Cryptographic Usage Mask', 1)],
      open: [nameAttribute(names[1]), attribute('Cryptographic Usage Mask', 2)],
    })
    const made = await session.ask(version, 'CreateKeyPair', asked)
    const [own, open] = [made.PrivateKeyUniqueIdentifier, made.PublicKeyUniqueIdentifier]
    const [privateKey, publicKey] = [await keyObject(version, own), await keyObject(version, open)]
    assert.ok(createPublicKey(privateKey).equals(publicKey))
    assert.equal(publicKey.asymmetricKeyDetails?.modulusLength, 2048)
    for (const [type, LinkType, from, to] of [
      ['PrivateKey', 'PublicKeyLink', own, open],
      ['PublicKey', 'PrivateKeyLink', open, own],
    ] as const) {
      const link = { LinkType, LinkedObjectIdentifier: to }
      assert.deepEqual(await session.values(version, from, 'Link'), [link])
      const found = await session.ask(
        version,
        'Locate',
        locate([attribute('Object Type', type), attribute('Link', link)]),
      )
      assert.deepEqual(found.UniqueIdentifier, [from])
      assert.deepEqual(await session.values(version, from, 'State'), ['PreActive'])
      assert.equal((await session.values(version, from, 'Digest')).length, 1)
    }
    assert.deepEqual(await session.values(version, own, 'Cryptographic Usage Mask'), [1])
    assert.deepEqual(await session.values(version, open, 'Cryptographic Usage Mask'), [2])
  })

test('the ID Placeholder is the private key', async () => {
  const [made, got] = await session.send('1.4', [
    { operation: 'CreateKeyPair', request: pair('ECDSA', 256), id: Buffer.of(1) },
    { operation: 'Get', request: {}, id: Buffer.of(2) },
  ] as never)
  assert.ok(made && got)
  const { PrivateKeyUniqueIdentifier } = made.payload as { PrivateKeyUniqueIdentifier: string }
  assert.equal((got.payload as { UniqueIdentifier: string }).UniqueIdentifier, PrivateKeyUniqueIdentifier)
})

const curve = (RecommendedCurve: string) => [
  attribute('Cryptographic Domain Parameters', { RecommendedCurve }),
]

test('pairs on curves, by length or by name, and with the masks of what their algorithm is for', async () => {
  const signing = { own: ['Sign'], open: ['Verify'] } as const
  const agreeing = { own: ['KeyAgreement'], open: ['KeyAgreement'] } as const
  for (const [request, name, length, masks] of [
    [pair('EC', 521), 'secp521r1', 521, signing],
    [pair('ECDH', undefined, { common: curve('P_384') }), 'secp384r1', 384, agreeing],
    [pair('ECMQV', 224), 'secp224r1', 224, agreeing],
    [pair('ECDSA', 256, { common: curve('SECP256K1') }), 'secp256k1', 256, signing],
  ] as const) {
    const made = await session.ask('1.4', 'CreateKeyPair', request)
    const [own, open] = [made.PrivateKeyUniqueIdentifier, made.PublicKeyUniqueIdentifier]
    const publicKey = await keyObject('1.4', open)
    assert.equal(publicKey.asymmetricKeyDetails?.namedCurve, name)
    assert.ok(createPublicKey(await keyObject('1.4', own)).equals(publicKey))
    assert.deepEqual(await session.values('1.4', open, 'Cryptographic Length'), [length])
    // What the pair may do where the client does not say.
    for (const [id, half] of [
      [own, masks.own],
      [open, masks.open],
    ] as const)
      assert.deepEqual(await session.values('1.4', id, 'Cryptographic Usage Mask'), [
        maskOf('CryptographicUsageMask', half),
      ])
  }
})

test('what is no pair that this server makes is refused, and nothing stays', async () => {
  const taken = nameAttribute('taken')
  await session.key('1.4', [taken])
  const before = (await session.ask('1.4', 'Locate', locate([]))).UniqueIdentifier.length
  const domain = [attribute('Cryptographic Domain Parameters', { RecommendedCurve: 'P_256' })]
  const bad: readonly Request<'CreateKeyPair'>[] = [
    {},
    pair('RSA', undefined),
    pair('RSA', 1024),
    pair('RSA', 9000),
    pair('AES', 256),
    pair('DSA', 2048),
    pair('ECDSA', 200),
    pair('ECDSA', 384, { common: domain }),
    pair('ECDSA', 263, { common: domain }),
    pair('RSA', 2048, { own: [attribute('Cryptographic Length', 3072)] }),
    pair('ECDSA', 256, { open: [taken] }),
    pair('ECDSA', 256, { common: [nameAttribute('one name for two')] }),
  ]
  for (const request of bad)
    assert.equal(await session.refused('1.4', 'CreateKeyPair', request), 'InvalidField')
  assert.equal((await session.ask('1.4', 'Locate', locate([]))).UniqueIdentifier.length, before)
})

const link = (LinkType: string, LinkedObjectIdentifier: string) => ({ LinkType, LinkedObjectIdentifier })

test('a pair that is re-keyed hands on its names and attributes, and the links say which replaced which', async () => {
  const asked = pair('ECDSA', 256, {
    common: [attribute('Object Group', 'group')],
    own: [
      nameAttribute('own name'),
      attribute('Activation Date', 1000n),
      attribute('Deactivation Date', 9_000_000_000n),
    ],
    open: [nameAttribute('open name')],
  })
  const old = await session.ask('1.4', 'CreateKeyPair', asked)
  const [oldOwn, oldOpen] = [old.PrivateKeyUniqueIdentifier, old.PublicKeyUniqueIdentifier]
  const made = await session.ask('1.4', 'ReKeyKeyPair', { PrivateKeyUniqueIdentifier: oldOwn, Offset: 1000 })
  const [own, open] = [made.PrivateKeyUniqueIdentifier, made.PublicKeyUniqueIdentifier]
  assert.deepEqual(await session.values('1.4', oldOwn, 'Link'), [
    link('PublicKeyLink', oldOpen),
    link('ReplacementObjectLink', own),
  ])
  assert.deepEqual(await session.values('1.4', own, 'Link'), [
    link('PublicKeyLink', open),
    link('ReplacedObjectLink', oldOwn),
  ])
  assert.deepEqual(await session.values('1.4', open, 'Link'), [
    link('PrivateKeyLink', own),
    link('ReplacedObjectLink', oldOpen),
  ])
  assert.deepEqual(await session.values('1.4', oldOwn, 'Name'), [])
  assert.deepEqual(
    (await session.ask('1.4', 'Locate', locate([nameAttribute('own name')]))).UniqueIdentifier,
    [own],
  )
  assert.deepEqual(await session.values('1.4', open, 'Object Group'), ['group'])
  assert.deepEqual(await session.values('1.4', oldOwn, 'State'), ['Active'])
  assert.deepEqual(await session.values('1.4', own, 'State'), ['PreActive'])
  const [activation] = (await session.values('1.4', own, 'Activation Date')) as [bigint]
  const [deactivation] = (await session.values('1.4', own, 'Deactivation Date')) as [bigint]
  assert.equal(deactivation, 9_000_000_000n + activation - 1000n)
  assert.ok(!(await keyObject('1.4', own)).equals(await keyObject('1.4', oldOwn)))
  const again = { PrivateKeyUniqueIdentifier: oldOwn }
  assert.equal(await session.refused('1.4', 'ReKeyKeyPair', again), 'PermissionDenied')
  assert.equal(
    await session.refused('1.4', 'ReKeyKeyPair', { PrivateKeyUniqueIdentifier: open }),
    'PermissionDenied',
  )
})
