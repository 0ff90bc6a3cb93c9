// The attributes of an object, version by version, and what a client may add, change and delete: Get Attributes, Get
// Attribute List, Add, Modify and Delete Attribute through the mTLS listener, with every refusal of the specification's
// tables that can occur (KMIP 1.4 §11.13 to §11.17). add-attribute.test.ts has custom attributes.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { test } from 'node:test'
import { atLeast, type Version } from '../../../src/wire/kmip/version.ts'
import {
  aes256,
  attribute,
  attributesOf,
  nameAttribute,
  served,
  template,
  text,
  type KmipSession,
  type WireAttribute,
} from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_server, opened) => {
  session = opened
})

const ofEachVersion: readonly string[] = [
  'Unique Identifier',
  'Object Type',
  'Cryptographic Algorithm',
  'Cryptographic Length',
  'Digest',
  'Cryptographic Usage Mask',
  'Lease Time',
  'State',
  'Initial Date',
  'Last Change Date',
]
const cameWith: Readonly<Record<string, Version>> = {
  Fresh: '1.1',
  'Original Creation Date': '1.2',
  'Random Number Generator': '1.3',
  Sensitive: '1.4',
  'Always Sensitive': '1.4',
  Extractable: '1.4',
  'Never Extractable': '1.4',
}

function expectedNames(version: Version): string[] {
  const later = Object.entries(cameWith).filter(([, since]) => atLeast(version, since))
  return [...ofEachVersion, ...later.map(([name]) => name)].toSorted()
}

function policy(name: string): WireAttribute {
  return attribute('Operation Policy Name', name)
}

async function listed(version: Version, UniqueIdentifier: string): Promise<string[]> {
  const list = await session.ask(version, 'GetAttributeList', { UniqueIdentifier })
  return [...(list.AttributeName ?? [])].toSorted()
}

