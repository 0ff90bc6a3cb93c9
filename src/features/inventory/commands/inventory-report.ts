// `mortise inventory report`: machines whose key is missing here, machines at another provider, and keys that no machine uses,
// as text, CSV or JSON. The report may be long: it is written as it comes.

import { counted } from '../../../base/text/counted.ts'
import { reportLine, type ReportLine } from '../routes.ts'
import { instanceFlag, verb, type Run } from '../../../doors/cli/command.ts'
import { csvLine } from '../../../doors/cli/text/csv.ts'
import { inventoryTable, summaryText } from './inventory-text.ts'
import { instanceOf } from '../../../doors/cli/text/names.ts'
import { plain, plainJson, table } from '../../../doors/cli/text/output.ts'
import { shortTime } from '../../../doors/cli/text/time.ts'
import { CommandError, UsageError } from '../../../doors/cli/world.ts'
import { inventoryRoutes } from '../routes.ts'

interface ReportOptions {
  readonly instance?: string
  readonly provider?: readonly string[]
  readonly until?: string
  readonly csv?: boolean
}

export const reportCommand = verb<ReportOptions>({
  words: 'report',
  summary:
    'machines whose key is missing here, machines at another provider, keys that no machine uses; exit code 1 if a key is missing or destroyed',
  flags: [
    instanceFlag,
    [
      '--provider <name...>',
      'the key providers of vCenter that are this instance (default: those of which a key is here)',
    ],
    ['--until <date>', 'also say how many days are left until then, such as 2026-12-31'],
    ['--csv', 'print comma-separated values, for a spreadsheet'],
  ],
  examples: [
    'inventory report --instance production --until 2026-12-31',
    'inventory report --instance production --provider mortise --csv > report.csv',
    'inventory report --instance production --json',
  ],
  action: report,
})

type Summary = Extract<ReportLine, { type: 'summary' }>['summary']
type Machine = Extract<ReportLine, { type: 'machine' }>
type UnusedKey = Extract<ReportLine, { type: 'key' }>

/** Takes a report part by part. */
interface Writer {
  readonly begin: (summary: Summary) => void
  readonly finding: (finding: Machine | UnusedKey) => void
  readonly end: () => void
}

async function report(run: Run, options: ReportOptions): Promise<number> {
  const { provider, csv = false } = options
  if (csv && run.json) throw new UsageError('give --csv or --json, not both')
  const until = options.until === undefined ? null : daysLeft(run, options.until)
  const admin = await run.client()
  const instance = await instanceOf(admin, options.instance)
  const body = { ...(provider && { providers: [...provider] }) }
  const writer = run.json ? jsonWriter(run, until) : csv ? csvWriter(run, until) : textWriter(run, until)
  let broken = 0
  for await (const line of lines(await admin.call(inventoryRoutes.reportInventory, { instance, body }))) {
    if (line.type === 'summary') {
      broken = line.summary.missing + line.summary.destroyed
      writer.begin(line.summary)
    } else if (line.type === 'end') writer.end()
    else writer.finding(line)
  }
  return broken === 0 ? 0 : 1
}

