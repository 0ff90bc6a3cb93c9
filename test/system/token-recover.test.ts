// A way back in: `mortise token recover` with and without a running server, what it needs, and what it does where rows
// of trust were altered. And `root-key copied` and `verify-copy`, which stand on the same proof.

import { tokenRoutes } from '../../src/features/tokens/routes.ts'
import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { AdminClient } from '../../src/doors/http/client.ts'
import { Refusal } from '../../src/base/refusal.ts'
import { edit } from '../support/server/core.ts'
import { runCli, startEmbedded, type EmbeddedServer } from '../support/server/server.ts'

const elsewhere = mkdtempSync(path.join(tmpdir(), 'mortise-elsewhere-'))
let server: EmbeddedServer
let rootKey: string
before(async () => {
  server = await startEmbedded()
  rootKey = path.join(server.data, 'root.key')
  rmSync(path.join(server.data, 'admin-token'))
})
after(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(elsewhere, { recursive: true })
})

interface Recovered {
  readonly token: string
  readonly expires: string
}

/** Keeps the recovered token where commands find one. */
async function recovered(...args: string[]): Promise<Recovered> {
  const made = (await server.json('token', 'recover', ...args)) as Recovered
  writeFileSync(path.join(server.data, 'admin-token'), `${made.token}\n`, { mode: 0o600 })
  return made
}

const conditions = async () => {
  const { conditions: found } = (await server.json('status')) as { conditions: { id: string }[] }
  return found.map(({ id }) => id)
}

test('beside a running server: a manager for one hour, audited, and reported by status', async () => {
  const noToken = await server.cli('status')
  assert.match(noToken.stderr, /no server has left its token in .*\(admin-token\)[^]*mortise token recover/)
  const { expires } = await recovered()
  const left = Date.parse(expires) - Date.now()
  assert.ok(left > 3500_000 && left <= 3600_000, `${left} ms left`)
  assert.ok((await conditions()).includes('token-recovered'))
  const entries = (await server.json('audit', 'list', '--action', 'token.recover')) as {
    actor: { kind: string; address: string }
    detail: { role: string }
  }[]
  assert.equal(entries.length, 1)
  assert.deepEqual([entries[0]?.actor.kind, entries[0]?.actor.address], ['server', '127.0.0.1'])
  assert.equal(entries[0]?.detail.role, 'manager')
  assert.equal((await server.cli('token', 'create', '--role', 'manager', '--name', 'alice')).code, 0)
})

test('a token whose text cannot be written is lost, and it is said what to do', async () => {
  const { code, stderr } = await server.cli(
    'token',
    'recover',
    '--out',
    path.join(elsewhere, 'x'.repeat(300)),
  )
  assert.equal(code, 1)
  assert.match(
    stderr,
    /ENAMETOOLONG.*\n.* text is lost: give the command again.*token revoke [0-9a-f-]{36} --data \S+\n$/,
  )
})

test('without the root key, or with another one, nobody gets a token', async () => {
  renameSync(rootKey, `${rootKey}.away`)
  const gone = await server.cli('token', 'recover')
  assert.equal(gone.code, 1)
  assert.match(gone.stderr, /no root key at/)
  await using other = await startEmbedded()
  copyFileSync(path.join(other.data, 'root.key'), rootKey)
  const wrong = await server.cli('token', 'recover')
  assert.equal(wrong.code, 1, wrong.stdout)
  renameSync(`${rootKey}.away`, rootKey)
})

test('whoever cannot read the challenge gets nothing, and a challenge counts once', async () => {
  const admin = new AdminClient({
    url: server.admin,
    token: '',
    trust: { by: 'authority', pem: readFileSync(path.join(server.data, 'admin-ca.pem'), 'utf8') },
  })
  const [{ file }, again] = [
    await admin.call(tokenRoutes.beginTokenRecovery),
    await admin.call(tokenRoutes.beginTokenRecovery),
  ]
  assert.equal(again.file, file)
  const place = path.join(server.data, file)
  assert.equal(statSync(place).mode & 0o777, 0o600)
  const { id, wrapped } = JSON.parse(readFileSync(place, 'utf8')) as { id: string; wrapped: string }
  for (const answer of ['0'.repeat(64), Buffer.from(wrapped, 'base64').toString('hex').slice(0, 64)])
    await assert.rejects(
      admin.call(tokenRoutes.recoverToken, { body: { id, answer } }),
      (error) => error instanceof Refusal && error.code === 'forbidden',
    )
  await recovered()
  await assert.rejects(async () => statSync(place), /ENOENT/)
})

