// A database that was set back while the server was stopped, through the front door: nothing is served and the start
// says what is known; after `restore-accept` the server goes on with what is left, every token but a new one has ended,
// and nothing of the branch that was left behind counts again.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { readSettings } from '../../support/server/config.ts'
import { RestoreNotAccepted } from '../../../src/core/server/anchor.ts'
import { acceptRestore } from '../../../src/host/restore-accept.ts'
import { createLog } from '../../../src/outside/telemetry/log.ts'
import { createMetrics } from '../../../src/outside/telemetry/metrics.ts'
import { command } from '../../support/server/command.ts'
import { openTalk } from '../../support/clients/kmip-talk.ts'
import { startInProcess, type RunningServer } from '../../support/server/running.ts'
import { runCli, serveArguments } from '../../support/server/server.ts'

/** A data folder, removed after the test, on which nothing runs yet. */
function dataFolder(t: TestContext): string {
  const data = mkdtempSync(path.join(tmpdir(), 'mortise-restore-'))
  t.after(() => rmSync(data, { recursive: true, force: true }))
  return data
}

/** Starts in this process, lets the server be used, and stops it. */
async function run<T>(data: string, use: (server: RunningServer) => Promise<T>): Promise<T> {
  await using server = await startInProcess(data)
  return await use(server)
}

/** A command line on the server of that folder, which must end with that code. */
async function cli(data: string, words: string, code = 0): Promise<string> {
  const result = await command(words.split(' '), { data })
  assert.equal(result.code, code, `${words}: ${result.stdout}${result.stderr}`)
  return result.stdout + result.stderr
}

const json = async (data: string, words: string): Promise<unknown> =>
  JSON.parse(await cli(data, `${words} --json`))

const issue = (data: string, name: string) => cli(data, `client issue --name ${name} --out ${data}/${name}`)

const refusedStart = (data: string, reason: RegExp) => assert.rejects(startInProcess(data), reason)

function accept(data: string, anyway = false, machineIdFile?: string) {
  const settings = readSettings({ data })
  const log = createLog({ format: 'json', level: 'info', write: () => undefined })
  const machine = machineIdFile !== undefined && { machineIdFile }
  return acceptRestore({ settings, log, metrics: createMetrics(), ...machine }, anyway)
}

/** Takes the database as a stopped server left it; the function puts it back. */
function backup(data: string): () => void {
  const copy = readFileSync(path.join(data, 'mortise.db'))
  return () => {
    for (const suffix of ['-wal', '-shm']) rmSync(path.join(data, `mortise.db${suffix}`), { force: true })
    writeFileSync(path.join(data, 'mortise.db'), copy)
  }
}

function edit(data: string, work: (database: DatabaseSync) => void): void {
  const database = new DatabaseSync(path.join(data, 'mortise.db'))
  try {
    work(database)
  } finally {
    database.close()
  }
}

test('a database of yesterday is not served before its owner accepts it', async (t) => {
  const data = dataFolder(t)
  const tls = await run(data, () => issue(data, 'vcenter')).then(() => identityOf(data, 'vcenter'))
  const yesterday = await run(data, async ({ port }) => {
    await json(data, `token create --role manager --name alice --out ${data}/alice`)
    const talk = await openTalk({ port, tls })
    const id = await talk.create()
    const got = await talk.get(id)
    talk.close()
    return { id, got }
  })
  const restore = backup(data)
  await run(data, () => cli(data, 'token revoke alice'))
  restore()

  await refusedStart(
    data,
    /older than its anchor mortise\.db\.anchor.*trust is at version \d+, and was at \d+/,
  )
  const accepted = await accept(data)
  assert.match(accepted.found ?? '', /trust is at version/)
  assert.equal(accepted.tokensRevoked, 2, 'the first one, and the one that was valid again')
  assert.equal(readFileSync(path.join(data, 'admin-token'), 'utf8'), `${accepted.token}\n`)

  await run(data, async (server) => {
    assert.match(
      await cli(data, `status ${remote(server, 'alice')}`, 1),
      /token/,
      'what was revoked stays so',
    )
    const talk = await openTalk({ port: server.port, tls })
    assert.deepEqual(await talk.get(yesterday.id), yesterday.got, 'keys and clients are there')
    talk.close()
    assert.deepEqual(await tokenNames(data), ['bootstrap'])
    const [entry] = (await json(data, 'audit list --action server.restore-accept')) as {
      detail: Record<string, unknown>
    }[]
    assert.match(String(entry?.detail['found']), /older than its anchor/)
    const { ok, restores } = await proofOf(data)
    assert.equal(ok, true)
    assert.match(restores.join(), /^at \S+ a restore was accepted: the log goes on from checkpoint \d+;/)
  })
})

