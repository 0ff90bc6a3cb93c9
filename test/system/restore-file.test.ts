// A backup restored onto an empty machine: every key has its bytes, what was closed since stays closed where the audit log of
// the last server says so, nothing is served before the owner accepts it, and a new writer goes on in the audit log.

import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { after, before, test, type TestContext } from 'node:test'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { readManifest } from '../../src/core/backup/read.ts'
import { writeRootKeyFile } from '../../src/outside/rootkey/file-format.ts'
import { clientCertificate, type TestIdentity } from '../support/certificates/certificates.ts'
import { command } from '../support/server/command.ts'
import { digestOf, openTalk, type KmipTalk } from '../support/clients/kmip-talk.ts'
import { accept, restoreInto } from '../support/server/restored.ts'
import { skipOrFail } from '../support/server/skip.ts'
import { startInProcess, type RunningServer } from '../support/server/running.ts'
import { operations, struct, tags, text, types } from '../support/clients/wire.ts'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { clientRoutes } from '../../src/features/clients/routes.ts'

let folder: string
const inFolder = (name: string) => path.join(folder, name)
let vcenter: TestIdentity
let removed: TestIdentity
/** Keys of the backup, with the hash of the bytes that a client got. */
const bytes = new Map<string, string>()
const [revoked, destroyed, later]: [string[], string[], string[]] = [[], [], []]
/** It got a Deactivation Date after the backup, which has passed. */
let outdated = ''
let identityText: string
let withdrawnAt: string
/** When vcenter was last seen before the backup, as far as it was written. */
let lastSeen: string
/** Nothing of later is in the backup. */
let backedUpAt: string

/** A server of which a backup is made; then it goes on, and is lost. */
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'mortise-restore-file-'))
  const data = inFolder('old')
  vcenter = await clientCertificate('self-signed')
  removed = await clientCertificate('self-signed-renewed')
  lastSeen = await seenOnce(data)
  await using server = await startInProcess(data)
  await server.trust('removed', removed)
  await server.trust('limited', await clientCertificate('self-signed-other'))
  const talk = await openTalk({ port: server.port, tls: vcenter.tls })
  for (let n = 0; n < 30; n++) {
    const id = await talk.create()
    if (n % 2 === 0) await talk.activate(id)
    bytes.set(id, await bytesOf(talk, id))
  }
  identityText = await generateX25519Identity()
  const recipient = await identityToRecipient(identityText)
  const words = ['backup', 'create', inFolder('a.backup'), '--recipient', recipient, '--yes']
  assert.equal((await command(words, { data })).code, 0)
  backedUpAt = new Date().toISOString()

  const ids = [...bytes.keys()]
  for (const id of ids.slice(0, 4)) {
    if (ids.indexOf(id) % 2 === 1) await talk.activate(id)
    await talk.revoke(id)
    revoked.push(id)
  }
  for (const id of ids.filter((_, n) => n % 2 === 1).slice(3, 6)) {
    const { ok, message } = await talk.destroy(id)
    assert.ok(ok, message)
    destroyed.push(id)
  }
  outdated = ids[4] ?? assert.fail('no key')
  const date = {
    tag: tags.AttributeValue,
    type: types.DateTime,
    value: BigInt(Math.floor(Date.now() / 1000)),
  }
  const dated = await talk.ask(
    operations.AddAttribute,
    text('UniqueIdentifier', outdated),
    struct('Attribute', text('AttributeName', 'Deactivation Date'), date),
  )
  assert.ok(dated.ok, dated.message)
  for (let n = 0; n < 3; n++) later.push(await talk.create())
  talk.close()
  withdrawnAt = new Date().toISOString()
  assert.equal((await command(['client', 'remove', 'removed'], { data })).code, 0)
  assert.equal((await command(['client', 'set', 'limited', '--allow', 'read'], { data })).code, 0)
  assert.equal((await command(['audit', 'export', inFolder('audit.jsonl')], { data })).code, 0)
  const checkpoint = server.log.findLast((line) => line.includes('"checkpoint":')) ?? ''
  writeFileSync(inFolder('checkpoint.json'), checkpoint)
  const pruned = ['audit', 'prune', '--before', new Date().toISOString(), '--younger', '--yes']
  assert.equal((await command([...pruned, '--export', inFolder('before.jsonl')], { data })).code, 0)
  assert.equal((await command(['audit', 'export', inFolder('pruned.jsonl')], { data })).code, 0)
})
after(() => rm(folder, { recursive: true, force: true }))