for (const version of served) {
  test(`${version}: a new key has the attributes of this version, and no other`, async () => {
    const UniqueIdentifier = await session.key('1.4')
    const { Attribute = [] } = await session.ask(version, 'GetAttributes', attributesOf(UniqueIdentifier))
    const got = Attribute.map(({ AttributeName }) => AttributeName)
    // Clients that do not know these two end there; asked for by name, they are given.
    const unasked = ['Original Creation Date', 'Random Number Generator']
    const expected = expectedNames(version).filter((name) => !unasked.includes(name))
    assert.deepEqual(got.toSorted(), expected)
    assert.deepEqual(await listed(version, UniqueIdentifier), expectedNames(version))
    assert.ok(Attribute.every(({ AttributeIndex }) => AttributeIndex === undefined))
    for (const { AttributeName, AttributeValue } of Attribute)
      assert.deepEqual(await session.values(version, UniqueIdentifier, AttributeName), [AttributeValue])
  })

  test(`${version}: what the server sets is right`, async () => {
    const before = BigInt(Math.floor(Date.now() / 1000))
    const UniqueIdentifier = await session.key(version)
    const value = async (name: string) => (await session.values(version, UniqueIdentifier, name))[0]
    const initial = (await value('Initial Date')) as bigint
    assert.ok(initial >= before && initial <= before + 30n)
    assert.equal(await value('Last Change Date'), initial)
    assert.equal(await value('Original Creation Date'), atLeast(version, '1.2') ? initial : undefined)
    assert.equal(await value('Fresh'), atLeast(version, '1.1') ? true : undefined)
    assert.equal(await value('Object Type'), 'SymmetricKey')
    assert.equal(await value('Unique Identifier'), UniqueIdentifier)
    assert.ok(Number(await value('Lease Time')) > 0)
    const got = await session.ask(version, 'Get', { UniqueIdentifier })
    assert.equal(await value('Fresh'), atLeast(version, '1.1') ? false : undefined)
    assert.equal(await value('Last Change Date'), initial, 'a Get changes nothing')
    const KeyValue = got.SymmetricKey?.KeyBlock.KeyValue
    assert.ok(KeyValue && 'KeyMaterial' in KeyValue && KeyValue.KeyMaterial instanceof Uint8Array)
    assert.deepEqual(await value('Digest'), {
      HashingAlgorithm: 'SHA_256',
      DigestValue: createHash('sha256').update(KeyValue.KeyMaterial).digest(),
      ...(atLeast(version, '1.1') && { KeyFormatType: 'Raw' }),
    })
  })

  test(`${version}: a destroyed object shows all that is known of it`, async () => {
    const UniqueIdentifier = await session.key(version)
    await session.ask(version, 'Destroy', { UniqueIdentifier })
    const { Attribute = [] } = await session.ask(version, 'GetAttributes', attributesOf(UniqueIdentifier))
    const got = Attribute.map(({ AttributeName }) => AttributeName)
    assert.deepEqual(got.toSorted(), await listed(version, UniqueIdentifier))
  })

  test(`${version}: an operation policy that the server does not have is refused`, async () => {
    const UniqueIdentifier = await session.key(version, [policy('default')])
    assert.deepEqual(await session.values(version, UniqueIdentifier, 'Operation Policy Name'), ['default'])
    const other = { UniqueIdentifier: await session.key(version), Attribute: policy('public') }
    assert.equal(await session.refused(version, 'AddAttribute', other), 'InvalidField')
    await session.ask(version, 'AddAttribute', { ...other, Attribute: policy('default') })
    const asked = { ObjectType: 'SymmetricKey', ...template([...aes256, policy('Default')]) } as const
    assert.equal(await session.refused(version, 'Create', asked), 'InvalidField')
  })

  test(`${version}: what is asked by name and not there is left out; a name that stands twice is refused`, async () => {
    const UniqueIdentifier = await session.key(version)
    const ask = (...names: string[]) =>
      session.ask(version, 'GetAttributes', attributesOf(UniqueIdentifier, ...names))
    assert.deepEqual(await ask('x-Vendor'), { UniqueIdentifier, Attribute: [] })
    assert.deepEqual(await ask('Name', 'No Such Attribute', 'state', ''), { UniqueIdentifier, Attribute: [] })
    const { Attribute } = await ask('State', 'x-None', 'Cryptographic Length')
    assert.deepEqual(Attribute, [
      { AttributeName: 'State', AttributeValue: 'PreActive' },
      { AttributeName: 'Cryptographic Length', AttributeValue: 256 },
    ])
    assert.equal(
      await session.refused(version, 'GetAttributes', attributesOf(UniqueIdentifier, 'State', 'State')),
      'InvalidMessage',
    )
  })

  test(`${version}: refusals of Add, Modify and Delete Attribute`, async () => {
    const UniqueIdentifier = await session.key(version, [attribute('Object Group', 'g')])
    const add = (Attribute: WireAttribute) =>
      session.refused(version, 'AddAttribute', { UniqueIdentifier, Attribute })
    const modify = (Attribute: WireAttribute) =>
      session.refused(version, 'ModifyAttribute', { UniqueIdentifier, Attribute })
    const remove = (AttributeName: string, AttributeIndex?: number) =>
      session.refused(version, 'DeleteAttribute', { UniqueIdentifier, AttributeName, AttributeIndex })

    assert.equal(await add(attribute('State', 'Active')), 'PermissionDenied')
    assert.equal(await add(attribute('Certificate Type', 'X_509')), 'PermissionDenied')
    assert.equal(await add(attribute('Cryptographic Usage Mask', 12)), 'IllegalOperation')
    assert.equal(await add(attribute('Object Group', 'h', 1)), 'InvalidField')
    assert.equal(await add(attribute('No Such Attribute', { type: 'Integer', value: 1 })), 'InvalidField')
    const noData = attribute('Application Specific Information', { ApplicationNamespace: 'ours' })
    assert.equal(await add(noData), 'ApplicationNamespaceNotSupported')

    assert.equal(await modify(attribute('Contact Information', 'me')), 'InvalidField')
    assert.equal(await modify(attribute('Object Group', 'h', 7)), 'ItemNotFound')
    assert.equal(await modify(attribute('Initial Date', 1n)), 'PermissionDenied')
    assert.equal(await modify(attribute('State', 'Active')), 'PermissionDenied')

    assert.equal(await remove('Cryptographic Length'), 'PermissionDenied')
    assert.equal(await remove('State'), 'PermissionDenied')
    assert.equal(await remove('Object Group', 7), 'ItemNotFound')
    assert.equal(await remove('Contact Information'), 'ItemNotFound')
    assert.equal(await remove('x-None'), 'ItemNotFound')
    assert.equal(await remove('No Such Attribute'), 'ItemNotFound')
    assert.deepEqual(await session.values(version, UniqueIdentifier, 'Object Group'), ['g'])
  })

  test(`${version}: an index is given by the server and never changes`, async () => {
    const UniqueIdentifier = await session.key(version)
    const added: unknown[] = []
    for (const group of ['a', 'b', 'c']) {
      const answer = await session.ask(version, 'AddAttribute', {
        UniqueIdentifier,
        Attribute: attribute('Object Group', group),
      })
      assert.equal(answer.UniqueIdentifier, UniqueIdentifier)
      added.push(answer.Attribute)
    }
    assert.deepEqual(added, [
      { AttributeName: 'Object Group', AttributeValue: 'a' },
      { AttributeName: 'Object Group', AttributeIndex: 1, AttributeValue: 'b' },
      { AttributeName: 'Object Group', AttributeIndex: 2, AttributeValue: 'c' },
    ])
    const modified = await session.ask(version, 'ModifyAttribute', {
      UniqueIdentifier,
      Attribute: attribute('Object Group', 'B', 1),
    })
    assert.deepEqual(modified.Attribute, {
      AttributeName: 'Object Group',
      AttributeIndex: 1,
      AttributeValue: 'B',
    })
    const deleted = await session.ask(version, 'DeleteAttribute', {
      UniqueIdentifier,
      AttributeName: 'Object Group',
      AttributeIndex: 0,
    })
    assert.deepEqual(deleted.Attribute, attribute('Object Group', 'a', 0))
    const { Attribute } = await session.ask(
      version,
      'GetAttributes',
      attributesOf(UniqueIdentifier, 'Object Group'),
    )
    assert.deepEqual(
      Attribute?.map(({ AttributeIndex, AttributeValue }) => [AttributeIndex, AttributeValue]),
      [
        [1, 'B'],
        [2, 'c'],
      ],
    )
  })

  test(`${version}: every attribute that a client may set comes back as it was`, async () => {
    const now = BigInt(Math.floor(Date.now() / 1000))
    const given = [
      nameAttribute(`everything ${version}`),
      attribute('Cryptographic Parameters', { BlockCipherMode: 'CBC', PaddingMethod: 'PKCS5' }),
      attribute('Operation Policy Name', 'default'),
      attribute('Process Start Date', now + 10n),
      attribute('Protect Stop Date', now + 20n),
      attribute('Object Group', 'group'),
      attribute('Link', { LinkType: 'ReplacedObjectLink', LinkedObjectIdentifier: 'other' }),
      attribute('Application Specific Information', { ApplicationNamespace: 'ns', ApplicationData: 'data' }),
      attribute('Contact Information', 'Jane Doe'),
      text('x-Product', 'VMware vSphere'),
    ]
    const UniqueIdentifier = await session.key(version, given)
    for (const { AttributeName, AttributeValue } of given)
      assert.deepEqual(
        await session.values(version, UniqueIdentifier, AttributeName),
        [AttributeValue],
        AttributeName,
      )
    const all = [...expectedNames(version), ...given.map(({ AttributeName }) => AttributeName)]
    assert.deepEqual(await listed(version, UniqueIdentifier), all.toSorted())
  })

  test(`${version}: usage limits have all of their count at first, and change until they are used`, async () => {
    const UniqueIdentifier = await session.key(version)
    const UsageLimitsUnit = 'Object' as const
    const limits = attribute('Usage Limits', { UsageLimitsTotal: 10n, UsageLimitsUnit })
    const answer = await session.ask(version, 'AddAttribute', { UniqueIdentifier, Attribute: limits })
    const kept = { UsageLimitsTotal: 10n, UsageLimitsCount: 10n, UsageLimitsUnit }
    assert.deepEqual(answer.Attribute?.AttributeValue, kept)
    await session.ask(version, 'ModifyAttribute', {
      UniqueIdentifier,
      Attribute: attribute('Usage Limits', { UsageLimitsTotal: 20n, UsageLimitsUnit }),
    })
    assert.deepEqual(await session.values(version, UniqueIdentifier, 'Usage Limits'), [
      { UsageLimitsTotal: 20n, UsageLimitsCount: 20n, UsageLimitsUnit },
    ])
    await session.ask(version, 'DeleteAttribute', { UniqueIdentifier, AttributeName: 'Usage Limits' })
  })

  test(`${version}: the dates of use are changed only before they are reached`, async () => {
    const now = BigInt(Math.floor(Date.now() / 1000))
    const UniqueIdentifier = await session.key(version, [attribute('Activation Date', now + 1000n)])
    const change = (date: bigint) => ({ UniqueIdentifier, Attribute: attribute('Activation Date', date) })
    await session.ask(version, 'ModifyAttribute', change(now + 2000n))
    await session.ask(version, 'ModifyAttribute', change(now - 1n))
    assert.deepEqual(await session.values(version, UniqueIdentifier, 'State'), ['Active'])
    assert.equal(await session.refused(version, 'ModifyAttribute', change(now)), 'PermissionDenied')
    const stop = attribute('Deactivation Date', now - 1n)
    await session.ask(version, 'AddAttribute', { UniqueIdentifier, Attribute: stop })
    assert.deepEqual(await session.values(version, UniqueIdentifier, 'State'), ['Deactivated'])
    assert.equal(
      await session.refused(version, 'ModifyAttribute', { UniqueIdentifier, Attribute: stop }),
      'PermissionDenied',
    )
  })
}

