// Names and identifiers that people type or paste into one field.

/** Each once, in their order; commas, semicolons, spaces and lines part them. */
export function namesIn(text: string): string[] {
  return [...new Set(text.split(/[\s,;]+/).filter((word) => word !== ''))]
}
