// A rule for objects to come, as a message has it (KMIP 2.1 §7.6, §7.22).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toWire2 } from '../../../src/wire/kmip/attributes2.ts'
import { groupsNamed } from '../../../src/wire/kmip/attributes3.ts'
import type { ObjectType } from '../../../src/core/keys/object/managed-object.ts'
import { constraintOf, defaultsOf, ruleOf } from '../../../src/core/operations/object-rules.ts'
import { attributeSet } from '../../support/server/core.ts'

test('a type that a rule names several times counts once', () => {
  const ObjectType = ['SymmetricKey', 'SecretData', 'SymmetricKey'] as const
  const rule = { ObjectTypes: { ObjectType }, Attributes: { Attribute: [], CryptographicLength: 256 } }
  assert.deepEqual(ruleOf(rule, '2.1').objectTypes, ['SymmetricKey', 'SecretData'])
  assert.deepEqual(ruleOf({ ...rule, ObjectType: 'SecretData' }, '2.1').objectTypes, [
    'SecretData',
    'SymmetricKey',
  ])
})

test('a rule is told as it was set, and 2.0 is told of those for one type each, without groups', () => {
  const attributes = attributeSet({ CryptographicLength: 256 })
  const [key, secret] = ['SymmetricKey', 'SecretData'] as const
  const rule = (objectTypes: readonly ObjectType[], objectGroups: readonly string[] = []) => ({
    objectTypes,
    objectGroups,
    attributes,
  })
  const Attributes = toWire2(attributes, '2.1')
  const ObjectGroups = groupsNamed(['g'])
  const ObjectTypes = { ObjectType: [key, secret] }
  assert.deepEqual(constraintOf(rule([]), '2.1'), { Attributes })
  assert.deepEqual(constraintOf(rule([key, secret], ['g']), '2.1'), { ObjectTypes, ObjectGroups, Attributes })
  for (const [one, in2_0, in2_1] of [
    [rule([key]), [{ ObjectType: key, Attributes }], [{ ObjectType: key, Attributes }]],
    [
      rule([key, secret]),
      [
        { ObjectType: key, Attributes },
        { ObjectType: secret, Attributes },
      ],
      [{ ObjectTypes, Attributes }],
    ],
    [rule([key], ['g']), [], [{ ObjectTypes: { ObjectType: [key] }, Attributes, ObjectGroups }]],
  ] as const) {
    assert.deepEqual(defaultsOf(one, '2.0'), in2_0)
    assert.deepEqual(defaultsOf(one, '2.1'), in2_1)
    if (one.objectGroups.length > 0) continue
    for (const wire of [constraintOf(one, '2.1'), ...in2_1]) assert.deepEqual(ruleOf(wire, '2.1'), one)
  }
})
