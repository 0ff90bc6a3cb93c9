// Restrictions that go one way: whatever a client asks, a Sensitive object stays so, and one that is not Extractable too.

import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import type { KeyTransaction } from '../../../../src/core/keys/key-transaction.ts'
import { first, type AttributeSet } from '../../../../src/wire/kmip/attributes.ts'
import { maskOf } from '../../../../src/wire/kmip/enums.ts'
import { noLooser, requireNoLooser } from '../../../../src/core/keys/object/restrictions.ts'
import { attributeSet, createKey, faults, manager, openCoreWithClient } from '../../../support/server/core.ts'

const oneWay = { restrictions: 'one-way' } as const
const asSent = { restrictions: 'as-sent' } as const
const open = attributeSet({ Sensitive: false, Extractable: true })
const closed = attributeSet({ Sensitive: true, Extractable: false })
const shownOf = (set: AttributeSet) => [first(set, 'Sensitive'), first(set, 'Extractable')]

test('one way: closing passes, loosening is refused, also by a set that lacks the attribute', () => {
  requireNoLooser(oneWay, open, closed)
  requireNoLooser(oneWay, closed, closed)
  for (const after of [open, attributeSet({ Sensitive: true }), attributeSet({ Extractable: false })])
    assert.throws(() => requireNoLooser(oneWay, closed, after), faults('PermissionDenied', /stays/))
  for (const rule of [asSent, {}]) requireNoLooser(rule, closed, open)
})

test('another set of attributes takes the restrictions over, one way alone', () => {
  assert.deepEqual(shownOf(noLooser(oneWay, closed, open)), [true, false])
  assert.deepEqual(shownOf(noLooser(oneWay, open, closed)), [true, false])
  assert.deepEqual(shownOf(noLooser(asSent, closed, open)), [false, true])
})

async function opened(t: TestContext) {
  const site = await openCoreWithClient(t, {}, { restrictions: 'as-sent' })
  const { core, instance, perform } = site
  const set = (restrictions: 'one-way' | 'as-sent') =>
    core.trust.instances.update(manager, instance.id, { restrictions })
  const show = async (id: string) => {
    const view = (await core.keys.show(instance.id, id)) ?? assert.fail('it is not here')
    return shownOf(view.attributes)
  }
  const key = await perform(createKey({ Sensitive: true, Extractable: false }))
  return { ...site, set, show, key }
}

const ways: readonly (readonly [string, (work: KeyTransaction, id: string) => Promise<unknown>])[] = [
  ['Sensitive', (work, id) => work.modifyAttribute(id, { key: 'Sensitive', value: false, version: '2.1' })],
  [
    'Extractable',
    (work, id) => work.modifyAttribute(id, { key: 'Extractable', value: true, version: '2.1' }),
  ],
  ['Sensitive', (work, id) => work.setAttribute(id, { key: 'Sensitive', value: false, version: '2.1' })],
  [
    'Extractable',
    (work, id) =>
      work.adjustAttribute(id, {
        key: 'Extractable',
        adjustment: 'Negate',
        by: undefined,
        version: '2.1',
      }),
  ],
]

test('no client loosens an object one way, and as sent each does', async (t) => {
  const { perform, set, show, key } = await opened(t)
  await set('one-way')
  for (const [what, change] of ways)
    await assert.rejects(
      perform((work) => change(work, key)),
      faults('PermissionDenied', /no client of this instance changes that back/),
      what,
    )
  assert.deepEqual(await show(key), [true, false])
  const other = await perform(createKey())
  await perform((work) => work.modifyAttribute(other, { key: 'Sensitive', value: true, version: '2.1' }))
  await assert.rejects(
    perform((work) => work.modifyAttribute(other, { key: 'Sensitive', value: false, version: '2.1' })),
    faults('PermissionDenied'),
  )
  await set('as-sent')
  await perform((work) => work.modifyAttribute(key, { key: 'Sensitive', value: false, version: '2.1' }))
  await perform((work) => work.modifyAttribute(key, { key: 'Extractable', value: true, version: '2.1' }))
  assert.deepEqual(await show(key), [false, true])
})

test('one way a Sensitive object leaves for no client, wrapped by a key of its own neither', async (t) => {
  const { perform, set } = await opened(t)
  const key = await perform(createKey({ Sensitive: true }))
  const plain = await perform(createKey())
  await perform(
    createKey({
      ActivationDate: 0n,
      CryptographicUsageMask: maskOf('CryptographicUsageMask', ['WrapKey', 'Decrypt']),
    }),
  )
  const wrapped = (id: string) =>
    perform(async (work) => (await work.fetch(id, { wrappers: ['the key that wraps'] })).objectType)
  assert.equal(await wrapped(key), 'SymmetricKey', 'as sent it leaves wrapped')
  await set('one-way')
  for (const how of [
    { wrappers: ['the key that wraps'] },
    { wrappers: ['the key that wraps'], unwrap: true },
    {},
  ])
    await assert.rejects(
      perform(async (work) => work.fetch(key, how)),
      faults('Sensitive'),
    )
  await assert.rejects(
    perform((work) => work.exportWhole(key, { wrappers: ['the key that wraps'] })),
    faults('Sensitive'),
  )
  assert.equal(await wrapped(plain), 'SymmetricKey')
})

test('an instance that goes one way keeps older programs from its store', async (t) => {
  const { core, set } = await opened(t)
  const read = () => {
    using database = new DatabaseSync(core.file, { readOnly: true })
    return database
      .prepare('SELECT feature FROM least_version')
      .all()
      .map(({ feature }) => feature)
  }
  assert.deepEqual(read(), [])
  await set('one-way')
  assert.deepEqual(read(), ['one-way-restrictions'])
})
