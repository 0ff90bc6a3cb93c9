// The script of docs/inventory.md for govc, taken out of the page and run against the real vcsim: a machine whose home, disks and
// snapshots have keys of their own, a host, a vSAN cluster. Mortise imports its file.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import {
  createReadStream,
  existsSync,
  globSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { keyRows } from '../../../src/features/vcenter/machines.ts'
import { systemClock } from '../../../src/host/system-clock.ts'
import { VsphereConnection } from '../../../src/outside/vsphere-api/connection.ts'
import { openSession } from '../../../src/outside/vsphere-api/session.ts'
import { readInventoryFile } from '../../../src/features/inventory/read-file.ts'
import { command } from '../../support/server/command.ts'
import { diskEdit, providerId } from '../../support/vcenter/client.ts'
import { buildGoProgram } from '../../support/vcenter/go-programs.ts'
import { reference, type Ref } from '../../support/vcenter/soap.ts'
import { keyIdElement, type KeyId } from '../../support/vcenter/vcsim-client.ts'
import { startVcsim, vcsimTestTimeoutMs, type Vcsim } from '../../support/vcenter/vcsim.ts'
import { at, changed, element, localName, textAt, typed } from '../../support/vcenter/xml.ts'
import { encrypt, ProxySite } from './proxy-site.ts'

const run = promisify(execFile)
const page = path.resolve(import.meta.dirname, '../../../docs/inventory.md')
const machineName = `web "1" $(id) \\ 'ü'`
/** As the script names it. */
const vcenterName = 'vc-1.example.com'
const hostKey = 'key-of-a-host'
const vsanSystem: Ref = { type: 'VsanVcClusterConfigSystem', value: 'vsan-cluster-config-system' }

test(
  'the govc script of docs/inventory.md lists the keys of homes, disks, snapshots and vSAN clusters',
  { timeout: vcsimTestTimeoutMs },
  async (t) => {
    const govc = await buildGoProgram(t, 'govc')
    if (govc === undefined) return
    const site = await ProxySite.start(t, { arguments: ['-vm', '1', '-autostart=false'] })
    if (!site) return
    await site.connect()
    const machine = await encryptMachine(site)
    const { vm, first, second, last } = machine
    const vsan = await encryptCluster(site)
    const { host, port, username, password } = site.vcenter
    const script = scriptOf(t, govc, { url: `https://${host}:${port}/sdk`, username, password })

    await site.vcenter.trouble({ on: 'VsanClusterGetConfig', kind: 'fault' })
    await assert.rejects(script.run(), /A fault of a test/)
    assert.equal(existsSync(script.file), false)

    await script.run()
    const vmRow = (disk: string, { keyId: key }: KeyId) =>
      ['vm', machineName, vm.value, disk, key, 'P', vcenterName].join('|')
    const disks = (snapshot: string) =>
      [last.disk, second.disk].map((key) => vmRow(`${snapshot}${machine.label}`, key))
    const vsanRow = (disk: string, key: string) =>
      ['vsan-cluster', 'DC0_C0', vsan.cluster.value, disk, key, 'P', vcenterName].join('|')
    const expected = [
      vmRow('', last.home),
      ...disks(''),
      vmRow('snapshot first "one"', first.home),
      ...disks('snapshot first "one", '),
      vmRow('snapshot second', second.home),
      ...disks('snapshot second, '),
      vsanRow('', vsan.kekId),
      vsanRow('host key', vsan.hostKeyId),
    ]
    assert.deepEqual((await rowsOf(script.file)).toSorted(), expected.toSorted())

    const { data } = site.mortise
    const imported = await command(['inventory', 'import', script.file], { data })
    assert.equal(imported.code, 0, imported.stderr)
    assert.match(imported.stdout, /, 11 rows\./)
    const report = await command(['inventory', 'report'], { data })
    assert.equal(report.code, 0, report.stdout)
    const shown = await command(['key', 'show', first.home.keyId], { data })
    assert.match(shown.stdout, /In use: +by 1 machine /)
    const checked = await command(['adopt', 'check', '--ids', script.file], { data })
    assert.equal(checked.code, 0, checked.stdout + checked.stderr)
    assert.match(checked.stdout, /^Here: +7$/m)

    await readsTheSame(site, expected)
  },
)

