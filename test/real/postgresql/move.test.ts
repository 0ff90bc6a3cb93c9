// docs/move.md, step by step: each command of the page is run as it stands, with the folders, names and addresses of the test in place of
// those of the page. A vCenter made keys before; after each move the server serves all of them, byte for byte.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { commandsBelow } from '../../support/repository/pages.ts'
import { startPostgres, type PostgresServer } from '../../support/postgresql/server.ts'
import { runCli, startEmbedded, type EmbeddedServer } from '../../support/server/server.ts'

const run = promisify(execFile)
const folder = mkdtempSync(path.join(tmpdir(), 'mortise-move-'))
const file = (name: string): string => path.join(folder, name)
let server: EmbeddedServer | undefined
let data = file('old')
let env: Readonly<Record<string, string>> = {}
/** What the page says, and what stands for it here; the longest first. */
let here: readonly (readonly [page: string, test: string])[] = []

const postgres = await new Promise<PostgresServer | undefined>((resolve, reject) => {
  test('PostgreSQL starts', (t) => startPostgres(t, { fsync: 'off' }).then(resolve, reject))
})
after(async () => {
  await server?.[Symbol.asyncDispose]()
  await postgres?.stop('immediate')
  rmSync(folder, { recursive: true, force: true })
})

if (postgres) {
  test('a vCenter makes keys', async () => {
    await start()
    const { folder: made } = (await server?.issue('vcenter')) ?? { folder: '' }
    cpSync(made, file('vcenter'), { recursive: true })
    await simulate('--scenario', 'add-provider,first-vm', '--save', file('keys.json'))
  })

  test('to another machine', async () => {
    mkdirSync(file('usb'))
    here = [['/mnt/usb', file('usb')]]
    const [old, fresh] = halves(commandsBelow('docs/move.md', 'To another machine'), /-czf/)
    await follow(old)
    assert.equal(server, undefined, 'the old server was stopped')
    data = file('new')
    mkdirSync(data, { mode: 0o700 })
    await follow(fresh)
    await simulate('--expect', file('keys.json'))
  })

  test('to another address', async () => {
    here = [['kms-2.example.com,192.0.2.20', 'kms-2.example.com,127.0.0.2']]
    await follow(commandsBelow('docs/move.md', 'To another address'))
    const active = (await server?.json('server-cert', 'show')) as { certificate: string }
    const names = new X509Certificate(active.certificate).subjectAltName
    assert.equal(names, 'DNS:kms-2.example.com, IP Address:127.0.0.2')
    await simulate('--expect', file('keys.json'))
  })

  test('into another store', async () => {
    const url = await postgres.newDatabase()
    here = [['postgres://mortise@db-1.example.com/mortise', url]]
    const [copy, fresh] = halves(commandsBelow('docs/move.md', 'Into another store'), /store copy/)
    await follow(copy)
    env = { MORTISE_STORE: url }
    await follow(fresh)
    await simulate('--expect', file('keys.json'))
  })

  test('under another root key', async () => {
    await follow(commandsBelow('docs/move.md', 'Under another root key'))
    const shown = (await server?.json('instance', 'show', 'default')) as { rootKey: string }
    assert.equal(shown.rootKey, 'file:new.key')
    assert.ok(existsSync(path.join(data, 'new.key')))
    await simulate('--expect', file('keys.json'))
  })
}

async function start(): Promise<void> {
  server = await startEmbedded({ data, env: { MORTISE_BACKUP_ENABLED: 'false', ...env } })
}

async function stop(): Promise<void> {
  assert.equal(await server?.stop(), 0)
  server = undefined
}

async function follow(lines: readonly string[]): Promise<void> {
  assert.ok(lines.length > 0)
  for (const line of lines) await step(line)
}

async function step(line: string): Promise<void> {
  if (/^systemctl (disable --now|stop) mortise$/.test(line)) return stop()
  if (/^systemctl (enable --now|start) mortise$/.test(line)) return start()
  // The test has one user.
  if (line === 'chown -R mortise: /var/lib/mortise') return undefined
  const text = [...here, ['/var/lib/mortise', data] as const].reduce(
    (words, [page, ours]) => words.replaceAll(page, ours),
    line,
  )
  const words = /^(?:runuser -u mortise -- )?mortise (.*)$/.exec(text)?.[1]
  if (words === undefined) {
    assert.match(text, /^tar -C /, `a step that the test does not know: ${line}`)
    return void (await run('sh', ['-c', text]))
  }
  const all = words.split(' ').map((word) => word.replace(/^'(.*)'$/, '$1'))
  const where = all.includes('--data') || all.includes('copy') ? [] : ['--data', data]
  const { code, stdout, stderr } = await runCli([...all, ...where], env)
  assert.equal(code, 0, `${line}\n${stdout}${stderr}`)
}

async function simulate(...words: readonly string[]): Promise<void> {
  // The address of the test is none of the names; vCenter compares none either.
  const shown = (await server?.json('server-cert', 'show')) as { sha256: string }
  const identity = ['--cert', file('vcenter/client.pem'), '--key', file('vcenter/client.key')]
  const trust = [...identity, '--fingerprint', shown.sha256]
  const address = `127.0.0.1:${server?.kmip.port}`
  const { code, stdout, stderr } = await runCli([
    'simulate',
    'vsphere',
    '--server',
    address,
    ...trust,
    '--speed',
    '100',
    ...words,
  ])
  assert.equal(code, 0, `${stdout}${stderr}`)
}

/** Up to the line that fits, and what comes after it. */
function halves(lines: readonly string[], last: RegExp): [readonly string[], readonly string[]] {
  const index = lines.findIndex((line) => last.test(line)) + 1
  return [lines.slice(0, index), lines.slice(index)]
}
