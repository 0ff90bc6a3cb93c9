// Whole servers on PostgreSQL: vCenter and its hosts work with two nodes on one database, also across a crash of it, and a
// backup goes from PostgreSQL to SQLite and back.

import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startPostgres, type PostgresServer } from '../../support/postgresql/server.ts'
import { runCli, startEmbedded, type EmbeddedServer } from '../../support/server/server.ts'
import { playVsphere } from '../../support/clients/vsphere.ts'

const running: EmbeddedServer[] = []
const folder = mkdtempSync(path.join(tmpdir(), 'mortise-nodes-'))
const postgres = await new Promise<PostgresServer | undefined>((resolve, reject) => {
  test('PostgreSQL starts', (t) => startPostgres(t).then(resolve, reject))
})
after(async () => {
  for (const server of running) await server[Symbol.asyncDispose]()
  await postgres?.stop('immediate')
  rmSync(folder, { recursive: true, force: true })
})

const data = (name: string) => path.join(folder, name)

if (postgres) {
  test('a server and its clients', (t) => wholeServer(t, postgres))
}

async function wholeServer(t: TestContext, database: PostgresServer) {
  const store = await database.newDatabase()
  const start = (name: string, to = store) =>
    startEmbedded({ data: data(name), env: { MORTISE_STORE: to, MORTISE_NODE: name } }).then(kept)
  const first = await start('one')
  const client = await first.issue('vcenter')
  const play = (nodes: readonly EmbeddedServer[], wanted: string) =>
    playVsphere(
      client.tls,
      nodes.map(({ kmip }) => kmip),
      wanted,
    )

  await t.test('vCenter does all that it does', async () => {
    const report = await play([first], 'all')
    assert.deepEqual([report.failures, report.violations], [[], []])
  })

  await t.test('a second node needs the root key, and says which file', async () => {
    const env = { MORTISE_STORE: store, MORTISE_NODE: 'two' }
    const refused = await runCli(
      ['serve', '--data', data('two'), '--kmip', '127.0.0.1:0', '--admin', '127.0.0.1:0'],
      env,
    )
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /root\.key/)
    assert.deepEqual(
      readdirSync(data('two')).filter((name) => name.endsWith('.key')),
      [],
    )
  })

  copyFileSync(path.join(data('one'), 'root.key'), path.join(data('two'), 'root.key'))
  const second = await start('two')

  await t.test('what one node makes the other one serves at once', async () => {
    const report = await play([first, second], 'b,e,f,g,j,k')
    assert.deepEqual([report.failures, report.violations], [[], []])
  })

  await t.test('after a crash of the database both serve again by themselves', async () => {
    await database.stop('immediate')
    const down = await first.cli('key', 'create', '--instance', 'default')
    assert.equal(down.code, 1)
    await database.start()
    const deadline = performance.now() + 20_000
    const goesOn = async () => (await first.cli('key', 'create', '--instance', 'default')).code === 0
    // The second one, which asked nothing meanwhile, may have noticed nothing.
    while (!(await goesOn()) || (await second.cli('health')).code !== 0) {
      assert.ok(performance.now() < deadline, `they do not serve again: ${first.stderr().slice(-3000)}`)
      await sleep(100)
    }
    const report = await play([first, second], 'b,e,g')
    assert.deepEqual([report.failures, report.violations], [[], []])
    assert.equal((await first.cli('audit', 'verify')).code, 0)
  })

  await t.test('its backup is restored into SQLite, and that one’s into PostgreSQL', async () => {
    const before = (await first.json('key', 'list', '--instance', 'default')) as { id: string }[]
    const backup = path.join(folder, 'one.backup')
    assert.equal((await first.cli('backup', 'create', backup)).code, 0)
    assert.equal((await first.cli('backup', 'verify', backup)).code, 0)
    assert.equal((await first.cli('backup', 'drill', backup)).code, 0)
    for (const node of [first, second]) assert.equal(await node.stop(), 0)
    const embedded = await restored('three', backup, {})
    assert.deepEqual(ids(await embedded.json('key', 'list', '--instance', 'default')), ids(before))
    const again = path.join(folder, 'three.backup')
    assert.equal((await embedded.cli('backup', 'create', again)).code, 0)
    assert.equal(await embedded.stop(), 0)
    const env = { MORTISE_STORE: await database.newDatabase(), MORTISE_NODE: 'four' }
    const back = await restored('four', again, env)
    assert.deepEqual(ids(await back.json('key', 'list', '--instance', 'default')), ids(before))
    assert.equal((await back.cli('audit', 'verify')).code, 0)
    assert.equal(await back.stop(), 0)
  })
}

/** A server made of a backup, which its owner accepted. */
async function restored(
  name: string,
  backup: string,
  env: Readonly<Record<string, string>>,
): Promise<EmbeddedServer> {
  const rootKey = `file:${path.join(data('one'), 'root.key')}`
  const made = await runCli(['restore', backup, '--data', data(name), '--root-key', rootKey, '--yes'], env)
  assert.equal(made.code, 0, made.stderr)
  const accepted = await runCli(['restore-accept', '--data', data(name)], env)
  assert.equal(accepted.code, 0, accepted.stderr)
  return kept(await startEmbedded({ data: data(name), env }))
}

function kept(server: EmbeddedServer): EmbeddedServer {
  running.push(server)
  return server
}

function ids(keys: unknown): readonly string[] {
  return (keys as readonly { readonly id: string }[]).map(({ id }) => id).toSorted()
}
