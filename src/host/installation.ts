// The installation that a command works on without a server: its configuration, in FIPS mode where that asks for it, and a log. A command
// opens it within its action and imports there what works on it, so that other commands start without either.

import { passedOver, readConfig, type ConfigFlags } from '../outside/config/config.ts'
import type { ConfigurationSource, OptionTable, OptionValues } from '../base/option.ts'
import type { Config } from '../outside/config/options.ts'
import type { Metrics } from '../outside/telemetry/metrics.ts'
import type { LevelledLog } from '../core/ports/log.ts'
import type { PortOptions } from './ports.ts'

/** The part of a process that an installation needs. */
export interface Surroundings<T extends OptionTable = OptionTable> {
  readonly configuration: ConfigurationSource<T>
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean }
  /** Returns in FIPS mode only. */
  readonly enterFips: (dataFolder: string) => Promise<void>
  /** Left out: lines of the log go to standard error. */
  readonly writeLog: ((line: string) => void) | undefined
}

export interface Installation {
  readonly config: Config
  readonly log: LevelledLog
}

/** Reads the configuration, and says on standard error which file it passes over. Throws ConfigError. */
export function readConfiguration<T extends OptionTable>(
  { configuration: { env, features }, stderr }: Pick<Surroundings<T>, 'configuration' | 'stderr'>,
  flags: ConfigFlags,
): Config & OptionValues<T> {
  const why = warned.has(stderr) ? undefined : passedOver(flags, env)
  if (why !== undefined) stderr.write(`mortise: ${why}\n`)
  warned.add(stderr)
  return readConfig(features, flags, env)
}

/** A command may read the configuration several times, and warns once. */
const warned = new WeakSet<object>()

/** The configuration, in the mode that it asks for. Throws ConfigError. */
export async function enterConfiguration<T extends OptionTable>(
  surroundings: Surroundings<T>,
  flags: ConfigFlags,
): Promise<Config & OptionValues<T>> {
  const config = readConfiguration(surroundings, flags)
  if (config.server.fips) await surroundings.enterFips(config.server.data)
  return config
}

/** The log has errors alone. Throws ConfigError. */
export async function openInstallation(
  surroundings: Surroundings,
  flags: ConfigFlags,
): Promise<Installation> {
  const config = await enterConfiguration(surroundings, flags)
  return { config, log: await openLog(surroundings, config, { json: false, level: 'error' }) }
}

/** For commands that open the store of a server that does not run. Throws ConfigError. */
export async function openStopped(
  surroundings: Surroundings,
  flags: ConfigFlags,
  json: boolean,
): Promise<Installation & PortOptions> {
  const config = await enterConfiguration(surroundings, flags)
  const log = await openLog(surroundings, config, { json })
  const { Settings } = await import('./settings.ts')
  const { features, env } = surroundings.configuration
  const settings = new Settings({ initial: config, read: () => readConfig(features, flags, env), features })
  return { config, settings, log, metrics: await newMetrics() }
}

/** Loaded only where something is measured. */
export async function newMetrics(): Promise<Metrics> {
  const { createMetrics } = await import('../outside/telemetry/metrics.ts')
  return createMetrics()
}

/** `json`: the command prints JSON. */
export function logFormat(
  { stderr }: Pick<Surroundings, 'stderr'>,
  { log }: Config,
  json: boolean,
): 'json' | 'human' {
  if (json || log.format === 'json') return 'json'
  return log.format === 'human' || stderr.isTTY === true ? 'human' : 'json'
}

/** `welcomed` settles once the welcome was printed. The library of the log is loaded only where something is logged. */
export async function openLog(
  surroundings: Surroundings,
  config: Config,
  options: { readonly json: boolean; readonly level?: string; readonly welcomed?: Promise<void> },
): Promise<LevelledLog> {
  const { json, level = config.log.level, welcomed } = options
  const { createLog } = await import('../outside/telemetry/log.ts')
  const { stderr, writeLog: write } = surroundings
  const format = logFormat(surroundings, config, json)
  const onTerminal = format === 'human' && stderr.isTTY === true
  return createLog({
    format,
    level,
    ...(onTerminal && { leaveOut: 'checkpoint' }),
    ...(welcomed && { holdBack: { field: 'checkpoint', until: welcomed } }),
    ...(write && { write }),
  })
}