/** A run in which vcenter connects; its end writes when that was. */
async function seenOnce(data: string): Promise<string> {
  await using server = await startInProcess(data)
  await server.trust('vcenter', vcenter)
  const talk = await openTalk({ port: server.port, tls: vcenter.tls })
  await talk.create()
  talk.close()
  return await lastSeenOf(server)
}

async function lastSeenOf({ admin }: RunningServer): Promise<string> {
  const client = await admin.call(clientRoutes.showClient, { instance: 'default', client: 'vcenter' })
  assert.equal(client.lastSeen?.certificateSha256, vcenter.certificate.sha256)
  assert.equal(client.certificates[0]?.lastSeen, client.lastSeen.at)
  return client.lastSeen.at
}

async function bytesOf(talk: KmipTalk, id: string): Promise<string> {
  const hash = digestOf(await talk.get(id))
  assert.ok(hash)
  return hash
}

const rootKey = () => ['--root-key', `file:${inFolder('old/root.key')}`]
const relativeRootKey = () => ['--root-key', `file:${path.relative('.', inFolder('old/root.key'))}`]

async function startRestored(
  data: string,
  use: (talk: KmipTalk, port: number) => Promise<void>,
): Promise<void> {
  await using server = await startInProcess(data)
  // The server writes it every few seconds, so the backup may have a newer one.
  const seen = await lastSeenOf(server)
  assert.ok(seen >= lastSeen && seen <= backedUpAt, `still known from the backup, not ${seen}`)
  const talk = await openTalk({ port: server.port, tls: vcenter.tls })
  try {
    await use(talk, server.port)
  } finally {
    talk.close()
  }
  assert.equal((await command(['audit', 'verify'], { data })).code, 0, 'the audit log is whole')
}

let folders = 0
const emptyFolder = () => inFolder(`new-${++folders}`)

test('with an audit export of the last server, all that was closed since is closed again', async () => {
  const data = emptyFolder()
  const restored = await restoreInto(
    data,
    inFolder('a.backup'),
    ...rootKey(),
    '--audit',
    inFolder('audit.jsonl'),
  )
  assert.deepEqual(restored.applied && { ...restored.applied, upTo: '', entries: 0 }, {
    upTo: '',
    entries: 0,
    revoked: 4,
    destroyed: 3,
    broughtBack: 0,
    blocked: 0,
  })
  assert.deepEqual(restored.keysLost?.toSorted(), later.toSorted())
  assert.deepEqual(restored.withdrawn, ['client removed'])
  assert.deepEqual(restored.limited, ['limited: read'])
  const { serverId, created } = await readManifest(inFolder('a.backup'))
  const backup = `was restored from the backup that the server ${serverId} made at ${created} (${inFolder('a.backup')})`
  await assert.rejects(startInProcess(data), (error: Error) => {
    return error.message.includes(backup) && error.message.endsWith('Nothing is served')
  })
  assert.ok((await accept(data))?.endsWith(backup))
  rmSync(path.join(data, 'mortise.db.anchor'))
  await assert.rejects(startInProcess(data), /its anchor mortise\.db\.anchor is missing/)
  await accept(data)
  await startRestored(data, async (talk, port) => {
    for (const [id, expected] of bytes) {
      const answer = await talk.get(id)
      if (destroyed.includes(id)) assert.equal(answer.ok, false, `${id} was destroyed`)
      else assert.equal(digestOf(answer), expected, id)
    }
    for (const id of revoked) assert.equal(await talk.state(id), 3, `${id} stays revoked`)
    assert.equal(await talk.state(outdated), 3, 'its Deactivation Date has come')
    for (const id of later) assert.equal((await talk.get(id)).ok, false)
    const stranger = await openTalk({ port, tls: removed.tls })
    assert.equal(
      (await stranger.get([...bytes.keys()][0] ?? '')).reason,
      3,
      'the removed client is not trusted',
    )
    stranger.close()
    const limited = await command(['client', 'show', 'limited', '--json'], { data })
    assert.deepEqual((JSON.parse(limited.stdout) as { allow: string[] }).allow, ['read'])
    await talk.create()
    const { stdout } = await command(['audit', 'list', '--action', 'backup.restore', '--json'], { data })
    const [entry] = JSON.parse(stdout) as { object: string; number: number }[]
    assert.deepEqual([entry?.object, entry?.number], [restored.id, 1], 'the first entry of its writer')
  })
})

