// Counts for `mortise report` while that reads the audit log and the keys page by page: in a temporary database on the disk, which
// SQLite removes by itself, so that a report of many entries takes little memory. It knows neither the server nor how rows look.

import { counted } from '../../base/text/counted.ts'
import { DatabaseSync, type StatementSync } from 'node:sqlite'

/** One line of a report, whatever it is about. */
export interface ReportRow {
  readonly section: 'fetch' | 'key' | 'client' | 'token' | 'trust' | 'restore'
  readonly instance: string | null
  /** Identifier of the key, the client or the token. */
  readonly id: string | null
  readonly name: string | null
  /** State of a key, result of a fetch, action of a change. */
  readonly what: string | null
  readonly by: string | null
  readonly certificate: string | null
  readonly times: number | null
  readonly first: string | null
  readonly last: string | null
  readonly detail: string | null
}

export interface SeenFetch {
  readonly instanceId: string | null
  readonly object: string | null
  readonly what: string
  readonly actorId: string | null
  readonly by: string
  readonly certificate: string | null
  /** One entry may count several refusals. */
  readonly times: number
  /** The first and last time: ISO 8601 in UTC, as all times here. */
  readonly since: string
  readonly at: string
}

export interface SeenKey {
  readonly instanceId: string
  readonly id: string
  readonly name: string | null
  readonly state: string
  readonly created: string
  readonly lastFetched: string | null
}

/** Fetches of one party, of all keys of one instance. */
export interface FetchSummary {
  readonly instance: string | null
  readonly by: string
  readonly keys: number
  readonly times: number
  readonly refused: number
  readonly first: string
  readonly last: string
}

/** The keys of one instance in one state, by age at the end of the period. */
export interface KeyAges {
  readonly instance: string
  readonly state: string
  readonly keys: number
  readonly days90: number
  readonly days365: number
  readonly days730: number
  readonly older: number
  readonly oldest: string
}

const schema = `
  PRAGMA journal_mode = OFF;
  PRAGMA synchronous = OFF;
  PRAGMA cache_size = -16384;
  CREATE TABLE fetch (
    instance TEXT, object TEXT, what TEXT, actor TEXT, party TEXT, certificate TEXT,
    times INTEGER, first TEXT, last TEXT,
    PRIMARY KEY (instance, object, actor, party, certificate, what)) WITHOUT ROWID;
  CREATE TABLE key (instance TEXT, id TEXT, name TEXT, state TEXT, created TEXT, fetched TEXT, PRIMARY KEY (instance, id)) WITHOUT ROWID;
  CREATE TABLE actor (id TEXT PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE noted (section TEXT, row TEXT);
  BEGIN`

export class ReportTally implements Disposable {
  readonly #database = new DatabaseSync('')
  readonly #fetch: StatementSync
  readonly #key: StatementSync
  readonly #actor: StatementSync
  readonly #noted: StatementSync

