// Locate (KMIP 1.4 §4.9) through the mTLS listener: by every kind of attribute, newest first, page by page. It never
// finds destroyed objects or those of another instance.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeResponse, encodeRequest } from '../../../src/wire/kmip/client-message.ts'
import { decodeResponsePayload, encodeRequestPayload } from '../../../src/wire/kmip/payload.ts'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import { atLeast, type Version } from '../../../src/wire/kmip/version.ts'
import {
  attribute,
  batch,
  locate,
  nameAttribute,
  openSession,
  served,
  template,
  text,
  type KmipSession,
  type WireAttribute,
} from '../../support/clients/kmip-session.ts'
import { makeCertificate } from '../../support/certificates/certificates.ts'
import { useServer, type RunningServer } from '../../support/server/running.ts'
import { clientRoutes } from '../../../src/features/clients/routes.ts'
import { instanceRoutes } from '../../../src/features/instances/routes.ts'

let server: RunningServer
let session: KmipSession
useServer((started, opened) => {
  server = started
  session = opened
})

async function found(
  version: Version,
  wanted: readonly WireAttribute[],
  more?: Partial<Request<'Locate'>>,
): Promise<readonly string[]> {
  return (await session.ask(version, 'Locate', locate(wanted, more))).UniqueIdentifier
}

