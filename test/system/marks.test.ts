// Somebody who can write the database puts the old rows of a destroyed key back, with and without its mark, while the server
// runs and while it does not; and what backups, restores and restore-accept make of marks. A whole server, in this process.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { before, test, type TestContext } from 'node:test'
import { readSettings } from '../support/server/config.ts'
import { acceptRestore } from '../../src/host/restore-accept.ts'
import { createLog } from '../../src/outside/telemetry/log.ts'
import { createMetrics } from '../../src/outside/telemetry/metrics.ts'
import { clientCertificate, type TestIdentity } from '../support/certificates/certificates.ts'
import { command } from '../support/server/command.ts'
import { edit, look } from '../support/server/core.ts'
import { digestOf, openTalk, type KmipTalk } from '../support/clients/kmip-talk.ts'
import { keepRows } from '../support/store/put-back.ts'
import { accept, restoreInto } from '../support/server/restored.ts'
import { startInProcess, type RunningServer } from '../support/server/running.ts'
import { clientRoutes } from '../../src/features/clients/routes.ts'
import { statusRoutes } from '../../src/features/status/routes.ts'

let identity: TestIdentity
before(async () => {
  identity = await clientCertificate('self-signed')
})

const wasDestroyed = /was destroyed/
const file = (data: string) => path.join(data, 'mortise.db')
const run = (data: string) => (sql: string) => edit(file(data), sql)

async function folder(t: TestContext): Promise<(name: string) => string> {
  const made = await mkdtemp(path.join(tmpdir(), 'mortise-marks-'))
  t.after(() => rm(made, { recursive: true, force: true }))
  return (name) => path.join(made, name)
}

/** Starts the server, trusts the client the first time, and stops it. */
async function using<T>(
  data: string,
  use: (talk: KmipTalk, server: RunningServer) => Promise<T>,
): Promise<T> {
  await using server = await startInProcess(data)
  const clients = await server.admin.call(clientRoutes.listClients, { instance: 'default' }).catch(() => [])
  if (clients.length === 0) await server.trust('vcenter', identity)
  const talk = await openTalk({ port: server.port, tls: identity.tls })
  try {
    return await use(talk, server)
  } finally {
    talk.close()
  }
}

async function tampering({ admin }: RunningServer): Promise<string> {
  const { conditions } = await admin.call(statusRoutes.status)
  return conditions.flatMap(({ id, message }) => (id === 'tampering' ? [message] : [])).join('; ')
}

async function refused(talk: KmipTalk, ...ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const { ok, message } = await talk.get(id)
    assert.equal(ok, false, `${id} is served`)
    assert.match(message ?? '', wasDestroyed)
  }
}

async function cli(data: string, ...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await command(words, { data })
  assert.equal(code, 0, stderr)
  return stdout
}

/** The owner accepts the database although nothing is wrong with it. */
async function acceptAnyway(data: string) {
  const settings = readSettings({ data })
  const log = createLog({ format: 'json', level: 'info', write: () => undefined })
  return acceptRestore({ settings, log, metrics: createMetrics() }, true)
}

test('rows that are put back seconds after Destroy are not served, and status says so until the key is destroyed again', async (t) => {
  const data = (await folder(t))('data')
  await using(data, async (talk, server) => {
    const [id, other] = [await talk.create(), await talk.create()]
    assert.ok((await talk.get(id)).ok)
    const putBack = await keepRows(run(data), id)
    assert.ok((await talk.destroy(id)).ok)
    assert.equal(await tampering(server), '')
    await putBack()
    await refused(talk, id)
    assert.ok((await talk.get(other)).ok)
    assert.match(await tampering(server), new RegExp(`a key of the instance default does not open.*${id}`))
    assert.ok((await talk.destroy(id)).ok)
    assert.equal(await tampering(server), '')
  })
})

test('a mark that was removed while no server ran is found at the start, and deletes nothing', async (t) => {
  const data = (await folder(t))('data')
  const [id, putBack] = await using(data, async (talk) => {
    const made = await talk.create()
    const back = await keepRows(run(data), made)
    assert.ok((await talk.destroy(made)).ok)
    return [made, back] as const
  })
  await putBack()
  edit(file(data), 'DELETE FROM marks')
  await using(data, async (_, server) => {
    assert.match(
      await tampering(server),
      /1 mark of a destroyed key was removed from the database \(number 1\)/,
    )
    assert.ok(server.log.some((line) => line.includes('"alarm":"tampering"')))
  })
  assert.equal(
    look(file(data), 'SELECT 1 FROM objects WHERE unique_identifier = ? AND material IS NOT NULL', id).length,
    1,
  )
})

