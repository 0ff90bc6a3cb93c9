// What comes after a commit whose answer was lost, where nobody could tell at once whether it was done.

import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { after, test, type TestContext } from 'node:test'
import type { Clock } from '../../../src/core/ports/clock.ts'
import { StoreUnavailable } from '../../../src/core/ports/store.ts'
import { systemClock } from '../../../src/host/system-clock.ts'
import { postgresLoader } from '../../../src/outside/store/postgres/load.ts'
import { parsePostgresUrl } from '../../../src/outside/store/postgres/url.ts'
import { dumpedObject } from '../../support/store/backup-files.ts'
import { startPostgres, type PostgresServer } from '../../support/postgresql/server.ts'
import { setConfirming } from '../../support/postgresql/pair.ts'
import { openNode } from '../../support/postgresql/store.ts'
import { openWire, type Wire } from '../../support/clients/proxy.ts'
import { allEntries, verifyChain } from '../../support/store/contract/audit.ts'
import { auditEntry, create, objectRecord } from '../../support/store/store-values.ts'
import { until } from '../../support/time/until.ts'

const server = await new Promise<PostgresServer | undefined>((resolve, reject) => {
  test('PostgreSQL starts', (t) => startPostgres(t).then(resolve, reject))
})
after(() => server?.stop('immediate'))

if (server) {
  test('the audit chain goes on behind it, also when the next change fails', (t) => nextFails(t, server))
  test('access records that it moved are not moved again', (t) => movedOnce(t, server))
  test('a restore or a copy that loses the connection says so, and makes no store', (t) =>
    loadLost(t, server))
}

/** Without beats; the store tries again only when the test rings. It holds one object, `a`. */
async function openBehindWire(t: TestContext, postgres: PostgresServer) {
  const url = new URL(await postgres.newDatabase())
  const wire = await openWire({ host: '127.0.0.1', port: postgres.port })
  t.after(() => wire[Symbol.asyncDispose]())
  url.port = String(wire.port)
  const waiting: (() => void)[] = []
  const clock: Clock = {
    ...systemClock,
    every: () => ({ cancel: () => {} }),
    after(_, work) {
      waiting.push(work)
      return { cancel: () => {} }
    },
  }
  const store = await openNode(t, { url: url.href, clock })
  await create(store, objectRecord('a'))
  return { store, wire, ring: () => waiting.splice(0).forEach((work) => work()) }
}

/** `work` commits, and no answer comes back: the connection is cut, and there is no other until this has resolved. */
async function losingAnswer(
  postgres: PostgresServer,
  wire: Wire,
  work: () => Promise<unknown>,
): Promise<void> {
  await setConfirming(postgres, 'nobody')
  const lost = assert.rejects(work(), /it may have been done or not/)
  const waits = `SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = 'mortise'`
  let pid: unknown
  await until(async () => (pid = (await postgres.sql(waits)).rows[0]?.['pid']) !== undefined)
  await wire.cut()
  await lost
  await postgres.sql(`SELECT pg_cancel_backend(${Number(pid)})`)
  await setConfirming(postgres, '')
  await wire.mend()
}

async function nextFails(t: TestContext, postgres: PostgresServer): Promise<void> {
  const { store, wire } = await openBehindWire(t, postgres)
  await losingAnswer(postgres, wire, () => create(store, objectRecord('b')))
  await assert.rejects(create(store, objectRecord('no number', { createdMs: Number.NaN })), /NaN/)
  await create(store, objectRecord('c'))
  const entries = await allEntries(store, { order: 'oldest', limit: 10 })
  verifyChain(entries)
  assert.equal(entries.length, 3)
}

async function movedOnce(t: TestContext, postgres: PostgresServer): Promise<void> {
  const { store, wire, ring } = await openBehindWire(t, postgres)
  await store.openAccessLog(createSecretKey(Buffer.alloc(32, 1)))
  await store.record({ entries: [auditEntry({ object: 'a', action: 'key.get' })], fetched: [] })
  await losingAnswer(postgres, wire, () => store.auditHeads())
  ring()
  await until(() => store.health().writable)
  const entries = await allEntries(store, { order: 'oldest', limit: 10 })
  verifyChain(entries)
  assert.equal(entries.length, 2)
}

async function loadLost(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = new URL(await postgres.newDatabase())
  const wire = await openWire({ host: '127.0.0.1', port: postgres.port })
  t.after(() => wire[Symbol.asyncDispose]())
  const direct = parsePostgresUrl(url.href)
  url.port = String(wire.port)
  async function* pages() {
    yield [dumpedObject('a')]
    await wire.cut()
    yield [dumpedObject('b')]
  }
  await assert.rejects(
    postgresLoader({ place: parsePostgresUrl(url.href), passwordFile: null }, 1)(pages(), []),
    (error) => error instanceof StoreUnavailable && /write the database: /.test(error.message),
  )
  await postgresLoader({ place: direct, passwordFile: null }, 1)(pages(), [])
}
