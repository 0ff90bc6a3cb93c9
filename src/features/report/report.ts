// `mortise report`: what an auditor asks for about a quarter: who fetched which keys, how old keys are, clients and tokens that were
// not used, changes of trust, restores. It is made here of pages of the admin API, so it holds what the token may see and no more.
// How it looks is in report-text.ts.

import type { Output } from '../../doors/http/route.ts'
import type { AdminClient } from '../../doors/http/client.ts'
import { listsOfAllKeys } from './all-keys.ts'
import { instanceFlag, verb, type Run } from '../../doors/cli/command.ts'
import { batches, type ReadPage } from '../../doors/cli/text/list.ts'
import { idOf, mustBeAmong } from '../../doors/cli/text/names.ts'
import { periodOf, type Period, type PeriodOptions } from './period.ts'
import { ReportTally, type ReportRow } from './report-tally.ts'
import { writeCsv, writeJson, writeText, type AuditorReport } from './report-text.ts'
import { timeHelp } from '../../doors/cli/text/time.ts'
import { CommandError, UsageError } from '../../doors/cli/world.ts'
import { auditRoutes } from '../audit/routes.ts'
import { clientRoutes } from '../clients/routes.ts'
import { instanceRoutes } from '../instances/routes.ts'
import { sessionRoutes } from '../sessions/routes.ts'
import { tokenRoutes } from '../tokens/routes.ts'

interface ReportOptions extends PeriodOptions {
  readonly instance?: string
  readonly csv?: boolean
}

type Entry = Output<typeof auditRoutes.listAudit>['entries'][number]
type Client = Output<typeof clientRoutes.listClients>[number]

export const reportCommand = verb<ReportOptions>({
  words: 'report',
  summary:
    'for auditors: fetches, age of keys, unused clients and tokens, changes of trust and restores of a quarter',
  flags: [
    ['--quarter <quarter>', 'such as 2026-Q4 (default: the last one that is over)'],
    ['--from <time>', `in place of a quarter: ${timeHelp}`],
    ['--to <time>', 'not after this time (default: now)'],
    [instanceFlag[0], 'only this instance (default: all that the token may see)'],
    ['--csv', 'print comma-separated values: every key, fetch and change'],
  ],
  examples: ['report', 'report --quarter 2026-Q4 --csv > 2026-Q4.csv', 'report --from -30d --json'],
  action: (run, options) =>
    report(run, options).catch((cause: unknown) => {
      if (!(cause instanceof Error && 'code' in cause && cause.code === 'ERR_SQLITE_ERROR')) throw cause
      const message = `the temporary file of the report cannot be written: ${cause.message}`
      throw new CommandError(message, 'TMPDIR names another folder for it.', { cause })
    }),
})

async function report(run: Run, options: ReportOptions): Promise<void> {
  if (options.csv === true && run.json) throw new UsageError('give --csv or --json, not both')
  const period = periodOf(run, options)
  const admin = await run.client()
  const instances = await visible(admin, options.instance)
  const wholeServer = options.instance === undefined && (await mayReadAll(admin))
  using tally = new ReportTally()
  for (const page of pagesOf(admin, wholeServer ? [undefined] : instances.map(({ id }) => id), period))
    for await (const entries of page) for (const entry of entries) count(tally, entry, period)
  for (const { id } of instances) await readKeys(admin, id, tally)
  const unused = await readUnused(admin, tally, { instances, wholeServer, period })
  const { now, version } = run.world
  const made: AuditorReport = {
    ...period,
    madeAt: new Date(now()).toISOString(),
    version,
    instances,
    tokensShown: wholeServer,
    logReachesBack: await reachesBack(admin, wholeServer ? undefined : instances[0]?.id, period),
    unused,
    tally,
  }
  const write = run.json ? writeJson : options.csv === true ? writeCsv : writeText
  write(run.world, made)
}

async function visible(admin: AdminClient, named: string | undefined) {
  const all = await admin.call(instanceRoutes.listInstances)
  if (named === undefined) return all
  const instanceId = idOf('instance', named, all)
  mustBeAmong('instance', instanceId, all)
  return all.filter(({ id }) => id === instanceId)
}

/** A token for one instance may not read the entries of the server itself, nor the tokens. */
async function mayReadAll(admin: AdminClient): Promise<boolean> {
  const { grants } = await admin.call(sessionRoutes.whoAmI)
  return grants.some(({ instance }) => instance === null)
}

/** `undefined` stands for the whole server. */
function pagesOf(admin: AdminClient, wheres: readonly (string | undefined)[], { from, to }: Period) {
  return wheres.map((instance) => {
    const read: ReadPage<Entry> = async (page) => {
      const query = { ...page, since: from, until: to }
      const { entries, after } =
        instance === undefined
          ? await admin.call(auditRoutes.listAudit, { query })
          : await admin.call(auditRoutes.listInstanceAudit, { instance, query })
      return { items: entries, after }
    }
    return batches(read, { limit: Number.POSITIVE_INFINITY })
  })
}

