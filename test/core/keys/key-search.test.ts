// The list of the keys in a state, while others come into that state.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { everyRound } from '../../../src/base/every-round.ts'
import { listKeys } from '../../../src/core/keys/key-search.ts'
import { createKey, openCoreWithClient } from '../../support/server/core.ts'

test('a key that comes into the state meanwhile takes the place of none in the list', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  const ids: string[] = []
  for (let n = 0; n < 3; n++) ids.push(await perform(createKey()))
  const [oldest = '', middle = '', newest = ''] = ids
  const activate = (id: string) => perform((work) => work.activate(id))
  await activate(oldest)
  await activate(newest)
  let counts = 0
  const reader = {
    turns: everyRound,
    scan: core.keys.scan.bind(core.keys),
    show: core.keys.show.bind(core.keys),
    recoverable: (id: string) => core.store.recoverable(id),
    objectCounts: async (id: string) => {
      const counted = await core.store.objectCounts(id, core.clock.now())
      if (counts++ === 0) await activate(middle)
      return counted
    },
  }
  const { views, after } = await listKeys(reader, instance.id, { state: 'Active', limit: 10 }, undefined)
  assert.deepEqual(
    views.map(({ uniqueIdentifier }) => uniqueIdentifier),
    [newest, middle, oldest],
  )
  assert.equal(after, null)
})
