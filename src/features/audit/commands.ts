// `mortise audit ...`: the audit log, and the proof that it was not changed.

import { counted } from '../../base/text/counted.ts'
import type { AdminClient } from '../../doors/http/client.ts'
import { listCommand } from './list-command.ts'
import { confirmTyped } from '../../doors/cli/text/confirm.ts'
import { forceFlag, noun, verb, type Run, type MakeCommand } from '../../doors/cli/command.ts'
import { mustBeFree, writeLines } from '../../doors/cli/files.ts'
import { verifyCommand } from './verify-command.ts'
import { plain } from '../../doors/cli/text/output.ts'
import { shortTime, timeHelp } from '../../doors/cli/text/time.ts'
import type { CommandPlugs } from '../../doors/cli/plugs.ts'
import { usedByText } from '../../doors/cli/used-by.ts'
import { Refusal } from '../../base/refusal.ts'
import { CommandError, UsageError } from '../../doors/cli/world.ts'
import { auditRoutes } from './routes.ts'
import { instanceRoutes } from '../instances/routes.ts'

export function auditCommands({ machinesOf }: Pick<CommandPlugs, 'machinesOf'>): MakeCommand {
  return noun('audit', 'who did what, and the proof that the log was not changed', () => [
    listCommand,
    verifyCommand,
    exportCommand,
    pruneCommand(machinesOf),
  ])
}

const exportCommand = verb<{ readonly force?: boolean }>({
  words: 'export [file]',
  summary: 'write the whole log as lines of JSON, to a file or (-, the default) to standard output',
  flags: [forceFlag],
  examples: ['audit export audit.jsonl', 'audit export - | gzip > audit.jsonl.gz'],
  action: async ({ world, client, json }, { force = false }, file = '-') => {
    await mustBeFree([file], force)
    const exported = await (await client()).call(auditRoutes.exportAudit)
    const lines = await writeLines(world, file, exported, force)
    if (file !== '-')
      world.stdout.write(
        json ? `${JSON.stringify({ file, lines })}\n` : `${counted(lines, 'line')} in ${file}\n`,
      )
  },
})

interface PruneOptions {
  readonly before: string
  readonly younger?: boolean
  readonly export?: string
  readonly force?: boolean
  readonly yes?: boolean
}

/** Says what is removed, and which machines' keys it is about, and asks for the day. */
async function confirmPrune(
  { world }: Run,
  admin: AdminClient,
  before: string,
  machinesOf: CommandPlugs['machinesOf'],
): Promise<void> {
  const day = shortTime(before).slice(0, 10)
  const uses: string[] = []
  if (world.stdin.isTTY === true)
    for (const { id, name } of await admin.call(instanceRoutes.listInstances)) {
      const usedBy = await machinesOf(admin, id)
      if (usedBy !== null && usedBy.machines > 0)
        uses.push(plain`  The instance ${name} is ${usedByText(usedBy, world.now())}.\n`)
    }
  const about =
    uses.length === 0
      ? ''
      : `No key is closed. What is removed says who fetched and changed the keys until then:\n${uses.join('')}`
  const question = `This removes all audit entries before ${shortTime(before)} for good.\n${about}Type that day (${day}) to go on: `
  if (!(await confirmTyped(world, question, [day]))) throw new CommandError('nothing was removed')
}

/** A refusal that came after the export was written: the same command would not write it again. */
function exportedBefore({ message, hint }: Refusal, file: string): CommandError {
  const next = `Nothing was removed. The log is in ${file} already: leave out --export, or add --force.`
  return new CommandError(message, hint === undefined ? next : `${hint} ${next}`)
}

const pruneCommand = (machinesOf: CommandPlugs['machinesOf']) =>
  verb<PruneOptions>({
    words: 'prune',
    summary: 'remove entries older than a time; asks first; the remaining log can still be verified',
    required: [['--before <time>', `such as ${timeHelp}`]],
    flags: [
      ['--younger', 'also entries younger than 90 days'],
      ['--export <file>', 'first write the whole log to a new file'],
      ['--force', 'with --export: replace the file if it exists'],
      ['--yes', 'do not ask'],
    ],
    guarded: true,
    examples: [
      'audit prune --before 2026-01-01 --export audit-2025.jsonl',
      'audit prune --before -400d --yes',
    ],
    action: async (run, options) => {
      const { before, younger = false, export: file, force = false, yes = false } = options
      if (force && file === undefined) throw new UsageError('--force belongs to --export')
      const body = { before: run.time('--before', before), younger }
      if (file !== undefined) await mustBeFree([file], force)
      const admin = await run.client()
      if (!yes) await confirmPrune(run, admin, body.before, machinesOf)
      if (file !== undefined)
        await writeLines(run.world, file, await admin.call(auditRoutes.exportAudit), force)
      const pruned = await admin.call(auditRoutes.pruneAudit, { body }).catch((error: unknown) => {
        throw file !== undefined && error instanceof Refusal ? exportedBefore(error, file) : error
      })
      const exported = file === undefined ? '' : plain`The log is in ${file}. `
      run.show({ ...pruned, ...(file !== undefined && { file }) }, () => {
        const { removed, begins } = pruned
        const until = shortTime(pruned.before)
        if (removed === 0)
          return `${exported}Nothing was removed: no entry before ${until} is covered by a checkpoint.\n`
        const rest = begins === null ? '' : ` The log begins at ${shortTime(begins)} now.`
        return `${exported}${counted(removed, `entry before ${until} is`, `entries before ${until} are`)} removed.${rest}\n`
      })
    },
  })
