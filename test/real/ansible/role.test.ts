// Runs alone: it builds the Debian package and root file systems.
//
// The Ansible role, applied through chroot to root file systems that are not booted: to one machine with SQLite, whose server then
// runs, and to two with PostgreSQL, whose servers find each other. The first is Debian 12, the second Debian 13. What systemd does is
// not tried here.

import assert from 'node:assert/strict'
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { builtPackages, packageIn } from '../../support/packages/packages.ts'
import { startPostgres } from '../../support/postgresql/server.ts'
import { skipOrFail } from '../../support/server/skip.ts'

const run = promisify(execFile)
const root = path.resolve(import.meta.dirname, '../../..')
const folder = mkdtempSync(path.join(tmpdir(), 'mortise-test-ansible-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const machine = (name: string): string => path.join(folder, name)

/** Builds the package, and root file systems with what Ansible and the package need. */
async function prepare(): Promise<string> {
  const include = '--include=python3-minimal,python3-apt,adduser,debconf,libstdc++6'
  const quick = ['--mode=root', '--variant=minbase', '--quiet', '--dpkgopt=force-unsafe-io']
  const debian = (suite: string, name: string) => run('mmdebstrap', [...quick, include, suite, machine(name)])
  const [built] = await Promise.all([
    builtPackages('amd64'),
    debian('bookworm', 'kms-1').then(() => debian('trixie', 'kms-2')),
  ])
  return packageIn(built, '_amd64.deb')
}

/** Applies a playbook; what it says of each machine in the end. */
async function apply(
  playbook: string,
  deb: string,
  limit: string,
  more: object = {},
): Promise<readonly string[]> {
  const hosts = Object.fromEntries(['kms-1', 'kms-2'].map((name) => [name, { ansible_host: machine(name) }]))
  const vars = {
    ansible_connection: 'community.general.chroot',
    ansible_python_interpreter: '/usr/bin/python3',
    ansible_become: false,
    mortise_package: deb,
    mortise_start: false,
    ...more,
  }
  const inventory = path.join(folder, 'inventory.json')
  writeFileSync(inventory, JSON.stringify({ mortise: { hosts, vars } }))
  const file = path.join(root, 'deploy/ansible', playbook)
  const env = { ...process.env, ANSIBLE_HOME: path.join(folder, 'ansible'), ANSIBLE_NOCOLOR: '1' }
  const { stdout } = await run('ansible-playbook', ['-i', inventory, '--limit', limit, file], { env }).catch(
    (error: { stdout?: string }) => assert.fail(error.stdout ?? 'ansible-playbook does not run'),
  )
  assert.ok(!stdout.includes('a-secret-password'), 'no secret is printed')
  return stdout.split('PLAY RECAP')[1]?.match(/changed=\d+/g) ?? []
}

interface Served extends AsyncDisposable {
  readonly child: ChildProcess
}

/** As its unit does it: the server as its user, with the configuration that the role wrote. */
async function serve(name: string): Promise<Served> {
  const words = ['serve', '--kmip', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--json']
  const child = spawn('chroot', ['--userspec=mortise:mortise', machine(name), '/usr/bin/mortise', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (chunk) => (said += String(chunk)))
  const closed = once(child, 'close')
  const line = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line').then(([first]: string[]) => first),
    closed.then(() => undefined),
  ])
  assert.match(line ?? '', /"ready":true/, said)
  return {
    child,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM')
      await closed
    },
  }
}

const mortise = async (name: string, ...args: string[]): Promise<string> =>
  (await run('chroot', [machine(name), '/usr/bin/mortise', ...args])).stdout

test('the role sets up one machine with SQLite, and two with PostgreSQL', { timeout: 840_000 }, async (t) => {
  if (process.getuid?.() !== 0) return skipOrFail(t, 'needs root, for chroot')
  for (const program of ['ansible-playbook', 'mmdebstrap'])
    if (spawnSync(program, ['--version']).error) return skipOrFail(t, `needs ${program}`)
  const database = await startPostgres(t)
  if (!database) return undefined
  t.after(() => database.stop('immediate'))
  const deb = await prepare()

  await t.test('one machine: it serves, and a second run changes nothing', async () => {
    const config = { mortise_config: { server: { names: ['kms.example.com'] }, log: { level: 'warn' } } }
    assert.notDeepEqual(await apply('one-node.yml', deb, 'kms-1', config), ['changed=0'])
    await using _server = await serve('kms-1')
    assert.equal(await mortise('kms-1', 'health'), 'ready\n')
    const shown = await mortise('kms-1', 'server-cert', 'show')
    assert.match(shown, /kms\.example\.com/)
    assert.deepEqual(await apply('one-node.yml', deb, 'kms-1', config), ['changed=0'])
  })

  await t.test(
    'two machines: the second takes the root key of the first, and they know each other',
    async () => {
      const store = {
        mortise_store: await database.newDatabase(),
        mortise_store_password: 'a-secret-password',
      }
      await apply('two-nodes.yml', deb, 'mortise', store)
      const key = (name: string): string => path.join(machine(name), 'var/lib/mortise/root.key')
      assert.deepEqual(readFileSync(key('kms-2')), readFileSync(key('kms-1')))
      const owner = statSync(path.join(machine('kms-2'), 'var/lib/mortise'))
      const { mode, uid } = statSync(key('kms-2'))
      assert.deepEqual([mode & 0o777, uid], [0o600, owner.uid])
      const password = statSync(path.join(machine('kms-2'), 'etc/mortise/db-password'))
      assert.deepEqual([password.mode & 0o777, password.uid], [0o600, owner.uid])
      await using _first = await serve('kms-1')
      await using _second = await serve('kms-2')
      const status = JSON.parse(await mortise('kms-1', 'status', '--json')) as {
        nodes: { name: string; serves: boolean }[]
      }
      assert.deepEqual(
        new Map(status.nodes.map(({ name, serves }) => [name, serves])),
        new Map([
          ['kms-1', true],
          ['kms-2', true],
        ]),
      )
      assert.deepEqual(await apply('two-nodes.yml', deb, 'mortise', store), ['changed=0', 'changed=0'])
    },
  )
  return undefined
})
