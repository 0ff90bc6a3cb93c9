// Which refusals of standard keys are troubles, from when on each is told, and what ends it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  anotherServerToldMs,
  standardKeyFailuresApartMs,
  standardKeyLeftAfterMs,
  standardKeyUnreadAfterMs,
} from '../../../src/core/sealing/standard-key-troubles.ts'
import { RootKeyError, StandardKeyUncertain, type RootKeyReach } from '../../../src/core/ports/root-key.ts'
import { StoreConflict } from '../../../src/core/ports/store.ts'
import { StandardKeyTroubles } from '../../../src/core/sealing/standard-key-troubles.ts'

const refusal = (reach: RootKeyReach) => new RootKeyError(reach, `refused: ${reach}`)
const record = (id: string, rootKeyUri = 'test:a') => ({ id, instanceId: 'i', rootKeyUri })

function begin() {
  let nowMs = 1_000
  const told: string[] = []
  const errors: unknown[] = []
  const troubles = new StandardKeyTroubles(
    { now: () => nowMs },
    {
      standardKeysRefused: ({ what, instanceId }, error) => {
        told.push(`refused ${what} ${instanceId}`)
        errors.push(error)
      },
      standardKeysAccepted: ({ what, instanceId }) => told.push(`accepted ${what} ${instanceId}`),
    },
  )
  const kinds = () => troubles.now.map(({ what }) => what)
  return { troubles, told, errors, kinds, pass: (ms: number) => (nowMs += ms) }
}

test('a refusal to store one is a trouble if it speaks of this call, not of the root key', () => {
  for (const [reach, isTrouble] of [
    ['wrapped-form', true],
    ['call', true],
    ['root-key', false],
    ['unreachable', false],
  ] as const) {
    const { troubles, told } = begin()
    troubles.notMade('i', refusal(reach))
    troubles.notMade('i', refusal(reach))
    const trouble = {
      instanceId: 'i',
      what: 'make',
      sinceMs: 1_000,
      left: 0,
      rootKeyUris: [],
      cause: `refused: ${reach}`,
    }
    assert.deepEqual(troubles.now, isTrouble ? [trouble] : [], reach)
    troubles.made('i')
    troubles.made('i')
    assert.deepEqual(troubles.now, [])
    assert.deepEqual(told, isTrouble ? ['refused make i', 'accepted make i'] : [])
  }
  const { troubles } = begin()
  troubles.notMade('i', new Error('a bug'))
  assert.deepEqual(troubles.now, [])
})

test('new ones of which no answer comes, though the root key wraps, are a trouble after some minutes', () => {
  const { troubles, told, kinds, pass } = begin()
  const uncertain = new StandardKeyUncertain('HTTP 500')
  troubles.notMade('i', uncertain)
  pass(standardKeyLeftAfterMs - 1)
  troubles.notMade('i', uncertain)
  assert.deepEqual(kinds(), [])
  pass(1)
  troubles.notMade('i', uncertain)
  assert.deepEqual(kinds(), ['make'])
  troubles.made('i')
  assert.deepEqual(told, ['refused make i', 'accepted make i'])
})

test('a refused read is a trouble until one succeeds, for its instance only', () => {
  const { troubles, told } = begin()
  troubles.notRead('i', refusal('call'))
  troubles.read('another')
  assert.equal(troubles.now.length, 1)
  troubles.read('i')
  assert.deepEqual([troubles.now, told], [[], ['refused read i', 'accepted read i']])
})

test('what passes by itself is told only if it lasts', () => {
  const soon: readonly [string, 'left' | 'unrecorded', unknown, boolean][] = [
    ['delete, out of reach', 'left', refusal('unreachable'), false],
    ['delete, refused', 'left', refusal('call'), true],
    ['delete, a bug', 'left', new Error('bug'), true],
    ['record, a conflict', 'unrecorded', new StoreConflict('object', 'again'), false],
    ['record, out of reach', 'unrecorded', refusal('unreachable'), true],
    ['record, a bug', 'unrecorded', new Error('bug'), true],
  ]
  for (const [name, call, error, atOnce] of soon) {
    const { troubles, told, pass } = begin()
    const note = () => (call === 'left' ? troubles.left(record('a'), error) : troubles.unrecorded('i', error))
    note()
    assert.equal(troubles.now.length, atOnce ? 1 : 0, name)
    pass(standardKeyLeftAfterMs - 1)
    note()
    assert.equal(troubles.now.length, atOnce ? 1 : 0, name)
    pass(1)
    note()
    assert.equal(troubles.now.length, 1, name)
    assert.equal(troubles.now[0]?.sinceMs, 1_000)
    assert.equal(told.length, 1, 'once')
  }
})

test('two calls that are not answered, far apart, add up to no trouble; a third one does', () => {
  for (const fail of [
    (troubles: StandardKeyTroubles) => troubles.notRead('i', refusal('unreachable')),
    (troubles: StandardKeyTroubles) => troubles.notMade('i', new StandardKeyUncertain('HTTP 500')),
  ]) {
    const { troubles, told, pass } = begin()
    const note = () => fail(troubles)
    note()
    pass(standardKeyFailuresApartMs + 1)
    note()
    assert.deepEqual([troubles.now, told], [[], []])
    pass(standardKeyFailuresApartMs + 1)
    note()
    assert.equal(told.length, 1)
  }
})

test('of two far apart the second one lasts if those behind it are near', () => {
  const { troubles, told, pass } = begin()
  for (const pause of [0, standardKeyFailuresApartMs + 1, standardKeyUnreadAfterMs]) {
    assert.equal(told.length, 0)
    pass(pause)
    troubles.notRead('i', refusal('unreachable'))
  }
  assert.equal(told.length, 1)
})

