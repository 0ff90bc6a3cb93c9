// The process: flags in, exit code out, signals, and what happens to an error that nobody expected. What a command
// does is in cli/, what the server is in serve.ts.

import { readFileSync } from 'node:fs'
import type { Probed } from './adopt/probe.ts'
import { runCommand } from './cli/main.ts'
import {
  CommandError,
  UsageError,
  type AcceptedRestore,
  type BackupDrill,
  type BackupVerified,
  type Checkpoint,
  type Flags,
  type OpenBackupOptions,
  type ProbeWanted,
  type Proof,
  type RestoredBackup,
  type RestoreFileOptions,
  type Started,
  type TokenRecovered,
  type World,
} from './cli/world.ts'
import { ConfigError, kubernetesVariables, readClientEnvironment, readConfig, type Config } from './config.ts'
import { readProfile } from './profiles.ts'
import { parseExport, verifyLog } from './audit/proof.ts'
import type { Running } from './serve.ts'
import { createLog, type Log } from './telemetry/log.ts'
import { createMetrics } from './telemetry/metrics.ts'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  readonly version: string
}

const world: World = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  now: Date.now,
  version,
  // Node runs TypeScript in a checkout only; what is installed is JavaScript.
  command: import.meta.url.endsWith('.ts') ? 'npm run -s mortise --' : 'mortise',
  dataFolder: (flags) => configOf(flags).server.data,
  environment: readClientEnvironment(),
  profile: (name) => orUsageError(() => readProfile(name)),
  serve: async (flags, json, started) =>
    runServer({ config: configOf(flags), readConfig: () => readConfig(flags), json, started }),
  acceptRestore,
  verifyBackup,
  drillBackup,
  restoreFile,
  recoverToken,
  answerChallenge,
  probe,
  verifyExport,
}

function configOf(flags: Flags): Config {
  return orUsageError(() => readConfig(flags))
}

function orUsageError<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message)
    throw error
  }
}

/** Runs until SIGTERM or SIGINT; a second signal ends it at once. SIGHUP reads the configuration anew. */
async function runServer(options: {
  readonly config: Config
  readonly readConfig: () => Config
  readonly json: boolean
  readonly started: (about: Started) => void
}): Promise<number> {
  const { config, json, started } = options
  const format = logFormat(config, json)
  const onTerminal = format === 'human' && process.stderr.isTTY
  const log = createLog({ format, level: config.log.level, ...(onTerminal && { leaveOut: 'checkpoint' }) })
  watchForBugs(log)
  const variables = kubernetesVariables()
  if (variables.length > 0)
    log.info({ variables }, 'variables that Kubernetes set for a service named mortise are ignored')
  const stopped = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal))
  })
  // Before there is something to reload too: by itself it would end the process.
  let reload: (() => Promise<void>) | undefined
  process.on('SIGHUP', () => void reload?.())
  // Only here: commands that speak to a server need none of it, and start in half the time.
  const { serve } = await import('./serve.ts')
  const running = await serve({ ...options, log, metrics: createMetrics(), version }).catch(
    (error: unknown) => {
      throw withAdvice('the server did not start', error, config)
    },
  )
  reload = async () => reloaded(running, log)
  started({ ...running, dataFolder: config.server.data })
  if (json) for (const warning of running.warnings) log.warn({}, warning)
  log.info({ kmip: running.kmip, admin: running.admin, version }, 'serving')
  const signal = await stopped
  log.info({ signal }, 'stopping')
  await running.close()
  log.info({}, 'stopped')
  return 0
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

function logFormat({ log }: Config, json: boolean): 'json' | 'human' {
  if (json || log.format === 'json') return 'json'
  return log.format === 'human' || process.stderr.isTTY ? 'human' : 'json'
}

/**
 * A promise that nobody awaits failing is a bug, but no reason to leave every virtual machine without its key. After
 * an exception outside of any promise nothing is known to be in order any more.
 */
function watchForBugs(log: Log): void {
  process.on('unhandledRejection', (error) => log.error({ error }, 'bug: a rejection that nobody handled'))
  process.on('uncaughtException', (error) => {
    log.error({ error }, 'bug: an exception that nobody caught; the process ends')
    process.exit(1)
  })
}

const systemHints: Readonly<Record<string, string>> = {
  EADDRINUSE: 'Another program listens there, perhaps another Mortise. Choose another port: --kmip, --admin.',
  EADDRNOTAVAIL: 'This machine does not have that address.',
  EACCES: 'This user may not do that. Ports below 1024 and folders of others need rights.',
}

const expectedNames = new Set([
  'BackupError',
  'StartError',
  'RootKeyError',
  'WrongRootKey',
  'StoreUnavailable',
  'PkiError',
  'KmipRefused',
  'KmipTransportError',
  'TlsOptionsError',
])

/** Puts an error that an administrator can do something about into words; any other is a bug and goes on as it is. */
function withAdvice(what: string, error: unknown, config: Config): unknown {
  if (!(error instanceof Error)) return error
  const code = systemCode(error)
  const notAccepted = error.name === 'RestoreNotAccepted'
  if (code === undefined && !notAccepted && !expectedNames.has(error.name)) return error
  const own = 'hint' in error && typeof error.hint === 'string' ? error.hint : undefined
  const hint = notAccepted ? restoreHint(error, config) : code === undefined ? own : systemHints[code]
  return new CommandError(`${what}: ${error.message}`, hint, { cause: error })
}

