// How a node reaches PostgreSQL: with a password from a file, over TLS that is checked, and through PgBouncer.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { issueServer, privateKeyPem } from '../../../src/core/pki/issue.ts'
import { testAuthority, testVmca } from '../../support/certificates/certificates.ts'
import { freePort } from '../../support/server/free-port.ts'
import { startPostgres, type PostgresServer } from '../../support/postgresql/server.ts'
import { openNode } from '../../support/postgresql/store.ts'
import { until } from '../../support/time/until.ts'
import { skipOrFail } from '../../support/server/skip.ts'
import { allEntries, verifyChain } from '../../support/store/contract/audit.ts'
import { create, objectRecord } from '../../support/store/store-values.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-connect-'))
const server = await new Promise<PostgresServer | undefined>((resolve, reject) => {
  test('PostgreSQL starts', (t) => startPostgres(t, { fsync: 'off' }).then(resolve, reject))
})
after(async () => {
  await server?.stop('immediate')
  rmSync(folder, { recursive: true, force: true })
})

if (server) {
  test('PgBouncer in transaction mode: two nodes, also across a crash of PostgreSQL', (t) =>
    pooled(t, server))
  test('the password comes from a file, and without one the node says so', (t) => passwords(t, server))
  test('a password that changes while a node runs counts at the next connection, and the file is read again', (t) =>
    passwordChanges(t, server))
  test('IPv6 alone: the node connects, and says the address as the URL writes it', (t) => overIpv6(t))
  test('TLS: the certificate must name the host and come from the CA', (t) => certificates(t, server))
}

async function pooled(t: TestContext, postgres: PostgresServer): Promise<void> {
  const program = '/usr/sbin/pgbouncer'
  if (!existsSync(program)) return skipOrFail(t, 'needs PgBouncer (Debian: pgbouncer)')
  const url = new URL(await postgres.newDatabase())
  const port = await freePort()
  const [ini, users] = ['pgbouncer.ini', 'users.txt'].map((name) => path.join(postgres.folder, name)) as [
    string,
    string,
  ]
  writeFileSync(users, '"mortise" ""\n')
  writeFileSync(
    ini,
    `[databases]\n* = host=127.0.0.1 port=${postgres.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${port}\n` +
      `unix_socket_dir =\nauth_type = trust\nauth_file = ${users}\npool_mode = transaction\ndefault_pool_size = 5\n` +
      'server_login_retry = 1\n',
  )
  const { uid, gid } = statSync(postgres.folder)
  const bouncer = spawn(program, [ini], { uid, gid, cwd: postgres.folder, stdio: 'ignore' })
  t.after(() => bouncer.kill())
  await until(() => answers(port))
  url.port = String(port)
  const nodes = [
    await openNode(t, { url: url.href, node: 'a' }),
    await openNode(t, { url: url.href, node: 'b' }),
  ] as const
  const write = async (name: string) => {
    for (let n = 0; n < 25; n++)
      for (const [index, node] of nodes.entries()) await create(node, objectRecord(`${name}-${index}-${n}`))
  }
  await write('before')
  await postgres.stop('immediate')
  await assert.rejects(create(nodes[0], objectRecord('meanwhile')))
  await postgres.start()
  await until(() => nodes.every((node) => node.health().writable))
  await write('after')
  for (const node of nodes) {
    assert.equal((await node.objects({ instanceId: 'instance-1', limit: 200 })).length, 100)
    verifyChain(
      (await allEntries(node, { order: 'oldest', limit: 1000 })).filter(
        ({ writer }) => writer === node.writer,
      ),
    )
  }
}

async function passwords(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  await postgres.sql(`ALTER ROLE mortise PASSWORD 'right'`)
  await authenticate(postgres, 'host all mortise 127.0.0.1/32 scram-sha-256')
  t.after(() => authenticate(postgres, ''))
  const file = (name: string, text: string, mode = 0o600) => {
    const made = path.join(folder, name)
    writeFileSync(made, text)
    chmodSync(made, mode)
    return made
  }
  const passwordFile = file('password', 'right\n')
  const line = `127.0.0.1:${postgres.port}:*:mortise:right\n`
  const open = (more: object) => openNode(t, { url, ...more })
  await (await open({ passwordFile })).close()
  await assert.rejects(
    open({ passwordFile: file('wrong', 'wrong\n') }),
    /does not take the password: .*password authentication failed for user "mortise"/,
  )
  const empty = file('empty', '')
  await assert.rejects(
    open({ passwordFile: empty }),
    new RegExp(`wants a password, and the first line of ${empty} is empty`),
  )
  await assert.rejects(
    open({ passwordFile: path.join(folder, 'none') }),
    /read the password of the database from .*none.*ENOENT/,
  )
  const before = process.env['PGPASSFILE']
  t.after(() =>
    before === undefined ? delete process.env['PGPASSFILE'] : (process.env['PGPASSFILE'] = before),
  )
  process.env['PGPASSFILE'] = path.join(folder, 'none')
  await assert.rejects(open({}), /wants a password.*MORTISE_STORE_PASSWORD_FILE/)
  process.env['PGPASSFILE'] = file('pgpass', line)
  await (await open({})).close()
  process.env['PGPASSFILE'] = file('open-pgpass', line, 0o644)
  await assert.rejects(open({}), /wants a password.*others may read is not used/)
}

