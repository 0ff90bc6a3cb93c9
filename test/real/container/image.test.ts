// Runs alone: it builds the whole package and an image.
//
// The container image: built from this checkout on Debian's packages, run with a read-only root by a user without rights, asked by
// a KMIP client, told to stop, and started again on its volume.

import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { createKey, getKey } from '../../../src/outside/kmip-client/calls.ts'
import { connectKmip } from '../../../src/outside/kmip-client/client.ts'
import { freePort } from '../../support/server/free-port.ts'
import { packageIn } from '../../support/packages/packages.ts'
import { skipOrFail } from '../../support/server/skip.ts'
import { sha256OfFile } from '../../../scripts/package/run.ts'

const root = path.resolve(import.meta.dirname, '../../..')
const folder = mkdtempSync(path.join(tmpdir(), 'mortise-test-container-'))
// Nothing of the machine's own images and containers is touched.
const storage = [
  '--storage-driver',
  'vfs',
  '--root',
  path.join(folder, 'storage'),
  '--runroot',
  path.join(folder, 'run'),
]
const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  readonly version: string
}
const image = `localhost/mortise:${version}`
let archive = ''
const name = 'mortise-test'
const env = { ...process.env, PODMAN_IGNORE_CGROUPSV1_WARNING: '1' }
const missing =
  process.getuid?.() !== 0
    ? 'needs root'
    : ['podman', 'runc', 'mmdebstrap'].some((one) => spawnSync(one, ['--version']).error !== undefined)
      ? 'needs podman, runc and mmdebstrap'
      : undefined

async function podman(...args: string[]): Promise<string> {
  const options = { env, maxBuffer: 16 * 1024 * 1024 }
  const { stdout } = await promisify(execFile)(
    'podman',
    [...storage, '--cgroup-manager', 'cgroupfs', ...args],
    options,
  )
  return stdout.trim()
}

/** The archive of the image, with its list of contents beside it. */
async function build(umask: string): Promise<string> {
  const out = mkdtempSync(path.join(folder, 'out-'))
  const options = {
    env: { ...env, SOURCE_DATE_EPOCH: process.env['SOURCE_DATE_EPOCH'] ?? '1795000000' },
    cwd: root,
    maxBuffer: 64 * 1024 * 1024,
  }
  await promisify(execFile)(
    'sh',
    ['-c', `umask ${umask}; exec npm run -s package -- --out "$0" image`, out],
    options,
  )
  return packageIn(out, '_image.tar')
}

const mortise = (...args: string[]) => podman('exec', name, '/usr/bin/mortise', ...args)

before(async () => {
  if (missing !== undefined) return
  // A release tries the archive that it made.
  const folderOfRelease = process.env['MORTISE_TEST_PACKAGES']
  const made =
    folderOfRelease !== undefined && existsSync(folderOfRelease)
      ? readdirSync(folderOfRelease).find((one) => one.endsWith('_amd64_image.tar'))
      : undefined
  archive = made === undefined ? await build('022') : path.join(folderOfRelease ?? '', made)
  await podman('load', '--input', archive)
})
after(async () => {
  if (missing === undefined) await podman('rm', '--force', '--time', '0', name).catch(() => undefined)
  rmSync(folder, { recursive: true, force: true })
})

/** Podman asks for a million open files and processes, which not every machine lets root have. */
const mayHave = ['--ulimit', 'nofile=4096:4096', '--ulimit', 'nproc=4096:4096']

/** With the network of the host the container's ports are the machine's. */
async function start(): Promise<number> {
  const [kmip, admin] = [await freePort(), await freePort()]
  const safe = [
    '--read-only',
    '--cap-drop',
    'ALL',
    '--security-opt',
    'no-new-privileges',
    '--runtime',
    'runc',
    ...mayHave,
  ]
  // By itself Podman 4 (Debian 12) raises these above what a machine within another one may.
  const limits = ['--ulimit', 'nofile=4096:4096', '--ulimit', 'nproc=4096:4096']
  const listen = ['--env', `MORTISE_KMIP=127.0.0.1:${kmip}`, '--env', `MORTISE_ADMIN=127.0.0.1:${admin}`]
  const volume = ['--volume', 'mortise-test-data:/var/lib/mortise']
  await podman(
    'run',
    '--detach',
    '--name',
    name,
    '--network',
    'host',
    ...safe,
    ...limits,
    ...listen,
    ...volume,
    image,
    'serve',
    '--json',
  )
  // The line says that it serves.
  for (;;) {
    const logs = await podman('logs', name)
    if (logs.includes('"ready":true')) return kmip
    assert.equal(await podman('inspect', '--format', '{{.State.Status}}', name), 'running', logs)
  }
}

