// A node on PostgreSQL whose own disk hangs: the database is well, but no record of a read can be written.

import assert from 'node:assert/strict'
import { after, test, type TestContext } from 'node:test'
import { faultySite } from './faulty-disk-site.ts'
import { startPostgres, type PostgresServer } from '../../support/postgresql/server.ts'

const postgres = await new Promise<PostgresServer | undefined>((resolve, reject) => {
  test('PostgreSQL starts', (t) => startPostgres(t, { fsync: 'off' }).then(resolve, reject))
})
after(() => postgres?.stop('immediate'))

if (postgres)
  test('Gets are refused, changes go on, and so do Gets once the disk does not hang', (t) =>
    hangs(t, postgres))

async function hangs(t: TestContext, server: PostgresServer): Promise<void> {
  const site = await faultySite(t, { MORTISE_STORE: await server.newDatabase(), MORTISE_NODE: 'one' })
  if (!site) return
  site.disk.becomes({ writes: 'hangs', syncs: 'hangs' })
  for (let n = 0; n < 5; n++) assert.ok(await site.talk.create())
  assert.equal(await site.get(), false)
  assert.equal(await site.health('ready'), 503)
  assert.equal(await site.health('live'), 200)
  assert.ok(await site.talk.create())
  site.disk.becomes({})
  await site.recovers()
  await site.isRecorded()
}
