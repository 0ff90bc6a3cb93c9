// A rule for objects to come, as a message has it (KMIP 2.1 §7.6, §7.22).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ruleOf } from '../../src/operations/object-rules.ts'

test('a type that a rule names several times counts once', () => {
  const ObjectType = ['SymmetricKey', 'SecretData', 'SymmetricKey'] as const
  const rule = { ObjectTypes: { ObjectType }, Attributes: { Attribute: [], CryptographicLength: 256 } }
  assert.deepEqual(ruleOf(rule, '2.1').objectTypes, ['SymmetricKey', 'SecretData'])
  assert.deepEqual(ruleOf({ ...rule, ObjectType: 'SecretData' }, '2.1').objectTypes, [
    'SecretData',
    'SymmetricKey',
  ])
})
