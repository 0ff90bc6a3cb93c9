// Instances move between root keys and custodies at the whole server, with the real client of Key Protect and the
// fake, while KMIP clients make, fetch and change keys: none is refused, a killed server goes on where it was, and
// what was left behind is not needed any more.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { KeyProtectFake } from '../../support/key-protect/fake.ts'
import { openTalk } from '../../support/clients/kmip-talk.ts'
import { Memory, randomFrom, runClient } from '../../support/load/load.ts'
import {
  startEmbedded,
  startServer,
  type ClientFiles,
  type EmbeddedServer,
} from '../../support/server/server.ts'
import { until } from '../../support/time/until.ts'

const fake = await KeyProtectFake.start()
after(() => fake.stop())
const env = {
  MORTISE_IBM_API_KEY_FILE: fake.about.managerApiKeyFile,
  MORTISE_IBM_IAM_URL: fake.about.iamUrl,
  MORTISE_IBM_CA_FILE: fake.about.caFile,
}

interface Shown {
  readonly rootKey: string
  readonly custody: string
  readonly work: { readonly done: number | null; readonly total: number | null } | null
  readonly keyVersions: readonly {
    readonly version: string
    readonly newest: boolean | null
    readonly count: number
  }[]
  readonly notRecoverable: { readonly count: number }
  readonly objects: Readonly<Record<string, number>>
  readonly result?: { readonly dataKeys: number; readonly objects: number; readonly left: number }
}

const show = async (server: EmbeddedServer) => (await server.json('instance', 'show', 'default')) as Shown

/** Two clients at work until `stop`, which fails if any of them was refused anything. */
function work(server: EmbeddedServer, files: ClientFiles, memory: Memory, seed: number) {
  const talk = { ...server.kmip, tls: files.tls }
  const over = { now: false }
  const random = randomFrom(seed)
  const clients = [0, 1].map(() => runClient({ talk, memory, random, expected: () => over.now }))
  const all = Promise.all(clients)
  // `stop` rejects with its error, which must not end the process before.
  all.catch(() => undefined)
  return async () => {
    over.now = true
    await all
  }
}

/** Every key that is not destroyed is what it was. */
async function checkAll(server: EmbeddedServer, files: ClientFiles, memory: Memory): Promise<void> {
  const talk = await openTalk({ ...server.kmip, tls: files.tls })
  for (const key of memory.keys.values()) {
    const answer = await talk.get(key.id)
    assert.equal(answer.ok, key.state !== 'Destroyed', `${key.id}, ${key.state}: ${answer.message}`)
    if (answer.ok) memory.sent(key, answer)
  }
  talk.close()
}

const livingAt = async (prefix = 'mortise-') => {
  const keys = await fake.control<{ readonly name: string; readonly state: number }[]>('GET', 'keys')
  // Markers stay until what they speak of is purged.
  const isKey = (name: string) => name.startsWith(prefix) && !name.startsWith('mortise-marker-')
  return keys.filter(({ name, state }) => isKey(name) && state !== 5)
}

/** Where it is shown; the rule has tests of its own. */
async function warnsOfTheEnd(server: EmbeddedServer): Promise<void> {
  const address = `127.0.0.1:${server.kmip.port}`
  for (const words of [['status'], ['instance', 'show', 'default'], ['doctor', address]]) {
    const { stdout } = await server.cli(...words)
    assert.match(
      stdout.replaceAll(/\s+/g, ' '),
      /in Hyper Protect Crypto Services, which (ends|ended) on 2027-03-28/,
    )
    assert.match(
      stdout.replaceAll(/\s+/g, ' '),
      /mortise instance set-root-key default --root-key keyprotect:/,
    )
  }
}

