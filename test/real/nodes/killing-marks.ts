// Kills the server or a command with SIGKILL while marks of destroyed keys are written, copied or restored, on SQLite or on PostgreSQL,
// with the fake of Key Protect as a process of its own. After each kill the work is done to its end, and the whole is judged: no key
// whose Destroy was acknowledged is served, also not if its old rows are put back; every other key is served with its bytes; the
// marks have no gap; and nothing was altered, as `status` says. Used by test/real/nodes/marks-killed.*.test.ts.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { KeyProtectFake } from '../../support/key-protect/fake.ts'
import { digestOf, LostConnection, openTalk, type KmipTalk } from '../../support/clients/kmip-talk.ts'
import { randomFrom } from '../../support/load/load.ts'
import { archivesOf, checkOldData, extract } from '../../support/store/old-data.ts'
import type { PostgresServer } from '../../support/postgresql/server.ts'
import {
  runCli,
  serveArguments,
  startServer,
  type ClientFiles,
  type TestServer,
} from '../../support/server/server.ts'
import { until } from '../../support/time/until.ts'

export interface MarkKills {
  readonly postgres: PostgresServer
  /** Where it begins. `store copy` takes it to the other one and back. */
  readonly store: StoreKind
  /** The same seed gives the same choices, though not the same moments. */
  readonly seed: number
  /** After each kind of work was killed once, more are killed until this time is over. */
  readonly forMs: number
  readonly onKill: (what: string) => void
}

type StoreKind = 'sqlite' | 'postgres'
type Row = Readonly<Record<string, unknown>>

/** Keys of the one can be brought back. The other one moves to Key Protect and back, where none can. */
type Instance = 'default' | 'moved'

interface Key {
  readonly instance: Instance
  /** SHA-256 of its bytes. */
  readonly digest: string
  /** unsure: a change of it was not answered. */
  is: 'open' | 'closed' | 'unsure'
  /** As its rows had it before it was destroyed. */
  before?: { readonly sealed: string; readonly dataKeyId: string | null; readonly state: string }
}

/** Throws what it finds wrong, with the seed and where the data is. */
export async function killWhileMarking(options: MarkKills): Promise<void> {
  const site = await Site.open(options)
  try {
    const endsAt = performance.now() + options.forMs
    for (const work of shuffled(works, site.random)) await site.killed(work, options.onKill)
    while (performance.now() < endsAt) await site.killed(site.one(works), options.onKill)
    await site.end()
  } catch (error) {
    const about = `seed ${options.seed}, ${site.store}, data folder ${site.data}`
    throw new Error(`${about}: ${String(error)}\n${site.log()}`, { cause: error })
  } finally {
    await site.close()
  }
}

const works = [
  'traffic',
  'old database',
  'restore-accept',
  'store copy',
  'store copy',
  'restore of a server',
  'restore of an instance',
  'move of custody',
  'recovery sweep',
] as const

const flags = serveArguments('').slice(0, serveArguments('').indexOf('serve'))

