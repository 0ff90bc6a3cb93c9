// `mortise restore`, `mortise restore-accept` and `mortise backup drill`: their flags, and which of the ways to restore they ask for. A
// whole backup, the acceptance and the drill need no server.

import type { Command } from 'commander'
import { readCheckpoint } from '../../doors/cli/checkpoint-file.ts'
import { verb, type CommandOutcome, type Run } from '../../doors/cli/command.ts'
import { apiKeyFlag, readApiKey } from '../../doors/cli/files.ts'
import { sameServer } from '../../doors/cli/next-steps.ts'
import { confirmTyped } from '../../doors/cli/text/confirm.ts'
import { withProgress } from '../../doors/cli/text/progress.ts'
import { orAdvice } from '../../doors/cli/advice.ts'
import { CommandError, UsageError, type World } from '../../doors/cli/world.ts'
import { openInstallation, openStopped } from '../../host/installation.ts'
import type { StartServer } from './drill.ts'
import { restoreFromKeyProtect, restoreInstance, type RestoreInstanceFlags } from './from-server.ts'
import { acceptedNodeText, acceptedText, drillText, wholeBackupText } from './report-text.ts'

interface RestoreFileFlags {
  readonly config?: string
  readonly data?: string
  readonly rootKey?: string
  readonly identity?: string
  readonly audit?: string
  readonly checkpoint?: string
  readonly distrustNewer?: string
  readonly yes?: boolean
}

interface RestoreOptions extends RestoreFileFlags, RestoreInstanceFlags {
  readonly fromKeyProtect?: boolean
  readonly oldRootKey?: readonly string[]
  readonly partial?: boolean
  readonly ibmApiKeyFile?: string
  readonly instanceId?: string
  readonly name?: string
}

export const restoreCommand = verb<RestoreOptions>({
  words: 'restore [file]',
  summary:
    'restore a backup into an empty data folder, or one lost instance of it into a running server; or an instance with custody keyprotect whose database is lost, from its root key alone',
  flags: [
    [
      '--identity <file>',
      'with FILE: an age identity that the backup was made for, or the private key of a certificate; a new root key takes over',
    ],
    [
      '--audit <file>',
      'with FILE: an audit export of the last server; what was closed since is closed again',
    ],
    ['--checkpoint <file>', 'with FILE: a checkpoint of the last server; says how much is missing'],
    [
      '--distrust-newer <date>',
      'with FILE: certificates and CAs that were trusted after it are not any more',
    ],
    ['--instance <instance>', 'with FILE: this instance of it alone (name or id), into the running server'],
    ['--with-clients', 'with --instance: its clients are trusted again too; they are listed first'],
    ['--yes', 'with FILE: do not ask'],
    ['--from-key-protect', 'from the standard keys in Key Protect or HPCS'],
    [
      '--root-key <uri>',
      'its root key: keyprotect://HOST/INSTANCE/KEY or hpcs://...; with FILE: the one that opens it, such as file:/mnt/safe/root.key, relative to this folder (with --instance: on the server, relative to its data folder)',
    ],
    [
      '--old-root-key <uri...>',
      'an earlier root key of it, if it was moving from there or that one has expired',
    ],
    ['--partial', 'restore although a root key that you do not name seals some keys: these stay closed'],
    apiKeyFlag,
    ['--instance-id <id>', 'which instance, if the root key has sealed several'],
    ['--name <name>', 'a new name for the instance'],
  ],
  guarded: true,
  examples: [
    'restore mortise.backup --data /var/lib/mortise --root-key file:/mnt/safe/root.key',
    'restore mortise.backup --data /var/lib/mortise --audit audit.jsonl',
    'restore mortise.backup --instance production --with-clients',
    'restore --from-key-protect --root-key keyprotect://HOST/INSTANCE/KEY',
    'restore --from-key-protect --root-key hpcs://HOST/INSTANCE/KEY --ibm-api-key-file api.key --name production',
  ],
  action: async (run, options, file) => {
    if (file !== undefined && options.fromKeyProtect !== true) return fromFile(run, options, file)
    const { rootKey, oldRootKey, partial, ibmApiKeyFile, instanceId, name } = wellUsed(options, file)
    const body = {
      rootKey,
      ...(oldRootKey !== undefined && { oldRootKeys: [...oldRootKey] }),
      ...(partial !== undefined && { partial }),
      ...(instanceId !== undefined && { instance: instanceId }),
      ...(name !== undefined && { name }),
      ...(ibmApiKeyFile !== undefined && { ibmApiKey: await readApiKey(run.world, ibmApiKeyFile) }),
    }
    return restoreFromKeyProtect(run, body)
  },
})

/** Flags of one way to restore. With the other one they would do nothing, without a word. */
const ofFile = {
  identity: '--identity',
  audit: '--audit',
  checkpoint: '--checkpoint',
  distrustNewer: '--distrust-newer',
  instance: '--instance',
  withClients: '--with-clients',
} as const
const ofKeyProtect = {
  oldRootKey: '--old-root-key',
  partial: '--partial',
  ibmApiKeyFile: '--ibm-api-key-file',
  instanceId: '--instance-id',
} as const

function refuse(
  options: RestoreOptions,
  flags: Partial<Record<keyof RestoreOptions, string>>,
  way: string,
): void {
  for (const [name, flag] of Object.entries(flags))
    if (options[name as keyof RestoreOptions] !== undefined)
      throw new UsageError(`${flag} is for a restore ${way}`)
}

