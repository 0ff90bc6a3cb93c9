// Prepared statements of one connection, by the name they have in sql.ts, and the reading of their rows. Rows
// are what this store wrote itself: a wrong type in one is damage, and is said so.

import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'

export type Row = Readonly<Record<string, SQLOutputValue>>

/** Prepares each statement when it is first used; they live as long as the connection. */
export class Statements<Name extends string> {
  readonly #database: DatabaseSync
  readonly #sql: Readonly<Record<Name, string>>
  readonly #prepared = new Map<Name, StatementSync>()

  constructor(database: DatabaseSync, sql: Readonly<Record<Name, string>>) {
    this.#database = database
    this.#sql = sql
  }

  run(name: Name, ...values: SQLInputValue[]): { changes: number; rowId: number } {
    const { changes, lastInsertRowid } = this.#statement(name).run(...values)
    return { changes: Number(changes), rowId: Number(lastInsertRowid) }
  }

  get(name: Name, ...values: SQLInputValue[]): Row | undefined {
    return this.#statement(name).get(...values)
  }

  all(name: Name, ...values: SQLInputValue[]): Row[] {
    return this.#statement(name).all(...values)
  }

  #statement(name: Name): StatementSync {
    let statement = this.#prepared.get(name)
    if (!statement) {
      statement = this.#database.prepare(this.#sql[name])
      this.#prepared.set(name, statement)
    }
    return statement
  }
}

export function text(row: Row, column: string): string {
  const value = row[column]
  if (typeof value !== 'string') throw wrongColumn(column)
  return value
}

export function number(row: Row, column: string): number {
  const value = row[column]
  if (typeof value !== 'number') throw wrongColumn(column)
  return value
}

export function bytes(row: Row, column: string): Uint8Array {
  const value = row[column]
  if (!(value instanceof Uint8Array)) throw wrongColumn(column)
  return value
}

/** Reads a column that may be NULL: `orNull(row, 'sealed', bytes)`. */
export function orNull<T>(row: Row, column: string, read: (row: Row, column: string) => T): T | null {
  return row[column] === null ? null : read(row, column)
}

/** Reads a column that holds one of a few words. */
export function oneOf<T extends string>(row: Row, column: string, values: readonly T[]): T {
  const value = text(row, column)
  const found = values.find((known) => known === value)
  if (found === undefined) throw new Error(`the database has a row whose ${column} is unknown`)
  return found
}

function wrongColumn(column: string): Error {
  return new Error(`the database has a row whose ${column} is of a wrong type`)
}
