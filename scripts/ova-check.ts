// `npm run ova-check`: builds the appliance (or takes the one of --ova FILE) and uses it as an administrator does, in QEMU: answers its
// questions on the console, or by OVF properties on a CD; fetches keys from outside; and looks at the unit under the systemd that this
// boots. Needs root for building, and Debian's qemu-system-x86, ovmf, xorriso and openssh-client besides what the build names.
// Not in CI: an emulated machine takes its time. Words choose among `console`, `properties`, `wrong` (answers that are wrong, until they
// are mended) and `twice` (the same commit and time give the same bytes).

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import path from 'node:path'
import { argumentsOf, misused } from './arguments.ts'
import { createKey, getKey } from '../src/outside/kmip-client/calls.ts'
import { connectKmip, type KmipClient } from '../src/outside/kmip-client/client.ts'
import { KmipTransportError } from '../src/outside/kmip-client/errors.ts'
import { openTemporaryFolder } from '../src/host/temporary-folder.ts'
import { Machine, answersAt } from './ova-check/machine.ts'
import { openOva, type Opened } from './ova-check/opened.ts'
import { root, run, sha256OfFile } from './package/run.ts'

const hostname = 'kms1.example.test'
// The network of QEMU gives nothing else.
const network = { address: '10.0.2.15/24', gateway: '10.0.2.2', dns: '10.0.2.3', ntp: 'ntp.example.test' }

const parts = ['console', 'properties', 'wrong', 'twice']
const usage = `ova-check -- [--ova FILE] [${parts.join('] [')}]`
const { values, positionals } = argumentsOf(usage, {
  options: { ova: { type: 'string' } },
  allowPositionals: true,
})
const unknown = positionals.find((name) => !parts.includes(name))
if (unknown !== undefined) misused(usage, `No part is named ${unknown}`)
await using temporary = await openTemporaryFolder('mortise-appliance-check-')
const { folder } = temporary
const started = Date.now()
const say = (text: string) =>
  process.stdout.write(`${String(Math.round((Date.now() - started) / 1000)).padStart(5)} s  ${text}\n`)
const packages = path.join(folder, 'packages')
if (values.ova === undefined) await build(packages)
const ova =
  values.ova ?? path.join(packages, readdirSync(packages).find((name) => name.endsWith('.ova')) ?? '')
const opened = await openOva(ova, folder)
say('the archive is in the order that OVF wants, and holds what its manifest says')
const wanted = (name: string) => positionals.length === 0 || positionals.includes(name)
if (wanted('properties')) await configuredByProperties(opened)
if (wanted('console')) await configuredOnConsole(opened, path.dirname(path.resolve(ova)))
if (wanted('wrong')) await configuredWrongly(opened)
if (wanted('twice')) await builtTwice(path.dirname(path.resolve(ova)))
say('done')

/** Ends with this process, however that ends. */
async function build(out: string): Promise<void> {
  const script = [...process.execArgv, path.join(root, 'scripts/package.ts')]
  const args = ['--pdeathsig', 'KILL', process.execPath, ...script, '--out', out, 'ova']
  await run('setpriv', args, { cwd: root })
}

async function configuredByProperties(opened: Opened): Promise<void> {
  const key = path.join(folder, 'id_ed25519')
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'administrator', '-f', key])
  const properties = { hostname, ...network, sshKey: readFileSync(`${key}.pub`, 'utf8').trim() }
  const cd = picture('properties', { 'ovf-env.xml': environment(properties) })
  await using machine = await Machine.start({ folder, disk: opened.raw, cd, kernel: opened.kernel })
  say('properties: the machine starts, with its disk at VMware’s SCSI controller')
  await machine.expect(/New password: /)
  say('properties: nothing is asked but a password for the console')
  const options = [
    '-i',
    key,
    '-p',
    String(machine.ports.ssh),
    '-o',
    'StrictHostKeyChecking=no',
    '-o',
    'UserKnownHostsFile=/dev/null',
  ]
  const ssh = (line: string) => run('ssh', ['-q', ...options, 'root@127.0.0.1', line], { cwd: folder })
  // sshd makes its host keys first.
  await machine.answersAtSsh()
  // Type=notify: it returns when the server serves.
  await ssh('systemctl start mortise')
  say('properties: root logs in by ssh with the key; the server serves')
  assert.equal((await ssh('hostname')).trim(), hostname)
  assert.match(await ssh('ip -brief address show scope global'), /UP\s+10\.0\.2\.15\/24 /)
  assert.match(await ssh('ip route'), /^default via 10\.0\.2\.2 /m)
  assert.match(await ssh('resolvectl dns'), /10\.0\.2\.3/)
  assert.match(await ssh('timedatectl show-timesync -p SystemNTPServers'), /ntp\.example\.test/)
  assert.match(await ssh('lsmod'), /^vmw_pvscsi /m)
  const byPassword = run(
    'ssh',
    ['-q', ...options, '-o', 'PubkeyAuthentication=no', '-o', 'BatchMode=yes', 'root@127.0.0.1', 'true'],
    { cwd: folder },
  )
  await assert.rejects(byPassword)
  const client = await issue((line) => ssh(line))
  const made = await withClient(machine, client, (kmip) => createKey(kmip))
  const { material } = await withClient(machine, client, (kmip) => getKey(kmip, made))
  assert.equal(material.length, 32)
  assert.equal(await health(machine), 200)
  assert.match(await ssh('mortise server-cert show'), new RegExp(hostname))
  say(
    'properties: a client of KMIP creates and fetches a key; the admin API answers; the certificate names the host',
  )
}

