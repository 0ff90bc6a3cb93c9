// Puts together what the command line needs from outside (doors/cli/world.ts): configuration, profiles, and one part for each command that
// needs no server; and runs the server itself. main.ts makes one of the process; tests make theirs. How commands behave is in doors/cli/, and
// doors/cli/advice.ts puts expected errors into words.

import type { AcceptedNode, AcceptedRestore } from '../core/server/anchor.ts'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Probed } from '../features/adopt/probe.ts'
import {
  UsageError,
  type BackupDrill,
  type BackupVerified,
  type CopiedStore,
  type CopyStoreOptions,
  type ConvertedRootKeyFile,
  type FipsModule,
  type Flags,
  type OpenBackupOptions,
  type ProbeWanted,
  type RestoredBackup,
  type RestoreFileOptions,
  type Started,
  type TokenRecovered,
  type TriedRootKey,
  type World,
} from '../doors/cli/world.ts'
import { ConfigError, passedOver, readConfig, secretFiles } from '../outside/config/config.ts'
import {
  browserProgram,
  environmentOfOthers,
  kubernetesVariables,
  pagerProgram,
  readClientEnvironment,
  readServiceManager,
  userConfigFolder,
} from '../outside/config/environment.ts'
import type { Config } from '../outside/config/options.ts'
import { readProfile } from '../outside/config/profiles.ts'
import { programCommand, programFolder } from '../base/program-files.ts'
import type { Running } from './serve.ts'
import { orAdvice, withAdvice } from '../doors/cli/advice.ts'
import type { IdentityKeys } from '../core/identity/identity-keys.ts'
import type { StoreThreads } from '../outside/store/threads.ts'
import type { LevelledLog, Log } from '../core/ports/log.ts'
import type { Metrics } from '../outside/telemetry/metrics.ts'

const { version } = JSON.parse(readFileSync(path.join(programFolder, 'package.json'), 'utf8')) as {
  readonly version: string
}

/** A process has these; a test has its own. */
export interface Outside extends Pick<World, 'stdin' | 'stdout' | 'stderr'> {
  /** Called before the server starts. `reload` reads the configuration anew; what is returned settles when it is to end. */
  readonly whenServing: (log: Log, reload: () => void) => Promise<string>
  /** Called before anything of a server whose configuration asks for FIPS mode; returns in that mode only. Throws FipsError. */
  readonly enterFips: (dataFolder: string) => Promise<void>
  /** Left out: the environment of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly threads?: StoreThreads
  /** Receives the lines of the logs. Left out: the standard error of the process. */
  readonly writeLog?: (line: string) => void
}

export function makeWorld(outside: Outside): World {
  const { stdin, stdout, stderr, env } = outside
  return {
    stdin,
    stdout,
    stderr,
    pager: stdout.isTTY === true ? pagerProgram(env) : undefined,
    serve: (flags, json, started) => runServer(outside, { flags, json, started }),
    serveTemporary: (options, serving) => serveTemporary(outside, options, serving),
    now: Date.now,
    version,
    command: programCommand,
    dataFolder: (flags) => readOptions(outside, flags).server.data,
    configuration: (flags) => {
      const configuration = readOptions(outside, flags)
      return {
        configuration,
        secretFiles: secretFiles(configuration),
        adminHost: configuration.admin.listen.host,
      }
    },
    environment: readClientEnvironment(env),
    sessionFolder: path.join(userConfigFolder(env), 'sessions'),
    openBrowser: (url) => stdout.isTTY === true && openBrowser(url, outside),
    profile: (name) => orUsageError(() => readProfile(name, userConfigFolder(env))),
    acceptRestore: (flags, json, anyway) => acceptRestore(outside, flags, json, anyway),
    verifyBackup: (flags, options) => verifyBackup(outside, flags, options),
    drillBackup: (flags, options) => drillBackup(outside, flags, options),
    restoreFile: (flags, options) => restoreFile(outside, flags, options),
    copyStore: (flags, options) => copyStore(outside, flags, options),
    recoverToken: (flags, json, signAnew) => recoverToken(outside, flags, json, signAnew),
    answerChallenge: (by, challenge) => answerChallenge(outside, by, challenge),
    tryRootKey: (flags, wanted) => tryRootKey(outside, flags, wanted),
    probe: (wanted) => probe(outside, wanted),
    setUpFips: (flags, module) => setUpFips(outside, flags, module),
    convertRootKeyFile: (flags, options) => convertRootKeyFile(outside, flags, options),
  }
}

/** Nobody looks at what the program says: the address is printed too. */
function openBrowser(url: string, { env }: Pick<Outside, 'env'>): boolean {
  const program = browserProgram(env)
  if (program === undefined) return false
  const child = spawn(program, [url], { stdio: 'ignore', detached: true, env: environmentOfOthers(env) })
  child.on('error', () => undefined)
  child.unref()
  return true
}

