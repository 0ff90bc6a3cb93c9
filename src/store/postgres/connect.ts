// Connects to the host that takes changes: of several, standbys are passed over. What it finds there is checked before anything
// is read or written.

import { readFile } from 'node:fs/promises'
import type { ClientConfig } from 'pg'
import { limits } from '../../limits.ts'
import { StoreUnavailable } from '../../ports/store.ts'
import { asUnavailable, postgresText } from './errors.ts'
import { Session } from './session.ts'
import { describePlace, type PostgresPlace } from './url.ts'

export interface Connecting {
  readonly place: PostgresPlace
  /** A file whose first line is the password; null: PGPASSFILE or ~/.pgpass, or none is needed. */
  readonly passwordFile: string | null
}

const facts = `
  SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only') AS read_only,
    current_setting('server_encoding') AS encoding, current_setting('server_version_num')::bigint AS version`

/** The oldest version that Debian and PostgreSQL still keep. */
const versionMin = 140_000

/** Rejects with StoreUnavailable, which says what is wrong with each host. */
export async function connect(connecting: Connecting): Promise<Session> {
  const { place } = connecting
  const found: string[] = []
  let cause: unknown
  for (const { host, port } of place.hosts) {
    let session: Session | undefined
    try {
      session = new Session(await optionsOf(connecting, host, port))
      await session.open()
      const wrong = await unfit(session)
      if (wrong === null) return session
      found.push(`${host}:${port} ${wrong}`)
    } catch (error) {
      cause = error
      found.push(`${host}:${port}: ${postgresText(error)}`)
    }
    session?.drop()
  }
  throw new StoreUnavailable('unavailable', `no connection to ${describePlace(place)}: ${found.join('; ')}`, {
    cause,
  })
}

/** Why this host cannot be used; null if it can. */
async function unfit(session: Session): Promise<string | null> {
  const row = (await session.query(facts)).rows[0] ?? {}
  if (row['standby'] === true) return 'is a standby'
  if (row['read_only'] !== 'off') return 'takes no changes (default_transaction_read_only)'
  if (row['encoding'] !== 'UTF8')
    return `has a database whose encoding is ${String(row['encoding'])}: make one with UTF8`
  if (Number(row['version']) < versionMin)
    return `is PostgreSQL ${String(row['version'])}: version 14 or newer is needed`
  return null
}

async function optionsOf(
  { place, passwordFile }: Connecting,
  host: string,
  port: number,
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
    connectionTimeoutMillis: limits.postgresConnectMs,
    query_timeout: limits.postgresAnswerMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: limits.postgresKeepAliveMs,
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
