// `mortise adopt`: takes keys over from another KMIP server. The command starts the adoption and shows its progress; the
// server does it. Interrupting the command does not stop it.

import type { Command } from 'commander'
import type { Output } from '../admin/api.ts'
import { AdminUnreachable, type AdminClient } from '../admin/client.ts'
import { adoptionText, isWhole, nextSteps, together, type Report } from './adopt-text.ts'
import { instanceFlag, noun, verb, type Outcome, type Run } from './command.ts'
import { readNamed } from './files.ts'
import { parseIdentifiers } from './identifiers.ts'
import { addressText } from '../kmip-client/address.ts'
import { oldServerFlags, oldServerOf, type OldServerOptions } from './kmip-server.ts'
import { instanceOf } from './names.ts'
import { adoptProbeCommand } from './offline/adopt-probe.ts'
import { facts, plain } from './output.ts'
import { untilEnded } from './watch-work.ts'
import { CommandError, type World } from './world.ts'

export function adoptCommands(world: World, outcome: Outcome): Command {
  return noun('adopt', 'take keys over from another KMIP server, under the same identifiers', [
    kmipCommand(world, outcome),
    checkCommand(world, outcome),
    adoptProbeCommand(world, outcome),
  ])
}

interface KmipOptions extends OldServerOptions {
  readonly instance?: string
  readonly ids?: string
  readonly dryRun?: boolean
  readonly verify?: boolean
}

function kmipCommand(world: World, outcome: Outcome): Command {
  return verb<KmipOptions>(world, outcome, {
    words: 'kmip <host:port...>',
    summary:
      'adopt every object that another KMIP server shows, under the same identifier; only reads there, and may be run again',
    flags: [
      instanceFlag,
      ...oldServerFlags,
      [
        '--ids <file>',
        'adopt these identifiers: one a line, or CSV with a column named id (default: all that it finds)',
      ],
      ['--dry-run', 'find out what would be done, and do nothing'],
      ['--verify', 'read everything back from both servers afterwards, and compare digests'],
    ],
    examples: [
      'adopt kmip kmip-1.example.com --cert client.pem --key client.key --ca ca.pem --dry-run',
      'adopt kmip kmip-1.example.com kmip-2.example.com --cert c.pem --key c.key --fingerprint SHA256 --verify',
    ],
    action: async (run, options, ...words) => {
      const { cert, key, trust, addresses } = await oldServerOf(
        run.world,
        words.flat(),
        options,
        'adopt kmip',
      )
      const ids = options.ids === undefined ? undefined : await readIdentifiers(options.ids)
      const admin = await run.client()
      const instance = await instanceOf(admin, options.instance)
      const { dryRun = false, verify = false } = options
      if (!dryRun) await tellPrice(run, admin, instance)
      const body = {
        servers: addresses.map(addressText),
        certificate: cert,
        privateKey: key.toString('utf8'),
        trust: trust.by === 'authority' ? { authority: trust.pem } : { fingerprint: trust.sha256 },
        dryRun,
        verify,
      }
      const reports: Report[] = []
      for (const part of ids === undefined ? [undefined] : parts(ids)) {
        const begun = await admin.call('beginAdoption', {
          instance,
          body: { ...body, ...(part && { ids: part }) },
        })
        const report = await watch(run, admin, instance, begun)
        if (!report) return 1
        reports.push(report)
      }
      const report = together(reports)
      if (!report) return 1
      run.show(report, () => adoptionText(report))
      run.tell(nextSteps(report, run.world.command))
      return isWhole(report) ? 0 : 1
    },
  })
}

async function readIdentifiers(file: string): Promise<readonly string[]> {
  return parseIdentifiers((await readNamed(file)).toString('utf8'), file)
}

/** A body of the admin API has an end. */
const partBytesMax = 700_000
const partItemsMax = 20_000