async function passwordChanges(t: TestContext, postgres: PostgresServer): Promise<void> {
  const url = await postgres.newDatabase()
  await postgres.sql(`ALTER ROLE mortise PASSWORD 'first'`)
  await authenticate(postgres, 'host all mortise 127.0.0.1/32 scram-sha-256')
  t.after(() => authenticate(postgres, ''))
  const passwordFile = path.join(folder, 'changing')
  writeFileSync(passwordFile, 'first\n', { mode: 0o600 })
  const troubles: string[] = []
  const store = await openNode(t, { url, passwordFile, onTrouble: (reason) => troubles.push(reason) })
  await postgres.sql(`ALTER ROLE mortise PASSWORD 'second'`)
  await create(store, objectRecord('before its connections end'))
  await postgres.sql(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${path.basename(url)}'`,
  )
  await until(() => !store.health().writable)
  await assert.rejects(
    create(store, objectRecord('meanwhile')),
    /does not take the password: correct the file/,
  )
  writeFileSync(passwordFile, 'second\n')
  await until(() => store.health().writable)
  await create(store, objectRecord('after'))
}

async function overIpv6(t: TestContext): Promise<void> {
  const postgres = await startPostgres(t, { fsync: 'off', listen_addresses: '127.0.0.1,::1' })
  assert.ok(postgres)
  t.after(() => postgres.remove())
  const { port, pathname } = new URL(await postgres.newDatabase())
  await create(await openNode(t, { url: `postgres://mortise@[::1]:${port}${pathname}` }), objectRecord('a'))
  await assert.rejects(
    openNode(t, { url: `postgres://mortise@[::1]:1${pathname}` }),
    /\[::1\]:1: nothing listens/,
  )
}

async function certificates(t: TestContext, postgres: PostgresServer): Promise<void> {
  const ca = await testAuthority()
  const caFile = path.join(folder, 'ca.pem')
  writeFileSync(caFile, ca.certificate.pem)
  const otherFile = path.join(folder, 'other.pem')
  writeFileSync(otherFile, (await testVmca()).certificate.pem)
  const { pathname } = new URL(await postgres.newDatabase())
  const open = (options: string) =>
    openNode(t, { url: `postgres://mortise@127.0.0.1:${postgres.port}${pathname}?${options}` })
  await assert.rejects(open(`sslmode=verify-full&sslrootcert=${caFile}`), /does not support SSL/)
  const verified = `sslmode=verify-full&sslrootcert=${caFile}`
  const opens = () =>
    open(verified).then(
      (store) => store.close().then(() => true),
      () => false,
    )
  await show(postgres, ca, ['127.0.0.1'])
  await until(opens)
  await assert.rejects(open(`sslmode=verify-full&sslrootcert=${otherFile}`), /not trusted: name the CA/)
  await assert.rejects(open('sslmode=verify-full'), /not trusted: name the CA/)
  await (await open('sslmode=require')).close()
  await show(postgres, ca, ['db.example.com'])
  await until(async () => !(await opens()))
  await assert.rejects(
    open(`sslmode=verify-full&sslrootcert=${caFile}`),
    /is for another name: .*(?:does not match certificate's altnames|not in the cert's list)/,
  )
}

/** The server shows a certificate for these names from now on. */
async function show(
  postgres: PostgresServer,
  ca: Awaited<ReturnType<typeof testAuthority>>,
  names: readonly string[],
): Promise<void> {
  const identity = await issueServer({ ca, names, nowMs: Date.now() })
  const { uid, gid } = statSync(postgres.folder)
  for (const [name, bytes] of [
    ['server.crt', identity.certificate.pem],
    ['server.key', privateKeyPem(identity.privateKey)],
  ] as const) {
    const file = path.join(postgres.folder, 'data', name)
    writeFileSync(file, bytes, { mode: 0o600 })
    chownSync(file, uid, gid)
  }
  await postgres.sql('ALTER SYSTEM SET ssl = on')
  await postgres.sql('SELECT pg_reload_conf()')
}

/** A line before all others; empty: none. */
async function authenticate(postgres: PostgresServer, line: string): Promise<void> {
  const file = path.join(postgres.folder, 'data', 'pg_hba.conf')
  const rest = readFileSync(file, 'utf8').replace(/^host all mortise .*\n/m, '')
  writeFileSync(file, line === '' ? rest : `${line}\n${rest}`)
  await postgres.sql('SELECT pg_reload_conf()')
  await until(async () => {
    const found = await postgres.sql(`SELECT 1 FROM pg_hba_file_rules WHERE auth_method = 'scram-sha-256'`)
    return (found.rowCount === 1) === (line !== '')
  })
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