test(
  'the image runs without rights, writes to its volume only, and keeps keys over a restart',
  { timeout: 600_000 },
  async (t) => {
    if (missing !== undefined) return skipOrFail(t, missing)
    const first = await start()
    const config = JSON.parse(await podman('inspect', '--format', '{{json .Config}}', name)) as {
      User: string
      Healthcheck: { Test: string[] }
    }
    assert.equal(config.User, '10001:10001')
    assert.deepEqual(config.Healthcheck.Test, ['CMD', '/usr/bin/mortise', 'health'])
    await podman('healthcheck', 'run', name)
    const probe = `const fs = require('node:fs')
    const refused = ['/x', '/usr/bin/x', '/etc/x'].map((file) => { try { fs.writeFileSync(file, ''); return 'written' } catch (error) { return error.code } })
    const status = fs.readFileSync('/proc/1/status', 'utf8')
    console.log(JSON.stringify({ uid: process.getuid(), refused, shell: fs.existsSync('/bin/sh') || fs.existsSync('/usr/bin/sh'), capabilities: /CapEff:\\t(\\w+)/.exec(status)[1] }))`
    const seen = JSON.parse(await podman('exec', name, '/usr/bin/node', '-e', probe)) as object
    assert.deepEqual(seen, {
      uid: 10001,
      refused: ['EROFS', 'EROFS', 'EROFS'],
      shell: false,
      capabilities: '0000000000000000',
    })

    const clientFiles = '/var/lib/mortise/client'
    await mortise('client', 'issue', '--name', 'test', '--out', clientFiles)
    const files = await Promise.all(
      ['client.pem', 'client.key', 'ca.pem'].map(async (file) => {
        await podman('cp', `${name}:${clientFiles}/${file}`, path.join(folder, file))
        return readFileSync(path.join(folder, file), 'utf8')
      }),
    )
    const [cert = '', key = '', pem = ''] = files
    const open = (port: number) =>
      connectKmip({ addresses: [{ host: '127.0.0.1', port }], cert, key, trust: { by: 'authority', pem } })
    let made: string
    {
      await using client = open(first)
      made = await createKey(client)
    }
    await podman('stop', '--time', '30', name)
    assert.equal(await podman('inspect', '--format', '{{.State.ExitCode}}', name), '0', 'it stops in order')
    await podman('rm', name)
    const second = await start()
    await using client = open(second)
    const fetched = await getKey(client, made)
    assert.equal(fetched.material.length, 32)
    fetched.material.fill(0)
  },
)

interface Contents {
  readonly serialNumber?: string
  readonly metadata: { readonly timestamp?: string }
  readonly components: readonly { readonly name: string; readonly purl?: string; readonly cpe?: string }[]
}

test(
  'two builds give the same image, and the same list of what is in it',
  { timeout: 600_000 },
  async (t) => {
    if (missing !== undefined) return skipOrFail(t, missing)
    const file = `${archive}.cdx.json`
    const text = readFileSync(file, 'utf8')
    const { serialNumber, metadata, components } = JSON.parse(text) as Contents
    assert.equal(serialNumber ?? metadata.timestamp, undefined)
    assert.ok(components.some(({ purl }) => purl?.startsWith('pkg:deb/debian/libc6@')))
    assert.ok(components.some(({ purl }) => purl?.startsWith('pkg:npm/pino@')))
    assert.ok(components.some(({ cpe }) => cpe?.includes('nodejs:node.js:24.')))
    assert.match(readFileSync(`${archive}.sources.txt`, 'utf8'), /^glibc \d/m)
    const again = await build('077')
    assert.equal(await sha256OfFile(again), await sha256OfFile(archive))
    assert.equal(readFileSync(`${again}.cdx.json`, 'utf8'), text)
  },
)
