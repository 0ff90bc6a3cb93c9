// `mortise dev` as another project's tests use it: a process of its own, with its signals, its exit code and what it leaves.

import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { createKey } from '../../../src/outside/kmip-client/calls.ts'
import { connectKmip } from '../../../src/outside/kmip-client/client.ts'
import { command } from '../../support/server/command.ts'

const root = path.resolve(import.meta.dirname, '../../..')
const node = [process.execPath, '--disable-sigusr1', '--disable-warning=ExperimentalWarning']
// The commands get nothing else of the user's environment, in particular no MORTISE_ variables.
const { PATH, NODE_COMPILE_CACHE } = process.env
const own = mkdtempSync(path.join(tmpdir(), 'mortise-test-dev-'))
after(() => rmSync(own, { recursive: true, force: true }))

/** A folder that stands for the system's temporary one. */
function place(): string {
  return mkdtempSync(path.join(own, 'tmp-'))
}

interface Started {
  readonly child: ChildProcess
  readonly code: Promise<number | null>
  readonly stderr: Promise<string>
}

function start(
  folder: string,
  args: readonly string[],
  more: { readonly env?: Record<string, string>; readonly cwd?: string } = {},
): Started {
  const [program = '', ...flags] = node
  const child = spawn(program, [...flags, path.join(root, 'src/program/main.ts'), 'dev', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH, NODE_COMPILE_CACHE, TMPDIR: folder, ...more.env },
    cwd: more.cwd ?? root,
  })
  const code = once(child, 'close').then(([code]: unknown[]) => code as number | null)
  return { child, code, stderr: text(child.stderr) }
}

interface Ready {
  readonly kmip: string
  readonly folder: string
  readonly environment: Readonly<Record<string, string>>
}

/** The line that it prints once it serves. */
async function ready({ child, stderr }: Started): Promise<Ready> {
  assert.ok(child.stdout)
  const line = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line').then(([line]: string[]) => line),
    stderr,
  ])
  return JSON.parse(line ?? '') as Ready
}

/** Runs it to its end. */
async function run(
  ...all: Parameters<typeof start>
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { child, code, stderr } = start(...all)
  assert.ok(child.stdout)
  const stdout = text(child.stdout)
  return { code: await code, stdout: await stdout, stderr: await stderr }
}

test('a client creates a key by the variables, `mortise` finds the server by them, and after SIGTERM nothing is left', async () => {
  const folder = place()
  const started = start(folder, ['--json'])
  const { kmip, environment } = await ready(started)
  const value = (name: string): string => environment[name] ?? assert.fail(`${name} is missing`)
  assert.equal(value('KMIP_ENDPOINT'), kmip)
  assert.match(kmip, /^127\.0\.0\.1:\d+$/)
  const pair = readFileSync(value('CSFLE_TLS_CLIENT_CERT_FILE'), 'utf8')
  assert.equal(
    pair,
    readFileSync(value('KMIP_CLIENT_CA'), 'utf8') + readFileSync(value('KMIP_CLIENT_KEY'), 'utf8'),
  )
  await using client = connectKmip({
    addresses: [{ host: value('KMIP_ADDR'), port: Number(value('KMIP_PORT')) }],
    cert: pair,
    key: pair,
    trust: { by: 'authority', pem: readFileSync(value('KMIP_SERVER_CA'), 'utf8') },
  })
  const made = await createKey(client)
  const listed = await command(['key', 'list', '--json'], { data: value('MORTISE_DATA') })
  assert.match(listed.stdout, new RegExp(made))
  assert.match(readFileSync(value('PYKMIP_CONFIG_FILE'), 'utf8'), /^\[client\]\nhost=127\.0\.0\.1\n/)
  const cnf = JSON.parse(readFileSync(value('COMPONENT_KEYRING_KMIP_CNF'), 'utf8')) as Record<string, string>
  assert.deepEqual(
    [cnf['server_addr'], cnf['server_port'], cnf['server_ca']],
    [value('KMIP_ADDR'), value('KMIP_PORT'), value('KMIP_SERVER_CA')],
  )
  started.child.kill('SIGTERM')
  assert.equal(await started.code, 0)
  assert.deepEqual(readdirSync(folder), [])
  assert.equal(await started.stderr, '')
})

test('it runs a command with the variables and ends with its exit code; what the user configured for Mortise does not count', async () => {
  const folder = place()
  const elsewhere = mkdtempSync(path.join(own, 'elsewhere-'))
  writeFileSync(
    path.join(elsewhere, 'mortise.toml'),
    '[server]\nstore = "postgres://nobody@127.0.0.1:1/none"\n',
  )
  const script = 'process.stdout.write(JSON.stringify(process.env)); process.exitCode = 7'
  const { code, stdout } = await run(
    folder,
    ['--for', 'ceph', '--', process.execPath, '-e', script, '--', '--json'],
    {
      cwd: elsewhere,
      env: {
        MORTISE_KMIP: '127.0.0.1:1',
        MORTISE_ADMIN_URL: 'https://kms.example.com:5697',
        CEPH_CONF: 'kept',
      },
    },
  )
  assert.equal(code, 7)
  const env = JSON.parse(stdout) as Record<string, string>
  assert.match(env['CEPH_ARGS'] ?? '', new RegExp(`--rgw_crypt_kmip_addr=${env['KMIP_ENDPOINT']} `))
  assert.equal(env['CEPH_CONF'], 'kept')
  assert.equal(env['MORTISE_ADMIN_URL'], undefined)
  assert.equal(env['CSFLE_TLS_CA_FILE'], undefined, '--for ceph names no variables of others')
  assert.equal(existsSync(env['MORTISE_DATA'] ?? ''), false)
  assert.deepEqual(readdirSync(folder), [])
})