test('rows of the branch that was left behind never count again', async (t) => {
  const data = dataFolder(t)
  await run(data, () => issue(data, 'vcenter'))
  const restore = backup(data)
  const [lost, kept] = [path.join(data, 'lost.db'), path.join(data, 'checkpoint.json')]
  const { log } = await run(data, async (server) => {
    await json(data, `token create --role manager --name thief --out ${data}/thief`)
    return server
  })
  copyFileSync(path.join(data, 'mortise.db'), lost)
  writeFileSync(kept, log.findLast((line) => line.includes('"checkpoint":')) ?? '')
  restore()
  const accepted = await accept(data)
  const branch = backup(data)

  // One row, under the name that it had.
  edit(data, (database) => {
    database.exec(`ATTACH '${lost}' AS lost`)
    database.exec(`INSERT OR REPLACE INTO trust SELECT * FROM lost.trust WHERE kind = 'token'`)
  })
  await run(data, async (server) => {
    assert.match(
      server.log.join(''),
      /token\/\S+ was not written by this server, or was altered: it does not count/,
    )
    await cli(data, `status ${remote(server, 'thief')}`, 1)
    await cli(data, 'status')
    const verified = await runCli(['audit', 'verify', '--checkpoint', kept, '--data', data])
    assert.equal(verified.code, 1)
    assert.match(
      verified.stdout,
      /belongs to the part that a restore discarded, which was accepted with checkpoint/,
    )
  })

  // All rows of trust, their version, and the MAC key that they were signed with.
  branch()
  edit(data, (database) => {
    database.exec(`ATTACH '${lost}' AS lost`)
    database.exec('DELETE FROM trust')
    database.exec('INSERT INTO trust SELECT * FROM lost.trust')
    database.exec(`UPDATE meta SET value = (SELECT value FROM lost.meta WHERE key = 'trust_version')`)
    database.exec(`INSERT OR REPLACE INTO secrets SELECT * FROM lost.secrets WHERE name = 'mac-key'`)
    const [version] = database.prepare(`SELECT value FROM meta WHERE key = 'trust_version'`).all()
    assert.ok(accepted.trustVersion > Number(version?.['value']), 'versions go on above both branches')
  })
  await refusedStart(data, /the anchor mortise\.db\.anchor in .* does not belong to the database beside it/)
  const { checkpoint } = JSON.parse(readFileSync(kept, 'utf8')) as { checkpoint: { number: number } }
  assert.ok(accepted.checkpoint > checkpoint.number, 'so do checkpoints')
  // It lacks the entry of the token that was refused.
  branch()
  await accept(data)
  await run(data, () => cli(data, 'status'))
})

test('the last checkpoint and the entries after the one before are deleted: noticed, and accepted openly', async (t) => {
  const data = dataFolder(t)
  await run(data, () => issue(data, 'one'))
  edit(data, (database) => {
    const rows = database.prepare('SELECT number, body FROM checkpoints ORDER BY number DESC LIMIT 2').all()
    const body = JSON.parse(String(rows[1]?.['body'])) as { heads: { number: number; hash: string }[] }
    const { number, hash } = body.heads[0] ?? { number: 0, hash: '' }
    database.prepare('DELETE FROM checkpoints WHERE number = ?').run(Number(rows[0]?.['number']))
    database.prepare('DELETE FROM audit WHERE number > ?').run(number)
    database.prepare('UPDATE writers SET number = ?, hash = ?').run(number, hash)
  })
  await refusedStart(
    data,
    /the last checkpoint of the audit log is \d+, and was \d+; the last audit entry of writer/,
  )
  assert.match((await accept(data)).found ?? '', /the last checkpoint of the audit log/)
  await run(data, async () => {
    const { ok, restores } = await proofOf(data)
    assert.equal(ok, true)
    assert.match(restores.join(), /; 1 later checkpoint, with what it signed for, was left behind$/)
  })
})

test('without its anchor a used database is not served', async (t) => {
  const data = dataFolder(t)
  await run(data, () => cli(data, 'status'))
  rmSync(path.join(data, 'mortise.db.anchor'))
  await refusedStart(data, /was used before, but its anchor mortise\.db\.anchor is missing/)
  await accept(data)
  await run(data, () => cli(data, 'status'))
})

