// `mortise audit list`: filters, a table or CSV or JSON, and following the log as it grows.

import { setTimeout as sleep } from 'node:timers/promises'
import { isIP } from 'node:net'
import type { Output } from '../../doors/http/route.ts'
import type { AdminClient } from '../../doors/http/client.ts'
import { auditActionNames } from '../../doors/http/words.ts'
import { oneOfWords, verb, wholeSha256, type Run } from '../../doors/cli/command.ts'
import { counted } from '../../base/text/counted.ts'
import { csvLine } from '../../doors/cli/text/csv.ts'
import {
  afterFlag,
  batches,
  limitFlag,
  limitOf,
  writeList,
  type Columns,
  type ListOptions,
  type ReadPage,
} from '../../doors/cli/text/list.ts'
import { instanceOf, mustBeAmong, wordOf } from '../../doors/cli/text/names.ts'
import { plainJson, tableInParts } from '../../doors/cli/text/output.ts'
import { exactTime, timeHelp } from '../../doors/cli/text/time.ts'
import { UsageError } from '../../doors/cli/world.ts'
import { auditRoutes } from './routes.ts'
import { clientRoutes } from '../clients/routes.ts'
import { instanceRoutes } from '../instances/routes.ts'
import { tokenRoutes } from '../tokens/routes.ts'

interface AuditListOptions extends ListOptions {
  readonly instance?: string
  readonly action?: string
  readonly object?: string
  readonly objectName?: string
  readonly certificate?: string
  readonly client?: string
  readonly token?: string
  readonly person?: string
  readonly address?: string
  readonly result?: string
  readonly request?: string
  readonly since?: string
  readonly until?: string
  readonly follow?: boolean
  readonly csv?: boolean
}

type Entry = Output<typeof auditRoutes.listAudit>['entries'][number]

/** Entries that a list as text shows by itself. */
const shownFirst = 50

export const listCommand = verb<AuditListOptions>({
  words: 'list',
  summary: 'audit entries, newest first',
  flags: [
    ['--instance <name>', "entries of one instance (default: of all instances and the server's own)"],
    ['--action <action>', 'such as key.get, key.create, client.trust'],
    ['--object <id>', 'about this key or client'],
    [
      '--object-name <name>',
      'about keys, clients or tokens with this name, also x-Name, x-Identifier and machines of inventories',
    ],
    ['--certificate <sha256>', 'by the client with this certificate'],
    ['--client <name>', 'by this client, by its name or whole id; removed ones too'],
    ['--token <name>', 'by this token, by its name or whole id; revoked ones too'],
    ['--person <name>', 'by this person, by the shown name or whole id (ISSUER#SUBJECT)'],
    ['--address <ip>', 'from this address'],
    ['--result <success|refused|undone>', 'how they ended'],
    ['--request <id>', 'of this request, as in the log and X-Request-Id'],
    ['--since <time>', `not older than ${timeHelp}`],
    ['--until <time>', 'not younger'],
    [limitFlag[0], `show at most n entries (default: ${shownFirst}; with --json and --csv: all)`],
    ['--all', 'all entries'],
    afterFlag,
    ['--follow', 'show the last entries (--limit, default 10), then new ones as they come, until Ctrl+C'],
    ['--csv', 'print comma-separated values, for a spreadsheet'],
  ],
  examples: [
    'audit list --since -1h --all',
    'audit list --action key.get --object KEY',
    'audit list --client vcenter-1 --result refused --csv',
    'audit list --follow --action key.get',
    'audit list --since yesterday --json',
  ],
  action: list,
})

async function list(run: Run, options: AuditListOptions): Promise<void> {
  const { follow = false, csv = false, all = false } = options
  if (csv && run.json) throw new UsageError('give --csv or --json, not both')
  if (follow && (all || options.after !== undefined || options.until !== undefined))
    throw new UsageError('--follow goes with none of --all, --after and --until')
  if (all && options.limit !== undefined) throw new UsageError('give --all or --limit, not both')
  if (options.after !== undefined && !/^\d{1,15}$/.test(options.after))
    throw new UsageError(`--after takes the number that an earlier list named, not ${options.after}`)
  const query = queryOf(run, options)
  const limit = limitOf(options, follow ? followFirst : Number.POSITIVE_INFINITY)
  const open = () => opened(run, options, query)
  if (follow) return followLog(run, { ...options, first: limit }, await open())
  if (!csv) return writeList(run, options, entryColumns, open)
  let head = csvLine(csvHeadings)
  // The headings stand above the first batch, so that a refused filter prints nothing.
  for await (const items of batches(await open(), { limit, after: options.after })) {
    run.world.stdout.write(head)
    head = ''
    for (const entry of items) run.world.stdout.write(csvLine(csvRow(entry)))
  }
}

