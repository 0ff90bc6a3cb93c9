// `mortise inventory` with a whole server: a file as PowerShell writes it, what commands that close keys say and ask, a
// backup that carries the inventory, and imports that are cut off midway.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { command } from '../support/server/command.ts'
import { startServer, type CommandResult, type TestServer } from '../support/server/server.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-inventory-'))
const file = path.join(folder, 'keys.csv')
let server: TestServer
before(async () => {
  server = await startServer()
})
after(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const run = (words: readonly string[], more: Parameters<typeof command>[1] = {}): Promise<CommandResult> =>
  command(words, { data: server.data, ...more })

async function ok(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(words)
  assert.equal(code, 0, stderr)
  return stdout
}

async function json(...words: string[]): Promise<Record<string, unknown>> {
  return JSON.parse(await ok(...words, '--json')) as Record<string, unknown>
}

const createKey = async (): Promise<string> => String((await json('key', 'create'))['id'])

const twoDaysAgo = new Date(Date.now() - 50 * 3600_000).toISOString()

function writeRows(
  rows: readonly (readonly [kind: string, name: string, key: string, provider: string])[],
): void {
  const lines = rows.map((cells) => [...cells, twoDaysAgo].map((cell) => `"${cell}"`).join(';'))
  const text = ['#TYPE Selected.Object', '"kind";"name";"keyId";"provider";"taken"', ...lines, ''].join(
    '\r\n',
  )
  writeFileSync(file, `\ufeff${text}`, 'utf16le')
}

const inventoryNow = async (): Promise<string> => JSON.stringify(await json('inventory', 'show'))
const importFile = () => ok('inventory', 'import', file)

test('an import names the machines of keys, and the report says what is missing', async () => {
  const key = await createKey()
  writeRows([
    ['vm', 'web;1', key, 'mortise'],
    ['host', 'esx', key, 'mortise'],
    ['vm', 'lost\u202e', 'none', 'mortise'],
    ['vm', 'old', 'k9', 'ibm'],
    ['vm', 'plain', '', ''],
  ])
  assert.match(
    await importFile(),
    /Imported: the inventory, taken .*, 4 rows, and 1 without a key was left out\./,
  )
  assert.match(await ok('key', 'list'), new RegExp(`${key} .* host esx \\+1 `))
  assert.match(await ok('key', 'show', key), /In use: +by 2 machines as of 2 days ago \(host esx, vm web;1\)/)
  const unused = await createKey()
  const text = await run(['inventory', 'report', '--until', '2020-01-01'])
  assert.equal(text.code, 1)
  assert.match(text.stdout, /Key is missing here: +1\n/)
  assert.match(text.stdout, /2020-01-01 was \d+ days ago\./)
  assert.match(text.stdout, /vm +lost\ufffd/)
  assert.match(text.stdout, new RegExp(`Keys that no machine uses:\n.*\n${unused}`))
  const csv = await run(['inventory', 'report', '--csv'])
  assert.deepEqual(csv.stdout.split('\r\n').slice(1, 3), [
    'elsewhere,,vm,old,,,ibm,k9,,,',
    'missing,,vm,lost\ufffd,,,mortise,none,,,',
  ])
  const whole = JSON.parse((await run(['inventory', 'report', '--json'])).stdout) as {
    findings: { finding: string }[]
  }
  assert.deepEqual(
    whole.findings.map(({ finding }) => finding),
    ['elsewhere', 'missing', 'unused'],
  )
  assert.match(
    (await run(['status'])).stdout,
    /WARNING: a machine uses a key that is missing in the instance default/,
  )
})

test('what machines use is closed only by somebody who types its name, or names their number', async () => {
  const key = await createKey()
  writeRows([['vm', 'web', key, 'mortise']])
  await importFile()
  const destroy = ['key', 'destroy', key]
  const unasked = await run([...destroy, '--yes'])
  assert.equal(unasked.code, 1)
  assert.match(unasked.stderr, /is in use by 1 machine as of 2 days ago \(vm web\)\n.*--in-use 1/)
  const no = await run(destroy, { terminal: true, input: 'yes\n' })
  assert.equal(no.code, 1)
  assert.match(no.stderr, /In use: +by 1 machine .*\n.*\nType its id or name/s)
  assert.match((await run(destroy, { terminal: true, input: `${key}\n` })).stdout, /is Destroyed now/)

  const other = await createKey()
  writeRows([['vm', 'web', other, 'mortise']])
  await importFile()
  const shred = ['instance', 'delete', 'default', '--shred', 'default']
  const alone = await run(shred)
  assert.equal(alone.code, 2)
  assert.match(alone.stderr, /In use by 1 machine as of 2 days ago \(vm web\).*--in-use 1/s)
  const wrong = await run(shred, { terminal: true, input: 'web\n' })
  assert.match(wrong.stderr, /nothing was shredded: that is not its name/)
  const prune = ['audit', 'prune', '--before', '-100d']
  const pruned = await run(prune, { terminal: true, input: 'yes\n' })
  assert.match(
    pruned.stderr,
    /No key is closed.*The instance default is in use by 1 machine as of 2 days ago.*nothing was removed/s,
  )
})

test('an import that is killed midway, refused or wrong leaves the former inventory', async () => {
  writeRows([['vm', 'before', 'k', 'mortise']])
  await importFile()
  const former = await inventoryNow()

  // It waits for the rest of its standard input while its first rows are at the server.
  const words = ['inventory', 'import', '-', '--data', server.data]
  const child = spawn(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    'src/program/main.ts',
    ...words,
  ])
  // What it has not read when it is killed.
  child.stdin.on('error', () => undefined)
  child.stdin.write('kind,name,keyId\n')
  for (let n = 0; n < 3_000; n++) child.stdin.write(`vm,web-${n},k-${n}\n`)
  const database = new DatabaseSync(path.join(server.data, 'mortise.db'), { readOnly: true })
  const openRows = () =>
    database.prepare("SELECT sum(rows) AS n FROM inventories WHERE state = 'open'").get()?.['n']
  while ((openRows() ?? 0) === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  child.kill('SIGKILL')
  await once(child, 'close')
  database.close()
  assert.equal(await inventoryNow(), former)

  writeFileSync(file, `kind,name,keyId\n${'vm,a,k\n'.repeat(2_500)}vm,b\n`)
  const wrong = await run(['inventory', 'import', file])
  assert.deepEqual([wrong.code, wrong.stdout], [1, ''])
  assert.match(wrong.stderr, /keys\.csv, line 2502: it has 2 cells/)
  writeFileSync(file, 'kind,name,keyId\nvm,a,\n')
  assert.match(
    (await run(['inventory', 'import', file])).stderr,
    /names no machine with a key, and nothing was imported; rows without a key: 1/,
  )
  assert.equal(await inventoryNow(), former)
})

test('a backup carries the inventory', async () => {
  writeRows([['vm', 'kept', 'k', 'mortise']])
  await importFile()
  const backup = path.join(folder, 'a.backup')
  await ok('backup', 'create', backup)
  const data = path.join(folder, 'restored')
  const restored = await run([
    'restore',
    backup,
    '--data',
    data,
    '--root-key',
    `file:${path.join(server.data, 'root.key')}`,
    '--yes',
  ])
  assert.equal(restored.code, 0, restored.stderr)
  const database = new DatabaseSync(path.join(data, 'mortise.db'), { readOnly: true })
  assert.deepEqual(
    database
      .prepare('SELECT name FROM inventory_rows')
      .all()
      .map((row) => row['name']),
    ['kept'],
  )
  database.close()
})