/** `vcenter inventory` reads these rows, and the keys of hosts. */
async function readsTheSame(site: ProxySite, expected: readonly string[]): Promise<void> {
  const { data } = site.mortise
  const { host, port, username, password } = site.vcenter
  const { name, id, key } = await giveHostKey(site)
  const read = await readByApi(site)
  assert.deepEqual(
    read.map((row) => [...row, vcenterName].join('|')).toSorted(),
    [...expected, ['host', name, id, '', key, 'P', vcenterName].join('|')].toSorted(),
  )
  const words = ['--user', username, '--password-file', passwordFile(data, password)]
  const add = [
    'vcenter',
    'add',
    `${host}:${port}`,
    '--name',
    'vc-1',
    '--fingerprint',
    site.vcenter.shown.sha256,
  ]
  assert.equal((await command(add, { data })).code, 0)
  await site.vcenter.trouble({ on: 'VsanClusterGetConfig', kind: 'fault' })
  const broken = await command(['vcenter', 'inventory', 'vc-1', ...words], { data })
  assert.match(broken.stderr, /vCenter refuses VsanClusterGetConfig.*A fault of a test/)
  const whole = await command(['vcenter', 'inventory', 'vc-1', ...words], { data })
  assert.equal(whole.code, 0, whole.stderr)
  assert.match(whole.stdout, /vc-1: 12 keys of machines, disks and snapshots are in its inventory/)
  const shownAgain = await command(['key', 'show', key], { data })
  assert.match(shownAgain.stdout, /In use: +by 1 machine /)
  const inventories = await command(['inventory', 'show'], { data })
  assert.match(inventories.stdout, /vc-1/)
}

/** A host that has a key of its own. */
async function giveHostKey({ client }: ProxySite) {
  const [host] = await client.find('HostSystem')
  assert.ok(host)
  await client.call('PrepareCrypto', [], host)
  await client.call('ConfigureCryptoKey', [], host)
  const values = await client.properties(host, 'name', 'runtime.cryptoKeyId')
  const key = textAt(values.get('runtime.cryptoKeyId'), 'keyId') ?? ''
  return { name: values.get('name')?.text ?? '', id: host.value, key }
}

async function readByApi({ vcenter }: ProxySite): Promise<readonly (readonly string[])[]> {
  const { host, port, shown, username: user, password } = vcenter
  const trust = { fingerprint: shown.sha256 }
  const connection = new VsphereConnection({ address: { host, port }, trust, clock: systemClock })
  const session = await openSession(connection, { user, password: Buffer.from(password) })
  const rows: string[][] = []
  for await (const row of keyRows(session, new AbortController().signal))
    rows.push([row.kind, row.name, row.machineId, row.disk, row.key, row.provider])
  await session.end()
  connection.close()
  return rows
}

function passwordFile(folder: string, password: string): string {
  const file = path.join(folder, 'password')
  writeFileSync(file, password)
  return file
}

test(
  'the govc script of docs/inventory.md lists the keys of hosts',
  { timeout: vcsimTestTimeoutMs },
  async (t) => {
    const govc = await buildGoProgram(t, 'govc')
    if (govc === undefined) return
    const host = await saveWithHostKey(t, govc)
    if (!host) return
    const vcsim = await startVcsim(t, { arguments: ['-load', host.saved] })
    if (!vcsim) return
    const script = scriptOf(t, govc, vcsim)
    await script.run()
    assert.deepEqual(await rowsOf(script.file), [
      ['host', host.name, host.id, '', hostKey, 'P', vcenterName].join('|'),
    ])
  },
)

async function rowsOf(file: string): Promise<readonly string[]> {
  const rows: string[] = []
  for await (const { row, vcenter, takenMs } of readInventoryFile(createReadStream(file))) {
    assert.ok(row && takenMs !== null && Math.abs(takenMs - Date.now()) < 3600_000)
    const { kind, name, machineId, disk, key, provider } = row
    rows.push([kind, name, machineId, disk, key, provider, vcenter].join('|'))
  }
  return rows
}

interface SavedVcsim {
  /** The folder for `-load`. */
  readonly saved: string
  /** The host that has the key. */
  readonly id: string
  readonly name: string
}

