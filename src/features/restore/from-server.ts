// The restores that a running server does: the command sends the file, shows what the restore would do, asks, begins it and watches it.
// Interrupting the command does not stop the server.

import { open, readFile, type FileHandle } from 'node:fs/promises'
import { counted } from '../../base/text/counted.ts'
import { adminBodyBytesMax } from '../../base/bounds.ts'
import { Refusal, type ErrorCode } from '../../base/refusal.ts'
import type { Run } from '../../doors/cli/command.ts'
import { confirmTyped } from '../../doors/cli/text/confirm.ts'
import { withProgress } from '../../doors/cli/text/progress.ts'
import { shortTime } from '../../doors/cli/text/time.ts'
import { goneInRestore, untilEnded } from '../../doors/cli/watch-work.ts'
import { CommandError, UsageError } from '../../doors/cli/world.ts'
import type { AdminClient } from '../../doors/http/client.ts'
import type { Input, Output } from '../../doors/http/route.ts'
import { instanceQuestion, instanceText, type BackupPreview } from './question.ts'
import { afterBackup, afterKeyProtect, backupText, keyProtectText } from './report-text.ts'
import { restoreRoutes } from './routes.ts'

export interface RestoreInstanceFlags {
  readonly instance?: string
  readonly rootKey?: string
  readonly identity?: string
  readonly name?: string
  readonly withClients?: boolean
  readonly yes?: boolean
}

type KeyProtectRestore = Output<typeof restoreRoutes.showRestore>
type BackupRestore = Output<typeof restoreRoutes.showInstanceRestore>
type Opening = Input<typeof restoreRoutes.previewInstanceRestore>['body']

const lookEveryMs = 500
const kibibyte = 1024

export async function restoreFromKeyProtect(
  run: Run,
  body: Input<typeof restoreRoutes.beginRestore>['body'],
): Promise<number> {
  const admin = await run.client()
  const begun = await admin.call(restoreRoutes.beginRestore, { body })
  const last = await untilEnded(begun, {
    stderr: run.world.stderr,
    steps: {
      list: 'standard keys found',
      keys: 'standard keys read',
      write: 'objects written',
    } satisfies Record<KeyProtectRestore['step'], string>,
    everyMs: lookEveryMs,
    look: () => admin.call(restoreRoutes.showRestore, { restore: begun.id }),
    gone: goneInRestore,
  })
  return ended(run, last, {
    goesOn: 'Give the same command again to see how far it is.',
    choices: last.choices.map(
      ({ instance, keys, newest }) =>
        `${instance} (${counted(keys, 'key')}, newest ${shortTime(newest) || 'unknown'})`,
    ),
    text: keyProtectText,
    next: afterKeyProtect,
  })
}

export async function restoreInstance(run: Run, flags: RestoreInstanceFlags, file: string): Promise<number> {
  const { instance, rootKey, identity, name, withClients = false } = flags
  if (identity !== undefined && rootKey !== undefined)
    throw new UsageError('give either --identity or --root-key: one of them opens the backup')
  const opened = {
    ...(instance !== undefined && { instance }),
    ...(rootKey !== undefined && { rootKey }),
    ...(name !== undefined && { name }),
    ...(identity !== undefined && { identity: await readIdentity(identity) }),
  }
  const admin = await run.client()
  const upload = await send(run, admin, file)
  let last: ReturnType<typeof work>
  try {
    const opening = { upload, ...opened }
    const preview = await admin.call(restoreRoutes.previewInstanceRestore, { body: opening })
    const begun = await beginConfirmed(run, admin, { flags, opening, preview })
    last = await untilEnded(work(begun), {
      stderr: run.world.stderr,
      steps: {
        check: 'records read',
        write: 'records restored',
      } satisfies Record<BackupRestore['step'], string>,
      everyMs: lookEveryMs,
      look: async () => work(await admin.call(restoreRoutes.showInstanceRestore, { restore: begun.id })),
      gone: goneInRestore,
    })
  } catch (error) {
    await admin.call(restoreRoutes.removeUpload, { upload }).catch(() => undefined)
    throw error
  }
  return ended(run, last, {
    goesOn: 'See: mortise instance list',
    choices: [],
    text: backupText,
    next: (report) => afterBackup(report, withClients),
  })
}