/** Throws CommandError where the report is not whole. */
async function* lines(texts: AsyncIterable<string>): AsyncGenerator<ReportLine> {
  let last: ReportLine['type'] | undefined
  for await (const text of texts) {
    const line = reportLine.safeParse(parsed(text)).data
    if (!line || (last === undefined) !== (line.type === 'summary'))
      throw new CommandError('the server sent a report that this version of the command does not know')
    last = line.type
    yield line
  }
  if (last !== 'end') throw new CommandError('the report broke off in the middle: it is not whole')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

interface Until {
  readonly until: string
  readonly daysLeft: number
}

const dayMs = 24 * 3600_000

function daysLeft(run: Run, text: string): Until {
  const until = run.time('--until', text)
  // Never -0.
  return { until, daysLeft: Math.ceil((Date.parse(until) - run.world.now()) / dayMs) + 0 }
}

function untilText({ until, daysLeft: days }: Until): string {
  const day = shortTime(until).slice(0, 10)
  const count = counted(Math.abs(days), 'day')
  if (days === 0) return `${day} is today.\n`
  return days > 0 ? `${count} left until ${day}.\n` : `${day} was ${count} ago.\n`
}

function json(value: unknown): string {
  return plainJson(JSON.stringify(value))
}

function jsonWriter({ world: { stdout } }: Run, until: Until | null): Writer {
  let before = ''
  return {
    begin: (summary) => {
      const head = json({ ...summary, until: until?.until ?? null, daysLeft: until?.daysLeft ?? null })
      stdout.write(`${head.slice(0, -1)},"findings":[`)
    },
    finding: (one) => {
      const { type: _, ...finding } = one
      stdout.write(`${before}\n${json(finding)}`)
      before = ','
    },
    end: () => stdout.write('\n]}\n'),
  }
}

const csvHeadings = [
  'finding',
  'vcenter',
  'kind',
  'name',
  'machineId',
  'disk',
  'provider',
  'keyId',
  'state',
  'created',
  'lastFetched',
]

function csvWriter({ world: { stdout, stderr, now } }: Run, until: Until | null): Writer {
  return {
    begin: (summary) => {
      stderr.write(summaryText(summary, now()) + (until ? untilText(until) : ''))
      stdout.write(csvLine(csvHeadings))
    },
    finding: (one) => {
      const cells =
        one.type === 'machine'
          ? [
              one.vcenter,
              one.kind,
              one.name,
              one.machineId,
              one.disk,
              one.provider,
              one.key,
              null,
              null,
              null,
            ]
          : [null, null, one.name, null, null, null, one.key, one.state, one.created, one.lastFetched]
      stdout.write(csvLine([one.finding, ...cells]))
    },
    end: () => undefined,
  }
}

/** The number of each finding that a report in text names; --csv and --json have all. */
const shownMax = 50

type Finding = Machine['finding'] | UnusedKey['finding']

const titles: Readonly<Record<Finding, string>> = {
  missing: 'Machines whose key is missing here',
  destroyed: 'Machines whose key was destroyed here',
  elsewhere: 'Machines at another provider',
  unused: 'Keys that no machine uses',
}

function textWriter({ world: { stdout, now } }: Run, until: Until | null): Writer {
  let head: Summary | undefined
  const shown = new Map<Finding, (Machine | UnusedKey)[]>()
  const counts = new Map<Finding, number>()
  return {
    begin: (summary) => (head = summary),
    finding: (one) => {
      counts.set(one.finding, (counts.get(one.finding) ?? 0) + 1)
      const some = shown.get(one.finding) ?? []
      if (some.length < shownMax) shown.set(one.finding, [...some, one])
    },
    end: () => {
      if (!head) return
      stdout.write(`${inventoryTable(head.inventories, now())}\n`)
      stdout.write(
        summaryText(head, now(), counts.get('unused') ?? 0) + (until ? `\n${untilText(until)}` : ''),
      )
      for (const finding of Object.keys(titles) as Finding[]) {
        const some = shown.get(finding) ?? []
        if (some.length > 0) stdout.write(section(finding, some, counts.get(finding) ?? 0))
      }
    },
  }
}

function section(finding: Finding, some: readonly (Machine | UnusedKey)[], count: number): string {
  const machines = some.filter((one) => one.type === 'machine')
  const keys = some.filter((one) => one.type === 'key')
  const rows =
    finding === 'unused'
      ? table(['KEY', 'NAME', 'STATE', 'CREATED', 'LAST FETCHED'], keys.map(keyRow))
      : table(['KIND', 'NAME', 'DISK', 'VCENTER', 'PROVIDER', 'KEY'], machines.map(machineRow))
  const more = count - some.length
  const rest = more === 0 ? '' : plain`… there are ${more} more; --csv and --json have all\n`
  return `\n${titles[finding]}:\n${rows}${rest}`
}

function machineRow({ kind, name, disk, vcenter, provider, key }: Machine): readonly string[] {
  return [kind, name, disk, vcenter, provider, key]
}

function keyRow({ key, name, state, created, lastFetched }: UnusedKey): readonly string[] {
  return [key, name ?? '', state, shortTime(created), lastFetched === null ? 'never' : shortTime(lastFetched)]
}
