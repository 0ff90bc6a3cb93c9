// The attributes that a Create or Register asks for, as one set.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import { requestedAttributes } from '../../../src/core/operations/requested-attributes.ts'
import { faults } from '../../support/server/core.ts'

const about = { version: '1.4', objectType: 'SymmetricKey' } as const
const named = (text: string) => ({
  AttributeName: 'Name',
  AttributeValue: { NameValue: text, NameType: 'URI' },
})

const requested = (Attribute: readonly object[], Name: readonly object[] = []) =>
  requestedAttributes({ TemplateAttribute: { Name, Attribute } } as unknown as Request<'Create'>, about)

test('instances of one attribute are numbered in their order', () => {
  const comment = { AttributeName: 'Comment', AttributeValue: 'c' }
  const set = requested([named('a'), comment, named('b')])
  assert.deepEqual(
    set.get('Name')?.map(({ index, value }) => [index, value]),
    [
      [0, named('a').AttributeValue],
      [1, named('b').AttributeValue],
    ],
  )
  assert.deepEqual(set.get('Comment'), [{ index: 0, value: 'c' }])
  assert.equal(requestedAttributes({}, about).size, 0)
})

test('an attribute that may be given once is refused the second time, and one that the server sets at once', () => {
  const comment = { AttributeName: 'Comment', AttributeValue: 'c' }
  const other = { AttributeName: 'Comment', AttributeValue: 'd' }
  assert.throws(() => requested([comment, other]), faults('InvalidField', /at most one "Comment"/))
  const state = { AttributeName: 'State', AttributeValue: 'Active' }
  assert.throws(() => requested([state]), faults('InvalidField', /State/))
})

const type = (AttributeValue: string) => ({ AttributeName: 'Object Type', AttributeValue })

test('the Object Type of the object may be stated again, and neither another one nor anything else that only the server sets', () => {
  const set = requested([type('SymmetricKey'), named('a'), type('SymmetricKey')])
  assert.deepEqual([...set.keys()], ['Name'])
  assert.throws(() => requested([type('SecretData')]), faults('InvalidField', /Object Type/))
  const Attributes = { Attribute: [], ObjectType: 'SymmetricKey' } as const
  assert.equal(requestedAttributes({ Attributes }, { ...about, version: '2.1' }).size, 0)
  const digest = { HashingAlgorithm: 'SHA_256', DigestValue: Buffer.alloc(32) }
  for (const one of [
    { AttributeName: 'Digest', AttributeValue: digest },
    { AttributeName: 'Unique Identifier', AttributeValue: 'one' },
    { AttributeName: 'Initial Date', AttributeValue: 1n },
  ])
    assert.throws(() => requested([one]), faults('InvalidField', new RegExp(one.AttributeName)))
})

test('an attribute that may be given once and stands twice with the same value counts once', () => {
  const mask = { AttributeName: 'Cryptographic Usage Mask', AttributeValue: ['Encrypt'] }
  const comment = { AttributeName: 'Comment', AttributeValue: 'c' }
  const set = requested([comment, mask, comment, mask])
  assert.equal(set.get('Comment')?.length, 1)
  assert.equal(set.get('CryptographicUsageMask')?.length, 1)
  assert.equal(requested([named('a'), named('a')]).get('Name')?.length, 2)
})
