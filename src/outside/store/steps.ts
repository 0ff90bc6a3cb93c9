// How the rules of the store speak to its database, so that each rule is written once for every kind of database. A rule is
// a generator: it yields a statement, by its name in sql.ts, and goes on with the answer. SQLite answers at once
// (statements.ts), PostgreSQL from across the network (postgres/session.ts).
//
// A step that is called without `yield*` does nothing; test/tidy.test.ts finds such calls.

import type { Row } from './row.ts'
import { readSql, writeSql } from './sql.ts'
import { markSql } from './sql-marks.ts'
import { dumpSql } from './dumps/sql-dump.ts'

export const statementSql = { ...readSql, ...dumpSql, ...writeSql, ...markSql }

export type StatementName = keyof typeof statementSql

export type Value = string | number | bigint | Uint8Array | null

export interface Query {
  readonly name: StatementName
  /** They take the places of the placeholders, in their order. */
  readonly values: readonly Value[]
  /** `nothing`: the next statement may be sent before this one is answered. */
  readonly wants: 'nothing' | 'changes' | 'id' | 'row' | 'rows'
}

/** As wanted: the number of rows that were changed, the id of a new one, the first row that was found, or all of them. */
export type Answer = number | Row | readonly Row[] | undefined

/** The steps that lead to a `T`. */
export type Steps<T> = Generator<Query, T, Answer>

export function* run(name: StatementName, ...values: Value[]): Steps<void> {
  yield { name, values, wants: 'nothing' }
}

/** Returns the id that the database gave the new row. */
export function* add(name: StatementName, ...values: Value[]): Steps<number> {
  return (yield { name, values, wants: 'id' }) as number
}

/** Returns how many rows the statement changed. */
export function* changed(name: StatementName, ...values: Value[]): Steps<number> {
  return (yield { name, values, wants: 'changes' }) as number
}

/** The first row, if there is one. */
export function* get(name: StatementName, ...values: Value[]): Steps<Row | undefined> {
  return (yield { name, values, wants: 'row' }) as Row | undefined
}

export function* all(name: StatementName, ...values: Value[]): Steps<readonly Row[]> {
  return (yield { name, values, wants: 'rows' }) as readonly Row[]
}
