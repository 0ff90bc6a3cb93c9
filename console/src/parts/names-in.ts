// Names and identifiers that people type or paste into one field.

/** Each once, in their order; commas, semicolons, spaces and lines part them. */
export function namesIn(text: string): string[] {
  return [...new Set(text.split(/[\s,;]+/).filter((word) => word !== ''))]
}

/** Each once, in their order. Names of machines may have spaces and commas. */
export function linesIn(text: string): string[] {
  const lines = text.split('\n').map((line) => line.trim())
  return [...new Set(lines.filter((line) => line !== ''))]
}