test('with --for its client may ask for what that product needs; without it, for everything', async () => {
  const folder = place()
  const program = path.join(root, 'src/program/main.ts')
  const script = `require('node:child_process').spawnSync(process.execPath, ['${program}', 'client', 'list', '--json'], { stdio: 'inherit' })`
  const allowed = async (...args: readonly string[]) => {
    const { stdout, stderr } = await run(folder, [...args, '--', process.execPath, '-e', script])
    const [client] = JSON.parse(stdout || '[]') as readonly { readonly allow: readonly string[] }[]
    return client?.allow ?? assert.fail(stderr)
  }
  assert.deepEqual(await allowed('--for', 'ceph'), ['Locate', 'Get'])
  assert.deepEqual(await allowed(), ['all'])
})

test('SIGINT ends its command, which says with which code', async () => {
  const folder = place()
  const script = `process.on('SIGINT', () => process.exit(5)); setInterval(() => {}, 1000); console.log('begun')`
  const started = start(folder, ['--', process.execPath, '-e', script])
  assert.ok(started.child.stdout)
  await once(started.child.stdout, 'data')
  started.child.kill('SIGINT')
  assert.equal(await started.code, 5)
  assert.deepEqual(readdirSync(folder), [])
})

test('a command that a signal ends counts as in a shell; one that is not there is an error', async () => {
  const folder = place()
  const killed = await run(folder, ['--', process.execPath, '-e', `process.kill(process.pid, 'SIGKILL')`])
  assert.equal(killed.code, 128 + 9)
  const missing = await run(folder, ['--', 'mortise-no-such-program'])
  assert.equal(missing.code, 1)
  assert.match(missing.stderr, /mortise-no-such-program was not run: /)
  assert.deepEqual(readdirSync(folder), [])
})

test('the next one removes what a killed one left, and leaves alone one that runs, and what is not its own', async () => {
  const folder = place()
  const victim = start(folder, ['--json'])
  const its = (await ready(victim)).folder
  victim.child.kill('SIGKILL')
  await victim.code
  assert.ok(existsSync(its))
  const outside = mkdtempSync(path.join(own, 'outside-'))
  writeFileSync(path.join(folder, 'mortise-dev-file'), 'of somebody else')
  symlinkSync(outside, path.join(folder, 'mortise-dev-link'))
  const envOut = path.join(own, 'kmip.env')
  const living = start(folder, ['--json', '--env-out', envOut])
  const { folder: used, environment } = await ready(living)
  assert.ok(!existsSync(its), 'removed')
  const lines = readFileSync(envOut, 'utf8').trimEnd().split('\n')
  assert.deepEqual(
    lines,
    Object.entries(environment).map(([name, value]) => `${name}=${value}`),
  )
  assert.equal((await run(folder, ['--', process.execPath, '-e', ''])).code, 0)
  assert.ok(existsSync(path.join(used, 'client', 'client.pem')), 'another one runs')
  living.child.kill('SIGHUP')
  assert.equal(await living.code, 0)
  assert.ok(!existsSync(envOut))
  assert.deepEqual(readdirSync(folder).toSorted(), ['mortise-dev-file', 'mortise-dev-link'])
  assert.deepEqual(readdirSync(outside), [])
})

test('a temporary folder that is not there, and a port that is taken, are said in words', async () => {
  const nowhere = await run(path.join(own, 'not-there'), ['--', 'true'])
  assert.deepEqual([nowhere.code, nowhere.stderr.split(':')[0]], [1, 'mortise'])
  assert.match(nowhere.stderr, /no folder can be made in .*not-there/)
  const taken = createServer()
  await once(taken.listen(0, '127.0.0.1'), 'listening')
  const folder = place()
  const { port } = taken.address() as AddressInfo
  const { code, stderr } = await run(folder, ['--kmip', `127.0.0.1:${port}`])
  taken.close()
  assert.equal(code, 1)
  assert.match(stderr, /EADDRINUSE/)
  assert.deepEqual(readdirSync(folder), [])
})

test('wrong usage is refused before anything starts', async () => {
  for (const args of [
    ['--for', 'oracle'],
    ['--kmip', 'nowhere'],
    ['--env-out', '-'],
  ]) {
    const { code, stderr } = await command(['dev', ...args])
    assert.equal(code, 2, stderr)
    assert.match(stderr, new RegExp(args[0] ?? ''))
  }
})
