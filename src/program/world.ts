// Puts together what the command line needs from outside (doors/cli/world.ts), and what the commands that run a server need beside it.
// main.ts makes one of the process; tests make theirs. How commands behave is in doors/cli/, and doors/cli/advice.ts puts expected errors
// into words.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { ConfigurationSource } from '../base/option.ts'
import type { World } from '../doors/cli/world.ts'
import { pagerProgram, readClientEnvironment, userConfigFolder } from '../outside/config/environment.ts'
import { readProfile } from '../outside/config/profiles.ts'
import { programCommand, programFolder } from '../base/program-files.ts'
import { orAdvice } from '../doors/cli/advice.ts'
import { newMetrics, readConfiguration, type Installation } from '../host/installation.ts'
import { defaultsOf } from '../outside/config/config.ts'
import { featureOptions } from './features.ts'
import type { Running } from './serve.ts'
import type { StoreThreads } from '../outside/store/threads.ts'
import type { Log } from '../core/ports/log.ts'

const { version } = JSON.parse(readFileSync(path.join(programFolder, 'package.json'), 'utf8')) as {
  readonly version: string
}

/** A process has these; a test has its own. */
export interface Outside extends Pick<World, 'stdin' | 'stdout' | 'stderr'> {
  /** Called before the server starts. `reload` reads the configuration again. The promise resolves when the server is to end. */
  readonly whenServing: (log: Log, reload: () => void) => Promise<string>
  /** Called before anything of a server whose configuration asks for FIPS mode; returns in that mode only. Throws FipsError. */
  readonly enterFips: (dataFolder: string) => Promise<void>
  /** Left out: the environment of the process. */
  readonly env?: ConfigurationSource['env']
  readonly threads?: StoreThreads
  /** Receives the lines of the logs. Left out: the standard error of the process. */
  readonly writeLog?: World['writeLog']
}

/** Commands that run a server need these too. */
export interface ServingWorld extends World, Pick<Outside, 'whenServing' | 'threads'> {
  readonly configuration: ConfigurationSource<typeof featureOptions>
  /** Starts a server whose configuration stays as it is; options of features have their defaults. */
  readonly startServer: (installation: Installation) => Promise<Running>
}

export function makeWorld(outside: Outside): ServingWorld {
  const { stdout, env, writeLog, enterFips } = outside
  const folder = userConfigFolder(env)
  const configuration = { env, features: featureOptions }
  return {
    ...outside,
    configuration,
    now: Date.now,
    version,
    command: programCommand,
    dataFolder: (flags) => readConfiguration({ ...outside, configuration }, flags).server.data,
    user: {
      pager: stdout.isTTY === true ? pagerProgram(env) : undefined,
      environment: readClientEnvironment(env),
      profile: (name) => readProfile(name, folder),
      sessionFolder: path.join(folder, 'sessions'),
    },
    enterFips: (data) => orAdvice('FIPS mode does not begin', { server: { data } }, enterFips(data)),
    writeLog,
    startServer: async (installation) => {
      const { serve } = await import('./serve.ts')
      const { log } = installation
      const config = { ...defaultsOf(featureOptions), ...installation.config }
      return serve({ config, readConfig: () => config, log, metrics: await newMetrics(), version })
    },
  }
}
