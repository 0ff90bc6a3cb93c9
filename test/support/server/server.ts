// The real server with a data folder of its own and free ports on loopback, as a user would start it: as a child process
// that can be killed, or in the process of the test, where commands run too. For tests that go through the front door.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { inProcess } from './command.ts'
import { useStoredRsaKeys } from '../certificates/rsa-keys.ts'

const root = path.resolve(import.meta.dirname, '../../..')
const nodeFlags = ['--disable-sigusr1', '--disable-warning=ExperimentalWarning']
/** The built program, for `npm test -- --packaged`: all servers and commands are processes of it then. */
const packaged = process.env['MORTISE_TEST_PROGRAM']
const program = packaged ?? path.join(root, 'src/program/main.ts')
// Generous: the machine may be busy with other tests.
const startTimeoutMs = 60_000
const stopTimeoutMs = 30_000

export interface StartOptions {
  /** The data folder; a new one in the system's temporary folder, removed at the end, when left out. */
  readonly data?: string
  /** More arguments of `serve`. */
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** How it is started; the checkout's src/program/main.ts under this Node.js when left out. */
  readonly command?: readonly [string, ...string[]]
  /** How long it may take to be ready; a minute when left out. */
  readonly startMs?: number
}

export interface CommandResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** What a client of the KMIP door needs: to spread into tls.connect, and as files for other programs. */
export interface ClientFiles {
  readonly folder: string
  readonly certFile: string
  readonly keyFile: string
  readonly caFile: string
  readonly tls: { readonly cert: string; readonly key: string; readonly ca: string }
}

/** A server, wherever it runs. */
export interface EmbeddedServer extends AsyncDisposable {
  readonly kmip: { readonly host: string; readonly port: number }
  /** Where it takes KMIP over HTTPS, with `--kmip-https`. */
  readonly kmipHttps: { readonly host: string; readonly port: number } | undefined
  /** `https://HOST:PORT` */
  readonly admin: string
  readonly serverCertSha256: string
  readonly data: string
  /** What it has said on standard error so far. */
  stderr(): string
  /** Runs `mortise ARGS --data <its folder>`. */
  cli(...args: string[]): Promise<CommandResult>
  /** The same with `--json`, which must succeed. */
  json(...args: string[]): Promise<unknown>
  /** Makes a certificate and key for a client and trusts it, with `client issue`. */
  issue(name: string): Promise<ClientFiles>
  /** Trusts the certificate (PEM text) by its fingerprint. */
  trust(name: string, pem: string): Promise<void>
  /** As SIGTERM does it, and waits until it has gone; the exit code. The data folder stays. */
  stop(): Promise<number | null>
}

export interface TestServer extends EmbeddedServer {
  readonly process: ChildProcess
  /** SIGKILL. */
  kill(): Promise<void>
}

/**
 * The same server in the process of the test, which starts in half the time: for tests that do not kill it. Its clock is the machine's, since
 * `npm test -- --packaged` starts a process instead; a test that turns the clock uses startDoor of admin-door.ts, which takes one.
 */
export async function startEmbedded(
  options: Pick<StartOptions, 'data' | 'args' | 'env'> = {},
): Promise<EmbeddedServer> {
  if (packaged !== undefined) return startServer(options)
  useStoredRsaKeys()
  const data = options.data ?? mkdtempSync(path.join(tmpdir(), 'mortise-test-'))
  const spoke = Promise.withResolvers<void>()
  const toldToEnd = Promise.withResolvers<string>()
  const said = { stdout: '', stderr: '', onOutput: spoke.resolve, toldToEnd: toldToEnd.promise }
  const [, ...words] = serveArguments(data, options.args, [''])
  const surroundings = { env: childEnvironment(options.env) }
  const ended = inProcess(words, surroundings, undefined, said)
  await Promise.race([spoke.promise, ended])
  if (said.stdout === '') {
    if (options.data === undefined) rmSync(data, { recursive: true, force: true })
    throw new Error(`the server ended with ${(await ended).code}\n${said.stderr}`)
  }
  const stop = async (): Promise<number> => {
    toldToEnd.resolve('SIGTERM')
    return (await ended).code
  }
  const ready = JSON.parse(said.stdout) as Ready
  return {
    ...manners(data, ready, options),
    stderr: () => said.stderr,
    stop,
    ...disposal(options, data, stop),
  }
}

/** Starts it and resolves once it says that it is ready; rejects, with what it said, when it ends before. */
export async function startServer(options: StartOptions = {}): Promise<TestServer> {
  const data = options.data ?? mkdtempSync(path.join(tmpdir(), 'mortise-test-'))
  const [program, ...args] = serveArguments(data, options.args, options.command)
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: childEnvironment(options.env),
  })
  const stderr = collect(child.stderr)
  const gone = once(child, 'close')
  const ready = await firstLine(child, stderr, options.startMs).catch(async (error: unknown) => {
    child.kill('SIGKILL')
    if (options.data === undefined) rmSync(data, { recursive: true, force: true })
    throw error
  })
  const ended = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
    await gone
    clearTimeout(timer)
    return child.exitCode
  }
  const stop = () => ended('SIGTERM')
  return {
    ...manners(data, ready, options),
    process: child,
    stderr,
    stop,
    kill: async () => void (await ended('SIGKILL')),
    ...disposal(options, data, stop),
  }
}

