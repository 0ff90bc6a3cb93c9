// A server whose process may have few files open: strangers who ask for more connections than it may hold take none of the files
// that the database, the admin API and a backup need, and a trusted client still connects.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import { openTalk } from '../support/kmip-talk.ts'
import { startServer } from '../support/server.ts'
import { skipOrFail } from '../support/skip.ts'

const openFiles = 200
const strangersEach = 100

test('200 open files, and 300 connections of strangers', async (t) => {
  if (process.platform !== 'linux')
    return skipOrFail(t, 'only Linux says how many files a process may have open')
  const main = path.resolve(import.meta.dirname, '../../src/main.ts')
  const shell = `ulimit -n ${openFiles}; exec "$0" "$@"`
  const node = [process.execPath, '--disable-sigusr1', '--disable-warning=ExperimentalWarning', main]
  await using server = await startServer({ command: ['sh', '-c', shell, ...node] })
  const client = await server.issue('vcenter')
  const strangers: Socket[] = []
  t.after(() => strangers.forEach((stranger) => stranger.destroy()))
  for (const localAddress of ['127.0.0.2', '127.0.0.3', '127.0.0.4'])
    for (let n = 0; n < strangersEach; n++) {
      const stranger = connect({ ...server.kmip, localAddress })
      stranger.on('error', () => {})
      strangers.push(stranger)
      await once(stranger, 'connect')
    }
  const { conditions } = (await server.json('status')) as { conditions: { id: string; message: string }[] }
  const few = conditions.find(({ id }) => id === 'connections-few')
  assert.match(few?.message ?? '', /^at most \d+ KMIP clients can be connected: .* 200 files open$/)
  const talk = await openTalk({ port: server.kmip.port, tls: client.tls })
  const identifier = await talk.create()
  assert.ok((await talk.get(identifier)).ok)
  talk.close()
  await server.json('backup', 'create', path.join(client.folder, 'files.backup'))
})
