// Custom attributes (KMIP 1.4 §3.39) through the mTLS listener: of any type, under any x- or y- name, many of them, in any
// state, and concurrently with the activation of the same key, which is what vCenter does.

import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import type { AnyValue } from '../../../src/wire/ttlv/schema.ts'
import { clientCertificate } from '../../support/certificates/certificates.ts'
import {
  attribute,
  attributesOf,
  batch,
  locate,
  openSession,
  served,
  text,
  type Asked,
  type KmipSession,
} from '../../support/clients/kmip-session.ts'
import { useServer, type RunningServer } from '../../support/server/running.ts'

let server: RunningServer
let session: KmipSession
useServer((started, opened) => {
  server = started
  session = opened
})

const minimum = -(2n ** 63n)
const values: Readonly<Record<string, readonly AnyValue[]>> = {
  Integer: [0, 1, -1, 2147483647, -2147483648].map((value) => ({ type: 'Integer', value })),
  LongInteger: [0n, minimum, 2n ** 63n - 1n].map((value) => ({ type: 'LongInteger', value })),
  BigInteger: [0n, -1n, minimum, 2n ** 64n, -(2n ** 200n)].map((value) => ({ type: 'BigInteger', value })),
  Enumeration: [0, 1, 0x80000001, 0xffffffff].map((value) => ({ type: 'Enumeration', value })),
  Boolean: [true, false].map((value) => ({ type: 'Boolean', value })),
  TextString: [
    '',
    'VMware, Inc.',
    'ключ 鍵 🔑 e\u0301',
    ' \u0000\n',
    '\ufeffmark',
    'x'.repeat(512),
    'ü'.repeat(20_000),
  ].map((value) => ({ type: 'TextString', value })),
  ByteString: ['', '00', 'ff'.repeat(1000)].map((hex) => ({
    type: 'ByteString',
    value: Buffer.from(hex, 'hex'),
  })),
  DateTime: [0n, minimum, 4_102_444_800n].map((value) => ({ type: 'DateTime', value })),
  Interval: [0, 1, 0xffffffff].map((value) => ({ type: 'Interval', value })),
  Structure: [
    { type: 'Structure', value: [] },
    {
      type: 'Structure',
      value: [
        { tag: 0x540001, item: { type: 'TextString', value: 'of a vendor' } },
        {
          tag: 0x540001,
          item: { type: 'Structure', value: [{ tag: 0x540002, item: { type: 'Boolean', value: true } }] },
        },
        { tag: 0x420055, item: { type: 'TextString', value: 'Name Value' } },
      ],
    },
  ],
}

for (const version of served)
  for (const [type, each] of Object.entries(values)) {
    test(`${version}: a custom attribute of type ${type}`, async () => {
      const UniqueIdentifier = await session.key(version, [attribute('x-Given', each[0])])
      for (const [index, value] of each.entries()) {
        const answer = await session.ask(version, 'AddAttribute', {
          UniqueIdentifier,
          Attribute: attribute('x-Any', value),
        })
        assert.deepEqual(answer.Attribute, {
          ...attribute('x-Any', value),
          ...(index > 0 && { AttributeIndex: index }),
        })
        const found = await session.ask(version, 'Locate', locate([attribute('x-Any', value)]))
        assert.ok(found.UniqueIdentifier.includes(UniqueIdentifier), 'Locate finds it by its value')
      }
      assert.deepEqual(await session.values(version, UniqueIdentifier, 'x-Any'), each)
      assert.deepEqual(await session.values(version, UniqueIdentifier, 'x-Given'), [each[0]])
    })
  }

