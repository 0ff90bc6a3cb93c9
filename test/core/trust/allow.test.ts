// The sets of operations, and which list is within which. core/operations/permission.test.ts checks requests against a list.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allowMore, allows, allowSets, inBoth, isWithin } from '../../../src/core/trust/allow.ts'
import { grantedAtMost } from '../../../src/core/trust/grantor.ts'
import { handledOperations } from '../../../src/core/operations/handlers.ts'

function granted(...allow: string[]): readonly string[] {
  return handledOperations.filter((operation) => allows(allow, operation))
}

test('the sets have their documented members', () => {
  assert.deepEqual(allowSets, ['read', 'crypto', 'vsphere', 'all'])
  const reading = ['Check', 'Get', 'GetAttributeList', 'GetAttributes', 'Locate']
  assert.deepEqual(granted('read'), reading)
  assert.deepEqual(granted('vsphere'), [...reading, 'Activate', 'AddAttribute', 'Create'].toSorted())
  const using = [
    'Decrypt',
    'Encrypt',
    'Hash',
    'MAC',
    'MACVerify',
    'RNGRetrieve',
    'RNGSeed',
    'Sign',
    'SignatureVerify',
  ]
  const finding = reading.filter((operation) => operation !== 'Get')
  assert.deepEqual(granted('crypto'), [...finding, ...using].toSorted())
  const forOthers = ['SetConstraints', 'SetDefaults']
  assert.deepEqual(
    granted('all'),
    handledOperations.filter((operation) => !forOthers.includes(operation)),
  )
  assert.deepEqual(granted('all', ...forOthers), handledOperations)
  assert.ok(allows(['all'], 'AnOperationOfALaterVersion'))
})

test('operations and sets add up; a term that is neither grants nothing', () => {
  assert.deepEqual(granted('Get', 'Locate'), ['Get', 'Locate'])
  assert.deepEqual(granted('read', 'Destroy'), [
    'Check',
    'Destroy',
    'Get',
    'GetAttributeList',
    'GetAttributes',
    'Locate',
  ])
  for (const nothing of ['', 'get', 'CRYPTO', 'ALL', 'constructor', '__proto__', 'toString'])
    assert.deepEqual(granted(nothing), [], nothing)
  assert.deepEqual(granted(), [])
})

test('a list is within another if it grants nothing more', () => {
  const table: readonly (readonly [string[], string[], boolean])[] = [
    [['vsphere'], ['vsphere'], true],
    [['read'], ['vsphere'], true],
    [['Get', 'Create'], ['vsphere'], true],
    [[], ['vsphere'], true],
    [['all'], ['vsphere'], false],
    [['Destroy'], ['vsphere'], false],
    [['vsphere', 'Revoke'], ['vsphere'], false],
    [['ModifyAttribute'], ['vsphere'], false],
    [['an unknown one'], ['vsphere'], false],
    [['vsphere'], ['read'], false],
    [['vsphere'], ['read', 'Create', 'Activate', 'AddAttribute'], true],
    [['all'], ['all'], true],
    [['anything'], ['all'], true],
    [['SetConstraints'], ['all'], false],
    [['all', 'SetDefaults'], ['all'], false],
    [['all', 'SetDefaults'], ['all', 'SetConstraints', 'SetDefaults'], true],
    [['Get'], [], false],
  ]
  for (const [allow, limit, within] of table)
    assert.equal(isWithin(allow, limit), within, `${allow.join()} within ${limit.join()}`)
})

test('an operator grants no more than vsphere, a viewer nothing', () => {
  assert.deepEqual(
    (['viewer', 'operator', 'manager'] as const).map((role) => grantedAtMost({ role })),
    [[], ['vsphere'], ['all', 'SetConstraints', 'SetDefaults']],
  )
})

test('what two lists have in common is the smaller one, or the operations of both', () => {
  assert.deepEqual(inBoth(['all'], ['read']), ['read'])
  assert.deepEqual(inBoth(['read'], ['all']), ['read'], 'a set keeps its name')
  assert.deepEqual(inBoth(['Get'], ['vsphere']), ['Get'])
  assert.deepEqual(inBoth(['read'], ['crypto']), ['Check', 'GetAttributeList', 'GetAttributes', 'Locate'])
  assert.deepEqual(inBoth(['Get'], ['Create']), [])
  assert.deepEqual(inBoth(['all'], ['Get', 'SetDefaults']), ['Get'])
  assert.deepEqual(inBoth(['all', 'SetDefaults'], ['all']), ['all'])
})

test('the command that allows one more operation keeps the list, and is no longer than a refusal should be', () => {
  assert.equal(
    allowMore("Bob's backup", ['read', 'Create'], 'Destroy'),
    String.raw`mortise client set 'Bob'\''s backup' --allow read,Create,Destroy`,
  )
  const many = Array.from({ length: 30 }, () => 'Encrypt')
  assert.match(allowMore('app', many, 'Destroy'), /app --allow LIST \(its list of now, and Destroy\)$/)
})
