// One connection to PostgreSQL. Statements are sent as they come, without waiting for the answers before them, and need no
// state of the connection outside a transaction: no prepared statements, no settings but timeouts (connect.ts). So it works behind
// PgBouncer too.

import { connect } from 'node:net'
import { Client, type ClientConfig, type QueryResult } from 'pg'
import type { QueryAnswer, Query, Steps } from '../steps.ts'
import type { Timeline } from '../../../core/ports/anchor.ts'
import type { Row } from '../row.ts'
import type { Ahead } from './ahead.ts'
import { postgresSql, postgresSqlWithId } from './sql.ts'

/** How long the other end of a connection that is ended may take to end it too. */
const postgresEndMs = 1_000

/** By PostgreSQL's type: numbers of all sizes that the store has, texts, bytes, truth. */
const parsers = new Map<number, (value: string) => unknown>([
  ...[20, 21, 23, 1700].map((type) => [type, Number] as const),
  ...[25, 1043].map((type) => [type, fromText] as const),
  [16, (value) => value === 't'],
  [17, fromBytes],
])
const types = { getTypeParser: (type: number) => parsers.get(type) ?? String }

/** The parts that we look at. */
interface Warning {
  readonly message?: string | undefined
  /** The function of PostgreSQL that warns. */
  readonly routine?: string | undefined
}

/** The server behind a connection, as far as connect.ts found out about it. */
export interface PostgresServer {
  readonly timeline: Timeline | null
  /** When the server started, in microseconds. */
  readonly started: number
  /** A pooler stands between, which may lead each transaction to another server. */
  readonly pooled: boolean
}

export class PostgresSession {
  readonly #client: Client
  server: PostgresServer = { timeline: null, started: 0, pooled: false }
  #failed: unknown
  #warnings: Warning[] = []
  /** Why it cannot be used any more. */
  ended: Error | undefined

  constructor(options: ClientConfig) {
    this.#client = new Client({ ...options, types, pipeline: true })
    this.#client.on('error', (error) => (this.ended ??= error))
    this.#client.on('end', () => (this.ended ??= new Error('the connection has ended')))
    this.#client.on('notice', (notice) => this.#warnings.push(notice))
  }

  async open(): Promise<void> {
    await this.#client.connect()
  }

  /** The process id that the other end states; a pooler states another one than the server. */
  get processId(): number | undefined {
    return (this.#client as unknown as { processID?: number }).processID
  }

  /**
   * Takes all steps. `ahead`: queries that were sent before; their answers count until the first step that changes something. Rejects
   * with the driver's errors, and with what a rule throws.
   */
  async take<T>(steps: Steps<T>, ahead?: Ahead): Promise<T> {
    let isUnchanged = true
    let step = steps.next()
    while (!step.done) {
      const query = step.value
      const { name, wants } = query
      if (wants !== 'row' && wants !== 'rows') isUnchanged = false
      const id = wants === 'id' ? ahead?.takeId(name) : undefined
      const early = isUnchanged ? ahead?.answer(query) : undefined
      const answer = id === undefined ? (early ?? this.#send(query)) : this.#sendWithId(query, id)
      answer.catch(this.#noteFailure)
      if (wants === 'nothing' || id !== undefined) {
        step = steps.next(id)
      } else step = steps.next(answerOf(wants, await answer))
    }
    return step.value
  }

  /** Asks all of these at once. */
  askAhead(queries: readonly Query[], ahead: Ahead): void {
    ahead.ask(queries, (query) => {
      const answer = this.#send(query)
      answer.catch(this.#noteFailure)
      return answer
    })
  }

  /** `waitMs`: left out, as long as the connection waits for any answer. */
  async query(text: string, values: readonly unknown[] = [], waitMs?: number): Promise<QueryResult<Row>> {
    const config = {
      text,
      ...(values.length > 0 && { values: values.map(toValue) }),
      ...(waitMs !== undefined && { query_timeout: waitMs }),
    }
    return this.#client.query<Row>(config)
  }

  /** Sent with what comes next; `takeFailure` returns its error. */
  send(text: string): void {
    this.query(text).catch(this.#noteFailure)
  }

  /** A statement behind the one that failed has an error that tells nothing. */
  readonly #noteFailure = (error: unknown): void => {
    if (!isAborted(error)) this.#failed ??= error
  }

  /** The first error of a step since the last call, also of a step whose answer no caller awaited. Call it when a later step was answered. */
  takeFailure(): unknown {
    const failed = this.#failed
    this.#failed = undefined
    return failed
  }

  /** Rejects if it was rolled back: PostgreSQL answers COMMIT with ROLLBACK when a statement before it failed. */
  async commit(): Promise<void> {
    const { command } = await this.query('COMMIT')
    if (command !== 'COMMIT') throw this.takeFailure() ?? new Error('the transaction was rolled back')
  }

  /** The server's warnings since the last call. */
  takeWarnings(): readonly Warning[] {
    return this.#warnings.splice(0)
  }

  /** Ends it at once, whatever is on its way. */
  drop(): void {
    this.ended ??= new Error('the connection was ended')
    this.#client.end().catch(() => undefined)
    this.#cut()
  }

  #cut(): void {
    const { stream } = (this.#client as unknown as { connection: { stream: ReturnType<typeof connect> } })
      .connection
    stream.destroy()
  }

  /** After what was sent, unless the server does not take leave in time. */
  async end(): Promise<void> {
    this.ended ??= new Error('the connection was ended')
    const late = setTimeout(() => this.#cut(), postgresEndMs)
    await this.#client.end().catch(() => undefined)
    clearTimeout(late)
  }

  #send({ name, values }: Query): Promise<QueryResult<Row>> {
    return this.query(postgresSql[name], values)
  }

  #sendWithId({ name, values }: Query, id: number): Promise<QueryResult<Row>> {
    return this.query(postgresSqlWithId(name), [...values, id])
  }
}

function answerOf(wants: Query['wants'], { rows, rowCount }: QueryResult<Row>): QueryAnswer {
  if (wants === 'rows') return rows
  if (wants === 'row') return rows[0]
  return wants === 'id' ? Number(rows[0]?.['id']) : (rowCount ?? 0)
}

/** in_failed_sql_transaction */
function isAborted(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '25P02'
}

function toValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toValue)
  return typeof value === 'string' ? toText(value) : value
}

/**
 * PostgreSQL's text cannot hold U+0000, which identifiers and names of KMIP may have. `toText` writes U+0000 and U+0001 as U+0001 and a
 * letter, so that no two texts become equal.
 */
const [zero, one] = ['\0', '\u0001']

export function toText(value: string): string {
  if (!value.includes(zero) && !value.includes(one)) return value
  return value.replaceAll(one, `${one}b`).replaceAll(zero, `${one}a`)
}

export function fromText(value: string): string {
  if (!value.includes(one)) return value
  return value.replaceAll(`${one}a`, zero).replaceAll(`${one}b`, one)
}

/** Reads both forms in which PostgreSQL sends bytes: a role or a database sets which one (bytea_output). */
export function fromBytes(value: string): Buffer {
  if (value.startsWith(String.raw`\x`)) return Buffer.from(value.slice(2), 'hex')
  const escaped = /\\(\\|[0-7]{3})/g
  const text = value.replaceAll(escaped, (_, what: string) =>
    what.length === 1 ? what : String.fromCodePoint(Number.parseInt(what, 8)),
  )
  return Buffer.from(text, 'latin1')
}
