// Instances whose objects may share Names, and instances that take keys of another length than stated: what clients may do
// there, how the rule changes, and that backups and destroyed keys keep it.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { serverActor } from '../../../src/core/audit/actor.ts'
import type { AuditEntry } from '../../../src/core/ports/audit.ts'
import type { KeyTransaction } from '../../../src/core/keys/key-transaction.ts'
import { TrustRefused } from '../../../src/core/trust/writer.ts'
import {
  attributeSet,
  createKey,
  faults,
  makeInstance,
  openCore,
  trustClient,
  name,
} from '../../support/server/core.ts'

const named = (text: string) => createKey({ Name: name(text) })

async function begin(t: TestContext, settings: object) {
  const core = await openCore(t)
  const instance = await makeInstance(core, 'default', settings)
  const { identify } = await trustClient(core, instance)
  const perform = <T>(work: (work: KeyTransaction) => Promise<T>) => core.keys.perform(identify, work)
  const set = (more: object) => core.trust.instances.update(serverActor, instance.id, more)
  const find = (text: string) =>
    perform(async (work) => {
      const criteria = [{ key: 'Name', value: name(text) }]
      const storage = { online: true, destroyed: false }
      const query = { criteria, maximumItems: undefined, offsetItems: 0, storage, onlyFresh: false }
      return (await work.locate(query, '1.4')).uniqueIdentifiers
    })
  return { core, perform, set, find }
}

function refusal(error: unknown): boolean {
  return error instanceof TrustRefused && error.why === 'in-use' && error.message.includes('twice')
}

test('names are unique, become shared at once, and unique again only while no two live objects share one', async (t) => {
  const { core, perform, set, find } = await begin(t, {})
  const first = await perform(named('twice'))
  await assert.rejects(perform(named('twice')), faults('NonUniqueNameAttribute'))
  await set({ names: 'shared' })
  core.clock.pass(1000)
  const second = await perform(named('twice'))
  const third = await perform(named('once'))
  await perform((work) => work.addAttribute(third, { key: 'Name', value: name('twice'), version: '1.4' }))
  assert.deepEqual((await find('twice')).toSorted(), [first, second, third].toSorted())
  assert.equal((await find('twice')).at(-1), first, 'newest first')
  await assert.rejects(set({ names: 'unique' }), refusal)
  await perform((work) => work.destroy(second))
  await assert.rejects(set({ names: 'unique' }), refusal)
  await perform((work) => work.deleteAttribute(third, { key: 'Name', index: 1, version: '1.4' }))
  await set({ names: 'unique' })
  await assert.rejects(perform(named('twice')), faults('NonUniqueNameAttribute'))
  await perform((work) => work.destroy(first))
  await perform(named('twice'))
})

test('a destroyed key comes back with a Name that others share; where names are unique it does not', async (t) => {
  const { perform, set, find } = await begin(t, { names: 'shared', destroyDelaySeconds: 86_400 })
  const first = await perform(named('shared'))
  const gone = await perform(named('shared'))
  await perform((work) => work.destroy(gone))
  await perform((work) => work.undestroy(gone, { withoutTakenNames: false }))
  assert.deepEqual((await find('shared')).toSorted(), [first, gone].toSorted())
  await perform((work) => work.destroy(gone))
  await set({ names: 'unique' })
  await assert.rejects(
    perform((work) => work.undestroy(gone, { withoutTakenNames: false })),
    faults('NonUniqueNameAttribute'),
  )
})

test('a change to unique names and a new shared name at once: one of both is refused', async (t) => {
  const { perform, set, find } = await begin(t, { names: 'shared' })
  await perform(named('raced'))
  const [made, changed] = await Promise.allSettled([perform(named('raced')), set({ names: 'unique' })])
  assert.equal([made, changed].filter(({ status }) => status === 'fulfilled').length, 1)
  assert.equal((await find('raced')).length, made.status === 'fulfilled' ? 2 : 1)
})

test('a key of another length than stated is refused, or taken as sent with both lengths in the audit', async (t) => {
  const { core, perform, set } = await begin(t, {})
  const attributes = attributeSet({ CryptographicAlgorithm: 'AES', CryptographicLength: 256 })
  const register = (statedBits: number) =>
    perform((work) => {
      const material = { bytes: Buffer.alloc(128, 7), head: { keyFormatType: 'Raw' } } as const
      return work.register({ objectType: 'SymmetricKey', attributes }, material, {
        statedBits,
        materialBits: 1024,
      })
    })
  await assert.rejects(register(256), faults('InvalidField'))
  await set({ lengths: 'as-sent' })
  await assert.rejects(register(0), faults('InvalidField'))
  const id = await register(256)
  const { material } = await perform(async (work) => work.fetch(id))
  assert.equal(material.bytes.length, 128)
  const { entries } = await core.store.audit({ order: 'oldest', limit: 9, action: 'key.register' })
  const read = entries.map(({ body }) => JSON.parse(body) as AuditEntry)
  const { detail } = read.find(({ result }) => result === 'success') ?? assert.fail('it has no entry')
  assert.deepEqual([detail?.['statedBits'], detail?.['materialBits']], [256, 1024])
})
