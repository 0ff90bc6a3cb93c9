// What a client may do with attributes: the table against the specifications' rules, and the consequences.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import {
  appliesTo,
  checkAdd,
  checkDelete,
  checkModify,
  checkSet,
  checkValue,
  mayBeSet,
  nextIndex,
  requireModifiable,
  requireNewName,
  valueType,
  type AttributeTarget,
} from '../../../src/wire/kmip/attribute-rules.ts'
import { attributeFact, attributeNames, attributes } from '../../../src/wire/kmip/attribute-table.ts'
import { existsIn, type AttributeInstance } from '../../../src/wire/kmip/attributes.ts'
import { Fault } from '../../../src/wire/kmip/fault.ts'
import { reasonIn } from '../../../src/wire/kmip/result-reasons.ts'
import { standards, type Version } from '../../../src/wire/kmip/version.ts'
import { attributeInstancesMax } from '../../../src/base/bounds.ts'
import { objectAttributesMax } from '../../../src/wire/kmip/attribute-rules.ts'
import { root } from '../../support/repository/sources.ts'

// ---------------------------------------------------------------- The table

interface SpecTable {
  readonly section: string
  readonly caption: string | null
  readonly rows: readonly (readonly string[])[]
}

const folder = path.resolve(root, '../shared/kmip/spec-tables')
const skip = existsSync(folder)
  ? false
  : '../shared is not here: nothing compares our attribute rules with the specifications'
if (skip !== false) process.stderr.write(`${skip}\n`)

/** The rules of one version: attribute name to rule to its text, all in lower case but the name. */
function specRules(version: Version): Map<string, Map<string, string>> {
  const tables = JSON.parse(readFileSync(path.join(folder, `${version}.json`), 'utf8')) as SpecTable[]
  const found = new Map<string, Map<string, string>>()
  for (const { section, caption, rows } of tables) {
    const rules = new Map(rows.map(([rule = '', text = '']) => [rule.toLowerCase(), text.toLowerCase()]))
    if (!rules.has('deletable by client') || section.startsWith('3 ') || section.startsWith('4 ')) continue
    const name = caption?.startsWith('State ') ? 'State' : section.replace(/^[\d.]+ */, '')
    found.set(name, rules)
  }
  return found
}

/** The attributes that one section describes: one, or in 2.x all those from a certificate's names. */
function keysOf(name: string) {
  const group =
    /^Certificate (Subject|Issuer) (C|CN|DC|DN Qualifier|Email|L|O|OU|Serial Number|ST|Title|UID)$/
  return attributeNames.filter((key) => {
    const wire = attributes[key].name
    return name === 'Certificate Attributes' ? group.test(wire) : wire === name
  })
}

for (const version of standards) {
  test(`attributes of KMIP ${version} have the specification's rules`, { skip }, () => {
    const described = specRules(version)
    const seen = new Set<string>()
    for (const [name, rules] of described) {
      if (name === 'Custom Attribute') continue
      const says = (rule: string) => rules.get(rule)?.startsWith('yes') === true
      const keys = keysOf(name)
      assert.ok(keys.length > 0, name)
      for (const key of keys) {
        seen.add(key)
        const fact = attributeFact(key)
        assert.ok(existsIn(key, version), key)
        assert.equal(fact.multiple === true, says('multiple instances permitted'), `${key} instances`)
        assert.equal(fact.clientMayModify, says('modifiable by client'), `${key} modify`)
        assert.equal(fact.clientMayDelete, says('deletable by client'), `${key} delete`)
        const byClient = rules.get('initially set by')?.includes('client') === true
        assert.equal(fact.clientMayAdd, byClient, `${key} add`)
        assert.ok(fact.clientMaySet || !byClient, `${key} set`)
        // Only 2.0 requires Fresh to have a value always.
        if (key !== 'Fresh')
          assert.equal(fact.required === true, says('shall always have a value'), `${key} required`)
        assert.equal(
          fact.modifiableStates !== undefined,
          rules.get('modifiable by client')?.includes('only while') === true,
        )
      }
    }
    const ours = attributeNames.filter((key) => existsIn(key, version))
    assert.deepEqual(
      ours.filter((key) => !seen.has(key) && !(version === '1.4' && isPartOfName(key))),
      [],
      'described by no section',
    )
  })
}

