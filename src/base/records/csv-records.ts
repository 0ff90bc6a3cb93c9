// Cuts text into records of comma-separated values (RFC 4180) as it comes. csv-parse reads them; what stands before them is read
// here. The first line says what separates the cells: a comma, a semicolon (PowerShell and Excel in many countries) or a tab.

import { pipeline } from 'node:stream'
import type { CsvError } from 'csv-parse'
import { inventoryRecordCharactersMax } from '../bounds.ts'
import { InventoryFileError } from './file-error.ts'

export interface CsvRecord {
  /** The line that it begins on, from 1. */
  readonly line: number
  readonly cells: readonly string[]
}

/** Lines that are empty, PowerShell's `#TYPE`, and Excel's `sep=` are no records. Throws InventoryFileError. */
export async function* csvRecords(text: AsyncIterable<string>): AsyncGenerator<CsvRecord> {
  const { separator, linesBefore, rest } = await readStart(text)
  // Few commands read CSV, so the others do not load it.
  const { CsvError, parse } = await import('csv-parse')
  let line = linesBefore + 1
  /** The lines of the records that the parser has read and the loop has not taken yet. */
  const begins: number[] = []
  const parser = parse({
    delimiter: separator,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    trim: true,
    max_record_size: inventoryRecordCharactersMax,
    on_record: (cells, { lines }) => {
      const isEmpty = cells.length === 1 && cells[0] === ''
      if (!isEmpty) begins.push(line)
      line = linesBefore + lines + 1
      return isEmpty ? null : cells
    },
  })
  try {
    // The loop throws what the text throws.
    for await (const cells of pipeline(rest, parser, () => {}))
      yield { line: begins.shift() ?? line, cells: cells as readonly string[] }
  } catch (error) {
    throw error instanceof CsvError ? new InventoryFileError(line, troubleOf(error)) : error
  }
}

function troubleOf({ code, quoting }: CsvError): string {
  if (code === 'CSV_INVALID_CLOSING_QUOTE' || code === 'CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE')
    return 'something stands behind a closing quote'
  if (code === 'INVALID_OPENING_QUOTE')
    return 'a quote stands in a cell that is not in quotes: put the cell in quotes, and each quote in it twice'
  return code === 'CSV_QUOTE_NOT_CLOSED' || quoting === true
    ? 'it opens a quote that is not closed again'
    : `it has more than ${String(inventoryRecordCharactersMax)} characters`
}

/** A line before the first record. */
const noRecord = /^(?:[^\S\r\n]*|#.*|"?sep=(?<separator>.)"?)(?:\r\n|\n|\r(?!$))/i
const firstRecord = /^(?:"[^"]*"|[^"\r\n])*(?=\n|\r(?!$))/

/** Reads as much of the text as says what separates the cells. */
async function readStart(text: AsyncIterable<string>) {
  const parts = text[Symbol.asyncIterator]()
  let [start, linesBefore] = ['', 0]
  let separator: string | undefined
  for (let isRead = false; !isRead && separator === undefined;) {
    const { value = '\n', done = false } = await parts.next()
    start += value
    for (let found; separator === undefined && (found = noRecord.exec(start)); linesBefore++) {
      start = start.slice(found[0].length)
      separator = found.groups?.['separator']
    }
    isRead = done || start.length > inventoryRecordCharactersMax || firstRecord.test(start)
  }
  async function* rest() {
    yield start
    yield* { [Symbol.asyncIterator]: () => parts }
  }
  return { separator: separator ?? separatorOf(firstRecord.exec(start)?.[0] ?? start), linesBefore, rest }
}

const separators = [',', ';', '\t'] as const

/** Whatever separates most outside quotes. */
function separatorOf(header: string): string {
  const bare = header.replaceAll(/"[^"]*"/g, '')
  const count = (separator: string) => bare.split(separator).length
  return separators.reduce((most, one) => (count(one) > count(most) ? one : most))
}
