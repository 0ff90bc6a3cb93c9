// What people read: aligned tables, facts and sentences on standard output. With --json the same data as JSON and nothing
// else. Errors go to standard error (main.ts). Names come from strangers, clients and other operators: none of them makes
// a second line, turns the reading direction or steers the terminal, neither as text nor as JSON.

/** Control, format and direction characters, lone surrogates, and what ends a line. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

export function visible(text: string): string {
  return text.replaceAll(unprintable, '\ufffd')
}

/** A template of ours, in which what is put in is made visible: plain`${name} is removed.\n`. */
export function plain(ours: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  return String.raw({ raw: ours }, ...values.map((value) => visible(String(value))))
}

/** Rows under headings, columns as wide as they need to be. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headings, ...rows].map((cells) => cells.map((cell) => visible(cell === '' ? '-' : cell)))
  const widths = headings.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)))
  return lines
    .map((cells) =>
      cells
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('')
}

/** `label: value`, one a line, values aligned; without a label a value goes on with the one above. */
export function facts(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(...pairs.map(([label]) => label.length)) + 1
  return pairs
    .map(([label, value]) => `${(label === '' ? '' : `${label}:`).padEnd(width)}  ${visible(value)}\n`)
    .join('')
}

/** `2026-03-01 12:00`, UTC; empty for none. */
export function shortTime(iso: string | null): string {
  return iso === null ? '' : iso.slice(0, 16).replace('T', ' ')
}

/** In pairs, as vCenter and browsers show it. */
export function fingerprint(hex: string): string {
  return visible((hex.toUpperCase().match(/../g) ?? []).join(':'))
}

export function jsonText(value: unknown): string {
  return `${plainJson(JSON.stringify(value, null, 2))}\n`
}

/**
 * The same JSON with escapes for what must not reach a terminal as it is: JSON itself escapes only what is below a space.
 * Such characters stand in strings only, so that the value stays the same.
 */
export function plainJson(json: string): string {
  return json.replaceAll(unprintable, (character) =>
    character === '\n'
      ? character
      : Array.from(
          character.split(''),
          (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
        ).join(''),
  )
}