async function fromFile(run: Run, options: RestoreOptions, file: string): Promise<number | void> {
  const { instance, audit, checkpoint, distrustNewer, withClients, name } = options
  refuse(options, ofKeyProtect, 'from Key Protect: --from-key-protect')
  if (instance === undefined) {
    if (withClients !== undefined || name !== undefined)
      throw new UsageError('--with-clients and --name are for one instance of the backup: add --instance')
    return restoreWhole(run, options, file)
  }
  if ([audit, checkpoint, distrustNewer].some((one) => one !== undefined))
    throw new UsageError(
      '--audit, --checkpoint and --distrust-newer are for a whole backup, without --instance',
    )
  return restoreInstance(run, options, file)
}

/** The options, once they are known to be complete. UsageError otherwise. */
function wellUsed(
  options: RestoreOptions,
  file: string | undefined,
): RestoreOptions & { readonly rootKey: string } {
  if (file !== undefined)
    throw new UsageError(`say either a backup (${file}) or --from-key-protect, not both`)
  if (options.fromKeyProtect !== true)
    throw new UsageError(
      'say from where: mortise restore FILE --data DIR, or mortise restore --from-key-protect --root-key URI',
    )
  refuse(options, ofFile, 'of a backup: mortise restore FILE')
  const { rootKey } = options
  if (rootKey === undefined)
    throw new UsageError(
      '--root-key is missing: the root key that sealed the instance, keyprotect://... or hpcs://...',
    )
  return { ...options, rootKey }
}

async function restoreWhole(run: Run, flags: RestoreFileFlags, file: string): Promise<void> {
  const { world } = run
  const { config, data, rootKey, identity, audit, checkpoint, distrustNewer, yes = false } = flags
  const opening = {
    file,
    ...(rootKey !== undefined && { rootKey }),
    ...(identity !== undefined && { identity }),
    ...(audit !== undefined && { audit }),
    ...(checkpoint !== undefined && { checkpoint: await readCheckpoint(checkpoint) }),
    ...(distrustNewer !== undefined && {
      distrustNewerMs: Date.parse(run.time('--distrust-newer', distrustNewer)),
    }),
    confirm: async (question: string) => {
      if (!yes && !(await confirmTyped(world, question, ['yes'])))
        throw new CommandError('nothing was restored')
    },
  }
  const installation = await openInstallation(world, { config, data })
  const { restoreFile } = await import('./sources/file.ts')
  const restored = await withProgress(world.stderr, 'records restored', (onProgress) =>
    orAdvice(
      'nothing was restored',
      installation.config,
      restoreFile(installation, { ...opening, onProgress }),
    ),
  )
  run.show(restored, () =>
    wholeBackupText(restored, `${world.command} restore-accept${sameServer({ config, data })}`),
  )
}

interface AcceptOptions {
  readonly config?: string
  readonly data?: string
  readonly anyway?: boolean
}

export const restoreAcceptCommand = verb<AcceptOptions>({
  words: 'restore-accept',
  summary:
    'accept a database that was restored, that is older than its anchor, or that comes from another machine; revokes every token and creates a new one',
  flags: [
    ['--data <dir>', 'data folder; no server may run on it (default: as configured, else ./mortise-data)'],
    [
      '--config <file>',
      'configuration file (default: that of MORTISE_CONFIG, else mortise.toml in this folder)',
    ],
    ['--anyway', 'even if nothing is wrong, after database and anchor were restored together'],
  ],
  examples: ['restore-accept --data /var/lib/mortise'],
  offline: true,
  action: async ({ world, json, show, next }, { config, data, anyway = false }) => {
    const stopped = await openStopped(world, { config, data }, json)
    const { acceptDatabase } = await import('../../host/restore-accept.ts')
    const accepting = acceptDatabase(stopped, anyway)
    const accepted = await orAdvice('the restore was not accepted', stopped.config, accepting)
    if ('anchorFile' in accepted) return show(accepted, () => acceptedNodeText(accepted))
    show(accepted, () => acceptedText(accepted, next))
  },
})

interface DrillOptions {
  readonly config?: string
  readonly data?: string
  readonly rootKey?: string
}

export function backupDrillCommand(
  world: World & { readonly startServer: StartServer },
  outcome: CommandOutcome,
): Command {
  const { startServer } = world
  return verb<DrillOptions>({
    words: 'drill <file>',
    summary:
      'start a server on a backup, on loopback and in a temporary folder, and fetch keys from it as vCenter does; exit code 1 when it fails',
    flags: [
      [
        '--root-key <uri>',
        'the root key that opens it, a file relative to this folder (default: the one that it names, in the data folder)',
      ],
      ['--data <dir>', 'data folder with the root key file (default: as configured, else ./mortise-data)'],
      [
        '--config <file>',
        'configuration file (default: that of MORTISE_CONFIG, else mortise.toml in this folder)',
      ],
    ],
    examples: ['backup drill /mnt/usb/mortise.backup --root-key file:/mnt/safe/root.key'],
    offline: true,
    action: async ({ show }, { rootKey, config, data }, file = '') => {
      const opening = { file, ...(rootKey !== undefined && { rootKey }) }
      const installation = await openInstallation(world, { config, data })
      const { drillBackup } = await import('./drill.ts')
      const drill = await withProgress(world.stderr, 'records restored', (onProgress) => {
        const drilled = drillBackup(installation, startServer, { ...opening, onProgress })
        return orAdvice('the drill failed', installation.config, drilled)
      })
      show(drill, () => drillText(drill))
      return drill.ok ? 0 : 1
    },
  })(world, outcome)
}