function restoreHint(
  error: Error & { readonly acceptable?: boolean; readonly moved?: boolean },
  { server }: Config,
): string | undefined {
  if (error.acceptable !== true) return undefined
  const accept = `${world.command} restore-accept --data ${server.data}`
  if (error.moved === true)
    return (
      `If you moved it, or start from a snapshot: see that no server uses the other one any more, then run ${accept}. ` +
      'docs/backup.md, Snapshots of a volume, has more.'
    )
  return (
    `If you put a backup back on purpose: ${accept}. If nobody did, ` +
    'somebody set the database back: keep a copy of the folder as it is, find out who could write it, and bring the ' +
    'newest database back. docs/operate.md, Backups, has more.'
  )
}

async function acceptRestore(flags: Flags, json: boolean, anyway: boolean): Promise<AcceptedRestore> {
  const config = configOf(flags)
  const log = createLog({ format: logFormat(config, json), level: config.log.level })
  const [{ acceptRestore: accept }, { Settings }] = await Promise.all([
    import('./serve/restore-accept.ts'),
    import('./serve/settings.ts'),
  ])
  const settings = new Settings({ initial: config, read: () => readConfig(flags) })
  return accept({ settings, log, metrics: createMetrics() }, anyway).catch((error: unknown) => {
    throw withAdvice('the restore was not accepted', error, config)
  })
}

async function verifyBackup(
  flags: Flags,
  options: OpenBackupOptions & { readonly all: boolean },
): Promise<BackupVerified> {
  const config = configOf(flags)
  const log = createLog({ format: logFormat(config, false), level: 'error' })
  const { verifyFile } = await import('./serve/backup-verify.ts')
  return verifyFile({ config, log }, options).catch((error: unknown) => {
    throw withAdvice('the backup was not verified', error, config)
  })
}

async function drillBackup(flags: Flags, options: Omit<OpenBackupOptions, 'identity'>): Promise<BackupDrill> {
  const config = configOf(flags)
  const log = createLog({ format: logFormat(config, false), level: 'error' })
  const [{ drillBackup: drill }, { serve }] = await Promise.all([
    import('./serve/backup-drill.ts'),
    import('./serve.ts'),
  ])
  const start = (drilled: Config) =>
    serve({ config: drilled, readConfig: () => drilled, log, metrics: createMetrics(), version })
  return drill({ config, log, serve: start }, options).catch((error: unknown) => {
    throw withAdvice('the drill failed', error, config)
  })
}

async function restoreFile(flags: Flags, options: RestoreFileOptions): Promise<RestoredBackup> {
  const config = configOf(flags)
  const log = createLog({ format: logFormat(config, false), level: 'error' })
  const { restoreFile: restore } = await import('./serve/restore-backup.ts')
  return restore({ config, log }, options).catch((error: unknown) => {
    throw withAdvice('nothing was restored', error, config)
  })
}

async function recoverToken(
  flags: Flags,
  json: boolean,
  signAnew: readonly string[] | undefined,
): Promise<TokenRecovered> {
  const config = configOf(flags)
  const log = createLog({ format: logFormat(config, json), level: config.log.level })
  const [{ recoverToken: recover }, { Settings }] = await Promise.all([
    import('./serve/token-recover.ts'),
    import('./serve/settings.ts'),
  ])
  const settings = new Settings({ initial: config, read: () => readConfig(flags) })
  return recover({ settings, log, metrics: createMetrics() }, signAnew).catch((error: unknown) => {
    throw withAdvice('no token was made', error, config)
  })
}

async function answerChallenge(
  by: Parameters<World['answerChallenge']>[0],
  challenge: Parameters<World['answerChallenge']>[1],
): Promise<string> {
  const config = configOf('flags' in by ? by.flags : {})
  const { answerWithRootKey } = await import('./serve/answer-challenge.ts')
  const file = 'file' in by ? by.file : null
  return answerWithRootKey(config, file, challenge).catch((error: unknown) => {
    throw withAdvice('the root key does not answer', error, config)
  })
}

async function probe(wanted: ProbeWanted): Promise<Probed> {
  const config = configOf({})
  const { probeStandardKeys } = await import('./serve/foreign-keys.ts')
  return probeStandardKeys(config.ibm, wanted).catch((error: unknown) => {
    throw withAdvice('the probe did not end', error, config)
  })
}

/** EADDRINUSE and the like, of the error or of what caused it. */
function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  return 'code' in error && 'syscall' in error ? String(error.code) : systemCode(error.cause)
}

async function verifyExport(lines: readonly string[], checkpoint: Checkpoint | undefined): Promise<Proof> {
  try {
    const { publicKey, ...log } = parseExport(lines)
    const proof = await verifyLog(log, { publicKey, ...(checkpoint && { checkpoint }) })
    const { provedFromMs, provedToMs, ...rest } = proof
    return {
      ...rest,
      problems: [...rest.problems],
      restores: [...rest.restores],
      provedFrom: time(provedFromMs),
      provedTo: time(provedToMs),
    }
  } catch (cause) {
    throw new CommandError(cause instanceof Error ? cause.message : String(cause), undefined, { cause })
  }
}

function time(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}

// A reader that went away (`mortise key list | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

process.exitCode = await runCommand(process.argv.slice(2), world)