test('an anchor without its database is not taken for a first start', async (t) => {
  const data = dataFolder(t)
  await run(data, () => issue(data, 'vcenter'))
  const restore = backup(data)
  const rootKey = readFileSync(path.join(data, 'root.key'))
  rmSync(path.join(data, 'mortise.db'))
  rmSync(path.join(data, 'root.key'))
  await refusedStart(data, /the database is new or empty, but its anchor .* is there: the database was lost/)
  assert.equal(existsSync(path.join(data, 'root.key')), false, 'no other root key was made')
  await assert.rejects(accept(data), /the database was lost/)
  restore()
  writeFileSync(path.join(data, 'root.key'), rootKey, { mode: 0o600 })
  await run(data, () => cli(data, 'client show vcenter'))
})

test('restore-accept that is killed at any moment can be run again', async (t) => {
  const data = dataFolder(t)
  await run(data, () => issue(data, 'vcenter'))
  const restore = backup(data)
  await run(data, () => issue(data, 'second'))
  const [program, ...serving] = serveArguments(data)
  const main = serving.slice(0, serving.indexOf('serve'))
  for (const afterMs of [350, 600, 900]) {
    restore()
    const child = spawn(program, [...main, 'restore-accept', '--data', data], { stdio: 'ignore' })
    const gone = once(child, 'exit')
    await sleep(afterMs)
    child.kill('SIGKILL')
    await gone
    await accept(data).catch((error: unknown) => assert.match(String(error), /nothing to accept/))
    await run(data, async () => {
      await cli(data, 'client show vcenter')
      assert.deepEqual(await tokenNames(data), ['bootstrap'], `killed after ${afterMs} ms`)
    })
  }
})

test('wherever restore-accept is killed, and its second run too, a file of the data folder has a valid token', async (t) => {
  const [program, ...serving] = serveArguments('')
  const flags = serving.slice(0, serving.indexOf('serve'))
  const preload = ['--import', path.join(import.meta.dirname, 'dying-rename.ts')]
  /** Returns the signal by which it ended. */
  const killed = async (data: string, dies: string): Promise<unknown> => {
    const words = [...preload, ...flags, 'restore-accept', '--anyway', '--data', data]
    const env = { ...process.env, MORTISE_TEST_DIES: dies }
    const [, signal] = await once(spawn(program, words, { stdio: 'ignore', env }), 'exit')
    return signal
  }
  const used = dataFolder(t)
  await run(used, () => cli(used, 'status'))
  const moments = ['before 1', 'after 1', 'before 2', 'after 2', 'before 3', 'after 3']
  for (const first of moments.slice(0, 4)) {
    const stopped = copyOf(t, used)
    assert.equal(await killed(stopped, first), 'SIGKILL', first)
    assert.ok(hasValidToken(stopped), `killed ${first}`)
    for (const second of moments) {
      const twice = copyOf(t, stopped)
      await killed(twice, second)
      assert.ok(hasValidToken(twice), `killed ${first}, then ${second}`)
    }
    await accept(stopped).catch((error: unknown) => assert.match(String(error), /nothing to accept/))
    await run(stopped, () => cli(stopped, 'status'))
  }
})

function copyOf(t: TestContext, data: string): string {
  const copy = dataFolder(t)
  cpSync(data, copy, { recursive: true, force: true, preserveTimestamps: true })
  return copy
}

/** As they are stored: whether the server serves is another matter. */
function hasValidToken(data: string): boolean {
  const database = new DatabaseSync(path.join(data, 'mortise.db'), { readOnly: true })
  const rows = database.prepare("SELECT body FROM trust WHERE kind = 'token'").all()
  database.close()
  return ['admin-token', 'admin-token.new']
    .map((name) => path.join(data, name))
    .filter((file) => existsSync(file))
    .map((file) => createHash('sha256').update(readFileSync(file, 'utf8').trim()).digest('hex'))
    .some((sha256) => rows.some(({ body }) => String(body).includes(sha256)))
}

test('restore-accept that was killed after its commit and before the new anchor can be run again', async (t) => {
  const data = dataFolder(t)
  await run(data, () => cli(data, 'status'))
  const anchor = readFileSync(path.join(data, 'mortise.db.anchor'))
  const first = await accept(data, true)
  writeFileSync(path.join(data, 'mortise.db.anchor'), anchor)
  await refusedStart(data, /does not belong to the database beside it/)
  const second = await accept(data)
  assert.ok(second.trustVersion > first.trustVersion && second.checkpoint > first.checkpoint)
  assert.equal(second.tokensRevoked, 1)
  await run(data, () => cli(data, 'status'))
})

