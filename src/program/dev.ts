// The throw-away server of `mortise dev`: a temporary folder with its configuration, and the command that runs beside the server.
// Part of the composition root.

import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import path from 'node:path'
import { CommandError, type Flags, type Started, type TemporaryServer } from '../doors/cli/world.ts'
import type { Log } from '../core/ports/log.ts'
import { openTemporaryFolder, type TemporaryFolder } from '../host/temporary-folder.ts'

/** `mortise dev` kills its command this long after the signal that stops both. */
const devCommandStopMs = 15_000

/** How the caller runs the server. */
interface Served {
  readonly flags: Flags
  readonly whenServing: (log: Log) => Promise<string>
  readonly started: (about: Started) => void
}

/** Runs the server of `serve` on a folder of its own until `serving` settles; the exit code of that. */
export async function runTemporary(
  options: {
    readonly kmip: string
    readonly verbose: boolean
    readonly serving: (about: TemporaryServer) => Promise<number>
    /** The environment of the command that runs beside the server. */
    readonly env: Readonly<Record<string, string | undefined>>
    readonly onTerminal: boolean
    readonly whenServing: (log: Log, reload: () => void) => Promise<string>
  },
  serve: (served: Served) => Promise<void>,
): Promise<number> {
  const { kmip, verbose, serving, env, onTerminal } = options
  await using made = await openDevFolder({ logLevel: verbose ? 'info' : 'error' }).catch((cause: Error) => {
    throw new CommandError(`no folder can be made in ${tmpdir()}: ${cause.message}`, undefined, { cause })
  })
  const stopped = Promise.withResolvers<string>()
  const done = Promise.withResolvers<number>()
  done.promise.catch(() => undefined)
  const run: TemporaryServer['run'] = (words, variables) =>
    runBeside(words, { env: { ...env, ...variables }, stopped: stopped.promise, onTerminal })
  await serve({
    flags: { config: made.configFile, kmip },
    whenServing: async (log) => {
      // Nobody reloads it: when its terminal goes, it goes too.
      void options.whenServing(log, () => stopped.resolve('SIGHUP')).then(stopped.resolve)
      return done.promise.then(String, String)
    },
    started: (about) => {
      const { folder } = made
      serving({ ...about, folder, stopped: stopped.promise, run }).then(done.resolve, done.reject)
    },
  })
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
