// Backups of a server that goes on, through the front door: the command line makes them while keys are created, and what
// was committed before is in them. A manager alone may, and the audit says who did.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { openAsRecipient, openFileKey } from '../../src/core/backup/keys.ts'
import { readManifest } from '../../src/core/backup/read.ts'
import { openRootKey } from '../../src/outside/rootkey/open.ts'
import { metricIn } from '../support/server/metrics.ts'
import { allRecords } from '../support/store/backup-files.ts'
import { clientCertificate } from '../support/certificates/certificates.ts'
import { command } from '../support/server/command.ts'
import { openTalk, type KmipTalk } from '../support/clients/kmip-talk.ts'
import { startInProcess, type RunningServer } from '../support/server/running.ts'
import { runCli } from '../support/server/server.ts'
import { storeFolder } from '../support/store/store-place.ts'
import { auditRoutes } from '../../src/features/audit/routes.ts'
import { backupRoutes } from '../../src/features/backup/routes.ts'
import { statusRoutes } from '../../src/features/status/routes.ts'

let server: RunningServer
let talk: KmipTalk
before(async () => {
  server = await startInProcess()
  const identity = await clientCertificate('self-signed')
  await server.trust('vcenter', identity)
  talk = await openTalk({ port: server.port, tls: identity.tls })
})
after(async () => {
  talk.close()
  await server[Symbol.asyncDispose]()
})

const backup = (...words: readonly string[]) => command(['backup', ...words], { data: server.data })

const rootKeyFromHere = () => ['--root-key', `file:${path.relative('.', path.join(server.data, 'root.key'))}`]

async function newFile(t: TestContext): Promise<string> {
  return path.join(await storeFolder(t), 'mortise.backup')
}

/** The identifiers of the objects in a backup, opened with the server's root key. */
async function keysIn(file: string): Promise<ReadonlySet<string>> {
  const rootKey = await openRootKey('file:root.key', { dataFolder: server.data, create: false })
  const records = await allRecords(file, await openFileKey(await readManifest(file), rootKey))
  const ids = records.flatMap(({ type, value }) => (type === 'object' ? [value.record.uniqueIdentifier] : []))
  return new Set(ids)
}

test('a backup ends while keys are created every 5 ms, and holds all that were there before it', async (t) => {
  const file = await newFile(t)
  const created: string[] = []
  for (let n = 0; n < 200; n++) created.push(await talk.create())
  const earlier = [...created]
  const ended = new AbortController()
  const writing = (async () => {
    while (!ended.signal.aborted) {
      created.push(await talk.create())
      await sleep(5)
    }
  })()
  const { code, stdout, stderr } = await backup('create', file)
  const during = created.length - earlier.length
  ended.abort()
  await writing
  assert.equal(code, 0, stderr)
  assert.match(
    stdout,
    /A backup of \d+ keys and other objects .* copied to .*\nIt opens with: file:root\.key\./,
  )
  assert.ok(during > 0, 'keys were created meanwhile')
  const kept = await keysIn(file)
  assert.deepEqual(
    earlier.filter((id) => !kept.has(id)),
    [],
  )
  assert.ok([...kept].every((id) => created.includes(id)))
  assert.equal(statSync(file).mode & 0o777, 0o600)
  const made = readdirSync(path.join(server.data, 'backups')).filter((name) => name.endsWith('.backup'))
  assert.equal(made.length, 1)
  assert.deepEqual(readFileSync(file), readFileSync(path.join(server.data, 'backups', made[0] ?? '')))
})

test('the list, status and the audit say what was made, and how many keys are at risk', async () => {
  const { status: before } = await server.admin.call(backupRoutes.listBackups)
  await talk.create()
  const { keysAtRisk, keysOnlyHere, backups } = await statusOf()
  assert.equal(keysAtRisk, before.keysAtRisk + 1)
  assert.ok(keysOnlyHere > keysAtRisk, 'none was copied elsewhere')
  await server.admin.call(backupRoutes.createBackup, { body: {} })
  const later = await statusOf()
  assert.equal(later.keysAtRisk, 0)
  assert.equal(later.last?.objects, keysOnlyHere)
  const { stdout } = await backup('list')
  assert.match(stdout, new RegExp(`${path.basename(later.last.file)}\n`))
  assert.match(stdout, /0 keys are in no backup/)
  const [entry] = (await server.admin.call(auditRoutes.listAudit, { query: { action: 'backup.create' } }))
    .entries
  assert.equal(entry?.object, later.last.id)
  assert.equal(entry.actor.kind, 'token')
  assert.equal(backups, undefined)
  const metrics = await server.admin.call(statusRoutes.metrics)
  assert.equal(metricIn(metrics, 'mortise_keys_at_risk'), 0)
  assert.equal(
    metricIn(metrics, 'mortise_backup_last_success_timestamp_seconds'),
    Date.parse(later.last.created) / 1000,
  )
})

