// `mortise restore --from-key-protect`: rebuilds an instance whose database is lost from the standard keys beside its root
// key. The command starts the restore and shows its progress; the server does it. Interrupting the command does not stop it.

import type { Command } from 'commander'
import { counted } from '../../base/text/counted.ts'
import type { Output } from '../../doors/http/route.ts'
import type { AdminClient } from '../../doors/http/client.ts'
import { Refusal } from '../../base/refusal.ts'
import { shellWord } from '../../base/text/shell-word.ts'
import { verb, type Outcome, type Run } from '../../doors/cli/command.ts'
import { readApiKey } from '../../doors/cli/files.ts'
import { apiKeyFlag } from '../instances/commands/instance-work.ts'
import { restoreFromFile, type RestoreFileFlags } from './restore-file-command.ts'
import { facts, namedList, plain } from '../../doors/cli/text/output.ts'
import { restoreInstance, type RestoreInstanceFlags } from './restore-instance.ts'
import { shortTime } from '../../doors/cli/text/time.ts'
import { goneInRestore, untilEnded } from '../../doors/cli/watch-work.ts'
import { UsageError, type World } from '../../doors/cli/world.ts'
import { restoreRoutes } from './routes.ts'

interface RestoreOptions extends RestoreFileFlags, RestoreInstanceFlags {
  readonly fromKeyProtect?: boolean
  readonly oldRootKey?: readonly string[]
  readonly partial?: boolean
  readonly ibmApiKeyFile?: string
  readonly instanceId?: string
  readonly name?: string
}

export function restoreCommand(world: World, outcome: Outcome): Command {
  return verb<RestoreOptions>(world, outcome, {
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
        ...(ibmApiKeyFile !== undefined && { ibmApiKey: await readApiKey(world, ibmApiKeyFile) }),
      }
      const admin = await run.client()
      return watch(run, admin, await admin.call(restoreRoutes.beginRestore, { body }))
    },
  })
}

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
    return restoreFromFile(run, options, file)
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

type Restore = Output<typeof restoreRoutes.showRestore>
type Report = Exclude<Restore['report'], null>

const lookEveryMs = 500

const steps: Record<Restore['step'], string> = {
  list: 'standard keys found',
  keys: 'standard keys read',
  write: 'objects written',
}

async function watch(run: Run, admin: AdminClient, begun: Restore): Promise<number> {
  const { stderr } = run.world
  const look = () => admin.call(restoreRoutes.showRestore, { restore: begun.id })
  const last = await untilEnded(begun, { stderr, steps, everyMs: lookEveryMs, look, gone: goneInRestore })
  if (last.state === 'running') {
    stderr.write('The server goes on with it. Give the same command again to see how far it is.\n')
    return 1
  }
  const { report } = last
  if (!report) throw refused(last)
  run.show(report, () => reportText(report))
  run.tell(nextSteps(report))
  return 0
}

function refused({ error, choices }: Restore): Refusal {
  const { code, message, hint } = error ?? { code: 'internal', message: 'it failed', hint: null }
  const listed = choices.map(
    ({ instance, keys, newest }) =>
      `${instance} (${counted(keys, 'key')}, newest ${shortTime(newest) || 'unknown'})`,
  )
  const text = listed.length === 0 ? message : `${message}: ${listed.join('; ')}`
  return new Refusal(code, text, hint ?? undefined)
}

function shownObject({ id, name }: Report['deleted'][number]): string {
  return name === null ? id : `${id} (${name})`
}

const states =
  '\nKeys that were not revoked are Active, with the Names that they were created with. What clients noted on them later is in a backup of the database alone.\n'

function reportText(report: Report): string {
  const { instance, objects, opens } = report
  const counts = Object.entries(objects).map(([state, count]) => `${count} ${state}`)
  const first = facts([
    ['Instance', `${instance.name} (${instance.id})`],
    ['Objects', counts.length === 0 ? 'none' : counts.join(', ')],
    ['With their keys', String(opens)],
  ])
  return `The instance is back.\n${first}${states}${remarks(report).join('')}`
}

function remarks(report: Report): string[] {
  const { instance, formerName, deleted, elsewhere, unnamed, gone, ignored, movesFrom, leftFor, deletedAt } =
    report
  return [
    ...(movesFrom === null
      ? []
      : [
          plain`\nIt was on its way from ${movesFrom}, and goes on in the background: mortise instance show ${shellWord(instance.name)}\n`,
        ]),
    ...(formerName !== null && formerName !== instance.name
      ? [
          plain`\nIts name was ${formerName}. Names can be changed: mortise instance set ${shellWord(instance.name)} --name NAME\n`,
        ]
      : []),
    list(
      'was deleted in Key Protect and stays revoked. Whoever restores it there (within 30 days) makes it open again',
      'were deleted in Key Protect and stay revoked. Whoever restores them there (within 30 days) makes them open again',
      deleted.map(shownObject),
    ),
    ...(leftFor === null
      ? []
      : [
          plain`\nSince ${shortTime(leftFor.at)} it was on its way into the database, under ${leftFor.rootKey}. Keys that had been deleted here for that are lost with it, and among the deleted ones above.\n`,
        ]),
    list(
      'does not open: a root key that was not named sealed it',
      'do not open: a root key that was not named sealed them',
      elsewhere.map(shownObject),
    ),
    list(
      'lost this Name, which an object has that was made later',
      'lost these Names, which objects have that were made later',
      unnamed.map(shownObject),
    ),
    ...(deletedAt === null
      ? []
      : [
          plain`\nIt was deleted at ${shortTime(deletedAt)}, and its standard keys with it. What their owner restores in Key Protect within 30 days of that opens again: restore those first, then delete this instance and restore it anew.\n`,
        ]),
    ...(gone === 0
      ? []
      : [
          `\n${counted(gone, 'key is', 'keys are')} not back: all that Key Protect had of ${gone === 1 ? 'it was deleted there, because it was destroyed' : 'them was deleted there, because they were destroyed'}, or by its owner.\n`,
        ]),
    list(
      'standard key was left as it is',
      'standard keys were left as they are',
      ignored.map(({ id, name, why }) => `${name} (${id}): ${why}`),
    ),
  ]
}

function list(one: string, several: string, named: readonly string[]): string {
  return namedList({ count: named.length, named }, one, several)
}

function nextSteps({ instance }: Report): string {
  return plain`
Clients are not in Key Protect. For each vCenter:
  1. Let it meet this server, and trust its certificate here:
       mortise client pending
       mortise client trust --instance ${shellWord(instance.name)} --name vcenter-1 --pending SHA256
  2. In vCenter trust this server's certificate, which is another one than before:
       Configure > Security > Key Providers > Establish Trust > Make vCenter Trust KMS
The server that had the instance before must not come back beside this one.
`
}