test('any x- or y- name is accepted unchanged, and no other', async () => {
  const UniqueIdentifier = await session.key('1.1')
  const names = [
    'x-Product_Version',
    'y-Key Name',
    'x-',
    'x- ',
    'x-a b\tc',
    'x-名前 🔑',
    `x-${'n'.repeat(510)}`,
    'x-State',
    'x-__proto__',
    'x-constructor',
    `x-${'n'.repeat(1022)}`,
  ]
  for (const name of names)
    await session.ask('1.1', 'AddAttribute', { UniqueIdentifier, Attribute: text(name, `of ${name}`) })
  const list = await session.ask('1.1', 'GetAttributeList', { UniqueIdentifier })
  assert.deepEqual(list.AttributeName?.filter((name) => /^[xy]-/.test(name)).toSorted(), names.toSorted())
  for (const name of names)
    assert.deepEqual(await session.values('1.1', UniqueIdentifier, name), [
      { type: 'TextString', value: `of ${name}` },
    ])
  for (const name of ['X-Upper', 'z-Other', '', 'x', '__proto__', 'constructor', `x-${'n'.repeat(1023)}`])
    assert.equal(
      await session.refused('1.1', 'AddAttribute', { UniqueIdentifier, Attribute: text(name, 'no') }),
      'InvalidField',
      name.slice(0, 40),
    )
})

test('fifty instances, given at creation or added, keep their order and their indices', async () => {
  const fifty = Array.from({ length: 50 }, (_, index) => text('x-Fifty', `value ${index}`))
  const expected = fifty.map(({ AttributeValue }) => AttributeValue)
  const given = await session.key('1.1', fifty)
  const added = await session.key('1.1')
  for (const one of fifty)
    await session.ask('1.1', 'AddAttribute', { UniqueIdentifier: added, Attribute: one })
  for (const UniqueIdentifier of [given, added]) {
    const { Attribute } = await session.ask('1.1', 'GetAttributes', attributesOf(UniqueIdentifier, 'x-Fifty'))
    assert.deepEqual(
      Attribute?.map(({ AttributeIndex = 0 }) => AttributeIndex),
      expected.map((_, index) => index),
    )
    assert.deepEqual(
      Attribute?.map(({ AttributeValue }) => AttributeValue),
      expected,
    )
  }
})

test('instances and bytes have a maximum, and the refusal says so', async () => {
  const UniqueIdentifier = await session.key(
    '1.1',
    Array.from({ length: 1000 }, (_, index) => attribute('x-Full', { type: 'Integer', value: index })),
  )
  const one = attribute('x-Full', { type: 'Integer', value: 1000 })
  assert.equal(
    await session.refused('1.1', 'AddAttribute', { UniqueIdentifier, Attribute: one }),
    'IndexOutOfBounds',
  )
  const large = text('x-Large', 'x'.repeat(100_000))
  await session.ask('1.1', 'AddAttribute', { UniqueIdentifier, Attribute: large })
  assert.equal(
    await session.refused('1.1', 'AddAttribute', {
      UniqueIdentifier,
      Attribute: text('x-Larger', 'x'.repeat(200_000)),
    }),
    'IndexOutOfBounds',
  )
  assert.equal((await session.values('1.1', UniqueIdentifier, 'x-Large')).length, 1)
})

test('a value may be nested as deep as a message, or is refused, and every stored value can be read', async () => {
  const UniqueIdentifier = await session.key('1.1')
  let value: AnyValue = { type: 'Boolean', value: true }
  let refused = 0
  for (let depth = 1; depth <= 20; depth++) {
    value = { type: 'Structure', value: [{ tag: 0x540001, item: value }] }
    const answer = await session.one('1.1', {
      operation: 'AddAttribute',
      request: { UniqueIdentifier, Attribute: attribute(`x-Deep ${depth}`, value) },
    })
    if (answer.status === 'Success')
      assert.deepEqual(await session.values('1.1', UniqueIdentifier, `x-Deep ${depth}`), [value])
    else {
      assert.equal(answer.reason, 'InvalidMessage')
      refused++
    }
  }
  assert.ok(refused > 0 && refused < 15)
  await session.ask('1.1', 'GetAttributes', attributesOf(UniqueIdentifier))
})

