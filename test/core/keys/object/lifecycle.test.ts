// The states of a managed object (KMIP 1.4 §3.22): every state with every step, and what the clock brings about.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  clockSteps,
  isDestroyed,
  isState,
  nextState,
  stateAt,
  transitions,
  type State,
  type LifecycleStep,
} from '../../../../src/core/keys/object/lifecycle.ts'
import { enums } from '../../../../src/wire/kmip/enums.ts'
import { faults } from '../../../support/server/core.ts'

const states = Object.keys(transitions) as State[]
const steps: readonly LifecycleStep[] = ['activate', 'deactivate', 'compromise', 'destroy']

/** The figure of §3.22, written again by hand: state, step, state after it; null where there is no way. */
const expected: readonly (readonly [State, LifecycleStep, State | null])[] = [
  ['PreActive', 'activate', 'Active'],
  ['PreActive', 'deactivate', null],
  ['PreActive', 'compromise', 'Compromised'],
  ['PreActive', 'destroy', 'Destroyed'],
  ['Active', 'activate', null],
  ['Active', 'deactivate', 'Deactivated'],
  ['Active', 'compromise', 'Compromised'],
  ['Active', 'destroy', null],
  ['Deactivated', 'activate', null],
  ['Deactivated', 'deactivate', null],
  ['Deactivated', 'compromise', 'Compromised'],
  ['Deactivated', 'destroy', 'Destroyed'],
  ['Compromised', 'activate', null],
  ['Compromised', 'deactivate', null],
  ['Compromised', 'compromise', null],
  ['Compromised', 'destroy', 'DestroyedCompromised'],
  ['Destroyed', 'activate', null],
  ['Destroyed', 'deactivate', null],
  ['Destroyed', 'compromise', 'DestroyedCompromised'],
  ['Destroyed', 'destroy', null],
  ['DestroyedCompromised', 'activate', null],
  ['DestroyedCompromised', 'deactivate', null],
  ['DestroyedCompromised', 'compromise', null],
  ['DestroyedCompromised', 'destroy', null],
]

test('every state has every step decided as KMIP 1.4 §3.22 has it', () => {
  assert.equal(expected.length, states.length * steps.length)
  for (const [state, step, after] of expected) {
    if (after !== null) assert.equal(nextState(state, step), after, `${step} from ${state}`)
    else
      assert.throws(() => nextState(state, step), faults('WrongKeyLifecycleState'), `${step} from ${state}`)
  }
})

test('only who wants to destroy an Active key is advised to revoke it', () => {
  assert.throws(() => nextState('Active', 'activate'), /cannot activate this object: it is Active$/)
  assert.throws(() => nextState('Active', 'destroy'), /it is Active: revoke it first, then destroy it$/)
})

test('the states are those of the protocol, and no other text is one', () => {
  assert.deepEqual(states.toSorted(), Object.keys(enums.State).toSorted())
  for (const state of states) assert.ok(isState(state))
  for (const text of ['', 'active', 'toString', '__proto__', 'constructor']) assert.ok(!isState(text), text)
})

test('no sequence of steps and dates leaves Destroyed, but for its compromise', () => {
  const date = fc.option(fc.bigInt({ min: 0n, max: 4_000_000_000n }), { nil: undefined })
  const walk = fc.array(fc.record({ step: fc.constantFrom(...steps), activation: date, deactivation: date }))
  fc.assert(
    fc.property(fc.constantFrom(...states), walk, (start, moves) => {
      let state = start
      for (const { step, activation, deactivation } of moves) {
        const dates = { activationDate: activation, deactivationDate: deactivation }
        const before = state
        state = stateAt(state, dates, 2_000_000_000_000)
        if (isDestroyed(before)) assert.equal(state, before, 'a date moved a destroyed object')
        const now = state
        try {
          state = nextState(now, step)
        } catch {
          // Refused: it stays.
        }
        if (now === 'Destroyed') assert.ok(state === 'Destroyed' || state === 'DestroyedCompromised')
        if (now === 'DestroyedCompromised') assert.equal(state, 'DestroyedCompromised')
        // Nor does anything that was compromised become clean again.
        if (now === 'Compromised') assert.ok(state === 'Compromised' || state === 'DestroyedCompromised')
      }
    }),
  )
})

test('a date counts from its first millisecond on, and not one before', () => {
  const at = 1_800_000_000n
  const ms = Number(at) * 1000
  const activation = { activationDate: at, deactivationDate: undefined }
  assert.equal(stateAt('PreActive', activation, ms - 1), 'PreActive')
  assert.equal(stateAt('PreActive', activation, ms), 'Active')
  const deactivation = { activationDate: undefined, deactivationDate: at }
  assert.equal(stateAt('Active', deactivation, ms - 1), 'Active')
  assert.equal(stateAt('Active', deactivation, ms), 'Deactivated')
  assert.equal(
    stateAt('PreActive', deactivation, ms),
    'PreActive',
    'what was never active is not deactivated',
  )
  const both = { activationDate: at, deactivationDate: at + 1n }
  assert.equal(stateAt('PreActive', both, ms), 'Active')
  assert.equal(stateAt('PreActive', both, ms + 1000), 'Deactivated')
})

test('dates move no object that was deactivated, compromised or destroyed, and extreme dates are dates', () => {
  const past = { activationDate: 1n, deactivationDate: 1n }
  for (const state of ['Deactivated', 'Compromised', 'Destroyed', 'DestroyedCompromised'] as const)
    assert.equal(stateAt(state, past, 2_000_000_000_000), state)
  const last = { activationDate: 2n ** 63n - 1n, deactivationDate: undefined }
  assert.equal(stateAt('PreActive', last, Number.MAX_SAFE_INTEGER), 'PreActive')
  const first = { activationDate: -(2n ** 63n), deactivationDate: undefined }
  assert.equal(stateAt('PreActive', first, 0), 'Active')
  // The end of JavaScript's calendar.
  for (const [date, activates] of [
    [8_640_000_000_000n, 8_640_000_000_000],
    [8_640_000_000_001n, null],
  ] as const)
    assert.deepEqual(clockSteps('PreActive', { activationDate: date, deactivationDate: undefined }), {
      activates,
      deactivates: null,
    })
})

test('the steps of the clock say what the dates say, at every moment', () => {
  const date = fc.option(
    fc.oneof(
      fc.bigInt({ min: -2n, max: 6n }),
      fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n, 8_640_000_000_000n, 8_640_000_000_001n),
    ),
    { nil: undefined },
  )
  fc.assert(
    fc.property(
      fc.constantFrom(...states),
      date,
      date,
      fc.integer({ min: 0, max: 8_000 }),
      (stored, activationDate, deactivationDate, nowMs) => {
        const { activates, deactivates } = clockSteps(stored, { activationDate, deactivationDate })
        const taken = (at: number | null) => at !== null && at * 1000 <= nowMs
        const active = taken(activates) ? 'Active' : stored
        assert.ok(deactivates === null || deactivates >= (activates ?? 0))
        assert.equal(
          taken(deactivates) ? 'Deactivated' : active,
          stateAt(stored, { activationDate, deactivationDate }, nowMs),
        )
      },
    ),
    { numRuns: 2_000 },
  )
})