test('restore-accept signs marks again: destroyed keys stay so, and so do those whose mark was forged, as far as the log knows', async (t) => {
  const data = (await folder(t))('data')
  const ids = await using(data, async (talk) => {
    const [gone, altered, live, back] = [
      await talk.create(),
      await talk.create(),
      await talk.create(),
      await talk.create(),
    ]
    const putBack = await keepRows(run(data), gone, altered)
    for (const id of [gone, altered]) assert.ok((await talk.destroy(id)).ok)
    await cli(data, 'instance', 'set', 'default', '--destroy-delay', '7d')
    assert.ok((await talk.destroy(back)).ok)
    await cli(data, 'key', 'undestroy', back)
    await putBack()
    return { gone, altered, live, back }
  })
  edit(file(data), `UPDATE marks SET mac = digest WHERE unique_identifier = ?`, ids.altered)
  const forge = `INSERT INTO marks SELECT (SELECT max(number) + 1 FROM marks), instance_id, ?, 0, digest, mac FROM marks WHERE number = 1`
  edit(file(data), forge, ids.live)
  await using(data, async (talk, server) => {
    await refused(talk, ids.gone, ids.altered, ids.live)
    assert.ok((await talk.get(ids.back)).ok)
    assert.match(
      await tampering(server),
      /2 marks of destroyed keys were altered, or not written by this server/,
    )
  })
  const { marksRemoved } = await acceptAnyway(data)
  assert.equal(marksRemoved, 1)
  await using(data, async (talk, server) => {
    await refused(talk, ids.gone, ids.altered)
    for (const id of [ids.live, ids.back]) assert.ok((await talk.get(id)).ok)
    assert.doesNotMatch(await tampering(server), /mark/)
    for (const id of [ids.gone, ids.altered]) assert.ok((await talk.destroy(id)).ok)
    assert.equal(await tampering(server), '')
    // New marks follow those that were signed again.
    assert.ok((await talk.destroy(ids.live)).ok)
  })
  await using(data, async (talk, server) => {
    assert.equal(await tampering(server), '')
    await refused(talk, ids.live)
  })
})

test('a restored server has the marks of its backup, what was destroyed since by the audit log, and what was brought back', async (t) => {
  const at = await folder(t)
  const data = at('old')
  const {
    before: old,
    since,
    back,
    again,
    twice,
    kept,
  } = await using(data, async (talk) => {
    await cli(data, 'instance', 'set', 'default', '--destroy-delay', '7d')
    const ids = {
      before: await talk.create(),
      since: await talk.create(),
      back: await talk.create(),
      again: await talk.create(),
      twice: await talk.create(),
      kept: await talk.create(),
    }
    for (const id of [ids.before, ids.back, ids.again, ids.twice]) assert.ok((await talk.destroy(id)).ok)
    // Its last mark in the backup says that it was brought back.
    await cli(data, 'key', 'undestroy', ids.twice)
    const bytes = digestOf(await talk.get(ids.kept))
    await cli(data, 'backup', 'create', at('a.backup'))
    for (const id of [ids.since, ids.twice]) assert.ok((await talk.destroy(id)).ok)
    for (const id of [ids.back, ids.again]) await cli(data, 'key', 'undestroy', id)
    // It waits for longer than its mark in the backup says.
    assert.ok((await talk.destroy(ids.again)).ok)
    await cli(data, 'audit', 'export', at('audit.jsonl'))
    assert.ok(bytes)
    return ids
  })
  assert.match(await cli(data, 'backup', 'verify', at('a.backup')), /./)
  const words = ['--root-key', `file:${path.join(data, 'root.key')}`]
  await restoreInto(at('new'), at('a.backup'), '--audit', at('audit.jsonl'), ...words)
  assert.match((await accept(at('new'))) ?? '', /was restored from/)
  await using(at('new'), async (talk, server) => {
    assert.equal(await tampering(server), '')
    await refused(talk, old, since, again, twice)
    for (const id of [back, kept]) assert.ok((await talk.get(id)).ok, id)
    await cli(at('new'), 'key', 'undestroy', again)
    assert.ok((await talk.get(again)).ok)
    assert.equal(await tampering(server), '')
  })
  const marks = look(
    file(at('new')),
    'SELECT unique_identifier AS id, due_ms AS due FROM marks ORDER BY number',
  )
  assert.deepEqual(
    marks.map(({ id, due }) => [id, Number(due) > 0 ? 'waits' : due]),
    [
      [old, 'waits'],
      [back, 'waits'],
      [again, 'waits'],
      [twice, 'waits'],
      [twice, -1],
      [back, -1],
      [again, 'waits'],
      [since, 'waits'],
      [twice, 'waits'],
      [again, -1],
    ],
  )
})