test('file, Key Protect, its standard keys, HPCS, file again: nobody notices, and nothing behind is needed', async (t) => {
  const [first, second] = [await fake.rootKey(), await fake.rootKey()]
  let server = await startEmbedded({ env })
  const { data } = server
  t.after(() => server[Symbol.asyncDispose]())
  const files = await server.issue('vcenter')
  const memory = new Memory()
  const moves = [
    { rootKey: fake.uri(first), custody: 'database', behind: null },
    { rootKey: fake.uri(first), custody: 'keyprotect', behind: null },
    { rootKey: fake.uri(second, { scheme: 'hpcs' }), custody: 'keyprotect', behind: first },
    { rootKey: 'file:another.key', custody: 'database', behind: second },
  ] as const
  for (const [index, { rootKey, custody, behind }] of moves.entries()) {
    const stop = work(server, files, memory, index)
    await until(async () => memory.counts.created > (index + 1) * 15, 'there are keys')
    const args = ['default', '--root-key', rootKey, '--custody', custody]
    const moved = (await server.json('instance', 'set-root-key', ...args)) as Shown
    assert.equal(moved.result?.left, 0)
    await sleep(200)
    await stop()
    const shown = await show(server)
    assert.deepEqual([shown.rootKey, shown.custody, shown.work], [rootKey, custody, null])
    assert.equal(shown.notRecoverable.count, 0)
    const live = [...memory.keys.values()].filter(({ state }) => state !== 'Destroyed').length
    const counted = shown.keyVersions.reduce((sum, { count }) => sum + count, 0)
    if (custody === 'keyprotect') assert.equal(counted, live)
    if (rootKey.startsWith('hpcs:')) await warnsOfTheEnd(server)
    if (behind !== null) await fake.control('POST', `keys/${behind}/disable`)
    await checkAll(server, files, memory)
  }
  await until(async () => (await livingAt()).length === 0, 'nothing lies in Key Protect any more')
  await fake.control('POST', `keys/${first}/delete`)
  await fake.control('POST', `keys/${second}/delete`)
  assert.equal(await server.stop(), 0)
  server = await startEmbedded({ data, env: {} })
  await checkAll(server, files, memory)
  const proof = (await server.json('audit', 'verify')) as { readonly ok: boolean }
  assert.ok(proof.ok)
  assert.ok(memory.counts.fetched > 100, `${memory.counts.fetched} keys were fetched`)
})

test('whoever chooses a root key in a key ring that its URI does not name is told where the keys go', async () => {
  await fake.admin('POST', '/key_rings/beside')
  const id = await fake.rootKey({}, { 'X-Kms-Key-Ring': 'beside' })
  await using server = await startEmbedded({ env })
  const args = ['--custody', 'keyprotect', '--root-key', fake.uri(id)]
  for (const words of [
    ['create', 'ringed'],
    ['set-root-key', 'ringed'],
  ]) {
    const { code, stdout, stderr } = await server.cli('instance', ...words, ...args, '--json')
    assert.equal(code, 0, stderr)
    assert.match(stderr, /^Warning: The root key .* lies in the key ring beside, .*\?key-ring=beside\n/)
    const { warnings } = JSON.parse(stdout) as { readonly warnings: readonly string[] }
    assert.equal(`Warning: ${warnings.join()}\n`, stderr.split(/(?<=\n)/)[0])
  }
})

test('what backups from before a move still need is said of each way', async () => {
  const uri = fake.uri(await fake.rootKey())
  await using server = await startEmbedded({ env })
  for (const [rootKey, custody, says] of [
    [uri, 'database', /does not need file:root\.key any more\. Backups .* do: keep it/],
    [uri, 'keyprotect', /\n\nBackups .* open with the same root key\./],
    [
      uri,
      'database',
      /\n\nBackups .* need the standard keys beside keyprotect:.* deleted now .*: make a new backup/,
    ],
    [uri, 'keyprotect', /open with the same root key/],
    ['file:away.key', 'database', /does not need keyprotect:.* any more\. Backups .* need the standard keys/],
  ] as const) {
    const args = ['--root-key', rootKey, '--custody', custody]
    const { stdout, stderr } = await server.cli('instance', 'set-root-key', 'default', ...args)
    assert.match(stdout, says, stderr)
  }
})

