// Cuts text into records of comma-separated values (RFC 4180) as the text arrives. A quoted cell may hold separators, doubled
// quotes and line breaks. The first line decides the separator: a comma, a semicolon (PowerShell and Excel in many countries) or
// a tab.

import { inventoryRecordCharactersMax } from '../bounds.ts'
import { InventoryFileError } from './file-error.ts'

export interface CsvRecord {
  /** The line on which it begins, from 1. */
  readonly line: number
  readonly cells: readonly string[]
}

/** Skips empty lines, PowerShell's `#TYPE` and Excel's `sep=`. Throws InventoryFileError. */
export async function* csvRecords(text: AsyncIterable<string>): AsyncGenerator<CsvRecord> {
  let separator: string | undefined
  for await (const { line, raw } of rawRecords(text)) {
    if (raw.trim() === '' || (separator === undefined && raw.startsWith('#'))) continue
    const declared = /^"?sep=(.)"?$/i.exec(raw)?.[1]
    if (separator === undefined && declared !== undefined) {
      separator = declared
      continue
    }
    separator ??= separatorOf(raw)
    yield { line, cells: cellsOf(raw, separator, line) }
  }
}

interface RawRecord {
  readonly line: number
  readonly raw: string
}

/** Joins the lines of a record, where a quote is open at the end of a line. */
async function* rawRecords(text: AsyncIterable<string>): AsyncGenerator<RawRecord> {
  let [line, begun] = [0, 1]
  let raw = ''
  let open = false
  for await (const one of lines(text)) {
    line++
    if (!open) begun = line
    raw = open ? `${raw}\n${one}` : one
    if (raw.length > inventoryRecordCharactersMax)
      throw new InventoryFileError(
        begun,
        open
          ? 'it opens a quote that is not closed again'
          : `it has more than ${String(inventoryRecordCharactersMax)} characters`,
      )
    open = quotes(one) % 2 === 1 ? !open : open
    if (open) continue
    yield { line: begun, raw }
    raw = ''
  }
  if (open) throw new InventoryFileError(begun, 'it opens a quote that is not closed again')
}

function quotes(text: string): number {
  let count = 0
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) count++
  return count
}

/** Lines without their ends: CRLF, LF or CR. */
async function* lines(text: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = ''
  for await (const part of text) {
    const parts = (rest + part).split(/\r\n|\n|\r(?!$)/)
    rest = parts.pop() ?? ''
    yield* parts
    if (rest.length > inventoryRecordCharactersMax) {
      yield rest
      rest = ''
    }
  }
  if (rest !== '') yield rest.replace(/\r$/, '')
}

const separators = [',', ';', '\t'] as const

/** The separator that occurs most often outside quotes. */
function separatorOf(header: string): string {
  const bare = header.replaceAll(/"[^"]*"/g, '')
  const count = (separator: string) => bare.split(separator).length
  return separators.reduce((most, one) => (count(one) > count(most) ? one : most))
}

function cellsOf(raw: string, separator: string, line: number): readonly string[] {
  const cells: string[] = []
  let at = 0
  for (;;) {
    const { text, end } = raw[at] === '"' ? quoted(raw, at, line) : bare(raw, at, separator)
    cells.push(text)
    if (end >= raw.length) return cells
    if (raw[end] !== separator)
      throw new InventoryFileError(
        line,
        `something stands behind a closing quote: ${raw.slice(end, end + 20)}`,
      )
    at = end + 1
  }
}

interface Cell {
  readonly text: string
  readonly end: number
}

function bare(raw: string, from: number, separator: string): Cell {
  const next = raw.indexOf(separator, from)
  const end = next === -1 ? raw.length : next
  return { text: raw.slice(from, end).trim(), end }
}

function quoted(raw: string, from: number, line: number): Cell {
  let at = from + 1
  for (;;) {
    const quote = raw.indexOf('"', at)
    if (quote === -1) throw new InventoryFileError(line, 'it opens a quote that is not closed again')
    if (raw[quote + 1] !== '"')
      return { text: raw.slice(from + 1, quote).replaceAll('""', '"'), end: quote + 1 }
    at = quote + 2
  }
}
