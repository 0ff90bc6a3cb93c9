// Which Names another object of the same instance has already.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { takenNames } from '../../../src/keys/transaction/names.ts'
import { attributeSet, createKey, makeInstance, openCoreWithClient, trustClient } from '../../support/core.ts'

const name = (text: string) => ({ NameValue: text, NameType: 'UninterpretedTextString' })

test('a Name is taken by another living object of the instance, and by nothing else', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  const other = await makeInstance(core, 'other')
  const { identify } = await trustClient(core, other, 'stranger')
  await core.keys.perform(identify, createKey({ Name: name('elsewhere') }))
  const own = await perform(createKey({ Name: [name('one'), name('two')] }))
  // More than are looked at, made before and after.
  for (let count = 0; count < 12; count++) await perform(createKey())
  await perform(createKey({ Name: name('last') }))
  const ask = async (uniqueIdentifier: string, ...names: string[]) => {
    const attributes = attributeSet({ Name: names.map(name) })
    const taken = await takenNames(core.store, instance, {
      instanceId: instance.id,
      uniqueIdentifier,
      attributes,
    })
    return taken.size
  }
  assert.equal(await ask('another', 'one', 'three'), 1)
  assert.equal(await ask('another', 'one', 'two', 'last'), 3)
  assert.equal(await ask('another', 'elsewhere'), 0, 'another instance’s')
  assert.equal(await ask(own, 'one', 'two'), 0, 'its own')
  assert.equal(await ask('another'), 0)
})
