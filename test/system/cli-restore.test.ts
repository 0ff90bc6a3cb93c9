// `mortise restore --from-key-protect` as somebody uses it whose database is gone: what it says, what it refuses and what
// to do about that, and that who stops watching stops nothing.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { KeyProtectFake } from '../support/key-protect/fake.ts'
import { runCli, startEmbedded, type EmbeddedServer } from '../support/server/server.ts'

let fake: KeyProtectFake
let folder: string
let apiKeyFile: string
let env: Record<string, string>
before(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'mortise-cli-restore-'))
  fake = await KeyProtectFake.start()
  const { apiKey } = await fake.serviceId({ roles: ['Manager'] })
  apiKeyFile = path.join(folder, 'api.key')
  writeFileSync(apiKeyFile, apiKey)
  // The server itself has no API key: the instance brings its own.
  env = { MORTISE_IBM_IAM_URL: fake.about.iamUrl, MORTISE_IBM_CA_FILE: fake.about.caFile }
})
after(async () => {
  await fake.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** Instances with a key each, in a server that is then lost; their ids. */
async function lost(rootKey: string, ...names: string[]): Promise<{ ids: string[]; keys: string[] }> {
  await using server = await startEmbedded({ env })
  const ids: string[] = []
  const keys: string[] = []
  for (const name of names) {
    const place = ['--root-key', rootKey, '--custody', 'keyprotect', '--ibm-api-key-file', apiKeyFile]
    ids.push(((await server.json('instance', 'create', name, ...place)) as { id: string }).id)
    keys.push(((await server.json('key', 'create', '--instance', name)) as { id: string }).id)
  }
  await server.stop()
  return { ids, keys }
}

function restore(server: EmbeddedServer, rootKey: string, ...more: string[]) {
  const args = ['--root-key', rootKey, '--ibm-api-key-file', apiKeyFile]
  return server.cli('restore', '--from-key-protect', ...args, ...more)
}

test('wrong usage says what is meant, without a server', async () => {
  for (const [args, told] of [
    [['backup.tar', '--from-key-protect'], /say either a backup \(backup\.tar\) or --from-key-protect/],
    [[], /say from where/],
    [['--from-key-protect'], /--root-key is missing/],
  ] as const) {
    const { code, stderr } = await runCli(['restore', ...args], env)
    assert.equal(code, 2)
    assert.match(stderr, told)
  }
})

test('it comes back with its own API key, and says what is left to do', async () => {
  const rootKey = fake.uri(await fake.rootKey({ aliases: ['crk'] }))
  const { ids, keys } = await lost(rootKey, 'vmware')
  await using server = await startEmbedded({ env })
  await server.json('instance', 'create', 'vmware')
  const { code, stdout, stderr } = await restore(server, fake.uri('crk'))
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^The instance is back\.\nInstance: +vmware-restored \(/)
  assert.match(stdout, /Objects: +1 Active\nWith their keys: +1\n/)
  assert.match(stdout, /Its name was vmware\. .*\n[^]*client trust --instance vmware-restored/)
  assert.match(stdout, /must not come back beside this one/)
  const shown = (await server.json('instance', 'show', ids[0] ?? '')) as Record<string, unknown>
  assert.deepEqual(
    [shown['ibmApiKeySource'], shown['rootKey'], shown['custody']],
    ['instance', rootKey, 'keyprotect'],
  )
  // Sealed and opened with that key, also after a restart.
  await server.json('key', 'create', '--instance', 'vmware-restored')
  const listed = (await server.json('key', 'list', '--instance', 'vmware-restored')) as { id: string }[]
  assert.ok(listed.some(({ id }) => id === keys[0]))
  const again = await restore(server, rootKey)
  assert.deepEqual([again.code, again.stdout], [0, stdout], 'asked again, it tells the same')
  const renamed = await restore(server, rootKey, '--name', 'other', '--json')
  assert.equal(renamed.code, 1)
  assert.match(renamed.stderr, /"code":"conflict".*has the instance .* already/)
})

test('a root key that will not do is refused with what helps, and with nothing that does not', async () => {
  await using server = await startEmbedded({ env })
  const id = await fake.rootKey()
  await fake.admin('POST', `/keys/${id}/actions/disable`)
  for (const [rootKey, says] of [
    [fake.uri(id), /is disabled/],
    [fake.uri('0a0a0a0a-0000-4000-8000-000000000000'), /has no key/],
  ] as const) {
    const { code, stderr } = await restore(server, rootKey)
    assert.equal(code, 1)
    assert.match(stderr, says)
    assert.doesNotMatch(stderr, /--old-root-key/, 'it opens nothing')
  }
})

test('a role that it will need and that is missing is named before it begins', async () => {
  const rootKey = fake.uri(await fake.rootKey())
  await lost(rootKey, 'roles')
  await using server = await startEmbedded({ env })
  const own = path.join(folder, 'less.key')
  for (const roles of [[], ['Reader'], ['ReaderPlus'], ['Writer']]) {
    const { apiKey } = await fake.serviceId({ roles: roles as ('Reader' | 'ReaderPlus' | 'Writer')[] })
    writeFileSync(own, apiKey)
    await fake.forgetCalls()
    const args = ['--root-key', rootKey, '--ibm-api-key-file', own]
    const { code, stderr } = await server.cli('restore', '--from-key-protect', ...args)
    assert.equal(code, 1)
    assert.match(stderr, /It needs the service role Manager for all that it is to do there/, roles.join())
    assert.ok((await fake.calls('get')).length <= 1, 'none but that of the trial')
  }
})

test('several instances are listed to choose from; one that is chosen comes back under the name that is asked for', async () => {
  const rootKey = fake.uri(await fake.rootKey())
  // What other tests left in the service instance lies there too.
  const { ids } = await lost(rootKey, 'one', 'two')
  await using server = await startEmbedded({ env })
  const refused = await restore(server, rootKey)
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /lie the keys of \d instances: \S+ \(\d keys?, newest \d{4}-/)
  for (const id of ids) assert.ok(refused.stderr.includes(id))
  assert.match(refused.stderr, /Choose one: --instance-id ID\./)
  const chosen = await restore(server, rootKey, '--instance-id', ids[1] ?? '', '--name', 'mine', '--json')
  assert.equal(chosen.code, 0, chosen.stderr)
  const report = JSON.parse(chosen.stdout) as { instance: unknown; opens: number; formerName: string }
  assert.deepEqual(report.instance, { id: ids[1], name: 'mine' })
  assert.deepEqual([report.opens, report.formerName], [1, 'two'])
  const other = fake.uri(await fake.rootKey())
  const wrong = await restore(server, other, '--instance-id', ids[0] ?? '')
  assert.equal(wrong.code, 1)
  assert.match(wrong.stderr, /sealed nothing of it[^]*Name the root key that sealed the instance/)
  const nothing = await restore(server, rootKey, '--instance-id', 'unknown')
  assert.match(nothing.stderr, /there are no standard keys of the instance unknown/)
})

test('who stops watching stops nothing, and the same command goes on watching', async () => {
  const rootKey = fake.uri(await fake.rootKey())
  const { ids } = await lost(rootKey, 'watched')
  await using server = await startEmbedded({ env })
  await fake.control('POST', 'traffic', { latencyMs: 200 })
  const child = spawn(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    path.join(import.meta.dirname, '../../src/program/main.ts'),
    'restore',
    '--from-key-protect',
    ...['--root-key', rootKey, '--ibm-api-key-file', apiKeyFile].concat('--instance-id', ids[0] ?? ''),
    '--data',
    server.data,
  ])
  const [said] = (await once(child.stderr, 'data')) as [Buffer]
  child.kill('SIGKILL')
  assert.match(said.toString(), /^\d+ of \d+ standard keys read|objects written/)
  const { code, stdout, stderr } = await restore(server, rootKey, '--instance-id', ids[0] ?? '')
  await fake.calm()
  assert.equal(code, 0, stderr)
  assert.match(stdout, /Instance: +watched/)
  const done = await server.json('audit', 'list', '--action', 'instance.restore')
  assert.equal((done as unknown[]).length, 1)
})