test('restore-accept is for a database that is there, that no server has open, and that was set back', async (t) => {
  const data = dataFolder(t)
  await assert.rejects(accept(path.join(data, 'nowhere')), /there is no database in .*nowhere/)
  assert.equal(existsSync(path.join(data, 'nowhere')), false)
  await run(data, async () => {
    await assert.rejects(accept(data, true), /another process has this data folder open/)
    await cli(data, 'status')
  })
  await assert.rejects(accept(data), /there is nothing to accept.*--anyway/)
  assert.equal((await accept(data, true)).found, null)
  await run(data, () => cli(data, 'status'))
  const unfinished = readdirSync(data).filter((name) => /\.new$|admin-token\./.test(name))
  assert.deepEqual(unfinished, [])
})

test('a database that was last used on another machine is not served before its owner accepts it', async (t) => {
  const data = dataFolder(t)
  const [here, elsewhere] = [path.join(data, 'here'), path.join(data, 'elsewhere')]
  writeFileSync(here, `${'1'.repeat(32)}\n`)
  writeFileSync(elsewhere, `${'2'.repeat(32)}\n`)
  const startOn = async (machine: string) => (await startInProcess(data, machine))[Symbol.asyncDispose]()
  await startOn(here)
  await startOn(here)
  await assert.rejects(startOn(elsewhere), (error: unknown) => {
    assert.match(
      String(error),
      /was last used on another machine: .* may still be in use there\. Nothing is served/,
    )
    return error instanceof RestoreNotAccepted && error.acceptable && error.moved
  })
  await startOn(path.join(data, 'a machine without an id'))
  await startOn(here)
  await assert.rejects(accept(data, false, here), /there is nothing to accept/)
  const { found, tokensRevoked } = await accept(data, false, elsewhere)
  assert.match(found ?? '', /on another machine/)
  assert.equal(tokensRevoked, 1)
  await startOn(elsewhere)
  await assert.rejects(startOn(here), /another machine/)
  const ids = ['1', '2'].map((digit) => digit.repeat(32))
  const stored = readFileSync(path.join(data, 'mortise.db'), 'latin1')
  assert.ok(ids.every((id) => !stored.includes(id)))
})

test('the terminal says what is wrong and what to do, and the exit code is 1', async (t) => {
  const data = dataFolder(t)
  await run(data, () => cli(data, 'status'))
  rmSync(path.join(data, 'mortise.db.anchor'))
  const ports = ['--kmip', '127.0.0.1:0', '--admin', '127.0.0.1:0']
  const refused = await runCli(['serve', '--data', data, ...ports])
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /^mortise: the server did not start: .* is missing.*Nothing is served$/m)
  assert.match(
    refused.stderr,
    new RegExp(`put a backup back on purpose: .* restore-accept --data ${data}\\.`),
  )
  const { code, stdout } = await runCli(['restore-accept', '--data', data])
  assert.equal(code, 0)
  assert.match(stdout, /^Accepted: the database in .* is missing.*1 token was revoked/s)
  assert.match(stdout, new RegExp(`^  .* client blocks --data ${data}$`, 'm'))
  assert.match(stdout, new RegExp(`^  ${readFileSync(path.join(data, 'admin-token'), 'utf8').trim()}$`, 'm'))
  const again = await runCli(['restore-accept', '--data', data, '--json'])
  assert.equal(again.code, 1)
  assert.match(
    again.stderr,
    /^\{"error":\{"code":"failed","message":"the restore was not accepted: there is nothing/,
  )
})

test('a data folder that others may write is not served', async (t) => {
  const data = dataFolder(t)
  chmodSync(data, 0o777)
  await refusedStart(data, /others may write the data folder .*\(mode 0777\).*chmod go-w/)
  assert.deepEqual(readdirSync(data), [])
})

/** Flags that name the server and another token than that of its folder. */
function remote({ adminUrl, serverCertSha256, data }: RunningServer, token: string): string {
  return `--admin ${adminUrl} --admin-fingerprint ${serverCertSha256} --token-file ${data}/${token}`
}

async function tokenNames(data: string): Promise<string[]> {
  return ((await json(data, 'token list')) as { name: string }[]).map(({ name }) => name)
}

async function proofOf(data: string): Promise<{ ok: boolean; restores: string[] }> {
  return (await json(data, 'audit verify')) as { ok: boolean; restores: string[] }
}

/** What `client issue` left. */
function identityOf(data: string, name: string) {
  const read = (file: string) => readFileSync(path.join(data, name, file), 'utf8')
  return { cert: read('client.pem'), key: read('client.key'), ca: read('ca.pem') }
}