test('Last Change Date moves with every change', async () => {
  const UniqueIdentifier = await session.key('1.4')
  const lastChange = async () => (await session.values('1.4', UniqueIdentifier, 'Last Change Date'))[0]
  const steps = [
    () => session.ask('1.4', 'AddAttribute', { UniqueIdentifier, Attribute: attribute('Comment', 'a') }),
    () => session.ask('1.4', 'ModifyAttribute', { UniqueIdentifier, Attribute: attribute('Comment', 'b') }),
    () => session.ask('1.4', 'Activate', { UniqueIdentifier }),
  ]
  for (const step of steps) {
    const before = (await lastChange()) as bigint
    await wait(1100)
    await step()
    assert.ok(((await lastChange()) as bigint) > before)
  }
})

test('an attribute of a newer version is visible in newer versions only, and does not affect older ones', async () => {
  const UniqueIdentifier = await session.key('1.4', [
    attribute('Alternative Name', { AlternativeNameValue: 'alias', AlternativeNameType: 'URI' }),
    attribute('Description', 'of 1.4'),
    attribute('Link', { LinkType: 'PKCS_12CertificateLink', LinkedObjectIdentifier: 'one' }),
    attribute('Link', { LinkType: 'ParentLink', LinkedObjectIdentifier: 'two' }),
    attribute('Link', { LinkType: 'ReplacedObjectLink', LinkedObjectIdentifier: 'three' }),
    attribute('Cryptographic Parameters', { BlockCipherMode: 'GCM', IVLength: 12, TagLength: 16 }),
  ])
  const seen: Record<string, object> = {}
  for (const version of served)
    seen[version] = {
      links: (await session.values(version, UniqueIdentifier, 'Link')).length,
      alias: (await session.values(version, UniqueIdentifier, 'Alternative Name')).length,
      description: (await session.values(version, UniqueIdentifier, 'Description')).length,
    }
  assert.deepEqual(seen, {
    '1.0': { links: 1, alias: 0, description: 0 },
    '1.1': { links: 1, alias: 0, description: 0 },
    '1.2': { links: 2, alias: 1, description: 0 },
    '1.3': { links: 2, alias: 1, description: 0 },
    '1.4': { links: 3, alias: 1, description: 1 },
  })
  for (const version of served) {
    await session.ask(version, 'GetAttributes', attributesOf(UniqueIdentifier))
    await listed(version, UniqueIdentifier)
  }
})

