// What a later look at the other server changes here: a state never moves backward, and what was changed here stays.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  broughtUpToDate,
  createdAt,
  isAdopted,
  storedForm,
  templateContent,
  withKeptNames,
} from '../../../../src/core/keys/object/adopted-object.ts'
import { furtherState, transitions, type State } from '../../../../src/core/keys/object/lifecycle.ts'
import {
  currentState,
  withAttribute,
  type ManagedObject,
} from '../../../../src/core/keys/object/managed-object.ts'
import { first, searchKey } from '../../../../src/wire/kmip/attributes.ts'
import { attributeSet, name } from '../../../support/server/core.ts'

const nowMs = 1_700_000_000_000
const seconds = (ms: number) => BigInt(Math.floor(ms / 1000))

function there(state: State, more: Readonly<Record<string, unknown>> = {}, from = 'old:5696') {
  const attributes = attributeSet({
    CryptographicAlgorithm: 'AES',
    InitialDate: 1_600_000_000n,
    LastChangeDate: 1_650_000_000n,
    ...more,
  })
  const object = { uniqueIdentifier: '1', objectType: 'SymmetricKey', state, attributes, from } as const
  return storedForm(object, { nowMs, digest: undefined })
}

function here(state: State, more: Readonly<Record<string, unknown>> = {}): ManagedObject {
  return { ...there(state, more), instanceId: 'i', version: 1, sealed: null, dataKeyId: null }
}

const changedHere = (object: ManagedObject): ManagedObject => ({
  ...object,
  attributes: withAttribute(object.attributes, 'LastChangeDate', seconds(nowMs)),
})

const states = Object.keys(transitions) as State[]

test('the further of two states can be reached from both, or is one of them', () => {
  for (const mine of states)
    for (const theirs of states) {
      const further = furtherState(mine, theirs)
      assert.ok(further === mine || further === theirs)
      assert.equal(further, furtherState(theirs, mine), 'whoever is asked first')
    }
  assert.equal(furtherState('Compromised', 'Active'), 'Compromised')
})

test('dates, order of creation and origin are those of the other server', () => {
  const { attributes, createdMs } = there('Active')
  assert.equal(first(attributes, 'InitialDate'), 1_600_000_000n)
  assert.equal(first(attributes, 'LastChangeDate'), 1_650_000_000n)
  assert.equal(createdMs, 1_600_000_000_000)
  assert.deepEqual(attributes.get('x-Mortise-Adopted')?.[0]?.value, {
    type: 'TextString',
    value: 'old:5696, last changed at 1650000000',
  })
})

test('an object was created at its Initial Date, if that is a moment of the past', () => {
  for (const [InitialDate, expected] of [
    [1n, 1_000],
    [seconds(nowMs) - 1n, nowMs - 1_000],
    [seconds(nowMs), nowMs],
    [seconds(nowMs) + 1n, nowMs],
    [0n, nowMs],
    [-1n, nowMs],
  ] as const)
    assert.equal(createdAt(attributeSet({ InitialDate }), nowMs), expected, String(InitialDate))
  assert.equal(createdAt(attributeSet({}), nowMs), nowMs)
})

test('the same again changes nothing, also under another address of the server', () => {
  assert.equal(broughtUpToDate(here('Active'), there('Active'), nowMs), undefined)
  assert.equal(broughtUpToDate(here('Active'), there('Active', {}, 'other:5696'), nowMs), undefined)
})

test('what nobody changed here follows the other server, and loses nothing', () => {
  const mine = here('Active', { ObjectGroup: ['a'], 'x-Note': { type: 'TextString', value: 'old' } })
  const news = broughtUpToDate(
    mine,
    there('Deactivated', { ObjectGroup: ['b'], DeactivationDate: 5n }),
    nowMs,
  )
  assert.equal(news?.state, 'Deactivated')
  assert.equal(first(news.attributes, 'ObjectGroup'), 'b')
  assert.equal(first(news.attributes, 'DeactivationDate'), 5n)
  assert.ok(news.attributes.has('x-Note'))
})

test('a further state comes over also where no attribute tells of it', () => {
  const news = broughtUpToDate(here('Active'), there('Compromised'), nowMs)
  assert.equal(news?.state, 'Compromised')
})

test('an attribute that is another one there comes over, and an order in which the other server tells them means nothing', () => {
  const mine = here('Active', { ObjectGroup: ['a'], Comment: 'c' })
  const news = broughtUpToDate(mine, there('Active', { ObjectGroup: ['b'], Comment: 'c' }), nowMs)
  assert.equal(news && first(news.attributes, 'ObjectGroup'), 'b')
  for (const other of [
    { Comment: 'c', ObjectGroup: ['a'] },
    { ObjectGroup: ['a'], Comment: 'c' },
  ]) {
    const turned = { ...mine, attributes: new Map([...mine.attributes].toReversed()) }
    for (const one of [mine, turned])
      assert.equal(broughtUpToDate(one, there('Active', other), nowMs), undefined)
  }
  const own = { ...mine, attributes: attributeSet({ ObjectGroup: 'a' }) }
  assert.equal(broughtUpToDate(own, there('Active', { ObjectGroup: ['b'] }), nowMs), undefined, 'made here')
})

