// A full disk, as clients and administrators meet it: nothing can be created or changed, and the answer says why; keys
// are still served, each with its access record; health says so; and with room again all goes on by itself.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { openTalk } from '../support/clients/kmip-talk.ts'
import { startServer, type TestServer } from '../support/server/server.ts'
import { emptyDisk, fillDisk, mountSmallDisk } from '../support/store/small-disk.ts'

test('a full disk refuses changes, serves keys, and is forgotten when there is room', async (t) => {
  const servers: TestServer[] = []
  const folder = await mountSmallDisk(t, () => Promise.all(servers.map((server) => server.stop())))
  if (folder === undefined) return
  const server = await startServer({ data: folder })
  servers.push(server)
  const { tls } = await server.issue('vcenter')
  const talk = await openTalk({ port: server.kmip.port, tls })
  t.after(() => talk.close())
  const id = await talk.create()
  assert.ok((await talk.activate(id)).ok)

  fillDisk(folder, 0)
  await assert.rejects(talk.create(), /disk is full: nothing can be created or changed/)
  const revoked = await talk.revoke(id)
  assert.equal(revoked.reason, 0x100)
  assert.match(revoked.message ?? '', /disk is full/)
  for (let n = 0; n < 50; n++) assert.ok((await talk.get(id)).ok, 'the key is still served')
  const health = (await server.json('instance', 'list')) as unknown[]
  assert.equal(health.length, 1, 'the admin door reads')
  const trusted = await server.cli('client', 'remove', 'vcenter', '--instance', 'default')
  assert.equal(trusted.code, 1)
  assert.match(trusted.stderr, /disk is full.*[Mm]ake room/s)

  emptyDisk(folder)
  const again = await untilCreated(() => talk.create())
  assert.ok((await talk.get(again)).ok)
  assert.equal(await talk.state(id), 2, 'what was refused was not done')
  const gets = (await server.json('audit', 'list', '--limit', '1000')) as { action: string; object: string }[]
  assert.equal(gets.filter(({ action, object }) => action === 'key.get' && object === id).length, 50)
  assert.equal((await server.cli('audit', 'verify')).code, 0)
})

async function untilCreated(create: () => Promise<string>): Promise<string> {
  const deadline = performance.now() + 30_000
  for (;;) {
    try {
      return await create()
    } catch (error) {
      if (performance.now() > deadline) throw error
      await setTimeout(200)
    }
  }
}