for (const version of served) {
  const group = attribute('Object Group', `group of ${version}`)

  test(`${version}: by each attribute, alone and together`, async () => {
    const now = BigInt(Math.floor(Date.now() / 1000))
    const given = [
      nameAttribute(`locate ${version}`),
      group,
      attribute('Contact Information', `contact ${version}`),
      attribute('Link', { LinkType: 'ReplacedObjectLink', LinkedObjectIdentifier: `linked ${version}` }),
      attribute('Application Specific Information', {
        ApplicationNamespace: `ns ${version}`,
        ApplicationData: 'data',
      }),
      attribute('Cryptographic Parameters', { BlockCipherMode: 'CTR', HashingAlgorithm: 'SHA_384' }),
      attribute('Process Start Date', now + 1000n),
      text('x-Locate', `custom ${version}`),
      attribute('Usage Limits', { UsageLimitsTotal: 50n, UsageLimitsUnit: 'Object' }),
    ]
    const id = await session.key(version, given)
    const other = await session.key(version, [group])
    for (const one of given) {
      const ids = await found(version, [one, group])
      assert.equal(ids[one === group ? 1 : 0], id, one.AttributeName)
      assert.equal(ids.length, one === group ? 2 : 1, one.AttributeName)
    }
    assert.deepEqual(await found(version, given), [id])
    for (const one of [
      attribute('Object Type', 'SymmetricKey'),
      attribute('State', 'PreActive'),
      attribute('Cryptographic Algorithm', 'AES'),
      attribute('Cryptographic Length', 256),
      attribute('Cryptographic Usage Mask', 12),
      attribute('Cryptographic Usage Mask', 4),
    ]) {
      assert.deepEqual(await found(version, [one, group]), [other, id], one.AttributeName)
    }
    for (const one of [
      attribute('Object Type', 'SecretData'),
      attribute('State', 'Active'),
      attribute('Cryptographic Algorithm', 'DES3'),
      attribute('Cryptographic Length', 128),
      attribute('Cryptographic Usage Mask', 13),
      text('x-Locate', 'another'),
      text('x-locate', `custom ${version}`),
    ])
      assert.deepEqual(await found(version, [one, group]), [], one.AttributeName)
    assert.deepEqual(await found(version, [attribute('Unique Identifier', id)]), [id])
    assert.deepEqual(await found(version, [attribute('Unique Identifier', 'none')]), [])
    await session.ask(version, 'Activate', { UniqueIdentifier: id })
    assert.deepEqual(await found(version, [attribute('State', 'Active'), group]), [id])
  })

  test(`${version}: usage limits that are as large or larger`, async () => {
    const mine = attribute('Object Group', `limits of ${version}`)
    const id = await session.key(version, [mine, limits(100n)])
    assert.deepEqual(await found(version, [mine, limits(99n)]), [id])
    assert.deepEqual(await found(version, [mine, limits(100n)]), [id])
    assert.deepEqual(await found(version, [mine, limits(101n)]), [])
  })

  test(`${version}: a structure of which a part is given`, async () => {
    const id = await session.key(version, [
      nameAttribute(`part of ${version}`),
      attribute('Link', { LinkType: 'ReplacedObjectLink', LinkedObjectIdentifier: `part ${version}` }),
    ])
    assert.deepEqual(await found(version, [attribute('Name', { NameValue: `part of ${version}` })]), [id])
    const link = attribute('Link', { LinkedObjectIdentifier: `part ${version}` })
    assert.deepEqual(await found(version, [link]), [id])
    assert.deepEqual(await found(version, [attribute('Link', { LinkedObjectIdentifier: 'no' })]), [])
  })

  test(`${version}: a date, and a range between two`, async () => {
    const mine = attribute('Object Group', `dates of ${version}`)
    const ids: string[] = []
    for (const date of [1_000n, 2_000n, 3_000n])
      ids.unshift(await session.key(version, [mine, attribute('Activation Date', date)]))
    const between = (...dates: bigint[]) =>
      found(version, [mine, ...dates.map((date) => attribute('Activation Date', date))])
    assert.deepEqual(await between(2_000n), [ids[1]])
    assert.deepEqual(await between(1_500n), [])
    assert.deepEqual(await between(1_000n, 2_000n), [ids[1], ids[2]])
    assert.deepEqual(await between(3_500n, 1_500n), [ids[0], ids[1]])
    assert.deepEqual(await between(-(2n ** 63n), 2n ** 63n - 1n), ids)
    const now = BigInt(Math.floor(Date.now() / 1000))
    const made = [attribute('Initial Date', now - 60n), attribute('Initial Date', now + 60n)]
    assert.deepEqual(await found(version, [mine, ...made]), ids)
  })

  test(`${version}: a date that an object does not have is the largest one`, async () => {
    const mine = attribute('Object Group', `active of ${version}`)
    const [then, never] = [1_000n, 2n ** 63n - 1n]
    const key = (more: readonly WireAttribute[]) =>
      session.key(version, [mine, attribute('Activation Date', then), ...more])
    const open = await key([])
    await key([attribute('Deactivation Date', then)])
    const until2000 = await key([attribute('Deactivation Date', 2_000n)])
    await session.key(version, [mine])
    // The keys that were Active at that time, as the KMIP Usage Guide has clients ask for them.
    const active = [
      attribute('Activation Date', 0n),
      attribute('Activation Date', then),
      attribute('Deactivation Date', then + 1n),
      attribute('Deactivation Date', never),
      attribute('Compromise Date', then + 1n),
      attribute('Compromise Date', never),
    ]
    assert.deepEqual(await found(version, [mine, ...active]), [until2000, open])
    const undated = [mine, attribute('Activation Date', then), attribute('Deactivation Date', never)]
    assert.deepEqual(await found(version, undated), [open])
    const thrice = [1n, then, never].map((date) => attribute('Activation Date', date))
    assert.deepEqual(await found(version, [mine, ...thrice]), [])
  })

  test(`${version}: newest first, so many and no more`, async () => {
    const mine = attribute('Object Group', `pages of ${version}`)
    const ids: string[] = []
    for (let count = 0; count < 7; count++) ids.unshift(await session.key(version, [mine]))
    assert.deepEqual(await found(version, [mine]), ids)
    assert.deepEqual(await found(version, [mine], { MaximumItems: 3 }), ids.slice(0, 3))
    assert.deepEqual(await found(version, [mine], { MaximumItems: 100 }), ids)
    for (const bad of [-1, -(2 ** 31)]) {
      const request = locate([mine], { MaximumItems: bad })
      assert.equal(await session.refused(version, 'Locate', request), 'InvalidField')
    }
    if (!atLeast(version, '1.3')) return
    const page = async (OffsetItems: number, MaximumItems?: number) =>
      session.ask(version, 'Locate', locate([mine], { OffsetItems, MaximumItems }))
    assert.deepEqual(await page(2, 3), { LocatedItems: 7, UniqueIdentifier: ids.slice(2, 5) })
    assert.deepEqual(await page(5, 3), { LocatedItems: 7, UniqueIdentifier: ids.slice(5) })
    assert.deepEqual(await page(7, 3), { LocatedItems: 7, UniqueIdentifier: [] })
    assert.deepEqual(await page(3), { LocatedItems: 7, UniqueIdentifier: ids.slice(3) })
    const before = locate([mine], { OffsetItems: -1 })
    assert.equal(await session.refused(version, 'Locate', before), 'InvalidField')
  })

  test(`${version}: what is destroyed is not found, and the placeholder is set by exactly one`, async () => {
    const mine = attribute('Object Group', `destroyed of ${version}`)
    const id = await session.key(version, [mine])
    const gone = await session.key(version, [mine])
    await session.ask(version, 'Destroy', { UniqueIdentifier: gone })
    assert.deepEqual(await found(version, [mine]), [id])
    assert.deepEqual(await found(version, [attribute('Unique Identifier', gone)]), [])
    assert.deepEqual(await found(version, [mine], { StorageStatusMask: 1 }), [id])
    assert.deepEqual(await found(version, [mine], { StorageStatusMask: 2 }), [])
    assert.deepEqual(await found(version, [mine], { StorageStatusMask: 3 }), [id])
  })

  test(`${version}: attributes that this version does not have are refused`, async () => {
    const bad = [
      text('No Such Attribute', 'x'),
      ...(version === '1.4' ? [] : [attribute('Comment', 'of 1.4')]),
      ...(version === '1.0' ? [attribute('Fresh', true)] : []),
    ]
    for (const one of bad)
      assert.equal(await session.refused(version, 'Locate', locate([one])), 'InvalidField', one.AttributeName)
  })
}