/** The configuration, in the mode that it asks for. */
async function configOf(
  outside: Pick<Outside, 'env' | 'stderr' | 'enterFips'>,
  flags: Flags,
): Promise<Config> {
  const config = readOptions(outside, flags)
  if (config.server.fips)
    await orAdvice('FIPS mode does not begin', config, outside.enterFips(config.server.data))
  return config
}

function readOptions(outside: Pick<Outside, 'env' | 'stderr'>, flags: Flags): Config {
  const { env, stderr } = outside
  const why = warned.has(outside) ? undefined : passedOver(flags, env)
  if (why !== undefined) stderr.write(`mortise: ${why}\n`)
  warned.add(outside)
  return orUsageError(() => readConfig(flags, env))
}

/** A command may read the configuration several times, and warns once. */
const warned = new WeakSet<object>()

function orUsageError<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message)
    throw error
  }
}

/** Runs until it is told to end. */
async function runServer(
  outside: Outside,
  options: {
    readonly flags: Flags
    readonly json: boolean
    readonly started: (about: Started) => void
    readonly identityKeys?: IdentityKeys
  },
): Promise<number> {
  const { flags, json, started, identityKeys } = options
  const { env, threads } = outside
  const config = await configOf(outside, flags)
  const welcomed = Promise.withResolvers<void>()
  const log = await logOf(outside, config, json, { welcomed: welcomed.promise })
  // Before there is something to reload too: by itself the signal would end the process.
  let reload: (() => Promise<void>) | undefined
  const toldToEnd = outside.whenServing(log, () => void reload?.())
  const variables = kubernetesVariables(env)
  if (variables.length > 0)
    log.info({ variables }, 'variables that Kubernetes set for a service named mortise are ignored')
  // Only here: commands that speak to a server need none of it, and start in half the time.
  const { serve } = await import('./serve.ts')
  const metrics = await newMetrics()
  const { serviceManagerOf } = await import('../host/service-manager.ts')
  const manager = serviceManagerOf({ ...readServiceManager(env), config, log })
  const parts = { config, readConfig: () => readConfig(flags, env), log, metrics, version, identityKeys }
  const running = await serve({ ...parts, threads, logFormat: logFormat(outside, config, json) }).catch(
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
  return 0
}

async function serveTemporary(
  outside: Outside,
  options: Parameters<World['serveTemporary']>[0],
  serving: Parameters<World['serveTemporary']>[1],
): Promise<number> {
  const { beginIdentityKeys } = await import('../core/identity/identity-keys.ts')
  const identityKeys = beginIdentityKeys()
  const { runTemporary } = await import('./dev.ts')
  const surroundings = {
    env: environmentOfOthers(outside.env),
    onTerminal: outside.stdin.isTTY === true,
    whenServing: outside.whenServing,
  }
  return runTemporary({ ...options, ...surroundings, serving }, async ({ flags, whenServing, started }) => {
    const served = { ...outside, env: {}, whenServing }
    await runServer(served, { flags, json: false, started, identityKeys })
  })
}

async function reloaded(running: Pick<Running, 'reload'>, log: Log): Promise<void> {
  try {
    const { applied, needRestart } = await running.reload()
    log.info({ applied, needRestart }, 'the configuration was read anew')
    if (needRestart.length > 0) log.warn({ needRestart }, 'these options take effect with a restart only')
  } catch (error) {
    log.error({ error }, 'the configuration was not changed')
  }
}

function logFormat({ stderr }: Pick<Outside, 'stderr'>, { log }: Config, json: boolean): 'json' | 'human' {
  if (json || log.format === 'json') return 'json'
  return log.format === 'human' || stderr.isTTY === true ? 'human' : 'json'
}

/** Its library is loaded only where something is logged. */
async function logOf(
  outside: Outside,
  config: Config,
  json: boolean,
  {
    level = config.log.level,
    welcomed,
  }: {
    readonly level?: string
    /** Settles once the welcome was printed. */ readonly welcomed?: Promise<void>
  } = {},
): Promise<LevelledLog> {
  const { createLog } = await import('../outside/telemetry/log.ts')
  const { stderr, writeLog: write } = outside
  const format = logFormat(outside, config, json)
  const onTerminal = format === 'human' && stderr.isTTY === true
  return createLog({
    format,
    level,
    ...(onTerminal && { leaveOut: 'checkpoint' }),
    ...(welcomed && { holdBack: { field: 'checkpoint', until: welcomed } }),
    ...(write && { write }),
  })
}

/** For commands that work without a server: their log has errors alone. */
async function withoutServer(outside: Outside, flags: Flags) {
  const config = await configOf(outside, flags)
  return { config, log: await logOf(outside, config, false, { level: 'error' }) }
}

/** For commands that open the store of a server that does not run. */
async function onDataFolder(outside: Outside, flags: Flags, json: boolean) {
  const config = await configOf(outside, flags)
  const log = await logOf(outside, config, json)
  const { Settings } = await import('../host/settings.ts')
  const settings = new Settings({ initial: config, read: () => readConfig(flags, outside.env) })
  return { config, ports: { settings, log, metrics: await newMetrics() } }
}

async function acceptRestore(
  outside: Outside,
  flags: Flags,
  json: boolean,
  anyway: boolean,
): Promise<AcceptedRestore | AcceptedNode> {
  const { config, ports } = await onDataFolder(outside, flags, json)
  const { acceptDatabase } = await import('../host/restore-accept.ts')
  return orAdvice('the restore was not accepted', config, acceptDatabase(ports, anyway))
}

async function verifyBackup(
  outside: Outside,
  flags: Flags,
  options: OpenBackupOptions & { readonly all: boolean },
): Promise<BackupVerified> {
  const { config, log } = await withoutServer(outside, flags)
  const { verifyFile } = await import('../features/backup/backup-verify.ts')
  return orAdvice('the backup was not verified', config, verifyFile({ config, log }, options))
}

async function drillBackup(
  outside: Outside,
  flags: Flags,
  options: Omit<OpenBackupOptions, 'identity'>,
): Promise<BackupDrill> {
  const { config, log } = await withoutServer(outside, flags)
  const [{ drillBackup: drill }, { serve }] = await Promise.all([
    import('../features/restore/drill.ts'),
    import('./serve.ts'),
  ])
  const metrics = await newMetrics()
  const start = (drilled: Config) =>
    serve({ config: drilled, readConfig: () => drilled, log, metrics, version })
  return orAdvice('the drill failed', config, drill({ config, log, serve: start }, options))
}

async function restoreFile(
  outside: Outside,
  flags: Flags,
  options: RestoreFileOptions,
): Promise<RestoredBackup> {
  const { config, log } = await withoutServer(outside, flags)
  const { restoreFile: restore } = await import('../features/restore/sources/file.ts')
  return orAdvice('nothing was restored', config, restore({ config, log }, options))
}

async function copyStore(outside: Outside, flags: Flags, options: CopyStoreOptions): Promise<CopiedStore> {
  const config = await configOf(outside, flags)
  const { storePasswordFile: configured } = config.server
  const passwordFiles = configured && { fromPasswordFile: configured, toPasswordFile: configured }
  const { copyStore: copy } = await import('../features/store-copy/store-copy.ts')
  return orAdvice('nothing was copied', config, copy({ ...passwordFiles, ...options }))
}

async function recoverToken(
  outside: Outside,
  flags: Flags,
  json: boolean,
  signAnew: readonly string[] | undefined,
): Promise<TokenRecovered> {
  const { config, ports } = await onDataFolder(outside, flags, json)
  const { recoverToken: recover } = await import('../features/tokens/recover-offline.ts')
  return orAdvice('no token was made', config, recover(ports, signAnew))
}

async function answerChallenge(
  outside: Outside,
  by: Parameters<World['answerChallenge']>[0],
  challenge: Parameters<World['answerChallenge']>[1],
): Promise<string> {
  const config = await configOf(outside, 'flags' in by ? by.flags : {})
  const { answerWithRootKey } = await import('../features/root-keys/answer-challenge.ts')
  const file = 'file' in by ? by.file : null
  const trouble = file === null ? 'the root key does not answer' : 'this is no copy of a root key in use'
  return orAdvice(trouble, config, answerWithRootKey(config, file, challenge))
}

async function setUpFips(outside: Outside, flags: Flags, module: string | undefined): Promise<FipsModule> {
  const config = readOptions(outside, flags)
  const { setUpFips: setUp } = await import('../host/fips.ts')
  return orAdvice('FIPS mode was not set up', config, setUp(config.server.data, module))
}

async function convertRootKeyFile(
  outside: Outside,
  flags: Flags,
  options: { readonly file?: string; readonly passphraseFile?: string },
): Promise<ConvertedRootKeyFile> {
  const config = readOptions(outside, flags)
  const [{ convertRootKeyFile: convert }, { rootKeyFilePath }] = await Promise.all([
    import('../outside/rootkey/file-convert.ts'),
    import('../outside/rootkey/file.ts'),
  ])
  const { data, rootKey, rootPassphraseFile } = config.server
  const file = path.resolve(options.file ?? path.join(data, rootKeyFilePath(rootKey)))
  const passphraseFile = options.passphraseFile ?? rootPassphraseFile
  return orAdvice('the file was not converted', config, convert(file, passphraseFile))
}

async function tryRootKey(
  outside: Outside,
  flags: Flags,
  wanted: Parameters<World['tryRootKey']>[1],
): Promise<TriedRootKey> {
  const { config, log } = await withoutServer(outside, flags)
  const { tryRootKey: attempt } = await import('../features/root-keys/try-root-key.ts')
  return orAdvice('this root key cannot be used', config, attempt({ config, log }, wanted))
}

async function probe(outside: Outside, wanted: ProbeWanted): Promise<Probed> {
  const config = await configOf(outside, {})
  const { probeStandardKeys } = await import('../features/adopt/foreign-keys.ts')
  return orAdvice('the probe did not end', config, probeStandardKeys(config.ibm, wanted))
}

/** Loaded only where something is measured. */
async function newMetrics(): Promise<Metrics> {
  const { createMetrics } = await import('../outside/telemetry/metrics.ts')
  return createMetrics()
}
