// `mortise key export`: all keys of an instance in one file, for whoever leaves Mortise. The server seals it to the
// recipients; this command never has a key in the clear.

import { randomUUID } from 'node:crypto'
import type { Command } from 'commander'
import type { Output } from '../../admin/api/api.ts'
import { AdminUnreachable, type AdminClient } from '../../admin/client.ts'
import { Refusal } from '../../admin/errors.ts'
import { shellWord } from '../../text/shell-word.ts'
import { forceFlag, instanceFlag, verb, type Outcome } from '../command.ts'
import { confirmTyped } from '../text/confirm.ts'
import { mustBeFree, readRecipients, writeWhole } from '../files.ts'
import { instanceOf } from '../text/names.ts'
import { facts, plain, table } from '../text/output.ts'
import { interruptible } from '../watch-work.ts'
import { CommandError, UsageError, type World } from '../world.ts'

interface Options {
  readonly instance?: string
  readonly recipient: readonly string[]
  readonly force?: boolean
  readonly yes?: boolean
}

type Outcomes = Output<'showKeyExport'>

export function exportCommand(world: World, outcome: Outcome): Command {
  return verb<Options>(world, outcome, {
    words: 'export <file>',
    summary: 'write all keys of an instance to a file that is sealed to recipients, to leave Mortise with',
    required: [
      [
        '--recipient <recipient...>',
        'age recipients (age1...), or files with certificates; whoever has an identity or a private key of one reads every key',
      ],
    ],
    flags: [instanceFlag, forceFlag, ['--yes', 'do not ask']],
    examples: [
      'key export production.age --instance production --recipient age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p',
    ],
    action: async (run, options, file = '') => {
      const { force = false, yes = false } = options
      if (file === '-') throw new UsageError('keys are exported to a file, not to standard output')
      await mustBeFree([file], force)
      const named = [options.recipient].flat()
      if (!yes && named.includes('-'))
        throw new UsageError('with --recipient - nobody can confirm: add --yes')
      const recipients = await readRecipients(run.world, named)
      const admin = await run.client()
      const instance = await instanceOf(admin, options.instance)
      const shown = await admin.call('showInstance', { instance })
      // The server says what to do where the keys may not be exported.
      if (!yes && shown.portable) await confirm(run.world, shown)
      const body = { id: randomUUID(), recipients }
      await download(admin, { instance, body }, file, force)
      const made = await outcomeOf(admin, instance, body.id)
      run.show({ file, ...made }, () => outcomeText(file, made))
      run.tell(
        plain`\n${opensIt(recipients, file)} opens it; docs/leave.md has the format. Each key has an audit entry, key.export.\n`,
      )
      return made?.notExported.count === 0 ? 0 : 1
    },
  })
}

function opensIt([first = '']: readonly string[], file: string): string {
  return first.startsWith('age1')
    ? `age -d -i IDENTITY ${shellWord(file)}`
    : `openssl cms -decrypt -inform DER -inkey KEY.pem -in ${shellWord(file)}`
}

async function confirm(world: World, { name, limits }: Output<'showInstance'>): Promise<void> {
  const question = plain`This takes every key of the instance ${name} (${limits.objects.used} objects) out of Mortise. Whoever has an identity of these recipients and
the file can read every disk that these keys protect, and neither Mortise nor the owner of the root key can take that back. Type the
name of the instance to go on: `
  if (!(await confirmTyped(world, question, [name]))) throw new CommandError('nothing was exported')
}

async function download(
  admin: AdminClient,
  asked: { readonly instance: string; readonly body: { readonly id: string; readonly recipients: string[] } },
  file: string,
  force: boolean,
): Promise<void> {
  const mayAppear = () => mustBeFree([file], force)
  try {
    await writeWhole(file, mayAppear, async (handle) => {
      await interruptible(async (interrupted) => {
        for await (const part of await admin.call('exportKeys', asked)) {
          if (interrupted.aborted) throw new CommandError('the export was interrupted, and nothing was kept')
          await handle.writeFile(part)
        }
      })
    })
  } catch (error) {
    if (!(error instanceof AdminUnreachable)) throw error
    const made = await outcomeOf(admin, asked.instance, asked.body.id)
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
    return await admin.call('showKeyExport', { instance, export: id })
  } catch (error) {
    if (error instanceof AdminUnreachable || error instanceof Refusal) return undefined
    throw error
  }
}

function outcomeText(file: string, made: Outcomes | undefined): string {
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
