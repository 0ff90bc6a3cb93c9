// The servers that compare.ts compares, each a process of its own on loopback, and what they have used of the processor.

import { fork, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import {
  issueClient,
  issueServer,
  makeAuthority,
  privateKeyPem,
  type SigningIdentity,
} from '../src/core/pki/issue.ts'
import { freePort } from '../test/support/server/free-port.ts'

const root = path.resolve(import.meta.dirname, '..')
export const nodeFlags = ['--disable-sigusr1', '--disable-warning=ExperimentalWarning']
const python = '/usr/bin/python3'

export interface Server extends Disposable {
  readonly name: string
  readonly address: string
  /** Seconds of processor time so far; of Linux only. */
  readonly cpuSeconds: () => number
}

/** Files that all of them share: the client's certificate and key, and what each server shows. */
export interface Folder extends Disposable {
  readonly path: string
  readonly cert: string
  readonly key: string
}

export async function makeFolder(): Promise<Folder> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-compare-'))
  const nowMs = Date.now()
  const ca = await makeAuthority({ commonName: 'Benchmark', nowMs })
  const server = await issueServer({ ca, names: ['127.0.0.1'], nowMs })
  const client = await issueClient({ ca, commonName: 'benchmark', nowMs })
  const [cert, key] = [path.join(folder, 'client.pem'), path.join(folder, 'client.key')]
  writeFileSync(path.join(folder, 'ca.pem'), ca.certificate.pem)
  writeFileSync(path.join(folder, 'server.pem'), pair(server), { mode: 0o600 })
  writeFileSync(cert, client.certificate.pem)
  writeFileSync(key, privateKeyPem(client.privateKey), { mode: 0o600 })
  return {
    path: folder,
    cert,
    key,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

function pair({ certificate, privateKey }: SigningIdentity): string {
  return certificate.pem + privateKeyPem(privateKey).toString()
}

export interface MortiseServer extends Server {
  readonly data: string
}

/** `env`: settings in variables. `beside`: a node that runs on the same database. */
export async function startMortise(
  folder: Folder,
  env: NodeJS.ProcessEnv = {},
  beside?: MortiseServer,
): Promise<MortiseServer> {
  const data = mkdtempSync(path.join(folder.path, 'data-'))
  for (const name of beside ? ['root.key', 'admin-token'] : [])
    copyFileSync(path.join(beside?.data ?? '', name), path.join(data, name))
  const main = path.join(root, 'src/program/main.ts')
  const serve = ['serve', '--data', data, '--kmip', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--json']
  const [program, ...args] = onCore(0, process.execPath, ...nodeFlags, main, ...serve)
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, ...env },
  })
  const { kmip } = JSON.parse(await firstLine(child)) as { readonly kmip: string }
  if (!beside) trustClient(folder, data)
  return { ...server('Mortise', kmip, child), data }
}

/** Has the running server trust the client's certificate. */
export function trustClient(folder: Folder, data: string): void {
  const words = [
    'client',
    'trust',
    '--name',
    'benchmark',
    '--cert',
    folder.cert,
    '--allow',
    'all',
    '--data',
    data,
  ]
  const main = path.join(root, 'src/program/main.ts')
  const { status, stderr } = spawnSync(process.execPath, [...nodeFlags, main, ...words], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
}

/** `least`: it also does what no Get can do without (least-get.ts). */
export async function startBare(folder: Folder, { least = false } = {}): Promise<Server> {
  const [execPath, ...execArgv] = onCore(0, process.execPath, ...nodeFlags)
  const words = [folder.path, ...(least ? ['least'] : [])]
  const child = fork(path.join(import.meta.dirname, 'bare-server.ts'), words, { execPath, execArgv })
  const [port] = (await once(child, 'message')) as [number]
  const name = least ? 'the same, which opens a key and records its access' : 'bare TLS server in Node'
  return server(name, `127.0.0.1:${port}`, child)
}

/** Undefined where Debian's python3-pykmip is not installed. */
export async function startPykmip(folder: Folder): Promise<Server | undefined> {
  if (spawnSync(python, ['-c', 'import kmip.services.server']).status !== 0) return undefined
  const port = await freePort()
  const script = path.join(import.meta.dirname, 'pykmip-server.py')
  const [program, ...args] = onCore(0, python, script, folder.path, String(port))
  // It forks, and what it forked outlives it: the whole group is ended.
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'], detached: true })
  await firstLine(child)
  return server("PyKMIP's server", `127.0.0.1:${port}`, child)
}

/** Debian's version of it. */
export function pykmipVersion(): string {
  return spawnSync('dpkg-query', ['-W', '-f=${Version}', 'python3-pykmip'], { encoding: 'utf8' }).stdout
}

/** The command on one core, so that server and load do not share one; as it is where that cannot be had. */
export function onCore(core: number, ...command: [string, ...string[]]): [string, ...string[]] {
  return canPin ? ['taskset', '-c', String(core), ...command] : command
}

export const canPin = availableParallelism() > 1 && spawnSync('taskset', ['-c', '0', 'true']).status === 0

function server(name: string, address: string, child: ChildProcess): Server {
  return {
    name,
    address,
    cpuSeconds: () => cpuSeconds(child.pid ?? 0),
    [Symbol.dispose]: () => {
      if (child.spawnargs.includes(python) && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      else child.kill('SIGKILL')
    },
  }
}

const ticksPerSecond = 100

/** The time of a process with all its threads, also those that have ended; taskset leaves the pid as it is. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [user = 0, system = 0] = afterName.slice(11, 13).map(Number)
  return (user + system) / ticksPerSecond
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('no standard output')
  const line = once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>
  const ended = once(child, 'close').then(() => undefined)
  const first = await Promise.race([line, ended])
  if (!first) throw new Error(`a server ended with ${child.exitCode}`)
  return first[0]
}
