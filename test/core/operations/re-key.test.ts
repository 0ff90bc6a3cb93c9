// Re-key (KMIP 1.4 §4.4, §11.5) through the mTLS listener: what the new key takes over, how its dates move, and the refusals.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Version } from '../../../src/wire/kmip/version.ts'
import {
  attribute,
  materialOf,
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

const now = BigInt(Math.floor(Date.now() / 1000))

async function bytesOf(version: Version, UniqueIdentifier: string): Promise<string> {
  const { SymmetricKey } = await session.ask(version, 'Get', { UniqueIdentifier })
  return materialOf(SymmetricKey?.KeyBlock).toString('hex')
}

async function names(version: Version, id: string): Promise<unknown[]> {
  const values = (await session.values(version, id, 'Name')) as { NameValue: string }[]
  return values.map(({ NameValue }) => NameValue)
}

function reKey(
  version: Version,
  UniqueIdentifier: string,
  more: readonly WireAttribute[] = [],
  Offset?: number,
) {
  return session.ask(version, 'ReKey', { UniqueIdentifier, Offset, ...template(more) })
}

for (const version of served) {
  test(`${version}: the new key has the names and attributes, fresh bytes and links; the old one stays as it is`, async () => {
    const old = await session.key(version, [
      nameAttribute(`${version} first`),
      nameAttribute(`${version} second`),
      text('x-Note', 'kept'),
      attribute('Activation Date', now - 50n),
      attribute('Usage Limits', { UsageLimitsTotal: 9n, UsageLimitsUnit: 'Byte' }),
    ])
    await session.ask(version, 'GetUsageAllocation', { UniqueIdentifier: old, UsageLimitsCount: 4n })
    const before = await bytesOf(version, old)
    const { UniqueIdentifier: made } = await reKey(version, old, [nameAttribute(`${version} third`)])
    assert.notEqual(made, old)
    assert.notEqual(await bytesOf(version, made), before)
    assert.equal(await bytesOf(version, old), before)
    assert.deepEqual(await names(version, made), [
      `${version} first`,
      `${version} second`,
      `${version} third`,
    ])
    assert.deepEqual(await names(version, old), [])
    const value = (id: string, name: string) => session.values(version, id, name)
    assert.deepEqual(await value(old, 'Link'), [
      { LinkType: 'ReplacementObjectLink', LinkedObjectIdentifier: made },
    ])
    assert.deepEqual(await value(made, 'Link'), [
      { LinkType: 'ReplacedObjectLink', LinkedObjectIdentifier: old },
    ])
    assert.deepEqual(await value(made, 'State'), ['Active'])
    assert.deepEqual(await value(old, 'State'), ['Active'])
    assert.deepEqual(await value(made, 'Activation Date'), [now - 50n])
    assert.deepEqual(await value(made, 'x-Note'), [{ type: 'TextString', value: 'kept' }])
    assert.deepEqual(await value(made, 'Usage Limits'), [
      { UsageLimitsTotal: 9n, UsageLimitsCount: 9n, UsageLimitsUnit: 'Byte' },
    ])
    assert.notDeepEqual(await value(made, 'Digest'), await value(old, 'Digest'))
    assert.equal(await session.refused(version, 'ReKey', { UniqueIdentifier: old }), 'PermissionDenied')
    // Once what replaced it is gone, another key may.
    const code = { RevocationReasonCode: 'CessationOfOperation' } as const
    await session.ask(version, 'Revoke', { UniqueIdentifier: made, RevocationReason: code })
    await session.ask(version, 'Destroy', { UniqueIdentifier: made })
    const again = (await reKey(version, old)).UniqueIdentifier
    assert.deepEqual(await value(old, 'Link'), [
      { LinkType: 'ReplacementObjectLink', LinkedObjectIdentifier: again },
    ])
  })
}

function dates(more: readonly [string, bigint][]): readonly WireAttribute[] {
  return more.map(([name, value]) => attribute(name, value))
}

test('an Offset moves all dates with the Activation Date', async () => {
  const old = await session.key(
    '1.4',
    dates([
      ['Activation Date', now - 100n],
      ['Process Start Date', now - 90n],
      ['Protect Stop Date', now + 1000n],
      ['Deactivation Date', now + 2000n],
    ]),
  )
  const { UniqueIdentifier } = await reKey('1.4', old, [], 500)
  const value = async (name: string) => (await session.values('1.4', UniqueIdentifier, name))[0] as bigint
  const activation = await value('Activation Date')
  assert.equal(activation, (await value('Initial Date')) + 500n)
  assert.equal(await value('Process Start Date'), activation + 10n)
  assert.equal(await value('Protect Stop Date'), activation + 1100n)
  assert.equal(await value('Deactivation Date'), activation + 2100n)
  assert.deepEqual(await session.values('1.4', UniqueIdentifier, 'State'), ['PreActive'])
})

test('a compromised key gives a key that is not; a destroyed one, and what is no symmetric key, gives none', async () => {
  const revocation = { RevocationReason: { RevocationReasonCode: 'KeyCompromise' } } as const
  const old = await session.key('1.4')
  await session.ask('1.4', 'Revoke', { UniqueIdentifier: old, ...revocation })
  const { UniqueIdentifier } = await reKey('1.4', old)
  assert.deepEqual(await session.values('1.4', UniqueIdentifier, 'State'), ['PreActive'])
  assert.deepEqual(await session.values('1.4', UniqueIdentifier, 'Revocation Reason'), [])
  await session.ask('1.4', 'Destroy', { UniqueIdentifier: old })
  assert.equal(await session.refused('1.4', 'ReKey', { UniqueIdentifier: old }), 'ItemNotFound')
  const opaque = await session.ask('1.4', 'Register', {
    ObjectType: 'OpaqueObject',
    ...template([]),
    OpaqueObject: { OpaqueDataType: 1, OpaqueDataValue: Buffer.alloc(3) },
  })
  assert.equal(await session.refused('1.4', 'ReKey', opaque), 'PermissionDenied')
  assert.equal(await session.refused('2.1', 'ReKey', opaque), 'InvalidObjectType')
})

test('an Offset beside dates, or without an Activation Date to move, is refused and changes nothing', async () => {
  const old = await session.key('1.4', [nameAttribute('stays'), attribute('Deactivation Date', now + 9000n)])
  const ask = { UniqueIdentifier: old, Offset: 5 }
  const dated = template([attribute('Activation Date', now + 5n)])
  assert.equal(await session.refused('1.4', 'ReKey', { ...ask, ...dated }), 'InvalidMessage')
  assert.equal(await session.refused('1.4', 'ReKey', ask), 'IllegalOperation')
  assert.deepEqual(await names('1.4', old), ['stays'])
  assert.deepEqual(await session.values('1.4', old, 'Link'), [])
})

test('2.1: a replacement says of how many rotations it came, and which object is the latest', async () => {
  const shown = async (UniqueIdentifier: string) => {
    const AttributeReference = [
      'RotateGeneration',
      'RotateLatest',
      'RotateDate',
      'RotateName',
      'RotateInterval',
    ] as const
    const { Attributes } = await session.ask('2.1', 'GetAttributes', { UniqueIdentifier, AttributeReference })
    return { ...Attributes }
  }
  const RotateName = { RotateNameValue: 'disks', RotateNameType: 'UninterpretedTextString' }
  const first = await session.key('1.4')
  for (const one of [{ RotateName }, { RotateInterval: 60 }])
    await session.ask('2.1', 'SetAttribute', {
      UniqueIdentifier: first,
      NewAttribute: { Attribute: [], ...one },
    })
  const { UniqueIdentifier: second } = await reKey('1.0', first)
  const { UniqueIdentifier: third } = await session.ask('2.1', 'ReKey', { UniqueIdentifier: second })
  const [one, two, three] = [await shown(first), await shown(second), await shown(third)]
  assert.deepEqual(
    [one, two, three].map((told) => told['RotateLatest']),
    [false, false, true],
  )
  assert.deepEqual(
    [one, two, three].map((told) => told['RotateGeneration']),
    [undefined, 1, 2],
  )
  for (const told of [two, three]) {
    assert.ok(typeof told['RotateDate'] === 'bigint' && told['RotateDate'] >= now)
    assert.deepEqual([told['RotateName'], told['RotateInterval']], [RotateName, 60])
  }
})

test('a key that is never deactivated, by the last date that there is, is re-keyed with an Offset', async () => {
  const last = 2n ** 63n - 1n
  const old = await session.key('1.4', [
    attribute('Activation Date', now - 50n),
    attribute('Deactivation Date', last),
  ])
  const { UniqueIdentifier } = await reKey('1.4', old, [], 0)
  assert.deepEqual(await session.values('1.4', UniqueIdentifier, 'Deactivation Date'), [last])
})

test('a key whose bytes are elsewhere is not re-keyed, and its reason is that of the error table', async () => {
  const KeyBlock = { KeyFormatType: 'Raw', CryptographicAlgorithm: 'AES', CryptographicLength: 128 } as const
  const { UniqueIdentifier } = await session.ask('1.4', 'Register', {
    ObjectType: 'SymmetricKey',
    ...template([attribute('Cryptographic Usage Mask', 12)]),
    SymmetricKey: { KeyBlock },
  })
  for (const version of ['1.4', '2.1'] as const)
    assert.equal(await session.refused(version, 'ReKey', { UniqueIdentifier }), 'KeyValueNotPresent')
})