test('one that passed before it was told is never told', () => {
  const { troubles, told, pass } = begin()
  troubles.unrecorded('i', new StoreConflict('object', 'again'))
  troubles.recorded('i')
  pass(standardKeyLeftAfterMs)
  assert.deepEqual([troubles.now, told], [[], []])
  troubles.unrecorded('i', refusal('call'))
  troubles.recorded('i')
  assert.deepEqual(told, ['refused record i', 'accepted record i'])
})

test('a bug is handed on to the log, a refusal of the service is not', () => {
  const { troubles, errors } = begin()
  const bug = new Error('bug')
  troubles.unrecorded('i', bug)
  troubles.unrecorded('j', refusal('call'))
  assert.deepEqual(errors, [bug, undefined])
  troubles.recorded('i')
  troubles.unrecorded('i', 'no error at all')
  assert.deepEqual(
    troubles.now.map(({ cause }) => cause),
    ['refused: call', 'no error at all'],
  )
})

test('those that are left are counted by record until each is gone', () => {
  const { troubles, told } = begin()
  assert.equal(troubles.causeOfLeft('i'), null)
  troubles.left(record('a'), refusal('call'))
  troubles.left(record('b', 'test:b'), refusal('call'))
  troubles.left(record('c'), refusal('wrapped-form'))
  assert.deepEqual(troubles.now, [
    {
      instanceId: 'i',
      what: 'delete',
      sinceMs: 1_000,
      left: 3,
      rootKeyUris: ['test:a', 'test:b'],
      cause: 'refused: wrapped-form',
    },
  ])
  assert.equal(troubles.causeOfLeft('i'), 'refused: wrapped-form')
  assert.deepEqual(troubles.allLeft, [
    { id: 'a', instanceId: 'i', rootKeyUri: 'test:a' },
    { id: 'b', instanceId: 'i', rootKeyUri: 'test:b' },
    { id: 'c', instanceId: 'i', rootKeyUri: 'test:a' },
  ])
  const remedy = 'ask somebody else'
  troubles.left(record('a'), new RootKeyError('wrapped-form', 'it takes two', { remedy }))
  assert.equal(troubles.now[0]?.remedy, remedy)
  for (const id of ['a', 'unknown', 'b', 'a']) troubles.gone(record(id))
  troubles.gone({ id: 'c', instanceId: 'another' })
  assert.equal(troubles.now[0]?.left, 1)
  troubles.gone(record('c'))
  assert.deepEqual([troubles.now, troubles.allLeft], [[], []])
  assert.deepEqual(told, ['refused delete i', 'accepted delete i'])
})

test('one that a deleted instance owes is shown at once, and announced only when it is refused', () => {
  const { troubles, told } = begin()
  troubles.owed(record('a'))
  const [trouble] = troubles.now
  assert.deepEqual([trouble?.left, trouble?.cause, told], [1, null, []])
  assert.equal(troubles.causeOfLeft('i'), null)
  troubles.left(record('a'), refusal('unreachable'))
  assert.deepEqual(told, ['refused delete i'])
  const other = begin()
  other.troubles.owed(record('a'))
  other.troubles.gone(record('a'))
  assert.deepEqual([other.troubles.now, other.told], [[], []])
})

test('another server: fenced until it is not, seen for a day, and over when neither holds', () => {
  const { troubles, told, kinds, pass } = begin()
  assert.equal(troubles.isFenced('i'), false)
  troubles.fenced('i', 'restored later')
  assert.equal(troubles.isFenced('i'), true)
  assert.equal(troubles.now[0]?.cause, 'restored later')
  troubles.foreign('i', 'a copy of another')
  assert.equal(troubles.now[0]?.cause, 'a copy of another')
  troubles.unfenced('i')
  assert.equal(troubles.isFenced('i'), false)
  assert.deepEqual(kinds(), ['another'], 'its copy was seen')
  pass(anotherServerToldMs - 1)
  assert.deepEqual(kinds(), ['another'])
  pass(1)
  assert.deepEqual(kinds(), [])
  troubles.foreign('i', 'again')
  troubles.fenced('i', 'again')
  pass(anotherServerToldMs)
  assert.deepEqual(kinds(), ['another'], 'still fenced')
  troubles.unfenced('i')
  troubles.unfenced('i')
  assert.deepEqual(kinds(), [])
  assert.deepEqual(told, [
    'refused another i',
    'accepted another i',
    'refused another i',
    'accepted another i',
  ])
})

test('what no call ends can be ended, but not what is left at the service, nor another server', () => {
  const { troubles, told, kinds } = begin()
  troubles.notMade('i', refusal('call'))
  troubles.notRead('i', refusal('call'))
  troubles.unrecorded('i', refusal('call'))
  troubles.left(record('a'), refusal('call'))
  troubles.fenced('i', 'restored later')
  told.length = 0
  for (const { instanceId, what } of troubles.now) troubles.over(instanceId, what)
  assert.deepEqual(kinds(), ['delete', 'another'])
  assert.deepEqual(told, ['accepted make i', 'accepted read i', 'accepted record i'])
  assert.equal(troubles.isFenced('i'), true)
})

test('troubles of all kinds stand beside one another', () => {
  const { troubles, kinds } = begin()
  troubles.foreign('i', 'x')
  troubles.unrecorded('i', refusal('call'))
  troubles.left(record('a'), refusal('call'))
  troubles.notRead('i', refusal('call'))
  troubles.notMade('i', refusal('call'))
  assert.deepEqual(kinds(), ['make', 'read', 'delete', 'record', 'another'])
  new StandardKeyTroubles({ now: () => 0 }).notMade('i', refusal('call'))
})
