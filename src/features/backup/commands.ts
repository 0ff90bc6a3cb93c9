// `mortise backup ...`: backups of a running server. Verifying needs no server (verify-command.ts).

import type { CommandPlugs } from '../../doors/cli/plugs.ts'
import { open } from 'node:fs/promises'
import path from 'node:path'
import { counted, keysAndObjects } from '../../base/text/counted.ts'
import { WaitsForApproval, type AdminClient } from '../../doors/http/client.ts'
import type { Output } from '../../doors/http/route.ts'
import { noun, verb, type Run } from '../../doors/cli/command.ts'
import { command } from '../../doors/cli/route-command.ts'
import { confirmTyped } from '../../doors/cli/text/confirm.ts'
import { mustBeFree, readRecipients, writeWhole } from '../../doors/cli/files.ts'
import { backupVerifyCommand } from './verify-command.ts'
import { plain, sizeText, table } from '../../doors/cli/text/output.ts'
import { shortTime } from '../../doors/cli/text/time.ts'
import { withProgress } from '../../doors/cli/text/progress.ts'
import { showWaiting } from '../../doors/cli/waiting.ts'
import { CommandError, UsageError } from '../../doors/cli/world.ts'
import { backupRoutes } from './routes.ts'

export const backupCommands = noun('backup', 'backups of everything, made while the server goes on', () => [
  createCommand,
  listCommand,
  backupVerifyCommand,
])

interface CreateOptions {
  readonly recipient?: readonly string[]
  readonly force?: boolean
  readonly yes?: boolean
}

type Made = Output<typeof backupRoutes.createBackup>

const progressEveryMs = 500

const createCommand = verb<CreateOptions>({
  words: 'create [file]',
  summary: "make a backup in the server's folder, and with FILE a copy of it here",
  flags: [
    [
      '--recipient <recipient...>',
      'also for the holder of the identity of this age recipient (age1...), or of the private key of the certificate in this file, without the root keys; several are possible',
    ],
    ['--force', 'replace FILE'],
    ['--yes', 'with --recipient: do not ask'],
  ],
  guarded: true,
  examples: [
    'backup create',
    'backup create /mnt/usb/mortise.backup',
    'backup create mortise.backup --recipient age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p',
  ],
  action: async (run, options, file) => {
    const { recipient = [], force = false } = options
    const recipients = await readRecipients(run.world, [recipient].flat())
    if (recipients.length > 0) await confirmRecipients(run, options)
    if (file === '-') throw new UsageError('a backup is written to a file, not to standard output')
    if (file !== undefined) await mustBeFree([file], force)
    const admin = await run.client()
    const made = await create(run, admin, recipients).catch((error: unknown) => {
      if (file === undefined || !(error instanceof WaitsForApproval)) throw error
      return showWaiting(run, error, noCopy(run, file))
    })
    if (typeof made === 'number') return made
    if (file !== undefined) await download(admin, made, file, force)
    const shown = { ...made, ...(file !== undefined && { copy: path.resolve(file) }) }
    run.show(shown, () => madeText(made, file))
    return 0
  },
})

async function confirmRecipients({ world }: Run, { yes = false }: CreateOptions): Promise<void> {
  if (yes) return
  const question =
    'The holder of an identity of these recipients can open this backup without the root keys, also after a root key was\n' +
    'withdrawn or deleted to make all keys unreadable. Type yes to make it: '
  if (await confirmTyped(world, question, ['yes'])) return
  throw new CommandError('nothing was done')
}

/** The server makes the backup once a second person has approved it. This command has ended then and fetches no copy. */
function noCopy(run: Run, file: string): string {
  return plain`
No copy comes to ${file}: once approved, the backup is in the server's folder alone, and this shows its name:

  ${run.next('backup list')}

To have the copy, cancel this one, and give the command again with --wait.
`
}

/** Tells how far the server is, while it answers. */
async function create(run: Run, admin: AdminClient, recipients: string[]): Promise<Made> {
  return withProgress(run.world.stderr, 'records backed up', async (onProgress) => {
    const look = async () => {
      const { status } = await admin.call(backupRoutes.listBackups)
      const { running } = status
      if (running && running.total > 0) onProgress(running.done, running.total)
    }
    const timer = setInterval(() => void look().catch(() => undefined), progressEveryMs)
    try {
      return await admin.call(backupRoutes.createBackup, { body: { recipients } })
    } finally {
      clearInterval(timer)
    }
  })
}

async function download(admin: AdminClient, made: Made, file: string, force: boolean): Promise<void> {
  const mayAppear = () => mustBeFree([file], force)
  await writeWhole(file, mayAppear, async (handle) => {
    let bytes = 0
    for await (const part of await admin.call(backupRoutes.readBackup, { backup: made.id })) {
      await handle.writeFile(part)
      bytes += part.length
    }
    if (bytes !== made.bytes) throw new CommandError('the backup was not received whole; nothing was kept')
  })
  await syncFolder(path.dirname(file))
}

async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, 'r')
  await handle.sync()
}

function madeText(
  { file, objects, entries, bytes, rootKeys, recipients }: Made,
  copy: string | undefined,
): string {
  const where = copy === undefined ? '' : plain` It was copied to ${copy}.`
  const others =
    recipients.length === 0 ? '' : plain` Without any of these it opens for: ${recipients.join(', ')}.`
  return plain`A backup of ${keysAndObjects(objects)} and ${counted(entries, 'audit entry', 'audit entries')}, ${sizeText(bytes)}, is in ${file}.${where}
It opens with: ${rootKeys.join(', ')}.${others} Keep a copy of a root key file elsewhere: it is not in the backup.
`
}

const listCommand = command(backupRoutes.listBackups, {
  words: 'list',
  summary: "the backups in the server's folder, newest first",
  examples: ['backup list', 'backup list --json'],
  goOn: ({ backups, status }, { run }) => {
    run.show(backups, () => listText(backups, status))
    return 0
  },
})

function listText(
  backups: readonly Made[],
  { folder, keysAtRisk, keysOnlyHere }: Output<typeof backupRoutes.listBackups>['status'],
): string {
  const rows = backups.map(({ created, objects, bytes, elsewhere, file }) => [
    shortTime(created),
    String(objects),
    sizeText(bytes),
    elsewhere ? 'yes' : 'no',
    path.basename(file),
  ])
  const list =
    rows.length === 0
      ? plain`No backups in ${folder}.\n`
      : table(['CREATED', 'OBJECTS', 'SIZE', 'ELSEWHERE', 'FILE'], rows)
  return `${list}${counted(keysAtRisk, 'key is', 'keys are')} in no backup; ${keysOnlyHere} in no backup that was copied elsewhere.\n`
}

export const bundleParts: CommandPlugs['bundle'] = [
  { name: 'backups.json', read: (admin) => admin.call(backupRoutes.listBackups) },
]
