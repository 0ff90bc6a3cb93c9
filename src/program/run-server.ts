// Runs the server of `mortise serve` and `mortise dev` until a signal ends it: its log, its reloads, and its messages to the
// manager of services.

import { withAdvice } from '../doors/cli/advice.ts'
import type { Flags } from '../doors/cli/world.ts'
import { enterConfiguration, logFormat, newMetrics, openLog } from '../host/installation.ts'
import { readConfig } from '../outside/config/config.ts'
import { kubernetesVariables, readServiceManager } from '../outside/config/environment.ts'
import type { IdentityKeys } from '../core/identity/identity-keys.ts'
import type { Log } from '../core/ports/log.ts'
import type { Running } from './serve.ts'
import type { ServingWorld } from './world.ts'

/** A server that serves, as its welcome shows it. */
export interface Started {
  readonly kmip: string
  /** https://HOST:PORT; null: the server takes no HTTPS. */
  readonly kmipHttps: string | null
  readonly admin: string
  readonly serverCertSha256: string
  /** The number of clients that are trusted. */
  readonly clients: number
  readonly isUnused: boolean
  /** Whether the console is shown at `admin`. */
  readonly hasConsole: boolean
  readonly dataFolder: string
  readonly warnings: readonly string[]
}

/** Calls `started` once the server serves; resolves after a signal stopped it. Throws ConfigError and CommandError. */
export async function runServer(
  world: ServingWorld,
  options: {
    readonly flags: Flags
    readonly json: boolean
    readonly started: (about: Started) => void
    readonly identityKeys?: IdentityKeys
  },
): Promise<void> {
  const { flags, json, started, identityKeys } = options
  const { threads, version } = world
  const { env, features } = world.configuration
  const config = await enterConfiguration(world, flags)
  const welcomed = Promise.withResolvers<void>()
  const log = await openLog(world, config, { json, welcomed: welcomed.promise })
  // Before there is something to reload too: by itself the signal would end the process.
  let reload: (() => Promise<void>) | undefined
  const toldToEnd = world.whenServing(log, () => void reload?.())
  const variables = kubernetesVariables(env)
  if (variables.length > 0)
    log.info({ variables }, 'variables that Kubernetes set for a service named mortise are ignored')
  // Only here: commands that speak to a server need none of it, and start in half the time.
  const { serve } = await import('./serve.ts')
  const metrics = await newMetrics()
  const { serviceManagerOf } = await import('../host/service-manager.ts')
  const manager = serviceManagerOf({ ...readServiceManager(env), config, log })
  const parts = {
    config,
    readConfig: () => readConfig(features, flags, env),
    log,
    metrics,
    version,
    identityKeys,
  }
  const running = await serve({ ...parts, threads, logFormat: logFormat(world, config, json) }).catch(
    (error: unknown) => {
      welcomed.resolve()
      throw withAdvice('the server did not start', error, config, flags)
    },
  )
  reload = async () => reloaded(running, log)
  started({ ...running, hasConsole: config.admin.console, dataFolder: config.server.data })
  welcomed.resolve()
  await welcomed.promise
  if (json) for (const warning of running.warnings) log.warn({}, warning)
  const { kmip, kmipHttps, admin } = running
  log.info({ kmip, ...(kmipHttps !== null && { kmipHttps }), admin, version }, 'serving')
  await manager.ready(kmip)
  const signal = await toldToEnd
  log.info({ signal }, 'stopping')
  await manager.stopping()
  await running.close()
  log.info({}, 'stopped')
}

async function reloaded(running: Pick<Running, 'reload'>, log: Log): Promise<void> {
  try {
    const { applied, needRestart } = await running.reload()
    log.info({ applied, needRestart }, 'the configuration was read again')
    if (needRestart.length > 0) log.warn({ needRestart }, 'these options take effect with a restart only')
  } catch (error) {
    log.error({ error }, 'the configuration was not changed')
  }
}
