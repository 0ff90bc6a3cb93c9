// A file of key identifiers, as `--ids FILE` takes it: one a line, or CSV whose first line names the column. Pure.

import { UsageError } from './world.ts'

const column = /^(id|key ?id|identifier|unique ?identifier)$/i

/** Each identifier once, in order. Throws UsageError. `file` is for errors. */
export function parseIdentifiers(text: string, file: string): readonly string[] {
  const lines = text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
  const [head = '', ...rows] = lines
  const at = cellsOf(head).findIndex((cell) => column.test(cell.replaceAll(/[-_]/g, ' ')))
  const found =
    at === -1 ? lines.map((line) => line.trim()) : rows.map((row) => (cellsOf(row)[at] ?? '').trim())
  const identifiers = [...new Set(found.filter((identifier) => identifier !== ''))]
  if (identifiers.length === 0)
    throw new UsageError(
      `${file} holds no identifiers: it should have one a line, or CSV with a column named id`,
    )
  const long = identifiers.find((identifier) => Buffer.byteLength(identifier) > 1024)
  if (long !== undefined)
    throw new UsageError(`${file} holds ${long.slice(0, 40)}..., which is longer than an identifier may be`)
  return identifiers
}

/** RFC 4180: cells in quotes may hold commas, and quotes twice. */
function cellsOf(line: string): readonly string[] {
  const cells: string[] = []
  for (const [, quoted, plain = ''] of line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g))
    cells.push(quoted === undefined ? plain.trim() : quoted.replaceAll('""', '"'))
  return cells
}
