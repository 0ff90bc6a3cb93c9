// A node whose workers all hang: the connections that wait for them do not take the files that its own process may have open, so that
// the admin API still tells what is wrong.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import path from 'node:path'
import { after, test } from 'node:test'
import { startPostgres, type PostgresServer } from '../../support/postgresql.ts'
import { startServer } from '../../support/server.ts'

const openFiles = 200
const strangersEach = 100

const postgres = await new Promise<PostgresServer | undefined>((resolve, reject) => {
  test('PostgreSQL starts', (t) => startPostgres(t, { fsync: 'off' }).then(resolve, reject))
})
after(() => postgres?.stop('immediate'))

if (postgres)
  test('two workers that hang, and 300 connections', async () => {
    const main = path.resolve(import.meta.dirname, '../../../src/main.ts')
    const shell = `ulimit -n ${openFiles}; exec "$0" "$@"`
    const node = [process.execPath, '--disable-sigusr1', '--disable-warning=ExperimentalWarning', main]
    const env = { MORTISE_STORE: await postgres.newDatabase(), MORTISE_NODE: 'one', MORTISE_WORKERS: '2' }
    await using server = await startServer({ command: ['sh', '-c', shell, ...node], env })
    const { pid } = server.process
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
    assert.equal(children.length, 2)
    const signal = (name: NodeJS.Signals) => children.forEach((child) => process.kill(Number(child), name))
    const strangers: Socket[] = []
    signal('SIGSTOP')
    try {
      for (const localAddress of ['127.0.0.2', '127.0.0.3', '127.0.0.4'])
        for (let n = 0; n < strangersEach; n++) {
          const stranger = connect({ ...server.kmip, localAddress })
          stranger.on('error', () => {})
          strangers.push(stranger)
          await once(stranger, 'connect')
        }
      const { ready } = (await server.json('status')) as { readonly ready: boolean }
      assert.equal(ready, true)
    } finally {
      signal('SIGCONT')
      strangers.forEach((stranger) => stranger.destroy())
    }
  })
