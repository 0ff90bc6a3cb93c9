// Reads trees of files that look like /proc and /sys of other machines; the last test reads this one.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { gatherHardening } from '../../../src/features/hardening/facts.ts'
import { startEmbedded } from '../../support/server/server.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-hardening-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const dataFolder = path.join(folder, 'data')
mkdirSync(dataFolder, { mode: 0o700 })
writeFileSync(path.join(dataFolder, 'mortise.db'), '')

/** A machine with these files in its /proc and /sys. */
function machine(name: string, files: Readonly<Record<string, string>>): string {
  const root = path.join(folder, name)
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true })
    writeFileSync(path.join(root, file), text)
  }
  return root
}

const gather = (root: string, secretFiles: readonly string[] = []) =>
  gatherHardening({ dataFolder, secretFiles, adminHost: '127.0.0.1', root })

const { dev, ino } = statSync(path.join(dataFolder, 'mortise.db'))
/** The device of the data folder as sysfs names it: of the few bits that this machine uses. */
const device = `${(dev >> 8) & 0xfff}:${dev & 0xff}`

test('a machine that tells nothing leaves all unknown', async () => {
  const facts = await gather(machine('silent', {}))
  assert.deepEqual(
    { ...facts, files: [] },
    {
      dataFolder,
      files: [],
      server: null,
      swap: null,
      ptraceScope: null,
      diskEncrypted: null,
      adminHost: '127.0.0.1',
    },
  )
})

test('the server is who holds a lock on the database, with its user and what it may dump', async () => {
  const root = machine('locked', {
    'proc/locks': `1: POSIX  ADVISORY  READ 41 fe:00:1 0 EOF\n2: POSIX  ADVISORY  READ 42 fe:00:${ino} 128 128\n`,
    'proc/42/status': 'Name:\tnode\nUid:\t1000\t990\t990\t990\n',
    'proc/42/limits':
      'Limit  Soft Limit  Hard Limit  Units\nMax core file size        unlimited            unlimited            bytes\n',
    'proc/sys/kernel/yama/ptrace_scope': '2\n',
  })
  const { server, ptraceScope } = await gather(root)
  assert.deepEqual(server, { pid: 42, uid: 990, coreBytes: Infinity })
  assert.equal(ptraceScope, 2)
})

test('swap counts unless it is memory', async () => {
  const head = 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n'
  const swaps = `${head}/dev/zram0   partition 1 0 100\n${folder}/none file 1 0 -2\n`
  assert.deepEqual((await gather(machine('swaps', { 'proc/swaps': swaps }))).swap, [
    { name: `${folder}/none`, encrypted: false },
  ])
  assert.deepEqual((await gather(machine('no-swap', { 'proc/swaps': head }))).swap, [])
})

/** The data folder on a device with this description, and one below it. */
function withDisk(name: string, own: string | null, below?: string): string {
  const root = machine(name, {
    'sys/devices/disk/dev': `${device}\n`,
    ...(own !== null && { 'sys/devices/disk/dm/uuid': own }),
    ...(below !== undefined && {
      'sys/devices/disk/slaves/lower/dev': '7:7\n',
      'sys/devices/lower/dm/uuid': below,
    }),
  })
  mkdirSync(path.join(root, 'sys/dev/block'), { recursive: true })
  symlinkSync('../../devices/disk', path.join(root, 'sys/dev/block', device))
  symlinkSync('../../devices/lower', path.join(root, 'sys/dev/block/7:7'))
  return root
}

test('a disk is encrypted by dm-crypt, or by all that lies below it', async () => {
  assert.equal((await gather(withDisk('plain', null))).diskEncrypted, false)
  assert.equal((await gather(withDisk('luks', 'CRYPT-LUKS2-abc'))).diskEncrypted, true)
  assert.equal((await gather(withDisk('lvm', 'LVM-x', 'CRYPT-LUKS2-abc'))).diskEncrypted, true)
  assert.equal((await gather(withDisk('lvm-plain', 'LVM-x', 'LVM-y'))).diskEncrypted, false)
})

test('files of the folder and those named elsewhere are looked at, with mode and owner', async () => {
  const secret = path.join(folder, 'api.key')
  writeFileSync(secret, 'x', { mode: 0o604 })
  writeFileSync(path.join(dataFolder, 'admin-ca.pem'), '', { mode: 0o644 })
  const { files } = await gather(machine('files', {}), [secret, path.join(folder, 'gone')])
  const named = files.map(({ path: file, mode }) => [path.basename(file), mode?.toString(8)])
  const umask = process.umask()
  assert.deepEqual(named, [
    ['data', '700'],
    ['mortise.db', (0o666 & ~umask).toString(8)],
    ['api.key', (0o604 & ~umask).toString(8)],
    ['gone', undefined],
  ])
})

test('of a real server on this machine it finds the process, and no file that others may read', async () => {
  await using server = await startEmbedded()
  const { code, stdout } = await server.cli('hardening', '--json')
  const { findings } = JSON.parse(stdout) as { findings: { id: string; state: string; says: string }[] }
  const stateOf = (id: string) => findings.find((one) => one.id === id)?.state
  assert.equal(stateOf('files'), 'good', JSON.stringify(findings))
  assert.equal(stateOf('admin'), 'good')
  assert.equal(stateOf('user'), process.getuid?.() === 0 ? 'bad' : 'good')
  assert.equal(code, findings.some(({ state }) => state === 'bad') ? 1 : 0)
  const text = await server.cli('hardening')
  assert.match(text.stdout, /^(?:ok |BAD|\? {2}) {2}the server runs as /)
  assert.match(text.stdout, /docs\/hardening\.md says more\.\n$/)
})