test('what was changed here keeps its attributes; only a further state comes over, with its dates', () => {
  const mine = changedHere(here('Active', { ObjectGroup: ['mine'] }))
  assert.equal(broughtUpToDate(mine, there('Active', { ObjectGroup: ['theirs'] }), nowMs), undefined)
  const news = broughtUpToDate(mine, there('Compromised', { ObjectGroup: ['b'], CompromiseDate: 7n }), nowMs)
  assert.deepEqual(
    [
      news?.state,
      first(news?.attributes ?? new Map(), 'ObjectGroup'),
      first(news?.attributes ?? new Map(), 'CompromiseDate'),
    ],
    ['Compromised', 'mine', 7n],
  )
})

test('what was changed here in the very second that the other server states, or that of its adoption, keeps its attributes too', () => {
  const now = seconds(nowMs)
  for (const [stated, changedAt] of [
    [undefined, now],
    [now, now],
    [now + 60n, now + 60n],
  ]) {
    const attributes = attributeSet({
      Extractable: true,
      ...(stated !== undefined && { LastChangeDate: stated }),
    })
    const object = {
      uniqueIdentifier: '1',
      objectType: 'SymmetricKey',
      state: 'Active',
      from: 'old',
    } as const
    const theirs = storedForm({ ...object, attributes }, { nowMs, digest: undefined })
    const changed = withAttribute(theirs.attributes, 'Extractable', false)
    const mine = { ...here('Active'), attributes: withAttribute(changed, 'LastChangeDate', changedAt) }
    assert.equal(broughtUpToDate(mine, theirs, nowMs + 120_000), undefined)
  }
})

test('a state never goes back: not one that was changed here, not one that the clock reached, not a destroyed one', () => {
  for (const theirs of ['PreActive', 'Active'] as const)
    assert.equal(broughtUpToDate(changedHere(here('Deactivated')), there(theirs), nowMs), undefined)
  const reached = here('Active', { DeactivationDate: 10n })
  const news = broughtUpToDate(reached, there('Active', { DeactivationDate: 99_999_999_999n }), nowMs)
  assert.equal(first(news?.attributes ?? reached.attributes, 'DeactivationDate'), 10n)
  for (const theirs of ['Active', 'Compromised', 'DestroyedCompromised'] as const)
    assert.equal(broughtUpToDate(here('Destroyed'), there(theirs, { ObjectGroup: ['b'] }), nowMs), undefined)
})

test('a clock that is ahead closes nothing for good: its states are not stored, and its dates stay', () => {
  const DeactivationDate = seconds(nowMs) + 3600n
  const mine = here('Active', { DeactivationDate })
  const aheadMs = nowMs + 24 * 3600_000
  const theirs = there('Active', { DeactivationDate: DeactivationDate + 99n, ObjectGroup: ['new'] })
  const after = { ...mine, ...(broughtUpToDate(mine, theirs, aheadMs) ?? assert.fail()) }
  assert.equal(first(after.attributes, 'ObjectGroup'), 'new')
  assert.equal(currentState(after, aheadMs), 'Deactivated', 'as long as it is ahead')
  assert.equal(currentState(after, nowMs), 'Active', 'once it is right')
  assert.equal(first(after.attributes, 'DeactivationDate'), DeactivationDate)
})

test('a name that another object has is kept beside the others', () => {
  const object = there('Active', { Name: [name('free'), name('taken')] })
  const taken = searchKey('Name', name('taken'))
  const { object: renamed, names } = withKeptNames(object, (one) => one === taken)
  assert.deepEqual(names, ['taken'])
  assert.deepEqual(first(renamed.attributes, 'Name')?.NameValue, 'free')
  assert.deepEqual(renamed.attributes.get('x-Mortise-Adopted-Name')?.[0]?.value, {
    type: 'TextString',
    value: 'taken',
  })
  const { object: same, names: none } = withKeptNames(object, () => false)
  assert.deepEqual([same, none], [object, []])
})

test('the origin tells what was adopted from what was made here, and does not pass to what a template makes', () => {
  const { attributes } = there('Active', { ObjectGroup: ['a'] })
  assert.ok(isAdopted({ attributes }))
  const made = templateContent(attributes)
  assert.ok(!isAdopted({ attributes: made }))
  assert.equal(first(made, 'ObjectGroup'), 'a')
})
