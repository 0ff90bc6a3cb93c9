// Connects to the host that takes changes. It asks all hosts at once and skips standbys. Of two hosts that take changes, it uses the
// one on the higher timeline, since that one has replaced the other. It checks the database of the host before this node reads or
// writes anything.

import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ClientConfig } from 'pg'
import { isBehind } from '../../../core/audit/anchor.ts'
import { postgresAnswerMs, postgresTurnMs } from './bounds.ts'
import type { Timeline } from '../../../core/ports/anchor.ts'
import { StoreUnavailable } from '../../../core/ports/store.ts'
import type { Row } from '../row.ts'
import { asUnavailable, sqlState, postgresText } from './errors.ts'
import { PostgresSession } from './session.ts'
import { describeHost, describePlace, type PostgresPlace } from './url.ts'

/** How long a connection may take. */
const postgresConnectMs = 5_000
/** How long an answer may take. PostgreSQL ends a statement earlier (postgresAnswerMs), so after this time it does not answer at all. */
export const postgresSilentMs = 12_000
const postgresKeepAliveMs = 10_000
/** How long the other hosts may take to show that they are newer, after one host has shown that it takes changes. */
const postgresOtherHostsMs = 1_000

export interface Connecting {
  readonly place: PostgresPlace
  /** A file whose first line is the password; null: PGPASSFILE or ~/.pgpass, or none is needed. */
  readonly passwordFile: string | null
}

/** When the server started. This time distinguishes a server from every other one, and from itself before a restart. */
export const startedMicros = `(extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint`

const facts = `
  SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only') AS read_only,
    current_setting('server_encoding') AS encoding, current_setting('server_version_num')::bigint AS version,
    ${startedMicros} AS started, pg_backend_pid() AS pid`

/** Not every hosted PostgreSQL lets a plain role read these facts. */
const timelineFacts = `
  SELECT (SELECT system_identifier::text FROM pg_control_system()) AS cluster,
    left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) AS timeline`

/**
 * For reads outside of a transaction. They then fail in time if an administrator's command locks a table, and their session does not
 * wait on after Mortise has given up. Behind a pooler they are not set: the pooler would pass the settings on to other clients.
 */
const settings = `SET statement_timeout = ${postgresAnswerMs}; SET lock_timeout = ${postgresTurnMs}`

/** The oldest version that Debian and the PostgreSQL project still maintain. */
const versionMin = 140_000

interface Attempt {
  readonly session?: PostgresSession
  /** Why the host cannot be used. */
  readonly wrong?: string
  readonly cause?: unknown
}

/**
 * `newest`: the newest timeline that this node has seen; a server on an older timeline is not used. Rejects with StoreUnavailable,
 * which says what is wrong with each host.
 */
export async function connectPostgres(
  connecting: Connecting,
  newest: Timeline | null = null,
): Promise<PostgresSession> {
  const { place } = connecting
  const tried: Attempt[] = []
  const first = Promise.withResolvers<void>()
  const tries = place.hosts.map(async (host) => {
    const what = await tryHost(connecting, host, newest)
    tried.push(what)
    if (what.session || tried.length === place.hosts.length) first.resolve()
    return what
  })
  await first.promise
  // The newer primary may be another host, which answers more slowly.
  const patience = new AbortController()
  const { signal } = patience
  const enough = sleep(postgresOtherHostsMs, undefined, { signal, ref: false }).catch(() => undefined)
  await Promise.race([Promise.all(tries), enough])
  patience.abort()
  const fit = tried.flatMap(({ session }) => session ?? [])
  const best = fit.reduce<PostgresSession | undefined>(
    (one, other) => (one && !isBehind(one.server.timeline, other.server.timeline) ? one : other),
    undefined,
  )
  void dropOthers(tries, best)
  if (best) return best
  const wrong = tried.map((one) => one.wrong).join('; ')
  throw new StoreUnavailable('unavailable', `no connection to ${describePlace(place)}: ${wrong}`, {
    cause: tried.find(({ cause }) => cause !== undefined)?.cause,
  })
}

/** Ends all connections but the best one, also those that open later. */
async function dropOthers(
  tries: readonly Promise<Attempt>[],
  best: PostgresSession | undefined,
): Promise<void> {
  for (const { session } of await Promise.all(tries)) if (session !== best) session?.drop()
}