async function configuredOnConsole(opened: Opened, packages: string): Promise<void> {
  const password = randomBytes(12).toString('hex')
  const newer = await withVersion(
    path.join(packages, readdirSync(packages).find((name) => name.endsWith('.deb')) ?? ''),
  )
  const cd = picture('newer', { 'mortise.deb': newer })
  await using machine = await Machine.start({ folder, disk: opened.vmdk, cd })
  await answerQuestions(machine, password)
  await machine.logIn(password)
  await machine.run('systemctl start mortise')
  say('console: its questions are answered, root has logged in, the server serves')
  assert.equal(await answersAt(machine.ports.ssh), false, 'ssh is off')
  assert.match(await machine.run('findmnt -no SOURCE,FSTYPE,OPTIONS /var/lib/mortise'), /ext4.*noexec/)
  assert.match(await machine.run('stat -c %U:%a /var/lib/mortise'), /^mortise:700$/m)
  assert.equal(await machine.run('systemctl --failed --plain --no-legend'), '')
  const client = await issue((line) => machine.run(line))
  const made = await withClient(machine, client, (kmip) => createKey(kmip))
  const expectKey = async (when: string) => {
    const { material } = await withClient(machine, client, (kmip) => getKey(kmip, made))
    assert.equal(material.length, 32)
    say(`console: a client of KMIP fetches its key ${when}`)
  }
  await expectKey('from outside')
  await judgeUnit(machine)
  await expectKey('after the server was killed, and stopped by the watchdog')
  await machine.run(
    'mkdir -p /run/cd && mount -o ro /dev/sr0 /run/cd && cp /run/cd/mortise.deb /tmp && umount /run/cd',
  )
  const before = JSON.parse(await machine.run('mortise backup list --json')) as unknown[]
  assert.match(
    await machine.run('apt-get install --yes /tmp/mortise.deb'),
    /mortise: the server makes a backup/,
  )
  // The one that a new key makes due may come between.
  const then = JSON.parse(await machine.run('mortise backup list --json')) as unknown[]
  assert.ok(then.length > before.length)
  await expectKey('after an upgrade of the package, which made a backup')
  await machine.run('update-initramfs -u')
  machine.type('systemctl reboot')
  await machine.logIn(password)
  await machine.run('systemctl start mortise')
  await expectKey('after a restart of the machine, with an initial file system that it made itself')
  await judgeCredentials(machine)
  machine.type('systemctl poweroff')
  await machine.off()
  say('console: it switches itself off')
}

async function answerQuestions(machine: Machine, password: string): Promise<void> {
  await machine.expect(/Host name[^:]*: /)
  say('console: the machine starts from its disk, and asks')
  await answer(machine, { ...network, address: '10.0.2.15' }, [/is neither dhcp nor an address/])
  const heard = await machine.expect(/New password: /)
  // QEMU’s network answers nobody who asks for names or the time.
  assert.match(heard, /This machine has the address 10\.0\.2\.15/)
  assert.match(heard, /The gateway 10\.0\.2\.2 is there/)
  assert.match(heard, /! The DNS server 10\.0\.2\.3 does not answer/)
  assert.match(heard, /! The NTP server ntp\.example\.test has no address/)
  await choosePassword(machine, password)
}