test('Percona asks for Offset Items in 1.0, and gets the page without what 1.0 lacks', async () => {
  const mine = attribute('Object Group', 'percona')
  const ids: string[] = []
  for (let count = 0; count < 3; count++) ids.unshift(await session.key('1.0', [mine]))
  const request = locate([mine], { MaximumItems: 2, OffsetItems: 1 })
  const payload = encodeRequestPayload('Locate', request, '1.3')
  const answer = await session.exchange(
    encodeRequest({ version: '1.0', items: [{ operation: 'Locate', payload }] }),
  )
  const response = decodeResponse(answer)
  assert.equal(response.version, '1.0')
  const located = response.items[0]?.payload
  assert.ok(located)
  assert.deepEqual(decodeResponsePayload('Locate', located, response), { UniqueIdentifier: ids.slice(1) })
})

test('only fresh members of a group, in the order in which they came', async () => {
  const mine = attribute('Object Group', 'fresh')
  const ids: string[] = []
  for (let count = 0; count < 3; count++) ids.push(await session.key('1.1', [mine]))
  const fresh = () => found('1.1', [mine], { ObjectGroupMember: 'GroupMemberFresh' })
  assert.deepEqual(await fresh(), ids)
  await session.ask('1.1', 'Get', { UniqueIdentifier: ids[0] })
  assert.deepEqual(await fresh(), ids.slice(1))
  const [next] = await found('1.1', [mine], { ObjectGroupMember: 'GroupMemberFresh', MaximumItems: 1 })
  assert.equal(next, ids[1])
  // Within one transaction, too.
  const group = attribute('Object Group', 'undo')
  const UniqueIdentifier = await session.key('1.2', [group])
  const [got, located] = await session.send(
    '1.2',
    batch(
      { operation: 'Get', request: { UniqueIdentifier } },
      { operation: 'Locate', request: locate([group], { ObjectGroupMember: 'GroupMemberFresh' }) },
    ),
    { batchErrorContinuationOption: 'Undo' },
  )
  assert.equal(got?.status, 'Success')
  assert.deepEqual(located?.payload, { UniqueIdentifier: [] })
})

