// PostgreSQL's text holds every character but U+0000, which identifiers and names of KMIP may have. Such texts are written with
// U+0001 before a letter, and so are those that have U+0001 themselves: no two texts become the same one.

export function toText(value: string): string {
  if (!/[\0\u0001]/.test(value)) return value
  return value.replaceAll('\u0001', '\u0001b').replaceAll('\0', '\u0001a')
}

export function fromText(value: string): string {
  if (!value.includes('\u0001')) return value
  return value.replaceAll('\u0001a', '\0').replaceAll('\u0001b', '\u0001')
}
