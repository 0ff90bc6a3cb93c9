// The rules of use as tables: mask, state and dates.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maskOf } from '../../../../src/wire/kmip/enums.ts'
import type { ManagedObject, ObjectType } from '../../../../src/core/keys/object/managed-object.ts'
import type { State } from '../../../../src/core/keys/object/lifecycle.ts'
import {
  isProtecting,
  requireToProtect,
  requireUse,
  type KeyUse,
} from '../../../../src/core/keys/object/use-rule.ts'
import { attributeSet, faults } from '../../../support/server/core.ts'

const nowMs = 1_000_000_000_000
const at = (seconds: number) => BigInt(nowMs / 1000 + seconds)
const uses: readonly Exclude<KeyUse, 'Encapsulate' | 'Decapsulate'>[] = [
  'Encrypt',
  'Decrypt',
  'Sign',
  'Verify',
  'MACGenerate',
  'MACVerify',
  'DeriveKey',
  'WrapKey',
  'UnwrapKey',
]

function key(
  more: Readonly<Record<string, unknown>>,
  state: State = 'Active',
  objectType: ObjectType = 'SymmetricKey',
) {
  const attributes = attributeSet({ CryptographicUsageMask: maskOf('CryptographicUsageMask', uses), ...more })
  return { objectType, state, attributes } as ManagedObject
}

const isAllowed = (object: ManagedObject, use: KeyUse) => {
  try {
    requireUse(object, use, nowMs)
    return true
  } catch {
    return false
  }
}

test('a use needs its own bit of the mask, and no other', () => {
  for (const use of uses) {
    const only = key({ CryptographicUsageMask: maskOf('CryptographicUsageMask', [use]) })
    for (const other of uses) assert.equal(isAllowed(only, other), other === use, `${use} ${other}`)
  }
  assert.throws(
    () => requireUse(key({ CryptographicUsageMask: 0 }), 'Encrypt', nowMs),
    faults('IncompatibleCryptographicUsageMask'),
  )
  const none = { ...key({}), attributes: attributeSet({}) }
  assert.throws(() => requireUse(none, 'Encrypt', nowMs), faults('IncompatibleCryptographicUsageMask'))
})

test('only an Active key protects; a closed one still opens what it protected', () => {
  const table: readonly (readonly [State, protects: boolean, processes: boolean])[] = [
    ['PreActive', false, false],
    ['Active', true, true],
    ['Deactivated', false, true],
    ['Compromised', false, true],
    ['Destroyed', false, false],
    ['DestroyedCompromised', false, false],
  ]
  for (const [state, protects, processes] of table)
    for (const use of uses)
      assert.equal(
        isAllowed(key({}, state), use),
        isProtecting(use) ? protects : processes,
        `${state} ${use}`,
      )
  assert.throws(
    () => requireUse(key({}, 'PreActive'), 'Sign', nowMs),
    faults('WrongKeyLifecycleState', /activate/),
  )
})

test('the state is the one of now, by the dates', () => {
  assert.ok(isAllowed(key({ ActivationDate: at(0) }, 'PreActive'), 'Encrypt'))
  assert.ok(!isAllowed(key({ ActivationDate: at(1) }, 'PreActive'), 'Encrypt'))
  assert.ok(!isAllowed(key({ DeactivationDate: at(0) }), 'Encrypt'))
  assert.ok(isAllowed(key({ DeactivationDate: at(0) }), 'Decrypt'))
})

test('Protect Stop Date ends protecting, Process Start Date begins processing', () => {
  const table: readonly (readonly [object, protects: boolean, processes: boolean])[] = [
    [{ ProtectStopDate: at(1) }, true, true],
    [{ ProtectStopDate: at(0) }, false, true],
    [{ ProcessStartDate: at(1) }, true, false],
    [{ ProcessStartDate: at(0) }, true, true],
    [{ ProcessStartDate: at(1), ProtectStopDate: at(-1) }, false, false],
  ]
  for (const [dates, protects, processes] of table)
    for (const use of uses)
      assert.equal(isAllowed(key({ ...dates }), use), isProtecting(use) ? protects : processes, use)
})

test('an object without a state is no key', () => {
  assert.throws(
    () => requireUse(key({}, 'Active', 'OpaqueObject'), 'Encrypt', nowMs),
    faults('InvalidObjectType'),
  )
})

test('a key that may not leave may be used', () => {
  assert.ok(isAllowed(key({ Sensitive: true, Extractable: false }), 'Encrypt'))
})

const masked = (...mask: typeof uses) => ({
  CryptographicUsageMask: maskOf('CryptographicUsageMask', mask),
})

test('a client may protect with a key itself if any protecting use is allowed and the key protects now', () => {
  for (const use of uses) {
    const protect = () => requireToProtect(key(masked(use)), nowMs)
    if (isProtecting(use)) protect()
    else assert.throws(protect, faults('IllegalOperation'), use)
  }
  assert.throws(
    () => requireToProtect({ ...key({}), attributes: attributeSet({}) }, nowMs),
    faults('IllegalOperation'),
  )
  assert.throws(
    () => requireToProtect(key(masked('Sign'), 'Deactivated'), nowMs),
    faults('WrongKeyLifecycleState', /Sign/),
  )
})