class Site {
  readonly random: () => number
  readonly keys = new Map<string, Key>()
  store: StoreKind
  data = ''
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'mortise-marks-'))
  readonly #postgres: PostgresServer
  readonly #fake: KeyProtectFake
  /** How long each command takes that is left alone, as far as one was. */
  readonly #lasts = new Map<string, number>()
  #url = ''
  #folders = 0
  #server!: TestServer
  #tls!: Readonly<Record<Instance, ClientFiles['tls']>>
  #talks!: Readonly<Record<Instance, KmipTalk>>

  private constructor({ postgres, store, seed }: MarkKills, fake: KeyProtectFake) {
    this.random = randomFrom(seed)
    this.store = store
    this.#postgres = postgres
    this.#fake = fake
  }

  static async open(options: MarkKills): Promise<Site> {
    const site = new Site(options, await KeyProtectFake.start())
    await site.#newPlace(options.store)
    await site.#start()
    const { tls } = await site.#server.issue('vcenter')
    await site.#json('instance', 'create', 'moved')
    site.#tls = { default: tls, moved: await site.#issueMover() }
    await site.#connect()
    return site
  }

  async #issueMover(): Promise<ClientFiles['tls']> {
    const out = this.#file('client')
    const words = ['--instance', 'moved', '--name', 'mover', '--out', out, '--allow', 'all']
    await this.#json('client', 'issue', ...words)
    const [cert = '', key = '', ca = ''] = ['client.pem', 'client.key', 'ca.pem'].map((name) =>
      readFileSync(path.join(out, name), 'utf8'),
    )
    return { cert, key, ca }
  }

  log(): string {
    return this.#server.stderr().slice(-3_000)
  }

  one<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.random() * choices.length)] ?? assert.fail('no choice')
  }

  async killed(what: (typeof works)[number], onKill: MarkKills['onKill']): Promise<void> {
    await this.#fill()
    await {
      traffic: () => this.#traffic(),
      'old database': () => this.#oldDatabase(),
      'restore-accept': () => this.#restoreAccept(),
      'store copy': () => this.#storeCopy(),
      'restore of a server': () => this.#restoreServer(),
      'restore of an instance': () => this.#restoreInstance(),
      'move of custody': () => this.#move(),
      'recovery sweep': () => this.#sweep(),
    }[what]()
    onKill(what)
    await this.#judge()
  }

  async end(): Promise<void> {
    await this.#json('audit', 'verify')
    assert.equal(await this.#server.stop(), 0)
  }

  async close(): Promise<void> {
    this.#disconnect()
    await this.#server.kill()
    await this.#fake.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  // What is killed

  async #traffic(): Promise<void> {
    const over = this.#work()
    await sleep(100 + this.random() * 500)
    await this.#server.kill()
    await over
    await this.#restart()
  }

  /** What was destroyed there gets its marks at the first start. */
  async #oldDatabase(): Promise<void> {
    const { file } = this.one(
      archivesOf(this.store).filter(({ schema }) => schema < firstWithMarks[this.store]),
    )
    const { folder, old } = extract(file)
    const data = path.join(folder, 'data')
    try {
      const url = this.store === 'postgres' ? await this.#postgres.newDatabase() : ''
      if (url !== '') this.#postgres.load(path.basename(url), path.join(folder, 'dump.sql'))
      const env = url === '' ? {} : { MORTISE_STORE: url, MORTISE_NODE: 'kms-1.example.com' }
      for (let kill = 0; kill < 2; kill++) await this.#killedCommand(serving(data), env, `start ${kill}`)
      await using server = await startServer({ data, env })
      await checkOldData(server, old)
      const sql = this.#sqlOf({ data, url })
      await wholeMarks(sql, server)
      for (const { id, client } of old.keys.filter(({ material }) => material === null)) {
        await sql(
          `UPDATE objects SET material = (SELECT max(id) FROM material) WHERE unique_identifier = '${id}'`,
        )
        const talk = await openTalk({ ...server.kmip, tls: old.clients[client] ?? assert.fail(client) })
        const { ok, message } = await talk.get(id)
        talk.close()
        assert.equal(ok, false)
        assert.match(message ?? '', wasDestroyed)
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  async #restoreAccept(): Promise<void> {
    await this.#stop()
    const words = ['restore-accept', '--anyway', '--data', this.data]
    await this.#killedCommand(words, this.#env(), 'restore-accept')
    await this.#accept('--anyway')
    await this.#restart()
  }

  async #storeCopy(): Promise<void> {
    // It copies only what a server ended in order.
    this.#disconnect()
    assert.equal(await this.#server.stop(), 0)
    const from = this.store === 'sqlite' ? this.data : this.#url
    const rootKey = path.join(this.data, 'root.key')
    await this.#newPlace(this.store === 'sqlite' ? 'postgres' : 'sqlite')
    const to = this.store === 'sqlite' ? this.data : this.#url
    const words = ['store', 'copy', '--from', from, '--to', to]
    await this.#killedCommand(words, {}, `copy to ${this.store}`)
    await this.#toItsEnd(words, {}, /(a store|mortise.db) is there already/)
    if (this.store === 'postgres') mkdirSync(this.data, { recursive: true, mode: 0o700 })
    copyFileSync(rootKey, path.join(this.data, 'root.key'))
    await this.#accept()
    await this.#restart()
  }

  async #restoreServer(): Promise<void> {
    const [backup, log] = [this.#file('backup'), this.#file('jsonl')]
    await this.#json('backup', 'create', backup)
    const known = new Set(this.keys.keys())
    await this.#change(8)
    await this.#json('audit', 'export', log)
    await this.#stop()
    const rootKey = ['--root-key', `file:${path.join(this.data, 'root.key')}`]
    await this.#newPlace(this.store)
    const words = ['restore', backup, '--data', this.data, ...rootKey, '--audit', log, '--yes']
    await this.#killedCommand(words, this.#env(), 'restore')
    await this.#toItsEnd(words, this.#env(), /is there already|not empty|already/)
    await this.#accept()
    for (const id of this.keys.keys()) if (!known.has(id)) this.keys.delete(id)
    await this.#restart()
  }

  async #restoreInstance(): Promise<void> {
    const backup = this.#file('backup')
    await this.#json('backup', 'create', backup)
    const known = new Set(this.keys.keys())
    await this.#change(8)
    await this.#json('instance', 'delete', 'default', '--shred', 'default')
    const restore = () =>
      this.#server.cli('restore', backup, '--instance', 'default', '--with-clients', '--yes')
    const began = performance.now()
    const restoring = restore()
    await Promise.race([sleep(this.random() * (this.#lasts.get('instance') ?? 1_500)), restoring])
    await this.#server.kill()
    if ((await restoring).code === 0) this.#lasts.set('instance', performance.now() - began)
    await this.#start()
    const { code, stderr } = await restore()
    if (code !== 0) assert.match(stderr, /already: it is never overwritten/)
    for (const id of this.keys.keys()) if (!known.has(id)) this.keys.delete(id)
    await this.#connect()
  }

  /** To Key Protect, and back into the database. */
  async #move(): Promise<void> {
    const rootKey = this.#fake.uri(await this.#fake.rootKey())
    await this.#moveTo(rootKey, 'keyprotect')
    await this.#judge()
    await this.#fill()
    await this.#moveTo('file:root.key', 'database')
  }

  async #moveTo(rootKey: string, custody: string): Promise<void> {
    const over = this.#work()
    await this.#json(
      'instance',
      'set-root-key',
      'moved',
      '--root-key',
      rootKey,
      '--custody',
      custody,
      '--no-wait',
    )
    await sleep(this.random() * 600)
    await this.#server.kill()
    await over
    await this.#restart()
    const work = async () => ((await this.#json('instance', 'show', 'moved')) as { work: unknown }).work
    await until(async () => (await work()) === null, 'the move is done')
  }

  /** Their time to be brought back ends. */
  async #sweep(): Promise<void> {
    await this.#delay('1s')
    for (const id of this.#some(4, 'open', 'default')) await this.#destroy(id)
    await this.#delay('7d')
    await sleep(this.random() * 1_000)
    await this.#server.kill()
    await sleep(this.random() * 500)
    // The sweep is at work at its start.
    await this.#killedCommand(serving(this.data), this.#env(), 'start')
    await this.#restart()
  }

  // Keys

  /** A few are always open. */
  async #fill(): Promise<void> {
    for (const instance of ['default', 'moved'] as const)
      for (let open = this.#some(1_000, 'open', instance).length; open < 6; open++)
        await this.#create(instance)
  }

  async #create(instance: Instance): Promise<void> {
    const id = await this.#talks[instance].create()
    const digest = digestOf(await this.#talks[instance].get(id))
    assert.ok(digest !== undefined)
    this.keys.set(id, { instance, digest, is: 'open' })
  }

  async #destroy(id: string): Promise<void> {
    const key = this.keys.get(id) ?? assert.fail(id)
    const [row] = await this.#sql(
      `SELECT ${this.store === 'sqlite' ? 'hex(m.sealed)' : `encode(m.sealed, 'hex')`} AS sealed, o.data_key_id AS "dataKeyId", o.state
       FROM objects o JOIN material m ON m.id = o.material WHERE o.unique_identifier = '${id}'`,
    )
    if (row) key.before = row as unknown as NonNullable<Key['before']>
    key.is = 'unsure'
    if ((await this.#talks[key.instance].destroy(id)).ok) key.is = 'closed'
  }

  /** Refused once its time is over, or where nothing waits. */
  async #undestroy(id: string): Promise<void> {
    const key = this.keys.get(id) ?? assert.fail(id)
    key.is = 'unsure'
    if ((await this.#server.cli('key', 'undestroy', id, '--instance', key.instance)).code === 0)
      key.is = 'open'
  }

  #some(count: number, is: Key['is'], of?: Instance): readonly string[] {
    const all = [...this.keys].flatMap(([id, { is: now, instance }]) =>
      now === is && (of === undefined || instance === of) ? [id] : [],
    )
    return shuffled(all, this.random).slice(0, count)
  }

  async #change(times: number): Promise<void> {
    for (let n = 0; n < times; n++) {
      const dice = this.random()
      const [open] = this.#some(1, 'open')
      const [closed] = this.#some(1, 'closed', 'default')
      if (dice < 0.3 || open === undefined) await this.#create(this.one(['default', 'moved']))
      else if (dice < 0.75 || closed === undefined) await this.#destroy(open)
      else await this.#undestroy(closed)
    }
  }

  /** Changes keys until the connection is lost. */
  #work(): Promise<void> {
    const work = async () => {
      for (;;) await this.#change(1)
    }
    return work().catch((error: unknown) => {
      if (!(error instanceof LostConnection)) throw error
    })
  }

  #delay(time: string): Promise<unknown> {
    return this.#json('instance', 'set', 'default', '--destroy-delay', time)
  }

  // The judge

  async #judge(): Promise<void> {
    for (const [id, key] of this.keys) {
      const answer = await this.#talks[key.instance].get(id)
      if (key.is === 'unsure') key.is = answer.ok ? 'open' : 'closed'
      assert.equal(answer.ok, key.is === 'open', `${id} is ${key.is}: ${answer.message}`)
      if (answer.ok) assert.equal(digestOf(answer), key.digest, id)
    }
    await wholeMarks((text) => this.#sql(text), this.#server)
    for (const id of this.#some(3, 'closed')) await this.#putBack(id)
  }

  /** Puts the old rows back, is refused, and leaves the rows as they were. */
  async #putBack(id: string): Promise<void> {
    const { before, instance } = this.keys.get(id) ?? assert.fail(id)
    if (!before) return
    const where = `WHERE unique_identifier = '${id}'`
    const columns = [
      'material',
      'data_key_id',
      'state',
      'recoverable',
      'recoverable_state',
      'due_ms',
      'marked',
    ]
    const [now] = await this.#sql(`SELECT ${columns.join(', ')} FROM objects ${where}`)
    assert.ok(now, `the row of ${id} is gone`)
    const set = (row: Row) =>
      this.#sql(
        `UPDATE objects SET ${columns.map((name) => `${name} = ${literal(row[name])}`).join(', ')} ${where}`,
      )
    const sealed = this.store === 'sqlite' ? `X'${before.sealed}'` : `decode('${before.sealed}', 'hex')`
    const [material] = await this.#sql(`INSERT INTO material (sealed) VALUES (${sealed}) RETURNING id`)
    await set({ material: material?.['id'], data_key_id: before.dataKeyId, state: before.state })
    const { ok, message } = await this.#talks[instance].get(id)
    await set(now)
    await this.#sql(`DELETE FROM material WHERE id = ${String(material?.['id'])}`)
    assert.equal(ok, false, `${id} is served from rows that were put back`)
    assert.match(message ?? '', wasDestroyed)
  }

  // The program

  /** A data folder, and a database in it or on PostgreSQL, that are not there yet. */
  async #newPlace(store: StoreKind): Promise<void> {
    this.store = store
    this.data = path.join(this.#folder, `data-${++this.#folders}`)
    this.#url = store === 'postgres' ? await this.#postgres.newDatabase() : ''
  }

  #file(ending: string): string {
    return path.join(this.#folder, `${++this.#folders}.${ending}`)
  }

  #env(): Readonly<Record<string, string>> {
    const { managerApiKeyFile, iamUrl, caFile } = this.#fake.about
    return {
      MORTISE_IBM_API_KEY_FILE: managerApiKeyFile,
      MORTISE_IBM_IAM_URL: iamUrl,
      MORTISE_IBM_CA_FILE: caFile,
      ...(this.store === 'postgres' && { MORTISE_STORE: this.#url, MORTISE_NODE: 'kms-1' }),
    }
  }

  async #start(): Promise<void> {
    this.#server = await startServer({ data: this.data, env: this.#env() })
  }

  async #connect(): Promise<void> {
    const talk = (instance: Instance) => openTalk({ ...this.#server.kmip, tls: this.#tls[instance] })
    this.#talks = { default: await talk('default'), moved: await talk('moved') }
    await this.#delay('7d')
  }

  #disconnect(): void {
    for (const talk of Object.values(this.#talks)) talk.close()
  }

  async #restart(): Promise<void> {
    await this.#start()
    await this.#connect()
  }

  async #stop(): Promise<void> {
    this.#disconnect()
    if (this.random() < 0.5) await this.#server.kill()
    else assert.equal(await this.#server.stop(), 0)
  }

  async #accept(...more: readonly string[]): Promise<void> {
    await this.#toItsEnd(['restore-accept', '--data', this.data, ...more], this.#env())
  }

  #json(...words: readonly string[]): Promise<unknown> {
    return this.#server.json(...words)
  }

  /** `orSays`: an earlier run that was killed has done it already. */
  async #toItsEnd(
    words: readonly string[],
    env: Readonly<Record<string, string>>,
    orSays?: RegExp,
  ): Promise<void> {
    // PostgreSQL may not have noticed yet that the process of a session is gone.
    let { code, stderr } = await runCli(words, env)
    for (let again = 0; again < 20 && /is in use|lock timeout/.test(stderr); again++) {
      await sleep(250)
      ;({ code, stderr } = await runCli(words, env))
    }
    if (code === 0) return
    assert.ok(orSays, `${words.join(' ')}: ${stderr}`)
    assert.match(stderr, orSays, words.join(' '))
  }

  /** As a process of its own, killed at a moment before it would end. `what`: those that last as long. */
  async #killedCommand(
    words: readonly string[],
    env: Readonly<Record<string, string>>,
    what: string,
  ): Promise<void> {
    const [program = '', ...args] = [...flags, ...words]
    const began = performance.now()
    const child = spawn(program, args, { stdio: 'ignore', env: { PATH: process.env['PATH'], ...env } })
    const ended = once(child, 'exit')
    await Promise.race([sleep((0.2 + this.random()) * (this.#lasts.get(what) ?? 1_200)), ended])
    if (child.exitCode !== null) this.#lasts.set(what, performance.now() - began)
    child.kill('SIGKILL')
    await ended
  }

  #sql(text: string): Promise<readonly Row[]> {
    return this.#sqlOf({ data: this.data, url: this.#url })(text)
  }

  #sqlOf({ data, url }: { readonly data: string; readonly url: string }) {
    return async (text: string): Promise<readonly Row[]> => {
      if (url !== '') return (await this.#postgres.sql(text, path.basename(url))).rows as Row[]
      const database = new DatabaseSync(path.join(data, 'mortise.db'), { timeout: 5_000 })
      try {
        return database.prepare(text).all()
      } finally {
        database.close()
      }
    }
  }
}

const wasDestroyed = /was destroyed/
/** The schema with the step that makes the table. */
const firstWithMarks = { sqlite: 15, postgres: 8 } as const

function serving(data: string): readonly string[] {
  return serveArguments(data).slice(flags.length)
}

/** Numbers have no gap, and the checks found nothing wrong. */
async function wholeMarks(
  sql: (text: string) => Promise<readonly Row[]>,
  server: Pick<TestServer, 'json'>,
): Promise<void> {
  const [marks] = await sql('SELECT count(*) AS count, max(number) AS last FROM marks')
  assert.equal(Number(marks?.['count']), Number(marks?.['last'] ?? 0), 'the marks have a gap')
  const { conditions } = (await server.json('status')) as { conditions: { id: string; message: string }[] }
  assert.deepEqual(
    conditions.filter(({ id }) => id === 'tampering').map(({ message }) => message),
    [],
  )
}

/** PostgreSQL takes a number that is quoted. */
function literal(value: unknown): string {
  if (value === null || value === undefined) return 'NULL'
  assert.ok(typeof value === 'string' || typeof value === 'number')
  return typeof value === 'number' ? String(value) : `'${value}'`
}

function shuffled<T>(items: readonly T[], random: () => number): readonly T[] {
  return items
    .map((item) => ({ item, place: random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ item }) => item)
}