/** The restore waits for nothing: a service that does not answer ends it. */
function work(restore: BackupRestore) {
  return { ...restore, total: restore.total === 0 ? null : restore.total, trouble: null }
}

async function readIdentity(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new CommandError(`the identity ${file} cannot be read`, undefined, { cause })
  })
}

/** The id of the upload. */
async function send({ world }: Run, admin: AdminClient, file: string): Promise<string> {
  await using handle = await open(file, 'r').catch((cause: unknown) => {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    throw new CommandError(missing ? `there is no file ${file}` : `${file} cannot be read`, undefined, {
      cause,
    })
  })
  const stats = await handle.stat()
  if (!stats.isFile()) throw new CommandError(`${file} is not a file`)
  if (stats.size === 0) throw new CommandError(`${file} is empty: it is not a backup of Mortise`)
  const { id } = await admin.call(restoreRoutes.beginUpload, { body: { bytes: stats.size } })
  try {
    await withProgress(world.stderr, 'KiB sent', (onProgress) =>
      sendParts(admin, { id, handle, bytes: stats.size }, onProgress),
    )
    return id
  } catch (error) {
    await admin.call(restoreRoutes.removeUpload, { upload: id }).catch(() => undefined)
    throw error
  }
}

async function sendParts(
  admin: AdminClient,
  { id, handle, bytes }: { readonly id: string; readonly handle: FileHandle; readonly bytes: number },
  onProgress: (done: number, total: number) => void,
): Promise<void> {
  const part = Buffer.alloc(Math.min(adminBodyBytesMax, bytes))
  for (let at = 0; at < bytes;) {
    const { bytesRead } = await handle.read(part, 0, Math.min(part.length, bytes - at), at)
    if (bytesRead === 0) throw new CommandError('the file grew shorter while it was sent')
    const body = part.subarray(0, bytesRead)
    at = (await admin.call(restoreRoutes.addUploadPart, { upload: id, query: { at: String(at) }, body }))
      .received
    onProgress(Math.ceil(at / kibibyte), Math.ceil(bytes / kibibyte))
  }
}

async function beginConfirmed(
  run: Run,
  admin: AdminClient,
  request: {
    readonly flags: RestoreInstanceFlags
    readonly opening: Opening
    readonly preview: BackupPreview
  },
): Promise<BackupRestore> {
  const { flags, opening, preview } = request
  const { withClients = false, yes = false } = flags
  const question = instanceQuestion(preview, withClients)
  run.world.stderr.write(instanceText(preview))
  if (question !== '' && !yes) {
    const words = `${question}Type yes to restore it: `
    if (!(await confirmTyped(run.world, words, ['yes']))) throw new CommandError('nothing was restored')
  }
  const clients = withClients ? preview.clients.map(({ id }) => id) : []
  return admin.call(restoreRoutes.beginInstanceRestore, {
    body: { ...opening, clients, confirmed: preview.needed },
  })
}

/** Shows the report of a restore that is done; the exit code. Throws the Refusal of one that failed. */
function ended<Report>(
  run: Run,
  {
    state,
    report,
    error,
  }: {
    readonly state: KeyProtectRestore['state']
    readonly report: Report | null
    readonly error: KeyProtectRestore['error']
  },
  words: {
    /** The next step of a user who does not wait. */
    readonly goesOn: string
    /** The instances of which one must be chosen. */
    readonly choices: readonly string[]
    readonly text: (report: Report) => string
    readonly next: (report: Report) => string
  },
): number {
  if (state === 'running') {
    run.world.stderr.write(`The server goes on with it. ${words.goesOn}\n`)
    return 1
  }
  if (report === null) {
    const failure = error ?? { code: 'internal' as ErrorCode, message: 'it failed', hint: null }
    const message = [failure.message, words.choices.join('; ')].filter((text) => text !== '').join(': ')
    throw new Refusal(failure.code, message, failure.hint ?? undefined)
  }
  run.show(report, () => words.text(report))
  run.tell(words.next(report))
  return 0
}
