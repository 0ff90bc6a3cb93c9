// Audit entries as CSV (RFC 4180). A cell that a spreadsheet would take for a formula gets an apostrophe in front.

import type { Output } from '../../../src/program/routes.ts'

type AuditEntry = Output<'listAudit'>['entries'][number]

const columns: Readonly<Record<string, (entry: AuditEntry) => string | number | null>> = {
  at: ({ at }) => at,
  action: ({ action }) => action,
  result: ({ result }) => result,
  reason: ({ reason }) => reason,
  object: ({ object }) => object,
  instance: ({ instanceId }) => instanceId,
  actor: ({ actor }) => actor.kind,
  name: ({ actor }) => actor.name,
  id: ({ actor }) => actor.id,
  certificate: ({ actor }) => actor.certificateSha256,
  address: ({ actor }) => actor.address,
  request: ({ requestId }) => requestId,
  detail: ({ detail }) => detail && JSON.stringify(detail),
  writer: ({ writer }) => writer,
  number: ({ number }) => number,
  hash: ({ hash }) => hash,
}

/**
 * The place before a formula. Where numbers have commas, spreadsheets end cells at semicolons, take these quotes for characters, and
 * so end the line at a line break within them.
 */
const formula = /(^|[;\r\n])(?="*[=+\-@\t\r])/g

/** Without the byte order mark Excel shows umlauts wrongly. */
export const csvHead = `\uFEFF${lineOf(Object.keys(columns))}`

/** The lines of the entries, without the head. */
export function csvOf(entries: readonly AuditEntry[]): string {
  return entries.map((entry) => lineOf(Object.values(columns).map((of) => of(entry)))).join('')
}

function lineOf(cells: readonly (string | number | null)[]): string {
  return `${cells.map(cell).join(',')}\r\n`
}

function cell(value: string | number | null): string {
  const text = value === null ? '' : String(value)
  const safe = text.replaceAll(formula, "$1'")
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
