// Runs alone: it builds packages, and makes a root file system.
//
// What a release adds to the packages, with throw-away keys: signatures that one line verifies, and an apt repository from which a clean
// Debian 12 and 13 install Mortise, which then serves a key. A file that was changed is refused by both.

import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { buildAptRepository } from '../../../scripts/package/apt-repository.ts'
import { signFiles, writeSums } from '../../../scripts/package/signing.ts'
import { tryKeys } from '../../../scripts/package/try-keys.ts'
import { debians, makeCleanRoot, type Suite } from '../../support/packages/clean-root.ts'
import { builtPackages } from '../../support/packages/packages.ts'
import { commandsBelow } from '../../support/repository/pages.ts'
import { skipOrFail } from '../../support/server/skip.ts'

const run = promisify(execFile)
const folder = mkdtempSync(path.join(tmpdir(), 'mortise-release-'))
const target = path.join(folder, 'release')
const needed = ['mmdebstrap', 'gpg', 'ssh-keygen', 'dpkg-scanpackages']
const missing =
  process.getuid?.() === 0 ? needed.find((one) => spawnSync(one, ['--version']).error !== undefined) : 'root'

before(async () => {
  if (missing !== undefined) return
  mkdirSync(target)
  const packages = await builtPackages('amd64')
  for (const name of readdirSync(packages).filter((one) => one.includes('_amd64.deb')))
    cpSync(path.join(packages, name), path.join(target, name))
  const home = path.join(folder, 'gnupg')
  mkdirSync(home, { mode: 0o700 })
  await run('gpg', [
    '--homedir',
    home,
    '--batch',
    '--passphrase',
    '',
    '--quick-generate-key',
    'Test',
    'ed25519',
    'sign',
    'never',
  ])
  const key = path.join(folder, 'signing')
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', key])
  // After the throw-away key was made, whose signatures are not valid before.
  const epoch = Math.ceil(Date.now() / 1000) + 1
  await buildAptRepository({ target, epoch, key: { home } })
  await signFiles(target, await writeSums(target), key)
  chmodSync(folder, 0o755)
})
after(async () => {
  if (missing === undefined)
    await run('gpgconf', ['--homedir', path.join(folder, 'gnupg'), '--kill', 'all']).catch(() => undefined)
  rmSync(folder, { recursive: true, force: true })
})

test(
  'one line verifies every file of a release, and finds one that was changed',
  { timeout: 300_000 },
  async (t) => {
    if (missing !== undefined) return skipOrFail(t, `${missing} is needed (Debian, as root)`)
    const [verify = ''] = commandsBelow('docs/install.md', 'What a release has').filter((line) =>
      line.startsWith('ssh-keygen'),
    )
    assert.notEqual(verify, '')
    const copy = path.join(folder, 'copy')
    cpSync(target, copy, { recursive: true })
    await run('sh', ['-ec', verify], { cwd: copy })
    const deb = readdirSync(copy).find((name) => name.endsWith('.deb')) ?? ''
    appendFileSync(path.join(copy, deb), 'x')
    await assert.rejects(run('sh', ['-ec', verify], { cwd: copy }), /did NOT match/)
    // Sums that match the changed file, which the maintainer has not signed.
    await writeSums(copy)
    await assert.rejects(
      run('sh', ['-ec', verify], { cwd: copy }),
      /Signature verification failed|Could not verify/,
    )
  },
)

test('keys that cannot sign are named before anything is built', { timeout: 60_000 }, async (t) => {
  if (missing !== undefined) return skipOrFail(t, `${missing} is needed (Debian, as root)`)
  const [home, signing] = [path.join(folder, 'gnupg'), path.join(folder, 'signing')]
  const now = Math.ceil(Date.now() / 1000) + 1
  await tryKeys({ home, signing }, now)
  await assert.rejects(tryKeys({ home, signing }, now - 86_400), /was made after the commit.*older key/)
  await assert.rejects(tryKeys({ home: folder, signing }, now), /cannot sign: gpg must sign/)
  await assert.rejects(tryKeys({ home, signing: path.join(folder, 'none') }, now), /none cannot sign/)
})

for (const [name, suite] of debians)
  test(
    `a clean ${name} installs from the apt repository, and serves a key`,
    { timeout: 900_000 },
    async (t) => {
      if (missing !== undefined) return skipOrFail(t, `${missing} is needed (Debian, as root)`)
      return installFromRepository(t, suite)
    },
  )

async function installFromRepository(t: TestContext, suite: Suite): Promise<void> {
  using system = await makeCleanRoot(suite, 'adduser', 'debconf', 'libstdc++6')
  cpSync(path.join(target, 'apt'), system.file('/srv/apt'), { recursive: true })
  await system.must('mkdir -p /etc/apt/keyrings && cp /srv/apt/mortise.asc /etc/apt/keyrings/')
  const line = 'deb [signed-by=/etc/apt/keyrings/mortise.asc] file:/srv/apt stable main'
  await system.must(
    `echo '${line}' > /etc/apt/sources.list.d/mortise.list && apt-get update -o Dir::Etc::SourceParts=/etc/apt/sources.list.d`,
  )
  await system.must('apt-get install --yes mortise')
  await using server = await system.start(
    'setpriv',
    '--reuid=mortise',
    '--regid=mortise',
    '--init-groups',
    'mortise',
    'serve',
    '--json',
    '--kmip',
    '127.0.0.1:0',
    '--admin',
    '127.0.0.1:0',
    '--data',
    '/var/lib/mortise',
  )
  await system.must('runuser -u mortise -- mortise client issue --name vcenter --out /tmp/vcenter')
  await system.must(
    `cd /tmp/vcenter && runuser -u mortise -- mortise simulate vsphere --server ${server.ready['kmip'] ?? ''} --cert client.pem --key client.key --ca ca.pem --scenario first-vm`,
  )
  assert.equal(await server.stop(), 0)

  await t.test('a Release that was changed is refused', async () => {
    const file = system.file('/srv/apt/dists/stable/InRelease')
    const text = readFileSync(file, 'utf8')
    await system.must('rm -rf /var/lib/apt/lists/*')
    appendFileSync(system.file('/srv/apt/dists/stable/main/binary-amd64/Packages'), '\n')
    rmSync(system.file('/srv/apt/dists/stable/main/binary-amd64/Packages.gz'))
    const { code, stdout, stderr } = await system.run('apt-get update -o APT::Update::Error-Mode=any')
    assert.notEqual(code, 0, `${stdout}${stderr}`)
    assert.match(text, /BEGIN PGP SIGNATURE/)
  })
}
