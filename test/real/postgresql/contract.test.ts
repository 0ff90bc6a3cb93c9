// The store on PostgreSQL does what every store must do (test/support/store/contract/contract.ts).

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { systemClock } from '../../../src/host/system-clock.ts'
import { openPostgresDump } from '../../../src/outside/store/postgres/dump.ts'
import { postgresLoader } from '../../../src/outside/store/postgres/load.ts'
import { openPostgresStore } from '../../../src/outside/store/postgres/open.ts'
import { parsePostgresUrl } from '../../../src/outside/store/postgres/url.ts'
import { startPostgres, type PostgresServer } from '../../support/postgresql/server.ts'
import { storeContract } from '../../support/store/contract/contract.ts'
import type { StorePlace } from '../../support/store/store-place.ts'

const server = await new Promise<PostgresServer | undefined>((resolve, reject) => {
  test('PostgreSQL starts', (t) => startPostgres(t, { fsync: 'off' }).then(resolve, reject))
})
after(() => server?.stop('immediate'))

if (server) storeContract('PostgreSQL', () => place(server))

async function place(postgres: PostgresServer): Promise<StorePlace> {
  const url = await postgres.newDatabase()
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-store-'))
  const connecting = { place: parsePostgresUrl(url), passwordFile: null }
  return {
    open: () =>
      openPostgresStore({
        url,
        passwordFile: null,
        folder,
        node: 'node-1',
        leaseMs: 8_000,
        clock: systemClock,
      }),
    dump: () => openPostgresDump(connecting),
    load: postgresLoader(connecting, systemClock.now()),
    edit: async (sql) => (await postgres.sql(sql, path.basename(url))).rows as Record<string, unknown>[],
    bytes: (text) => `decode('${Buffer.from(text).toString('hex')}', 'hex')`,
    async remove() {
      await postgres.dropDatabase(url)
      await rm(folder, { recursive: true, force: true })
    },
  }
}
