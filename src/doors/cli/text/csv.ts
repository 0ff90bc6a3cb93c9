// Lines of comma-separated values (RFC 4180), for spreadsheets.

import { visible } from './output.ts'

/** The place before a formula. Where numbers have commas, spreadsheets end cells at semicolons, and take these quotes for characters. */
const formula = /(^|;)(?="*[=+\-@\t\r])/g

/** One line with its end. Text that a spreadsheet would run as a formula gets an apostrophe before it. */
export function csvLine(cells: readonly (string | null)[]): string {
  return `${cells.map(cell).join(',')}\r\n`
}

function cell(text: string | null): string {
  if (text === null) return ''
  const safe = visible(text.replaceAll(formula, "$1'"))
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
