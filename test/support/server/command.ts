// The command line in this process, with streams of our own: the same code as src/program/main.ts runs, without the half
// second that a new process takes. What only a process shows (exit, signals, real streams) is tested with server.ts.

import { Readable } from 'node:stream'
import { runCommand } from '../../../src/program/cli.ts'
import { UsageError, type ClientEnvironment, type Profile } from '../../../src/doors/cli/world.ts'
import { makeWorld, type ServingWorld } from '../../../src/program/world.ts'
import type { CommandResult } from './server.ts'
import { threadsHere } from '../store/threads-here.ts'

export interface Surroundings {
  /** The data folder, as if it was configured. */
  readonly data?: string
  readonly input?: string
  /** The environment; none of this process's own. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** What MORTISE_PROFILE and the like say. */
  readonly environment?: ClientEnvironment
  readonly profiles?: Readonly<Record<string, Profile>>
  readonly nowMs?: number
  /** Standard input is a terminal. */
  readonly terminal?: boolean
  /** Standard output is a terminal of this width. */
  readonly columns?: number
}

export async function command(
  words: readonly string[],
  surroundings: Surroundings = {},
): Promise<CommandResult> {
  const { data = '/nowhere/mortise-data', environment, profiles, nowMs } = surroundings
  return inProcess(words, { ...surroundings, env: { MORTISE_DATA: data, ...surroundings.env } }, (world) => ({
    ...world,
    version: '1.2.3',
    command: 'mortise',
    ...(nowMs !== undefined && { now: () => nowMs }),
    user: {
      ...world.user,
      ...(environment && { environment }),
      ...(profiles && { profile: (name) => profiles[name] ?? noProfile(name) }),
    },
  }))
}

function noProfile(name: string): never {
  throw new UsageError(`there is no profile ${name}`)
}

/** What a command has written so far, and how a server that it runs is told to end. */
export interface Attached {
  stdout: string
  stderr: string
  /** Called after each text on standard output. */
  readonly onOutput?: () => void
  readonly toldToEnd?: Promise<string>
}

/** As `command`, with the version and the program's name as they are in a checkout. `change` replaces parts of it. */
export async function inProcess(
  words: readonly string[],
  { env = {}, input = '', terminal = false, columns }: Surroundings,
  change: (world: ServingWorld) => ServingWorld = (world) => world,
  said: Attached = { stdout: '', stderr: '' },
): Promise<CommandResult> {
  const noServer = Promise.reject(new Error('a server is started with server.ts'))
  noServer.catch(() => undefined)
  const world = makeWorld({
    stdin: Object.assign(Readable.from([Buffer.from(input)]), { isTTY: terminal }),
    stdout: {
      write: (text) => {
        said.stdout += String(text)
        said.onOutput?.()
      },
      ...(columns !== undefined && { isTTY: true, columns }),
    },
    stderr: { write: (text) => (said.stderr += text) },
    env,
    writeLog: (line) => (said.stderr += line),
    whenServing: () => said.toldToEnd ?? noServer,
    threads: threadsHere,
    enterFips: () => Promise.reject(new Error('FIPS mode would replace the process of the tests')),
  })
  const code = await runCommand(words, change(world))
  return { code, stdout: said.stdout, stderr: said.stderr }
}