test('without an audit export it says what may be open again, and asks', async (t) => {
  const data = emptyFolder()
  const words = ['restore', inFolder('a.backup'), ...rootKey()]
  const asked = await command(words, { data, terminal: true, input: 'no\n' })
  assert.equal(asked.code === 0, false)
  assert.match(
    asked.stderr,
    /Keys of default that were revoked or destroyed since are open again\. .*it trusts: .*removed/s,
  )
  assert.equal(existsSync(path.join(data, 'mortise.db')), false)
  t.diagnostic(asked.stderr.split('\n')[0] ?? '')
  const restored = await restoreInto(
    data,
    inFolder('a.backup'),
    ...relativeRootKey(),
    '--yes',
    '--checkpoint',
    inFolder('checkpoint.json'),
  )
  assert.ok((restored.beyond?.entries ?? 0) > 0, 'the checkpoint knows of later entries')
  await accept(data)
  await startRestored(data, async (talk) => {
    for (const [id, expected] of bytes) assert.equal(await bytesOf(talk, id), expected)
  })
})

test('with an audit export that was pruned since the backup it says so, and asks', async () => {
  const words = ['restore', inFolder('a.backup'), ...rootKey(), '--audit', inFolder('pruned.jsonl')]
  const asked = await command(words, { data: emptyFolder(), terminal: true, input: 'no\n' })
  assert.equal(asked.code, 1)
  assert.match(
    asked.stderr,
    /are open again\.[^]* what \d+ entries after the backup said, which were pruned /,
  )
})

test('with an age identity it opens without its root key, and a new one takes over', async () => {
  const data = emptyFolder()
  writeFileSync(inFolder('identity'), identityText)
  const words = ['restore', inFolder('a.backup'), '--identity', inFolder('identity'), '--yes', '--data', data]
  const { code, stdout, stderr } = await command(words)
  assert.equal(code, 0, stderr)
  assert.ok(stdout.includes(`  mortise restore-accept --data ${data}\n`), stdout)
  assert.notDeepEqual(readFileSync(path.join(data, 'root.key')), readFileSync(inFolder('old/root.key')))
  await accept(data)
  await startRestored(data, async (talk) => {
    for (const [id, expected] of bytes) assert.equal(await bytesOf(talk, id), expected)
    await talk.create()
  })
})

test('trust that is newer than a date is left out', async () => {
  const data = emptyFolder()
  const restored = await restoreInto(
    data,
    inFolder('a.backup'),
    ...rootKey(),
    '--yes',
    '--distrust-newer',
    '2026-01-01',
  )
  assert.equal(restored.withdrawn.length, 3, 'the certificates of all clients')
  const none = await restoreInto(
    emptyFolder(),
    inFolder('a.backup'),
    ...rootKey(),
    '--yes',
    '--distrust-newer',
    withdrawnAt,
  )
  assert.deepEqual(none.withdrawn, [])
  await accept(data)
  await using server = await startInProcess(data)
  const talk = await openTalk({ port: server.port, tls: vcenter.tls })
  assert.equal((await talk.get([...bytes.keys()][0] ?? '')).reason, 3)
  talk.close()
})

async function refused(
  t: TestContext,
  data: string,
  words: readonly string[],
  reason: RegExp,
): Promise<void> {
  const before = existsSync(data) && readdirSync(data)
  await assert.rejects(async () => {
    const { code, stderr } = await command(['restore', ...words], { data })
    if (code !== 0) throw new Error(stderr)
  }, reason)
  assert.deepEqual(existsSync(data) && readdirSync(data), before, 'nothing was made')
  t.diagnostic(words.join(' '))
}

test("the copy of the root key is closed to others, whatever the mode of the given file, also after a killed restore, and takes no other key's place", async (t) => {
  const given = inFolder('given.key')
  copyFileSync(inFolder('old/root.key'), given)
  chmodSync(given, 0o644)
  const data = emptyFolder()
  mkdirSync(data)
  writeFileSync(path.join(data, '.root.key.0123456789abcdef.new'), 'half of ')
  const words = [inFolder('a.backup'), '--yes', '--root-key', `file:${given}`]
  const { code, stderr } = await command(['restore', ...words], { data })
  assert.equal(code, 0, stderr)
  assert.equal(statSync(path.join(data, 'root.key')).mode & 0o777, 0o600)
  assert.deepEqual(readFileSync(path.join(data, 'root.key')), readFileSync(given))
  const taken = emptyFolder()
  mkdirSync(taken)
  const own = path.join(taken, 'root.key')
  for (const other of [await writeRootKeyFile(Buffer.alloc(32, 7), undefined), Buffer.from('half')]) {
    writeFileSync(own, other)
    await refused(
      t,
      taken,
      words,
      /root\.key .* that of the backup belongs in its place\. Nothing was changed/,
    )
    assert.deepEqual(readFileSync(own), other, 'another server may have no other copy of it')
  }
})

