// The throw-away server of `mortise dev`: a temporary folder with its configuration, and the command that runs beside the server.
// Part of the composition root.

import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import path from 'node:path'
import { CommandError } from '../doors/cli/world.ts'
import { environmentOfOthers } from '../outside/config/environment.ts'
import { openTemporaryFolder, type TemporaryFolder } from '../host/temporary-folder.ts'
import { runServer, type Started } from './run-server.ts'
import type { ServingWorld } from './world.ts'

/** `mortise dev` kills its command this long after the signal that stops both. */
const devCommandStopMs = 15_000

/** A server that lives as long as `mortise dev`. */
export interface TemporaryServer extends Pick<Started, 'kmip' | 'admin' | 'serverCertSha256' | 'dataFolder'> {
  /** Only its owner may read it; everything in it goes with it. */
  readonly folder: string
  /** Resolves with the signal that stops the program. */
  readonly stopped: Promise<string>
  /** Runs a command with these variables and those of the user, without what the user set for Mortise; its exit code. */
  readonly run: (words: readonly string[], variables: Readonly<Record<string, string>>) => Promise<number>
}

/**
 * Runs a server on a temporary folder, without the configuration and the environment of the user, until `serving` settles; then
 * removes the folder. The exit code is that of `serving`.
 */
export async function runTemporary(
  world: ServingWorld,
  { kmip, verbose }: { readonly kmip: string; readonly verbose: boolean },
  serving: (about: TemporaryServer) => Promise<number>,
): Promise<number> {
  const { beginIdentityKeys } = await import('../core/identity/identity-keys.ts')
  const identityKeys = beginIdentityKeys()
  const env = environmentOfOthers(world.configuration.env)
  const onTerminal = world.stdin.isTTY === true
  await using made = await openDevFolder({ logLevel: verbose ? 'info' : 'error' }).catch((cause: Error) => {
    throw new CommandError(`no folder can be made in ${tmpdir()}: ${cause.message}`, undefined, { cause })
  })
  const stopped = Promise.withResolvers<string>()
  const done = Promise.withResolvers<number>()
  done.promise.catch(() => undefined)
  const run: TemporaryServer['run'] = (words, variables) =>
    runBeside(words, { env: { ...env, ...variables }, stopped: stopped.promise, onTerminal })
  const whenServing: ServingWorld['whenServing'] = async (log) => {
    // SIGHUP does not reload it but ends it: its terminal has gone.
    void world.whenServing(log, () => stopped.resolve('SIGHUP')).then(stopped.resolve)
    return done.promise.then(String, String)
  }
  const started = (about: Started) => {
    const { folder } = made
    serving({ ...about, folder, stopped: stopped.promise, run }).then(done.resolve, done.reject)
  }
  const flags = { config: made.configFile, kmip }
  await runServer(
    { ...world, configuration: { ...world.configuration, env: {} }, whenServing },
    { flags, json: false, started, identityKeys },
  )
  return done.promise
}

interface DevFolder extends TemporaryFolder {
  readonly configFile: string
}

/** Makes the folder with its mortise.toml. */
async function openDevFolder(options: { readonly logLevel: 'info' | 'error' }): Promise<DevFolder> {
  const made = await openTemporaryFolder('mortise-dev-')
  const configFile = path.join(made.folder, 'mortise.toml')
  try {
    const data = path.join(made.folder, 'data')
    await writeFile(configFile, configuration(data, options), { mode: 0o600 })
  } catch (error) {
    await made[Symbol.asyncDispose]()
    throw error
  }
  return { ...made, configFile }
}

/** Nothing is kept, so nothing is backed up; the machine's own mortise.toml and variables do not count. */
function configuration(data: string, { logLevel }: { readonly logLevel: string }): string {
  const sections = {
    server: { data },
    admin: { listen: '127.0.0.1:0' },
    backup: { enabled: false },
    log: { level: logLevel },
  }
  return Object.entries(sections)
    .map(([section, options]) => {
      const lines = Object.entries(options).map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`)
      return `[${section}]\n${lines.join('')}`
    })
    .join('')
}

/**
 * Runs a command with our own streams, and resolves with its exit code: after a signal 128 and its number, as a shell has it. Throws
 * CommandError if there is no such program. A signal that stops us is passed on, unless the terminal has sent it to the command too; a command
 * that does not end then is killed.
 */
async function runBeside(
  [program = '', ...args]: readonly string[],
  options: {
    readonly env: Readonly<Record<string, string | undefined>>
    readonly stopped: Promise<string>
    readonly onTerminal: boolean
  },
): Promise<number> {
  const child = spawn(program, args, { stdio: 'inherit', env: { ...options.env } })
  const ended = Promise.withResolvers<number>()
  child.on('error', (cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'ENOENT' ? 'there is no such program' : cause.message
    ended.reject(new CommandError(`${program} was not run: ${why}`, undefined, { cause }))
  })
  child.on('exit', (code, signal) =>
    ended.resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
  )
  let killing: NodeJS.Timeout | undefined
  const stop = (signal: string): void => {
    if (!(options.onTerminal && signal === 'SIGINT')) child.kill(signal as NodeJS.Signals)
    killing = setTimeout(() => child.kill('SIGKILL'), devCommandStopMs)
  }
  void options.stopped.then(stop)
  return ended.promise.finally(() => clearTimeout(killing))
}
