// Reading the configuration again while the server runs: by the command, by HTTP, by SIGHUP.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { changedOptions, withLiveOptions } from '../../src/outside/config/config.ts'
import { allOptions, featureOptions } from '../../src/program/features.ts'
import { readConfig } from '../support/server/config.ts'
import { command } from '../support/server/command.ts'
import { startServer, type CommandResult, type TestServer } from '../support/server/server.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-reload-'))
const data = path.join(folder, 'data')
const file = path.join(folder, 'mortise.toml')
let server: TestServer

const configure = (text: string): void => writeFileSync(file, text)
const cli = (...words: string[]): Promise<CommandResult> => command(words, { data })

before(async () => {
  configure('[log]\nlevel = "info"\n')
  server = await startServer({ data, args: ['--config', file] })
})
after(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

async function reload(): Promise<{ applied: string[]; needRestart: string[] }> {
  const { code, stdout, stderr } = await cli('reload', '--json')
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as { applied: string[]; needRestart: string[] }
}

/** The status that the admin door answers when it is addressed by that name. */
function statusAs(host: string): Promise<number> {
  const { port } = new URL(server.admin)
  const ca = readFileSync(path.join(data, 'admin-ca.pem'), 'utf8')
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host: '127.0.0.1',
        port,
        ca,
        servername: host,
        agent: false,
        path: '/health/live',
        headers: { host },
      },
      (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
      },
    )
    asked.once('error', reject)
    asked.end()
  })
}

async function logged(pattern: RegExp, since: number): Promise<void> {
  for (let tries = 0; !pattern.test(server.stderr().slice(since)); tries++) {
    assert.ok(tries < 300, `not logged: ${String(pattern)}\n${server.stderr()}`)
    await sleep(50)
  }
}

test('nothing has changed', async () => {
  assert.deepEqual(await reload(), { applied: [], needRestart: [] })
  assert.equal((await cli('reload')).stdout, 'Nothing has changed.\n')
})

test('what is live is applied, the rest is named', async () => {
  await assert.rejects(statusAs('kms.example.test'), /altnames|ALTNAME/)
  configure(`
[log]
level = "debug"
format = "human"
[audit]
reads = "durable"
[admin]
hosts = ["kms.example.test"]
[server]
names = ["keys.example.test"]
`)
  const { applied, needRestart } = await reload()
  assert.deepEqual(applied, ['server.names', 'admin.hosts', 'audit.reads', 'log.level'])
  assert.deepEqual(needRestart, ['log.format'])
  assert.equal(await statusAs('kms.example.test'), 200, 'its own certificate has the name, under the same CA')
  assert.deepEqual(
    await reload(),
    { applied: [], needRestart: ['log.format'] },
    'it still waits for a restart',
  )

  const { stdout } = await cli('server-cert', 'renew', '--json')
  const { staged } = JSON.parse(stdout) as { staged: { names: string[] } }
  assert.ok(staged.names.includes('keys.example.test'))
  const { stdout: audit } = await cli('audit', 'list', '--action', 'server.reload', '--json')
  const [, entry] = JSON.parse(audit) as { detail: { applied: string } }[]
  assert.match(entry?.detail.applied ?? '', /audit\.reads/)
})

test('a configuration that is not right changes nothing and says why', async () => {
  const before = await reload()
  configure('[log]\nlevel = "loud"\n[admin]\nhost = ["x"]\n')
  const { code, stderr } = await cli('reload')
  assert.equal(code, 1)
  assert.match(stderr, /log\.level/)
  assert.match(stderr, /no key "admin\.host"; the nearest is admin\.hosts/)
  assert.match(stderr, /Nothing was changed/)
  assert.equal(await statusAs('kms.example.test'), 200)
  configure('[admin]\nhosts = ["not a name"]\n')
  assert.match((await cli('reload')).stderr, /neither a host name nor an IP address/)
  assert.equal(await statusAs('kms.example.test'), 200)
  assert.deepEqual(before.applied, [])
})

test('SIGHUP does the same, and the log tells', async () => {
  let since = server.stderr().length
  server.process.kill('SIGHUP')
  await logged(/the configuration was not changed/, since)
  configure('[log]\nlevel = "error"\n')
  since = server.stderr().length
  server.process.kill('SIGHUP')
  for (let tries = 0; (await statusAs('localhost')) !== 200 || tries < 3; tries++) await sleep(50)
  assert.deepEqual(await reload(), { applied: [], needRestart: [] }, 'SIGHUP applied it')
  await assert.rejects(async () => assert.equal(await statusAs('kms.example.test'), 200), 'the name is gone')
  assert.doesNotMatch(server.stderr().slice(since), /"level":"info"/)
})

test('each live option can be changed, and no other is taken over', () => {
  const before = readConfig({}, {})
  const changes = {
    server: { names: ['a.test'], data: '/elsewhere' },
    admin: { hosts: ['b.test'] },
    audit: { reads: 'durable', keep: 400 },
    oidc: {
      roles: [{ group: 'a', role: 'viewer', instance: null }],
      sessionMinutes: 60,
      idleMinutes: 10,
    },
    alerts: { severity: 'critical' },
    backup: {
      enabled: false,
      delaySeconds: 31,
      everySecondsMin: 301,
      everySecondsMax: 86_401,
      keepLast: 7,
      keepDaily: 15,
      after: ['true'],
    },
    adopt: { hosts: ['c.test'] },
    kmip: { hosts: ['d.test'] },
    log: { level: 'warn', format: 'json' },
  } as const
  const after = Object.fromEntries(
    Object.entries(before).map(([section, values]) => [section, { ...values, ...changes[section as 'log'] }]),
  ) as unknown as typeof before
  const changed = changedOptions(before, after, featureOptions)
  const live = Object.entries(allOptions).flatMap(([section, lines]) =>
    Object.entries(lines).flatMap(([name, line]) => ('live' in line ? [`${section}.${name}`] : [])),
  )
  assert.deepEqual(
    changed.filter(({ live }) => live).map(({ name }) => name),
    live,
  )
  const merged = withLiveOptions(before, after, featureOptions)
  assert.equal(merged.log.level, 'warn')
  assert.equal(merged.log.format, before.log.format)
  assert.equal(merged.server.data, before.server.data)
})
