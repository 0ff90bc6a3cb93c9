// A restore does later revocations, destructions and undestroys again: a table of records and what the log says.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closedLater, withNamesLeft, type LaterClosing } from '../../../../src/core/keys/recovery/closing.ts'
import type { State } from '../../../../src/core/keys/object/lifecycle.ts'
import {
  currentState,
  fromRecord,
  toWrite,
  type ManagedObject,
} from '../../../../src/core/keys/object/managed-object.ts'
import { first } from '../../../../src/wire/kmip/attributes.ts'
import type { DumpedObject } from '../../../../src/core/ports/backup.ts'
import { attributeSet } from '../../../support/server/core.ts'

const name = { NameValue: 'a', NameType: 'UninterpretedTextString' }

function dumped(
  more: Partial<ManagedObject>,
  attributes: Readonly<Record<string, unknown>> = {},
): DumpedObject {
  const { record, names, index } = toWrite({
    instanceId: 'i',
    uniqueIdentifier: 'k',
    objectType: 'SymmetricKey',
    state: 'PreActive',
    version: 3,
    createdMs: 0,
    attributes: attributeSet({ Name: name, ...attributes }),
    sealed: Buffer.from('sealed'),
    dataKeyId: 'd',
    ...more,
  })
  const clockSteps = { activates: null, deactivates: null }
  return { record, names: record.sealed === null ? [] : names, index, clockSteps, lastFetchedMs: null }
}

const recoverable = { sealed: Buffer.from('sealed'), dataKeyId: 'd', state: 'Deactivated', dueMs: 9_000 }
const waiting = dumped(
  { state: 'Destroyed', sealed: null, dataKeyId: null, recoverable },
  { DestroyDate: 1n },
)
const gone = dumped({ state: 'Destroyed', sealed: null, dataKeyId: null }, { DestroyDate: 1n })
const nothing: LaterClosing = { revoked: null, deactivatesMs: null, destroyed: null, broughtBack: false }
const revoked = (reason: string) => ({ revoked: { reason, atMs: 5_000 } })
const destroyed = (dueMs: number | null) => ({ destroyed: { atMs: 6_000, dueMs } })

const cases: readonly (readonly [what: string, DumpedObject, Partial<LaterClosing>, string | undefined])[] = [
  ['nothing', dumped({}), {}, undefined],
  ['a revocation', dumped({ state: 'Active' }), revoked('Unspecified'), 'Deactivated sealed'],
  ['a revocation that it has', dumped({ state: 'Compromised' }), revoked('KeyCompromise'), undefined],
  [
    'a compromise after a deactivation',
    dumped({ state: 'Deactivated' }),
    revoked('KeyCompromise'),
    'Compromised sealed',
  ],
  ['a destruction', dumped({ state: 'Deactivated' }), destroyed(null), 'Destroyed gone'],
  [
    'a destruction that waits',
    dumped({ state: 'Deactivated' }),
    destroyed(8_000),
    'Destroyed waits Deactivated 8000',
  ],
  [
    'a compromise and a destruction that waits',
    dumped({ state: 'Active' }),
    { ...revoked('KeyCompromise'), ...destroyed(8_000) },
    'DestroyedCompromised waits Compromised 8000',
  ],
  ['a destruction beside a root key', dumped({ dataKeyId: null }), destroyed(8_000), 'Destroyed gone'],
  ['an undestroy of what is not destroyed', dumped({}), { broughtBack: true }, undefined],
  ['an undestroy of what waits', waiting, { broughtBack: true }, 'Deactivated sealed'],
  [
    'an undestroy and a compromise',
    waiting,
    { broughtBack: true, ...revoked('KeyCompromise') },
    'Compromised sealed',
  ],
  [
    'a compromise of what waits',
    waiting,
    revoked('KeyCompromise'),
    'DestroyedCompromised waits Deactivated 9000',
  ],
  ['a deactivation of what waits', waiting, revoked('Unspecified'), undefined],
  ['the end of what waits', waiting, destroyed(null), 'Destroyed gone'],
  ['another destruction of what waits', waiting, destroyed(12_000), 'Destroyed waits Deactivated 12000'],
  [
    'an undestroy, a deactivation and another destruction',
    dumped(
      {
        state: 'Destroyed',
        sealed: null,
        dataKeyId: null,
        recoverable: { ...recoverable, state: 'PreActive' },
      },
      { DestroyDate: 1n },
    ),
    { broughtBack: true, ...revoked('Unspecified'), ...destroyed(12_000) },
    'Destroyed waits Deactivated 12000',
  ],
  [
    'an undestroy, and another destruction for good',
    waiting,
    { broughtBack: true, ...destroyed(null) },
    'Destroyed gone',
  ],
  ['an undestroy of what is gone', gone, { broughtBack: true }, undefined],
  ['a destruction of what is gone', gone, destroyed(12_000), undefined],
]

const objectOf = ({ record, lastFetchedMs }: DumpedObject) =>
  fromRecord({ ...record, sequence: 0, lastFetchedMs })

function shown(object: DumpedObject): string {
  const { state, sealed, recoverable: waits } = object.record
  if (sealed) return `${state} ${Buffer.from(sealed).toString()}`
  return waits ? `${state} waits ${waits.state} ${waits.dueMs}` : `${state} gone`
}

