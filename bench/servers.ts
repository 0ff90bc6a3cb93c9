// The servers that compare.ts compares, each a process of its own on loopback, and what they have used of the processor.

import { fork, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseAddress } from '../src/base/kmip-address.ts'
import {
  issueClient,
  issueServer,
  makeAuthority,
  privateKeyPem,
  type SigningIdentity,
} from '../src/core/pki/issue.ts'
import { readAnswer } from '../src/outside/kmip-client/answers.ts'
import { openConnection } from '../src/outside/kmip-client/connection.ts'
import { KmipTransportError } from '../src/outside/kmip-client/errors.ts'
import { clientTls } from '../src/outside/kmip-client/tls.ts'
import * as messages from '../src/tools/vsphere/messages.ts'
import { freePort } from '../test/support/server/free-port.ts'

const root = path.resolve(import.meta.dirname, '..')
export const nodeFlags = ['--disable-sigusr1', '--disable-warning=ExperimentalWarning']
const python = '/usr/bin/python3'

/** How the load's client proves itself, and what it takes for the server's proof: options of `mortise bench`. */
export interface BenchClient {
  readonly cert: string
  readonly key: string
  readonly trust: readonly string[]
}

export interface Server extends Disposable {
  readonly name: string
  readonly address: string
  readonly client: BenchClient
  /** Its process on this machine, if it has one. */
  readonly pid?: number
  /** Ends and starts it, with its data and at its address. Seconds from its start to its first answer. */
  readonly restart?: () => Promise<number>
}

type RestartableServer = Server & Required<Pick<Server, 'pid' | 'restart'>>

/** Files that all of them share: the client's certificate and key, and what each server shows. */
export interface Folder extends Disposable, BenchClient {
  readonly path: string
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
    trust: ['--insecure'],
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

function pair({ certificate, privateKey }: SigningIdentity): string {
  return certificate.pem + privateKeyPem(privateKey).toString()
}

export type MortiseServer = RestartableServer & { readonly data: string }

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
  const address = `127.0.0.1:${await freePort()}`
  const serve = ['serve', '--data', data, '--kmip', address, '--admin', '127.0.0.1:0']
  const [program, ...args] = onCore(0, process.execPath, ...nodeFlags, main, ...serve)
  const start = () => spawn(program, args, { stdio: 'ignore', env: { ...process.env, ...env } })
  const server = await serverOf({ name: 'Mortise', address, client: folder, start })
  if (!beside) trustClient(folder, data)
  return Object.assign(server, { data })
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
  return {
    name: least ? 'the same, which opens a key and records its access' : 'bare TLS server in Node',
    address: `127.0.0.1:${port}`,
    client: folder,
    pid: child.pid ?? 0,
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  }
}

/** Undefined where Debian's python3-pykmip is not installed. */
export async function startPykmip(folder: Folder): Promise<Server | undefined> {
  if (spawnSync(python, ['-c', 'import kmip.services.server']).status !== 0) return undefined
  const port = await freePort()
  const script = path.join(import.meta.dirname, 'pykmip-server.py')
  const [program, ...args] = onCore(0, python, script, folder.path, String(port))
  // It forks, and what it forked outlives it: the whole group is ended.
  const start = () => spawn(program, args, { stdio: 'ignore', detached: true })
  return serverOf({ name: "PyKMIP's server", address: `127.0.0.1:${port}`, client: folder, start })
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

interface Startable {
  readonly name: string
  readonly address: string
  readonly client: BenchClient
  /** Starts it at its address, with the data that it had. `detached`: the whole group of processes is ended. */
  readonly start: () => ChildProcess
}

/** Starts it, and waits until it answers. */
export async function serverOf(about: Startable): Promise<RestartableServer> {
  const { name, address, client, start } = about
  let child = start()
  const server = {
    name,
    address,
    client,
    get pid() {
      return child.pid ?? 0
    },
    restart: async () => {
      await endChild(child)
      const begunMs = performance.now()
      child = start()
      await untilItAnswers(about, child)
      return (performance.now() - begunMs) / 1000
    },
    [Symbol.dispose]: () => signal(child, 'SIGKILL'),
  }
  try {
    await untilItAnswers(about, child)
  } catch (error) {
    server[Symbol.dispose]()
    throw error
  }
  return server
}

const endsWithinMs = 10_000

/** Asks it to end, and makes it end after ten seconds. */
async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  signal(child, 'SIGTERM')
  const late = setTimeout(() => signal(child, 'SIGKILL'), endsWithinMs)
  await ended
  clearTimeout(late)
}

/** To the group that it leads, or to it alone if it leads none. */
function signal(child: ChildProcess, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(-(child.pid ?? 0), name)
  } catch {
    child.kill(name)
  }
}

const answersWithinMs = 60_000
const triesEveryMs = 10

/** Until it answers Discover Versions to the client. */
async function untilItAnswers({ name, address, client }: Startable, child: ChildProcess): Promise<void> {
  const at = parseAddress(address)
  if (!at) throw new Error(`no address: ${address}`)
  const [cert, key] = [readFileSync(client.cert), readFileSync(client.key)]
  const tls = clientTls({ cert, key, trust: { by: 'nothing' } })
  const begunMs = performance.now()
  for (;;) {
    try {
      const connection = await openConnection(at, { tls })
      const answer = await connection.exchange(messages.discoverVersions(true).bytes)
      void connection.close()
      readAnswer(answer, at)
      return
    } catch (error) {
      if (!(error instanceof KmipTransportError)) throw error
      if (child.exitCode !== null)
        throw new Error(`${name} ended with ${child.exitCode} before it answered`, { cause: error })
      if (performance.now() - begunMs > answersWithinMs) throw error
    }
    await sleep(triesEveryMs)
  }
}
