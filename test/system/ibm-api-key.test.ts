// An API key of each instance's own, as an administrator gives and replaces it: the whole server and the command line
// against the Key Protect fake. The server itself has none here, so that none can be borrowed.

import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { KeyProtectFake } from '../support/key-protect/fake.ts'
import { runCli, startEmbedded, type EmbeddedServer } from '../support/server/server.ts'
import { textsInFiles } from '../support/store/store-grep.ts'

const fake = await KeyProtectFake.start()
after(() => fake.stop())
const env = {
  MORTISE_IBM_IAM_URL: fake.about.iamUrl,
  MORTISE_IBM_CA_FILE: fake.about.caFile,
  MORTISE_LOG_LEVEL: 'debug',
}

/** A root key, and a service ID that may use it and no other, with its API key in a file. */
async function tenant(t: TestContext) {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-tenant-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const key = await fake.rootKey()
  const { id, apiKey } = await fake.serviceId({ roles: ['Reader'], key })
  const file = path.join(folder, 'api-key')
  writeFileSync(file, `${apiKey}\n`)
  return { uri: fake.uri(key), id, apiKey, file, put: (text: string) => writeFileSync(file, text) }
}

function create(server: EmbeddedServer, name: string, rootKey: string, ...more: string[]) {
  return server.cli('instance', 'create', name, '--root-key', rootKey, '--json', ...more)
}

const database = ['--custody', 'database'] as const

interface Listed {
  readonly name: string
  readonly ibmApiKeySource: string
}

async function sources(server: EmbeddedServer): Promise<Record<string, string>> {
  const listed = (await server.json('instance', 'list')) as readonly Listed[]
  return Object.fromEntries(listed.map(({ name, ibmApiKeySource }) => [name, ibmApiKeySource]))
}

/** Names of the API keys that are kept. */
function kept({ data }: EmbeddedServer): string[] {
  const database = new DatabaseSync(path.join(data, 'mortise.db'), { readOnly: true })
  const rows = database.prepare(`SELECT name FROM secrets WHERE name LIKE 'ibm-api-key/%'`).all()
  database.close()
  return rows.map(({ name }) => String(name))
}

test('two instances speak as two service IDs, and a key fits its instance alone', async (t) => {
  const [red, blue] = [await tenant(t), await tenant(t)]
  await using server = await startEmbedded({ env })

  const none = await create(server, 'red', red.uri, ...database)
  assert.equal(none.code, 1)
  assert.match(none.stderr, /--ibm-api-key-file/)
  assert.match(none.stderr, /MORTISE_IBM_API_KEY_FILE/)
  const foreign = await create(server, 'red', red.uri, ...database, '--ibm-api-key-file', blue.file)
  assert.equal(foreign.code, 1)
  assert.ok(foreign.stderr.includes(blue.id), `it says who was refused: ${foreign.stderr}`)
  assert.deepEqual([await sources(server), kept(server)], [{ default: 'none' }, []], 'nothing is kept')

  for (const [name, { uri, file }] of Object.entries({ red, blue })) {
    const made = await create(server, name, uri, ...database, '--ibm-api-key-file', file)
    assert.equal(made.code, 0, made.stderr)
    assert.equal((JSON.parse(made.stdout) as Listed).ibmApiKeySource, 'instance')
    await server.json('key', 'create', '--instance', name)
  }
  assert.deepEqual(await sources(server), { default: 'none', red: 'instance', blue: 'instance' })
  const taken = await create(server, 'red', blue.uri, ...database, '--ibm-api-key-file', blue.file)
  assert.match(taken.stderr, /exists already/)
  assert.equal(kept(server).length, 2, 'of an instance that was not made no key is kept')

  // Withdrawn from one, the other goes on; what is cached would hide it, so the server starts again.
  await fake.control('PUT', `service-ids/${red.id}/policies`, { policies: [] })
  await server.stop()
  await using again = await startEmbedded({ env, data: server.data })
  await again.json('key', 'create', '--instance', 'blue')
  const refused = await again.cli('key', 'create', '--instance', 'red')
  assert.equal(refused.code, 1)

  const exported = path.join(server.data, 'audit.jsonl')
  assert.equal((await again.cli('audit', 'export', exported)).code, 0)
  const files = readdirSync(server.data, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => path.join(parentPath, name))
  const secrets = [red.apiKey, blue.apiKey].flatMap((apiKey) => [
    apiKey,
    Buffer.from(apiKey).toString('base64').slice(0, 40),
    Buffer.from(apiKey).toString('hex'),
  ])
  assert.deepEqual(textsInFiles(secrets, files), [])
  assert.deepEqual(textsInFiles([blue.id, 'instance.create'], files), ['instance.create'])
  const said = server.stderr() + again.stderr() + foreign.stderr + foreign.stdout
  assert.match(said, /Key Protect was called/)
  for (const secret of secrets) assert.ok(!said.includes(secret), 'no log has it')
})

