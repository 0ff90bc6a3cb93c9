// Reads the columns of a row. This store wrote the rows itself, so a wrong type means that the database is damaged.

export type Row = Readonly<Record<string, unknown>>

export function textIn(row: Row, column: string): string {
  const value = row[column]
  if (typeof value !== 'string') throw wrongColumn(column)
  return value
}

export function numberIn(row: Row, column: string): number {
  const value = row[column]
  if (typeof value !== 'number') throw wrongColumn(column)
  return value
}

export function bytesIn(row: Row, column: string): Uint8Array {
  const value = row[column]
  if (!(value instanceof Uint8Array)) throw wrongColumn(column)
  return value
}

/** Reads a column that may be NULL: `orNull(row, 'sealed', bytes)`. */
export function orNull<T>(row: Row, column: string, read: (row: Row, column: string) => T): T | null {
  return row[column] === null ? null : read(row, column)
}

/** Reads a column that has one of the given words. */
export function oneOfColumn<T extends string>(row: Row, column: string, values: readonly T[]): T {
  const value = textIn(row, column)
  const match = values.find((known) => known === value)
  if (match === undefined) throw new Error(`the database has a row whose ${column} is unknown`)
  return match
}

function wrongColumn(column: string): Error {
  return new Error(`the database has a row whose ${column} is of a wrong type`)
}