  constructor() {
    this.#database.exec(schema)
    this.#fetch = this.#database.prepare(
      `INSERT INTO fetch VALUES (?, ?, ?, ?, ?, ?, ?7, ?8, ?9)
       ON CONFLICT DO UPDATE SET times = times + ?7, first = min(first, ?8), last = max(last, ?9)`,
    )
    this.#key = this.#database.prepare('INSERT OR REPLACE INTO key VALUES (?, ?, ?, ?, ?, ?)')
    this.#actor = this.#database.prepare('INSERT OR IGNORE INTO actor VALUES (?)')
    this.#noted = this.#database.prepare('INSERT INTO noted VALUES (?, ?)')
  }

  addFetch({ instanceId, object, what, actorId, by, certificate, times, since, at }: SeenFetch): void {
    const party = [actorId ?? '', by, certificate ?? '']
    this.#fetch.run(instanceId ?? '', object ?? '', what, ...party, times, since, at)
  }

  addKey({ instanceId, id, name, state, created, lastFetched }: SeenKey): void {
    this.#key.run(instanceId, id, name, state, created, lastFetched)
  }

  /** The audit log has an act in the period. */
  addActor(id: string): void {
    this.#actor.run(id)
  }

  hasActor(id: string): boolean {
    return this.#database.prepare('SELECT 1 FROM actor WHERE id = ?').get(id) !== undefined
  }

  note(row: ReportRow): void {
    this.#noted.run(row.section, JSON.stringify(row))
  }

  /** Changes of trust and restores come newest first, as they were read; turned round here. */
  *noted(section: ReportRow['section']): Generator<ReportRow> {
    const rows = this.#database.prepare('SELECT row FROM noted WHERE section = ? ORDER BY rowid DESC')
    for (const { row } of rows.iterate(section)) yield JSON.parse(String(row)) as ReportRow
  }

  *fetches(): Generator<ReportRow> {
    const rows = this.#database.prepare(
      `SELECT fetch.*, key.name FROM fetch LEFT JOIN key ON key.instance = fetch.instance AND key.id = fetch.object
       ORDER BY fetch.instance, object, party, what`,
    )
    for (const row of rows.iterate())
      yield {
        section: 'fetch',
        instance: text(row['instance']),
        id: text(row['object']),
        name: text(row['name']),
        what: text(row['what']),
        by: text(row['party']),
        certificate: text(row['certificate']),
        times: Number(row['times']),
        first: text(row['first']),
        last: text(row['last']),
        detail: null,
      }
  }

  fetchSummaries(): readonly FetchSummary[] {
    const rows = this.#database
      .prepare(
        `SELECT instance, party, count(DISTINCT CASE WHEN what LIKE '%: success' THEN object END) AS keys,
           sum(CASE WHEN what LIKE '%: success' THEN times ELSE 0 END) AS times,
           sum(CASE WHEN what LIKE '%: success' THEN 0 ELSE times END) AS refused, min(first) AS first, max(last) AS last
         FROM fetch GROUP BY instance, party, actor ORDER BY times DESC, party`,
      )
      .all()
    return rows.map((row) => ({
      instance: text(row['instance']),
      by: String(row['party']),
      keys: Number(row['keys']),
      times: Number(row['times']),
      refused: Number(row['refused']),
      first: String(row['first']),
      last: String(row['last']),
    }))
  }

  /** Yields the keys that were made before `to`, with their age then. */
  *keys(to: string): Generator<ReportRow> {
    const rows = this.#database.prepare(
      'SELECT *, cast(julianday(?1) - julianday(created) AS INTEGER) AS days FROM key WHERE created < ?1 ORDER BY instance, created, id',
    )
    for (const row of rows.iterate(to))
      yield {
        section: 'key',
        instance: text(row['instance']),
        id: text(row['id']),
        name: text(row['name']),
        what: text(row['state']),
        by: null,
        certificate: null,
        times: null,
        first: text(row['created']),
        last: text(row['fetched']),
        detail: `${counted(Math.max(0, Number(row['days'])), 'day')} old`,
      }
  }

  keyAges(to: string): readonly KeyAges[] {
    const rows = this.#database
      .prepare(
        `SELECT instance, state, count(*) AS keys, min(created) AS oldest, sum(days < 90) AS days90,
           sum(days >= 90 AND days < 365) AS days365, sum(days >= 365 AND days < 730) AS days730, sum(days >= 730) AS older
         FROM (SELECT *, julianday(?1) - julianday(created) AS days FROM key WHERE created < ?1) GROUP BY instance, state ORDER BY instance, state`,
      )
      .all(to)
    return rows.map((row) => ({
      instance: String(row['instance']),
      state: String(row['state']),
      keys: Number(row['keys']),
      days90: Number(row['days90']),
      days365: Number(row['days365']),
      days730: Number(row['days730']),
      older: Number(row['older']),
      oldest: String(row['oldest']),
    }))
  }

  [Symbol.dispose](): void {
    this.#database.close()
  }
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}