/** Never rejects. */
async function tryHost(
  connecting: Connecting,
  host: PostgresPlace['hosts'][number],
  newest: Timeline | null,
): Promise<Attempt> {
  let session: PostgresSession | undefined
  try {
    session = new PostgresSession(await optionsOf(connecting, host))
    await session.open()
    const row = (await session.query(facts)).rows[0] ?? {}
    const timeline = await timelineOf(session, row)
    session.server = {
      timeline,
      started: Number(row['started']),
      pooled: session.processId !== Number(row['pid']),
    }
    const wrong = unfit(row, timeline, newest)
    if (wrong === null) {
      if (!session.server.pooled) await session.query(settings)
      return { session }
    }
    session.drop()
    return { wrong: `${describeHost(host)} ${wrong}` }
  } catch (cause) {
    session?.drop()
    return { wrong: `${describeHost(host)}: ${saidPlainly(cause, connecting.passwordFile)}`, cause }
  }
}

function saidPlainly(error: unknown, passwordFile: string | null): string {
  const said = postgresText(error)
  const todo = remedies[sqlState(error) ?? '']
  if (todo !== undefined) return `${todo} (${said})`
  if (!said.includes('client password must be a string')) return said
  if (passwordFile !== null) return `it wants a password, and the first line of ${passwordFile} is empty`
  return (
    'it wants a password, and none was found: name its file in MORTISE_STORE_PASSWORD_FILE or PGPASSFILE (a PGPASSFILE that ' +
    'others may read is not used: chmod 600)'
  )
}

const untrusted = 'its certificate is not trusted: name the CA that issued it in sslrootcert of server.store'

const remedies: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: start PostgreSQL, or correct server.store',
  ENOTFOUND: 'there is no such host: correct server.store',
  EAI_AGAIN: 'the name server does not answer',
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name: write that name in server.store',
  '28P01': 'it does not take the password: correct the file of server.storePasswordFile',
  '28000': 'it does not let this role in from here: see its pg_hba.conf',
  '3D000': 'it has no such database: create it, as docs/deploy.md says, or correct server.store',
}

/** null: the server is a standby, or does not tell its timeline. */
async function timelineOf(session: PostgresSession, { standby }: Row): Promise<Timeline | null> {
  if (standby === true) return null
  try {
    const { cluster, timeline } = (await session.query(timelineFacts)).rows[0] ?? {}
    const number = Number.parseInt(String(timeline), 16)
    return Number.isNaN(number) ? null : { cluster: String(cluster), number }
  } catch (error) {
    if (error instanceof Error && 'severity' in error) return null
    throw error
  }
}

/** Why this host cannot be used; null if it can. */
function unfit(row: Row, timeline: Timeline | null, newest: Timeline | null): string | null {
  if (row['standby'] === true) return 'is a standby'
  if (row['read_only'] !== 'off') return 'takes no changes (default_transaction_read_only)'
  if (isBehind(timeline, newest))
    return `is on timeline ${timeline?.number}, and the database is on ${newest?.number} now: it is an old primary that a replica has replaced. Stop it, or make it a replica of the new one`
  if (row['encoding'] !== 'UTF8')
    return `has a database whose encoding is ${String(row['encoding'])}: make one with UTF8`
  if (Number(row['version']) < versionMin)
    return `is PostgreSQL ${String(row['version'])}: version 14 or newer is needed`
  return null
}

async function optionsOf(
  { place, passwordFile }: Connecting,
  { host, port }: PostgresPlace['hosts'][number],
): Promise<ClientConfig> {
  const { user, database, tls, caFile } = place
  const password = passwordFile === null ? undefined : await firstLine(passwordFile)
  const ca = caFile === null ? undefined : await readFile(caFile, 'utf8')
  return {
    host,
    port,
    user,
    database,
    ...(password !== undefined && { password }),
    ssl: tls === 'none' ? false : { rejectUnauthorized: tls === 'verified', ...(ca !== undefined && { ca }) },
    application_name: 'mortise',
    connectionTimeoutMillis: postgresConnectMs,
    query_timeout: postgresSilentMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: postgresKeepAliveMs,
  }
}

async function firstLine(file: string): Promise<string> {
  try {
    const [line = ''] = (await readFile(file, 'utf8')).split(/\r?\n/)
    return line
  } catch (error) {
    throw asUnavailable(`read the password of the database from ${file}`, error)
  }
}
