// One connection to PostgreSQL. It sends statements at once, without waiting for the answers to earlier ones. Outside a transaction they
// need no state of the connection: no prepared statements, and no settings but timeouts (connect.ts). So it works behind PgBouncer too.

import { connect } from 'node:net'
import { Client, type ClientConfig, type QueryResult } from 'pg'
import type { QueryAnswer, Query, Steps } from '../steps.ts'
import type { Timeline } from '../../../core/ports/anchor.ts'
import type { Row } from '../row.ts'
import type { Ahead } from './ahead.ts'
import { postgresSql, postgresSqlWithId } from './sql.ts'

/** How long the server may take to end its side of a connection that this process ends. */
const postgresEndMs = 1_000

/** By the number of PostgreSQL's type: the numbers and texts that the store uses, booleans, and bytes. */
const parsers = new Map<number, (value: string) => unknown>([
  ...[20, 21, 23, 1700].map((type) => [type, Number] as const),
  ...[25, 1043].map((type) => [type, fromText] as const),
  [16, (value) => value === 't'],
  [17, fromBytes],
])
const types = { getTypeParser: (type: number) => parsers.get(type) ?? String }

/** The parts of a warning that the store uses. */
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
  /** Why the connection cannot be used any more; undefined: it can. */
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
   * Runs all steps of a rule. `ahead`: queries that were sent before; their answers count until the first step that changes something.
   * Rejects with the driver's errors, and with what the rule throws.
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

  /** Sends all these queries at once. */
  askAhead(queries: readonly Query[], ahead: Ahead): void {
    ahead.ask(queries, (query) => {
      const answer = this.#send(query)
      answer.catch(this.#noteFailure)
      return answer
    })
  }

  /** `waitMs`: how long to wait for the answer. Default: as long as the connection waits for any answer. */
  async query(text: string, values: readonly unknown[] = [], waitMs?: number): Promise<QueryResult<Row>> {
    const config = {
      text,
      ...(values.length > 0 && { values: values.map(toValue) }),
      ...(waitMs !== undefined && { query_timeout: waitMs }),
    }
    return this.#client.query<Row>(config)
  }

  /** Sends a statement without waiting for its answer. `takeFailure` returns its error. */
  send(text: string): void {
    this.query(text).catch(this.#noteFailure)
  }

  /** Notes the first real error. PostgreSQL refuses every statement behind a failed one, with an error that says nothing more. */
  readonly #noteFailure = (error: unknown): void => {
    if (!isAborted(error)) this.#failed ??= error
  }

  /**
   * The first error of a step since the last call, also of a step whose answer no caller awaited. Call this once a later step was
   * answered.
   */
  takeFailure(): unknown {
    const failed = this.#failed
    this.#failed = undefined
    return failed
  }

  /** Rejects if the transaction was rolled back: PostgreSQL answers COMMIT with ROLLBACK if an earlier statement failed. */
  async commit(): Promise<void> {
    const { command } = await this.query('COMMIT')
    if (command !== 'COMMIT') throw this.takeFailure() ?? new Error('the transaction was rolled back')
  }

  /** The server's warnings since the last call. */
  takeWarnings(): readonly Warning[] {
    return this.#warnings.splice(0)
  }

  /** Ends the connection at once, without waiting for answers. */
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

  /** Ends the connection after the statements that were sent, or after postgresEndMs if the server does not end it. */
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

/** PostgreSQL's condition in_failed_sql_transaction: an earlier statement of the transaction failed. */
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

/** Reads both forms in which PostgreSQL sends bytes. A setting of the role or the database (bytea_output) selects the form. */
export function fromBytes(value: string): Buffer {
  if (value.startsWith(String.raw`\x`)) return Buffer.from(value.slice(2), 'hex')
  const escaped = /\\(\\|[0-7]{3})/g
  const text = value.replaceAll(escaped, (_, what: string) =>
    what.length === 1 ? what : String.fromCodePoint(Number.parseInt(what, 8)),
  )
  return Buffer.from(text, 'latin1')
}
