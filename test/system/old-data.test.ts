// Data folders that older versions made (test/system/old-data) open with this version: each key is there with its bytes and its state, what
// was closed stays closed, and the server goes on from there, also after another start.

import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import path from 'node:path'
import { suite, test } from 'node:test'
import { migrations } from '../../src/outside/store/sqlite/migrations.ts'
import { archivesOf, checkOldData, checkRecoverable, extract } from '../support/store/old-data.ts'
import { startEmbedded } from '../support/server/server.ts'

const stored = archivesOf('sqlite')

test('a data folder of each schema is stored: run npm run old-data after a new step', () => {
  const schemas = stored.map(({ schema }) => schema)
  // The first version that kept an anchor, and the last one without a least version.
  assert.deepEqual(schemas.slice(0, 3), [2, 4, 11])
  assert.equal(schemas.at(-1), migrations.length)
})

suite('data folders of older versions', { concurrency: 2 }, () => {
  for (const { schema, file } of stored)
    test(`schema ${schema}`, async (t) => {
      const { folder, old } = extract(file)
      t.after(() => rmSync(folder, { recursive: true, force: true }))
      const data = path.join(folder, 'data')
      {
        await using server = await startEmbedded({ data })
        await checkOldData(server, old)
      }
      await using server = await startEmbedded({ data })
      await checkOldData(server, old)
      await checkRecoverable(server, old)
      await server.json('key', 'create', '--instance', 'default')
    })
})