/** What one does with a server is the same wherever it runs. */
function manners(data: string, ready: Ready, { env }: Pick<StartOptions, 'env'>) {
  const cli = (...args: string[]): Promise<CommandResult> => runCli([...args, '--data', data], env)
  return {
    kmip: hostAndPort(ready.kmip),
    kmipHttps: ready.kmipHttps === undefined ? undefined : hostAndPort(new URL(ready.kmipHttps).host),
    admin: ready.admin,
    serverCertSha256: ready.serverCertSha256,
    data,
    cli,
    json: async (...args: string[]) => parseJson(args, await cli(...args, '--json')),
    issue: (name: string) => issueClient(data, name, cli),
    trust: async (name: string, pem: string) => {
      const args = [
        'client',
        'trust',
        '--instance',
        'default',
        '--name',
        name,
        '--cert',
        '-',
        '--allow',
        'all',
      ]
      mustSucceed(args, await runCli([...args, '--data', data], env, pem))
    },
  }
}

function disposal(
  options: Pick<StartOptions, 'data'>,
  data: string,
  stop: () => Promise<unknown>,
): AsyncDisposable {
  return {
    [Symbol.asyncDispose]: async () => {
      await stop()
      if (options.data === undefined) rmSync(data, { recursive: true, force: true })
    },
  }
}

/** Program and arguments that serve a data folder, on free ports if `more` names none. */
export function serveArguments(
  data: string,
  more: readonly string[] = [],
  command: StartOptions['command'] = [process.execPath, ...nodeFlags, program],
): [string, ...string[]] {
  const usual = ['--data', data, '--kmip', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--json']
  return [...command, 'serve', ...overridden(usual, more)]
}

/** The words with `more` behind them. A flag with a value that `more` gives too, as `--flag value`, takes the place of the first. */
export function overridden(words: readonly string[], more: readonly string[]): readonly string[] {
  const kept = words.filter((word, index) => {
    const flag = word.startsWith('--') ? word : (words[index - 1] ?? '')
    return !flag.startsWith('--') || !more.includes(flag)
  })
  return [...kept, ...more]
}

/** One command of the command line, to its end. `serve`, which is to end by itself, is a process of its own. */
export function runCli(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input = '',
): Promise<CommandResult> {
  if (args[0] === 'serve' || packaged !== undefined) return spawnCli(args, env, input)
  return inProcess(args, { env: childEnvironment(env), input })
}

/** The same as a process of its own. */
export async function spawnCli(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input = '',
): Promise<CommandResult> {
  const child = spawn(process.execPath, [...nodeFlags, program, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: childEnvironment(env),
  })
  const stdout = collect(child.stdout)
  const stderr = collect(child.stderr)
  child.stdin.on('error', () => {
    // It may end without reading.
  })
  child.stdin.end(input)
  await once(child, 'close')
  return { code: child.exitCode ?? 1, stdout: stdout(), stderr: stderr() }
}

async function issueClient(
  data: string,
  name: string,
  cli: (...args: string[]) => Promise<CommandResult>,
): Promise<ClientFiles> {
  const folder = path.join(data, `../${path.basename(data)}-client-${name}`)
  const args = ['client', 'issue', '--instance', 'default', '--name', name, '--out', folder, '--allow', 'all']
  mustSucceed(args, await cli(...args))
  const [certFile, keyFile, caFile] = [
    path.join(folder, 'client.pem'),
    path.join(folder, 'client.key'),
    path.join(folder, 'ca.pem'),
  ] as const
  const tls = {
    cert: readFileSync(certFile, 'utf8'),
    key: readFileSync(keyFile, 'utf8'),
    ca: readFileSync(caFile, 'utf8'),
  }
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return { folder, certFile, keyFile, caFile, tls }
}

/** The words of `mortise adopt kmip` from the server on this port, as this client. */
export function adoptWords(
  port: number,
  { certFile, keyFile }: Pick<ClientFiles, 'certFile' | 'keyFile'>,
  ...more: string[]
): string[] {
  return ['adopt', 'kmip', `127.0.0.1:${port}`, '--cert', certFile, '--key', keyFile, ...more]
}

function mustSucceed(args: readonly string[], { code, stdout, stderr }: CommandResult): void {
  if (code !== 0) throw new Error(`mortise ${args.join(' ')} ended with ${code}\n${stderr}${stdout}`)
}

function parseJson(args: readonly string[], result: CommandResult): unknown {
  mustSucceed(args, result)
  return JSON.parse(result.stdout)
}

/** The environment without a user's own MORTISE_ settings. */
function childEnvironment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const clean = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('MORTISE_') && name !== 'NODE_TEST_CONTEXT',
  )
  return { ...Object.fromEntries(clean), ...more }
}

interface Ready {
  readonly ready: true
  readonly kmip: string
  readonly kmipHttps?: string
  readonly admin: string
  readonly serverCertSha256: string
}

async function firstLine(
  child: ChildProcess,
  stderr: () => string,
  withinMs = startTimeoutMs,
): Promise<Ready> {
  if (!child.stdout) throw new Error('no standard output')
  const lines = createInterface({ input: child.stdout })
  const line = await Promise.race([
    once(lines, 'line', { signal: AbortSignal.timeout(withinMs) }).then(([text]: string[]) => text),
    once(child, 'close').then(() => undefined),
  ])
  if (line === undefined)
    throw new Error(`the server ended with ${child.exitCode ?? child.signalCode}\n${stderr()}`)
  return JSON.parse(line) as Ready
}

function hostAndPort(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon).replaceAll(/[[\]]/g, ''), port: Number(address.slice(colon + 1)) }
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  let text = ''
  stream?.setEncoding('utf8')
  stream?.on('data', (chunk: string) => (text += chunk))
  return () => text
}