test('1.x limits some attributes to types of objects, 2.x only those of certificates and the like', () => {
  assert.equal(appliesTo('Link', 'OpaqueObject', '1.4'), false)
  assert.equal(appliesTo('Link', 'OpaqueObject', '2.0'), true)
  assert.equal(appliesTo('CertificateLength', 'SymmetricKey', '2.1'), false)
  assert.equal(appliesTo('ProcessStartDate', 'SecretData', '1.1'), false)
  assert.equal(appliesTo('Name', 'OpaqueObject', '1.0'), true)
  assert.equal(appliesTo('x-Vendor', 'OpaqueObject', '1.0'), true)
  assert.equal(appliesTo('Colour', 'OpaqueObject', '1.0'), false)
})

// ---------------------------------------------------------------- Consequences

const now = 1_800_000_000n

function target(
  attributes: Record<string, unknown[] | AttributeInstance[]> = {},
  about: Partial<AttributeTarget> = {},
): AttributeTarget {
  const entries = Object.entries(attributes).map(([key, values]): [string, AttributeInstance[]] => [
    key,
    values.map((value, index) => ({ index, value })),
  ])
  return { objectType: 'SymmetricKey', state: 'PreActive', attributes: new Map(entries), now, ...about }
}

/** The reason as `version` expresses it. */
function reason(version: Version, act: () => unknown): string {
  try {
    act()
  } catch (error) {
    assert(error instanceof Fault)
    return reasonIn(version, error.reason)
  }
  return 'accepted'
}

test('a client states attributes when it creates an object, except those that the server determines', () => {
  for (const key of [
    'CryptographicAlgorithm',
    'CryptographicLength',
    'CryptographicUsageMask',
    'Name',
    'ActivationDate',
    'OperationPolicyName',
    'x-Vendor',
  ]) {
    assert.equal(
      reason('1.1', () => checkSet(key, 1, 'SymmetricKey', '1.1')),
      'accepted',
      key,
    )
  }
  for (const key of ['State', 'UniqueIdentifier', 'InitialDate', 'Digest', 'CertificateType']) {
    assert.equal(
      reason('1.4', () => checkSet(key, 1, 'SymmetricKey', '1.4')),
      'InvalidField',
      key,
    )
  }
  assert.equal(
    reason('2.1', () => checkSet('State', 1, 'SymmetricKey', '2.1')),
    'AttributeReadOnly',
  )
  assert.equal(
    reason('2.1', () => checkSet('CertificateType', 1, 'SymmetricKey', '2.1')),
    'InvalidAttribute',
  )
})

test('a single-valued attribute cannot be given twice', () => {
  assert.equal(
    reason('1.1', () => checkSet('CryptographicLength', 2, 'SymmetricKey', '1.1')),
    'InvalidField',
  )
  assert.equal(
    reason('2.1', () => checkSet('CryptographicLength', 2, 'SymmetricKey', '2.1')),
    'AttributeSingleValued',
  )
  assert.equal(
    reason('1.1', () => checkSet('Name', 2, 'SymmetricKey', '1.1')),
    'accepted',
  )
  const given = (instances: number) => reason('1.1', () => checkSet('Name', instances, 'SymmetricKey', '1.1'))
  assert.equal(given(attributeInstancesMax), 'accepted')
  assert.equal(given(attributeInstancesMax + 1), 'IndexOutOfBounds')
})

test('Add Attribute: new ones, more of those that may repeat, in any state (KMIP 1.4 §11.15)', () => {
  const object = target({ 'x-Vendor': [1], ContactInformation: ['me'] }, { state: 'Active' })
  const add = (version: Version, key: string, to = object) =>
    reason(version, () => checkAdd(key, to, version))
  assert.equal(add('1.1', 'x-Vendor'), 'accepted')
  assert.equal(add('1.1', 'Name'), 'accepted')
  assert.equal(add('1.1', 'ContactInformation'), 'IllegalOperation')
  assert.equal(add('2.1', 'ContactInformation'), 'AttributeSingleValued')
  assert.equal(add('1.1', 'State'), 'PermissionDenied')
  assert.equal(add('2.1', 'State'), 'ReadOnlyAttribute')
  assert.equal(add('1.1', 'CertificateType'), 'PermissionDenied')
  assert.equal(add('1.4', 'Link', target({}, { objectType: 'OpaqueObject' })), 'PermissionDenied')
  const full = target({ Name: Array.from({ length: attributeInstancesMax }, () => 'n') })
  assert.equal(add('1.4', 'Name', full), 'IndexOutOfBounds')
  assert.equal(add('2.1', 'Name', full), 'ServerLimitExceeded')
  const keys = Array.from({ length: objectAttributesMax }, (_, n) => [`x-${n}`, [1]])
  assert.equal(add('1.4', 'Name', target(Object.fromEntries(keys))), 'IndexOutOfBounds')
})

