// Runs alone: it builds, packs and installs the whole package.
//
// The published package: packed as npm would publish it, installed into an empty folder as `npm install --global` does it, and run
// from the JavaScript that it carries, since Node strips no types below node_modules. As root the test serves as a user without
// rights. Also with an older Node.js first on the PATH, where the machine has one.

import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { builtPackages, packageIn } from '../../support/packages/packages.ts'
import { startServer } from '../../support/server/server.ts'
import { skipOrFail } from '../../support/server/skip.ts'

const run = promisify(execFile)
const root = path.resolve(import.meta.dirname, '../../..')
const thisNode = path.dirname(process.execPath)
/** The user and group of that name. */
const nobody = 65_534

test('the package is packed, installed into an empty folder and run', { timeout: 600_000 }, async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-pack-'))
  chmodSync(folder, 0o755)
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const tarball = packageIn(await builtPackages(), '.tgz')
  const { stdout: listed } = await run('tar', ['-tzf', tarball])
  await t.test('it carries JavaScript and no TypeScript, tests or data', () => judgeContent(listed))
  const application = path.join(folder, 'application')
  const problem = await install(application, tarball)
  if (problem !== undefined) return skipOrFail(t, `the registry's packages cannot be installed: ${problem}`)
  const mortise = path.join(application, 'bin/mortise')
  await t.test('man finds its pages', () => {
    for (const page of ['man1/mortise.1', 'man1/mortise-serve.1', 'man5/mortise.toml.5'])
      assert.ok(existsSync(path.join(application, 'share/man', page)), page)
  })
  await t.test('mortise --help and --version', async () => {
    const help = await run(mortise, ['--help'], { env: environment(thisNode) })
    assert.match(help.stdout, /serve/)
    const version = await run(mortise, ['--version'], { env: environment(thisNode) })
    const { version: ours } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
      version: string
    }
    assert.match(version.stdout, new RegExp(ours.replaceAll('.', '\\.')))
  })
  // A user without rights may not reach the one that runs this test.
  const itsNode = path.join(
    application,
    `lib/node_modules/mortise/node_modules/node-linux-${process.arch}/bin`,
  )
  await t.test('mortise serve takes connections, and stops when told', () =>
    serveAndStop(mortise, folder, itsNode),
  )
  const older = olderNode()
  if (older === undefined) return t.diagnostic('no older Node.js on this machine: its way in is not tried')
  return t.test(`the same where Node.js ${older.version} comes first`, () =>
    serveAndStop(mortise, folder, older.folder),
  )
})

/** `listed`: as tar prints it. */
function judgeContent(listed: string): void {
  const names = listed
    .trim()
    .replaceAll(/^package\//gm, '')
    .split('\n')
  const share = ['mortise.toml', 'man/man1/mortise.1', 'completions/mortise.bash'].map(
    (name) => `dist/share/${name}`,
  )
  const pages = ['README.md', 'LICENSE', 'docs/operate.md', 'docs/decisions/README.md']
  for (const needed of [
    'bin/mortise.js',
    'dist/main.js',
    'dist/LICENSES',
    'package.json',
    ...pages,
    ...share,
  ])
    assert.ok(names.includes(needed), `${needed} is missing`)
  assert.deepEqual(
    names.filter((name) => /\.ts$|^(src|test|scripts|mortise-data)\/|\.db$|\.key$/.test(name)),
    [],
  )
}

/** Undefined when done; else what stood in the way. Packages come from npm's cache where it has them. */
async function install(application: string, tarball: string): Promise<string | undefined> {
  const args = ['install', '--global', '--prefix', application, '--ignore-scripts', '--prefer-offline']
  try {
    await run('npm', [...args, '--no-audit', '--no-fund', tarball], { timeout: 300_000 })
    return undefined
  } catch (error) {
    return String(error)
  }
}

async function serveAndStop(mortise: string, folder: string, nodeFolder: string): Promise<void> {
  const data = mkdtempSync(path.join(folder, 'data-'))
  const unprivileged = ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups'] as const
  const asRoot = process.getuid?.() === 0
  if (asRoot) chownSync(data, nobody, nobody)
  const command: [string, ...string[]] = asRoot ? [...unprivileged, mortise] : [mortise]
  await using server = await startServer({ data, command, env: environment(nodeFolder) })
  const socket = connect({ ...server.kmip, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { fingerprint256 } = socket.getPeerCertificate()
  socket.destroy()
  assert.equal(fingerprint256.replaceAll(':', '').toLowerCase(), server.serverCertSha256)
  assert.equal(await server.stop(), 0)
  assert.ok(readdirSync(data).length > 0)
}

/** A PATH on which that Node.js is the first. */
function environment(nodeFolder: string): { PATH: string } {
  return { PATH: `${nodeFolder}${path.delimiter}${process.env['PATH'] ?? ''}` }
}

/** A Node.js on the PATH that is older than what Mortise needs: the launcher must hand over. */
function olderNode(): { version: string; folder: string } | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(path.delimiter)) {
    const { status, stdout } = spawnSync(path.join(folder, 'node'), ['--version'], { encoding: 'utf8' })
    if (status === 0 && Number.parseInt(stdout.slice(1), 10) < 24) return { version: stdout.trim(), folder }
  }
  return undefined
}