for (const [what, object, later, expected] of cases)
  test(`a restore does again: ${what}`, () => {
    const closed = closedLater(object, { ...nothing, ...later })
    assert.equal(closed && shown(closed), expected)
    if (!closed) return
    assert.equal(closed.record.version, 4)
    const { attributes } = fromRecord({ ...closed.record, sequence: 0, lastFetchedMs: null })
    assert.deepEqual(closed.names.length, closed.record.sealed === null ? 0 : 1)
    assert.equal(first(attributes, 'DestroyDate') === undefined, closed.record.sealed !== null)
    if (later.revoked && first(attributes, 'CompromiseDate') !== undefined)
      assert.equal(first(attributes, 'CompromiseDate'), 5n)
  })

test('a later revocation closes as far as its reason says, and never opens', () => {
  const table: readonly [State, string, State | undefined][] = [
    ['PreActive', '', 'Deactivated'],
    ['Active', 'constructor', 'Deactivated'],
    ['Deactivated', 'Superseded', undefined],
    ['Compromised', 'Superseded', undefined],
    ['Destroyed', 'Superseded', undefined],
    ['DestroyedCompromised', 'Superseded', undefined],
    ['PreActive', 'KeyCompromise', 'Compromised'],
    ['Active', 'CACompromise', 'Compromised'],
    ['Deactivated', 'KeyCompromise', 'Compromised'],
    ['Compromised', 'KeyCompromise', undefined],
    ['Destroyed', 'KeyCompromise', 'DestroyedCompromised'],
    ['DestroyedCompromised', 'KeyCompromise', undefined],
  ]
  for (const [state, reason, expected] of table) {
    const after = closedLater(dumped({ state }, { InitialDate: 2n }), { ...nothing, ...revoked(reason) })
    assert.equal(after?.record.state, expected, `${state}, ${reason}`)
    if (!after) continue
    const { attributes } = fromRecord({ ...after.record, sequence: 0, lastFetchedMs: null })
    const code = reason.endsWith('Compromise') ? reason : 'Unspecified'
    const date = reason.endsWith('Compromise') ? 'CompromiseDate' : 'DeactivationDate'
    assert.deepEqual(
      [first(attributes, 'RevocationReason'), first(attributes, date)],
      [{ RevocationReasonCode: code }, 5n],
    )
    const occurred = reason.endsWith('Compromise') ? first(attributes, 'InitialDate') : undefined
    assert.equal(first(attributes, 'CompromiseOccurrenceDate'), occurred)
  }
})

test('a revocation and a destruction find the state that the dates had brought about by then', () => {
  for (const [date, state] of [
    [5n, undefined],
    [6n, 'Deactivated'],
  ] as const) {
    const one = dumped({ state: 'Active' }, { DeactivationDate: date })
    assert.equal(closedLater(one, { ...nothing, ...revoked('Superseded') })?.record.state, state)
  }
  const one = dumped({ state: 'Active' }, { DeactivationDate: 6n })
  const after = closedLater(one, { ...nothing, ...destroyed(8_000) })
  assert.equal(after?.record.recoverable?.state, 'Deactivated')
})

test('a Deactivation Date that was set later closes the key when it comes, and only a key that is open', () => {
  const table: readonly [DumpedObject, Partial<LaterClosing>, number | undefined][] = [
    [dumped({ state: 'Active' }), {}, 7],
    [dumped({ state: 'Active' }, { DeactivationDate: 50n }), {}, 7],
    [dumped({ state: 'Active' }, { DeactivationDate: 7n }), {}, undefined],
    [dumped({ state: 'Deactivated' }, { DeactivationDate: 2n }), {}, undefined],
    [gone, {}, undefined],
    [waiting, { broughtBack: true }, undefined],
  ]
  for (const [object, more, seconds] of table) {
    const after = closedLater(object, { ...nothing, ...more, deactivatesMs: 7_000 })
    if (!more.broughtBack) assert.equal(after !== undefined, seconds !== undefined)
    if (seconds === undefined) continue
    assert.deepEqual(after?.clockSteps, { activates: null, deactivates: seconds })
    assert.equal(currentState(objectOf(after), 6_999), 'Active')
    assert.equal(currentState(objectOf(after), 7_000), 'Deactivated')
  }
  const preActive = closedLater(dumped({}), { ...nothing, deactivatesMs: 7_000 })
  assert.ok(preActive)
  assert.equal(first(objectOf(preActive).attributes, 'DeactivationDate'), 7n)
  assert.equal(currentState(objectOf(preActive), 8_000), 'PreActive', 'it was never activated')
})

test('a key that was revoked before its later Deactivation Date came has the date of the revocation', () => {
  const later = { ...nothing, deactivatesMs: 9_000, ...revoked('Superseded') }
  const after = closedLater(dumped({ state: 'Active' }), later) ?? assert.fail('it is not closed')
  assert.deepEqual(
    [after.record.state, first(objectOf(after).attributes, 'DeactivationDate')],
    ['Deactivated', 5n],
  )
})

test('Names that others have are left out of what is restored', () => {
  const object = dumped({})
  assert.equal(
    withNamesLeft(object, () => false),
    object,
  )
  const { record, names, index } = withNamesLeft(object, () => true)
  assert.deepEqual([names, index], [[], []])
  const { attributes } = fromRecord({ ...record, sequence: 0, lastFetchedMs: null })
  assert.equal(attributes.get('Name'), undefined)
})