/** Answers the questions from the host name on, whose text has been said; a refused one again, with what is right. */
async function answer(machine: Machine, answers: typeof network, refusals: readonly RegExp[]): Promise<void> {
  machine.type(hostname)
  await machine.expect(/or dhcp[^:]*: /)
  machine.type(answers.address)
  for (const refusal of refusals) {
    await machine.expect(refusal)
    await machine.expect(/or dhcp[^:]*: /)
    machine.type(network.address)
  }
  await machine.expect(/Gateway[^:]*: /)
  machine.type(answers.gateway)
  await machine.expect(/DNS servers[^:]*: /)
  machine.type(answers.dns)
  await machine.expect(/names\)[^:]*: /)
  machine.type(answers.ntp)
  await machine.expect(/Is that right\? \[Y\/n\] /)
  machine.type('')
}

async function choosePassword(machine: Machine, password: string): Promise<void> {
  machine.type(password)
  await machine.expect(/Retype new password: /)
  machine.type(password)
  await machine.expect(/ssh with this password\? \[y\/N\] /)
  machine.type('')
}

/** What an administrator reads who is wrong: in a property, which then counts for nothing, and in answers that no rule can refuse. */
async function configuredWrongly(opened: Opened): Promise<void> {
  const password = randomBytes(12).toString('hex')
  const cd = picture('wrong', {
    'ovf-env.xml': environment({ hostname, ...network, address: '10.0.2.15/33', gateway: '192.0.2.1' }),
  })
  await using machine = await Machine.start({ folder, disk: opened.raw, cd, kernel: opened.kernel })
  await machine.expect(/The OVF property address: "10\.0\.2\.15\/33" is neither dhcp nor an address/)
  await machine.expect(/Host name[^:]*: /)
  say('wrong: a property that cannot be right is named, and the console asks')
  await answer(
    machine,
    { address: '10.0.2.255/24', gateway: '10.0.2.99', dns: '10.0.2.98', ntp: '10.0.2.97' },
    [/is the broadcast address of its network/],
  )
  const heard = await machine.expect(/New password: /)
  for (const line of [
    'This machine has the address 10.0.2.15',
    '! The gateway 10.0.2.99 is not there',
    '! The DNS server 10.0.2.98 does not answer',
    '! The NTP server 10.0.2.97 does not answer',
    'log in and answer again: mortise-setup',
  ])
    assert.ok(heard.includes(line), `"${line}" was not said, but\n${heard}`)
  say('wrong: what does not answer is said before a password is asked')
  await choosePassword(machine, password)
  await machine.logIn(password)
  await machine.run('systemctl start mortise')
  const client = await issue((line) => machine.run(line))
  const made = await withClient(machine, client, (kmip) => createKey(kmip))
  say('wrong: the server serves on its own network all the same')
  machine.type('stty echo; mortise-setup')
  await machine.expect(/Host name[^:]*: /)
  await answer(machine, network, [])
  const mended = await machine.expect(/log in and answer again: mortise-setup/)
  assert.match(mended, /The gateway 10\.0\.2\.2 is there/)
  machine.type('stty -echo; echo mended\\ now')
  await machine.expect(/mended now\r\n/)
  assert.match(await machine.run('ip -color=never route'), /^default via 10\.0\.2\.2 /m)
  assert.match(await machine.run('timedatectl show-timesync -p SystemNTPServers'), /ntp\.example\.test/)
  const { material } = await withClient(machine, client, (kmip) => getKey(kmip, made))
  assert.equal(material.length, 32)
  say('wrong: answered again, the machine has the new gateway and NTP server, and its keys')
}

/** The same commit at the same time: SOURCE_DATE_EPOCH, or that of the commit, and the packages that Debian has today. */
async function builtTwice(first: string): Promise<void> {
  const second = path.join(folder, 'second')
  await build(second)
  // The list of hashes of a release names more files.
  for (const name of readdirSync(second).filter((file) => file !== 'SHA256SUMS'))
    assert.equal(
      await sha256OfFile(path.join(first, name)),
      await sha256OfFile(path.join(second, name)),
      name,
    )
  say('twice: two builds have the same bytes')
}

/** The unit under a booted systemd: restarted when it was killed, and when it no longer serves. */
async function judgeUnit(machine: Machine): Promise<void> {
  const show = (property: string) => machine.run(`systemctl show --value -p ${property} mortise`)
  const again = async (signal: string, result: string, lines: string) => {
    const pid = await show('MainPID')
    // Restarted means ready: a start job waits for the server's own word.
    await machine.run(
      `kill -${signal} ${pid}; while test "$(systemctl show --value -p MainPID mortise)" = ${pid}; do sleep 1; done; ` +
        'while ! systemctl is-active --quiet mortise; do sleep 1; done',
    )
    assert.match(
      await machine.run(`journalctl --no-pager -o cat -u mortise | grep -F "${result}"`),
      new RegExp(lines),
    )
  }
  await again('KILL', "Failed with result 'signal'", 'signal')
  say('console: a server that was killed is started again')
  await again('STOP', 'Watchdog timeout', 'Watchdog')
  assert.equal(Number(await show('NRestarts')), 2)
  say('console: a server that no longer answers is killed by the watchdog and started again')
  assert.match(await machine.run('systemd-analyze security mortise --no-pager | tail -1'), /: 1\.\d OK/)
}

