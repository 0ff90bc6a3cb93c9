// The rules for objects to come, as functions: which rule is for which object, which default goes first, and what a constraint permits.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ObjectType } from '../../../../src/core/keys/object/managed-object.ts'
import {
  groupsOf,
  readRules,
  requireConstraints,
  rulesFor,
  storedRules,
  withDefaults,
  type ObjectRule,
} from '../../../../src/core/keys/object/object-rules.ts'
import { objectRulesBytesMax, objectRulesMax } from '../../../../src/core/keys/object/object-rules.ts'
import { attributeSet, faults } from '../../../support/server/core.ts'

type Values = Readonly<Record<string, unknown>>

const rule = (attributes: Values, more: Partial<ObjectRule> = {}): ObjectRule => ({
  objectTypes: [],
  objectGroups: [],
  attributes: attributeSet(attributes),
  ...more,
})

const valuesOf = (set: ReadonlyMap<string, readonly { readonly value: unknown }[]>) =>
  Object.fromEntries([...set].map(([key, instances]) => [key, instances.map(({ value }) => value)]))

test('rules are kept as they are, in their order, as long as they are few and small', () => {
  const rules = [
    rule({ Comment: 'a', CryptographicLength: 128 }),
    rule({ 'x-B': { type: 'Integer', value: 1 } }, { objectTypes: ['SecretData'], objectGroups: ['g', 'h'] }),
  ]
  assert.deepEqual(readRules(storedRules(rules)), rules)
  assert.deepEqual(readRules(), [])
  const many = (count: number) => Array.from({ length: count }, () => rule({}))
  assert.equal(storedRules(many(objectRulesMax)).length, objectRulesMax)
  const refused = faults('ServerLimitExceeded', /at most 100 rules, of 16384 bytes/)
  assert.throws(() => storedRules(many(objectRulesMax + 1)), refused)
  const sized = (characters: number) => [rule({}, { objectGroups: ['g'.repeat(characters)] })]
  const room = objectRulesBytesMax - JSON.stringify(storedRules(sized(0))).length
  assert.ok(storedRules(sized(room)))
  assert.throws(() => storedRules(sized(room + 1)), refused)
})

test('a rule of groups is for objects of one of them, and a rule without groups for all', () => {
  const [all, one, two] = [
    rule({}),
    rule({}, { objectGroups: ['a'] }),
    rule({}, { objectGroups: ['b', 'c'] }),
  ] as const
  for (const [groups, expected] of [
    [[], [all]],
    [['a'], [all, one]],
    [['c'], [all, two]],
    [
      ['d', 'b', 'a'],
      [all, one, two],
    ],
    [['d'], [all]],
  ] as const)
    assert.deepEqual(rulesFor([all, one, two], groups), expected, groups.join(' '))
  assert.deepEqual(groupsOf(attributeSet({ ObjectGroup: ['a', 'b'] })), ['a', 'b'])
  assert.deepEqual(groupsOf(attributeSet({})), [])
})

test('what the request has goes before each default, that of a group before others, an earlier one before a later one', () => {
  const rules = [
    rule({ Comment: 'of all', 'x-A': 'of all', ObjectGroup: 'given by a default' }),
    rule({ Comment: 'later', Sensitive: true }),
    rule({ Comment: 'of the group', Description: 'of the group' }, { objectGroups: ['g'] }),
    rule({ Description: 'of the other group' }, { objectGroups: ['h'] }),
    rule({ CertificateType: 'X_509', Extractable: false }),
    rule({ LeaseTime: 5 }, { objectTypes: ['SecretData', 'PrivateKey'] }),
  ]
  const made = (asked: Values, objectType: ObjectType = 'SymmetricKey') =>
    valuesOf(withDefaults(attributeSet(asked), rules, { objectType, version: '2.1' }))
  const forAll = { 'x-A': ['of all'], Sensitive: [true], Extractable: [false] }
  const group = ['given by a default']
  assert.deepEqual(made({}), { ...forAll, Comment: ['of all'], ObjectGroup: group })
  assert.deepEqual(made({ Comment: 'mine', Sensitive: false }), {
    ...forAll,
    Comment: ['mine'],
    Sensitive: [false],
    ObjectGroup: group,
  })
  assert.deepEqual(made({ ObjectGroup: ['g'] }), {
    ...forAll,
    Comment: ['of the group'],
    Description: ['of the group'],
    ObjectGroup: ['g'],
  })
  assert.deepEqual(made({ ObjectGroup: ['h', 'g'] })['Description'], ['of the group'])
  assert.deepEqual(made({}, 'SecretData')['LeaseTime'], [5])
  assert.deepEqual(made({}, 'Certificate')['CertificateType'], ['X_509'])
})

