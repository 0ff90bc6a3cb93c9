// Keys and audit from the command line, and an exported log that is verified without any server.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { openTalk, type KmipTalk } from '../support/clients/kmip-talk.ts'
import { command } from '../support/server/command.ts'
import { runCli, startEmbedded, type CommandResult, type EmbeddedServer } from '../support/server/server.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-cli-'))
const inFolder = (name: string): string => path.join(folder, name)
let server: EmbeddedServer
let talk: KmipTalk
before(async () => {
  server = await startEmbedded()
  const { tls } = await server.issue('vc1')
  talk = await openTalk({ ...server.kmip, tls })
})
after(async () => {
  talk.close()
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const cli = (...words: string[]): Promise<CommandResult> => command(words, { data: server.data })

async function json(...words: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await cli(...words, '--json')
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout)
}

interface Key {
  readonly id: string
  readonly state: string
}

const stateOf = async (id: string): Promise<string> => ((await json('key', 'show', id)) as Key).state

test('keys that a KMIP client made are listed, shown and taken through their life', async () => {
  const id = await talk.create()
  const other = await talk.create()
  const listed = (await json('key', 'list', '--instance', 'default')) as Key[]
  assert.deepEqual(
    listed.map((key) => key.id),
    [other, id],
  )
  const { stdout, stderr } = await cli('key', 'list', '--limit', '1')
  assert.match(stdout, new RegExp(`^ID .*\n${other} +PreActive +AES-256`))
  assert.match(stderr, /^… there are more; use --limit or --after \d+\n$/)
  assert.equal(((await json('key', 'activate', id)) as Key).state, 'Active')
  assert.deepEqual(
    ((await json('key', 'list', '--state', 'Active')) as Key[]).map((key) => key.id),
    [id],
  )
  assert.match((await cli('key', 'show', id)).stdout, /CryptographicUsageMask +12\n/)
  const active = await cli('key', 'destroy', id, '--yes')
  assert.equal(active.code, 1)
  assert.match(active.stderr, /mortise: ./)
  const asked = await command(['key', 'destroy', id], { data: server.data, terminal: true, input: `${id}\n` })
  assert.match(asked.stderr, /it is Active\n.*mortise key revoke/)
  assert.doesNotMatch(asked.stderr, /Type its id or name/)
  assert.equal(await stateOf(id), 'Active')
  assert.match((await cli('key', 'revoke', id, '--reason', 'Superseded')).stdout, /is Deactivated now/)
  assert.equal((await talk.get(id)).ok, true)
})

test('destroying asks for the id or name again; without a terminal it needs --yes', async () => {
  const id = await talk.create()
  const other = await talk.create()
  const silent = await cli('key', 'destroy', id)
  assert.equal(silent.code, 2)
  assert.match(silent.stderr, /cannot be undone.*--yes/)
  assert.equal(await stateOf(id), 'PreActive')
  const ask = { data: server.data, terminal: true }
  const wrong = await command(['key', 'destroy', id], { ...ask, input: 'something\n' })
  assert.equal(wrong.code, 1)
  assert.match(wrong.stderr, /can never be read again.*not destroyed/s)
  assert.equal(await stateOf(id), 'PreActive')
  const typed = await command(['key', 'destroy', other], { ...ask, input: `${other}\n` })
  assert.deepEqual([typed.code, typed.stdout], [0, `${other} is Destroyed now.\n`])
  assert.equal(((await json('key', 'destroy', id, '--yes')) as Key).state, 'Destroyed')
  assert.equal((await talk.get(id)).ok, false)
  const missing = await cli('key', 'show', 'none-such')
  assert.equal(missing.code, 1)
  assert.match(missing.stderr, /there is no key none-such/)
})

test('audit list tells who fetched which key, by name and certificate', async () => {
  const id = await talk.create()
  await talk.get(id)
  const args = ['audit', 'list', '--action', 'key.get', '--object', id]
  const entries = (await json(...args)) as {
    actor: { kind: string; name: string; certificateSha256: string }
  }[]
  assert.equal(entries.length, 1)
  const actor = entries[0]?.actor
  assert.deepEqual([actor?.kind, actor?.name], ['client', 'vc1'])
  assert.match(actor?.certificateSha256 ?? '', /^[0-9a-f]{64}$/)
  const { stdout } = await cli(...args)
  assert.match(stdout, /key\.get +success +\S+ +client vc1 +127\.0\.0\.1/)
  const none = await json('audit', 'list', '--until', '2020-01-01')
  assert.deepEqual(none, [])
  const own = (await json('audit', 'list', '--instance', 'default', '--limit', '1000')) as {
    instanceId: string
  }[]
  assert(own.every(({ instanceId }) => instanceId !== null))
})

interface Proof {
  readonly ok: boolean
  readonly problems: readonly string[]
  readonly entries: number
}

async function verify(...args: string[]): Promise<{ code: number; proof: Proof }> {
  const { code, stdout } = await runCli(['audit', 'verify', ...args, '--json'])
  return { code, proof: JSON.parse(stdout) as Proof }
}

test('an exported log is verified offline, and each way of tampering is found', async () => {
  assert.equal(((await json('audit', 'verify')) as Proof).ok, true)
  // Stopping signs a checkpoint; so does each minute.
  await server.stop()
  server = await startEmbedded({ data: server.data })
  const file = inFolder('audit.jsonl')
  assert.match((await cli('audit', 'export', file)).stdout, /^\d+ lines in /)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  const whole = await verify(file)
  assert.deepEqual([whole.code, whole.proof.ok], [0, true])
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  const at = lines.findIndex((line) => line.includes('key.get'))
  const changed = (name: string, edit: (lines: string[]) => void): string => {
    const copy = [...lines]
    edit(copy)
    writeFileSync(inFolder(name), `${copy.join('\n')}\n`)
    return inFolder(name)
  }
  const tampered: [string, (lines: string[]) => void][] = [
    ['edited', (copy) => copy.splice(at, 1, lines[at]?.replace('key.get', 'key.gat') ?? '')],
    ['removed', (copy) => copy.splice(at, 1)],
    ['reordered', (copy) => copy.splice(at, 2, lines[at + 1] ?? '', lines[at] ?? '')],
    ['doubled', (copy) => copy.splice(at, 0, lines[at] ?? '')],
  ]
  for (const [name, edit] of tampered) {
    const { code, proof } = await verify(changed(name, edit))
    assert.deepEqual([code, proof.ok], [1, false], name)
    assert(proof.problems.length > 0, name)
  }
  const page = changed('page', (copy) => copy.splice(0, 1, '<html>'))
  const notOne = await runCli(['audit', 'verify', page])
  assert.equal(notOne.code, 1)
  assert.match(notOne.stderr, /not JSON|not an audit export/)
})

test('a checkpoint kept outside is compared, on the server and offline', async () => {
  const file = inFolder('checked.jsonl')
  await cli('audit', 'export', file)
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  const checkpoints = lines.filter((line) => line.startsWith('{"checkpoint"'))
  writeFileSync(inFolder('kept.json'), checkpoints.at(-1) ?? '')
  assert.equal((await verify(file, '--checkpoint', inFolder('kept.json'))).proof.ok, true)
  assert.equal(
    ((await server.json('audit', 'verify', '--checkpoint', inFolder('kept.json'))) as Proof).ok,
    true,
  )
  writeFileSync(inFolder('cut.jsonl'), `${lines.filter((line) => line !== checkpoints.at(-1)).join('\n')}\n`)
  const cut = await verify(inFolder('cut.jsonl'), '--checkpoint', inFolder('kept.json'))
  assert.deepEqual([cut.code, cut.proof.ok], [1, false])
  writeFileSync(inFolder('other.json'), '{"a":1}')
  const wrong = await runCli(['audit', 'verify', file, '--checkpoint', inFolder('other.json')])
  assert.equal(wrong.code, 1)
  assert.match(wrong.stderr, /there is no checkpoint in .*other\.json/)
  // The last of those in a log that holds other lines too.
  writeFileSync(inFolder('stream.log'), `> mortise serve\n${checkpoints.join('\n')}\n{"level":"info"}\n`)
  const stream = await verify(inFolder('cut.jsonl'), '--checkpoint', inFolder('stream.log'))
  assert.deepEqual(stream.proof.problems, cut.proof.problems)
})

test('a prune that is refused says that its export is there already', async () => {
  const file = inFolder('refused.jsonl')
  const words = ['audit', 'prune', '--before', new Date().toISOString(), '--export', file, '--yes']
  const { code, stderr } = await cli(...words)
  assert.equal(code, 1)
  assert.match(
    stderr,
    /If you mean it: --younger\. Nothing was removed\. The log is in .*refused\.jsonl already/,
  )
})

test('pruning removes what is older, and the log still verifies', async () => {
  const before = (await json('audit', 'verify')) as Proof
  assert.equal(
    (await cli('audit', 'prune', '--before', new Date().toISOString(), '--younger', '--yes')).code,
    0,
  )
  const after = (await json('audit', 'verify')) as Proof
  assert.equal(after.ok, true)
  assert(after.entries < before.entries)
})

test('export goes to standard output too, and a reader that stops early is no error', async () => {
  const { code, stdout } = await cli('audit', 'export')
  assert.equal(code, 0)
  assert.match(stdout, /^\{"mortiseAudit":1/)
  const main = path.resolve(import.meta.dirname, '../../src/program/main.ts')
  const child = spawn(process.execPath, [main, 'key', 'list', '--json', '--data', server.data])
  child.stdout.destroy()
  await once(child, 'exit')
  assert.equal(child.exitCode, 0)
})