test('more objects than a step and many pages: each is found exactly once', async () => {
  const mine = attribute('Object Group', 'many')
  const ids: string[] = []
  for (let count = 0; count < 450; count++)
    ids.unshift(
      (
        await session.ask('1.4', 'Register', {
          ObjectType: 'OpaqueObject',
          ...template([mine, text('x-Parity', count % 2 === 0 ? 'even' : 'odd')]),
          OpaqueObject: { OpaqueDataType: 0x80000000, OpaqueDataValue: Buffer.from([count % 256]) },
        })
      ).UniqueIdentifier,
    )
  assert.deepEqual(await found('1.4', [mine]), ids)
  const pages: string[] = []
  for (let OffsetItems = 0; OffsetItems < 450; OffsetItems += 64)
    pages.push(...(await found('1.4', [mine], { OffsetItems, MaximumItems: 64 })))
  assert.deepEqual(pages, ids)
  const odd = ids.filter((_, index) => index % 2 === 0)
  assert.deepEqual(await found('1.4', [mine, text('x-Parity', 'odd')]), odd)
})

test('two instances never see each other', async () => {
  const identity = await makeCertificate({ key: 'ec', ownKey: true, commonName: 'elsewhere' })
  const body = { name: 'elsewhere', custody: 'database', rootKey: 'file:root.key' } as const
  await server.admin.call(instanceRoutes.createInstance, { body })
  const { pem: certificate } = identity.certificate
  const trusted = { by: 'certificate' as const, name: 'other', certificate, allow: ['all'] }
  await server.admin.call(clientRoutes.trustClient, { instance: 'elsewhere', body: trusted })
  using elsewhere = await openSession(server.port, identity)
  const shared = [nameAttribute('of both'), attribute('Object Group', 'of both')]
  const mine = await session.key('1.4', shared)
  const theirs = await elsewhere.key('1.4', shared)
  assert.deepEqual(await found('1.4', [nameAttribute('of both')]), [mine])
  const all = await elsewhere.ask('1.4', 'Locate', locate([]))
  assert.deepEqual(all.UniqueIdentifier, [theirs])
  assert.ok(!(await found('1.4', [])).includes(theirs))
  const UniqueIdentifier = mine
  const RevocationReason = { RevocationReasonCode: 'KeyCompromise' } as const
  assert.equal(await elsewhere.refused('1.4', 'Get', { UniqueIdentifier }), 'ItemNotFound')
  assert.equal(await elsewhere.refused('1.4', 'Activate', { UniqueIdentifier }), 'ItemNotFound')
  assert.equal(await elsewhere.refused('1.4', 'Destroy', { UniqueIdentifier }), 'ItemNotFound')
  assert.equal(await elsewhere.refused('1.4', 'Check', { UniqueIdentifier }), 'ItemNotFound')
  assert.equal(
    await elsewhere.refused('1.4', 'Revoke', { UniqueIdentifier, RevocationReason }),
    'ItemNotFound',
  )
  const by = locate([attribute('Unique Identifier', mine)])
  assert.deepEqual((await elsewhere.ask('1.4', 'Locate', by)).UniqueIdentifier, [])
})

function limits(UsageLimitsTotal: bigint): WireAttribute {
  return attribute('Usage Limits', { UsageLimitsTotal, UsageLimitsUnit: 'Byte' })
}
