// Databases of older versions on PostgreSQL (test/system/old-data) open with this version, as their data folders do on SQLite.

import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import path from 'node:path'
import { after, test } from 'node:test'
import { knownSchema } from '../../../src/outside/store/postgres/schema.ts'
import { archivesOf, checkOldData, checkRecoverable, extract } from '../../support/store/old-data.ts'
import { startPostgres, type PostgresServer } from '../../support/postgresql/server.ts'
import { startEmbedded } from '../../support/server/server.ts'

const stored = archivesOf('postgres')

test('a database of each schema is stored: run npm run old-data -- --postgres after a new step', () => {
  const schemas = stored.map(({ schema }) => schema)
  assert.equal(schemas[0], 5)
  assert.equal(schemas.at(-1), knownSchema)
})

const postgres = await new Promise<PostgresServer | undefined>((resolve, reject) => {
  test('PostgreSQL starts', (t) => startPostgres(t, { fsync: 'off' }).then(resolve, reject))
})
after(() => postgres?.stop('immediate'))

if (postgres)
  for (const { schema, file } of stored)
    test(`schema ${schema}`, async (t) => {
      const { folder, old } = extract(file)
      t.after(() => rmSync(folder, { recursive: true, force: true }))
      const url = await postgres.newDatabase()
      postgres.load(path.basename(url), path.join(folder, 'dump.sql'))
      const options = {
        data: path.join(folder, 'data'),
        env: { MORTISE_STORE: url, MORTISE_NODE: 'kms-1.example.com' },
      }
      {
        await using server = await startEmbedded(options)
        await checkOldData(server, old)
      }
      await using server = await startEmbedded(options)
      await checkOldData(server, old)
      await checkRecoverable(server, old)
      await server.json('key', 'create', '--instance', 'default')
    })
