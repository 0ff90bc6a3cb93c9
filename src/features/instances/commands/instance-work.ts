// `mortise instance set-root-key` and `rewrap`: the command starts the work and shows its progress; the server does it.
// Interrupting the command does not stop the server.

import { counted } from '../../../base/text/counted.ts'
import type { AdminClient } from '../../../doors/http/client.ts'
import type { Output } from '../../../doors/http/route.ts'
import { shellWord } from '../../../base/text/shell-word.ts'
import { wholeNumber, type Run } from '../../../doors/cli/command.ts'
import { command, type Done } from '../../../doors/cli/route-command.ts'
import { apiKeyFlag, readApiKey } from '../../../doors/cli/files.ts'
import { isRootKeyFile } from '../../../base/root-key-file.ts'
import { instanceFacts, workFacts } from './instance-text.ts'
import { plain } from '../../../doors/cli/text/output.ts'
import { Progress } from '../../../doors/cli/text/progress.ts'
import { awayText, interruptible, isAway, pause } from '../../../doors/cli/watch-work.ts'
import { CommandError, type World } from '../../../doors/cli/world.ts'
import { auditRoutes } from '../../audit/routes.ts'
import { instanceRoutes } from '../routes.ts'

export const apiKeyField = [...apiKeyFlag, ({ world }: Run, file: string) => readApiKey(world, file)] as const

const waitFields = {
  wait: ['--no-wait', 'start the work and return; the server does it in the background'],
  giveUpAfter: ['--give-up-after <seconds>', 'stop waiting after so long without progress (default: 60)'],
} as const

export const setRootKeyCommand = command(instanceRoutes.setRootKey, {
  words: 'set-root-key <name>',
  summary: 'move an instance to another root key or custody while its clients go on',
  fields: {
    rootKey: ['--root-key <uri>', 'the new root key; a file (file:NAME.key) is created'],
    custody: 'where to store its sealed keys (default for files: database)',
    ibmApiKey: apiKeyField,
    ...waitFields,
  },
  examples: [
    'instance set-root-key production --root-key keyprotect://HOST/INSTANCE/KEY --custody database',
    'instance set-root-key production --root-key hpcs://HOST/INSTANCE/KEY --custody keyprotect --ibm-api-key-file new.key',
    'instance set-root-key production --root-key file:new.key --no-wait',
  ],
  goOn: (begun, done) => {
    warn(done.run.world, begun.warnings)
    return watch(begun, done)
  },
})

export const rewrapCommand = command(instanceRoutes.rewrapInstance, {
  words: 'rewrap <name>',
  summary: 'wrap all keys of an instance with the newest version of its root key, after its rotation',
  fields: waitFields,
  examples: ['instance rewrap production', 'instance rewrap production --no-wait --json'],
  goOn: watch,
})

/** Prints warnings about a chosen root key on standard error. */
export function warn({ stderr }: World, warnings: readonly string[]): void {
  for (const warning of warnings) stderr.write(plain`Warning: ${warning}\n`)
}

type Begun = Output<typeof instanceRoutes.rewrapInstance>
type Entry = Output<typeof auditRoutes.listInstanceAudit>['entries'][number]

/** Waits for the end of the work, unless --no-wait; the exit code. */
async function watch(
  begun: Begun,
  { run, admin, options }: Pick<Done<typeof instanceRoutes.rewrapInstance>, 'run' | 'admin' | 'options'>,
): Promise<number> {
  const show = run.next(`instance show ${shellWord(begun.name)}`)
  if (options['wait'] === false) {
    run.show(begun, () => instanceFacts(begun, workFacts(begun, begun.work)))
    run.tell(plain`\nThe server does it in the background. How far it is: ${show}\n`)
    return 0
  }
  const giveUpMs = wholeNumber('--give-up-after', String(options['giveUpAfter'] ?? '60')) * 1000
  const { world } = run
  const result = await interruptible((interrupted) =>
    untilDone({ admin, begun, giveUpMs, interrupted, show, world }),
  )
  if (result === 'interrupted') {
    world.stderr.write(plain`The server goes on with it. How far it is: ${show}\n`)
    return 1
  }
  const { work: _, ...instance } = begun
  run.show({ ...instance, work: null, result }, () => resultText(begun, result, run.next))
  return 0
}

const lookEveryMs = 500

