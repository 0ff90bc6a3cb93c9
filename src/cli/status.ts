// `mortise status`: the state of the server on one screen.

import type { Command } from 'commander'
import type { Output } from '../admin/api.ts'
import { verb, type Outcome } from './command.ts'
import { facts, plain, table } from './output.ts'
import { shortTime } from './time.ts'
import type { World } from './world.ts'

export function statusCommand(world: World, outcome: Outcome): Command {
  return verb(world, outcome, {
    words: 'status',
    summary: 'the state of the server, and what needs attention; exit code 1 if it cannot serve',
    examples: ['status', 'status --json'],
    action: async ({ client, show }) => {
      const status = await (await client()).call('status')
      show(status, () => statusText(status))
      return status.ready ? 0 : 1
    },
  })
}

type Status = Output<'status'>

function statusText(status: Status): string {
  const { pending, warnings } = status
  const state = status.ready ? 'serves' : 'CANNOT SERVE'
  const head: (readonly [string, string])[] = [
    ['Mortise', `${status.version}, ${state}${status.reason === null ? '' : `: ${status.reason}`}`],
    ['Running since', shortTime(status.started)],
    ['KMIP', status.kmip],
    ...(pending === null
      ? []
      : [['Pending clients', pending === 0 ? 'none' : `${pending}: mortise client pending`] as const]),
  ]
  const sections = [
    facts([...head, ...backupFacts(status)]),
    instanceTable(status),
    expiryTable(status),
    warnings.length === 0
      ? 'Nothing needs you.\n'
      : warnings.map(({ message, hint }) => plain`! ${message}\n  ${hint}\n`).join(''),
  ]
  return sections.filter((text) => text !== '').join('\n')
}

function backupFacts({ backups }: Status): readonly (readonly [string, string])[] {
  if (backups === null) return []
  const { last, keysAtRisk, keysOnlyHere } = backups
  const when = last === null ? 'none yet' : shortTime(last.created)
  return [
    ['Keys at risk', `${keysAtRisk} in no backup, ${keysOnlyHere} in none that was copied elsewhere`],
    ['Last backup', when],
  ]
}

function instanceTable({ instances }: Status): string {
  return table(
    ['INSTANCE', 'CLIENTS', 'OBJECTS', 'ROOT KEY'],
    instances.map(({ name, clients, objects, rootKey }) => [
      name,
      String(clients),
      Object.entries(objects)
        .map(([state, count]) => `${count} ${state}`)
        .join(', ') || 'none',
      rootKey,
    ]),
  )
}

const kinds: Record<Status['expiries'][number]['kind'], string> = {
  client: 'client certificate',
  'client-ca': 'CA of a client',
  server: 'server certificate',
  'server-ca': "server's CA",
}
const screenLines = 5

function expiryTable({ expiries }: Status): string {
  return table(
    ['EXPIRES NEXT', 'OF', 'INSTANCE', 'ON', 'DAYS LEFT'],
    expiries
      .slice(0, screenLines)
      .map(({ kind, name, instance, notAfter, daysLeft }) => [
        kinds[kind],
        kind === 'server' || kind === 'server-ca' ? '' : name,
        instance?.name ?? '',
        shortTime(notAfter),
        daysLeft < 0 ? 'expired' : String(daysLeft),
      ]),
  )
}
