// `mortise adopt`: takes keys over from another KMIP server. The command starts the adoption and shows its progress; the
// server does it. Interrupting the command does not stop it.

import type { Command } from 'commander'
import type { Output } from '../admin/api.ts'
import { standardKeysCommand } from './adopt-standard-keys.ts'
import { adoptionText, isWhole, nextSteps, together, type Report } from './adopt-text.ts'
import { tellPrice, watch } from './adopt-watch.ts'
import { instanceFlag, noun, verb, type Outcome } from './command.ts'
import { readNamed } from './files.ts'
import { parseIdentifiers } from './identifiers.ts'
import { oldServerBody, oldServerFlags, oldServerOf, type OldServerOptions } from './kmip-server.ts'
import { instanceOf } from './names.ts'
import { adoptProbeCommand } from './offline/adopt-probe.ts'
import { facts, plain } from './output.ts'
import type { World } from './world.ts'

export function adoptCommands(world: World, outcome: Outcome): Command {
  return noun('adopt', 'take keys over from another KMIP server, under the same identifiers', [
    kmipCommand(world, outcome),
    checkCommand(world, outcome),
    adoptProbeCommand(world, outcome),
    standardKeysCommand(world, outcome),
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
      const server = await oldServerOf(run.world, words.flat(), options, 'adopt kmip')
      const ids = options.ids === undefined ? undefined : await readIdentifiers(options.ids)
      const admin = await run.client()
      const instance = await instanceOf(admin, options.instance)
      const { dryRun = false, verify = false } = options
      if (!dryRun) await tellPrice(run, admin, instance)
      const body = { ...oldServerBody(server), dryRun, verify }
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
      run.show(report, () => adoptionText(report, 'old server'))
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
