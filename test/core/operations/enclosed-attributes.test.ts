// Attributes in the Key Value of a registered key become those of the object, below what the request states (KMIP 1.4 §2.1.3, §2.1.4).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  attribute,
  template,
  text,
  type KmipSession,
  type WireAttribute,
} from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_, opened) => (session = opened))

const enclosed: readonly WireAttribute[] = [
  attribute('Cryptographic Algorithm', 'AES'),
  attribute('Cryptographic Length', 128),
  attribute('Cryptographic Usage Mask', 12),
  attribute('Sensitive', true),
  attribute('Object Group', 'inside'),
  attribute('Contact Information', 'inside'),
  text('x-Origin', 'inside'),
  // Only a server sets these, or they are of objects of other types.
  attribute('Unique Identifier', 'foreign'),
  attribute('State', 'Compromised'),
  attribute('Certificate Type', 'X_509'),
]

function block(KeyValue: object) {
  return {
    KeyBlock: { KeyFormatType: 'Raw' as const, KeyValue: { KeyMaterial: Buffer.alloc(16, 7), ...KeyValue } },
  }
}

test('what the Key Value says is the object’s, unless the request says something else', async () => {
  const { UniqueIdentifier } = await session.ask('1.4', 'Register', {
    ObjectType: 'SymmetricKey',
    ...template([attribute('Object Group', 'stated'), attribute('Contact Information', 'stated')]),
    SymmetricKey: block({ Attribute: enclosed }),
  })
  assert.notEqual(UniqueIdentifier, 'foreign')
  const told: readonly (readonly [name: string, ...values: unknown[]])[] = [
    ['Cryptographic Algorithm', 'AES'],
    ['Cryptographic Length', 128],
    ['Cryptographic Usage Mask', 12],
    ['Sensitive', true],
    ['Object Group', 'inside', 'stated'],
    ['Contact Information', 'stated'],
    ['x-Origin', { type: 'TextString', value: 'inside' }],
    ['State', 'PreActive'],
    ['Certificate Type'],
  ]
  for (const [name, ...values] of told)
    assert.deepEqual(await session.values('1.4', UniqueIdentifier, name), values, name)
  assert.equal(await session.refused('1.4', 'Get', { UniqueIdentifier }), 'Sensitive')
})

test('KMIP 2.x has them as Attributes', async () => {
  const { UniqueIdentifier } = await session.ask('2.1', 'Register', {
    ObjectType: 'SymmetricKey',
    Attributes: { Attribute: [], ContactInformation: 'stated' },
    SymmetricKey: block({
      Attributes: {
        Attribute: [],
        CryptographicAlgorithm: 'AES',
        CryptographicLength: 128,
        ContactInformation: 'inside',
        Extractable: false,
        // The Key Block says the format.
        KeyFormatType: 'TransparentSymmetricKey',
      },
    }),
  })
  const { Attributes } = await session.ask('2.1', 'GetAttributes', {
    UniqueIdentifier,
    AttributeReference: [],
  })
  const { CryptographicAlgorithm, CryptographicLength, ContactInformation, Extractable, KeyFormatType } =
    Attributes ?? assert.fail('no attributes')
  assert.deepEqual(
    [CryptographicAlgorithm, CryptographicLength, ContactInformation, Extractable, KeyFormatType],
    ['AES', 128, 'stated', false, 'Raw'],
  )
})

test('Import takes them where its own attributes say nothing', async () => {
  const UniqueIdentifier = 'imported-with-attributes'
  await session.ask('1.4', 'Import', {
    UniqueIdentifier,
    Attribute: [attribute('Contact Information', 'stated')],
    SymmetricKey: block({ Attribute: enclosed }),
  })
  for (const [name, value] of [
    ['Cryptographic Algorithm', 'AES'],
    ['Contact Information', 'stated'],
    ['Sensitive', true],
    ['State', 'PreActive'],
  ] as const)
    assert.deepEqual(await session.values('1.4', UniqueIdentifier, name), [value], name)
})

test('what contradicts the Key Block is refused', async () => {
  const { KeyBlock } = block({ Attribute: enclosed })
  const reason = await session.refused('1.4', 'Register', {
    ObjectType: 'SymmetricKey',
    ...template([]),
    SymmetricKey: {
      KeyBlock: { ...KeyBlock, CryptographicAlgorithm: 'Camellia', CryptographicLength: 128 },
    },
  })
  assert.equal(reason, 'InvalidField')
})
