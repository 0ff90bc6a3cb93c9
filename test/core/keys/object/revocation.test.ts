// An object after a revocation: its state, the dates, and the reason.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { State } from '../../../../src/core/keys/object/lifecycle.ts'
import type { ManagedObject } from '../../../../src/core/keys/object/managed-object.ts'
import { deactivatedObject, revoked } from '../../../../src/core/keys/object/revocation.ts'
import { attributeSet, faults } from '../../../support/server/core.ts'

function object(state: State, attributes: Readonly<Record<string, unknown>> = {}): ManagedObject {
  return {
    instanceId: 'i',
    uniqueIdentifier: 'k',
    objectType: 'SymmetricKey',
    state,
    version: 1,
    createdMs: 1,
    attributes: attributeSet({ InitialDate: 3n, ...attributes }),
    sealed: Buffer.of(1),
    dataKeyId: 'd',
  }
}

const nowMs = 9_900
const plain = { message: undefined, compromiseOccurrenceDate: undefined }

const values = ({ attributes }: ManagedObject) => {
  return Object.fromEntries([...attributes].map(([key, [one]]) => [key, one?.value]))
}

test('each reason leads to its state, from every state that it may leave', () => {
  const table: readonly [State, string, State | null][] = [
    ['PreActive', 'Superseded', null],
    ['Active', 'Superseded', 'Deactivated'],
    ['Deactivated', 'Superseded', null],
    ['Compromised', 'Superseded', null],
    ['Destroyed', 'Superseded', null],
    ['PreActive', 'KeyCompromise', 'Compromised'],
    ['Active', 'CACompromise', 'Compromised'],
    ['Deactivated', 'KeyCompromise', 'Compromised'],
    ['Destroyed', 'KeyCompromise', 'DestroyedCompromised'],
  ]
  for (const [state, code, expected] of table) {
    const after = () => revoked(object(state), { code, ...plain }, nowMs)
    if (expected === null) assert.throws(after, faults('WrongKeyLifecycleState'), `${state} ${code}`)
    else assert.equal(after().state, expected, `${state} ${code}`)
  }
})

test('a deactivation has its date, a compromise its own and when it occurred, in seconds', () => {
  const deactivated = revoked(object('Active'), { code: 'Superseded', ...plain, message: 'why' }, nowMs)
  const reason = { RevocationReasonCode: 'Superseded', RevocationMessage: 'why' }
  assert.deepEqual(values(deactivated), { InitialDate: 3n, DeactivationDate: 9n, RevocationReason: reason })
  const compromise = { CompromiseDate: 9n, RevocationReason: { RevocationReasonCode: 'KeyCompromise' } }
  for (const [given, occurred] of [
    [undefined, 3n],
    [5n, 5n],
  ] as const) {
    const asked = { code: 'KeyCompromise', message: undefined, compromiseOccurrenceDate: given }
    const expected = { InitialDate: 3n, CompromiseOccurrenceDate: occurred, ...compromise }
    assert.deepEqual(values(revoked(object('Active'), asked, nowMs)), expected)
  }
})

test('the state is that of now: a date may have brought it about', () => {
  const asked = { code: 'Superseded', ...plain }
  assert.equal(revoked(object('PreActive', { ActivationDate: 9n }), asked, nowMs).state, 'Deactivated')
  const over = object('Active', { DeactivationDate: 9n })
  assert.throws(() => revoked(over, asked, nowMs), faults('WrongKeyLifecycleState'))
})

test('a deactivation ends what is Active, at this moment, with its reason', () => {
  const reason = { code: 'Unspecified', message: undefined } as const
  const after = deactivatedObject(object('Active', { Comment: 'kept' }), reason, nowMs)
  assert.equal(after.state, 'Deactivated')
  const DeactivationReason = { DeactivationReasonCode: 'Unspecified' }
  assert.deepEqual(values(after), {
    InitialDate: 3n,
    Comment: 'kept',
    DeactivationDate: 9n,
    DeactivationReason,
  })
  const told = deactivatedObject(object('Active'), { ...reason, message: 'why' }, nowMs)
  assert.deepEqual(values(told)['DeactivationReason'], { ...DeactivationReason, DeactivationMessage: 'why' })
  for (const state of ['PreActive', 'Deactivated', 'Compromised', 'Destroyed'] as const)
    assert.throws(
      () => deactivatedObject(object(state), reason, nowMs),
      faults('WrongKeyLifecycleState'),
      state,
    )
})
