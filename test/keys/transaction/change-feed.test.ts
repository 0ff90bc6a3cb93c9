// A listener is told of its own instance's changes until it stops, whoever else listens or stops.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChangeFeed, difference, type ObjectChange } from '../../../src/keys/transaction/change-feed.ts'
import { attributeSet } from '../../support/core.ts'

function change(uniqueIdentifier: string): ObjectChange {
  return {
    uniqueIdentifier,
    objectType: 'SymmetricKey',
    before: undefined,
    after: attributeSet({}),
    bytes: 0,
  }
}

test('each listener of the instance is told once, and one that stops takes no other with it', () => {
  const feed = new ChangeFeed()
  const told: string[] = []
  const listen = (instanceId: string, name: string) =>
    feed.listen(instanceId, (changes) => {
      for (const { uniqueIdentifier } of changes) told.push(`${name} ${uniqueIdentifier}`)
    })
  const tell = (id: string, changes = [change(id)]) => {
    told.length = 0
    let asked = 0
    feed.tell('i', () => {
      asked++
      return changes
    })
    return { told: [...told], asked }
  }
  const stopA = listen('i', 'a')
  const stopB = listen('i', 'b')
  listen('j', 'c')
  assert.deepEqual(tell('1'), { told: ['a 1', 'b 1'], asked: 1 })
  assert.deepEqual(tell('2', []), { told: [], asked: 1 })
  stopA()
  assert.deepEqual(tell('3'), { told: ['b 3'], asked: 1 })
  stopA()
  assert.deepEqual(tell('4'), { told: ['b 4'], asked: 1 })
  stopB()
  assert.deepEqual(tell('5'), { told: [], asked: 0 }, 'nobody listens')
  listen('i', 'd')
  stopB()
  assert.deepEqual(tell('6'), { told: ['d 6'], asked: 1 }, 'an old listener that stops again stops nobody')
})

test('attributes that differ, and those that are gone', () => {
  const before = attributeSet({ State: 'Active', Name: ['a', 'b'], Old: 1 })
  const { changed, gone } = difference(before, attributeSet({ State: 'Active', Name: ['a', 'c'], New: 2 }))
  assert.deepEqual([[...changed.keys()], gone], [['Name', 'New'], ['Old']])
  assert.deepEqual(difference(before, before), { changed: new Map(), gone: [] })
})
