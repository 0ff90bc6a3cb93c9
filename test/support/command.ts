// The command line in this process, with streams of our own: the same code as src/main.ts runs, without the half
// second that a new process takes. What only a process shows (exit, signals, real streams) is tested with server.ts.

import { Readable } from 'node:stream'
import { runCommand } from '../../src/cli/main.ts'
import {
  UsageError,
  type ClientEnvironment,
  type Flags,
  type Profile,
  type World,
} from '../../src/cli/world.ts'
import { readConfig, type Config } from '../../src/config.ts'
import { restoreFile } from '../../src/serve/restore-backup.ts'
import { verifyFile } from '../../src/serve/backup-verify.ts'
import { createLog } from '../../src/telemetry/log.ts'
import type { CommandResult } from './server.ts'

const quietLog = createLog({ format: 'json', level: 'error', write: () => undefined })

function configOf(flags: Flags, data: string): Config {
  return readConfig({ ...flags, data: flags['data'] ?? data }, {})
}

export interface Surroundings {
  /** The data folder, as if it was configured. */
  readonly data?: string
  readonly input?: string
  /** What MORTISE_PROFILE and the like say. */
  readonly environment?: ClientEnvironment
  readonly profiles?: Readonly<Record<string, Profile>>
  readonly nowMs?: number
  /** Standard input is a terminal. */
  readonly terminal?: boolean
}

export async function command(
  words: readonly string[],
  surroundings: Surroundings = {},
): Promise<CommandResult> {
  const { data = '/nowhere/mortise-data', input = '', terminal = false } = surroundings
  const { environment = {}, profiles = {}, nowMs = Date.now() } = surroundings
  let stdout = ''
  let stderr = ''
  const world: World = {
    stdin: Object.assign(Readable.from([Buffer.from(input)]), { isTTY: terminal }),
    stdout: { write: (text) => (stdout += String(text)) },
    stderr: { write: (text) => (stderr += text) },
    now: () => nowMs,
    environment,
    profile: (name) => {
      const found = profiles[name]
      if (!found) throw new UsageError(`there is no profile ${name}`)
      return found
    },
    version: '1.2.3',
    command: 'mortise',
    dataFolder: (flags) => flags['data'] ?? data,
    serve: () => Promise.reject(new Error('not here')),
    verifyBackup: (flags, options) => verifyFile({ config: configOf(flags, data), log: quietLog }, options),
    drillBackup: () => Promise.reject(new Error('not here')),
    restoreFile: (flags, options) => restoreFile({ config: configOf(flags, data), log: quietLog }, options),
    acceptRestore: () => Promise.reject(new Error('not here')),
    recoverToken: () => Promise.reject(new Error('not here')),
    answerChallenge: async () => '0'.repeat(64),
    probe: () => Promise.reject(new Error('not here')),
    verifyExport: () => Promise.reject(new Error('not here')),
  }
  const code = await runCommand(words, world)
  return { code, stdout, stderr }
}