test('a value that the version lacks is refused, neither lost nor echoed', async () => {
  const UniqueIdentifier = await session.key('1.0')
  const link = attribute('Link', { LinkType: 'PKCS_12CertificateLink', LinkedObjectIdentifier: 'one' })
  await session.ask('1.4', 'AddAttribute', { UniqueIdentifier, Attribute: link })
  for (const version of ['1.0', '1.1', '1.2', '1.3'] as const)
    assert.equal(
      await session.refused(version, 'DeleteAttribute', {
        UniqueIdentifier,
        AttributeName: 'Link',
        AttributeIndex: 0,
      }),
      'ItemNotFound',
    )
  assert.deepEqual(await session.values('1.4', UniqueIdentifier, 'Link'), [link.AttributeValue])
})

test('attributes of other objects than keys', async () => {
  const opaque = await session.ask('1.4', 'Register', {
    ObjectType: 'OpaqueObject',
    ...template([]),
    OpaqueObject: { OpaqueDataType: 0x80000000, OpaqueDataValue: Buffer.from('opaque') },
  })
  const secret = await session.ask('1.4', 'Register', {
    ObjectType: 'SecretData',
    ...template([attribute('Cryptographic Usage Mask', 0)]),
    SecretData: {
      SecretDataType: 'Password',
      KeyBlock: { KeyFormatType: 'Opaque', KeyValue: { KeyMaterial: Buffer.from('secret') } },
    },
  })
  const [ofOpaque] = await session.values('1.4', opaque.UniqueIdentifier, 'Digest')
  const [ofSecret] = await session.values('1.4', secret.UniqueIdentifier, 'Digest')
  assert.deepEqual(ofOpaque, { HashingAlgorithm: 'SHA_256', DigestValue: digest('opaque') })
  assert.deepEqual(ofSecret, {
    HashingAlgorithm: 'SHA_256',
    DigestValue: digest('secret'),
    KeyFormatType: 'Opaque',
  })
  assert.ok(!(await listed('1.4', opaque.UniqueIdentifier)).includes('State'))
  assert.ok((await listed('1.4', secret.UniqueIdentifier)).includes('State'))
})

