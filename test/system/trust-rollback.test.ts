// Somebody who can write the database puts back all trusted rows of yesterday, with their list and its version, while the server
// is stopped: a client that was removed would be trusted again. The anchor names a newer version, so nothing is served,
// and the start says why; also when the server died before a checkpoint could sign for the removal.

import assert from 'node:assert/strict'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { startEmbedded, startServer } from '../support/server/server.ts'

test('trusted rows that were put back as a whole while the server was stopped are noticed at the next start', async (t) => {
  const first = await startEmbedded()
  t.after(async () => first[Symbol.asyncDispose]())
  await first.issue('vcenter')
  assert.equal(await first.stop(), 0)
  const file = path.join(first.data, 'mortise.db')
  const rows = select(file, 'SELECT kind, id, body, mac FROM trust')
  const [version] = select(file, `SELECT value FROM meta WHERE key = 'trust_version'`)

  const second = await startServer({ data: first.data })
  assert.equal((await second.cli('client', 'remove', 'vcenter', '--instance', 'default')).code, 0)
  await second.kill()

  const database = new DatabaseSync(file)
  database.exec('DELETE FROM trust')
  const insert = database.prepare('INSERT INTO trust (kind, id, body, mac) VALUES (?, ?, ?, ?)')
  for (const { kind, id, body, mac } of rows)
    insert.run(kind as string, id as string, body as string, mac as Buffer)
  database.prepare(`UPDATE meta SET value = ? WHERE key = 'trust_version'`).run(version?.['value'] as number)
  database.close()

  await assert.rejects(
    startEmbedded({ data: first.data }),
    /older than its anchor.*: trust is at version \d+, and was at \d+.*restore-accept/s,
  )
})

function select(file: string, sql: string) {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    return database.prepare(sql).all()
  } finally {
    database.close()
  }
}
