// Register reads a Key Block: its algorithm and length beside the attributes that were asked for.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KeyTransaction } from '../../../src/core/keys/key-transaction.ts'
import { requireLength, type OtherLength } from '../../../src/core/keys/object/other-length.ts'
import { first, type AttributeSet } from '../../../src/wire/kmip/attributes.ts'
import { create } from '../../../src/core/operations/create.ts'
import type { Context } from '../../../src/core/operations/handler.ts'
import { Placeholder } from '../../../src/core/operations/placeholder.ts'
import { register } from '../../../src/core/operations/register.ts'
import { faults } from '../../support/server/core.ts'

/** What the operation asks of the keys; they answer `new`. */
function open(version: '1.2' | '1.3' | '1.4' = '1.4') {
  const asked: { objectType: string; attributes: AttributeSet }[] = []
  const note = async (
    wanted: { objectType: string; attributes: AttributeSet },
    _material: unknown,
    other?: OtherLength,
  ) => {
    if (other) requireLength(other, {})
    asked.push(wanted)
    return 'new'
  }
  const placeholder = new Placeholder()
  const rules = { defaults: async () => [] }
  const transaction = { register: note, create: note, rules } as unknown as KeyTransaction
  return { asked, placeholder, context: { transaction, version, placeholder } as unknown as Context }
}

interface Stated {
  readonly algorithm?: string | undefined
  readonly length?: number | undefined
}

const attribute = (AttributeName: string, AttributeValue: unknown) => ({ AttributeName, AttributeValue })

/** Algorithm and length of the registered object; those of the block and of the attributes are given. */
async function registered(
  objectType: 'SymmetricKey' | 'SecretData',
  bytes: number,
  block: Stated,
  named: Stated = {},
) {
  const { asked, placeholder, context } = open()
  const KeyBlock = {
    KeyFormatType: 'Raw',
    KeyValue: { KeyMaterial: Buffer.alloc(bytes, 1) },
    CryptographicAlgorithm: block.algorithm,
    CryptographicLength: block.length,
  }
  const Attribute = [
    attribute('Cryptographic Usage Mask', 12),
    ...(named.algorithm === undefined ? [] : [attribute('Cryptographic Algorithm', named.algorithm)]),
    ...(named.length === undefined ? [] : [attribute('Cryptographic Length', named.length)]),
  ]
  const body = objectType === 'SecretData' ? { SecretDataType: 'Password', KeyBlock } : { KeyBlock }
  const request = { ObjectType: objectType, TemplateAttribute: { Name: [], Attribute }, [objectType]: body }
  const answer = await register(context, request)
  assert.deepEqual([answer, placeholder.value], [{ UniqueIdentifier: 'new' }, 'new'])
  const [{ attributes } = { attributes: new Map() }] = asked
  return [first(attributes, 'CryptographicAlgorithm'), first(attributes, 'CryptographicLength')]
}

test('the Key Block and the attributes add up, and must not contradict each other', async () => {
  const aes = { algorithm: 'AES', length: 128 }
  assert.deepEqual(await registered('SymmetricKey', 16, aes), ['AES', 128])
  assert.deepEqual(await registered('SymmetricKey', 16, {}, aes), ['AES', 128])
  assert.deepEqual(await registered('SymmetricKey', 16, aes, aes), ['AES', 128])
  assert.deepEqual(
    await registered('SymmetricKey', 16, { algorithm: 'AES' }),
    ['AES', 128],
    'as long as it is',
  )
  await assert.rejects(
    registered('SymmetricKey', 16, aes, { algorithm: 'Camellia' }),
    faults('InvalidField', /^CryptographicAlgorithm is AES in the Key Block and Camellia as attribute$/),
  )
  await assert.rejects(
    registered('SymmetricKey', 16, aes, { length: 256 }),
    faults('InvalidField', /^CryptographicLength is 128 in the Key Block and 256 as attribute$/),
  )
})

test('a key’s length is that of its material, rounded up to bytes; parity of DES may count or not', async () => {
  const table: readonly [string, number, number, boolean][] = [
    ['AES', 16, 128, true],
    ['AES', 16, 121, true],
    ['AES', 16, 120, false],
    ['AES', 16, 129, false],
    ['AES', 16, 0, false],
    ['AES', 16, -128, false],
    ['DES3', 24, 168, true],
    ['DES3', 24, 192, true],
    ['DES', 8, 56, true],
    ['DES3', 24, 0, false],
  ]
  for (const [algorithm, bytes, length, isRight] of table) {
    const made = registered('SymmetricKey', bytes, { algorithm, length })
    if (isRight) assert.deepEqual(await made, [algorithm, length])
    else
      await assert.rejects(
        made,
        faults('InvalidField', new RegExp(`is ${length}, but .* has ${bytes * 8} bits$`)),
      )
  }
})

test('secret data has the length that its Key Block states, and none otherwise', async () => {
  assert.deepEqual(await registered('SecretData', 16, {}), [undefined, undefined])
  assert.deepEqual(await registered('SecretData', 16, { length: 5 }), [undefined, 5])
})

test('Create makes keys, and secret data since 1.4, and nothing else', async () => {
  const table = [
    ['1.2', 'SymmetricKey', true],
    ['1.3', 'SecretData', false],
    ['1.4', 'SecretData', true],
    ['1.4', 'OpaqueObject', false],
    ['1.4', 'Certificate', false],
  ] as const
  for (const [version, ObjectType, isMade] of table) {
    const { context, asked, placeholder } = open(version)
    const Attribute = [
      attribute('Cryptographic Usage Mask', 12),
      attribute('Cryptographic Algorithm', 'AES'),
      attribute('Cryptographic Length', 256),
    ]
    const made = create(context, {
      ObjectType,
      TemplateAttribute: { Name: [], Attribute },
    })
    if (!isMade) {
      await assert.rejects(
        async () => made,
        faults('InvalidField', new RegExp(`type ${ObjectType} in KMIP ${version}`)),
      )
      continue
    }
    assert.deepEqual(await made, { ObjectType, UniqueIdentifier: 'new' })
    assert.deepEqual([asked[0]?.objectType, placeholder.value], [ObjectType, 'new'])
  }
})