test('killed in the middle of a move, and its command line interrupted: it goes on where it was', async (t) => {
  const id = await fake.rootKey()
  let server = await startServer({ env })
  const { data } = server
  t.after(async () => {
    await fake.calm()
    await server[Symbol.asyncDispose]()
  })
  const files = await server.issue('killed')
  const memory = new Memory()
  const fill = work(server, files, memory, 7)
  await until(async () => memory.counts.created > 200, 'there are keys')
  await fill()
  await fake.control('POST', 'traffic', { latencyMs: 100, perSecond: null })
  const before = (await livingAt()).length
  const args = ['--root-key', fake.uri(id), '--custody', 'keyprotect', '--data', data]
  const command = [
    path.join(import.meta.dirname, '../../../src/program/main.ts'),
    'instance',
    'set-root-key',
    'default',
    ...args,
  ]
  const watching = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...command])
  let said = ''
  watching.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const left = once(watching, 'close')
  const done = async () => (await show(server)).work?.done ?? 0
  await until(async () => (await done()) > 20, 'it is under way')
  watching.kill('SIGINT')
  await left
  assert.match(said, /\d+ of \d+ moved/)
  assert.match(said, /The server goes on with it/)
  assert.equal(watching.exitCode, 1)
  for (let kill = 0; kill < 2; kill++) {
    await server.kill()
    assert.ok((await livingAt()).length > before, 'some keys were there already')
    server = await startServer({ data, env })
    assert.ok((await show(server)).work, 'it is not done')
    const stop = work(server, files, memory, kill)
    await sleep(500)
    await stop()
  }
  await fake.calm()
  const stop = work(server, files, memory, 9)
  await until(async () => (await show(server)).work === null, 'it is done')
  await stop()
  await checkAll(server, files, memory)
  const shown = await show(server)
  const live = [...memory.keys.values()].filter(({ state }) => state !== 'Destroyed')
  assert.equal(
    shown.keyVersions.reduce((sum, { count }) => sum + count, 0),
    live.length,
  )
  const text = await server.cli('instance', 'show', 'default')
  assert.match(text.stdout, /at most 300 s after its root key was disabled, or it was deleted there/)
  assert.match(text.stdout, /at most 3900 s after a root key last answered/)
})

test('rotated: what is unwrapped comes under the newest version by itself, the rest by rewrap', async (t) => {
  const id = await fake.rootKey()
  await using server = await startEmbedded({ env })
  const files = await server.issue('rotated')
  const memory = new Memory()
  const fill = work(server, files, memory, 3)
  await until(async () => memory.counts.created > 40, 'there are keys')
  await fill()
  await server.json(
    'instance',
    'set-root-key',
    'default',
    '--root-key',
    fake.uri(id),
    '--custody',
    'keyprotect',
  )
  const versions = async () => (await show(server)).keyVersions.map(({ newest, count }) => [newest, count])
  const live = () => [...memory.keys.values()].filter(({ state }) => state !== 'Destroyed').length
  await fake.advance(2 * 3600)
  t.after(() => fake.calm())
  await fake.control('POST', `keys/${id}/rotate`)
  assert.deepEqual(await versions(), [[false, live()]])
  const stop = work(server, files, memory, 4)
  const rewrapped = await server.cli('instance', 'rewrap', 'default')
  assert.equal(rewrapped.code, 0, rewrapped.stderr)
  assert.match(rewrapped.stdout, /under the newest version of keyprotect:/)
  await stop()
  assert.deepEqual(await versions(), [[true, live()]])
  await checkAll(server, files, memory)
  const again = await server.cli('instance', 'rewrap', 'default')
  assert.match(again.stdout, / already: there was nothing to bring there/)

  await fake.control('POST', 'listeners', { keyProtect: 'down' })
  const unknown = await server.cli('instance', 'show', 'default')
  assert.equal(unknown.code, 0, unknown.stderr)
  assert.match(unknown.stdout, new RegExp(`Root key version: +[0-9a-f-]+: ${live()} keys`))
  const toFile = ['default', '--root-key', 'file:away.key', '--give-up-after', '1']
  const stuck = await server.cli('instance', 'set-root-key', ...toFile)
  assert.equal(stuck.code, 1)
  assert.match(stuck.stderr, /it does not go on: Key Protect at .* cannot be reached/)
  assert.match(stuck.stderr, /The server tries again by itself/)
  assert.match((await server.cli('instance', 'show', 'default')).stdout, /Trouble: +Key Protect at/)
  await fake.calm()
  await until(async () => (await show(server)).work === null, 'it goes on by itself')
  const atHome = await server.cli('instance', 'rewrap', 'default')
  assert.equal(atHome.code, 1)
  assert.match(atHome.stderr, /has no versions: there is nothing to rewrap/)
  await fake.control('POST', `keys/${id}/disable`)
  await checkAll(server, files, memory)
})
