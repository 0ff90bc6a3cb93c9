// Runs alone: it kills, pauses and cuts off whole servers, and waits for them to serve again.
//
// A minute of `npm run soak -- --topology two-nodes`.

import { after, test } from 'node:test'
import { startPostgres, type PostgresServer } from '../../support/postgresql.ts'
import { soakNodes } from '../../support/soak-nodes.ts'

const postgres = await new Promise<PostgresServer | undefined>((resolve, reject) => {
  test('PostgreSQL starts', (t) => startPostgres(t).then(resolve, reject))
})
after(() => postgres?.stop('immediate'))
if (postgres)
  test('two nodes that are killed, sleep and are cut off, and a database that restarts, lose nothing', async (t) => {
    const done = await soakNodes(postgres, { minutes: 1, seed: 11, clients: 4 })
    t.diagnostic(JSON.stringify(done))
  })
