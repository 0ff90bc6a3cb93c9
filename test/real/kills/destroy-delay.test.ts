// Destroyed keys come back through the front door as they were, whatever was killed in between; a restore brings what waited
// as waiting, and does again what the audit log says of later; after the window the sealed bytes are in no file.

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { destroyedGoneMs } from '../../../src/outside/store/sqlite/open.ts'
import { command } from '../../support/server/command.ts'
import { digestOf, openTalk, states, type KmipTalk } from '../../support/clients/kmip-talk.ts'
import { accept, restoreInto } from '../../support/server/restored.ts'
import { startInProcess } from '../../support/server/running.ts'
import { startServer, type ClientFiles, type TestServer } from '../../support/server/server.ts'
import { instanceRoutes } from '../../../src/features/instances/routes.ts'
import { keyRoutes } from '../../../src/features/keys/routes.ts'

let folder: string
let data: string
let client: ClientFiles
let server: TestServer
let talk: KmipTalk
/** The hash of the bytes that a client got of each key. */
const bytes = new Map<string, string>()

before(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'mortise-delay-'))
  data = path.join(folder, 'data')
  server = await startServer({ data })
  client = await server.issue('vcenter')
  talk = await openTalk({ port: server.kmip.port, tls: client.tls })
  const long = await mortise('instance', 'set', 'default', '--destroy-delay', '99999d')
  assert.equal(long.code, 2)
  assert.match(long.stderr, /--destroy-delay takes at most 366d, not 99999d/)
  assert.equal((await mortise('instance', 'set', 'default', '--destroy-delay', '1h')).code, 0)
})
after(async () => {
  talk.close()
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

const mortise = (...words: readonly string[]) => command(words, { data })

/** SIGKILL, and a start on the same data. */
async function killAndStart(pauseMs = 0): Promise<void> {
  await server.kill()
  talk.close()
  await sleep(pauseMs)
  server = await startServer({ data })
  talk = await openTalk({ port: server.kmip.port, tls: client.tls })
}

async function hashOf(from: KmipTalk, id: string): Promise<string> {
  const answer = await from.get(id)
  assert.ok(answer.ok, answer.message)
  return digestOf(answer) ?? assert.fail('no bytes')
}

async function newKey(): Promise<string> {
  const id = await talk.create()
  bytes.set(id, await hashOf(talk, id))
  return id
}

async function destroy(id: string): Promise<void> {
  const { ok, message } = await talk.destroy(id)
  assert.ok(ok, message)
  assert.equal((await talk.get(id)).ok, false)
  assert.equal(await talk.state(id), states.Destroyed)
}

async function undestroy(id: string): Promise<void> {
  const { code, stderr } = await mortise('key', 'undestroy', id)
  assert.equal(code, 0, stderr)
}

/** The sealed bytes of a key as they lie in the database. */
function sealedOf(id: string): Buffer {
  const database = new DatabaseSync(path.join(data, 'mortise.db'), { readOnly: true })
  try {
    const row = database
      .prepare(
        'SELECT sealed FROM material m JOIN objects o ON m.id = o.material WHERE unique_identifier = ?',
      )
      .get(id)
    return Buffer.from(row?.['sealed'] as Uint8Array)
  } finally {
    database.close()
  }
}

/** The server is another process, so that reading its files here drops none of its locks. */
function isInFiles(part: Buffer): boolean {
  const files = ['mortise.db', 'mortise.db-wal'].map((name) => path.join(data, name))
  return files.some((file) => existsSync(file) && readFileSync(file).includes(part))
}

test('a key that was destroyed comes back with its bytes and state, also when the server is killed in between', async () => {
  const id = await newKey()
  assert.ok((await talk.activate(id)).ok)
  assert.ok((await talk.revoke(id)).ok)
  await destroy(id)
  await killAndStart()
  assert.equal((await talk.get(id)).ok, false)
  const listed = await mortise('key', 'list', '--recoverable')
  assert.match(listed.stdout, new RegExp(`^${id} +Destroyed, recoverable until \\S+ \\S+ \\S+ `, 'm'))
  assert.match((await mortise('key', 'show', id)).stdout, /State: +Destroyed, recoverable until/)
  assert.match((await mortise('instance', 'show', 'default')).stdout, /1 destroyed key can be brought back/)
  const status = await mortise('status')
  assert.match(status.stdout, /1 Destroyed \(1 can be brought back\)/)
  assert.match(status.stdout, /NOTICE: a destroyed key of the instance default can be brought back until/)
  await undestroy(id.slice(0, 8))
  await killAndStart()
  assert.equal(await hashOf(talk, id), bytes.get(id))
  assert.equal(await talk.state(id), states.Deactivated)
  const gone = await mortise('key', 'undestroy', id)
  assert.equal(gone.code, 1)
  assert.match(gone.stderr, /not destroyed/)
})

test('a restore brings what waited as waiting, and does again what came after the backup', async () => {
  const [early, kept, later, twice] = [await newKey(), await newKey(), await newKey(), await newKey()]
  const gone = await newKey()
  await destroy(early)
  await destroy(kept)
  const backup = path.join(folder, 'a.backup')
  assert.equal((await mortise('backup', 'create', backup)).code, 0)
  await undestroy(early)
  await destroy(later)
  await destroy(twice)
  await undestroy(twice)
  assert.equal((await mortise('instance', 'set', 'default', '--destroy-delay', '0')).code, 0)
  await destroy(gone)
  const log = path.join(folder, 'audit.jsonl')
  assert.equal((await mortise('audit', 'export', log)).code, 0)

  const target = path.join(folder, 'restored')
  const rootKey = `file:${data}/root.key`
  const restored = await restoreInto(target, backup, '--root-key', rootKey, '--audit', log)
  assert.deepEqual(
    [restored.applied?.destroyed, restored.applied?.broughtBack, restored.applied?.revoked],
    [2, 1, 0],
  )
  await accept(target)
  await using other = await startInProcess(target)
  const { recoverable } = await other.admin.call(instanceRoutes.showInstance, { instance: 'default' })
  assert.equal(recoverable.count, 2)
  const again = await openTalk({ port: other.port, tls: client.tls })
  for (const id of [early, twice]) assert.equal(await hashOf(again, id), bytes.get(id), 'it was brought back')
  for (const id of [kept, later, gone]) assert.equal((await again.get(id)).ok, false, 'it was destroyed')
  const back = (key: string) =>
    other.admin.call(keyRoutes.undestroyKey, { instance: 'default', key, body: {} })
  await assert.rejects(back(gone), /gone for good/)
  for (const id of [kept, later]) {
    assert.equal((await back(id)).state, 'PreActive')
    assert.equal(await hashOf(again, id), bytes.get(id))
  }
  again.close()
  assert.equal((await command(['audit', 'verify'], { data: target })).code, 0)
})

test('after the window the sealed bytes are in no file of the database, and nothing brings the key back', async () => {
  assert.equal((await mortise('instance', 'set', 'default', '--destroy-delay', '2s')).code, 0)
  const [id, living] = [await newKey(), await newKey()]
  const part = sealedOf(id).subarray(-16)
  const begun = performance.now()
  await destroy(id)
  // A busy machine may come here too late.
  assert.ok(isInFiles(part) || performance.now() - begun >= 2_000, 'it waits')
  // The time that the server is off counts too; a start looks at once.
  await killAndStart(2_100)
  const deadline = performance.now() + 2 * destroyedGoneMs
  while (isInFiles(part)) {
    assert.ok(performance.now() < deadline, 'it is still there')
    await sleep(100)
  }
  assert.equal((await mortise('key', 'undestroy', id)).code, 1)
  const { stdout } = await mortise('audit', 'list', '--action', 'key.erase', '--json')
  assert.deepEqual(
    (JSON.parse(stdout) as { object: string }[]).map(({ object }) => object),
    [id],
  )
  assert.equal(await hashOf(talk, living), bytes.get(living))
})
