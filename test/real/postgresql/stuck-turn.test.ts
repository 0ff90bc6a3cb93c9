// A node that has its turn to write and is lost in the midst of a statement, as when its network breaks or the process is stopped:
// no timeout of PostgreSQL ends its session, so the node that waits for the turn does.

import assert from 'node:assert/strict'
import { after, test, type TestContext } from 'node:test'
import path from 'node:path'
import { Client } from 'pg'
import { postgresIdleMs, postgresTurnMs } from '../../../src/outside/store/postgres/bounds.ts'
import { StoreUnavailable } from '../../../src/core/ports/store.ts'
import { turnLock } from '../../../src/outside/store/postgres/turn.ts'
import { startPostgres, type PostgresServer } from '../../support/postgresql/server.ts'
import { openNode } from '../../support/postgresql/store.ts'
import { create, objectRecord } from '../../support/store/store-values.ts'
import { until } from '../../support/time/until.ts'

const server = await new Promise<PostgresServer | undefined>((resolve, reject) => {
  test('PostgreSQL starts', (t) => startPostgres(t, { fsync: 'off' }).then(resolve, reject))
})
after(() => server?.stop('immediate'))

/** The last thing that the node does, in a transaction that has the turn. */
const stuck: Readonly<Record<string, (lost: Lost) => void>> = {
  'half a statement was sent': ({ connection }) => connection.parse({ text: 'SELECT 1', name: '' }),
  'an answer is not taken': ({ connection, client }) => {
    connection.stream.pause()
    client.query(`SELECT repeat('x', 50000000)`).catch(() => undefined)
  },
}

if (server) {
  for (const [how, stop] of Object.entries(stuck))
    test(`${how}: another node writes after its wait for the turn`, (t) => otherWrites(t, server, stop))
  test('a node that starts has its turn at the second start', (t) => starts(t, server))
  test('one that works, or is between two statements, keeps its turn', (t) => keepsTurn(t, server))
}

interface Lost {
  readonly client: Client
  /** The driver's own, which is no part of its types. */
  readonly connection: {
    readonly stream: { pause(): void }
    parse(statement: { text: string; name: string }): void
  }
}

/** Has the turn. */
async function takeTurn(t: TestContext, url: string): Promise<Lost> {
  const client = new Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  const { connection } = client as unknown as Pick<Lost, 'connection'>
  t.after(() => (connection.stream as unknown as { destroy(): void }).destroy())
  await client.query('BEGIN')
  await client.query(turnLock)
  return { client, connection }
}

/** Resolves when the database has waited for that client for longer than a node may be silent. */
async function waitsForClient(postgres: PostgresServer, url: string): Promise<void> {
  const waits = `SELECT 1 FROM pg_stat_activity WHERE datname = '${path.basename(url)}' AND state = 'active'
    AND wait_event_type = 'Client' AND state_change < clock_timestamp() - interval '${postgresIdleMs} milliseconds'`
  await until(async () => (await postgres.sql(waits)).rows.length > 0)
}

async function otherWrites(
  t: TestContext,
  postgres: PostgresServer,
  stop: (lost: Lost) => void,
): Promise<void> {
  const url = await postgres.newDatabase()
  const store = await openNode(t, { url })
  stop(await takeTurn(t, url))
  await until(() =>
    create(store, objectRecord('a')).then(
      () => true,
      (error: unknown) => {
        assert.ok(error instanceof StoreUnavailable, String(error))
        return false
      },
    ),
  )
  assert.ok(await store.object('instance-1', 'a'))
}

async function starts(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  await (await openNode(t, { url })).close()
  const { connection } = await takeTurn(t, url)
  connection.parse({ text: 'SELECT 1', name: '' })
  await waitsForClient(postgres, url)
  await assert.rejects(openNode(t, { url }), /55P03/)
  await create(await openNode(t, { url }), objectRecord('a'))
}

async function keepsTurn(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  const store = await openNode(t, { url })
  const { client } = await takeTurn(t, url)
  await assert.rejects(create(store, objectRecord('a')), StoreUnavailable)
  const works = client.query(`SELECT pg_sleep(${(postgresTurnMs + postgresIdleMs) / 1000})`)
  await assert.rejects(create(store, objectRecord('b')), StoreUnavailable)
  await works
  await client.query('COMMIT')
  await create(store, objectRecord('c'))
}
