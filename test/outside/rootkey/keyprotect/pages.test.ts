// Lists of standard keys in Key Protect that take more than one page: each key once, none left out, and no call more than
// needed; against the fake.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, beforeEach, test } from 'node:test'
import { keyProtectPageKeys } from '../../../../src/outside/rootkey/keyprotect/pages.ts'
import { openRootKey } from '../../../../src/outside/rootkey/open.ts'
import { KeyProtectFake } from '../../../support/key-protect/fake.ts'
import { sideOf } from '../../../support/key-protect/mortise.ts'
import { uniqueName } from '../../../support/root-keys/standard-keys-contract.ts'

const fake = await KeyProtectFake.start()
after(() => fake.stop())
const side = sideOf(fake, readFileSync(fake.about.managerApiKeyFile, 'utf8').trim())
after(() => side.sessions.close())
const { standardKeys } = await openRootKey(fake.uri(await fake.rootKey()), side.options)
assert.ok(standardKeys)

beforeEach(async () => {
  await fake.calm()
})

for (const [kind, total] of [
  ['short', undefined],
  ['short-untold', undefined],
  ['short-mistold', 0],
  ['short-mistold', 999],
] as const)
  for (const keys of [1, 2, 7])
    test(`pages of ${keys} keys though more were asked for (${kind} ${total ?? ''}): listed whole, each once`, async () => {
      const prefix = uniqueName()
      const payload = randomBytes(32).toString('base64')
      const ids = await fake.manyKeys(20, prefix, { extractable: true, payload })
      await fake.fault({ on: 'list', kind, keys, ...(total !== undefined && { total }), times: null })
      const listed: string[] = []
      for await (const page of standardKeys.list(`${prefix}-`, { deleted: false }))
        listed.push(...page.map(({ id }) => id))
      assert.deepEqual(listed.toSorted(), [...ids].toSorted())
      const found = await standardKeys.find(`${prefix}-20`)
      assert.deepEqual(
        found.map(({ id }) => id),
        [ids.at(-1)],
      )
    })

test('a page of one key between others ends no list', async () => {
  const prefix = uniqueName()
  const payload = randomBytes(32).toString('base64')
  const ids = await fake.manyKeys(20, prefix, { extractable: true, payload })
  for (const keys of [7, 1]) await fake.fault({ on: 'list', kind: 'short-untold', keys, times: 1 })
  const listed: string[] = []
  for await (const page of standardKeys.list(`${prefix}-`, { deleted: false }))
    listed.push(...page.map(({ id }) => id))
  assert.deepEqual(listed.toSorted(), [...ids].toSorted())
})

test('more than a page: listed and found whole, each once', async () => {
  const prefix = uniqueName()
  const payload = randomBytes(32).toString('base64')
  const count = keyProtectPageKeys + 5
  const ids = await fake.manyKeys(count, prefix, { extractable: true, payload })
  await fake.admin('DELETE', `/keys/${ids[7]}`)
  await fake.forgetCalls()
  const listed: string[] = []
  const deleted: string[] = []
  for await (const page of standardKeys.list(`${prefix}-`, { deleted: true }))
    for (const key of page) {
      listed.push(key.id)
      if (key.deleted) deleted.push(key.id)
    }
  assert.deepEqual(listed.toSorted(), [...ids].toSorted())
  assert.deepEqual(deleted, [ids[7]])
  assert.ok((await fake.calls('list')).length >= 2)
  await fake.control('POST', 'search', { keysMax: 1 })
  assert.deepEqual(
    (await standardKeys.find(`${prefix}-${count}`)).map((key) => key.id),
    [ids.at(-1)],
  )
})

test('a list that says how many keys it has takes one call where they fit into a page', async () => {
  const name = uniqueName()
  const id = await standardKeys.create({ name, description: 'mortise 1 test', payload: randomBytes(40) })
  for (const [found, fault] of [
    [[id], undefined],
    [[id], { on: 'list', kind: 'short-untold', keys: 1_000, times: null }],
    [[], undefined],
  ] as const) {
    if (found.length === 0) await standardKeys.remove(id)
    await fake.calm()
    if (fault) await fake.fault(fault)
    await fake.forgetCalls()
    assert.deepEqual(
      (await standardKeys.find(name)).map((key) => key.id),
      found,
    )
    assert.equal((await fake.calls('list')).length, fault ? 2 : 1)
  }
})

test('keys that are purged while a list is read hide no others', async () => {
  const payload = randomBytes(32).toString('base64')
  const prefix = uniqueName()
  const count = keyProtectPageKeys + 200
  const ids = (await fake.manyKeys(count, prefix, { extractable: true, payload })).toSorted()
  const gone = ids.slice(0, 40)
  for (const id of gone) await fake.control('POST', `keys/${id}/delete`)
  await fake.advance(5 * 3600)
  const listed: string[] = []
  for await (const page of standardKeys.list(`${prefix}-`, { deleted: true })) {
    if (listed.length === 0) for (const id of gone) await fake.control('POST', `keys/${id}/purge`)
    listed.push(...page.map(({ id }) => id))
  }
  assert.equal(new Set(listed).size, listed.length)
  const there = new Set(listed)
  assert.deepEqual(
    ids.slice(gone.length).filter((id) => !there.has(id)),
    [],
  )
})