function digest(content: string): Buffer {
  return createHash('sha256').update(content).digest()
}

const maskOf = (mask: number) => template([attribute('Cryptographic Usage Mask', mask)]).TemplateAttribute

/** The identifiers of objects that the server made, one or more by each operation that makes one. */
async function madeHere(): Promise<readonly string[]> {
  const made: string[] = []
  const [certificateSign, deriveKey] = [0x1000, 0x200]
  const pair = await session.ask('1.4', 'CreateKeyPair', {
    CommonTemplateAttribute: {
      Name: [],
      Attribute: [attribute('Cryptographic Algorithm', 'ECDSA'), attribute('Cryptographic Length', 256)],
    },
    PrivateKeyTemplateAttribute: maskOf(certificateSign),
    PublicKeyTemplateAttribute: maskOf(certificateSign),
  })
  const { PrivateKeyUniqueIdentifier, PublicKeyUniqueIdentifier } = pair
  await session.ask('1.4', 'Activate', { UniqueIdentifier: PrivateKeyUniqueIdentifier })
  const certificate = await session.ask('1.4', 'Certify', {
    UniqueIdentifier: PublicKeyUniqueIdentifier,
    ...template([nameAttribute('dated')]),
  })
  made.push(PrivateKeyUniqueIdentifier, PublicKeyUniqueIdentifier, certificate.UniqueIdentifier)
  const { UniqueIdentifier } = await session.ask('1.4', 'Create', {
    ObjectType: 'SymmetricKey',
    TemplateAttribute: {
      Name: [],
      Attribute: [
        attribute('Cryptographic Algorithm', 'AES'),
        attribute('Cryptographic Length', 256),
        attribute('Cryptographic Usage Mask', deriveKey),
      ],
    },
  })
  await session.ask('1.4', 'Activate', { UniqueIdentifier })
  const split = await session.ask('1.4', 'CreateSplitKey', {
    ObjectType: 'SplitKey',
    UniqueIdentifier,
    SplitKeyParts: 2,
    SplitKeyThreshold: 2,
    SplitKeyMethod: 'XOR',
    ...template([]),
  })
  const parts = split.UniqueIdentifier
  const joined = { ObjectType: 'SymmetricKey', UniqueIdentifier: parts, ...template([]) } as const
  const derived = {
    ObjectType: 'SecretData',
    UniqueIdentifier: [UniqueIdentifier],
    DerivationMethod: 'HASH',
    DerivationParameters: { CryptographicParameters: { HashingAlgorithm: 'SHA_256' } },
    ...template([attribute('Cryptographic Length', 128)]),
  } as const
  made.push(UniqueIdentifier, ...parts)
  made.push((await session.ask('1.4', 'JoinSplitKey', joined)).UniqueIdentifier)
  made.push((await session.ask('1.4', 'DeriveKey', derived)).UniqueIdentifier)
  made.push((await session.ask('1.4', 'ReKey', { UniqueIdentifier })).UniqueIdentifier)
  made.push((await session.ask('1.4', 'ReCertify', certificate)).UniqueIdentifier)
  const next = await session.ask('1.4', 'ReKeyKeyPair', { PrivateKeyUniqueIdentifier })
  return [...made, next.PrivateKeyUniqueIdentifier, next.PublicKeyUniqueIdentifier]
}

test('Original Creation Date by name: what the server makes has it from the beginning', async () => {
  for (const id of await madeHere()) {
    const [type] = await session.values('1.4', id, 'Object Type')
    const initial = await session.values('1.4', id, 'Initial Date')
    assert.equal(initial.length, 1)
    assert.deepEqual(await session.values('1.4', id, 'Original Creation Date'), initial, String(type))
  }
})

test('Original Creation Date by name: a registered object has what its client says', async () => {
  const KeyBlock = {
    KeyFormatType: 'Raw',
    KeyValue: { KeyMaterial: Buffer.alloc(32, 1) },
    CryptographicAlgorithm: 'AES',
    CryptographicLength: 256,
  } as const
  for (const dates of [[], [1_500_000_000n]]) {
    const stated = dates.map((date) => attribute('Original Creation Date', date))
    const { UniqueIdentifier } = await session.ask('1.4', 'Register', {
      ObjectType: 'SymmetricKey',
      ...template([attribute('Cryptographic Usage Mask', 12), ...stated]),
      SymmetricKey: { KeyBlock },
    })
    assert.deepEqual(await session.values('1.4', UniqueIdentifier, 'Original Creation Date'), dates)
  }
})
