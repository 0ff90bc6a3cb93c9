// An object that is to be sealed for somebody outside: only where the instance and the object allow it, and entered on disk.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditEntry } from '../../../src/core/ports/audit.ts'
import { createKey, faults, makeInstance, openCore, trustClient } from '../../support/server/core.ts'
import { StoreAround } from '../../support/store/store-around.ts'

test('an object leaves with its material if its instance is portable and it is neither sensitive nor held back', async (t) => {
  const core = await openCore(t)
  for (const portable of [true, false]) {
    const name = portable ? 'open' : 'closed'
    const { identify } = await trustClient(core, await makeInstance(core, name, { portable }))
    const id = await core.keys.perform(identify, createKey())
    const exported = core.keys.perform(identify, async (work) => {
      const { view, material } = await work.export(id, { to: 'somebody' })
      return [view.uniqueIdentifier, material.bytes.length]
    })
    if (portable) assert.deepEqual(await exported, [id, 32])
    else await assert.rejects(exported, faults('PermissionDenied', /may not be exported/))
    const held = await core.keys.perform(identify, createKey({ Extractable: false }))
    const refused = core.keys.perform(identify, (work) => work.export(held, null))
    await assert.rejects(refused, faults(portable ? 'NotExtractable' : 'PermissionDenied'))
    const sensitive = await core.keys.perform(identify, createKey({ Sensitive: true }))
    const kept = core.keys.perform(identify, (work) => work.export(sensitive, null))
    await assert.rejects(kept, faults(portable ? 'Sensitive' : 'PermissionDenied'))
  }
  const { entries } = await core.store.audit({ order: 'oldest', limit: 1_000 })
  const told = entries
    .map(({ body }) => JSON.parse(body) as AuditEntry)
    .filter(({ action }) => action === 'key.export')
  assert.deepEqual(
    told.map(({ result }) => result),
    ['success', 'refused', 'refused', 'refused', 'refused', 'refused'],
  )
  assert.deepEqual(told[0]?.detail, { to: 'somebody' })
})

test('an export is entered on the disk before it leaves, also where a read need not be', async (t) => {
  const held: { around?: StoreAround } = {}
  const core = await openCore(t, { wrap: (store) => (held.around = new StoreAround(store)) })
  const { around } = held
  assert.ok(around)
  const { identify } = await trustClient(core, await makeInstance(core, 'open', { portable: true }))
  const id = await core.keys.perform(identify, createKey())
  const durabilities: string[] = []
  around.before = ({ durability, entries }) => {
    for (const { action } of entries) durabilities.push(`${action} ${durability}`)
  }
  await core.keys.perform(identify, (work) => work.fetch(id))
  await core.keys.perform(identify, (work) => work.export(id, null))
  assert.deepEqual(durabilities, ['key.get process', 'key.export disk'])
})
