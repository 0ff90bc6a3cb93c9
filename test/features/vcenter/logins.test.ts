// Stored logins: sealed, in no backup, and off once the database was accepted after a restore.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VcenterLogins } from '../../../src/features/vcenter/logins.ts'
import { vcenterConditions, type VcenterFacts } from '../../../src/features/vcenter/conditions.ts'
import { Vcenters } from '../../../src/features/vcenter/vcenters.ts'
import { VsphereError } from '../../../src/outside/vsphere-api/errors.ts'
import { startDoor } from '../../support/server/admin-door.ts'
import { addedEntry, knownVcenter } from '../../support/vcenter/known-vcenter.ts'

const a = knownVcenter('a', { id: 'a', user: 'reader' })
const b = { ...a, id: 'b' }

test('a password is replaced, found and removed; it stands in no record in clear', async (t) => {
  const door = await startDoor()
  t.after(() => door.close())
  const logins = new VcenterLogins(door.context.secrets, 'vcenter-login')
  assert.equal(await logins.isStored(a), false)
  await logins.put(a, Buffer.from('first'))
  await logins.put(a, Buffer.from('Correct Horse 1'))
  await logins.put(b, Buffer.from('other'))
  assert.equal(String(await logins.open(a)), 'Correct Horse 1')
  const records = await door.store.secrets()
  assert.ok(records.some(({ name }) => name === 'local/vcenter-login/a'))
  for (const { sealed } of records) assert.ok(!Buffer.from(sealed).includes('Correct Horse 1'))
  await logins.remove('a')
  assert.equal(await logins.open(a), undefined)
  assert.equal(await logins.isStored(b), true)
})

test('a password under another MAC key, or of another vCenter, is not used', async (t) => {
  const door = await startDoor()
  t.after(() => door.close())
  const { secrets } = door.context
  const logins = new VcenterLogins(secrets, 'vcenter-login')
  await logins.put(a, Buffer.from('Correct Horse 1'))
  const ofA = (await secrets.fresh('local/vcenter-login/a')) ?? Buffer.alloc(0)
  await secrets.put('local/vcenter-login/b', ofA)
  assert.equal(await logins.open(b), undefined)
  await secrets.put('local/vcenter-login/a', Buffer.concat([Buffer.alloc(32), ofA.subarray(32)]))
  assert.equal(await logins.isStored(a), false)
  await secrets.put('local/vcenter-login/a', Buffer.alloc(3))
  assert.equal(await logins.open(a), undefined)
})

test('a password is not sent to another address, to another certificate, or for another user', async (t) => {
  const door = await startDoor()
  t.after(() => door.close())
  const logins = new VcenterLogins(door.context.secrets, 'vcenter-login')
  await logins.put(a, Buffer.from('Correct Horse 1'))
  for (const change of [
    { host: 'b.example.com' },
    { port: 8443 },
    { trust: { fingerprint: 'cd'.repeat(32) } },
    { trust: { authority: 'ab'.repeat(32) } },
    { user: 'other' },
  ])
    assert.equal(await logins.open({ ...a, ...change }), undefined, JSON.stringify(change))
  assert.equal(await logins.isStored(a), true)
})

test('a password that vCenter refuses is removed, and one that took its place meanwhile is not', async (t) => {
  const door = await startDoor()
  t.after(() => door.close())
  const logins = new VcenterLogins(door.context.secrets, 'vcenter-login')
  const refusal = new VsphereError('login', 'InvalidLogin', { fault: 'InvalidLogin' })
  const refused = async (meanwhile?: () => Promise<void>) => {
    await logins.put(a, Buffer.from('first'))
    const login = await logins.stored(a)
    assert.ok(login)
    const work = async () => {
      await meanwhile?.()
      throw refusal
    }
    await assert.rejects(logins.use(a, login, work), refusal)
    assert.ok(login.password.every((byte) => byte === 0))
  }
  await refused()
  assert.equal(await logins.isStored(a), false)
  await refused(() => logins.put(a, Buffer.from('second')))
  assert.equal(String(await logins.open(a)), 'second')
  const other = { ...a, user: 'other' }
  await refused(() => logins.put(other, Buffer.from('first')))
  assert.equal(await logins.isStored(other), true)

  const own = { user: 'reader', password: Buffer.from('first'), isStored: false }
  await logins.put(a, own.password)
  await assert.rejects(
    logins.use(a, own, async () => {
      throw refusal
    }),
  )
  assert.equal(await logins.isStored(a), true, 'a login of a request says nothing about the stored one')
})

test('altered records raise an alarm, and end no look at the conditions', async (t) => {
  const alarms: string[] = []
  const door = await startDoor({ alarm: (message) => alarms.push(message) })
  t.after(() => door.close())
  const { secrets, conditions } = door.context
  const logins = new VcenterLogins(secrets, 'vcenter-login')
  const found = async () => {
    const { readVcenters } = (await conditions.gather()).of<VcenterFacts>(vcenterConditions)
    return readVcenters.map(({ vcenter, isLoginOff }) => ({ id: vcenter.id, isLoginOff }))
  }
  const alter = async (name: string) => {
    const record = { name, sealed: Buffer.alloc(64, 1) }
    await door.store.commit({ writes: [{ type: 'secret', record }], entries: [], durability: 'process' })
  }
  const known = { ...a, instanceId: door.red.id }
  await new Vcenters(secrets).add(known, new Set([door.red.id]), addedEntry(a.id))
  await logins.put(a, Buffer.from('first'))
  assert.deepEqual(await found(), [{ id: 'a', isLoginOff: false }])
  await alter('local/vcenter-login/a')
  assert.deepEqual(await found(), [{ id: 'a', isLoginOff: true }])
  assert.equal(alarms.length, 1)
  await alter('vcenters')
  assert.deepEqual(await found(), [])
  assert.equal(alarms.length, 2)
})
