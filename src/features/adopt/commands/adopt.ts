// `mortise adopt`: takes keys over from another KMIP server. The command starts the adoption and shows its progress; the
// server does it. Interrupting the command does not stop it.

import { adoptCheckCommand } from './adopt-check.ts'
import { standardKeysCommand } from './adopt-standard-keys.ts'
import { adoptionText, isWhole, nextSteps, adoptionTotals, type ShownAdoptionReport } from './adopt-text.ts'
import { steps, tellPrice, watch, type ShownAdoptionJob } from './adopt-watch.ts'
import { instanceFlag, noun, verb } from '../../../doors/cli/command.ts'
import { command } from '../../../doors/cli/route-command.ts'
import { identifierParts, readIdentifiers } from '../../../doors/cli/identifier-file.ts'
import {
  oldServerBody,
  oldServerFlags,
  oldServerOf,
  type OldServerFlags,
} from '../../../doors/cli/kmip-server.ts'
import { instanceOf } from '../../../doors/cli/text/names.ts'
import { plain } from '../../../doors/cli/text/output.ts'
import { adoptProbeCommand } from './adopt-probe.ts'
import { interruptible } from '../../../doors/cli/watch-work.ts'
import type { World } from '../../../doors/cli/world.ts'
import { adoptionRoutes } from '../routes.ts'

export const adoptCommands = noun(
  'adopt',
  'take keys over from another KMIP server, under the same identifiers',
  () => [kmipCommand, adoptStatusCommand, adoptCheckCommand, adoptProbeCommand, standardKeysCommand],
)

interface KmipOptions extends OldServerFlags {
  readonly instance?: string
  readonly ids?: string
  readonly dryRun?: boolean
  readonly verify?: boolean
}

const kmipCommand = verb<KmipOptions>({
  words: 'kmip <host:port...>',
  summary:
    'adopt every object that another KMIP server shows, under the same identifier; only reads there, and may be run again',
  flags: [
    instanceFlag,
    ...oldServerFlags,
    [
      '--ids <file>',
      'adopt these identifiers: one a line, or CSV or JSON with a column named id or keyId (default: all that it finds)',
    ],
    ['--dry-run', 'find out what would be done, and do nothing'],
    ['--verify', 'read everything back from both servers afterwards, and compare digests'],
  ],
  examples: [
    'adopt kmip kmip-1.example.com --cert client.pem --key client.key --ca ca.pem --dry-run',
    'adopt kmip kmip-1.example.com kmip-2.example.com --cert c.pem --key c.key --fingerprint SHA256 --verify',
  ],
  action: async (run, options, ...words) => {
    const server = await oldServerOf(run.world, words.flat(), options, 'adopt kmip')
    const ids = options.ids === undefined ? undefined : await readIdentifiers(options.ids)
    const admin = await run.client()
    const instance = await instanceOf(admin, options.instance)
    const { dryRun = false, verify = false } = options
    if (!dryRun) await tellPrice(run, admin, instance)
    const body = { ...oldServerBody(server), dryRun, verify }
    const parts = ids === undefined ? [undefined] : identifierParts(ids)
    const report = await adoptParts(run.world, parts, async (part, interrupted) => {
      const input = { instance, body: { ...body, ...(part && { ids: part }) } }
      return watch(run, admin, instance, await admin.call(adoptionRoutes.beginAdoption, input), interrupted)
    })
    if (!report) return 1
    run.show(report, () => adoptionText(report, 'old server'))
    run.tell(nextSteps(report, options.instance ?? instance, run.next))
    return isWhole(report) ? 0 : 1
  },
})

/** The server knows one part of a long list of identifiers at a time. Undefined: the user interrupted the command before the last one was done. */
export function adoptParts<P>(
  { stderr }: Pick<World, 'stderr'>,
  parts: readonly P[],
  adopt: (part: P, interrupted: AbortSignal) => Promise<ShownAdoptionReport | undefined>,
): Promise<ShownAdoptionReport | undefined> {
  return interruptible(async (interrupted) => {
    const reports: ShownAdoptionReport[] = []
    for (const [at, part] of parts.entries()) {
      const report = await adopt(part, interrupted)
      const isLast = at + 1 === parts.length
      if (report) reports.push(report)
      if (report && (isLast || !interrupted.aborted)) continue
      if (!isLast)
        stderr.write(
          `This is part ${at + 1} of ${parts.length} of the identifiers, and the server goes on with no other. When it is done, give the same command again.\n`,
        )
      return undefined
    }
    return adoptionTotals(reports)
  })
}

/** For a person who did not begin the adoption or stopped watching it. */
const adoptStatusCommand = command(adoptionRoutes.listAdoptions, {
  words: 'status',
  summary: 'show the adoption that runs, or the report of the last one; kept until the server is restarted',
  fields: { watch: ['--watch', 'follow it until it ends'] },
  examples: ['adopt status --instance production', 'adopt status --watch --instance production'],
  goOn: async ([last], { run, admin, options, input: { instance } }) => {
    if (!last) {
      run.show(null, () => 'No adoption into this instance since the server was started.\n')
      return 0
    }
    if (last.state === 'running' && options['watch'] === true) {
      const report = await watch(run, admin, instance, last)
      if (!report) return 1
      const ended = await admin.call(adoptionRoutes.showAdoption, { instance, adoption: last.id })
      run.show(ended, () => statusText(ended))
      return isWhole(report) ? 0 : 1
    }
    run.show(last, () => statusText(last))
    return last.state === 'failed' || (last.report && !isWhole(last.report)) ? 1 : 0
  },
})

function statusText({ servers, state, step, done, total, trouble, report, error }: ShownAdoptionJob): string {
  const from = servers.join(', ')
  if (report) return adoptionText(report, from.includes('://') ? 'standard keys' : 'old server')
  if (state === 'failed')
    return plain`The adoption from ${from} failed: ${error?.message ?? ''}\n${error?.hint ?? ''}\n`
  const count = total === null ? `${done}` : `${done} of ${total}`
  const waits = trouble === null ? '' : plain`\nIt waits, and goes on by itself: ${trouble}`
  return `${plain`An adoption from ${from} runs: ${count} ${steps[step]}.`}${waits}\n`
}
