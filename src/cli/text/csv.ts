// Lines of comma-separated values (RFC 4180), for spreadsheets.

import { visible } from './output.ts'

/** One line with its end. Text that a spreadsheet would run as a formula gets an apostrophe before it. */
export function csvLine(cells: readonly (string | null)[]): string {
  return `${cells.map(cell).join(',')}\r\n`
}

function cell(text: string | null): string {
  if (text === null) return ''
  const safe = visible(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text)
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
