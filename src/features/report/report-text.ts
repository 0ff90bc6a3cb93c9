// How a report looks: for a person to read, as CSV with one line for everything, or as JSON. Rows come one by one, so that a report
// of many keys is not in memory as a whole.

import { csvLine } from '../../doors/cli/text/csv.ts'
import { facts, plain, plainJson, table } from '../../doors/cli/text/output.ts'
import type { Period } from './period.ts'
import type { FetchSummary, ReportRow, ReportTally } from './report-tally.ts'
import { shortTime } from '../../doors/cli/text/time.ts'
import type { World } from '../../doors/cli/world.ts'

export interface AuditorReport extends Period {
  readonly madeAt: string
  readonly version: string
  readonly instances: readonly { readonly id: string; readonly name: string }[]
  /** Whether it has the tokens and the changes of the server itself. */
  readonly tokensShown: boolean
  readonly logReachesBack: boolean
  readonly unused: readonly ReportRow[]
  readonly tally: ReportTally
}

type Write = (world: Pick<World, 'stdout'>, report: AuditorReport) => void

/** An entry of the whole report; `detail` of a change is what the audit says. */
const columns = [
  'section',
  'instance',
  'id',
  'name',
  'what',
  'by',
  'certificate',
  'times',
  'first',
  'last',
  'detail',
] as const satisfies readonly (keyof ReportRow)[]

export const writeCsv: Write = ({ stdout }, report) => {
  stdout.write(csvLine(columns))
  for (const row of rowsOf(report)) {
    const { times, ...rest } = withInstanceName(report, row)
    const cells = { ...rest, times: times === null ? null : String(times) }
    stdout.write(csvLine(columns.map((column) => cells[column])))
  }
}

export const writeJson: Write = ({ stdout }, report) => {
  const { from, to, quarter, madeAt, version, instances, tokensShown, logReachesBack, tally } = report
  const about = { from, to, quarter, madeAt, version, tokensShown, logReachesBack }
  const shown = instances.map(({ id, name }) => ({ id, name }))
  const head = { ...about, instances: shown, fetchedBy: tally.fetchSummaries(), keyAges: tally.keyAges(to) }
  stdout.write(`${plainJson(JSON.stringify(head)).slice(0, -1)},\n"rows":[`)
  let before = '\n'
  for (const row of rowsOf(report)) {
    stdout.write(`${before}${plainJson(JSON.stringify(withInstanceName(report, row)))}`)
    before = ',\n'
  }
  stdout.write('\n]}\n')
}

function* rowsOf({ tally, to, unused }: AuditorReport): Generator<ReportRow> {
  yield* tally.fetches()
  yield* tally.keys(to)
  yield* unused
  yield* tally.noted('trust')
  yield* tally.noted('restore')
}

/** A deleted instance has its id for a name. */
function nameOf({ instances }: AuditorReport, id: string | null): string {
  return instances.find((one) => one.id === id)?.name ?? id ?? ''
}

function withInstanceName(report: AuditorReport, row: ReportRow): ReportRow {
  return { ...row, instance: row.instance === null ? null : nameOf(report, row.instance) }
}

const linesMax = 50

export const writeText: Write = ({ stdout }, report) => {
  const { tally, unused } = report
  stdout.write(heading(report))
  const part = (title: string, headings: readonly string[], rows: Iterable<readonly string[]>): void => {
    const { shown, more } = first(rows)
    const body = shown.length === 0 ? '  none\n' : table(headings, shown)
    const rest = more === 0 ? '' : `… and ${more} more: --csv and --json have all.\n`
    stdout.write(`\n${title}\n${body}${rest}`)
  }
  const named = (id: string | null): string => nameOf(report, id)
  part(
    'Who fetched keys (which ones: --csv)',
    ['BY', 'INSTANCE', 'KEYS', 'TIMES', 'NOT GIVEN', 'FIRST', 'LAST'],
    tally.fetchSummaries().map((row) => fetchCells(row, named)),
  )
  part(
    'Age of keys at the end of the period',
    ['INSTANCE', 'STATE', 'KEYS', '< 90 DAYS', '< 1 YEAR', '< 2 YEARS', 'OLDER', 'OLDEST'],
    tally.keyAges(report.to).map((row) => {
      const { keys, days90, days365, days730, older } = row
      const counts = [keys, days90, days365, days730, older].map(String)
      return [named(row.instance), row.state, ...counts, shortTime(row.oldest)]
    }),
  )
  for (const section of ['client', 'token'] as const) {
    if (section === 'token' && !report.tokensShown) continue
    const rows = unused.filter((row) => row.section === section)
    part(
      `${section === 'client' ? 'Clients' : 'Tokens'} that did nothing`,
      ['NAME', 'INSTANCE', 'CREATED', 'LAST USED'],
      rows.map(({ name, instance, first, last }) => {
        return [name ?? '', named(instance), shortTime(first), shortTime(last) || 'never']
      }),
    )
  }
  for (const section of ['trust', 'restore'] as const)
    part(
      section === 'trust' ? 'Changes of trust' : 'Restores, and entries pruned from the log',
      ['TIME', 'ACTION', 'INSTANCE', 'NAME', 'BY'],
      map(tally.noted(section), ({ first, what, instance, name, id, by }) => {
        return [shortTime(first), what ?? '', named(instance), name ?? id ?? '', by ?? '']
      }),
    )
}

function heading(report: AuditorReport): string {
  const { quarter, from, to, madeAt, version, instances, tokensShown, logReachesBack } = report
  const title = quarter === null ? 'Report' : `Report for ${quarter}`
  const whole = tokensShown
    ? ''
    : 'It is about these instances alone: tokens and changes of the server itself are for a token for all instances.\n'
  const log = logReachesBack
    ? ''
    : 'The audit log has no entry from before this period: it began later, or older entries were pruned.\n'
  return `${plain`${title}\n`}${facts([
    ['From', shortTime(from)],
    ['To', shortTime(to)],
    ['Made', `${shortTime(madeAt)}, mortise ${version}`],
    ['Instances', instances.map(({ name }) => name).join(', ')],
  ])}${whole}${log}`
}

function fetchCells(
  { by, instance, keys, times, refused, first, last }: FetchSummary,
  named: (id: string | null) => string,
): readonly string[] {
  return [by, named(instance), ...[keys, times, refused].map(String), shortTime(first), shortTime(last)]
}

/** The first lines, and how many more there are. */
function first(rows: Iterable<readonly string[]>) {
  const shown: (readonly string[])[] = []
  let more = 0
  for (const row of rows)
    if (shown.length < linesMax) shown.push(row)
    else more++
  return { shown, more }
}

function* map<T, U>(items: Iterable<T>, change: (item: T) => U): Generator<U> {
  for (const item of items) yield change(item)
}
