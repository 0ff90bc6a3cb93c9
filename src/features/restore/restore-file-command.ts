// `mortise restore FILE`: a data folder's database is made of a backup. Works without a server, into an empty folder; the
// work is features/restore/restore-backup.ts's, and main.ts hands it in.

import { counted, keysAndObjects } from '../../base/text/counted.ts'
import { confirmTyped } from '../../doors/cli/text/confirm.ts'
import type { Run } from '../../doors/cli/command.ts'
import { facts, namedList, plain } from '../../doors/cli/text/output.ts'
import { sameServer } from '../../doors/cli/next-steps.ts'
import { shortTime } from '../../doors/cli/text/time.ts'
import { withProgress } from '../../doors/cli/text/progress.ts'
import { CommandError, type RestoredBackup } from '../../doors/cli/world.ts'
import { readCheckpoint } from '../../doors/cli/checkpoint-file.ts'

export interface RestoreFileFlags {
  readonly config?: string
  readonly data?: string
  readonly rootKey?: string
  readonly identity?: string
  readonly audit?: string
  readonly checkpoint?: string
  readonly distrustNewer?: string
  readonly yes?: boolean
}

export async function restoreFromFile(run: Run, flags: RestoreFileFlags, file: string): Promise<void> {
  const { world } = run
  const { config, data, rootKey, identity, audit, checkpoint, distrustNewer, yes = false } = flags
  const restored = await withProgress(world.stderr, 'records restored', async (onProgress) =>
    world.restoreFile(
      { config, data },
      {
        file,
        ...(rootKey !== undefined && { rootKey }),
        ...(identity !== undefined && { identity }),
        ...(audit !== undefined && { audit }),
        ...(checkpoint !== undefined && { checkpoint: await readCheckpoint(checkpoint) }),
        ...(distrustNewer !== undefined && {
          distrustNewerMs: Date.parse(run.time('--distrust-newer', distrustNewer)),
        }),
        confirm: async (question) => {
          if (!yes && !(await confirmTyped(world, question, ['yes'])))
            throw new CommandError('nothing was restored')
        },
        onProgress,
      },
    ),
  )
  run.show(restored, () =>
    restoredText(restored, `${world.command} restore-accept${sameServer({ config, data })}`),
  )
}

function restoredText(restored: RestoredBackup, accept: string): string {
  const { created, instances, entries, clients, applied, beyond } = restored
  const first = facts([
    ['Backup of', shortTime(created)],
    [
      'Instances',
      instances.map(({ name, objects }) => `${name} (${keysAndObjects(objects)})`).join(', ') || 'none',
    ],
    ['Audit', counted(entries, 'entry', 'entries')],
    ['Clients', clients.join(', ') || 'none'],
  ])
  const since =
    applied === null
      ? 'What was revoked, destroyed or withdrawn after the backup is open again: no audit export was given.\n'
      : plain`Applied again from the audit export (${counted(applied.entries, 'entry', 'entries')} up to ${shortTime(applied.upTo) || 'the backup'}): ${counted(applied.revoked, 'key')} revoked, ${applied.destroyed} destroyed, ${applied.broughtBack} brought back, ${counted(applied.blocked, 'certificate')} blocked.\n`
  const lost =
    beyond === null
      ? ''
      : beyond.entries === 0
        ? plain`The checkpoint of ${shortTime(beyond.at)} names no audit entry that the backup lacks. What the server did after that time, it cannot say.\n`
        : plain`The server wrote ${counted(beyond.entries, 'audit entry', 'audit entries')} after the backup, up to ${shortTime(beyond.at)} at least: keys that it made then are not back.\n`
  return `The database was restored.\n${first}\n${since}${lost}${lists(restored)}${nextSteps(restored, accept)}`
}

function lists({ keysLost, withdrawn, limited, rootKeysMissing }: RestoredBackup): string {
  return [
    list(
      'key was made after the backup and is lost',
      'keys were made after the backup and are lost',
      keysLost ?? [],
    ),
    list('is not trusted any more', 'are not trusted any more', withdrawn),
    list(
      'may ask for no more than it was allowed last',
      'may ask for no more than they were allowed last',
      limited,
    ),
    list(
      'root key file to bring into the data folder before you start',
      'root key files to bring into the data folder before you start',
      rootKeysMissing,
    ),
  ].join('')
}

function list(one: string, several: string, named: readonly string[]): string {
  return namedList({ count: named.length, named }, one, several)
}

function nextSteps({ instances }: RestoredBackup, accept: string): string {
  const keyProtect = instances.some(({ custody }) => custody === 'keyprotect')
  const newer = keyProtect
    ? 'Instances with the custody keyprotect take from Key Protect what is newer there, once the server runs.\n'
    : ''
  return plain`
${newer}It serves nothing yet. See that the server before does not run any more, then:

  ${accept}

That ends all tokens and prints a new one.
`
}