test('a copy of the root key: said, then proved; status is green only then', async () => {
  assert.ok((await conditions()).includes('root-key-not-copied'))
  assert.equal((await server.cli('root-key', 'verify-copy', rootKey)).code, 1, 'the file itself is no copy')
  const copy = path.join(elsewhere, 'root.key')
  await using other = await startEmbedded()
  copyFileSync(path.join(other.data, 'root.key'), copy)
  const wrong = await server.cli('root-key', 'verify-copy', copy)
  assert.equal(wrong.code, 1)
  assert.match(wrong.stderr, /this is no copy of a root key in use: .*root\.key did not seal this/)
  assert.ok((await conditions()).includes('root-key-not-copied'))
  copyFileSync(rootKey, copy)
  const { stdout } = await server.cli('root-key', 'verify-copy', copy)
  assert.match(stdout, /The copy .*root\.key opens this server \(file:root\.key\)/)
  assert.ok(!(await conditions()).includes('root-key-not-copied'))
  const said = (await server.json('root-key', 'copied')) as { by: string; verified: boolean }
  assert.deepEqual([said.by, said.verified], ['recovered', false])
  for (const action of ['root-key.copied', 'root-key.verify-copy'])
    assert.equal(((await server.json('audit', 'list', '--action', action)) as unknown[]).length, 1)
  const unknown = await server.cli('root-key', 'copied', '--root-key', 'file:other.key')
  assert.match(unknown.stderr, /neither the server nor an instance uses/)
  await server.cli('instance', 'set-root-key', 'default', '--root-key', 'file:next.key')
  assert.ok((await conditions()).includes('root-key-not-copied'))
  copyFileSync(path.join(server.data, 'next.key'), copy)
  assert.match((await server.cli('root-key', 'verify-copy', copy)).stdout, /\(file:next\.key\)/)
  assert.ok(!(await conditions()).includes('root-key-not-copied'))
})

test('offline: rows that somebody altered are listed, and the owner decides', async () => {
  await server.issue('good')
  await server.issue('bad')
  await server.stop()
  const file = path.join(server.data, 'mortise.db')
  const alter = `UPDATE trust SET body = replace(body, '"name":"bad"', '"name":"evil"') WHERE kind = 'client'`
  assert.ok(edit(file, alter) > 0)
  const recover = (...args: string[]) => runCli(['token', 'recover', '--data', server.data, ...args])
  const listed = await recover()
  assert.equal(listed.code, 1)
  assert.match(listed.stdout, /1 row of trust does not count/)
  const [, row = ''] = /(client\/\S+)\s+evil\s+altered/.exec(listed.stdout) ?? []
  assert.notEqual(row, '')
  assert.match((await recover('--sign-anew', 'client/none')).stderr, /is none of the rows/)
  const out = path.join(server.data, 'admin-token')
  const { code, stderr } = await recover('--sign-anew', row, '--out', out, '--force')
  assert.equal(code, 0, stderr)
  await using again = await startEmbedded({ data: server.data })
  const clients = (await again.json('client', 'list')) as { name: string }[]
  assert.deepEqual(clients.map(({ name }) => name).toSorted(), ['evil', 'good'])
  const status = (await again.json('status')) as { conditions: { id: string }[] }
  assert.ok(!status.conditions.some(({ id }) => id === 'tampering'))
  assert.match((await again.cli('audit', 'verify')).stdout, /The log is whole/)
})

test('offline: a list of rows that was altered locks nobody out', async () => {
  const file = path.join(server.data, 'mortise.db')
  assert.equal(edit(file, `UPDATE trust SET mac = zeroblob(32) WHERE kind = 'head'`), 1)
  const start = await runCli([
    'serve',
    '--data',
    server.data,
    '--kmip',
    '127.0.0.1:0',
    '--admin',
    '127.0.0.1:0',
  ])
  assert.match(start.stderr, /the list of trusted rows is missing or was altered/)
  const out = path.join(server.data, 'admin-token')
  const args = ['token', 'recover', '--data', server.data, '--sign-anew', 'genuine', '--out', out, '--force']
  const { code, stderr } = await runCli(args)
  assert.equal(code, 0, stderr)
  await using again = await startEmbedded({ data: server.data })
  const clients = (await again.json('client', 'list')) as { name: string }[]
  assert.deepEqual(clients.map(({ name }) => name).toSorted(), ['evil', 'good'])
})

test('offline, the database alone opens nothing', async () => {
  const copy = mkdtempSync(path.join(tmpdir(), 'mortise-stolen-'))
  for (const name of ['mortise.db', 'mortise.db.anchor'])
    copyFileSync(path.join(server.data, name), path.join(copy, name))
  const { code, stderr, stdout } = await runCli(['token', 'recover', '--data', copy])
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, /no token was made: there is no root key at/)
  rmSync(copy, { recursive: true })
})
