// `mortise restore FILE --instance I`: one lost instance of a backup comes back into a running server. The command sends the
// file, shows what the restore would do, asks, and watches it; the server does it. Interrupting the command does not stop it.

import { open, readFile, type FileHandle } from 'node:fs/promises'
import { keysAndObjects } from '../../base/text/counted.ts'
import type { Input, Output } from '../../doors/http/route.ts'
import type { AdminClient } from '../../doors/http/client.ts'
import { Refusal } from '../../base/refusal.ts'
import { adminBodyBytesMax } from '../../base/bounds.ts'
import { shellWord } from '../../base/text/shell-word.ts'
import { confirmTyped } from '../../doors/cli/text/confirm.ts'
import type { Run } from '../../doors/cli/command.ts'
import { countsText } from '../../doors/cli/text/amounts.ts'
import { facts, namedList, plain } from '../../doors/cli/text/output.ts'
import { withProgress } from '../../doors/cli/text/progress.ts'
import { shortTime } from '../../doors/cli/text/time.ts'
import { goneInRestore, untilEnded } from '../../doors/cli/watch-work.ts'
import { CommandError, UsageError } from '../../doors/cli/world.ts'
import { restoreRoutes } from './routes.ts'

export interface RestoreInstanceFlags {
  readonly instance?: string
  readonly rootKey?: string
  readonly identity?: string
  readonly name?: string
  readonly withClients?: boolean
  readonly yes?: boolean
}

type Preview = Output<typeof restoreRoutes.previewInstanceRestore>
type Restore = Output<typeof restoreRoutes.showInstanceRestore>
type Report = Exclude<Restore['report'], null>
type Opening = Input<typeof restoreRoutes.previewInstanceRestore>['body']

const lookEveryMs = 500
const kibibyte = 1024
const steps: Record<Restore['step'], string> = { check: 'records read', write: 'records restored' }

export async function restoreInstance(run: Run, flags: RestoreInstanceFlags, file: string): Promise<number> {
  const { instance, rootKey, identity, name } = flags
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
    const begun = await begin(run, admin, { flags, opening, preview })
    last = await untilEnded(work(begun), {
      stderr: run.world.stderr,
      steps,
      everyMs: lookEveryMs,
      look: async () => work(await admin.call(restoreRoutes.showInstanceRestore, { restore: begun.id })),
      gone: goneInRestore,
    })
  } catch (error) {
    await admin.call(restoreRoutes.removeUpload, { upload }).catch(() => undefined)
    throw error
  }
  return ended(run, last, flags)
}

/** The restore waits for nothing: a service that does not answer ends it. */
function work(restore: Restore) {
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

async function begin(
  run: Run,
  admin: AdminClient,
  asked: {
    readonly flags: RestoreInstanceFlags
    readonly opening: Opening
    readonly preview: Preview
  },
): Promise<Restore> {
  const { flags, opening, preview } = asked
  const { withClients = false, yes = false } = flags
  const question = questionOf(preview, withClients)
  run.world.stderr.write(aboutText(preview))
  if (question !== '' && !yes) {
    const words = `${question}Type yes to restore it: `
    if (!(await confirmTyped(run.world, words, ['yes']))) throw new CommandError('nothing was restored')
  }
  const clients = withClients ? preview.clients.map(({ id }) => id) : []
  return admin.call(restoreRoutes.beginInstanceRestore, {
    body: { ...opening, clients, confirmed: preview.needed },
  })
}

function aboutText({ backup, instance }: Preview): string {
  return plain`The instance ${instance.name} (${instance.id}) with ${keysAndObjects(instance.objects)}, of the backup of ${shortTime(backup.created)}.\n`
}

function questionOf({ gone, needed, clients, backup }: Preview, withClients: boolean): string {
  const shredded =
    needed.includes('shredded') && gone
      ? plain`Its keys were SHREDDED here at ${shortTime(gone.at)}, so that nobody could open them any more. Restored, they open again.\n`
      : ''
  const open = needed.includes('closings-unknown')
    ? plain`This server does not know what happened since ${shortTime(backup.created)}: keys that were revoked or destroyed since are open again.\n`
    : ''
  const trusted = withClients && clients.length > 0 ? trustText(clients, needed) : ''
  return shredded + open + trusted
}

function trustText(clients: Preview['clients'], needed: Preview['needed']): string {
  const lines = clients.map(({ name, certificates, authorities, leftOut }) => {
    const cas = authorities.map(({ subject }) => `CA for ${subject}`)
    const why = leftOut.map((one) => plain`\n      not: ${one}`).join('')
    return plain`  ${name}: ${[...certificates, ...cas].join(', ') || 'no certificate'}` + why
  })
  const unknown = needed.includes('closings-unknown')
    ? ' Trust in them may have been withdrawn since, which this server does not know.'
    : ''
  return `These clients are trusted again and get its keys.${unknown}\n${lines.join('\n')}\n`
}

function ended(
  run: Run,
  last: Pick<Restore, 'state' | 'report' | 'error'>,
  { withClients = false }: RestoreInstanceFlags,
): number {
  if (last.state === 'running') {
    run.world.stderr.write('The server goes on with it. See: mortise instance list\n')
    return 1
  }
  const { report, error } = last
  if (!report) {
    const { code, message, hint } = error ?? { code: 'internal' as const, message: 'it failed', hint: null }
    throw new Refusal(code, message, hint ?? undefined)
  }
  run.show(report, () => reportText(report))
  run.tell(nextSteps(report, withClients))
  return 0
}

function reportText(report: Report): string {
  const { instance, rootKey, objects, closedAgain, notOpening, lost, clients, leftOut } = report
  const first = facts([
    ['Instance', `${instance.name} (${instance.id})`],
    ['Root key', rootKey],
    ['Objects', countsText(objects)],
    ['Clients', clients.length === 0 ? 'none' : clients.join(', ')],
  ])
  const closed =
    closedAgain === 0
      ? ''
      : `\n${closedAgain === 1 ? '1 was' : `${closedAgain} were`} revoked or destroyed after the backup, and ${closedAgain === 1 ? 'stays' : 'stay'} so.\n`
  return `The instance is back.\n${first}${closed}${[
    namedList(
      notOpening,
      'does not open: its material is damaged in the backup',
      'do not open: their material is damaged in the backup',
    ),
    namedList(
      lost,
      'was made after the backup, and does not open: the backup has no key for it. A newer one may',
      'were made after the backup, and do not open: the backup has no key for them. A newer one may',
    ),
    namedList({ count: leftOut.length, named: leftOut }, 'is not trusted again', 'are not trusted again'),
  ].join('')}`
}

function nextSteps({ instance, clients }: Report, withClients: boolean): string {
  if (clients.length > 0) return ''
  return plain`
No client is trusted with it yet. For each vCenter:
  mortise client pending
  mortise client trust --instance ${shellWord(instance.name)} --name vcenter-1 --pending SHA256
${withClients ? '' : 'Or restore with --with-clients, which lists them and asks.\n'}`
}