async function untilDone(watched: {
  readonly admin: AdminClient
  readonly begun: Begun
  readonly giveUpMs: number
  readonly interrupted: AbortSignal
  /** The command that shows how far it is. */
  readonly show: string
  readonly world: World
}): Promise<Result | 'interrupted'> {
  const { admin, begun, giveUpMs, interrupted, show, world } = watched
  const progress = new Progress(world.stderr, begun.work.kind === 'move' ? 'moved' : 'rewrapped')
  let moved = { done: -1, atMs: performance.now() }
  try {
    while (!interrupted.aborted) {
      const work = await workNow(admin, begun)
      if (work === null) {
        const result = await resultOf(admin, begun, show)
        progress.finish(result.left)
        return result
      }
      if (work.id !== begun.work.id) throw sentElsewhere(begun, show)
      const { done, total, trouble } = work
      if (done !== null && done !== moved.done) moved = { done, atMs: performance.now() }
      progress.tell({ done, total, trouble })
      if (trouble !== null && performance.now() - moved.atMs >= giveUpMs)
        throw new CommandError(
          `it does not go on: ${trouble}`,
          `The server tries again by itself. How far it is: ${show}`,
        )
      await pause(lookEveryMs, interrupted)
    }
    return 'interrupted'
  } finally {
    progress.end()
  }
}

function sentElsewhere({ name }: Begun, show: string): CommandError {
  return new CommandError(`the instance ${name} was sent elsewhere meanwhile`, `See where: ${show}`)
}

/** The work as it is now, or null when it has ended. A server that restarts continues the work, so the command waits. */
async function workNow(admin: AdminClient, { id, work }: Begun): Promise<Begun['work'] | null> {
  try {
    return (await admin.call(instanceRoutes.showInstance, { instance: id })).work
  } catch (error) {
    if (!isAway(error)) throw error
    return { ...work, done: null, total: null, trouble: awayText(error) }
  }
}

/** The counts in the audit entry of the end. */
interface Result {
  readonly dataKeys: number
  readonly objects: number
  /** Keys that do not open, which the server left where they are. */
  readonly left: number
}

async function resultOf(admin: AdminClient, begun: Begun, show: string): Promise<Result> {
  const { id, work } = begun
  const action = `${work.kind === 'move' ? 'instance.set-root-key' : 'instance.rewrap'}.done`
  const { entries } = await admin.call(auditRoutes.listInstanceAudit, {
    instance: id,
    query: { action, limit: 100 },
  })
  const detail = entries.find((entry: Entry) => entry.detail?.['work'] === work.id)?.detail
  if (!detail) throw sentElsewhere(begun, show)
  const [dataKeys = 0, objects = 0, left = 0] = ['dataKeys', 'objects', 'left'].map((name) =>
    Number(detail[name] ?? 0),
  )
  return { dataKeys, objects, left }
}

function resultText(begun: Begun, { dataKeys, objects, left }: Result, next: Run['next']): string {
  const { name, rootKey, custody, work } = begun
  const counts = `${counted(dataKeys, 'data key')} and ${counted(objects, 'object')}`
  const lost =
    left === 0
      ? ''
      : `\nLeft as they are, since they do not open (deleted in the service, or altered): ${left}.\n`
  if (work.kind === 'rewrap' && dataKeys + objects + left === 0)
    return `${plain`The instance ${name} is under the newest version of ${rootKey} already: there was nothing to bring there.`}\n${lost}`
  if (work.kind === 'rewrap')
    return `${plain`The instance ${name} is under the newest version of ${rootKey}: ${counts} were brought there.`}\n${lost}`
  const wasThere = work.from.rootKey === rootKey && work.from.custody === custody
  if (wasThere && dataKeys + objects + left === 0)
    return plain`The instance ${name} was sealed by ${rootKey}, custody ${custody}, before: there was nothing to move.\n`
  return `${plain`The instance ${name} is sealed by ${rootKey}, custody ${custody}: ${counts} were moved.`}
${lost}
${backupsText(begun, left)}
The server's own secrets stay under the server's root key (server.rootKey), which this does not change: keep that, too.
${isRootKeyFile(rootKey) && !wasThere ? `\nNow copy the new file elsewhere, and prove the copy: ${next('root-key verify-copy FILE')}\n` : ''}`
}

function backupsText({ rootKey, work: { from } }: Begun, left: number): string {
  const same = from.rootKey === rootKey
  const unneeded = same
    ? ''
    : left > 0
      ? plain`If what was left is to open again one day, keep the root key that sealed it: ${from.rootKey}, or an earlier one. Nothing else of the instance needs them any more. `
      : plain`The instance does not need ${from.rootKey} any more. `
  if (from.leavesStandardKeys)
    return plain`${unneeded}Backups of the database from before need the standard keys beside ${from.rootKey}, which are deleted now (for 30 days they can be restored there): make a new backup.`
  return same
    ? 'Backups of the database from before open with the same root key.'
    : `${unneeded}Backups of the database from before do: keep it as long as them.`
}