test('what a killed restore left is replaced, also where the database has another name', async () => {
  const data = emptyFolder()
  mkdirSync(data, { mode: 0o700 })
  for (const left of ['keys.db.restoring', 'keys.db.restoring-wal', 'keys.db.lock'])
    writeFileSync(path.join(data, left), '', { mode: 0o600 })
  const words = ['restore', inFolder('a.backup'), ...rootKey(), '--yes']
  const { code, stderr } = await command(words, { data, env: { MORTISE_STORE: 'keys.db' } })
  assert.equal(code, 0, stderr)
  assert.deepEqual(
    readdirSync(data).filter((name) => !name.endsWith('.key')),
    ['keys.db', 'keys.db.lock'],
  )
})

test('root is refused in a folder of the user of the server, and is told to give the command as that user', async (t) => {
  if (process.getuid?.() !== 0) return skipOrFail(t, 'needs root, to give a folder to another user')
  const data = emptyFolder()
  mkdirSync(data, { mode: 0o700 })
  const { uid, name } = anyUser()
  chownSync(data, uid, uid)
  const words = [inFolder('a.backup'), '--yes', ...rootKey()]
  await refused(
    t,
    data,
    words,
    new RegExp(`belongs to another user .*Nothing was changed\\. .*runuser -u ${name} -- COMMAND\n`),
  )
  // A database elsewhere is not in the data folder, but the root key is.
  const env = { MORTISE_STORE: inFolder('elsewhere.db') }
  const { code, stderr } = await command(['restore', ...words], { data, env })
  assert.equal(code, 1)
  assert.match(stderr, /belongs to another user/)
  assert.deepEqual(readdirSync(data), [])
  assert.equal(existsSync(env.MORTISE_STORE), false)
})

/** Some user of this machine other than root. */
function anyUser(): { readonly uid: number; readonly name: string } {
  const users = readFileSync('/etc/passwd', 'utf8').split('\n')
  const [name = '', , uid = ''] = users.find((line) => line.startsWith('nobody:'))?.split(':') ?? []
  assert.ok(Number(uid) > 0)
  return { uid: Number(uid), name }
}

test('what cannot be restored is refused, and makes nothing', async (t) => {
  const backup = inFolder('a.backup')
  await refused(t, inFolder('old'), [backup, '--yes'], /is not empty/)
  await refused(t, emptyFolder(), [backup, '--yes'], /there is no root key at/)
  const hasKey = emptyFolder()
  mkdirSync(hasKey)
  copyFileSync(inFolder('old/root.key'), path.join(hasKey, 'some.key'))
  const here = (name: string) => [backup, '--yes', '--root-key', `file:${name}`]
  await refused(t, hasKey, here('some.key'), /there is no root key at (?!.*new-\d).*\/some\.key/)
  await refused(t, emptyFolder(), here('//host/root.key'), /file:\/\/host\/root\.key does not name a file/)
  const cut = inFolder('cut.backup')
  writeFileSync(cut, readFileSync(backup).subarray(0, -1))
  await refused(t, emptyFolder(), [cut, ...rootKey(), '--yes'], /has no end: it was cut off/)
  const lines = readFileSync(inFolder('audit.jsonl'), 'utf8').split('\n')
  writeFileSync(inFolder('less.jsonl'), lines.filter((line) => !line.includes('"key.destroy')).join('\n'))
  await refused(
    t,
    emptyFolder(),
    [backup, ...rootKey(), '--audit', inFolder('less.jsonl')],
    /the audit export is not whole/,
  )
  const cases: readonly [RegExp, ...string[]][] = [
    [
      /checkpoint.json is not an audit export: .*\n {2}Make one with: mortise audit export/,
      '--audit',
      'checkpoint.json',
    ],
    [/a.backup is not an audit export/, '--audit', 'a.backup'],
    [/there is no file .*nothing.jsonl/, '--audit', 'nothing.jsonl'],
    [/there is no file .*nothing.txt/, '--identity', 'nothing.txt'],
    [/old is a folder/, '--identity', 'old'],
    [/restored: [^:]*old is a folder\n/, '--audit', 'old'],
  ]
  for (const [why, flag, file = ''] of cases)
    await refused(t, emptyFolder(), [backup, ...rootKey(), '--yes', flag ?? '', inFolder(file)], why)
  const { stderr } = await command(['restore', backup, ...rootKey(), '--yes'], { data: backup })
  assert.match(stderr, /the data folder .*a.backup is a file, or is in one\n$/)
})
