// How the rules of the store use its database, so that each rule is written once for both kinds of database. A rule is a
// generator: it yields a statement, by its name in sql.ts, and goes on with the answer. SQLite answers at once
// (sqlite/statements.ts), PostgreSQL over the network (postgres/session.ts).
//
// Calling such a generator without `yield*` does nothing; test/tidy.test.ts finds such calls.

import type { Row } from './row.ts'
import { readSql, writeSql } from './sql.ts'
import { markSql } from './sql-marks.ts'
import { dumpSql } from './dumps/sql-dump.ts'

export const statementSql = { ...readSql, ...dumpSql, ...writeSql, ...markSql }

export type StatementName = keyof typeof statementSql

export type SqlValue = string | number | bigint | Uint8Array | null

export interface Query {
  readonly name: StatementName
  /** The values of the placeholders, in order. */
  readonly values: readonly SqlValue[]
  /** `nothing`: the next statement may be sent before this one is answered. */
  readonly wants: 'nothing' | 'changes' | 'id' | 'row' | 'rows'
}

/** Depends on `wants`: the number of changed rows, the id of a new row, the first row, or all rows. */
export type QueryAnswer = number | Row | readonly Row[] | undefined

/** The steps of a rule whose result is a `T`. */
export type Steps<T> = Generator<Query, T, QueryAnswer>

export function* run(name: StatementName, ...values: SqlValue[]): Steps<void> {
  yield { name, values, wants: 'nothing' }
}

/** Returns the id of the new row. */
export function* add(name: StatementName, ...values: SqlValue[]): Steps<number> {
  return (yield { name, values, wants: 'id' }) as number
}

/** Returns the number of changed rows. */
export function* changed(name: StatementName, ...values: SqlValue[]): Steps<number> {
  return (yield { name, values, wants: 'changes' }) as number
}

/** Returns the first row; undefined: there is none. */
export function* get(name: StatementName, ...values: SqlValue[]): Steps<Row | undefined> {
  return (yield { name, values, wants: 'row' }) as Row | undefined
}

export function* all(name: StatementName, ...values: SqlValue[]): Steps<readonly Row[]> {
  return (yield { name, values, wants: 'rows' }) as readonly Row[]
}
