// Runs alone: it builds a package, and makes a root file system.
//
// The Debian package as a stranger uses it, on Debian 12 and on 13: installed in a clean root file system, served from by its own user, upgraded with keys
// inside while the server runs and while it does not, brought back to the version before, and purged. Each command of docs/install.md and
// docs/upgrade.md is run as it stands there, but those of systemd. No systemd is booted there, so the test starts the server by hand;
// systemd-analyze reads the unit.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import {
  debians,
  makeCleanRoot,
  type CleanRoot,
  type StartedInside,
  type Suite,
} from '../../support/packages/clean-root.ts'
import { builtPackages, packageIn } from '../../support/packages/packages.ts'
import { commandsBelow } from '../../support/repository/pages.ts'
import { skipOrFail } from '../../support/server/skip.ts'
import { root } from '../../support/repository/sources.ts'

const run = promisify(execFile)
const data = '/var/lib/mortise'
const as = 'runuser -u mortise --'

for (const [name, suite] of debians)
  test(`the package on ${name}`, { timeout: 900_000 }, (t) => story(t, suite))

async function story(t: TestContext, suite: Suite): Promise<void> {
  const missing = process.getuid?.() !== 0 ? 'root' : await lacks('mmdebstrap', 'lintian', 'systemd-analyze')
  if (missing !== undefined) return skipOrFail(t, `${missing} is needed (Debian, as root)`)
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-deb-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  // Each of these takes one core: the packages and the file system where one goes, and then lintian beside all that follows.
  const [made, built] = await Promise.all([
    makeCleanRoot(suite, 'adduser', 'debconf', 'libstdc++6'),
    builtPackages(),
  ])
  using system = made
  const deb = packageIn(built, '_amd64.deb')
  // Debian 12 has the parts that its own programs take part in; the others take minutes and are the same there.
  const isWhole = suite === 'trixie'
  const more = isWhole ? t.test.bind(t) : async () => undefined
  // Both are programs of this machine, whatever the file system is.
  const found = isWhole ? lintian(deb) : undefined
  if (found) await t.test('the unit is hardened, and systemd understands it', () => judgeUnit(folder, deb))

  /** As docs/install.md says, in the folder where the package lies. */
  const install = (file: string, env = {}) => {
    cpSync(file, system.file(path.join('tmp', path.basename(file))))
    return system.run(`cd /tmp && apt-get install --yes ./${path.basename(file)}`, env)
  }
  const newer = (version: string) => withVersion(folder, deb, version)
  const page = commandsBelow('docs/install.md', 'Debian and Ubuntu')
  const steps = commandsBelow('docs/upgrade.md', 'Debian and Ubuntu')
  const upgrade = steps.slice(0, steps.indexOf('mortise status') + 1)
  const back = steps.slice(upgrade.length)
  const agreement = page.filter((line) => line.includes('debconf-set-selections'))
  await t.test('is installed and started as docs/install.md says', async () => {
    let server: StartedInside | undefined
    for (const line of page.filter((one) => !agreement.includes(one))) {
      if (line === `apt install ./${path.basename(deb)}`) {
        const { code, stderr } = await install(deb)
        assert.equal(code, 0, stderr)
        await judgeInstalled(system)
      } else if (line === 'systemctl enable --now mortise') server = await serve(system)
      else if (!/^systemctl |^systemd-ask-password /.test(line)) await system.must(line)
    }
    assert.equal(await server?.stop(), 0)
    assert.ok(existsSync(system.file('/etc/systemd/system/mortise.service.d/credentials.conf')))
  })
  await t.test(
    'serves as the user mortise, and keeps its keys through an upgrade while it runs',
    async () => {
      await using server = await serve(system)
      await simulate(system, server.ready, '--scenario add-provider,first-vm --save /tmp/keys.json')
      assert.equal((await system.must('stat -c %U:%a /var/lib/mortise/root.key')).trim(), 'mortise:600')
      const before = await backups(system)
      for (const line of upgrade)
        if (line.startsWith('apt install ')) {
          // Another server, which the administrator's own commands ask.
          const upgraded = await install(await newer('2'), { MORTISE_ADMIN_URL: 'https://127.0.0.1:1' })
          assert.equal(upgraded.code, 0, upgraded.stderr)
        } else await system.must(line)
      assert.equal((await backups(system)).length, before.length + 1)
      // The server still runs, and the upgrade has replaced the file of its program.
      await run('dpkg-deb', ['-e', deb, system.file('/tmp/control')])
      assert.match(await system.must('sh /tmp/control/preinst upgrade 2'), /the server makes a backup/)
      assert.equal((await backups(system)).length, before.length + 2)
      const keys = JSON.parse(await system.must(`${as} mortise key list --json`)) as unknown[]
      assert.equal((await backups(system))[0]?.objects, keys.length)
      assert.ok(keys.length > 0)
      assert.equal(await server.stop(), 0)
      await expectKeys(system)
    },
  )
  await more('an upgrade copies the database while no server runs; the copy serves the keys', async () => {
    const upgraded = await install(await newer('3'))
    assert.equal(upgraded.code, 0, upgraded.stderr)
    const copy = `${data}/backups/before-upgrade-from-2`
    assert.equal((await system.must(`stat -c %U:%a ${copy}`)).trim(), 'mortise:700')
  })
  await more('a server of another folder is not the one of the database, which is copied', async () => {
    await system.must('install -d -o mortise -g mortise -m 0700 /tmp/beside')
    await using other = await serve(system, '/tmp/beside')
    const copy = `${data}/backups/before-upgrade-from-beside`
    const said = await system.must('sh /tmp/control/preinst upgrade beside')
    assert.match(said, new RegExp(`no server runs, so its database is copied to ${copy}`))
    assert.ok(existsSync(system.file(`${copy}/mortise.db`)))
    assert.equal(await other.stop(), 0)
    await system.must(`rm -r ${copy} /tmp/beside`)
  })
  await more('a copy that is not whole is no backup: the upgrade is refused', async () => {
    const before = readdirSync(system.file(`${data}/backups`))
    // As where the disk is full: one of the files cannot be copied.
    await system.must(`umask 0777 && touch ${data}/mortise.db-journal`)
    const refused = await install(await newer('4'))
    assert.notEqual(refused.code, 0, 'it was upgraded')
    assert.match(refused.stderr, /no backup could be made/)
    assert.deepEqual(readdirSync(system.file(`${data}/backups`)), before)
    await system.must(`rm ${data}/mortise.db-journal`)
  })
  await more('the way back to that copy is the one of docs/upgrade.md', async () => {
    await system.must(`mkdir /tmp/elsewhere && mv ${data}/mortise.db* /tmp/elsewhere/`)
    assert.ok(back.length > 0)
    for (const line of back)
      if (line === 'systemctl start mortise') await expectKeys(system)
      else await system.must(line.replace('before-upgrade-from-0.1.0', 'before-upgrade-from-2'))
    const older = await system.run('cd /tmp && apt-get install --yes --allow-downgrades ./mortise_2.deb')
    assert.equal(older.code, 0, older.stderr)
    await expectKeys(system)
  })
  await more(
    'a stopped node whose keys are not here says that it makes no backup, and what to do',
    async () => {
      const moved = `mv ${data} ${data}.away && mkdir -m 0700 ${data} && touch ${data}/root.key`
      const said = await system.must(`${moved} && sh /tmp/control/preinst upgrade 3`)
      assert.match(said, /NO BACKUP IS MADE[\s\S]*before you start it[\s\S]*pg_dump/)
      // A package that never served has nothing to lose.
      assert.equal(await system.must(`rm ${data}/root.key && sh /tmp/control/preinst upgrade 3`), '')
      await system.must(`rmdir ${data} && mv ${data}.away ${data}`)
    },
  )
  await more(
    'the appliance is set up as a whole: cut off anywhere, its next start does the rest',
    async () => {
      await system.must('cp /etc/mortise/mortise.toml /tmp/')
      cpSync(path.join(root, 'packaging/appliance/setup'), system.file('/usr/lib/mortise-appliance/setup'), {
        recursive: true,
      })
      const put = (name: string, text: string) =>
        writeFileSync(system.file(`/usr/local/bin/${name}`), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
      put('vmtoolsd', `echo '<Environment><Property key="address" value="192.0.2.10/24"/></Environment>'`)
      put('systemctl', 'echo "$*" >> /tmp/systemctl.log')
      for (const name of ['hostname', 'networkctl']) put(name, 'exit 0')
      const setUp = '/usr/lib/mortise/node /usr/lib/mortise-appliance/setup/main.ts from-ovf'
      const enabled = () => system.run('grep -q "^enable .*mortise.service" /tmp/systemctl.log')
      for (const name of ['hostname', 'networkctl']) {
        await system.must('rm -rf /etc/mortise-appliance /tmp/systemctl.log')
        put(name, 'kill -KILL $PPID')
        assert.notEqual((await system.run(setUp)).code, 0)
        put(name, 'exit 0')
        // As the unit does at the next start.
        if (!existsSync(system.file('/etc/mortise-appliance/configured'))) await system.must(setUp)
        assert.equal((await enabled()).code, 0, `cut off at ${name}, the server is never started`)
      }
      await system.must('rm /usr/local/bin/* && mv /tmp/mortise.toml /etc/mortise/')
    },
  )
  await more('an upgrade without a backup is refused, unless somebody says so', async () => {
    await using server = await serve(system)
    await system.must(`chown root: ${data}/backups && chmod 0500 ${data}/backups`)
    const fourth = await newer('4')
    const refused = await install(fourth)
    assert.notEqual(refused.code, 0)
    assert.match(refused.stderr, /no backup could be made/)
    assert.match(
      await system.must('dpkg-query -W -f "\\${Version} \\${Status}" mortise'),
      /^2 install ok installed/,
    )
    assert.equal((await install(fourth, { MORTISE_UPGRADE_WITHOUT_BACKUP: '1' })).code, 0)
    await system.must(`chown mortise: ${data}/backups && chmod 0700 ${data}/backups`)
    assert.equal(await server.stop(), 0)
  })
  await t.test(
    'purge keeps the keys if nobody agreed to remove them, and removes them if somebody did',
    async () => {
      await system.must('dpkg --remove mortise')
      assert.ok(existsSync(system.file(`${data}/mortise.db`)))
      assert.equal((await install(await newer('5'))).code, 0)
      const copy = `backups/before-upgrade-from-${isWhole ? 4 : 2}/mortise.db`
      assert.ok(existsSync(system.file(`${data}/${copy}`)), 'a copy is made, although no version was here')
      await system.must('dpkg --remove mortise')
      const kept = await system.run('dpkg --purge mortise')
      assert.equal(kept.code, 0, kept.stderr)
      assert.match(kept.stderr, /the keys in \/var\/lib\/mortise stay/)
      assert.ok(existsSync(system.file(`${data}/root.key`)))
      assert.equal((await install(deb)).code, 0)
      await expectKeys(system)
      assert.equal(agreement.length, 1)
      await system.must(agreement[0] ?? '')
      // The data folder may be a file system of its own, as on the appliance.
      await system.must(`mount --bind ${data} ${data} && dpkg --purge mortise`)
      for (const gone of [`${data}/mortise.db`, `${data}/root.key`, '/etc/mortise', '/usr/lib/mortise'])
        assert.ok(!existsSync(system.file(gone)), gone)
    },
  )
  if (found)
    await t.test('lintian finds nothing but what is overridden with a reason', async () =>
      assert.equal(await found, ''),
    )
}

async function lacks(...programs: readonly string[]): Promise<string | undefined> {
  for (const program of programs)
    if (!(await run('sh', ['-c', `command -v ${program}`]).catch(() => undefined))) return program
  return undefined
}

/** What it has to say, also of why it failed. */
async function lintian(deb: string): Promise<string> {
  const args = ['--tag-display-limit', '0', '--fail-on', 'error,warning', deb]
  return run('lintian', args).then(
    ({ stdout }) => stdout.trim(),
    (error: Error & { stdout?: string }) => error.stdout?.trim() || error.message,
  )
}

async function judgeUnit(folder: string, deb: string): Promise<void> {
  const tree = path.join(folder, 'tree')
  await run('dpkg-deb', ['-x', deb, tree])
  const unit = path.join(tree, 'usr/lib/systemd/system/mortise.service')
  await run('systemd-analyze', ['security', '--offline=true', '--threshold=15', unit])
  // docs/siem.md names a file in /var/log/mortise, where ProtectSystem=strict lets the server write nothing by itself.
  assert.match(readFileSync(unit, 'utf8'), /^LogsDirectory=mortise$/m)
  const dropIn = path.join(tree, 'usr/lib/systemd/system/mortise.service.d')
  cpSync(
    path.join(tree, 'usr/share/doc/mortise/examples/credentials.conf'),
    path.join(dropIn, 'credentials.conf'),
  )
  cpSync('/usr/bin/kill', path.join(tree, 'bin/kill'))
  // The units that it names are those of a machine that has it installed.
  for (const name of ['sysinit.target', 'basic.target', 'shutdown.target', 'network-online.target'])
    cpSync(`/usr/lib/systemd/system/${name}`, path.join(tree, 'usr/lib/systemd/system', name))
  const { stderr } = await run('systemd-analyze', ['verify', '--man=no', `--root=${tree}`, 'mortise.service'])
  assert.equal(stderr, '')
}

async function judgeInstalled(system: CleanRoot): Promise<void> {
  assert.equal(await system.must(`stat -c %U:%G:%a ${data}`), 'mortise:mortise:700\n')
  assert.deepEqual(readdirSync(system.file(data)), [], 'the first start makes the keys')
  assert.match(await system.must('getent passwd mortise'), /:\/var\/lib\/mortise:\/usr\/sbin\/nologin$/m)
  assert.equal(await system.must('dpkg --verify mortise'), '')
  assert.match(
    await system.must('dpkg-query -W -f "\\${Conffiles}" mortise'),
    /\/etc\/mortise\/mortise\.toml/,
  )
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string }
  assert.equal(await system.must('mortise --version'), `${version}\n`)
  // What calls the modules of HSMs is there: only the module is missing.
  const tried = await system.run(
    "MORTISE_PKCS11_MODULES=/none.so mortise root-key check 'pkcs11:token=t;object=k' --data /tmp/none",
  )
  assert.match(tried.stderr, /the module \/none\.so cannot be loaded/)
}