async function statusOf() {
  const { backups } = await server.admin.call(statusRoutes.status)
  assert.ok(backups)
  return { ...backups, backups: undefined }
}

test('a backup for recipients is confirmed, and opens with their identity and without the root key', async (t) => {
  const file = await newFile(t)
  const identity = await generateX25519Identity()
  const recipient = await identityToRecipient(identity)
  const unasked = await backup('create', file, '--recipient', recipient)
  assert.equal(unasked.code, 2)
  assert.match(unasked.stderr, /without a terminal you cannot confirm it: add --yes/)
  const made = await backup('create', file, '--recipient', recipient, '--yes')
  assert.equal(made.code, 0, made.stderr)
  assert.ok(made.stdout.includes(`it opens for: ${recipient}.`), made.stdout)
  const { keys, carried } = await openAsRecipient(await readManifest(file), identity)
  assert.ok((await allRecords(file, keys)).length > 200)
  assert.equal(carried.size, 2, 'the system data key, and the data key of the instance')
  const wrong = await backup('create', `${file}.2`, '--recipient', 'age1wrong', '--yes')
  assert.equal(wrong.code, 1)
  assert.match(wrong.stderr, /age1wrong is not an age recipient: a letter is missing or wrong/)
})

test('a file that is there is not overwritten without --force', async (t) => {
  const file = await newFile(t)
  writeFileSync(file, 'mine')
  const refused = await backup('create', file)
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /exists already; it is not overwritten/)
  assert.equal(readFileSync(file, 'utf8'), 'mine')
  assert.equal((await backup('create', file, '--force')).code, 0)
  assert.equal((await readManifest(file)).format, 1)
})

test('a backup is verified without a server, by root key or identity, and the server records it', async (t) => {
  const file = await newFile(t)
  const identity = await generateX25519Identity()
  const identityFile = `${file}.identity`
  writeFileSync(identityFile, `${identity}\n`)
  const recipient = await identityToRecipient(identity)
  await backup('create', file, '--recipient', recipient, '--yes')
  const { code, stdout, stderr } = await backup('verify', file, '--all')
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^The backup is whole\.\n.*Opened: +all \d{3}\n/s)
  const { backups } = await server.admin.call(statusRoutes.status)
  assert.notEqual(backups?.verified, null)
  const [entry] = (await server.admin.call(auditRoutes.listAudit, { query: { action: 'backup.verify' } }))
    .entries
  assert.equal(entry?.object, (await readManifest(file)).id)

  const elsewhere = await storeFolder(t)
  const byIdentity = ['backup', 'verify', file, '--identity', identityFile, '--json']
  const proof = JSON.parse((await command(byIdentity, { data: elsewhere })).stdout) as {
    ok: boolean
    opened: number
  }
  assert.ok(proof.ok && proof.opened > 200)
  const byFile = await command(['backup', 'verify', file, ...rootKeyFromHere()], { data: elsewhere })
  assert.equal(byFile.code, 0, byFile.stderr)
  const without = await runCli(['backup', 'verify', file, '--data', elsewhere])
  assert.equal(without.code, 1)
  assert.match(without.stderr, /there is no root key at .*root\.key/)
})

const drills = () => readdirSync(tmpdir()).filter((name) => name.startsWith('mortise-drill-'))

test('a drill starts a server on a backup, fetches keys as vCenter does, and leaves nothing behind', async (t) => {
  const file = await newFile(t)
  await backup('create', file)
  const before = drills()
  const elsewhere = await storeFolder(t)
  const siem = path.join(await storeFolder(t), 'siem.jsonl')
  const words = ['backup', 'drill', file, ...rootKeyFromHere(), '--data', elsewhere, '--json']
  const { code, stdout, stderr } = await runCli(words, {
    MORTISE_SIEM_FILE: siem,
    // As that of the server that runs beside it.
    MORTISE_KMIP_HTTPS: `127.0.0.1:${server.port}`,
    MORTISE_KMIP_PROXY_PROTOCOL_FROM: '127.0.0.1',
  })
  assert.equal(code, 0, stderr)
  assert.equal(existsSync(siem), false, 'the SIEM hears nothing of it')
  const drill = JSON.parse(stdout) as { ok: boolean; instances: { keys: number; fetched: number }[] }
  assert.equal(drill.instances[0]?.fetched, 50)
  assert.ok(drill.ok && drill.instances[0].keys > 200)
  assert.deepEqual(drills(), before)
  assert.ok((await talk.get(await talk.create())).ok, 'the server goes on')
})