const name = (NameValue: string) => ({ NameValue, NameType: 'UninterpretedTextString' })

test('in 2.x an object cannot have the same Name twice; other attributes and 1.x may repeat a value', () => {
  const others = [{ index: 0, value: name('a') }]
  const given = (version: Version, value: unknown, key = 'Name') =>
    reason(version, () => requireNewName(others, { key, value, version }))
  assert.equal(given('2.1', name('a')), 'NonUniqueNameAttribute')
  assert.equal(given('2.1', name('b')), 'accepted')
  assert.equal(given('1.4', name('a')), 'accepted')
  assert.equal(given('2.1', name('a'), 'AlternativeName'), 'accepted')
})

const text = (value: string) => ({ type: 'TextString', value }) as const

test('Modify Attribute: an existing instance, by index, while the state allows it (KMIP 1.4 §3.24 to §3.27, §11.16)', () => {
  const dates = {
    ActivationDate: [now + 9n],
    DeactivationDate: [now + 9n],
    ProtectStopDate: [now + 9n],
    ProcessStartDate: [now],
  }
  const modify = (version: Version, key: string, about: Partial<AttributeTarget> = {}, index?: number) =>
    reason(version, () =>
      checkModify(key, { index }, target({ ...dates, 'x-Vendor': ['a', 'b'] }, about), version),
    )
  assert.equal(modify('1.1', 'ActivationDate'), 'accepted')
  assert.equal(modify('1.1', 'ActivationDate', { state: 'Active' }), 'PermissionDenied')
  assert.equal(modify('2.1', 'ActivationDate', { state: 'Active' }), 'WrongKeyLifecycleState')
  assert.equal(modify('1.1', 'DeactivationDate', { state: 'Active' }), 'accepted')
  assert.equal(modify('1.1', 'DeactivationDate', { state: 'Deactivated' }), 'PermissionDenied')
  assert.equal(modify('2.1', 'ProtectStopDate'), 'accepted')
  assert.equal(modify('2.1', 'ProcessStartDate'), 'PermissionDenied')
  assert.equal(modify('2.1', 'State'), 'AttributeReadOnly')
  assert.equal(modify('1.4', 'CertificateLength'), 'PermissionDenied')
  assert.equal(modify('1.4', 'x-Vendor'), 'accepted')
  assert.equal(modify('1.4', 'x-Vendor', {}, 1), 'accepted')
  assert.equal(modify('1.4', 'x-Vendor', {}, 2), 'ItemNotFound')
  assert.equal(modify('2.1', 'x-Vendor', {}, 2), 'AttributeInstanceNotFound')
  assert.equal(modify('1.4', 'x-Other'), 'InvalidField')
  assert.equal(modify('2.1', 'x-Other'), 'AttributeNotFound')
  const vendors = target({ 'x-Vendor': ['a', 'b'].map(text) })
  const current = (value: string) =>
    reason('2.1', () => checkModify('x-Vendor', { current: text(value) }, vendors, '2.1'))
  assert.deepEqual([current('b'), current('c')], ['accepted', 'AttributeInstanceNotFound'])
})

