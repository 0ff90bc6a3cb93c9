// Suggestions for mistyped words.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { didYouMean, nearest } from '../../../src/base/text/closest.ts'

const actions = ['key.get', 'key.check', 'key.create', 'client.trust', 'client.set']

test('a typing error finds the word that was meant', () => {
  for (const [text, meant] of [
    ['key.gett', '`key.get`'],
    ['Key.Get', '`key.get`'],
    ['client.trsut', '`client.trust`'],
    ['cilent.set', '`client.set`'],
  ] as const)
    assert.equal(didYouMean(text, actions), `; did you mean ${meant}?`)
})

test('several words that are about as close are all named, at most three', () => {
  assert.equal(
    didYouMean('vcenter-9', ['vcenter-1', 'vcenter-2', 'prod']),
    '; did you mean `vcenter-1` or `vcenter-2`?',
  )
  const many = ['a1', 'a2', 'a3', 'a4'].map((name) => `host-${name}`)
  assert.equal(didYouMean('host-a9', many).match(/`/g)?.length, 6)
})

test('words that are too different are not suggested', () => {
  for (const text of ['', 'x', 'delete', 'a whole sentence about keys'])
    assert.equal(didYouMean(text, actions), '')
  assert.equal(didYouMean('key.get', []), '')
})

test('the nearest word is found however far it is', () => {
  assert.equal(nearest('clients', actions), 'client.set')
  assert.equal(nearest('x', []), '')
})