const fetching = new Set(['key.get', 'key.export'])
const trusting =
  /^(client\.(trust|set|remove|certificate|block|unblock|re-provision)|token|instance\.(create|set|delete|shred|upstream|close|open)|server\.(close|open)|approval\.(break-glass|configure)|server-cert\.activate|admin-cert|root-key\.(copied|verify-copy))/
const restoring = new Set([
  'instance.restore',
  'server.restore-accept',
  'backup.restore',
  'key.undestroy',
  'audit.prune',
])

/** The section in which the report has the entries of an action. Undefined: in none. */
export function sectionOf(action: string): 'fetch' | 'trust' | 'restore' | undefined {
  if (fetching.has(action)) return 'fetch'
  if (trusting.test(action)) return 'trust'
  return restoring.has(action) ? 'restore' : undefined
}

function count(tally: ReportTally, entry: Entry, { to }: Period): void {
  const { at, action, result, instanceId, object, actor } = entry
  if (at >= to) return
  if (actor.id !== null) tally.addActor(actor.id)
  const by = `${actor.kind} ${actor.name ?? actor.certificateSha256 ?? actor.address ?? ''}`.trim()
  const section = sectionOf(action)
  if (section === 'fetch') {
    const certificate = actor.certificateSha256
    const what = `${action}: ${result}`
    tally.addFetch({ instanceId, object, what, actorId: actor.id, by, certificate, ...timesOf(entry) })
  } else if (section !== undefined) tally.note(changeRow(section, entry, by))
}

/** The last of many refusals in a minute have one entry, which counts them. */
function timesOf({ at, detail }: Entry) {
  const [refusals, since] = [detail?.['refusals'], detail?.['since']]
  const isCount = typeof refusals === 'number' && typeof since === 'string'
  return isCount ? { times: refusals, since, at } : { times: 1, since: at, at }
}

function changeRow(
  section: ReportRow['section'],
  { at, action, result, reason, instanceId, object, actor, detail }: Entry,
  by: string,
): ReportRow {
  const named = detail?.['name'] ?? detail?.['client']
  return {
    section,
    instance: instanceId,
    id: object,
    name: typeof named === 'string' ? named : null,
    what: result === 'success' ? action : `${action}: ${result}${reason === null ? '' : `: ${reason}`}`,
    by,
    certificate: actor.certificateSha256,
    times: null,
    first: at,
    last: at,
    detail: detail === null ? null : JSON.stringify(detail),
  }
}

async function readKeys(admin: AdminClient, instance: string, tally: ReportTally): Promise<void> {
  for (const read of listsOfAllKeys(admin, instance))
    for await (const keys of batches(read, { limit: Number.POSITIVE_INFINITY }))
      for (const key of keys) tally.addKey({ instanceId: instance, ...key })
}

/** Clients and tokens that were there in the period and did nothing in it. */
async function readUnused(
  admin: AdminClient,
  tally: ReportTally,
  options: {
    readonly instances: AuditorReport['instances']
    readonly wholeServer: boolean
    readonly period: Period
  },
): Promise<readonly ReportRow[]> {
  const { instances, wholeServer, period } = options
  const rows: ReportRow[] = []
  for (const { id: instance } of instances)
    for (const client of await admin.call(clientRoutes.listClients, { instance }))
      if (isUnused(tally, { ...client, lastSeen: client.lastSeen?.at ?? null }, period))
        rows.push(unusedRow('client', instance, client, seenOf(client)))
  if (!wholeServer) return rows
  for (const token of await admin.call(tokenRoutes.listTokens))
    if (isUnused(tally, { ...token, lastSeen: token.lastUsed }, period))
      rows.push(unusedRow('token', token.instance?.id ?? null, token, token.lastUsed))
  return rows
}

const seenOf = ({ lastSeen }: Client): string | null => lastSeen?.at ?? null

function isUnused(
  tally: ReportTally,
  one: { readonly id: string; readonly created: string; readonly lastSeen: string | null },
  { from, to }: Period,
): boolean {
  const seenWithin = one.lastSeen !== null && one.lastSeen >= from && one.lastSeen < to
  return one.created < to && !seenWithin && !tally.hasActor(one.id)
}

function unusedRow(
  section: 'client' | 'token',
  instance: string | null,
  { id, name, created }: { readonly id: string; readonly name: string; readonly created: string },
  last: string | null,
): ReportRow {
  const detail = last === null ? 'never used' : 'not used in the period'
  const nobody = { what: null, by: null, certificate: null, times: null }
  return { section, instance, id, name, ...nobody, first: created, last, detail }
}

/** Whether there is an entry older than the period. If not, the log began later, or older entries were pruned. */
async function reachesBack(
  admin: AdminClient,
  instance: string | undefined,
  { from }: Period,
): Promise<boolean> {
  const query = { until: from, limit: 1 }
  const { entries } =
    instance === undefined
      ? await admin.call(auditRoutes.listAudit, { query })
      : await admin.call(auditRoutes.listInstanceAudit, { instance, query })
  return entries.length > 0
}