test('Delete Attribute: an existing instance that may be deleted (KMIP 1.4 §11.17)', () => {
  const object = target({ 'x-Vendor': ['a', 'b'], ContactInformation: ['me'], ActivationDate: [now] })
  const remove = (version: Version, key: string, index?: number) =>
    reason(version, () => checkDelete(key, { index }, object, version))
  assert.equal(remove('1.1', 'x-Vendor'), 'accepted')
  assert.equal(remove('1.1', 'x-Vendor', 1), 'accepted')
  assert.equal(remove('1.1', 'x-Vendor', 2), 'ItemNotFound')
  assert.equal(remove('1.0', 'x-Vendor'), 'InvalidField')
  assert.equal(remove('1.0', 'ContactInformation'), 'accepted')
  assert.equal(remove('1.1', 'x-Other'), 'ItemNotFound')
  assert.equal(remove('2.1', 'x-Other'), 'AttributeNotFound')
  assert.equal(remove('1.1', 'ActivationDate'), 'PermissionDenied')
  assert.equal(remove('1.1', 'State'), 'PermissionDenied')
})

test('an attribute that the version cannot express is not there for it', () => {
  const alternative = { AlternativeNameValue: 'other', AlternativeNameType: 'UninterpretedTextString' }
  const object = target({ AlternativeName: [alternative] })
  const remove = (version: Version) =>
    reason(version, () => checkDelete('AlternativeName', { index: 0 }, object, version))
  assert.equal(remove('1.1'), 'ItemNotFound')
  assert.equal(remove('1.4'), 'accepted')
})

test('in 1.0 the only instance needs no index, whatever its index is', () => {
  const only = { index: 3, value: 'c' }
  const object = target({})
  const attributes = new Map([['x-Vendor', [only]]])
  assert.equal(checkDelete('x-Vendor', {}, { ...object, attributes }, '1.0'), only)
})

function limit(UsageLimitsCount: bigint): AttributeTarget {
  return target({ UsageLimits: [{ UsageLimitsTotal: 10n, UsageLimitsCount, UsageLimitsUnit: 'Byte' }] })
}

test('usage limits change only until a part of them was used (KMIP 1.4 §3.21)', () => {
  assert.equal(
    reason('1.1', () => checkModify('UsageLimits', { index: 0 }, limit(10n), '1.1')),
    'accepted',
  )
  assert.equal(
    reason('1.1', () => checkModify('UsageLimits', { index: 0 }, limit(9n), '1.1')),
    'PermissionDenied',
  )
  assert.equal(
    reason('1.1', () => checkDelete('UsageLimits', { index: 0 }, limit(9n), '1.1')),
    'PermissionDenied',
  )
})

test('a new instance gets an index above all existing ones (KMIP 1.4 §2.1.1)', () => {
  assert.equal(nextIndex([]), 0)
  assert.equal(
    nextIndex([
      { index: 0, value: 'a' },
      { index: 4, value: 'b' },
    ]),
    5,
  )
})

/** 1.4 has the tags of these, and its published cases the attributes; the sections came with 2.0. */
function isPartOfName(key: string): boolean {
  return /^Certificate(Subject|Issuer)(CN|OU?|Email|C|ST|L|UID|SerialNumber|Title|DC|DNQualifier)$/.test(key)
}

const information = (ApplicationData?: string) => ({ ApplicationNamespace: 'ssl', ApplicationData })

test('a value is checked where the server would have to do something with it', () => {
  for (const [key, value] of [
    ['OperationPolicyName', 'default'],
    ['Comment', 'other'],
    ['ApplicationSpecificInformation', information('www')],
    ['ApplicationSpecificInformation', information('')],
    ['x-Any', undefined],
  ] as const)
    assert.doesNotThrow(() => checkValue(key, value), key)
  assert.throws(() => checkValue('OperationPolicyName', 'other'), { reason: 'InvalidField' })
  assert.throws(() => checkValue('ApplicationSpecificInformation', information()), {
    reason: 'ApplicationNamespaceNotSupported',
  })
})

test('what a client may set or change, and the type of its value, are those of the table; custom attributes are open', () => {
  for (const [key, set, modifies, type] of [
    ['CryptographicLength', true, false, 'Integer'],
    ['State', false, false, 'Enumeration'],
    ['Comment', true, true, 'TextString'],
    ['Sensitive', true, true, 'Boolean'],
    ['x-Any', true, true, 'Structure'],
  ] as const) {
    assert.deepEqual([mayBeSet(key), valueType(key)], [set, type], key)
    if (modifies) assert.doesNotThrow(() => requireModifiable(key), key)
    else assert.throws(() => requireModifiable(key), { reason: 'ReadOnlyAttribute' }, key)
  }
})