function parts(ids: readonly string[]): readonly string[][] {
  const all: string[][] = []
  let bytes = Infinity
  for (const id of ids) {
    const last = all.at(-1)
    bytes += Buffer.byteLength(JSON.stringify(id)) + 1
    if (last && bytes <= partBytesMax && last.length < partItemsMax) last.push(id)
    else {
      all.push([id])
      bytes = Buffer.byteLength(JSON.stringify(id))
    }
  }
  return all
}

/** With custody keyprotect each key costs money. */
async function tellPrice({ world }: Run, admin: AdminClient, instance: string): Promise<void> {
  const { custody, limits, name } = await admin.call('showInstance', { instance })
  if (custody !== 'keyprotect') return
  const free = limits.objects.max - limits.objects.used
  world.stderr.write(
    plain`Custody keyprotect: each adopted key becomes one standard key in Key Protect, billed as one key version (1 US dollar a month, list
price), and takes two calls of it. The instance ${name} has room for ${free} more objects. --dry-run counts the keys first.
`,
  )
}

type Adoption = Output<'showAdoption'>

const lookEveryMs = 250

const steps: Record<Adoption['step'], string> = {
  list: 'objects found',
  adopt: 'objects read',
  verify: 'objects compared',
}

/** The report; undefined if the user stopped watching. */
async function watch(
  { world: { stderr } }: Run,
  admin: AdminClient,
  instance: string,
  begun: Adoption,
): Promise<Report | undefined> {
  const last = await untilEnded(begun, {
    stderr,
    steps,
    everyMs: lookEveryMs,
    look: () => adoptionNow(admin, instance, begun.id),
  })
  if (last.state === 'running') {
    stderr.write('The server goes on with it. The same command, given again later, adopts what is left.\n')
    return undefined
  }
  if (last.report) return last.report
  const { message, hint } = last.error ?? { message: 'the adoption failed', hint: null }
  throw new CommandError(message, hint ?? undefined)
}

async function adoptionNow(admin: AdminClient, instance: string, adoption: string): Promise<Adoption> {
  try {
    return await admin.call('showAdoption', { instance, adoption })
  } catch (error) {
    if (!(error instanceof AdminUnreachable)) throw error
    throw new CommandError(
      `the server went away: ${error.message}`,
      'When it is back, give the same command again: what was adopted stays, and it goes on from there.',
      { cause: error },
    )
  }
}

interface CheckOptions {
  readonly instance?: string
  readonly ids: string
}

function checkCommand(world: World, outcome: Outcome): Command {
  return verb<CheckOptions>(world, outcome, {
    words: 'check',
    summary: 'list the keys that a vCenter uses and that are missing here',
    required: [
      ['--ids <file>', 'the identifiers: one a line, or CSV with a column named id (docs/adopt.md)'],
    ],
    flags: [instanceFlag],
    examples: ['adopt check --ids keys.csv --instance production'],
    action: async (run, options) => {
      const ids = await readIdentifiers(options.ids)
      const admin = await run.client()
      const instance = await instanceOf(admin, options.instance)
      const sum: Output<'checkAdoption'> = { present: 0, missing: [], destroyed: [] }
      for (const part of parts(ids)) {
        const { present, missing, destroyed } = await admin.call('checkAdoption', {
          instance,
          body: { ids: part },
        })
        sum.present += present
        sum.missing.push(...missing)
        sum.destroyed.push(...destroyed)
      }
      run.show(sum, () => checkText(sum))
      return sum.missing.length + sum.destroyed.length === 0 ? 0 : 1
    },
  })
}

function checkText({ present, missing, destroyed }: Output<'checkAdoption'>): string {
  const counts = facts([
    ['Here', String(present)],
    ['Missing', String(missing.length)],
    ['Destroyed here', String(destroyed.length)],
  ])
  return counts + identifierLines('Missing:', missing) + identifierLines('Destroyed here:', destroyed)
}

function identifierLines(title: string, ids: readonly string[]): string {
  return ids.length === 0 ? '' : `\n${title}\n${ids.map((id) => plain`  ${id}\n`).join('')}`
}
