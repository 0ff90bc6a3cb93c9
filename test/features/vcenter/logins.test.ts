// Stored logins: sealed, in no backup, and off once the database was accepted after a restore.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VcenterLogins } from '../../../src/features/vcenter/logins.ts'
import { startDoor } from '../../support/server/admin-door.ts'

const a = {
  id: 'a',
  user: 'reader',
  host: 'a.example.com',
  port: 443,
  trust: { fingerprint: 'ab'.repeat(32) },
}
const b = { ...a, id: 'b' }

test('a password is replaced, found and removed; it stands in no record in clear', async (t) => {
  const door = await startDoor()
  t.after(() => door.close())
  const logins = new VcenterLogins(door.context.secrets)
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
  const logins = new VcenterLogins(secrets)
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
  const logins = new VcenterLogins(door.context.secrets)
  await logins.put(a, Buffer.from('Correct Horse 1'))
  for (const change of [
    { host: 'b.example.com' },
    { port: 8443 },
    { trust: { fingerprint: 'cd'.repeat(32) } },
    { trust: { authority: a.trust.fingerprint } },
    { user: 'other' },
  ])
    assert.equal(await logins.open({ ...a, ...change }), undefined, JSON.stringify(change))
  assert.equal(await logins.isStored(a), true)
})
