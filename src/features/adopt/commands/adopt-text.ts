// `mortise adopt` prints the report of an adoption, and what to do next. The words are made here.

import { counted } from '../../../base/text/counted.ts'
import type { Output } from '../../../doors/http/route.ts'
import { shellWord } from '../../../base/text/shell-word.ts'
import type { Run } from '../../../doors/cli/command.ts'
import { facts, plain, table } from '../../../doors/cli/text/output.ts'
import type { adoptionRoutes } from '../routes.ts'

export type ShownAdoptionReport = Exclude<Output<typeof adoptionRoutes.showAdoption>['report'], null>
type Listed = ShownAdoptionReport['conflicts']

/** Several reports of one adoption as one: long lists of identifiers are sent in parts. */
export function adoptionTotals(reports: readonly ShownAdoptionReport[]): ShownAdoptionReport | undefined {
  const [first, ...others] = reports
  if (!first) return undefined
  return others.reduce((sum, report): ShownAdoptionReport => {
    const types = { ...sum.notStoredTypes }
    for (const [type, count] of Object.entries(report.notStoredTypes))
      types[type] = (types[type] ?? 0) + count
    return {
      ...sum,
      objects: sum.objects + report.objects,
      adopted: sum.adopted + report.adopted,
      updated: sum.updated + report.updated,
      unchanged: sum.unchanged + report.unchanged,
      conflicts: both(sum.conflicts, report.conflicts),
      sharedNames: both(sum.sharedNames, report.sharedNames),
      notStored: both(sum.notStored, report.notStored),
      notStoredTypes: types,
      notExported: both(sum.notExported, report.notExported),
      withoutAttributes: both(sum.withoutAttributes, report.withoutAttributes),
      notChecked: both(sum.notChecked, report.notChecked),
      unchecked: sum.unchecked + report.unchecked,
      verified: sum.verified &&
        report.verified && {
          equal: sum.verified.equal + report.verified.equal,
          different: both(sum.verified.different, report.verified.different),
        },
    }
  }, first)
}

function both(a: Listed, b: Listed): Listed {
  return { count: a.count + b.count, items: [...a.items, ...b.items] }
}

/**
 * Whether every object of the old server is here now, with the same bytes. Not so of a server that shows none: on some servers,
 * no other certificate than the one that made an object sees it.
 */
export function isWhole({
  objects,
  conflicts,
  notStored,
  notExported,
  notChecked,
  verified,
}: ShownAdoptionReport): boolean {
  if (objects === 0) return false
  const lists = [conflicts, notStored, notExported, notChecked, ...(verified ? [verified.different] : [])]
  return lists.every(({ count }) => count === 0)
}

/** `from`: what the objects were adopted from. */
export function adoptionText(report: ShownAdoptionReport, from: 'old server' | 'standard keys'): string {
  const { server, version, dryRun, unchecked, notChecked, objects, adopted, updated, unchanged, verified } =
    report
  const done = dryRun ? 'Would be adopted' : 'Adopted'
  const types = Object.entries(report.notStoredTypes).map(([type, count]) => `${count} ${type}`)
  const lines: (readonly [string, string])[] = [
    from === 'old server'
      ? ['Old server', `${server}, asked in KMIP ${version ?? ''}`]
      : ['Standard keys in', server],
    [from === 'old server' ? 'Looked at' : 'Standard keys there', String(objects)],
    [done, String(adopted)],
    [dryRun ? 'Would be updated' : 'Updated', String(updated)],
    ['Unchanged', String(unchanged)],
    ['Conflicts', String(report.conflicts.count)],
    ['Not stored', types.length === 0 ? '0' : types.join(', ')],
    ['Not handed out', String(report.notExported.count)],
    ...(from === 'standard keys'
      ? ([['Not checked', `${unchecked} adopted all the same, ${notChecked.count} not adopted`]] as const)
      : []),
    ...(verified
      ? ([['Verified', `${verified.equal} equal, ${verified.different.count} different`]] as const)
      : []),
  ]
  return (
    facts(lines) +
    listText('In conflict with what is here, and not overwritten:', report.conflicts) +
    listText(`${done} without a name that another object has:`, report.sharedNames, 'NAME') +
    listText('Mortise cannot store:', report.notStored) +
    listText(
      from === 'old server' ? 'The old server does not hand out:' : 'Not opened:',
      report.notExported,
    ) +
    listText(`${done} without these attributes:`, report.withoutAttributes, 'ATTRIBUTES') +
    listText('Not adopted, since nothing checks them:', notChecked) +
    listText(
      from === 'old server'
        ? 'Different on the two servers:'
        : 'Not adopted, since they open to other bytes:',
      verified?.different,
    )
  )
}

const shownMax = 20
/** Names and identifiers of other servers may be thousands of characters long. */
const cellCharactersMax = 160

function short(text: string): string {
  return text.length <= cellCharactersMax ? text : `${text.slice(0, cellCharactersMax)}...`
}

export function listText(title: string, listed: Listed | undefined, what = 'WHY'): string {
  if (!listed || listed.count === 0) return ''
  const shown = listed.items.slice(0, shownMax)
  const more = listed.count - shown.length
  const rest = more === 0 ? '' : `and ${more} more (--json names up to ${listed.items.length})\n`
  return `\n${title}\n${table(
    ['KEY', what],
    shown.map(({ id, why }) => [short(id), short(why)]),
  )}${rest}`
}

export function nextSteps(report: ShownAdoptionReport, instance: string, next: Run['next']): string {
  if (report.objects === 0)
    return `
The old server shows no objects to this certificate. If it holds keys, they belong to another one, such as vCenter's: give a
certificate that may see all keys. If it has no complete search, name the keys: --ids FILE.
`
  if (report.dryRun) return '\nNothing was changed: this was a dry run.\n'
  const whole = isWhole(report)
    ? plain`
${counted(report.objects, 'object')} of the old server ${report.objects === 1 ? 'is' : 'are'} here under the same identifiers.`
    : `
Not everything is here: see the lists above. Leave the old server running.`
  return `${whole}
Next: ${next(`adopt check --ids FILE --instance ${shellWord(instance)}`)}
lists the keys that a vCenter uses and that are missing here. docs/inventory.md tells how to write FILE, and docs/adopt.md the rest.
Until vCenter asks this server, run the same command again: it brings what was made at the old server since.
`
}