async function opened(
  run: Run,
  { instance: named }: AuditListOptions,
  query: ReturnType<typeof queryOf>,
): Promise<ReadPage<Entry>> {
  const admin = await run.client()
  const instance = named === undefined ? undefined : await instanceOf(admin, named)
  const read = async (query: Parameters<ReadPage<Entry>>[0] & ReturnType<typeof queryOf>) => {
    const { entries, after } =
      instance === undefined
        ? await admin.call(auditRoutes.listAudit, { query })
        : await admin.call(auditRoutes.listInstanceAudit, { instance, query })
    return { items: entries, after }
  }
  return async (page) => {
    const batch = await read({ ...query, ...page })
    const { client, token } = query
    if (batch.items.length > 0 || page.after !== undefined) return batch
    const known = async (only: { client: string } | { token: string }) =>
      (await read({ ...only, limit: 1 })).items.length > 0
    if (client !== undefined && !(await known({ client })))
      mustBeAmong('client', client, await clientsIn(admin, instance))
    if (token !== undefined && !(await known({ token })))
      mustBeAmong('token', token, await admin.call(tokenRoutes.listTokens))
    return batch
  }
}

async function clientsIn(admin: AdminClient, instance: string | undefined) {
  const instances =
    instance === undefined ? (await admin.call(instanceRoutes.listInstances)).map(({ id }) => id) : [instance]
  return (
    await Promise.all(instances.map((id) => admin.call(clientRoutes.listClients, { instance: id })))
  ).flat()
}

function queryOf(run: Run, options: AuditListOptions) {
  const { action, certificate, result, request, since, until, objectName } = options
  const { object, client, token, person, address } = options
  return {
    ...(action !== undefined && {
      action: wordOf('action', action, auditActionNames, 'docs/audit-actions.md'),
    }),
    ...(object !== undefined && { object }),
    ...(objectName !== undefined && { objectName }),
    ...(certificate !== undefined && { certificate: wholeSha256(certificate) }),
    ...(client !== undefined && { client }),
    ...(token !== undefined && { token }),
    ...(person !== undefined && { person }),
    ...(address !== undefined && { address: ipAddress(address) }),
    ...(result !== undefined && { result: oneOfWords('--result', result, ['success', 'refused', 'undone']) }),
    ...(request !== undefined && { requestId: request }),
    ...(since !== undefined && { since: run.time('--since', since) }),
    ...(until !== undefined && { until: run.time('--until', until) }),
  }
}

function ipAddress(text: string): string {
  if (isIP(text) === 0) throw new UsageError(`--address takes an IP address such as 10.0.0.5, not ${text}`)
  return text
}

const followEveryMs = 1_000
const followFirst = 10

/** Oldest first, since it grows at its end. Ends with the process, or when the server does not answer. */
async function followLog(
  run: Run,
  options: Pick<AuditListOptions, 'csv'> & { readonly first: number },
  read: ReadPage<Entry>,
): Promise<never> {
  const { world, json } = run
  const part = tableInParts(entryColumns.headings)
  const write = (entries: readonly Entry[]) => {
    if (entries.length === 0) return
    if (json) for (const entry of entries) world.stdout.write(`${plainJson(JSON.stringify(entry))}\n`)
    else if (options.csv === true) for (const entry of entries) world.stdout.write(csvLine(csvRow(entry)))
    else world.stdout.write(part(entries.flatMap(entryColumns.rows)))
  }
  const { items } = await read({ limit: options.first })
  if (options.csv === true) world.stdout.write(csvLine(csvHeadings))
  write(items.toReversed())
  let last = items[0]
  for (;;) {
    await sleep(followEveryMs)
    const newer = await newerThan(read, last)
    write(newer)
    last = newer.at(-1) ?? last
  }
}

/** The entries after `last`, oldest first. */
async function newerThan(read: ReadPage<Entry>, last: Entry | undefined): Promise<readonly Entry[]> {
  const entries: Entry[] = []
  for await (const items of batches(read, { limit: Number.POSITIVE_INFINITY }))
    for (const entry of items) {
      if (entry.writer === last?.writer && entry.number === last.number) return entries.toReversed()
      entries.push(entry)
    }
  return entries.toReversed()
}

const entryColumns: Columns<Entry> = {
  headings: ['TIME', 'ACTION', 'RESULT', 'OBJECT', 'BY', 'ADDRESS'],
  rows: ({ at, action, result, reason, object, actor, detail }) => [
    [
      exactTime(at),
      action,
      [reason === null ? result : `${result}: ${reason}`, ...timesOf(detail)].join(', '),
      object ?? '',
      `${actor.kind} ${actor.name ?? actor.certificateSha256 ?? ''}`.trim(),
      actor.address ?? '',
    ],
  ],
  empty: 'No entries.\n',
  first: shownFirst,
}

/** One entry may count several refusals. */
function timesOf(detail: Entry['detail']): readonly string[] {
  const refusals = detail?.['refusals']
  return typeof refusals === 'number' ? [counted(refusals, 'time')] : []
}

const csvHeadings = [
  'time',
  'action',
  'result',
  'reason',
  'instance',
  'object',
  'by',
  'name',
  'id',
  'certificate',
  'address',
  'request',
  'detail',
]

function csvRow({ at, action, result, reason, instanceId, object, actor, requestId, detail }: Entry) {
  const { kind, name, id, certificateSha256, address } = actor
  return [
    at,
    action,
    result,
    reason,
    instanceId,
    object,
    kind,
    name,
    id,
    certificateSha256,
    address,
    requestId,
    detail === null ? null : JSON.stringify(detail),
  ]
}
