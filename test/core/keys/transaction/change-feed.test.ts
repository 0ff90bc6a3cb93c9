// A listener is told of its own instance's changes until it stops, whoever else listens or stops.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ChangeFeed,
  difference,
  type ObjectChange,
} from '../../../../src/core/keys/transaction/change-feed.ts'
import { first } from '../../../../src/wire/kmip/attributes.ts'
import { Fault } from '../../../../src/wire/kmip/fault.ts'
import { attributeSet, createKey, openCoreWithClient, name } from '../../../support/server/core.ts'

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

test('what a transaction commits is told with the attributes before and after, and what it undoes is not', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  const told: ObjectChange[] = []
  core.keys.changes.listen(instance.id, (changes) => told.push(...changes))
  const id = await perform(createKey({ Name: name('a') }))
  const [made] = told.splice(0)
  assert.deepEqual([made?.uniqueIdentifier, made?.objectType, made?.before], [id, 'SymmetricKey', undefined])
  assert.equal(first(made?.after ?? new Map(), 'State'), 'PreActive')
  assert.ok((made?.bytes ?? 0) > 50)
  await perform(async (work) => {
    await work.attributes('key.attributes', id)
    await work.addAttribute(id, { key: 'Comment', value: 'c', version: '2.1' })
  })
  const [changed, ...more] = told.splice(0)
  assert.deepEqual(more, [], 'one change')
  assert.ok(changed?.before)
  assert.deepEqual([...difference(changed.before, changed.after).changed.keys()], ['Comment'])
  await perform((work) => work.attributes('key.attributes', id))
  await perform(async (work) => {
    await work.addAttribute(id, { key: 'Description', value: 'd', version: '2.1' })
    work.undo(new Fault('GeneralFailure', 'the batch failed'))
  })
  assert.deepEqual(told, [], 'a read and what is undone change nothing')
})
