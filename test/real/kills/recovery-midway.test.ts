// The database is lost while an instance goes from one root key to another: some keys lie under either. A restore says
// which root keys it takes, brings all back with both, and the instance goes on to where it was going.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, test, type TestContext } from 'node:test'
import { readDescription } from '../../../src/core/custody/keyprotect/description.ts'
import { KeyProtectFake } from '../../support/key-protect/fake.ts'
import { digestOf, openTalk } from '../../support/clients/kmip-talk.ts'
import {
  startEmbedded,
  startServer,
  type EmbeddedServer,
  type TestServer,
} from '../../support/server/server.ts'
import { until } from '../../support/time/until.ts'

let fake: KeyProtectFake
let folder: string
let env: Record<string, string>
/** Another service instance than the fake's first. */
let elsewhere: string
let apiKey: string
// A service for each test: a restore reads every key that is there, also those of other tests.
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'mortise-midway-'))
  fake = await KeyProtectFake.start()
  elsewhere = (await fake.control<{ guid: string }>('POST', 'instances')).guid
  const made = await fake.serviceId({ roles: ['Manager'] }, { roles: ['Manager'], instance: elsewhere })
  apiKey = made.apiKey
  const apiKeyFile = path.join(folder, 'api.key')
  writeFileSync(apiKeyFile, apiKey)
  env = {
    MORTISE_IBM_API_KEY_FILE: apiKeyFile,
    MORTISE_IBM_IAM_URL: fake.about.iamUrl,
    MORTISE_IBM_CA_FILE: fake.about.caFile,
  }
})
afterEach(async () => {
  await fake.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function rootKeyElsewhere(): Promise<string> {
  const token = await fake.token(apiKey)
  const headers = { Authorization: `Bearer ${token}`, 'Bluemix-Instance': elsewhere }
  return fake.uri(await fake.rootKey({}, headers), { instance: elsewhere })
}

const idOf = (uri: string) => uri.split('/').at(-1) ?? assert.fail(uri)

/** Keys of ours that are there, by the root key that sealed them. */
async function livingUnder(uri: string): Promise<number> {
  const keys = await fake.control<{ description?: string; state: number }[]>('GET', 'keys')
  const ours = keys.flatMap(({ description, state }) =>
    state === 5 ? [] : (readDescription(description ?? '') ?? []),
  )
  return ours.filter(({ kind, rootKeyId }) => kind === 'key' && rootKeyId === idOf(uri)).length
}

const count = 50

interface Lost {
  /** SHA-256 of each key's bytes, by identifier; undefined of the one that was revoked. */
  readonly digests: ReadonlyMap<string, string | undefined>
  readonly revoked: string
}

/** Killed on the way from one to the other, and its disk is gone. */
async function loseMidway(from: string, to: string, custody: 'database' | 'keyprotect'): Promise<Lost> {
  const server = await startServer({ env })
  await server.json('instance', 'set-root-key', 'default', '--root-key', from, '--custody', 'keyprotect')
  const talk = await openTalk({ ...server.kmip, tls: (await server.issue('vcenter')).tls })
  const digests = new Map<string, string | undefined>()
  for (let made = 0; made < count; made++) {
    const id = await talk.create()
    await talk.activate(id)
    digests.set(id, digestOf(await talk.get(id)))
  }
  // Eight keys a second or so: what sees that some have left also ends it before the last has.
  await fake.control('POST', 'traffic', { latencyMs: 150, perSecond: null })
  const target = ['--root-key', to, '--custody', custody]
  await server.json('instance', 'set-root-key', 'default', ...target, '--no-wait')
  const done = async () =>
    ((await server.json('instance', 'show', 'default')) as { work: { done: number } }).work.done
  await until(async () => (await done()) > 12, 'some have left')
  // Entered beside the new root key, before it is answered.
  const revoked = [...digests.keys()].at(-1) ?? assert.fail()
  assert.ok((await talk.revoke(revoked)).ok)
  talk.close()
  await server.kill()
  await fake.calm()
  assert.ok((await livingUnder(to)) < count - 10, 'and some have not')
  rmSync(server.data, { recursive: true, force: true })
  return { digests, revoked }
}

const restore = (server: EmbeddedServer, rootKey: string, ...more: string[]) =>
  server.cli('restore', '--from-key-protect', '--root-key', rootKey, '--name', 'default', ...more)

/** `start`: startServer, for one that is killed. */
async function emptyServer(t: TestContext): Promise<EmbeddedServer>
async function emptyServer(t: TestContext, start: typeof startServer): Promise<TestServer>
async function emptyServer(t: TestContext, start = startEmbedded): Promise<EmbeddedServer> {
  const server = await start({ env })
  t.after(() => server[Symbol.asyncDispose]())
  assert.equal((await server.cli('instance', 'delete', 'default')).code, 0)
  return server
}

/** How many of them open, with the bytes that they had. */
async function opening(server: EmbeddedServer, { digests, revoked }: Lost): Promise<number> {
  const talk = await openTalk({ ...server.kmip, tls: (await server.issue(`client-${++clients}`)).tls })
  let open = 0
  for (const [id, digest] of digests) {
    const answer = await talk.get(id)
    if (!answer.ok) continue
    open++
    assert.equal(digestOf(answer), digest, id)
  }
  const state = await talk.state(revoked)
  assert.equal(state, 3, 'what was revoked meanwhile stays so')
  talk.close()
  return open
}
let clients = 0

const places = [
  ['in the same service instance', async () => fake.uri(await fake.rootKey())],
  ['in another service instance', rootKeyElsewhere],
] as const

for (const [where, other] of places)
  test(`from one root key to another ${where}: it takes both, and goes on`, async (t) => {
    const [from, to] = [fake.uri(await fake.rootKey()), await other()]
    const lost = await loseMidway(from, to, 'keyprotect')
    const server = await emptyServer(t)
    for (const [one, theOther] of [
      [to, from],
      [from, to],
    ] as const) {
      const alone = await restore(server, one)
      assert.equal(alone.code, 1, alone.stdout)
      assert.ok(alone.stderr.includes(idOf(theOther)), alone.stderr)
      assert.match(alone.stderr, /--old-root-key URI .*--partial/s)
    }
    assert.deepEqual(await server.json('instance', 'list'), [], 'nothing was written')
    const whole = await restore(server, to, '--old-root-key', from)
    assert.equal(whole.code, 0, whole.stderr)
    assert.match(whole.stdout, new RegExp(`With their keys: +${count}\n`))
    assert.ok(whole.stdout.includes(`It was on its way from ${from}, and goes on`), whole.stdout)
    assert.equal(await opening(server, lost), count)
    const there = async () =>
      ((await server.json('instance', 'show', 'default')) as { work: unknown }).work === null
    await until(there, 'all keys are where they were going')
    await until(async () => (await livingUnder(from)) === 0, 'nothing is left behind')
    assert.equal(await livingUnder(to), count)
    await fake.control('POST', `keys/${idOf(from)}/disable`)
    await server.stop()
    await using again = await startServer({ env, data: server.data })
    assert.equal(await opening(again, lost), count)

    // And once more, of what is there now.
    await again.kill()
    const next = await emptyServer(t)
    assert.equal((await restore(next, to)).code, 0)
    assert.equal(await opening(next, lost), count)
  })

for (const [where, other] of places)
  test(`the other root key, ${where}, is gone for good: the rest comes back, and what does not open is told`, async (t) => {
    const [from, to] = [fake.uri(await fake.rootKey()), await other()]
    const lost = await loseMidway(from, to, 'keyprotect')
    const moved = await livingUnder(to)
    const server = await emptyServer(t, startServer)
    const part = async (one: string) => {
      const { code, stdout, stderr } = await restore(server, one, '--partial', '--json')
      assert.equal(code, 0, stderr)
      return JSON.parse(stdout) as Record<'opens' | 'elsewhere' | 'deleted', unknown>
    }
    const { opens, elsewhere: shut, deleted } = await part(to)
    // What lies in another service instance cannot be seen from here.
    const seen = where === 'in the same service instance' ? count : Number(opens)
    assert.equal(Number(opens) + (shut as unknown[]).length, seen)
    assert.ok(Number(opens) > 10 && Number(opens) >= moved - 8, `${Number(opens)} of ${moved}`)
    assert.deepEqual(deleted, [])
    assert.equal(await opening(server, lost), Number(opens))
    await server.kill()

    // It is there after all.
    const next = await emptyServer(t)
    assert.equal((await restore(next, to, '--old-root-key', from)).code, 0)
    assert.equal(await opening(next, lost), count)
  })

test('on its way into the database: nothing is deleted behind it at once, so all come back; where it was going is said', async (t) => {
  const from = fake.uri(await fake.rootKey())
  const lost = await loseMidway(from, 'file:away.key', 'database')
  const server = await emptyServer(t)
  const back = await restore(server, from)
  assert.equal(back.code, 0, back.stderr)
  assert.match(back.stdout, /on its way into the database, under file:away\.key\. .* lost with it/)
  assert.match(back.stdout, new RegExp(`With their keys: +${count}\n`))
  const talk = await openTalk({ ...server.kmip, tls: (await server.issue('vcenter')).tls })
  for (const [id, digest] of lost.digests) assert.equal(digestOf(await talk.get(id)), digest)
  talk.close()
})