test('an instance that is restored from a backup keeps closed what a newer mark closes, however far back the log reaches', async (t) => {
  const at = await folder(t)
  const data = at('data')
  await using(data, async (talk, server) => {
    const [gone, removed, kept] = [await talk.create(), await talk.create(), await talk.create()]
    const bytes = digestOf(await talk.get(kept))
    await cli(data, 'backup', 'create', at('a.backup'))
    const putBack = await keepRows(run(data), gone)
    for (const id of [gone, removed]) assert.ok((await talk.destroy(id)).ok)
    const untilNow = ['--before', new Date().toISOString(), '--younger', '--yes']
    await cli(data, 'audit', 'prune', ...untilNow, '--export', at('before.jsonl'))
    await cli(data, 'instance', 'delete', 'default', '--shred', 'default')
    await putBack()
    edit(file(data), 'DELETE FROM objects WHERE unique_identifier = ?', removed)
    await cli(data, 'restore', at('a.backup'), '--instance', 'default', '--with-clients', '--yes')
    const again = await openTalk({ port: server.port, tls: identity.tls })
    await refused(again, gone, removed)
    assert.equal(digestOf(await again.get(kept)), bytes)
    again.close()
    const rows = look(
      file(data),
      'SELECT state, material FROM objects WHERE unique_identifier IN (?, ?)',
      gone,
      removed,
    )
    assert.deepEqual(
      rows.map(({ state, material }) => [state, material]),
      [
        ['Destroyed', null],
        ['Destroyed', null],
      ],
    )
    assert.equal(await tampering(server), '')
  })
})

test('an instance that is restored keeps until when a destroyed key can be brought back, by its mark', async (t) => {
  const at = await folder(t)
  const data = at('data')
  await using(data, async (talk, server) => {
    await cli(data, 'instance', 'set', 'default', '--destroy-delay', '7d')
    const [returned, removed] = [await talk.create(), await talk.create()]
    const bytes = [digestOf(await talk.get(returned)), digestOf(await talk.get(removed))]
    await cli(data, 'backup', 'create', at('a.backup'))
    const putBack = await keepRows(run(data), returned)
    for (const id of [returned, removed]) assert.ok((await talk.destroy(id)).ok)
    await cli(data, 'instance', 'delete', 'default', '--shred', 'default')
    await putBack()
    edit(file(data), 'DELETE FROM objects WHERE unique_identifier = ?', removed)
    // The wall clock was set back since, so that the log names a later moment than the marks.
    edit(file(data), `UPDATE meta SET value = value - 60000 WHERE key = 'recovery_at_ms'`)
    await cli(data, 'restore', at('a.backup'), '--instance', 'default', '--with-clients', '--yes')
    const again = await openTalk({ port: server.port, tls: identity.tls })
    await refused(again, returned, removed)
    assert.equal(await tampering(server), '')
    await cli(data, 'key', 'undestroy', returned)
    await cli(data, 'key', 'undestroy', removed)
    assert.deepEqual([digestOf(await again.get(returned)), digestOf(await again.get(removed))], bytes)
    again.close()
  })
})

test('rows that were put back before a backup are not served on the server into which the instance is restored', async (t) => {
  const at = await folder(t)
  const [gone, kept] = await using(at('old'), async (talk) => {
    const ids = [await talk.create(), await talk.create()] as const
    const putBack = await keepRows(run(at('old')), ids[0])
    assert.ok((await talk.destroy(ids[0])).ok)
    await putBack()
    await cli(at('old'), 'backup', 'create', at('a.backup'))
    return ids
  })
  await using(at('new'), async (_, server) => {
    const words = ['--instance', 'default', '--name', 'back', '--with-clients', '--yes']
    const rootKey = ['--root-key', `file:${at('old')}/root.key`]
    await cli(at('new'), 'client', 'remove', 'vcenter')
    await cli(at('new'), 'restore', at('a.backup'), ...words, ...rootKey)
    const talk = await openTalk({ port: server.port, tls: identity.tls })
    await refused(talk, gone)
    assert.ok((await talk.get(kept)).ok)
    talk.close()
  })
})
