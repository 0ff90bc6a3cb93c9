// The reason of a refusal, as each version and each operation says it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { enums } from '../../../src/wire/kmip/enums.ts'
import type { ResultReasonName } from '../../../src/wire/kmip/fault.ts'
import { reasonFor, reasonIn } from '../../../src/wire/kmip/result-reasons.ts'
import { isDefined } from '../../../src/wire/kmip/tags.ts'
import { versions, type Version } from '../../../src/wire/kmip/version.ts'

test('each version says a reason that it has', () => {
  for (const version of versions)
    for (const reason of Object.keys(enums.ResultReason) as ResultReasonName[])
      assert.ok(isDefined(enums.ResultReason[reasonIn(version, reason)], version), `${version} ${reason}`)
})

test('a reason that a version lacks becomes the nearest one, by several steps if need be', () => {
  const table: readonly [ResultReasonName, Partial<Record<Version, ResultReasonName>>][] = [
    ['ItemNotFound', { '1.0': 'ItemNotFound', '1.4': 'ItemNotFound' }],
    [
      'ObjectNotFound',
      { '1.0': 'ItemNotFound', '1.4': 'ItemNotFound', '2.0': 'ItemNotFound', '2.1': 'ObjectNotFound' },
    ],
    ['ObjectDestroyed', { '1.4': 'ItemNotFound', '2.0': 'ItemNotFound', '2.1': 'ObjectDestroyed' }],
    [
      'AttributeReadOnly',
      { '1.4': 'PermissionDenied', '2.0': 'PermissionDenied', '2.1': 'AttributeReadOnly' },
    ],
    [
      'WrongKeyLifecycleState',
      { '1.0': 'PermissionDenied', '2.0': 'PermissionDenied', '2.1': 'WrongKeyLifecycleState' },
    ],
    [
      'NonUniqueNameAttribute',
      { '1.4': 'InvalidField', '2.0': 'InvalidField', '2.1': 'NonUniqueNameAttribute' },
    ],
    ['Sensitive', { '1.0': 'PermissionDenied', '1.3': 'PermissionDenied', '1.4': 'Sensitive' }],
    ['NotExtractable', { '1.0': 'PermissionDenied', '1.4': 'NotExtractable' }],
    ['ServerLimitExceeded', { '1.0': 'IndexOutOfBounds', '1.3': 'IndexOutOfBounds' }],
    ['InternalServerError', { '1.4': 'GeneralFailure' }],
    ['GeneralFailure', { '1.0': 'GeneralFailure', '2.1': 'GeneralFailure' }],
  ]
  for (const [reason, said] of table)
    for (const [version, expected] of Object.entries(said))
      assert.equal(reasonIn(version as Version, reason), expected, `${reason} in ${version}`)
})

test('an operation of 1.x may have a reason of its own', () => {
  const table = [
    ['DeriveKey', 'IncompatibleCryptographicUsageMask', 'InvalidField'],
    ['DeriveKey', 'WrongKeyLifecycleState', 'InvalidField'],
    ['Encrypt', 'WrongKeyLifecycleState', 'WrongKeyLifecycleState'],
    ['Encrypt', 'InvalidObjectType', 'PermissionDenied'],
    ['ReKey', 'InvalidObjectType', 'PermissionDenied'],
    ['JoinSplitKey', 'InvalidObjectType', 'InvalidObjectType'],
    ['Revoke', 'WrongKeyLifecycleState', 'IllegalOperation'],
    ['AddAttribute', 'NonUniqueNameAttribute', 'IllegalOperation'],
    [null, 'WrongKeyLifecycleState', 'WrongKeyLifecycleState'],
  ] as const
  for (const [operation, reason, expected] of table) {
    assert.equal(reasonFor(operation, reason, '1.4'), expected)
    assert.equal(reasonFor(operation, reason, '2.0'), reason)
  }
})