/** Saves a new vcsim into a folder, and gives one of its hosts a key there: vcsim has no method for it. */
async function saveWithHostKey(t: TestContext, govc: string): Promise<SavedVcsim | undefined> {
  const vcsim = await startVcsim(t, { arguments: ['-vm', '1', '-autostart=false'] })
  if (!vcsim) return undefined
  const folder = temporaryFolder(t)
  const saved = path.join(folder, 'saved')
  await run(govc, ['object.save', '-d', saved], { env: govcEnvironment(vcsim, folder) })
  const [file] = globSync(path.join(saved, '*-HostSystem-*.xml')).toSorted()
  assert.ok(file)
  const text = readFileSync(file, 'utf8')
  const key = `<cryptoKeyId><keyId>${hostKey}</keyId><providerId><id>P</id></providerId></cryptoKeyId>`
  const withKey = text.replace(/<name>runtime<\/name>\s*<val [^>]*>/, (start) => `${start}${key}`)
  assert.notEqual(withKey, text)
  writeFileSync(file, withKey)
  const [, id] = /<obj type="HostSystem">(.*?)<\/obj>/.exec(text) ?? []
  const [, name] = /<name>name<\/name>\s*<val [^>]*>(.*?)<\/val>/.exec(text) ?? []
  assert.ok(id !== undefined && name !== undefined)
  return { saved, id, name }
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-govc-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

type Login = Pick<Vcsim, 'url' | 'username' | 'password'>

/** `home`: govc keeps its sessions there. */
function govcEnvironment({ url, username, password }: Login, home: string): NodeJS.ProcessEnv {
  return {
    PATH: `${home}${path.delimiter}${process.env['PATH'] ?? ''}`,
    HOME: home,
    GOVC_URL: url,
    GOVC_USERNAME: username,
    GOVC_PASSWORD: password,
    GOVC_INSECURE: '1',
  }
}

interface Script {
  /** The file that it writes. */
  readonly file: string
  /** Rejects if it fails. */
  readonly run: () => Promise<void>
}

/** The script as the page has it, for this vCenter. */
function scriptOf(t: TestContext, govc: string, login: Login): Script {
  const folder = temporaryFolder(t)
  const [, text] = /^```bash\n(.*?)^```$/ms.exec(readFileSync(page, 'utf8')) ?? []
  assert.ok(text !== undefined && text.includes('govc collect'), 'docs/inventory.md has no script for govc')
  symlinkSync(govc, path.join(folder, 'govc'))
  writeFileSync(path.join(folder, 'keys.sh'), text)
  const options = { cwd: folder, env: govcEnvironment(login, folder) }
  return {
    file: path.join(folder, 'keys.json'),
    run: async () => {
      await run('bash', ['keys.sh'], options)
    },
  }
}

/**
 * A machine with two snapshots, each with other keys. vcsim's snapshots have the machine's home key of their time, and share its
 * devices. The disk's parent has a key of its own, as a linked clone's.
 */
async function encryptMachine(site: ProxySite) {
  const { client } = site
  const vm = await site.firstVm()
  await client.task('Rename_Task', [element('newName', machineName)], vm)
  const newKeys = async () => ({ home: await newKey(site), disk: await newKey(site) })
  const first = await newKeys()
  await encrypt(site, vm, 'CryptoSpecEncrypt', first.home)
  await encrypt(site, vm, 'CryptoSpecShallowRecrypt', first.disk, { home: false })
  await takeSnapshot(site, vm, 'first "one"')
  const second = await newKeys()
  await encrypt(site, vm, 'CryptoSpecShallowRecrypt', second.home, { disks: false })
  await takeSnapshot(site, vm, 'second')
  const last = await newKeys()
  await encrypt(site, vm, 'CryptoSpecShallowRecrypt', last.home, { disks: false })
  const [disk] = await site.disks(vm)
  assert.ok(disk)
  const parent = typed('parent', 'VirtualDiskFlatVer2BackingInfo', [
    element('fileName', textAt(disk, 'backing', 'fileName') ?? ''),
    element('diskMode', 'persistent'),
    keyIdElement('keyId', second.disk),
  ])
  const chained = changed(disk, (child) =>
    localName(child) === 'backing' ? { ...child, children: [...child.children, parent] } : child,
  )
  const crypto = typed('crypto', 'CryptoSpecShallowRecrypt', [keyIdElement('newKeyId', last.disk)])
  await client.task('ReconfigVM_Task', [element('spec', [diskEdit(chained, crypto)])], vm)
  return { vm, first, second, last, label: textAt(disk, 'deviceInfo', 'label') ?? '' }
}

async function newKey(site: ProxySite): Promise<KeyId> {
  return { keyId: await site.newKey(), providerId: 'P' }
}

async function takeSnapshot(site: ProxySite, vm: Ref, name: string): Promise<void> {
  const words = [element('name', name), element('memory', false), element('quiesce', false)]
  await site.client.task('CreateSnapshot_Task', words, vm)
}

async function encryptCluster({ client }: ProxySite) {
  const [cluster] = await client.find('ClusterComputeResource')
  assert.ok(cluster)
  const encryption = [element('encryptionEnabled', true), providerId('kmsProviderId', 'P')]
  const spec = [element('dataEncryptionConfig', encryption), element('modify', true)]
  const words = [reference('cluster', cluster), element('vsanReconfigSpec', spec)]
  await client.task('VsanClusterReconfig', words, vsanSystem)
  const [answer] = await client.call('VsanClusterGetConfig', [reference('cluster', cluster)], vsanSystem)
  const keys = at(answer, 'dataEncryptionConfig')
  const [kekId, hostKeyId] = [textAt(keys, 'kekId'), textAt(keys, 'hostKeyId')]
  assert.ok(kekId !== undefined && hostKeyId !== undefined)
  return { cluster, kekId, hostKeyId }
}
