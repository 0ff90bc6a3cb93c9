// A node whose workers all hang: the connections that wait for them do not take the files that its own process may have open, so that
// the admin API still tells what is wrong.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { openStrangers, withFewFiles } from '../../support/server/few-files.ts'
import { startPostgres, type PostgresServer } from '../../support/postgresql/server.ts'
import { startServer } from '../../support/server/server.ts'

const postgres = await new Promise<PostgresServer | undefined>((resolve, reject) => {
  test('PostgreSQL starts', (t) => startPostgres(t, { fsync: 'off' }).then(resolve, reject))
})
after(() => postgres?.stop('immediate'))

if (postgres)
  test('two workers that hang, and 300 connections', async () => {
    const env = { MORTISE_STORE: await postgres.newDatabase(), MORTISE_NODE: 'one', MORTISE_WORKERS: '2' }
    await using server = await startServer({ command: withFewFiles, env })
    const { pid } = server.process
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
    assert.equal(children.length, 2)
    const signal = (name: NodeJS.Signals) => children.forEach((child) => process.kill(Number(child), name))
    signal('SIGSTOP')
    try {
      using _strangers = await openStrangers(server.kmip)
      const { ready } = (await server.json('status')) as { readonly ready: boolean }
      assert.equal(ready, true)
    } finally {
      signal('SIGCONT')
    }
  })