test('root keys are listed with a key that is not kept, or with that of an instance', async (t) => {
  const { uri, file, put } = await tenant(t)
  const { apiKey } = await fake.serviceId({ roles: ['Reader'] })
  await using server = await startEmbedded({ env })
  const list = (...words: string[]) => server.cli('root-key', 'list', '--root-key', uri, '--json', ...words)
  const uris = ({ code, stdout, stderr }: Awaited<ReturnType<typeof list>>) => {
    assert.equal(code, 0, stderr)
    return (JSON.parse(stdout) as readonly { readonly uri: string }[]).map((listed) => listed.uri)
  }

  const none = await list()
  assert.equal(none.code, 1)
  assert.match(none.stderr, /MORTISE_IBM_API_KEY_FILE/)
  const narrow = await list('--ibm-api-key-file', file)
  assert.deepEqual([narrow.code, /may not list the keys.*--roles Reader/.test(narrow.stderr)], [1, true])
  put(apiKey)
  assert.ok(uris(await list('--ibm-api-key-file', file)).includes(uri))
  assert.equal((await list()).code, 1, 'it was used for that alone')
  assert.deepEqual(kept(server), [])

  assert.equal((await create(server, 'red', uri, ...database, '--ibm-api-key-file', file)).code, 0)
  assert.ok(uris(await list('--instance', 'red')).includes(uri))
  put('a-key-that-iam-does-not-know')
  const wrong = await list('--ibm-api-key-file', file)
  assert.deepEqual([wrong.code, /refuses the API key/.test(wrong.stderr)], [1, true])
  const both = await list('--instance', 'red', '--ibm-api-key-file', file)
  assert.deepEqual([both.code, /not both/.test(both.stderr)], [2, true])
  const unknown = await list('--instance', 'nobody')
  assert.deepEqual([unknown.code, /no instance nobody/.test(unknown.stderr)], [1, true])
})

test('a key is replaced while the server runs: tried first, and then the only one that there is', async (t) => {
  const { uri, id, file, put } = await tenant(t)
  await using server = await startEmbedded({ env })
  const made = await create(server, 'red', uri, ...database, '--ibm-api-key-file', file)
  assert.equal(made.code, 0, made.stderr)
  const set = () => server.cli('instance', 'set', 'red', '--ibm-api-key-file', file)

  put('a-key-that-iam-does-not-know')
  const wrong = await set()
  assert.equal(wrong.code, 1)
  assert.match(wrong.stderr, /refuses the API key/)
  await server.json('key', 'create', '--instance', 'red')

  const { apiKey } = await fake.control<{ apiKey: string }>('POST', `service-ids/${id}/api-key`)
  put(apiKey)
  const right = await set()
  assert.equal(right.code, 0, right.stderr)
  assert.ok(!right.stdout.includes(apiKey))
  assert.match(right.stdout, /API key: +its own/)
  const entries = await server.json('audit', 'list', '--action', 'instance.set')
  assert.deepEqual(
    (entries as readonly { readonly detail: unknown }[]).map(({ detail }) => detail),
    [{ ibmApiKey: 'given' }],
  )
  await server.stop()
  await using again = await startEmbedded({ env, data: server.data })
  await again.json('key', 'create', '--instance', 'red')
  assert.equal(kept(again).length, 1, 'the one before is not kept beside it')
})

test('a key goes with its instance', async (t) => {
  const { uri, file } = await tenant(t)
  await using server = await startEmbedded({ env })
  const made = await create(server, 'red', uri, ...database, '--ibm-api-key-file', file)
  assert.equal(made.code, 0, made.stderr)
  await server.json('key', 'create', '--instance', 'red')
  assert.equal(kept(server).length, 1)
  await server.json('instance', 'delete', 'red', '--shred', 'red')
  for (let turn = 0; kept(server).length > 0; turn++) {
    assert.ok(turn < 400, 'it is still there')
    await sleep(25)
  }
})

test('custody keyprotect: the key outlives its instance until nothing of it is left at the service', async (t) => {
  const { uri, id, file } = await tenant(t)
  await fake.control('PUT', `service-ids/${id}/policies`, {
    policies: [{ instance: fake.about.instance, roles: ['Manager'] }],
  })
  await using server = await startEmbedded({ env })
  const made = await create(server, 'red', uri, '--custody', 'keyprotect', '--ibm-api-key-file', file)
  assert.equal(made.code, 0, made.stderr)
  await server.json('key', 'create', '--instance', 'red')
  await fake.control('POST', 'listeners', { keyProtect: 'down' })
  await server.json('instance', 'delete', 'red', '--shred', 'red')
  assert.equal(kept(server).length, 1, 'what lies there is to be deleted with it')
  await server.stop()
  await fake.calm()
  await fake.forgetCalls()
  // It looks for what is to be deleted when it starts.
  {
    await using again = await startEmbedded({ env, data: server.data })
    const isDeleted = async () =>
      (await fake.calls()).some(({ call, status }) => call === 'delete' && status < 300)
    for (let turn = 0; !(await isDeleted()); turn++) {
      assert.ok(turn < 1200, again.stderr())
      await sleep(25)
    }
    assert.equal(kept(again).length, 1, 'the marker stays as long as the key can be restored there')
  }
  // IBM does so 90 days after the deletion.
  await fake.advance(5 * 3600)
  const keys = await fake.control<readonly { readonly id: string; readonly state: number }[]>('GET', 'keys')
  for (const key of keys) if (key.state === 5) await fake.admin('DELETE', `/keys/${key.id}/purge`)
  await using last = await startEmbedded({ env, data: server.data })
  for (let turn = 0; kept(last).length > 0; turn++) {
    assert.ok(turn < 1200, last.stderr())
    await sleep(25)
  }
})

