// bench/RESULTS.md: each benchmark has a part of the page, under a heading of its own, and writes only that. Says which
// numbers became worse by more than a tenth.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const file = path.join(import.meta.dirname, 'RESULTS.md')
/** Less is noise of the machine. */
const worseFrom = 1.1

/** `body`: Markdown without headings of the first level. Prints it, and what became worse. */
export function writePart(heading: string, body: string): void {
  const page = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const parts = page.split(/^(?=# )/m)
  const part = `# ${heading}\n\n${body.trim()}\n`
  const place = parts.findIndex((one) => one.startsWith(`# ${heading}\n`))
  const before = place === -1 ? '' : (parts[place] ?? '')
  if (place === -1) parts.push(part)
  else parts[place] = part
  writeFileSync(file, parts.map((one) => `${one.trim()}\n`).join('\n'))
  process.stdout.write(`${part}\n`)
  for (const { row, column, was, is } of worse(before, part))
    process.stdout.write(`WORSE: ${row}, ${column}: ${was} before, ${is} now\n`)
}

interface Cell {
  readonly row: string
  readonly column: string
  readonly value: number
}

function worse(before: string, now: string) {
  const known = new Map(judgedCells(before).map((cell) => [`${cell.row} ${cell.column}`, cell.value]))
  return judgedCells(now).flatMap(({ row, column, value: is }) => {
    const was = known.get(`${row} ${column}`)
    if (was === undefined) return []
    const isWorse = column.startsWith('rate') ? is * worseFrom < was : is > was * worseFrom
    return isWorse ? [{ row, column, was, is }] : []
  })
}

/** The cells of tables whose columns are ratios: in `rate` more is better, in all others less. */
function judgedCells(part: string): readonly Cell[] {
  const cells: Cell[] = []
  let columns: readonly string[] = []
  for (const line of part.split('\n')) {
    if (!line.startsWith('|')) {
      columns = []
      continue
    }
    const [row = '', ...texts] = line
      .split('|')
      .slice(1, -1)
      .map((text) => text.trim())
    if (columns.length === 0) columns = texts
    else
      for (const [index, text] of texts.entries()) {
        const column = columns[index] ?? ''
        const value = Number(text)
        if (column.includes(' / ') && text !== '' && !Number.isNaN(value)) cells.push({ row, column, value })
      }
  }
  return cells
}

export function markdownRow(...cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}
