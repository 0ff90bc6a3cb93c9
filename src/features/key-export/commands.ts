// `mortise key export`: all keys of an instance in one file, for those who leave Mortise. The server seals it to the
// recipients; this command never has a key in the clear.

import { randomUUID } from 'node:crypto'
import type { Output } from '../../doors/http/route.ts'
import { AdminUnreachable, WaitsForApproval, type AdminClient } from '../../doors/http/client.ts'
import { Refusal } from '../../base/refusal.ts'
import { shellWord } from '../../base/text/shell-word.ts'
import { forceFlag, instanceFlag, verb, type Run } from '../../doors/cli/command.ts'
import { confirmTyped } from '../../doors/cli/text/confirm.ts'
import { mustBeFree, readRecipients, writeWhole } from '../../doors/cli/files.ts'
import { instanceOf } from '../../doors/cli/text/names.ts'
import { facts, plain, table } from '../../doors/cli/text/output.ts'
import { approvalOf, outcomeText, showWaiting } from '../../doors/cli/waiting.ts'
import { interruptible } from '../../doors/cli/watch-work.ts'
import { CommandError, UsageError, type World } from '../../doors/cli/world.ts'
import { showApproval } from '../../doors/http/waiting-answer.ts'
import { instanceRoutes } from '../instances/routes.ts'
import { keyExportRoutes } from './routes.ts'

interface Options {
  readonly instance?: string
  readonly recipient?: readonly string[]
  readonly approval?: string
  readonly force?: boolean
  readonly yes?: boolean
}

type Outcomes = Output<typeof keyExportRoutes.showKeyExport>

export const exportCommand = verb<Options>({
  words: 'export <file>',
  summary: 'write all keys of an instance to a file that is sealed to recipients, to leave Mortise with',
  flags: [
    [
      '--recipient <recipient...>',
      'age recipients (age1...), or files with certificates; the holder of an identity or of a private key of one can read every key',
    ],
    [
      '--approval <approval>',
      'the export that a second person has approved, for the recipients that it names',
    ],
    instanceFlag,
    forceFlag,
    ['--yes', 'do not ask'],
  ],
  guarded: true,
  examples: [
    'key export production.age --instance production --recipient age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p',
    'key export production.age --approval 3f0c8f0e',
  ],
  action: async (run, options, file = '') => {
    const { force = false } = options
    if (file === '-') throw new UsageError('keys are exported to a file, not to standard output')
    if ((options.recipient === undefined) === (options.approval === undefined))
      throw new UsageError(
        'say for whom: --recipient RECIPIENT, or --approval ID for an export that was approved',
      )
    await mustBeFree([file], force)
    const admin = await run.client()
    const input =
      options.approval === undefined
        ? await newExport(run, admin, options)
        : await approvedExport(admin, options.approval)
    const waits = await download(admin, input, file, force).catch((error: unknown) => {
      if (!(error instanceof WaitsForApproval)) throw error
      return showWaiting(run, error, onceApproved(run, file, error.approval.id))
    })
    if (waits !== undefined) return waits
    const { instance, body } = input
    const made = await outcomeOf(admin, instance, body.id)
    run.show({ file, ...made }, () => exportedText(file, made))
    run.tell(
      plain`\n${opensIt(body.recipients, file)} opens it; docs/leave.md has the format. Each key has an audit entry, key.export.\n`,
    )
    return made?.notExported.count === 0 ? 0 : 1
  },
})

/** The request to the server. */
interface Asked {
  readonly instance: string
  readonly body: { readonly id: string; readonly recipients: string[] }
}

async function newExport(
  { world }: Run,
  admin: AdminClient,
  { recipient = [], instance: named, yes = false }: Options,
): Promise<Asked> {
  const files = [recipient].flat()
  if (!yes && files.includes('-')) throw new UsageError('with --recipient - you cannot confirm: add --yes')
  const recipients = await readRecipients(world, files)
  const instance = await instanceOf(admin, named)
  const shown = await admin.call(instanceRoutes.showInstance, { instance })
  // The server says what to do where the keys may not be exported.
  if (!yes && shown.portable) await confirm(world, shown)
  return { instance, body: { id: randomUUID(), recipients } }
}

/** The request that was approved, to be sent again as it was. */
async function approvedExport(admin: AdminClient, named: string): Promise<Asked> {
  const approval = await admin.call(showApproval, { approval: await approvalOf(admin, named) })
  const { route, instance, id, recipients } = approval.request
  const body = keyExportRoutes.exportKeys.body.safeParse({ id, recipients })
  if (route !== 'exportKeys' || typeof instance !== 'string' || !body.success)
    throw new UsageError(`the request ${named} is not about an export of keys`)
  if (approval.state !== 'approved') throw new CommandError(`nothing was exported: ${outcomeText(approval)}`)
  return { instance, body: body.data }
}

function onceApproved(run: Run, file: string, id: string): string {
  return plain`
Once approved, fetch the file until the request ends, with the token or the login that asked:

  ${run.next(`key export ${shellWord(file)} --approval ${id}`)}
`
}

function opensIt([first = '']: readonly string[], file: string): string {
  return first.startsWith('age1')
    ? `age -d -i IDENTITY ${shellWord(file)}`
    : `openssl cms -decrypt -inform DER -inkey KEY.pem -in ${shellWord(file)}`
}

async function confirm(
  world: World,
  { name, limits }: Output<typeof instanceRoutes.showInstance>,
): Promise<void> {
  const question = plain`This takes every key of the instance ${name} (${limits.objects.used} objects) out of Mortise. A holder of the file and of
an identity of these recipients can read every disk that these keys protect, and neither Mortise nor the owner of the root key can take that back. Type the
name of the instance to go on: `
  if (!(await confirmTyped(world, question, [name]))) throw new CommandError('nothing was exported')
}

async function download(admin: AdminClient, input: Asked, file: string, force: boolean): Promise<void> {
  const mayAppear = () => mustBeFree([file], force)
  try {
    await writeWhole(file, mayAppear, async (handle) => {
      await interruptible(async (interrupted) => {
        for await (const part of await admin.call(keyExportRoutes.exportKeys, input)) {
          if (interrupted.aborted) throw new CommandError('the export was interrupted, and nothing was kept')
          await handle.writeFile(part)
        }
      })
    })
  } catch (error) {
    if (!(error instanceof AdminUnreachable)) throw error
    const made = await outcomeOf(admin, input.instance, input.body.id)
    throw new CommandError(
      `the export broke off, and nothing was kept: ${made?.error?.message ?? error.message}`,
      'Do the same again. The audit names the keys that were on their way.',
      { cause: error },
    )
  }
}

/** Undefined: the server does not know it any more. */
async function outcomeOf(admin: AdminClient, instance: string, id: string): Promise<Outcomes | undefined> {
  try {
    return await admin.call(keyExportRoutes.showKeyExport, { instance, export: id })
  } catch (error) {
    if (error instanceof AdminUnreachable || error instanceof Refusal) return undefined
    throw error
  }
}

function exportedText(file: string, made: Outcomes | undefined): string {
  if (!made) return plain`The export is whole in ${file}. What it contains is in its last line.\n`
  const { keys, destroyed, notExported } = made
  const lines = facts([
    ['File', file],
    ['Keys', String(keys)],
    ['Left out, destroyed', String(destroyed)],
    ['Left out', String(notExported.count)],
  ])
  if (notExported.count === 0) return lines
  const rows = notExported.items.map(({ id, why }) => [id, why])
  return `${lines}\nLeft out:\n${table(['KEY', 'WHY'], rows)}`
}
