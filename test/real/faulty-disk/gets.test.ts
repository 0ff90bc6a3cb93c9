// A Get beside a disk that fails or hangs: it is answered or refused, no other thing waits for it, and one whose record is not taken is
// refused. The node is not ready from the first one that is refused until a record is taken, which it tries by itself.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { FaultyDisk } from './faulty-disk.ts'
import { faultySite } from './faulty-disk-site.ts'

async function refusesUntilGood(t: TestContext, state: Parameters<FaultyDisk['becomes']>[0]): Promise<void> {
  const site = await faultySite(t)
  if (!site) return
  site.disk.becomes(state)
  assert.equal(await site.get(), false)
  assert.equal(await site.health('ready'), 503)
  assert.equal(await site.health('live'), 200)
  assert.equal(await site.get(), false)
  assert.match(site.server.stderr(), /no key is handed out/)
  assert.match((await site.server.cli('status')).stdout, /no key is handed out/)
  site.disk.becomes({})
  await site.recovers()
  await site.isRecorded()
}

test('writes that hang: each Get is refused, the rest goes on, and so do Gets once they do not hang', (t) =>
  refusesUntilGood(t, { writes: 'hangs' }))

test('writes that fail: each Get is refused until they do not', (t) => refusesUntilGood(t, { writes: 'EIO' }))

test('a disk without room for a byte: each Get is refused until there is', (t) =>
  refusesUntilGood(t, { writes: 'ENOSPC' }))

test('syncs that hang: a Get waits for none, but one that is to be on the disk is refused', async (t) => {
  const site = await faultySite(t)
  if (!site) return
  site.disk.becomes({ syncs: 'hangs' })
  for (let n = 0; n < 20; n++) assert.equal(await site.get(), true)
  site.disk.becomes({})
  await site.isRecorded()
})

test('with audit.reads = "durable", a Get is refused while syncs hang', async (t) => {
  const site = await faultySite(t, { MORTISE_AUDIT_READS: 'durable' })
  if (!site) return
  site.disk.becomes({ syncs: 'hangs' })
  assert.equal(await site.get(), false)
  assert.equal(await site.health('ready'), 503)
  site.disk.becomes({})
  await site.recovers()
  await site.isRecorded()
})

test('a sync that fails: Gets go on until the audit log has taken none of their records for a minute', async (t) => {
  const site = await faultySite(t)
  if (!site) return
  site.disk.becomes({ syncs: 'EIO' })
  await assert.rejects(site.talk.create(), /refused/)
  site.disk.becomes({})
  for (let n = 0; n < 20; n++) assert.equal(await site.get(), true)
  assert.equal(await site.health('ready'), 200)
})
