// A file of key identifiers, as `--ids FILE` takes it: one a line, or CSV or JSON that names them, such as the file of an
// inventory. It reads every encoding and separator that an inventory may have.

import { csvRecords } from '../../base/records/csv-records.ts'
import { decodeText } from '../../base/records/decode-text.ts'
import { InventoryFileError } from '../../base/records/file-error.ts'
import { jsonRecords } from '../../base/records/json-records.ts'
import { uniqueIdentifierBytesMax } from '../../base/bounds.ts'
import { UsageError } from './world.ts'

const column = /^(id|key ?id|identifier|unique ?identifier)$/i

/** Each identifier once, in order. Throws UsageError. `file` is for errors. */
export async function parseIdentifiers(bytes: Uint8Array, file: string): Promise<readonly string[]> {
  const identifiers = new Set<string>()
  try {
    for await (const identifier of identifiersIn(await textOf(bytes)))
      if (identifier !== '') identifiers.add(identifier)
  } catch (error) {
    if (!(error instanceof InventoryFileError)) throw error
    const place = error.line === null ? file : `${file}, line ${String(error.line)}`
    throw new UsageError(`${place}: ${error.message}`, { cause: error })
  }
  if (identifiers.size === 0) throw new UsageError(`${file} holds no identifiers: ${expected}`)
  for (const identifier of identifiers)
    if (Buffer.byteLength(identifier) > uniqueIdentifierBytesMax)
      throw new UsageError(
        `${file} holds ${identifier.slice(0, 40)}..., which is longer than an identifier may be`,
      )
  return [...identifiers]
}

const expected = 'it should have one a line, or CSV or JSON with a column named id or keyId'

async function textOf(bytes: Uint8Array): Promise<string> {
  const parts: string[] = []
  for await (const part of decodeText(once(bytes))) parts.push(part)
  return parts.join('')
}

async function* identifiersIn(text: string): AsyncGenerator<string> {
  if (/^\s*[[{]/.test(text)) {
    for await (const { fields } of jsonRecords(once(text)))
      for (const [name, value] of Object.entries(fields))
        if (isColumn(name) && typeof value === 'string') yield value
    return
  }
  const lines = text.split(/\r\n|\n|\r/).filter((line) => line.trim() !== '' && !line.startsWith('#'))
  if (lines.some((line) => line.includes('-----BEGIN ')))
    throw new InventoryFileError(null, 'this is a certificate or a key in PEM, and no list of identifiers')
  const head = lines.find((line) => !/^"?sep=.?"?$/i.test(line)) ?? ''
  if (!/[",;\t]/.test(head) && !isColumn(head)) yield* lines.map((line) => line.trim())
  else yield* columnOf(text)
}

/** The column of the identifiers. A list whose first line has separators, and names no column, is taken for CSV. */
async function* columnOf(text: string): AsyncGenerator<string> {
  let at: number | undefined
  for await (const { line, cells } of csvRecords(once(text))) {
    if (at !== undefined) yield (cells[at] ?? '').trim()
    else {
      at = cells.findIndex(isColumn)
      if (at === -1)
        throw new InventoryFileError(line, `none of its columns is that of the identifiers: ${expected}`)
    }
  }
}

function isColumn(name: string): boolean {
  return column.test(name.trim().replaceAll(/[-_]/g, ' '))
}

async function* once<T>(all: T): AsyncGenerator<T> {
  yield await Promise.resolve(all)
}
