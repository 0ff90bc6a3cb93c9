// A key that does not open is remembered once and told once; only so many are remembered.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closedKeysMax } from '../../../src/base/bounds.ts'
import { RootKeyError } from '../../../src/core/ports/root-key.ts'
import { ClosedKeys, type ClosedKey } from '../../../src/core/sealing/closed-keys.ts'

const error = new RootKeyError('wrapped-form', 'does not open')
const key = (id: string, kind: ClosedKey['kind'] = 'object', instanceId = 'i'): ClosedKey => {
  return { instanceId, kind, id }
}

function begin() {
  const told: string[] = []
  const closed = new ClosedKeys({
    closed: ({ id }, cause) => told.push(`closed ${id}${cause === error ? '' : ' by another error'}`),
    opens: ({ id }) => told.push(`opens ${id}`),
  })
  return { closed, told }
}

test('a key is told once when it closes and once when it opens again', () => {
  const { closed, told } = begin()
  closed.opened(key('a'))
  closed.close(key('a'), error)
  closed.close(key('a'), error)
  assert.deepEqual(closed.all, [key('a')])
  closed.opened(key('b'))
  closed.opened(key('a'))
  closed.opened(key('a'))
  assert.deepEqual(closed.all, [])
  closed.close(key('a'), error)
  assert.deepEqual(told, ['closed a', 'opens a', 'closed a'])
})

test('keys of the same id are apart by kind and instance', () => {
  const { closed } = begin()
  const all = [key('a'), key('a', 'data key'), key('a', 'object', 'j')]
  for (const one of all) closed.close(one, error)
  assert.deepEqual(closed.all, all)
})

test('a key that no longer exists is forgotten without a word', () => {
  const { closed, told } = begin()
  closed.close(key('a'), error)
  closed.forget(key('a'))
  closed.opened(key('a'))
  assert.deepEqual([closed.all, told], [[], ['closed a']])
})

test('no more are remembered or told than the limit says', () => {
  const { closed, told } = begin()
  for (let n = 0; n <= closedKeysMax; n++) closed.close(key(String(n)), error)
  assert.equal(closed.all.length, closedKeysMax)
  assert.equal(told.length, closedKeysMax)
  const silent = new ClosedKeys({})
  silent.close(key('a'), error)
  silent.opened(key('a'))
  assert.deepEqual(silent.all, [])
})

test('those of one instance take no places of another', () => {
  const { closed, told } = begin()
  for (let n = 0; n < closedKeysMax; n++) closed.close(key(String(n)), error)
  closed.close(key('other', 'object', 'j'), error)
  assert.equal(told.at(-1), 'closed other')
  assert.deepEqual(closed.all.at(-1), key('other', 'object', 'j'))
})
