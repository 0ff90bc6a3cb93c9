// Runs alone: it installs the whole package, twice.
//
// The npm package as docs/install.md and docs/upgrade.md have it, each command as it stands there: installed by root for all, run by a
// user of its own, upgraded with a key inside. The machine's users, programs and data stay as they are: each command sees copies of
// /etc, /usr/local and /var/lib, in a mount namespace of its own.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { createKey, getKey } from '../../../src/outside/kmip-client/calls.ts'
import { connectKmip, type KmipClient } from '../../../src/outside/kmip-client/client.ts'
import { commandsBelow } from '../../support/repository/pages.ts'
import { builtPackages, packageIn } from '../../support/packages/packages.ts'
import { startServer, type TestServer } from '../../support/server/server.ts'
import { skipOrFail } from '../../support/server/skip.ts'

const run = promisify(execFile)
const copied = ['/etc', '/usr/local', '/var/lib']
const data = '/var/lib/mortise'

test('the npm package, step by step', { timeout: 600_000 }, async (t) => {
  if (process.getuid?.() !== 0) return skipOrFail(t, 'root is needed')
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-npm-steps-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const machine = await copyOfThisMachine(folder)
  const first = packageIn(await builtPackages(), '.tgz')
  const second = await withVersion(folder, first, '0.2.0')
  const must = (line: string) => run('unshare', machine(line), { cwd: folder, env: environment })

  let server: TestServer | undefined
  t.after(async () => void (await server?.stop()))
  /** As the page says it, on free ports. */
  const serve = (line: string) => {
    const before = line.replace(` serve --data ${data}`, '')
    assert.notEqual(before, line)
    const command = ['unshare', ...machine(`exec ${before} "$@"`)] as const
    return startServer({ command, data, env: environment })
  }
  const install = commandsBelow('docs/install.md', 'npm')
  const start = install.at(-1) ?? ''
  await t.test('docs/install.md', async () => {
    for (const line of install.slice(0, -1)) await must(line.replace('./mortise-0.1.0.tgz', first))
    server = await serve(start)
    assert.match((await must(`stat -c %U:%a ${data}/root.key`)).stdout, /^mortise:600$/m)
  })
  await must(`mortise client issue --name vcenter --out /var/lib/vcenter --data ${data}`)
  const id = await withClient(folder, server, (client) => createKey(client))
  await t.test('docs/upgrade.md', async () => {
    for (const line of commandsBelow('docs/upgrade.md', 'npm'))
      await must(line.replace('./mortise-0.2.0.tgz', second))
    assert.equal((await must('mortise --version')).stdout, '0.2.0\n')
    await stop(server)
    server = await serve(start)
    const { material } = await withClient(folder, server, (client) => getKey(client, id))
    assert.equal(material.length, 32)
    const listed = await must(`mortise backup list --json --data ${data}`)
    assert.equal((JSON.parse(listed.stdout) as unknown[]).length, 1)
  })
})

const environment = {
  ...process.env,
  NPM_CONFIG_PREFIX: '/usr/local',
  NPM_CONFIG_PREFER_OFFLINE: 'true',
  PATH: `/usr/local/bin:${process.env['PATH'] ?? ''}`,
  MORTISE_BACKUP_ENABLED: 'false',
}

/** The words of `unshare` that run a line of sh where these folders are copies. A user without rights finds this Node.js there too. */
async function copyOfThisMachine(folder: string): Promise<(line: string) => [string, ...string[]]> {
  const mounts = copied.map((original) => `mount --bind "$0${original}" ${original}`)
  for (const original of copied) mkdirSync(path.join(folder, original), { recursive: true })
  await run('cp', ['-a', '/etc/.', path.join(folder, 'etc')])
  // npm itself may be there.
  await run('cp', ['-a', '/usr/local/.', path.join(folder, 'usr/local')])
  mkdirSync(path.join(folder, 'usr/local/bin'), { recursive: true })
  await run('cp', [process.execPath, path.join(folder, 'usr/local/bin/node')])
  await run('chmod', ['755', folder])
  const enter = `${mounts.join(' && ')} && shift && exec sh -c "$LINE" sh "$@"`
  return (line) => [
    '--mount',
    '--propagation',
    'private',
    'env',
    `LINE=${line}`,
    'sh',
    '-c',
    enter,
    folder,
    '-',
  ]
}

/** As a terminal's or a service manager's signal does it; a signal to runuser itself leaves the server two seconds. */
async function stop(server: TestServer | undefined): Promise<void> {
  const pid = server?.process.pid
  if (server === undefined || pid === undefined) return
  const [child = ''] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')
  process.kill(Number(child), 'SIGTERM')
  const [code] = (await once(server.process, 'close')) as [number | null]
  assert.equal(code, 0, server.stderr())
}

/** The same package as a newer version. */
async function withVersion(folder: string, tarball: string, version: string): Promise<string> {
  const tree = path.join(folder, 'newer')
  mkdirSync(tree)
  await run('tar', ['-xzf', tarball, '-C', tree])
  const manifest = path.join(tree, 'package/package.json')
  const text = JSON.parse(readFileSync(manifest, 'utf8')) as object
  writeFileSync(manifest, JSON.stringify({ ...text, version }))
  const file = path.join(folder, `mortise-${version}.tgz`)
  await run('tar', ['-czf', file, '-C', tree, 'package'])
  return file
}

async function withClient<T>(
  folder: string,
  server: TestServer | undefined,
  work: (client: KmipClient) => Promise<T>,
): Promise<T> {
  const file = (name: string) => readFileSync(path.join(folder, 'var/lib/vcenter', name), 'utf8')
  await using client = connectKmip({
    addresses: server === undefined ? [] : [server.kmip],
    cert: file('client.pem'),
    key: file('client.key'),
    trust: { by: 'authority', pem: file('ca.pem') },
  })
  return work(client)
}