test('attributes can be added in every state, destroyed included', async () => {
  const UniqueIdentifier = await session.key('1.1')
  const inState = async (state: string) => {
    assert.deepEqual(await session.values('1.1', UniqueIdentifier, 'State'), [state])
    const about = { UniqueIdentifier, Attribute: text(`x-In ${state}`, 'added') }
    await session.ask('1.1', 'AddAttribute', about)
    await session.ask('1.1', 'ModifyAttribute', {
      UniqueIdentifier,
      Attribute: text(`x-In ${state}`, 'changed'),
    })
    assert.deepEqual(await session.values('1.1', UniqueIdentifier, `x-In ${state}`), [
      { type: 'TextString', value: 'changed' },
    ])
    await session.ask('1.1', 'AddAttribute', about)
    await session.ask('1.1', 'DeleteAttribute', { UniqueIdentifier, AttributeName: `x-In ${state}` })
    assert.equal((await session.values('1.1', UniqueIdentifier, `x-In ${state}`)).length, 1)
  }
  const reason = (RevocationReasonCode: 'CessationOfOperation' | 'KeyCompromise') => ({
    UniqueIdentifier,
    RevocationReason: { RevocationReasonCode },
  })
  await inState('PreActive')
  await session.ask('1.1', 'Activate', { UniqueIdentifier })
  await inState('Active')
  await session.ask('1.1', 'Revoke', reason('CessationOfOperation'))
  await inState('Deactivated')
  await session.ask('1.1', 'Revoke', reason('KeyCompromise'))
  await inState('Compromised')
  await session.ask('1.1', 'Destroy', { UniqueIdentifier })
  await inState('DestroyedCompromised')
})

test('the same attribute may be added again, with the next index', async () => {
  const UniqueIdentifier = await session.key('1.1')
  const same = { UniqueIdentifier, Attribute: text('x-Identifier', 'one and the same') }
  for (let index = 0; index < 3; index++) await session.ask('1.1', 'AddAttribute', same)
  assert.equal((await session.values('1.1', UniqueIdentifier, 'x-Identifier')).length, 3)
})

test("vCenter's race: attributes in batches of three while the same key is fetched and activated, 40 times", async () => {
  const identity = await clientCertificate('self-signed')
  const others = await Promise.all([1, 2, 3].map(() => openSession(server.port, identity)))
  const [tagging, naming, activating] = others as [KmipSession, KmipSession, KmipSession]
  const product = ['x-Product_Version', 'x-Vendor', 'x-Product']
  const machine = ['x-Identifier', 'x-Component', 'x-Name']
  for (let round = 0; round < 40; round++) {
    const UniqueIdentifier = await session.key('1.1')
    const three = (names: readonly string[]): Asked[] =>
      batch(
        ...names.map((name): Asked => ({
          operation: 'AddAttribute',
          request: { UniqueIdentifier, Attribute: text(name, `${name} of ${round}`) },
        })),
      )
    const started = [
      () => tagging.send('1.1', three(product)),
      () => naming.send('1.1', three(machine)),
      async () => {
        await activating.ask('1.1', 'Get', { UniqueIdentifier })
        await activating.ask('1.1', 'Activate', { UniqueIdentifier })
        return []
      },
    ]
    const first = randomInt(3)
    const answer = await Promise.all(
      [...started.slice(first), ...started.slice(0, first)].map((start) => start()),
    )
    for (const { status, message } of answer.flat()) assert.equal(status, 'Success', message)
    assert.deepEqual(await session.values('1.1', UniqueIdentifier, 'State'), ['Active'])
    for (const name of [...product, ...machine])
      assert.deepEqual(await session.values('1.1', UniqueIdentifier, name), [
        { type: 'TextString', value: `${name} of ${round}` },
      ])
  }
  for (const other of others) other[Symbol.dispose]()
})

test('twenty connections add to one key at once, and nothing is lost', async () => {
  const identity = await clientCertificate('self-signed')
  const UniqueIdentifier = await session.key('1.1')
  const all = await Promise.all(Array.from({ length: 20 }, () => openSession(server.port, identity)))
  await Promise.all(
    all.map(async (one, number) => {
      for (let count = 0; count < 5; count++)
        await one.ask('1.1', 'AddAttribute', {
          UniqueIdentifier,
          Attribute: text('x-Together', `${number}.${count}`),
        })
      one[Symbol.dispose]()
    }),
  )
  const { Attribute = [] } = await session.ask(
    '1.1',
    'GetAttributes',
    attributesOf(UniqueIdentifier, 'x-Together'),
  )
  assert.deepEqual(
    Attribute.map(({ AttributeIndex = 0 }) => AttributeIndex),
    Array.from({ length: 100 }, (_, index) => index),
  )
  assert.equal(
    new Set(Attribute.map(({ AttributeValue }) => (AttributeValue as { value: string }).value)).size,
    100,
  )
})