/** As the unit does it, but on free ports of loopback, and with no backup but those that somebody wants. */
function serve(system: CleanRoot, folder = data): Promise<StartedInside> {
  const ports = ['--kmip', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--json']
  const where = ['--config', '/etc/mortise/mortise.toml', '--data', folder]
  const user = [
    '--reuid=mortise',
    '--regid=mortise',
    '--init-groups',
    '--',
    'env',
    'MORTISE_BACKUP_ENABLED=false',
  ]
  return system.start('setpriv', ...user, 'mortise', 'serve', ...where, ...ports)
}

/** With the certificate of a vCenter that the server trusts, made when it is first needed. */
async function simulate(system: CleanRoot, ready: StartedInside['ready'], words: string): Promise<void> {
  if (!existsSync(system.file('/tmp/vcenter')))
    await system.must('mortise client issue --name vcenter --out /tmp/vcenter')
  const identity = '--cert /tmp/vcenter/client.pem --key /tmp/vcenter/client.key --ca /tmp/vcenter/ca.pem'
  await system.must(`mortise simulate vsphere --server ${ready['kmip']} ${identity} --speed 100 ${words}`)
}

/** A server serves every key that the simulator made, byte for byte. */
async function expectKeys(system: CleanRoot): Promise<void> {
  await using server = await serve(system)
  await simulate(system, server.ready, '--expect /tmp/keys.json')
  assert.equal(await server.stop(), 0)
}

/** Newest first. */
async function backups(system: CleanRoot): Promise<readonly { readonly objects: number }[]> {
  return JSON.parse(await system.must('mortise backup list --json')) as { objects: number }[]
}

/** The same package as another version. */
async function withVersion(folder: string, deb: string, version: string): Promise<string> {
  const tree = path.join(folder, 'other-version')
  if (!existsSync(tree)) await run('dpkg-deb', ['-R', deb, tree])
  const control = path.join(tree, 'DEBIAN/control')
  writeFileSync(control, readFileSync(control, 'utf8').replace(/^Version: .*$/m, `Version: ${version}`))
  const file = path.join(folder, `mortise_${version}.deb`)
  await run('dpkg-deb', ['--root-owner-group', '-Znone', '--build', tree, file])
  return file
}
