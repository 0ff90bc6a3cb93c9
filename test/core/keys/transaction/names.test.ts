// Which Names another object of the same instance has already.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { takenNames } from '../../../../src/core/keys/transaction/names.ts'
import type { KeyTransaction } from '../../../../src/core/keys/key-transaction.ts'
import {
  attributeSet,
  createKey,
  faults,
  makeInstance,
  openCoreWithClient,
  trustClient,
  name,
} from '../../../support/server/core.ts'

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

test('of objects that are made together with many Names, no Name is compared with each of the others', async (t) => {
  const { perform } = await openCoreWithClient(t)
  let read = 0
  const names = (text: string) =>
    Array.from({ length: 100 }, (_, index) => ({
      get NameValue() {
        read += 1
        return `${text} ${index}`
      },
      NameType: 'UninterpretedTextString',
    }))
  await perform(async (work) => {
    for (const text of ['a', 'b', 'c']) await createKey({ Name: names(text) })(work)
  })
  assert.ok(read < 300 * 50, `${read} reads`)
})

const template = (text: string) => (work: KeyTransaction) =>
  work.register(
    { objectType: 'Template', attributes: attributeSet({ Name: name(text), ObjectGroup: text }) },
    { bytes: Buffer.of(), head: {} },
  )

const groupOf = (text: string) => async (work: KeyTransaction) =>
  (await work.template(name(text))).get('ObjectGroup')?.[0]?.value

test('a template is found by its own Name, stored or only staged, and neither a key of the Name nor one that is destroyed', async (t) => {
  const { perform } = await openCoreWithClient(t)
  await perform(createKey({ Name: name('key') }))
  const id = await perform(template('one'))
  assert.equal(await perform(groupOf('one')), 'one')
  for (const text of ['key', 'none']) await assert.rejects(perform(groupOf(text)), faults('ObjectNotFound'))
  await perform(async (work) => {
    await template('two')(work)
    assert.equal(await groupOf('two')(work), 'two')
    assert.equal(await groupOf('one')(work), 'one')
    await assert.rejects(async () => groupOf('three')(work), faults('ObjectNotFound'))
    await work.destroy(id)
    await assert.rejects(async () => groupOf('one')(work), faults('ObjectNotFound'))
  })
  await assert.rejects(perform(groupOf('one')), faults('ObjectNotFound'))
})

const named = (text: string) => (work: KeyTransaction) => work.identifierNamed(text)

test('a text names the one living object that has it as a Name of either type', async (t) => {
  const core = await openCoreWithClient(t)
  const { perform } = core
  const text = await perform(createKey({ Name: name('text') }))
  const uri = await perform(createKey({ Name: { NameValue: 'uri', NameType: 'URI' } }))
  await perform(createKey({ Name: name('both') }))
  await perform(createKey({ Name: { NameValue: 'both', NameType: 'URI' } }))
  const gone = await perform(createKey({ Name: name('gone') }))
  assert.equal(await perform(named('text')), text)
  assert.equal(await perform(named('uri')), uri)
  for (const other of ['both', 'none']) assert.equal(await perform(named(other)), undefined)
  await perform(async (work) => {
    await work.destroy(gone)
    assert.equal(await named('gone')(work), undefined)
    const made = await createKey({ Name: name('made') })(work)
    assert.equal(await named('made')(work), made)
    assert.equal(await named('text')(work), text)
  })
})

const rename = (id: string, text: string) => (work: KeyTransaction) =>
  work.addAttribute(id, { key: 'Name', value: name(text), version: '1.4' })

test('a Name is taken by what is staged too, and neither by what was destroyed nor for it', async (t) => {
  const { perform } = await openCoreWithClient(t)
  await perform(async (work) => {
    const id = await createKey({ Name: name('a') })(work)
    await assert.rejects(async () => createKey({ Name: name('a') })(work), faults('NonUniqueNameAttribute'))
    await work.destroy(id)
    const next = await createKey({ Name: name('a') })(work)
    await rename(id, 'a2')(work)
    const other = await createKey({ Name: name('b') })(work)
    await assert.rejects(async () => rename(other, 'a')(work), faults('NonUniqueNameAttribute'))
    await work.destroy(other)
    await rename(other, 'a')(work)
    await rename(next, 'a3')(work)
    assert.equal(await work.identifierNamed('a'), next)
  })
})
