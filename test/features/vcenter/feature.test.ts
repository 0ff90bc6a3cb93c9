// The vCenters of an instance and their passwords go with it: with one that is deleted, and with one that is shredded.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VcenterLogins } from '../../../src/features/vcenter/logins.ts'
import { Vcenters } from '../../../src/features/vcenter/vcenters.ts'
import { TwoPersons } from '../../support/server/two-persons.ts'
import { addedEntry, knownVcenter } from '../../support/vcenter/known-vcenter.ts'

for (const query of ['', '?shred=red&inUse=0'])
  test(`no password of a vCenter stays after its instance is gone: DELETE ${query}`, async (t) => {
    const all = await TwoPersons.open(t, { guards: [] })
    const alice = await all.human('alice')
    const { context, red, blue } = all.door
    const list = new Vcenters(context.secrets)
    const purposes = ['vcenter-login', 'vcenter-rekey-login'] as const
    const instances = new Set([red.id, blue.id])
    for (const { id: instanceId, name } of [red, blue]) {
      const one = knownVcenter(`vc-${name}`, { instanceId, user: 'reader@vsphere.local' })
      await list.add(one, instances, addedEntry(one.id))
      for (const purpose of purposes)
        await new VcenterLogins(context.secrets, purpose).put(one, Buffer.from('Correct Horse 4'))
    }
    const logins = async () =>
      (await all.door.store.secrets()).filter(({ name }) => name.includes('login/')).map(({ name }) => name)
    assert.equal((await logins()).length, 4)
    const gone = await all.ask(alice, 'DELETE', `/instances/red${query}`)
    assert.equal(gone.status, 200, gone.text)
    const left = await logins()
    assert.equal(left.length, 2)
    assert.ok(left.every((name) => name.endsWith('id-of-vc-blue')))
    assert.deepEqual(
      (await list.all()).map(({ name }) => name),
      ['vc-blue'],
    )
    const { entries } = await context.audit.list({ order: 'newest', limit: 5, object: 'id-of-vc-red' })
    const [entry] = entries.map(({ body }) => JSON.parse(body) as { action: string; actor: { name: string } })
    assert.deepEqual([entry?.action, entry?.actor.name], ['vcenter.remove', 'alice'])
  })
