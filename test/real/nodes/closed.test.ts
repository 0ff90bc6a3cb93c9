// Two nodes with workers on one database: what a manager closes at one of them, every process of both refuses with the next message, also on
// connections that are open.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTalk, type KmipTalk } from '../../support/clients/kmip-talk.ts'
import { startPostgres } from '../../support/postgresql/server.ts'
import { startNodes } from '../../support/server/nodes.ts'

const connectionsPerNode = 6

test('closed at one node, no process of either node hands out a key; opened at the other, all do', async (t) => {
  const database = await startPostgres(t)
  if (!database) return
  t.after(() => database.stop('immediate'))
  await using nodes = await startNodes(database, { env: { MORTISE_WORKERS: '2' } })
  const { one, two } = nodes
  const { tls } = await one.server.issue('vc')
  const talks: KmipTalk[] = []
  t.after(() => talks.forEach((talk) => talk.close()))
  for (const node of nodes.both)
    for (let n = 0; n < connectionsPerNode; n++)
      talks.push(await openTalk({ port: node.server.kmip.port, tls }))
  const key = (await talks[0]?.create()) ?? ''
  const answers = async () => Promise.all(talks.map(async (talk) => (await talk.get(key)).ok))
  assert.ok((await answers()).every((ok) => ok))
  for (const [closes, opens] of [
    [one, two],
    [two, one],
  ] as const) {
    await closes.server.json('instance', 'close', 'default', '--reason', 'a host was stolen')
    assert.deepEqual(new Set(await answers()), new Set([false]))
    await opens.server.json('instance', 'open', 'default')
    assert.deepEqual(new Set(await answers()), new Set([true]))
  }
  await two.server.json('server', 'close', '--reason', 'intrusion')
  assert.deepEqual(new Set(await answers()), new Set([false]))
  await one.server.json('server', 'open')
  assert.deepEqual(new Set(await answers()), new Set([true]))
})
