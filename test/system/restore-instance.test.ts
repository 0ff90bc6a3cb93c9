// One lost instance of a backup comes back into a running server: shredded there by mistake, or on another new server. Every key
// has its bytes, what was closed since stays closed, clients come back only when somebody says so, and nothing that is
// there is overwritten.

import assert from 'node:assert/strict'
import { copyFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { clientCertificate, type TestIdentity } from '../support/certificates/certificates.ts'
import { command } from '../support/server/command.ts'
import { digestOf, openTalk, states, type KmipTalk } from '../support/clients/kmip-talk.ts'
import { startInProcess, type RunningServer } from '../support/server/running.ts'
import { clientRoutes } from '../../src/features/clients/routes.ts'

let folder: string
const inFolder = (name: string) => path.join(folder, name)
let server: RunningServer
let [vcenter, removed, blocked]: TestIdentity[] = []
/** Keys of the backup, with the hash of the bytes that a client got. */
const bytes = new Map<string, string>()
let [revoked, destroyed, broughtBack, later, lost] = ['', '', '', '', '']
let identityFile: string

const cli = (words: readonly string[], { data } = server, more: { input?: string } = {}) =>
  command(words, { data, terminal: more.input !== undefined, ...more })

async function json<T>(...words: string[]): Promise<T> {
  const { code, stdout, stderr } = await cli([...words, '--json'])
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as T
}

const talkAs = (identity: TestIdentity | undefined, { port } = server): Promise<KmipTalk> =>
  openTalk({ port, tls: (identity ?? assert.fail('no identity')).tls })

interface Report {
  readonly instance: { readonly id: string; readonly name: string }
  readonly rootKey: string
  readonly objects: Record<string, number>
  readonly closedAgain: number
  readonly lost: { readonly named: readonly string[] }
  readonly clients: readonly string[]
  readonly leftOut: readonly string[]
}

/** A server with an instance of 30 keys in a backup, which changes after it and then is shredded. */
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'mortise-restore-instance-'))
  server = await startInProcess(inFolder('first'))
  ;[vcenter, removed, blocked] = await Promise.all([
    clientCertificate('self-signed'),
    clientCertificate('self-signed-renewed'),
    clientCertificate('self-signed-other'),
  ])
  await server.trust('vcenter', vcenter)
  await server.trust('removed', removed)
  await server.trust('blocked', blocked)
  const talk = await talkAs(vcenter)
  for (let n = 0; n < 30; n++) {
    const id = await talk.create()
    await talk.activate(id)
    bytes.set(id, digestOf(await talk.get(id)) ?? assert.fail('no key'))
  }
  const identity = await generateX25519Identity()
  identityFile = inFolder('identity.txt')
  writeFileSync(identityFile, identity)
  const recipient = await identityToRecipient(identity)
  const made = await cli(['backup', 'create', inFolder('a.backup'), '--recipient', recipient, '--yes'])
  assert.equal(made.code, 0, made.stderr)
  ;[revoked = '', destroyed = '', broughtBack = ''] = bytes.keys()
  for (const id of [revoked, destroyed, broughtBack]) assert.ok((await talk.revoke(id)).ok)
  assert.ok((await talk.destroy(destroyed)).ok)
  await json('instance', 'set', 'default', '--destroy-delay', '7d')
  assert.ok((await talk.destroy(broughtBack)).ok)
  await json('key', 'undestroy', broughtBack)
  later = await talk.create()
  // From here on another data key seals new keys, and the backup does not have it.
  const moved = await cli(['instance', 'set-root-key', 'default', '--root-key', 'file:second.key'])
  assert.equal(moved.code, 0, moved.stderr)
  lost = await talk.create()
  talk.close()
  assert.equal((await cli(['client', 'remove', 'removed'])).code, 0)
  assert.equal((await cli(['client', 'block', blocked.certificate.sha256])).code, 0)
  const newer = await cli(['backup', 'create', inFolder('later.backup')])
  assert.equal(newer.code, 0, newer.stderr)
})
after(async () => {
  await server[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

const restore = (...more: string[]) => ['restore', inFolder('a.backup'), '--instance', 'default', ...more]

test('an instance that is here, or one of its name, is never overwritten', async () => {
  const here = await cli(restore('--yes'))
  assert.equal(here.code, 1)
  assert.match(here.stderr, /this server has the instance default .* already: it is never overwritten/)
  const shred = await cli(['instance', 'delete', 'default', '--shred', 'default'])
  assert.equal(shred.code, 0, shred.stderr)
  await json('instance', 'create', 'default')
  const named = await cli(restore('--yes'))
  assert.match(named.stderr, /this server has another instance named default[^]*--name NAME/)
})

test('a file that is cut off, altered, or no backup, and a wrong identity leave nothing', async () => {
  const restoreFile = (name: string, ...more: string[]) =>
    cli(['restore', inFolder(name), '--instance', 'default', '--name', 'back', '--yes', ...more])
  copyFileSync(inFolder('a.backup'), inFolder('cut.backup'))
  truncateSync(inFolder('cut.backup'), 3000)
  assert.match((await restoreFile('cut.backup')).stderr, /has no end: it was cut off/)
  const altered = readFileSync(inFolder('a.backup'))
  // In the middle of the body, after its first records.
  const place = Math.floor(altered.length / 3)
  altered[place] = (altered[place] ?? 0) ^ 1
  writeFileSync(inFolder('altered.backup'), altered)
  assert.match((await restoreFile('altered.backup')).stderr, /was altered/)
  writeFileSync(inFolder('text.backup'), 'hello'.repeat(1024 * 1024))
  const text = await restoreFile('text.backup')
  assert.match(text.stderr, /^mortise: the file is not a backup of Mortise\n$/, 'not all of it is sent')
  writeFileSync(inFolder('newer.backup'), 'mortise backup 2\n')
  assert.match((await restoreFile('newer.backup')).stderr, /mortise: the file has the format 2 of a newer/)
  writeFileSync(inFolder('empty.backup'), '')
  assert.match((await restoreFile('empty.backup')).stderr, /is empty/)
  assert.match((await restoreFile('none.backup')).stderr, /there is no file/)
  writeFileSync(inFolder('other.txt'), await generateX25519Identity())
  const wrong = await restoreFile('a.backup', '--identity', inFolder('other.txt'))
  assert.match(wrong.stderr, /the identity does not open this backup/)
  const unknown = await cli(['restore', inFolder('a.backup'), '--instance', 'none-such', '--yes'])
  assert.match(unknown.stderr, /the backup holds no instance none-such[^]*It holds: default/)
  assert.deepEqual(
    (await json<{ name: string }[]>('instance', 'list')).map(({ name }) => name),
    ['default'],
  )
  assert.deepEqual(readdirSync(path.join(server.data, 'uploads')), [], 'no file that was sent is left')
})

test('a shredded instance comes back when somebody says so, and what was closed since stays closed', async () => {
  const declined = await cli(restore('--name', 'back', '--with-clients'), server, { input: 'no\n' })
  assert.equal(declined.code, 1)
  assert.match(declined.stderr, /Its keys were SHREDDED here at /)
  assert.match(declined.stderr, /These clients are trusted again[^]*vcenter: [0-9a-f]{64}/)
  assert.match(declined.stderr, /not: it was removed after the backup/)
  assert.match(declined.stderr, /not: [0-9a-f]{64} is blocked here/)

  const report = await json<Report>(...restore('--name', 'back', '--with-clients', '--yes'))
  assert.equal(report.instance.name, 'back')
  assert.equal(report.closedAgain, 3)
  assert.deepEqual(report.lost.named, [lost])
  assert.deepEqual(report.clients.toSorted(), ['blocked', 'vcenter'])
  assert.equal(report.leftOut.length, 2, report.leftOut.join())
  assert.deepEqual(report.objects, { Active: 27, Deactivated: 2, Destroyed: 1, PreActive: 2 })
  const talk = await talkAs(vcenter)
  for (const [id, expected] of bytes) {
    const answer = await talk.get(id)
    if (id === destroyed) assert.equal(answer.ok, false)
    else assert.equal(digestOf(answer), expected, id)
  }
  assert.equal(await talk.state(revoked), states.Deactivated)
  assert.ok((await talk.get(later)).ok, 'the database still had it, and the backup its data key')
  assert.equal((await talk.get(lost)).ok, false)
  assert.ok(await talk.create(), 'it makes new keys')
  talk.close()
  for (const identity of [removed, blocked]) {
    const stranger = await talkAs(identity)
    assert.equal((await stranger.get(revoked)).ok, false)
    stranger.close()
  }
  const entries = await json<{ object: string; actor: { kind: string }; detail: Record<string, unknown> }[]>(
    'audit',
    'list',
    '--action',
    'instance.restore',
  )
  assert.equal(entries.length, 1)
  assert.deepEqual([entries[0]?.actor.kind, entries[0]?.detail['shredded']], ['token', true])
  assert.equal((await cli(['audit', 'verify'])).code, 0)
  assert.match((await cli(restore('--yes'))).stderr, /already: it is never overwritten/)
})

test('on a new server: by an identity or the other root key, sealed under its own, and without clients unless asked', async () => {
  await using other = await startInProcess(inFolder('second'))
  const words = restore('--name', 'back')
  const without = await cli([...words, '--yes'], other)
  assert.equal(without.code, 1)
  assert.match(without.stderr, /is sealed by the root key file:root\.key with the id [^]*--identity FILE/)
  const wrongKey = ['--root-key', 'file:root.key']
  assert.match((await cli([...words, ...wrongKey, '--yes'], other)).stderr, /is sealed by the root key/)
  const missing = await cli([...words, '--root-key', `file:${inFolder('none.key')}`, '--yes'], other)
  assert.match(missing.stderr, /no root key at/)
  const host = await cli([...words, '--root-key', 'file://host/root.key', '--yes'], other)
  assert.match(host.stderr, /file:\/\/host\/root\.key does not name a file/)

  const asked = await cli([...words, '--identity', identityFile], other, { input: 'yes\n' })
  assert.equal(asked.code, 0, asked.stderr)
  assert.match(asked.stderr, /does not know what happened since .*are open again/)
  assert.match(asked.stdout, /No client is trusted with it yet[^]*Or restore with --with-clients/)
  const body = { by: 'certificate', name: 'vcenter', certificate: vcenter?.certificate.pem ?? '' } as const
  await other.admin.call(clientRoutes.trustClient, { instance: 'back', body })
  const talk = await talkAs(vcenter, other)
  for (const [id, expected] of bytes) assert.equal(digestOf(await talk.get(id)), expected, id)
  talk.close()

  await using third = await startInProcess(inFolder('third'))
  const key = `file:${inFolder('first/root.key')}`
  const byKey = await cli([...words, '--root-key', key, '--with-clients', '--yes', '--json'], third)
  assert.equal(byKey.code, 0, byKey.stderr)
  assert.equal((JSON.parse(byKey.stdout) as Report).rootKey, 'file:root.key')
  const again = await talkAs(vcenter, third)
  for (const [id, expected] of bytes) assert.equal(digestOf(await again.get(id)), expected, id)
  again.close()
})

test('what the backup blocks stays blocked on another server', async () => {
  await using other = await startInProcess(inFolder('fourth'))
  const words = [
    'restore',
    inFolder('later.backup'),
    '--instance',
    'default',
    '--name',
    'back',
    '--with-clients',
  ]
  const key = ['--root-key', `file:${inFolder('first/root.key')}`, '--yes', '--json']
  const without = await cli([...words, ...key], other)
  assert.match(without.stderr, /there is no root key at .*second\.key/)
  copyFileSync(inFolder('first/second.key'), inFolder('fourth/second.key'))
  const { code, stdout, stderr } = await cli([...words, ...key], other)
  assert.equal(code, 0, stderr)
  const { leftOut } = JSON.parse(stdout) as Report
  assert.deepEqual(
    leftOut.map((line) => line.endsWith('is blocked in the backup')),
    [true],
  )
  const refused = await talkAs(blocked, other)
  assert.equal((await refused.get(revoked)).ok, false)
  refused.close()
  const { stdout: blocks } = await cli(['client', 'blocks', '--json'], other)
  assert.ok(blocks.includes(blocked?.certificate.sha256 ?? 'none'), 'also where a CA would vouch for it')
})

test('with --with-clients, an instance that had none is not advised to use it', async () => {
  await json('instance', 'create', 'bare')
  const made = await cli(['backup', 'create', inFolder('bare.backup')])
  assert.equal(made.code, 0, made.stderr)
  const shred = await cli(['instance', 'delete', 'bare', '--shred', 'bare'])
  assert.equal(shred.code, 0, shred.stderr)
  const words = ['restore', inFolder('bare.backup'), '--instance', 'bare', '--with-clients', '--yes']
  const { code, stdout, stderr } = await cli(words)
  assert.equal(code, 0, stderr)
  assert.match(stdout, /No client is trusted with it yet/)
  assert.doesNotMatch(stdout, /--with-clients/)
})

test('flags that do not fit are refused', async () => {
  for (const [words, why] of [
    [restore('--audit', 'x'), /are for a whole backup/],
    [['restore', inFolder('a.backup'), '--with-clients'], /add --instance/],
    [restore('--identity', 'x', '--root-key', 'file:x'), /one of them opens the backup/],
    [['restore', '--instance', 'default'], /say from where/],
    [['restore', inFolder('a.backup'), '--partial'], /--partial is for a restore from Key Protect/],
    [['restore', '--from-key-protect', '--audit', 'audit.jsonl'], /--audit is for a restore of a backup/],
  ] as const) {
    const { code, stderr } = await cli(words)
    assert.equal(code, 2, stderr)
    assert.match(stderr, why)
  }
})