const held = (attributes: Values, rules: readonly ObjectRule[]) =>
  requireConstraints({ objectType: 'SymmetricKey', attributes: attributeSet(attributes) }, rules)

test('an object has one of the values that each of its rules permits, and no bit beyond the mask', () => {
  const lengths = [rule({ CryptographicLength: [128, 256] })]
  const groups = [rule({ ObjectGroup: ['a', 'b'] })]
  const mask = [rule({ CryptographicUsageMask: 0b1100 })]
  const high = [rule({ CryptographicUsageMask: 0x8000_0001 | 0 })]
  for (const [attributes, rules] of [
    [{ CryptographicLength: 128 }, lengths],
    [{ CryptographicLength: 256 }, lengths],
    [{ ObjectGroup: ['c', 'b'] }, groups],
    [{ CryptographicUsageMask: 0 }, mask],
    [{ CryptographicUsageMask: 0b0100 }, mask],
    [{ CryptographicUsageMask: 0b1100 }, mask],
    [{ CryptographicUsageMask: 0x8000_0000 | 0 }, high],
    [{}, []],
  ] as const)
    assert.doesNotThrow(() => held(attributes, rules), JSON.stringify(attributes))
  for (const [attributes, rules, key] of [
    [{ CryptographicLength: 192 }, lengths, 'Cryptographic Length'],
    [{}, lengths, 'Cryptographic Length'],
    [{ ObjectGroup: ['c'] }, groups, 'Object Group'],
    [{}, groups, 'Object Group'],
    [{ CryptographicUsageMask: 0b1101 }, mask, 'Cryptographic Usage Mask'],
    [{}, mask, 'Cryptographic Usage Mask'],
    [{ CryptographicUsageMask: 0x8000_0000 | 0 }, mask, 'Cryptographic Usage Mask'],
    [{ CryptographicUsageMask: 1 }, [rule({ CryptographicUsageMask: [] })], 'Cryptographic Usage Mask'],
    [{ CryptographicLength: 128 }, [...lengths, ...mask], 'Cryptographic Usage Mask'],
  ] as const)
    assert.throws(
      () => held(attributes, rules),
      faults('ConstraintViolation', new RegExp(`"${key}"`)),
      JSON.stringify(attributes),
    )
})

const heldBy = (objectType: ObjectType, attributes: Values, more: Partial<ObjectRule>) => () =>
  requireConstraints({ objectType, attributes: attributeSet(attributes) }, [rule({ Comment: 'c' }, more)])

test('a constraint is for the types and groups that it names, and never for a template', () => {
  const refused = faults('ConstraintViolation')
  assert.throws(heldBy('SymmetricKey', {}, {}), refused)
  assert.throws(heldBy('SymmetricKey', {}, { objectTypes: ['SecretData', 'SymmetricKey'] }), refused)
  assert.throws(heldBy('SymmetricKey', { ObjectGroup: 'g' }, { objectGroups: ['g'] }), refused)
  assert.doesNotThrow(heldBy('SymmetricKey', {}, { objectTypes: ['SecretData'] }))
  assert.doesNotThrow(heldBy('SymmetricKey', { ObjectGroup: 'h' }, { objectGroups: ['g'] }))
  assert.doesNotThrow(heldBy('SymmetricKey', {}, { objectGroups: ['g'] }))
  assert.doesNotThrow(heldBy('Template', {}, {}))
})
