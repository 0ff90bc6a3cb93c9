// The owner accepts a database that lost commits on one node. Each other node then says so and serves nothing before its own
// `restore-accept`, which makes the anchor of that node alone; and whoever can write the database cannot pretend any of it.

import assert from 'node:assert/strict'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { openTalk } from '../../support/clients/kmip-talk.ts'
import { startPostgres, type PostgresServer } from '../../support/postgresql/server.ts'
import { runCli, startEmbedded, type EmbeddedServer } from '../../support/server/server.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-accept-'))
const postgres = await new Promise<PostgresServer | undefined>((resolve, reject) => {
  test('PostgreSQL starts', (t) => startPostgres(t, { fsync: 'off' }).then(resolve, reject))
})
after(async () => {
  await postgres?.stop('immediate')
  rmSync(folder, { recursive: true, force: true })
})

type Name = 'one' | 'two'

const data = (name: Name) => path.join(folder, name)
const anchorOf = (name: Name) => readFileSync(path.join(data(name), 'node.anchor'))

class Site {
  readonly #postgres: PostgresServer
  url: string

  constructor(server: PostgresServer, url: string) {
    this.#postgres = server
    this.url = url
  }

  /** Another database with the same content. No node may run. */
  async copy(): Promise<Site> {
    const from = path.basename(this.url)
    const to = path.basename(await this.#postgres.newDatabase())
    await this.#postgres.sql(`DROP DATABASE ${to}`)
    await this.#postgres.sql(`CREATE DATABASE ${to} TEMPLATE ${from}`)
    return new Site(this.#postgres, this.url.replace(new RegExp(`${from}$`), to))
  }

  async sql(text: string): Promise<readonly Record<string, unknown>[]> {
    return (await this.#postgres.sql(text, path.basename(this.url))).rows as Record<string, unknown>[]
  }

  env(name: Name) {
    return { MORTISE_STORE: this.url, MORTISE_NODE: name }
  }

  /** Starts the nodes, lets them be used, and stops them in order. */
  async run<T>(names: readonly Name[], use: (...nodes: EmbeddedServer[]) => Promise<T>): Promise<T> {
    await using running = new AsyncDisposableStack()
    const nodes: EmbeddedServer[] = []
    for (const name of names)
      nodes.push(running.use(await startEmbedded({ data: data(name), env: this.env(name) })))
    const result = await use(...nodes)
    for (const node of nodes) await node.stop()
    return result
  }

  /** The node must not start. Nor may the attempt have touched its anchor. */
  async refuses(name: Name, message: RegExp): Promise<void> {
    const before = anchorOf(name)
    const listen = ['--kmip', '127.0.0.1:0', '--admin', '127.0.0.1:0']
    const { code, stderr } = await runCli(['serve', '--data', data(name), ...listen], this.env(name))
    assert.equal(code, 1, stderr)
    assert.match(stderr, message)
    assert.match(stderr, /Nothing is served/)
    assert.deepEqual(anchorOf(name), before)
  }

  async accept(name: Name, ...words: string[]): Promise<string> {
    const said = await runCli(['restore-accept', '--data', data(name), ...words], this.env(name))
    assert.equal(said.code, 0, said.stderr)
    return said.stdout
  }

  /** All that `restore-accept` changes, in clear or sealed. */
  async trust() {
    const [trust, secrets] = [
      await this.sql('SELECT kind, id, body, mac FROM trust ORDER BY kind, id'),
      await this.sql('SELECT name, sealed FROM secrets ORDER BY name'),
    ]
    return { trust, secrets, version: await this.sql(`SELECT value FROM meta WHERE key = 'trust_version'`) }
  }
}

const createKey = (node: EmbeddedServer, name: string) =>
  node.json('key', 'create', '--instance', 'default', '--name', name)

async function keysOf(node: EmbeddedServer): Promise<number> {
  return ((await node.json('key', 'list', '--instance', 'default')) as unknown[]).length
}

/** As one who can write the database and saw every state of it would do it. */
const pretendAccepted = `UPDATE nodes SET anchored = 0; DELETE FROM meta WHERE key IN ('lost_commits', 'unaccepted')`

const older = /the database is older than its anchor \/.*node\.anchor/
const foreign = /does not belong to the database:/
const elsewhere = /was accepted on another node.*run [^.]*restore-accept --data \S+two on this node, too/s

if (postgres) test('a loss is accepted on two nodes', (t) => acceptOnBoth(t, postgres))

async function acceptOnBoth(t: TestContext, server: PostgresServer): Promise<void> {
  const newest = new Site(server, await server.newDatabase())
  await newest.run(['one'], (one) => createKey(one, 'kept'))
  mkdirSync(data('two'), { mode: 0o700 })
  for (const name of ['root.key', 'admin-token'])
    copyFileSync(path.join(data('one'), name), path.join(data('two'), name))
  await newest.run(['two'], (two) => createKey(two, 'kept too'))
  const lossy = await newest.copy()
  const untouched = await newest.copy()
  await newest.run(['one', 'two'], async (one, two) => {
    await createKey(one, 'lost')
    await createKey(two, 'lost too')
    // A read that the node had no time to enter into the audit log.
    const { tls } = await two.issue('reader')
    const talk = await openTalk({ ...two.kmip, tls })
    const { ok } = await talk.get(await talk.create())
    copyFileSync(path.join(data('two'), 'node.access'), path.join(folder, 'access'))
    assert.ok(ok)
    talk.close()
  })
  copyFileSync(path.join(folder, 'access'), path.join(data('two'), 'node.access'))

  await t.test('nobody has accepted it: what the database says of the nodes does not count', async () => {
    const forged = await lossy.copy()
    await lossy.refuses('one', older)
    await lossy.refuses('two', /is older than its anchor|lost commits/)
    await forged.sql(pretendAccepted)
    await forged.refuses('two', older)
  })

  await t.test(
    'accepted on one node: the other one says so, and serves only after its own command',
    async () => {
      await lossy.accept('one')
      await lossy.refuses('two', elsewhere)
      await lossy.run(['one'], (one) => createKey(one, 'after'))
      await lossy.refuses('two', elsewhere)
      const before = await lossy.trust()
      const { found, anchorFile, ...rest } = JSON.parse(await lossy.accept('two', '--json')) as {
        found: string
        anchorFile: string
      }
      assert.deepEqual(rest, {}, 'no token')
      assert.match(found, /accepted on another node/)
      assert.equal(anchorFile, path.join(data('two'), 'node.anchor'))
      assert.deepEqual(await lossy.trust(), before, 'it changes no token, no key and no other trust')
      copyFileSync(path.join(data('one'), 'admin-token'), path.join(data('two'), 'admin-token'))
      await lossy.run(['one', 'two'], async (one, two) => {
        assert.equal(await keysOf(two), 3)
        assert.equal((await one.cli('audit', 'verify')).code, 0)
        assert.equal((await two.cli('audit', 'verify')).code, 0)
        const entries = (await two.json('audit', 'list', '--action', 'server.restore-accept')) as unknown[]
        assert.equal(entries.length, 2)
        const reads = (await two.json('audit', 'list', '--action', 'key.get')) as unknown[]
        assert.equal(reads.length, 1, 'the read is not forgotten')
        await createKey(two, 'from two')
      })
      const again = await runCli(['restore-accept', '--data', data('two')], lossy.env('two'))
      assert.match(again.stderr, /there is nothing to accept/)
    },
  )

  await t.test('a database that is set back after that is refused', async () => {
    const back = await lossy.copy()
    await lossy.run(['two'], (two) => createKey(two, 'later'))
    await back.sql(pretendAccepted)
    await back.refuses('two', older)
    await lossy.run(['two'], async (two) => assert.equal(await keysOf(two), 5))
  })

  await t.test(
    'so is one from before it was accepted, also with the list of keys from after it',
    async () => {
      const sealed = await lossy.sql(
        `SELECT encode(sealed, 'hex') AS hex FROM secrets WHERE name = 'mac-keys'`,
      )
      await untouched.sql(pretendAccepted)
      await untouched.refuses('two', foreign)
      await untouched.sql(
        `INSERT INTO secrets VALUES ('mac-keys', decode('${String(sealed[0]?.['hex'])}', 'hex'))`,
      )
      await untouched.refuses('two', foreign)
      await untouched.refuses('one', foreign)
    },
  )

  await t.test('after a second time the first node is the other one', async () => {
    assert.match(await lossy.accept('two', '--anyway'), /1 token was revoked/)
    await lossy.refuses('one', /was accepted on another node/)
    assert.match(await lossy.accept('one'), /The anchor of this node was made again/)
    assert.ok(existsSync(path.join(data('one'), 'node.anchor')))
    copyFileSync(path.join(data('two'), 'admin-token'), path.join(data('one'), 'admin-token'))
    await lossy.run(['one', 'two'], async (one, two) => {
      assert.deepEqual([await keysOf(one), await keysOf(two)], [5, 5])
    })
  })

  await t.test(
    'killed between its commit and its anchor: nothing is served until it is run again',
    async () => {
      const anchor = path.join(data('one'), 'node.anchor')
      copyFileSync(anchor, path.join(folder, 'anchor'))
      await lossy.accept('one', '--anyway')
      // The transaction that makes the anchor also tells the other nodes; it did not take place.
      copyFileSync(path.join(folder, 'anchor'), anchor)
      await lossy.sql('UPDATE nodes SET anchored = 1')
      await lossy.refuses('one', foreign)
      await lossy.refuses('two', foreign)
      assert.match(await lossy.accept('one'), /1 token was revoked/)
      await lossy.refuses('two', elsewhere)
      await lossy.accept('two')
      copyFileSync(path.join(data('one'), 'admin-token'), path.join(data('two'), 'admin-token'))
      await lossy.run(['one', 'two'], async (one, two) => {
        assert.deepEqual([await keysOf(one), await keysOf(two)], [5, 5])
        assert.equal((await two.cli('audit', 'verify')).code, 0)
      })
    },
  )

  await t.test(
    'a node without its data folder takes another name, and nothing is accepted while the other one runs',
    async () => {
      const moved = await lossy.copy()
      rmSync(path.join(data('one'), 'node.anchor'))
      await moved.run(['two'], async (two) => {
        const listen = ['--kmip', '127.0.0.1:0', '--admin', '127.0.0.1:0']
        const start = await runCli(['serve', '--data', data('one'), ...listen], moved.env('one'))
        assert.match(
          start.stderr,
          /anchor of this node, \S+node\.anchor, is missing.*another name \(server\.node\)/s,
        )
        const accept = await runCli(['restore-accept', '--data', data('one')], moved.env('one'))
        assert.equal(accept.code, 1, accept.stdout)
        assert.match(accept.stderr, /other nodes run .*: two\. .*another name .* stop them first/)
        // As docs/deploy.md starts it: only the configuration names the database.
        const file = path.join(folder, 'one.toml')
        writeFileSync(file, `[server]\ndata = "${data('one')}"\nstore = "${moved.url}"\nnode = "one"\n`)
        const configured = await runCli(['serve', '--config', file, ...listen])
        assert.match(configured.stderr, /restore-accept --config \S+one\.toml\b(?! --data)/)
        const env = { ...moved.env('one'), MORTISE_NODE: 'one-anew' }
        await using anew = await startEmbedded({ data: data('one'), env })
        assert.deepEqual([await keysOf(anew), await keysOf(two)], [5, 5])
        await anew.stop()
      })
    },
  )
}
