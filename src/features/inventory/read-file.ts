// Reads a file that says which machine uses which key, row by row: CSV or JSON, as docs/inventory.md describes it. The file
// is never in memory as a whole.

import { inventoryRecordCharactersMax } from '../../base/bounds.ts'
import { inventoryRowsMax } from './bounds.ts'
import { csvRecords } from '../../base/records/csv-records.ts'
import { decodeText } from '../../base/records/decode-text.ts'
import { InventoryFileError } from '../../base/records/file-error.ts'
import { jsonRecords } from '../../base/records/json-records.ts'
import { columnsOf, fileRow, type FieldColumns, type FileRow } from './rows.ts'

/** Throws InventoryFileError, with the line. */
export async function* readInventoryFile(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<FileRow> {
  const { isJson, text } = await begun(decodeText(bytes))
  let count = 0
  for await (const row of isJson ? jsonRows(text) : csvRows(text)) {
    if (row.row !== null) count++
    if (count > inventoryRowsMax)
      throw new InventoryFileError(
        row.line,
        `up to there are ${String(inventoryRowsMax)} machines and disks with keys, and that is the most`,
        'Import the machines of each vCenter by themselves, each with --vcenter NAME.',
      )
    yield row
  }
}

/** Looks at the first character that is no white space. */
async function begun(text: AsyncGenerator<string>) {
  let start = ''
  while (start.trim() === '' && start.length < inventoryRecordCharactersMax) {
    const { done, value } = await text.next()
    if (done) break
    start += value
  }
  if (start.trim() === '')
    throw new InventoryFileError(null, 'it is empty, or begins with nothing but white space')
  const whole = (async function* () {
    try {
      yield start
      yield* text
    } finally {
      // Also if the caller wants no more than the start.
      await text.return(undefined)
    }
  })()
  return { isJson: /^[[{]/.test(start.trimStart()), text: whole }
}

async function* csvRows(text: AsyncIterable<string>): AsyncGenerator<FileRow> {
  let header: readonly string[] | undefined
  let columns: FieldColumns | undefined
  let places = new Map<string, number>()
  for await (const { line, cells } of csvRecords(text)) {
    if (!header || !columns) {
      header = cells
      columns = columnsOf(cells, line)
      places = new Map(cells.map((name, at) => [name, at]))
      continue
    }
    if (cells.length !== header.length)
      throw new InventoryFileError(
        line,
        `it has ${String(cells.length)} cells, and the first line names ${String(header.length)} columns`,
        'The file may have been cut off, or a name holds a separator and is not in quotes.',
      )
    yield fileRow(columns, (name) => cells[places.get(name) ?? -1], line)
  }
}

async function* jsonRows(text: AsyncIterable<string>): AsyncGenerator<FileRow> {
  for await (const { line, fields } of jsonRecords(text))
    yield fileRow(columnsOf(Object.keys(fields), line), (name) => fields[name], line)
}
