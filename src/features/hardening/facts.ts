// Reads in /proc and /sys what Linux says about this machine, for the rules of `mortise hardening`. A fact that cannot be read is not known.

import { readdir, readFile, readlink, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import type { FileFacts, HardeningFacts, ServerProcessFacts } from './rules.ts'

export interface HardeningScope {
  readonly dataFolder: string
  /** Files elsewhere that hold secrets. */
  readonly secretFiles: readonly string[]
  readonly adminHost: string
  /** The folder in whose place / stands, for tests. */
  readonly root?: string
}

export async function gatherHardening({
  dataFolder,
  secretFiles,
  adminHost,
  root = '/',
}: HardeningScope): Promise<HardeningFacts> {
  const system = (name: string) => readFile(path.join(root, name), 'utf8').catch(() => null)
  const ptrace = Number.parseInt((await system('proc/sys/kernel/yama/ptrace_scope')) ?? '', 10)
  const swaps = await system('proc/swaps')
  return {
    dataFolder,
    files: await filesOf(dataFolder, secretFiles),
    server: await serverOn(dataFolder, system),
    swap: swaps === null ? null : await swapIn(swaps, root),
    ptraceScope: Number.isNaN(ptrace) ? null : ptrace,
    diskEncrypted: await isEncrypted(dataFolder, root),
    adminHost,
  }
}

/** The files that every user may read: the address and the CA by which commands find the server. */
const publicFiles: ReadonlySet<string> = new Set(['admin-address', 'admin-ca.pem'])

async function filesOf(dataFolder: string, secretFiles: readonly string[]): Promise<readonly FileFacts[]> {
  const inside = await readdir(dataFolder, { withFileTypes: true }).catch(() => [])
  const names = inside.filter((one) => one.isFile() && !publicFiles.has(one.name))
  const paths = [dataFolder, ...names.map(({ name }) => path.join(dataFolder, name)), ...secretFiles]
  return Promise.all([...new Set(paths)].map(fileFacts))
}

async function fileFacts(file: string): Promise<FileFacts> {
  const stats = await stat(file).catch(() => undefined)
  return { path: file, mode: stats ? stats.mode & 0o7777 : null, uid: stats?.uid ?? null }
}

type ReadSystem = (name: string) => Promise<string | null>

/** The process that holds a lock on the database (proc(5), /proc/locks). */
async function serverOn(dataFolder: string, system: ReadSystem): Promise<ServerProcessFacts | null> {
  const inodes = await Promise.all(
    ['mortise.db', 'mortise.db-shm'].map(async (name) =>
      stat(path.join(dataFolder, name)).then(
        ({ ino }) => String(ino),
        () => '',
      ),
    ),
  )
  const held = ((await system('proc/locks')) ?? '')
    .split('\n')
    .map((line) => /\s(?<pid>\d+)\s+\w+:\w+:(?<inode>\d+)\s/.exec(line)?.groups)
    .find((lock) => lock && inodes.includes(lock['inode'] ?? '-'))
  const pid = Number(held?.['pid'])
  if (Number.isNaN(pid)) return null
  const status = await system(`proc/${String(pid)}/status`)
  const maxima = await system(`proc/${String(pid)}/limits`)
  const uid = /^Uid:\s+\d+\s+(?<effective>\d+)/m.exec(status ?? '')?.groups?.['effective']
  const core = /^Max core file size\s+(?<soft>\w+)/m.exec(maxima ?? '')?.groups?.['soft']
  if (uid === undefined || core === undefined) return null
  return { pid, uid: Number(uid), coreBytes: core === 'unlimited' ? Infinity : Number(core) }
}

/** `swaps`: the text of /proc/swaps. Compressed memory (zram) is no disk. */
async function swapIn(swaps: string, root: string) {
  const names = swaps
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s+/)[0] ?? '')
    .filter((name) => name !== '' && !/\/zram\d+$/.test(name))
  return Promise.all(
    names.map(async (name) => {
      const device = await deviceOf(name)
      const encrypted = device === null ? await isEncrypted(name, root) : await isCrypt(device, root)
      return { name, encrypted: encrypted === true }
    }),
  )
}

/** MAJOR:MINOR of a block device; null: it is none. */
async function deviceOf(name: string): Promise<string | null> {
  const stats = await stat(name).catch(() => undefined)
  return stats?.isBlockDevice() ? numbers(stats.rdev) : null
}

async function isEncrypted(file: string, root: string): Promise<boolean | null> {
  const stats = await stat(await realpath(file).catch(() => file)).catch(() => undefined)
  return stats ? isCrypt(numbers(stats.dev), root) : null
}

/** Whether a device is dm-crypt, or all that lies below it is (sysfs: dm/uuid, slaves). null: it is no device of this machine. */
async function isCrypt(device: string, root: string): Promise<boolean | null> {
  const place = await readlink(path.join(root, 'sys/dev/block', device)).catch(() => null)
  if (place === null) return null
  const folder = path.resolve(path.join(root, 'sys/dev/block'), place)
  const uuid = await readFile(path.join(folder, 'dm/uuid'), 'utf8').catch(() => '')
  if (uuid.startsWith('CRYPT-')) return true
  const below = await readdir(path.join(folder, 'slaves')).catch((): string[] => [])
  if (below.length === 0) return false
  const each = await Promise.all(
    below.map(async (name) => {
      const numbersBelow = await readFile(path.join(folder, 'slaves', name, 'dev'), 'utf8').catch(() => '')
      return isCrypt(numbersBelow.trim(), root)
    }),
  )
  return each.every((one) => one === true)
}

/** As Linux packs them into dev_t (makedev(3)). */
function numbers(device: number): string {
  const packed = BigInt(device)
  const major = ((packed >> 8n) & 0xfffn) | ((packed >> 32n) & ~0xfffn)
  const minor = (packed & 0xffn) | ((packed >> 12n) & ~0xffn)
  return `${String(major)}:${String(minor)}`
}
