// A server whose process may have few files open: strangers who ask for more connections than it may hold take none of the files
// that the database, the admin API and a backup need, and a trusted client still connects.

import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { openStrangers, withFewFiles } from '../support/server/few-files.ts'
import { openTalk } from '../support/clients/kmip-talk.ts'
import { startServer } from '../support/server/server.ts'
import { skipOrFail } from '../support/server/skip.ts'

test('200 open files, and 300 connections of strangers', async (t) => {
  if (process.platform !== 'linux')
    return skipOrFail(t, 'only Linux says how many files a process may have open')
  await using server = await startServer({ command: withFewFiles })
  const client = await server.issue('vcenter')
  using _strangers = await openStrangers(server.kmip)
  const { conditions } = (await server.json('status')) as { conditions: { id: string; message: string }[] }
  const few = conditions.find(({ id }) => id === 'connections-few')
  assert.match(few?.message ?? '', /^at most \d+ KMIP clients can be connected: .* 200 files open$/)
  const talk = await openTalk({ port: server.kmip.port, tls: client.tls })
  const identifier = await talk.create()
  assert.ok((await talk.get(identifier)).ok)
  talk.close()
  await server.json('backup', 'create', path.join(client.folder, 'files.backup'))
})
