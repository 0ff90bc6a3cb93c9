// People read aligned tables, facts and sentences on standard output. With --json commands print the same data as
// JSON and nothing else. Errors go to standard error (main.ts). Names come from unknown peers, clients and other operators:
// no name starts a second line, turns the reading direction or steers the terminal, neither as text nor as JSON.

import { counted } from '../../../base/text/counted.ts'

/** Control, format and direction characters, lone surrogates, and characters that end a line. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

export function visible(text: string): string {
  return text.replaceAll(unprintable, '\ufffd')
}

/** Our text, with every inserted value passed through `visible`: plain`${name} is removed.\n`. */
export function plain(ours: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  return String.raw({ raw: ours }, ...values.map((value) => visible(String(value))))
}

/** Rows under headings, columns as wide as they need to be. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  return tableInParts(headings)(rows)
}

type Rows = readonly (readonly string[])[]

/** A terminal's width, and the columns that are cut off where a table is wider, by their headings, with the least that stays of each. */
export interface Fit {
  readonly columns: number | undefined
  readonly cut: Readonly<Record<string, number>>
}

/**
 * A table that is written part by part. The headings stand above the first part; a column may grow from part to part. A part that
 * does not fit has the shorter rows.
 */
export function tableInParts(
  headings: readonly string[],
  fit?: Fit,
): (rows: Rows, shorter?: () => Rows) => string {
  let widths = headings.map(() => 0)
  let above = [headings]
  const linesOf = (rows: Rows) =>
    [...above, ...rows].map((cells) => cells.map((cell) => visible(cell === '' ? '-' : cell)))
  return (rows, shorter) => {
    let lines = linesOf(rows)
    let needed = widened(widths, lines)
    if (fit?.columns && shorter && widthOf(needed) > fit.columns) {
      lines = linesOf(shorter())
      needed = shrunk(widened(widths, lines), headings, { ...fit, columns: fit.columns })
    }
    above = []
    widths = needed
    return lines.map((cells) => `${aligned(cells, needed)}\n`).join('')
  }
}

function widened(widths: readonly number[], lines: Rows): number[] {
  return widths.map((width, column) =>
    lines.reduce((widest, cells) => Math.max(widest, cells[column]?.length ?? 0), width),
  )
}

const gap = '  '

function widthOf(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, (widths.length - 1) * gap.length)
}

/** Takes from the widest of the columns that may be cut off, until the table fits or each has its least. */
function shrunk(
  widths: readonly number[],
  headings: readonly string[],
  { columns, cut }: Fit & { readonly columns: number },
): number[] {
  const fitting = [...widths]
  for (let over = widthOf(widths) - columns; over > 0; over--) {
    const left = fitting.map((width, column) => (width > (cut[headings[column] ?? ''] ?? width) ? width : 0))
    const widest = Math.max(...left)
    if (widest === 0) break
    fitting[left.lastIndexOf(widest)] = widest - 1
  }
  return fitting
}

function aligned(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, column) => cutTo(cell, widths[column] ?? 0).padEnd(widths[column] ?? 0))
    .join(gap)
    .trimEnd()
}

/** At most so long, with a mark where it goes on. Half a character is left out. */
function cutTo(text: string, characters: number): string {
  if (text.length <= characters) return text
  return `${text.slice(0, characters - 1).replace(/[\ud800-\udbff]$/, '')}…`
}

/** `label: value`, one a line, values aligned. A value without a label continues the one above. */
export function facts(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(...pairs.map(([label]) => label.length)) + 1
  return pairs
    .map(([label, value]) => `${(label === '' ? '' : `${label}:`).padEnd(width)}  ${visible(value)}\n`)
    .join('')
}

/** Hex digits in pairs, as vCenter and browsers show them. */
export function shownFingerprint(hex: string): string {
  return visible((hex.toUpperCase().match(/../g) ?? []).join(':'))
}

export function jsonText(value: unknown): string {
  return `${plainJson(JSON.stringify(value, null, 2))}\n`
}

/**
 * The same JSON, with escapes for characters that must not reach a terminal: JSON itself escapes only those below a space.
 * These characters occur in strings only, so the value stays the same.
 */
export function plainJson(json: string): string {
  return json.replaceAll(unprintableButLineEnds, (character) =>
    Array.from(character.split(''), (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join(
      '',
    ),
  )
}

const unprintableButLineEnds = new RegExp(`(?!\\n)${unprintable.source}`, unprintable.flags)

/** `127 KiB`, `3.4 MiB`. */
export function sizeText(bytes: number): string {
  if (bytes < 1024 * 1024) return `${Math.ceil(bytes / 1024)} KiB`
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}

/** Longer lists are shown in full with --json only. */
const namedMax = 20

/** `3 are not trusted again:`, and below it the first of them; empty where there are none. */
export function namedList(
  { count, named }: { readonly count: number; readonly named: readonly string[] },
  one: string,
  several: string,
): string {
  if (count === 0) return ''
  const some = named.slice(0, namedMax).map((item) => plain`  ${item}\n`)
  const more = count > some.length ? `  and ${count - some.length} more: see --json\n` : ''
  return `\n${counted(count, one, several)}:\n${some.join('')}${more}`
}

/** The cells of attributes of an object: each has its name, with its number after the first, and its value. */
export function attributeRows(
  attributes: readonly { readonly name: string; readonly index: number; readonly value?: unknown }[],
): string[][] {
  return attributes.map(({ name, index, value }) => [
    index === 0 ? name : `${name}[${index}]`,
    typeof value === 'string' ? value : JSON.stringify(value),
  ])
}