/** docs/install.md: a passphrase that only the server's unit can read. */
async function judgeCredentials(machine: Machine): Promise<void> {
  const unit = '/etc/systemd/system/mortise.service.d'
  const credential = '/etc/credstore.encrypted/mortise.root-passphrase'
  // A new server, whose root key it makes with the passphrase.
  await machine.run('systemctl stop mortise && find /var/lib/mortise -mindepth 1 -delete')
  await machine.run(`mkdir -p /etc/credstore.encrypted ${unit}`)
  await machine.run(
    `head -c 24 /dev/urandom | base64 -w0 | systemd-creds encrypt --name=root-passphrase - ${credential}`,
  )
  await machine.run(
    `grep -v -i ibm /usr/share/doc/mortise/examples/credentials.conf > ${unit}/credentials.conf`,
  )
  await machine.run('systemctl daemon-reload && systemctl start mortise')
  await machine.run("grep '^sealed: ' /var/lib/mortise/root.key")
  await machine.run('systemctl restart mortise')
  await machine.run(`rm ${credential}`)
  assert.notEqual((await machine.attempt('systemctl restart mortise')).code, 0)
  say('console: a passphrase that systemd keeps encrypted opens the root key, also after a restart')
}

/** Issues a client's certificate in the machine, and brings its files out. */
async function issue(inside: (line: string) => Promise<string>): Promise<readonly [string, string, string]> {
  await inside('mortise client issue --name vcenter --out /root/vcenter')
  const file = (name: string) => inside(`cat /root/vcenter/${name}`)
  return [await file('client.pem'), await file('client.key'), await file('ca.pem')]
}

function open(machine: Machine, [cert, key, pem]: readonly [string, string, string]): KmipClient {
  const addresses = [{ host: '127.0.0.1', port: machine.ports.kmip }]
  return connectKmip({ addresses, cert, key, trust: { by: 'authority', pem } })
}

async function withClient<T>(
  machine: Machine,
  files: readonly [string, string, string],
  work: (client: KmipClient) => Promise<T>,
): Promise<T> {
  // An emulated machine may need longer for a handshake than the server waits. Nothing was sent then.
  for (let tries = 1; ; tries++) {
    await using client = open(machine, files)
    try {
      return await work(client)
    } catch (error) {
      const slow = error instanceof KmipTransportError && error.stage === 'handshake' && tries < 10
      if (!slow) throw error
    }
  }
}

function health(machine: Machine): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port: machine.ports.admin,
      path: '/health/ready',
      // The port is not the one that the server knows, but its name is.
      headers: { host: 'localhost' },
      rejectUnauthorized: false,
    }
    request(options, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    })
      .once('error', reject)
      .end()
  })
}

/** The document of OVF that vSphere writes. */
function environment(properties: Readonly<Record<string, string>>): string {
  const lines = Object.entries(properties).map(
    ([key, value]) => `    <Property oe:key="${key}" oe:value="${value}"/>\n`,
  )
  return `<?xml version="1.0" encoding="UTF-8"?>
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:oe="http://schemas.dmtf.org/ovf/environment/1" oe:id="">
  <PropertySection>
${lines.join('')}  </PropertySection>
</Environment>
`
}

function picture(name: string, files: Readonly<Record<string, string | Buffer>>): string {
  const source = path.join(folder, name)
  mkdirSync(source)
  for (const [file, content] of Object.entries(files)) writeFileSync(path.join(source, file), content)
  execFileSync('xorriso', ['-as', 'genisoimage', '-quiet', '-R', '-o', `${source}.iso`, source], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  return `${source}.iso`
}

/** The same package, as a newer version. */
async function withVersion(deb: string): Promise<Buffer> {
  const tree = path.join(folder, 'newer-tree')
  await run('dpkg-deb', ['-R', deb, tree], { cwd: folder })
  const control = path.join(tree, 'DEBIAN/control')
  writeFileSync(control, readFileSync(control, 'utf8').replace(/^Version: .*$/m, 'Version: 99'))
  const file = path.join(folder, 'newer.deb')
  await run('dpkg-deb', ['--root-owner-group', '-Zxz', '-z0', '--build', tree, file], { cwd: folder })
  return readFileSync(file)
}