test('what does not fit is refused before anything is asked or kept, and no file is repeated', async (t) => {
  const { uri, file, put } = await tenant(t)
  await using server = await startEmbedded({ env })
  await fake.forgetCalls()
  const elsewhere = await create(server, 'red', 'file:red.key', '--ibm-api-key-file', file)
  assert.match(
    elsewhere.stderr,
    /an API key \(--ibm-api-key-file; .* is for root keys in Key Protect and HPCS, and this one is file:red.key/,
  )
  const custody = await create(server, 'red', 'file:red.key', '--custody', 'keyprotect')
  assert.match(custody.stderr, /custody keyprotect \(--custody; .* is for root keys in Key Protect and HPCS/)
  const set = await server.cli('instance', 'set', 'default', '--ibm-api-key-file', file)
  assert.match(set.stderr, /is for root keys in Key Protect and HPCS/)
  for (const text of ['', 'two\nlines-of-it', 'with space-in-it', '{"apikey":"the-value"}', 'ü-umlaut']) {
    put(text)
    const { code, stderr } = await create(server, 'red', uri, ...database, '--ibm-api-key-file', file)
    assert.deepEqual([code, /should hold an API key, on one line/.test(stderr)], [1, true], text)
    for (const part of ['lines-of-it', 'space-in-it', 'the-value', 'umlaut'])
      assert.ok(!stderr.includes(part))
  }
  const missing = await create(server, 'red', uri, ...database, '--ibm-api-key-file', `${file}-missing`)
  assert.match(missing.stderr, /there is no file/)
  assert.deepEqual([await sources(server), kept(server)], [{ default: 'none' }, []])
  assert.ok(!readdirSync(server.data).includes('red.key'), 'no root key was made for it')
  assert.deepEqual(await fake.calls(), [])
})

test('an instance with a key of its own does not use that of the server, even under the same root key', async (t) => {
  const own = await tenant(t)
  const readEnv = { ...env, MORTISE_IBM_API_KEY_FILE: fake.about.apiKeyFile, MORTISE_ROOT_KEY: own.uri }
  await using server = await startEmbedded({ env: readEnv })
  const made = await create(server, 'red', own.uri, ...database, '--ibm-api-key-file', own.file)
  assert.equal(made.code, 0, made.stderr)
  assert.deepEqual(await sources(server), { default: 'server', red: 'instance' })
  await fake.control('PUT', `service-ids/${own.id}/policies`, { policies: [] })
  await server.stop()
  await using again = await startEmbedded({ env: readEnv, data: server.data })
  await again.json('key', 'create', '--instance', 'default')
  assert.equal((await again.cli('key', 'create', '--instance', 'red')).code, 1)
})

test('a backup is verified without a server, and an instance of it restored, with the API keys that are in it', async (t) => {
  const { uri, file, id } = await tenant(t)
  await using server = await startEmbedded({ env })
  assert.equal((await create(server, 'red', uri, ...database, '--ibm-api-key-file', file)).code, 0)
  await server.json('key', 'create', '--instance', 'red')
  const backup = path.join(server.data, 'red.backup')
  await server.json('backup', 'create', backup)
  const verify = () => runCli(['backup', 'verify', backup, '--all', '--data', server.data, '--json'], env)
  const whole = await verify()
  assert.equal(whole.code, 0, whole.stderr + whole.stdout)
  const { problems, opened } = JSON.parse(whole.stdout) as { problems: string[]; opened: number }
  assert.deepEqual([problems, opened], [[], 1])

  await using other = await startEmbedded({ env })
  const words = [
    'restore',
    backup,
    '--instance',
    'red',
    '--root-key',
    `file:${server.data}/root.key`,
    '--yes',
  ]
  const report = (await other.json(...words)) as { rootKey: string; notOpening: { count: number } }
  assert.deepEqual([report.rootKey, report.notOpening.count], [uri, 0])
  assert.deepEqual(await sources(other), { default: 'none', red: 'instance' })
  await other.json('key', 'create', '--instance', 'red')

  await fake.control('PUT', `service-ids/${id}/policies`, { policies: [] })
  await using third = await startEmbedded({ env })
  const withdrawn = await third.cli(...words)
  assert.equal(withdrawn.code, 1)
  assert.match(withdrawn.stderr, /Nothing of the instance is here yet/)
  assert.deepEqual(await sources(third), { default: 'none' })
  const refused = await verify()
  assert.equal(refused.code, 1, 'the service refuses this API key now')
  assert.match(refused.stdout, /the data key \w+ does not open with keyprotect:/)
})
